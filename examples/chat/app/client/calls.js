// SPDX-License-Identifier: MIT
//
// The page's last lines: calls of actions in JavaScript and in C, each as its field changes.

import { $, element } from './dom.js';

function show(id, text, failed = false) {
    $(id).textContent = text;
    $(id).classList.toggle('failed', failed);
}

/** Shows what an action answers and when, or why it did not. */
async function call(id, action, ...args) {
    const start = performance.now();
    try {
        show(id, JSON.stringify(await action(...args)));
        show(`${id}-time`, `${(performance.now() - start).toFixed(1)} ms`);
    } catch (error) {
        show(id, `${error.message} (${error.code})`, true);
    }
}

function square() {
    const number = Number($('number').value);
    $('api-js').href = `/api/app/square?${number}`;
    $('api').href = `/api/native/square?${number}`;
    call('square-js', SS.server.app.square, number);
    call('square', SS.server.native.square, number);
    call('both', SS.server.both.square, number);
}

function echo() {
    call('echo', SS.server.native.echo, $('text').value);
}

function slow() {
    const item = element('i', {}, 'waiting');
    const result = (text) => (item.textContent = text);
    $('start').after(item);
    SS.server.native.slow(Number($('delay').value)).then(
        (ms) => result(`${ms} ms`),
        (error) => result(error.message),
    );
}

export function callAll() {
    square();
    echo();
}

$('number').addEventListener('input', square);
$('text').addEventListener('input', echo);
$('start').addEventListener('click', slow);
