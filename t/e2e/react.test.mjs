// SPDX-License-Identifier: MIT
//
// socketstream-client/react with React itself, StrictMode on, in Chromium.

import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { build as bundle } from 'esbuild';
import { build, root } from '../lib/stack.mjs';
import { skip, startLibrary } from './library.mjs';

const APP = `
import { createElement as h, StrictMode, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { useCall, useConnection, useEvent } from 'socketstream-client/react';

function Square({ n }) {
    const { data, error, loading, refetch } = useCall(SS.server.library.count, [n]);
    return h('p', null, h('output', { id: 'square' }, loading ? '…' : error ? error.message : data),
        h('button', { id: 'refetch', onClick: refetch }, 'again'));
}

function Missing() {
    const { error } = useCall(SS.server.library.missing);
    return h('output', { id: 'missing' }, error ? error.code : '');
}

function Heard({ suffix }) {
    const [list, setList] = useState([]);
    useEvent('n', (n) => setList((old) => [...old, n + suffix]));
    return h('output', { id: 'heard' }, list.join(' '));
}

function App() {
    const [n, setN] = useState(2);
    const [shown, setShown] = useState(true);
    return h('main', null, h('output', { id: 'state' }, useConnection()),
        h('button', { id: 'next', onClick: () => setN(n + 1) }, 'next'),
        h('button', { id: 'hide', onClick: () => setShown(false) }, 'hide'),
        shown && h(Square, { n }), shown && h(Heard, { suffix: String.fromCharCode(95 + n) }), h(Missing));
}

createRoot(document.getElementById('root')).render(h(StrictMode, null, h(App)));
`;

/** @type {Awaited<ReturnType<typeof startLibrary>>} */
let library;
/** @type {import('playwright-core').Page} */
let page;
/** @type {string[]} */
const complaints = [];

before(async () => {
    if (skip) {
        return;
    }
    const { outputFiles } = await bundle({
        stdin: { contents: APP, resolveDir: root },
        alias: { 'socketstream-client/react': path.join(build, 'client/react.mjs') },
        nodePaths: [path.join(root, 'node_modules')],
        define: { 'process.env.NODE_ENV': '"development"' },
        bundle: true,
        write: false,
    });
    const html = '<!doctype html><title>t</title><div id="root"></div>'
        + '<script src="/socketstream.min.js"></script><script src="/app.js"></script>';
    library = await startLibrary({ 'index.html': html, 'app.js': outputFiles[0].text });
    page = await library.browser.newPage();
    page.on('pageerror', (error) => complaints.push(String(error)));
    page.on('console', (message) => {
        // What the browser itself says of files and connections is not React's.
        if (['error', 'warning'].includes(message.type())
            && !/^(?:Failed to load resource|WebSocket connection to)/.test(message.text())) {
            complaints.push(message.text());
        }
    });
    await page.goto(library.url);
});
after(() => library?.stop());

/** @param {string} id @param {string} text */
const shows = (id, text) => page.waitForFunction(
    ([where, what]) => document.getElementById(where)?.textContent === what,
    [id, text],
    { timeout: 30000 },
);
const publish = (/** @type {any} */ n) =>
    library.redis.command('PUBLISH', 'ss:broadcast', JSON.stringify({ event: 'n', params: n }));

test('useConnection shows the state', { skip }, async () => {
    await shows('state', 'connected');
});

test('useCall shows the result, of one call', { skip }, async () => {
    await shows('square', '4');
    assert.deepEqual(library.counted(), [2]);
});

test('useCall calls again when an argument changes, and when asked to', { skip }, async () => {
    await page.click('#next');
    await shows('square', '9');
    await page.click('#refetch');
    await page.waitForFunction(() => document.getElementById('square')?.textContent === '9');
    for (const end = Date.now() + 5000; library.counted().length < 3 && Date.now() < end;) {
        await page.waitForTimeout(10);
    }
    assert.deepEqual(library.counted(), [2, 3, 3]);
});

test('useCall shows an error', { skip }, async () => {
    await shows('missing', '-32601');
});

test("useEvent calls the last render's handler, once for each event", { skip }, async () => {
    await publish(1);
    await publish(2);
    await shows('heard', '1b 2b');
    await page.click('#next');
    await shows('square', '16');
    await publish(3);
    await shows('heard', '1b 2b 3c');
});

test('after a lost connection useCall asks anew, and useConnection follows', { skip }, async () => {
    const before = library.counted().length;
    await library.stack.stopNginx();
    await shows('state', 'reconnecting');
    await library.stack.startNginx();
    await page.evaluate(() => dispatchEvent(new Event('online')));
    await shows('state', 'connected');
    await shows('square', '16');
    for (const end = Date.now() + 5000; library.counted().length < before + 1 && Date.now() < end;) {
        await page.waitForTimeout(10);
    }
    assert.deepEqual(library.counted().slice(before), [4]);
});

test('what is unmounted is heard of no more, and React has nothing to complain about', { skip }, async () => {
    await page.click('#hide');
    await page.waitForFunction(() => !document.getElementById('heard'));
    assert.equal(await page.evaluate(() => /** @type {any} */ (window).SS.events.emit('n', 1)), false);
    assert.deepEqual(complaints, []);
});
