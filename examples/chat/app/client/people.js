// SPDX-License-Identifier: MIT
//
// Who is online, at the right.

import { $, avatar, element, syncList } from './dom.js';
import { me } from './me.js';
import { open, select } from './talks.js';

const here = new Set();

function personItem(name) {
    const button = element('button', { className: 'item' }, avatar(name), element('span', {}, name));
    if (name === me.name) {
        button.disabled = true;
        button.append(' (you)');
    }
    button.addEventListener('click', () => {
        select(open(name, false));
        $('message').focus();
    });
    return element('li', {}, button);
}

function list() {
    const names = [...here].sort((a, b) => (b === me.name) - (a === me.name) || (a < b ? -1 : 1));
    syncList($('people'), names, personItem);
}

export function listPeople(names) {
    here.clear();
    names.forEach((name) => here.add(name));
    list();
}

SS.events.on('arrived', (name) => {
    if (me.name !== null) {
        here.add(name);
        list();
    }
});
SS.events.on('left', (name) => {
    here.delete(name);
    list();
});
