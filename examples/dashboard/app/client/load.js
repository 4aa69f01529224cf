// SPDX-License-Identifier: MIT
//
// Calls from this page, so that there is something to see.

const PERIOD = 50; // ms

const rate = document.getElementById('rate');
const shown = document.getElementById('rate-shown');
let due = 0;

rate.addEventListener('input', () => {
    shown.value = `${rate.value} calls/s`;
});

setInterval(() => {
    due += (rate.value * PERIOD) / 1000;
    for (; due >= 1; due--) {
        SS.server.status.ping({ silent: true, queue: false }).catch(() => {});
    }
}, PERIOD);
