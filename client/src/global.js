// SPDX-License-Identifier: MIT
//
// What <script src="…/socketstream.min.js"> runs: the page's SS, which connects by itself.
//
// Options of createClient() may stand at the script's tag: data-options='{"queue":100}'.

import { createClient } from './index.js';

const { options = '{}' } = (document.currentScript || document.documentElement).dataset;
const SS = createClient({ ...JSON.parse(options), connect: false });
/** @type {any} */ (window).SS = SS;

// Not before the page's own scripts have run: 'connect' would come before the handlers for it.  A
// script that is loaded late may find the first of these events gone by, and even the second.
const moments = ['DOMContentLoaded', 'load'];

function start() {
    for (const moment of moments) {
        removeEventListener(moment, start);
    }
    SS.socket.connect();
}

if (document.readyState === 'complete') {
    start();
} else {
    for (const moment of moments) {
        addEventListener(moment, start);
    }
}
