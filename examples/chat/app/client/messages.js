// SPDX-License-Identifier: MIT
//
// What is said in a conversation.
//
// Messages of a room have numbers in the order in which they were said, and the server keeps the
// last of them: so one that comes by two ways is shown once, and one that was missed is shown at its
// place.  Private messages have neither.

import { avatar, $, element } from './dom.js';
import { ask, me } from './me.js';
import { listTalks, open, showTyping, shown, talks } from './talks.js';

const KEEP = 300; // messages of one conversation
const TYPING_SENT = 2000; // ms between two calls that tell of it
const TYPING_SHOWN = 3500; // ms after such a call

const clock = new Intl.DateTimeFormat([], { hour: '2-digit', minute: '2-digit' });

/* --- showing -------------------------------------------------------------------------------- */

/** Changes a conversation's lines, and keeps its end in sight for who was looking at it. */
function change({ lines }, work) {
    const atEnd = lines.scrollHeight - lines.scrollTop - lines.clientHeight < 40;
    work(lines);
    if (atEnd) {
        lines.scrollTop = lines.scrollHeight;
    }
}

/** A message's line, with its author unless that is who said the line before. */
function lineOf({ from, text, at }, before) {
    const time = clock.format(at);
    const line = element('li', { className: from === me.name ? 'mine' : '' });
    if (before?.from !== from || clock.format(before.at) !== time) {
        line.append(avatar(from), element('b', {}, from), ' ', element('time', {}, time));
    }
    line.append(element('p', {}, text));
    return line;
}

/** Shows all of a conversation anew; the page's own notes go to its end. */
function redraw(talk) {
    change(talk, (lines) => {
        const notes = lines.querySelectorAll('.note');
        const all = talk.messages;
        lines.replaceChildren(...all.map((message, i) => lineOf(message, all[i - 1])), ...notes);
    });
}

/** Adds messages that are not there yet, and says how many those were. */
function add(talk, messages) {
    const known = talk.messages;
    const ids = new Set(known.map(({ id }) => id));
    const fresh = messages.filter(({ id }) => id === undefined || !ids.has(id));
    const last = known.at(-1);
    known.push(...fresh);
    const surplus = known.splice(0, known.length - KEEP);
    if (fresh.length > 1 || surplus.length || last?.id > fresh[0]?.id) {
        known.sort((a, b) => a.id - b.id || a.at - b.at);
        redraw(talk);
    } else if (fresh.length) {
        change(talk, (lines) => lines.append(lineOf(fresh[0], last)));
    }
    return fresh.length;
}

/** A line of the page's own. */
export function note(talk, ...children) {
    const line = element('li', { className: 'note' }, ...children);
    change(talk, (lines) => lines.append(line));
    return line;
}

/* --- hearing -------------------------------------------------------------------------------- */

function hear(talk, message) {
    forget(talk, message.from);
    if (add(talk, [message]) && (talk !== shown.talk || document.hidden)) {
        talk.unread++;
        listTalks();
    }
}

/** Asks for what was said before, or while we were away. */
export async function recall(talk) {
    if (!talk.room) {
        return;
    }
    try {
        add(talk, await ask(SS.server.chat.history, talk.name));
    } catch (error) {
        note(talk, `What was said before is not to be had: ${error.message}`);
    }
}

/** After a connection was lost. */
export async function catchUp() {
    for (const talk of [...talks.values()]) {
        if (talk.room) {
            await recall(talk);
        } else {
            note(talk, 'The connection was interrupted; messages may be missing here.');
        }
    }
}

SS.events.on('message', (message) => {
    if (me.name !== null) {
        hear(open(message.room, true), message);
    }
});
SS.events.on('whisper', (message) => {
    if (me.name !== null) {
        hear(open(message.from, false), message);
    }
});

/* --- saying --------------------------------------------------------------------------------- */

/** Says it, and leaves what could not be said with a button for another try. */
async function say(talk, text) {
    try {
        await ask(talk.room ? SS.server.chat.say : SS.server.chat.tell, talk.name, text);
        // The room's members all hear it from the server; of a private message only the other does.
        if (!talk.room && talk.name !== me.name) {
            add(talk, [{ from: me.name, text, at: Date.now() }]);
        }
    } catch (error) {
        if (talks.get(talk.key) !== talk) {
            return;
        }
        const again = element('button', { className: 'plain' }, 'Send again');
        const line = note(talk, `Not sent: “${text}”: ${error.message} `, again);
        line.classList.add('failed');
        again.addEventListener('click', () => {
            line.remove();
            say(talk, text);
        });
    }
}

$('say').addEventListener('submit', (event) => {
    event.preventDefault();
    const text = $('message').value.trim();
    if (text && shown.talk) {
        $('message').value = '';
        lastTold = 0;
        say(shown.talk, text);
    }
});

/* --- typing --------------------------------------------------------------------------------- */

let lastTold = 0;

// Nothing is lost when one of these is: neither queued, nor logged, nor answered for.
$('message').addEventListener('input', () => {
    const { talk } = shown;
    if (talk && $('message').value && Date.now() - lastTold > TYPING_SENT) {
        lastTold = Date.now();
        const where = talk.room ? { room: talk.name } : { user: talk.name };
        SS.server.chat.typing(where, { silent: true, queue: false }).catch(() => {});
    }
});

function forget(talk, name) {
    clearTimeout(talk.typing.get(name));
    talk.typing.delete(name);
    showTyping();
}

SS.events.on('typing', ({ from, room }) => {
    const talk = talks.get(room === undefined ? `@${from}` : `#${room}`);
    if (talk && from !== me.name) {
        clearTimeout(talk.typing.get(from));
        talk.typing.set(from, setTimeout(forget, TYPING_SHOWN, talk, from));
        showTyping();
    }
});
