// SPDX-License-Identifier: MIT
//
// Conversations: the rooms I am in and the people I talk to, at the left; one of them is open.

import { $, element, syncList } from './dom.js';

/** By a key that tells rooms from people. */
export const talks = new Map();
export const shown = { talk: null };

/** The conversation in a room, or with a person; made when there is none yet. */
export function open(name, room) {
    const key = `${room ? '#' : '@'}${name}`;
    if (!talks.has(key)) {
        const lines = element('ol', { hidden: true });
        lines.role = 'log';
        $('talks').append(lines);
        talks.set(key, { key, name, room, lines, messages: [], unread: 0, draft: '', typing: new Map() });
        listTalks();
    }
    return talks.get(key);
}

export function drop(talk) {
    talks.delete(talk.key);
    talk.lines.remove();
    if (talk === shown.talk) {
        shown.talk = null;
        $('message').value = '';
        const [other] = talks.values();
        if (other) {
            select(other);
        }
    }
    listTalks();
}

export function select(talk) {
    if (shown.talk) {
        shown.talk.draft = $('message').value;
        shown.talk.lines.hidden = true;
    }
    shown.talk = talk;
    talk.unread = 0;
    talk.lines.hidden = false;
    talk.lines.scrollTop = talk.lines.scrollHeight;
    $('talk').textContent = talk.key;
    $('leave').textContent = talk.room ? 'Leave' : 'Close';
    $('message').value = talk.draft;
    $('message').placeholder = `Message ${talk.key}`;
    $('message').ariaLabel = `message to ${talk.key}`;
    listTalks();
    showTyping();
}

function talkItem(key) {
    const button = element('button', { className: 'item' }, element('span', {}, key), element('b'));
    button.addEventListener('click', () => {
        select(talks.get(key));
        $('message').focus();
    });
    return element('li', {}, button);
}

export function listTalks() {
    const keys = [...talks.keys()];
    syncList($('rooms'), keys.filter((key) => talks.get(key).room), talkItem);
    syncList($('private'), keys.filter((key) => !talks.get(key).room), talkItem);
    let unread = 0;
    for (const item of document.querySelectorAll('nav li')) {
        const talk = talks.get(item.dataset.key);
        const button = item.firstElementChild;
        button.ariaCurrent = String(talk === shown.talk);
        button.lastElementChild.textContent = talk.unread || '';
        button.lastElementChild.ariaLabel = talk.unread ? `${talk.unread} unread` : null;
        unread += talk.unread;
    }
    const title = SS.config.title ?? 'SocketStream';
    document.title = unread ? `(${unread}) ${title}` : title;
}

/** Says who is writing in the open conversation. */
export function showTyping() {
    const names = [...(shown.talk?.typing.keys() ?? [])];
    const who = names.length > 2 ? `${names.length} people` : names.join(' and ');
    $('typing').textContent = names.length ? `${who} ${names.length === 1 ? 'is' : 'are'} typing …` : '';
}

/** Alt with the arrows goes through the conversations. */
export function step(by) {
    const all = [...document.querySelectorAll('nav li')].map(({ dataset }) => dataset.key);
    const at = all.indexOf(shown.talk?.key) + by + all.length;
    select(talks.get(all[at % all.length]));
}

document.addEventListener('visibilitychange', () => {
    if (shown.talk && !document.hidden) {
        shown.talk.unread = 0;
        listTalks();
    }
});
