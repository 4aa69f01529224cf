// SPDX-License-Identifier: MIT
//
// The chat: signing in and out, into rooms and out of them, and asking the server how things are.

import { $ } from './dom.js';
import { ask, become, isSignedOut, me, onChange } from './me.js';
import { note, recall } from './messages.js';
import { listPeople } from './people.js';
import { drop, open, select, shown, step, talks } from './talks.js';

const FIRST_ROOM = 'lobby';
const POLL = 5000; // ms between two looks at who is online, and whether we still are
const AGAIN = 1000; // ms, when the server is away

const server = SS.server;
let moves = 0; // into rooms and out of them

/** Shows the chat, or the form for signing in. */
function showMe() {
    $('chat').hidden = $('account').hidden = me.name === null;
    $('sign-in').hidden = me.name !== null;
    $('me').textContent = me.name;
    for (const talk of [...talks.values()]) {
        drop(talk);
    }
    $(me.name === null ? 'name' : 'message').focus();
}
onChange(showMe);

/** Brings the page up to what the server knows. */
export async function refresh() {
    try {
        const name = await ask(server.people.me);
        become(name);
        if (name === null) {
            $('sign-in').hidden || showMe();
            $('sign-in').hidden = false;
            return;
        }
        await refreshRooms();
        listPeople(await ask(server.people.online));
    } catch (error) {
        later(error);
    }
}

async function refreshRooms() {
    const before = moves;
    const rooms = await ask(server.chat.rooms);
    if (moves !== before) {
        return; // into or out of a room meanwhile, of which this answer may not know
    }
    if (!rooms.length) {
        await ask(server.chat.join, FIRST_ROOM);
        rooms.push(FIRST_ROOM);
    }
    for (const talk of [...talks.values()]) {
        if (talk.room && !rooms.includes(talk.name)) {
            drop(talk);
        }
    }
    const fresh = rooms.filter((room) => !talks.has(`#${room}`)).map((room) => open(room, true));
    if (!shown.talk) {
        select(open(rooms[0], true));
    }
    await Promise.all(fresh.map(recall));
}

/** The server is away, or has sent us off already: the next refresh will tell. */
function later(error) {
    if (error.data?.retryable) {
        setTimeout(refresh, AGAIN);
    } else if (!isSignedOut(error)) {
        console.error(error);
    }
}

/** Runs what the form or its button asks for, and tells why it failed. */
async function attempt(work) {
    $('sign-in-error').textContent = '';
    try {
        await work();
    } catch (error) {
        $('sign-in-error').textContent = error.message;
        return;
    }
    await refresh();
}

$('sign-in').addEventListener('submit', (event) => {
    event.preventDefault();
    attempt(() => ask(server.people.signIn, $('name').value.trim()));
});
$('sign-out').addEventListener('click', () => attempt(() => ask(server.people.signOut)));

$('join').addEventListener('submit', async (event) => {
    event.preventDefault();
    const room = $('room').value.trim();
    $('room').setCustomValidity('');
    try {
        await ask(server.chat.join, room);
        moves++;
        $('room').value = '';
        const talk = open(room, true);
        select(talk);
        $('message').focus();
        await recall(talk);
    } catch (error) {
        $('room').setCustomValidity(error.message);
        $('room').reportValidity();
    }
});
$('room').addEventListener('input', () => $('room').setCustomValidity(''));

$('leave').addEventListener('click', async () => {
    const { talk } = shown;
    try {
        if (talk.room) {
            await ask(server.chat.leave, talk.name);
            moves++;
        }
        drop(talk);
        await refresh();
        $('message').focus();
    } catch (error) {
        note(talk, error.message);
    }
});

// Alt with the arrows goes through the conversations, Escape back to writing.
document.addEventListener('keydown', (event) => {
    if (me.name === null) {
        return;
    }
    const by = event.altKey && { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (by) {
        step(by);
        event.preventDefault();
    }
    if (by || event.key === 'Escape') {
        $('message').focus();
    }
});

function look() {
    if (me.name !== null && !document.hidden && SS.socket.connected) {
        refresh();
    }
}
setInterval(look, POLL);
document.addEventListener('visibilitychange', look);
