// SPDX-License-Identifier: MIT
//
// The page's last lines: calls of the actions of native.c, each as its field changes, and the state
// of the connection.

/* global SS */

const $ = (id) => document.getElementById(id);

function show(id, text, failed = false) {
    $(id).textContent = text;
    $(id).classList.toggle('failed', failed);
}

/** Shows what an action answers and when, or why it did not. */
async function call(id, action, ...args) {
    const start = performance.now();
    try {
        show(id, JSON.stringify(await action(...args)));
        show(`${id}-time`, `answered in ${(performance.now() - start).toFixed(1)} ms`);
    } catch (error) {
        show(id, `${error.message} (${error.code})`, true);
    }
}

function square() {
    const number = Number($('number').value);
    $('api').href = $('api').textContent = `/api/native/square?${number}`;
    call('square', SS.server.native.square, number);
}

function echo() {
    call('echo', SS.server.native.echo, $('text').value);
}

function slow() {
    const item = document.createElement('i');
    const result = (text) => (item.textContent = text);
    result('waiting');
    $('start').after(item);
    SS.server.native.slow(Number($('delay').value)).then(
        (ms) => result(`${ms} ms`),
        (error) => result(error.message),
    );
}

function setState(state) {
    $('state').textContent = $('state').dataset.state = state;
}

SS.socket.on('connect', () => {
    setState('connected');
    show('about', `SocketStream ${SS.version}, ${SS.env}`);
    square();
    echo();
});
SS.socket.on('disconnect', () => setState('disconnected'));
SS.socket.on('reconnecting', () => setState('reconnecting'));

$('number').addEventListener('input', square);
$('text').addEventListener('input', echo);
$('start').addEventListener('click', slow);
