// SPDX-License-Identifier: MIT
//
// Only in pages of development: shows what is wrong with the application's files, above the page,
// until it is right again; and with the browser library's own part for development loads what has
// been packed anew.
//
// Everything is built by hand in a shadow root, so that neither the page's styles nor its
// Content-Security-Policy get in the way.

import { develop } from '../../client/src/develop.js';

/** @typedef {{file: string, line: number, column: number, message: string, frame: string}} Problem */

const STYLE = `
:host { all: initial; }
[role=alertdialog] {
    position: fixed; inset: auto 0 0 0; z-index: 2147483647; max-height: 80vh; overflow: auto;
    box-sizing: border-box; padding: 16px 20px; background: #1d1f27; color: #f2f2f5;
    border-top: 4px solid #ff5c6c; font: 14px/1.5 system-ui, sans-serif;
    box-shadow: 0 -8px 32px rgb(0 0 0 / .35);
}
[role=alertdialog]:focus { outline: none; }
header { display: flex; gap: 16px; align-items: baseline; justify-content: space-between; }
h2 { margin: 0; font-size: 16px; color: #ff8d98; }
button { font: inherit; color: inherit; background: #343744; border: 1px solid #565a6e;
    border-radius: 6px; padding: 2px 10px; cursor: pointer; }
button:focus-visible { outline: 2px solid #7ab7ff; }
ul { margin: 8px 0 0; padding: 0; list-style: none; }
li { padding: 8px 0; }
li + li { border-top: 1px solid #343744; }
code, pre { font: 13px/1.45 ui-monospace, monospace; }
code { color: #7ab7ff; }
p { margin: 2px 0; white-space: pre-wrap; overflow-wrap: anywhere; }
pre { margin: 6px 0 0; padding: 8px 10px; overflow-x: auto; background: #12141a; border-radius: 6px; }
`;

/** @type {Record<string, Problem[]>} by who found them */
const found = {};
/** @type {Record<string, Problem>} by the action that threw; new code may not any more */
let thrown = {};
/** @type {HTMLElement | null} */
let host = null;

/** @param {string} name @param {string} [text] @param {Node[]} [children] */
function element(name, text = '', children = []) {
    const made = document.createElement(name);
    made.textContent = text;
    made.append(...children);
    return made;
}

function hide() {
    host?.remove();
    host = null;
    removeEventListener('keydown', onKey, true);
}

/** @param {KeyboardEvent} event */
function onKey(event) {
    if (event.key === 'Escape') {
        event.stopPropagation();
        hide();
    }
}

/** @param {Problem} problem */
function item({ file, line, column, message, frame }) {
    const place = file && [file, line, column].filter(Boolean).join(':');
    return element('li', '', [
        ...(place ? [element('code', place)] : []),
        element('p', message),
        ...(frame ? [element('pre', frame)] : []),
    ]);
}

function show() {
    const all = [...Object.values(found).flat(), ...Object.values(thrown)];
    hide();
    if (!all.length) {
        return;
    }
    const button = element('button', 'Hide (Esc)');
    button.addEventListener('click', hide);
    const title = element('h2', all.length === 1 ? 'There is a mistake' : `There are ${all.length} mistakes`);
    title.id = 'title';
    const dialog = element('div', '', [
        element('header', '', [title, button]),
        element('ul', '', all.map(item)),
    ]);
    dialog.setAttribute('role', 'alertdialog');
    dialog.setAttribute('aria-labelledby', 'title');
    dialog.tabIndex = -1;

    host = element('socketstream-problems');
    const root = host.attachShadow({ mode: 'open' });
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLE);
    root.adoptedStyleSheets = [sheet];
    root.append(dialog);
    document.documentElement.append(host);
    addEventListener('keydown', onKey, true);
}

/**
 * Whether the page has what was packed last.  One that was on its way while something was packed has
 * not, and did not hear of it either.
 */
async function isNew() {
    const answer = await fetch(new URL('manifest.json', own), { cache: 'no-store' });
    /** @type {{file: string}[]} */
    const files = Object.values((await answer.json()).files);
    const named = [...document.querySelectorAll('script[src], link[rel=stylesheet]')]
        .map((tag) => tag.getAttribute('src') ?? tag.getAttribute('href'));
    return files.every(({ file }) => named.includes(new URL(file, own).pathname));
}

/** @type {any} */
const { SS } = window;
/** Beside it are the other assets. */
const own = /** @type {HTMLScriptElement} */ (document.currentScript).src;

develop(SS);
SS.socket.on('connect', async () => {
    if (!await isNew()) {
        location.reload();
    }
});
SS.socket.on('init', () => {
    thrown = {};
    show();
});
SS.socket.on('exception', (/** @type {{name: string, stack: string, problem?: Problem}} */ { name, stack, problem }) => {
    const [message] = stack.split('\n');
    thrown[name] = { ...problem ?? { file: '', line: 0, column: 0, frame: stack }, message: `${name}: ${message}` };
    show();
});
SS.socket.on('problems', (/** @type {{source: string, problems: Problem[]}} */ { source, problems }) => {
    found[source] = problems;
    show();
});
