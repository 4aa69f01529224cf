// SPDX-License-Identifier: MIT
//
// Where the page begins: it shows the state of the connection, and asks anew for all it shows
// whenever there is one, since events are not kept for who is away.

import { refresh } from './chat.js';
import { callAll } from './calls.js';
import { $ } from './dom.js';
import { catchUp } from './messages.js';

function setState(state) {
    $('state').textContent = $('state').dataset.state = state;
}

async function comeBack() {
    await refresh();
    await catchUp();
}

SS.socket.on('connect', () => {
    setState('connected');
    $('about').textContent = `SocketStream ${SS.version}, ${SS.env}`;
    callAll();
    comeBack();
});
SS.socket.on('resync', comeBack);
SS.socket.on('disconnect', () => setState('disconnected'));
SS.socket.on('reconnecting', () => setState('reconnecting'));
