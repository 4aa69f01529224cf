// SPDX-License-Identifier: MIT
//
// The dashboard: asks for the samples so far, hears each further one, and shows what the totals in
// them grew by.

import { createChart } from './charts.js';

const SHOWN = 180; // samples
const GROUPS = ['nginx', 'sidecar', 'hosts', 'redis'];
const MIB = 1 << 20;

const $ = (id) => document.getElementById(id);

/** By what a total grew in a second; a process that was started again begins at 0. */
const growth = (now, before, seconds) =>
    (now === null || before === null ? null : Math.max(0, now - before) / seconds);

/** What two samples say of the time between them: all that is drawn, by name. */
function between(before, now) {
    const seconds = (now.at - before.at) / 1000;
    const row = {
        at: now.at / 1000,
        clients: now.clients,
        calls: growth(now.calls, before.calls, seconds),
        messages: growth(now.messages, before.messages, seconds),
    };
    for (const group of GROUPS) {
        row[`${group} %`] = 100 * growth(now.cpu[group], before.cpu[group], seconds);
        row[`${group} MiB`] = now.memory[group] / MIB;
    }
    return row;
}

const charts = [
    createChart($('charts'), 'Calls a second', ['calls']),
    createChart($('charts'), 'Clients', ['clients']),
    createChart($('charts'), 'CPU, % of a core', GROUPS, ' %', 1),
    createChart($('charts'), 'Memory, MiB', GROUPS, ' MiB', 1),
];

let rows = [];
let last = null;

function add(sample) {
    if (last && sample.at > last.at) {
        rows.push(between(last, sample));
        rows = rows.slice(-SHOWN);
    }
    last = sample;
}

const sum = (row, unit) => GROUPS.reduce((all, group) => all + row[`${group} ${unit}`], 0);
const figure = (value, digits = 0) => (value === null ? '–' : value.toFixed(digits));

function show() {
    const row = rows.at(-1);
    if (row) {
        $('clients').textContent = figure(row.clients);
        $('calls').textContent = figure(row.calls);
        $('messages').textContent = figure(row.messages);
        $('cpu').textContent = figure(sum(row, '%'), 1);
        $('memory').textContent = figure(sum(row, 'MiB'));
    }
    charts.forEach((chart) => chart.draw(rows));
}

/** What the server has kept takes the place of what we have. */
async function watch() {
    const samples = await SS.server.status.watch({ retry: true });
    rows = [];
    last = null;
    samples.forEach(add);
    show();
}

SS.events.on('sample', (sample) => {
    add(sample);
    show();
});
SS.socket.on('connect', watch);
SS.socket.on('resync', watch);
SS.socket.on('state', (state) => {
    $('state').textContent = $('state').dataset.state = state;
});

// Dark or light: what the system says, until the button does.
const dark = matchMedia('(prefers-color-scheme: dark)');
$('theme').addEventListener('click', () => {
    const { dataset } = document.documentElement;
    const isDark = dataset.theme ? dataset.theme === 'dark' : dark.matches;
    dataset.theme = isDark ? 'light' : 'dark';
    charts.forEach((chart) => chart.recolour());
});
dark.addEventListener('change', () => charts.forEach((chart) => chart.recolour()));
