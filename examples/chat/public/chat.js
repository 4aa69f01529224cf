// SPDX-License-Identifier: MIT
//
// The chat: conversations at the left, what is said in the middle, people at the right.
//
// The server knows who is signed in and in which rooms; the page only shows it, and asks again
// whenever it may have missed something.  What others wrote becomes text nodes, never markup.

/* global SS */

const NOT_SIGNED_IN = -32001;
const KEEP = 300; // lines of one conversation
const FIRST_ROOM = 'lobby';
const POLL = 5000; // ms between two looks at who is online, and whether we still are

const $ = (id) => document.getElementById(id);
const clock = new Intl.DateTimeFormat([], { hour: '2-digit', minute: '2-digit' });

/** An element with properties and children; strings become text. */
function element(tag, properties, ...children) {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children);
    return made;
}

/** A person's initial in a colour of the name's own. */
function avatar(name) {
    const hue = [...name].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)) % 360, 7);
    const made = element('i', { className: 'avatar' }, [...name][0] ?? '?');
    made.ariaHidden = 'true';
    made.style.setProperty('--hue', hue);
    return made;
}

/** Makes the items of a list those of `keys`; the ones that stay are left alone, focus and all. */
function syncList(list, keys, make) {
    const items = new Map([...list.children].map((item) => [item.dataset.key, item]));
    for (const [key, item] of items) {
        if (!keys.includes(key)) {
            item.remove();
        }
    }
    let next = list.firstElementChild;
    for (const key of keys) {
        const item = items.get(key) ?? make(key);
        item.dataset.key = key;
        if (item === next) {
            next = next.nextElementSibling;
        } else {
            list.insertBefore(item, next);
        }
    }
}

/* --- who I am ------------------------------------------------------------------------------- */

let me = null;
let moves = 0; // into rooms and out of them

/** Calls an action of the chat; whoever turns out to be signed out is shown the door. */
async function ask(action, ...args) {
    try {
        return await SS.server.chat[action](...args);
    } catch (error) {
        if (error.code === NOT_SIGNED_IN) {
            show(null);
        }
        throw error;
    }
}

/** Shows the chat of `name`, or the form for signing in. */
function show(name) {
    if (name === me && $('chat').hidden !== $('sign-in').hidden) {
        return;
    }
    me = name;
    $('chat').hidden = $('account').hidden = me === null;
    $('sign-in').hidden = me !== null;
    $('me').textContent = me;
    for (const talk of [...talks.values()]) {
        drop(talk);
    }
    $(me === null ? 'name' : 'message').focus();
}

/** Brings the page up to what the server knows. */
async function refresh() {
    try {
        show(await ask('me'));
        if (me === null) {
            return;
        }
        const before = moves;
        const rooms = await ask('rooms');
        if (moves !== before) {
            return; // into or out of a room meanwhile, of which this answer may not know
        }
        if (!rooms.length) {
            await ask('join', FIRST_ROOM);
            rooms.push(FIRST_ROOM);
        }
        for (const talk of [...talks.values()]) {
            if (talk.room && !rooms.includes(talk.name)) {
                drop(talk);
            }
        }
        rooms.forEach((room) => open(room, true));
        if (!current) {
            select(open(rooms[0], true));
        }
        listPeople(await ask('online'));
    } catch (error) {
        later(error);
    }
}

/** The server is away, or has sent us off already: the next refresh will tell. */
function later(error) {
    if (error.data?.retryable) {
        setTimeout(refresh, 1000);
    } else if (error.code !== NOT_SIGNED_IN) {
        console.error(error);
    }
}

/** Runs what a form or button asks for, and tells at `where` why it failed. */
async function attempt(where, work) {
    where.textContent = '';
    try {
        await work();
        return true;
    } catch (error) {
        where.textContent = error.message;
        return false;
    }
}

$('sign-in').addEventListener('submit', async (event) => {
    event.preventDefault();
    if (await attempt($('sign-in-error'), () => ask('signIn', $('name').value.trim()))) {
        await refresh();
    }
});

$('sign-out').addEventListener('click', async () => {
    await attempt($('sign-in-error'), () => ask('signOut'));
    await refresh();
});

/* --- conversations -------------------------------------------------------------------------- */

/** Rooms and people, by a key that tells the two apart. */
const talks = new Map();
let current = null;

/** The conversation in a room, or with a person; made when there is none yet. */
function open(name, room) {
    const key = `${room ? '#' : '@'}${name}`;
    if (!talks.has(key)) {
        const lines = element('ol', { hidden: true });
        lines.role = 'log';
        $('talks').append(lines);
        talks.set(key, { key, name, room, lines, unread: 0, draft: '', last: null });
        listTalks();
    }
    return talks.get(key);
}

function drop(talk) {
    talks.delete(talk.key);
    talk.lines.remove();
    if (talk === current) {
        current = null;
        $('message').value = '';
        const [other] = talks.values();
        if (other) {
            select(other);
        }
    }
    listTalks();
}

function select(talk) {
    if (current) {
        current.draft = $('message').value;
        current.lines.hidden = true;
    }
    current = talk;
    talk.unread = 0;
    talk.lines.hidden = false;
    talk.lines.scrollTop = talk.lines.scrollHeight;
    $('talk').textContent = talk.key;
    $('leave').textContent = talk.room ? 'Leave' : 'Close';
    $('message').value = talk.draft;
    $('message').placeholder = `Message ${talk.key}`;
    $('message').ariaLabel = `message to ${talk.key}`;
    listTalks();
}

function talkItem(key) {
    const button = element('button', { className: 'item' }, element('span', {}, key), element('b'));
    button.addEventListener('click', () => {
        select(talks.get(key));
        $('message').focus();
    });
    return element('li', {}, button);
}

function listTalks() {
    const keys = [...talks.keys()];
    syncList($('rooms'), keys.filter((key) => talks.get(key).room), talkItem);
    syncList($('private'), keys.filter((key) => !talks.get(key).room), talkItem);
    let unread = 0;
    for (const item of document.querySelectorAll('nav li')) {
        const talk = talks.get(item.dataset.key);
        const button = item.firstElementChild;
        button.ariaCurrent = String(talk === current);
        button.lastElementChild.textContent = talk.unread || '';
        button.lastElementChild.ariaLabel = talk.unread ? `${talk.unread} unread` : null;
        unread += talk.unread;
    }
    const title = SS.config.title ?? 'SocketStream';
    document.title = unread ? `(${unread}) ${title}` : title;
}

$('join').addEventListener('submit', async (event) => {
    event.preventDefault();
    const room = $('room').value.trim();
    $('room').setCustomValidity('');
    try {
        await ask('join', room);
        moves++;
        $('room').value = '';
        select(open(room, true));
        $('message').focus();
    } catch (error) {
        $('room').setCustomValidity(error.message);
        $('room').reportValidity();
    }
});
$('room').addEventListener('input', () => $('room').setCustomValidity(''));

$('leave').addEventListener('click', async () => {
    const talk = current;
    try {
        if (talk.room) {
            await ask('leave', talk.name);
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
    if (me === null) {
        return;
    }
    const step = event.altKey && { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (step) {
        const all = [...document.querySelectorAll('nav li')].map(({ dataset }) => dataset.key);
        const at = all.indexOf(current?.key) + step + all.length;
        select(talks.get(all[at % all.length]));
        event.preventDefault();
    }
    if (step || event.key === 'Escape') {
        $('message').focus();
    }
});

/* --- what is said --------------------------------------------------------------------------- */

/** Adds a line to a conversation, and keeps its end in sight for who was looking at it. */
function append(talk, line) {
    const { lines } = talk;
    const atEnd = lines.scrollHeight - lines.scrollTop - lines.clientHeight < 40;
    lines.append(line);
    while (lines.childElementCount > KEEP) {
        lines.firstElementChild.remove();
    }
    if (atEnd) {
        lines.scrollTop = lines.scrollHeight;
    }
    return line;
}

function said(talk, from, text) {
    const now = clock.format();
    const followsOn = talk.last?.from === from && talk.last.now === now;
    talk.last = { from, now };
    const line = element('li', { className: from === me ? 'mine' : '' });
    if (!followsOn) {
        line.append(avatar(from), element('b', {}, from), ' ', element('time', {}, now));
    }
    line.append(element('p', {}, text));
    if (talk !== current || document.hidden) {
        talk.unread++;
        listTalks();
    }
    return append(talk, line);
}

/** A line of the page's own. */
function note(talk, ...children) {
    talk.last = null;
    return append(talk, element('li', { className: 'note' }, ...children));
}

/** Says it, and leaves what could not be said with a button for another try. */
async function say(talk, text) {
    try {
        await ask(talk.room ? 'say' : 'tell', talk.name, text);
        // The room's members all hear it from the server; of a private message only the other does.
        if (!talk.room && talk.name !== me) {
            said(talk, me, text);
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
    if (text && current) {
        $('message').value = '';
        say(current, text);
    }
});

SS.events.on('message', ({ room, from, text }) => {
    if (me !== null) {
        said(open(room, true), from, text);
    }
});
SS.events.on('whisper', ({ from, text }) => {
    if (me !== null) {
        said(open(from, false), from, text);
    }
});

/* --- people --------------------------------------------------------------------------------- */

function personItem(name) {
    const button = element('button', { className: 'item' }, avatar(name), element('span', {}, name));
    if (name === me) {
        button.disabled = true;
        button.append(' (you)');
    }
    button.addEventListener('click', () => {
        select(open(name, false));
        $('message').focus();
    });
    return element('li', {}, button);
}

function listPeople(names) {
    syncList($('people'), names.sort((a, b) => (b === me) - (a === me) || (a < b ? -1 : 1)), personItem);
}

function look() {
    if (me !== null && !document.hidden && SS.socket.connected) {
        refresh();
    }
}
setInterval(look, POLL);
document.addEventListener('visibilitychange', () => {
    if (current && !document.hidden) {
        current.unread = 0;
        listTalks();
    }
    look();
});

/* --- the connection ------------------------------------------------------------------------- */

/** Messages are not kept for those who are away. */
function tellOfGap() {
    for (const talk of talks.values()) {
        note(talk, 'The connection was interrupted; messages may be missing here.');
    }
}

SS.socket.on('connect', () => {
    tellOfGap();
    refresh();
});
SS.socket.on('resync', () => {
    tellOfGap();
    refresh();
});
