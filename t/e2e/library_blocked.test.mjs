// SPDX-License-Identifier: MIT
//
// The browser library in Chromium where something in between cuts off WebSockets: it goes on by
// event stream and POST, and nothing is lost or doubled.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { running, until } from '../lib/stack.mjs';
import { skip, startLibrary } from './library.mjs';

const COUNT = 1000;
const upTo = (/** @type {number} */ n) => Array.from({ length: n }, (_, i) => i);

/** @type {Awaited<ReturnType<typeof startLibrary>>} */
let library;
/** @type {import('playwright-core').Page} */
let page;

before(async () => {
    if (skip) {
        return;
    }
    library = await startLibrary({ 'empty.html': '<!doctype html><title>t</title>' });
    library.relay.blockWebSockets(true);
    page = await library.browser.newPage();
    await page.goto(library.url);
});
after(() => library?.stop());

/** Makes calls in the page, publishes events meanwhile, and gives what came of both. */
async function exchange() {
    await page.evaluate(() => {
        const page = /** @type {any} */ (window);
        page.events = [];
        page.states = [];
        page.SS.events.off('n');
        page.SS.events.on('n', (/** @type {number} */ n) => page.events.push(n));
        for (const name of ['connect', 'disconnect']) {
            page.SS.socket.off(name);
            page.SS.socket.on(name, () => page.states.push(name));
        }
    });
    const before = library.counted().length;
    const calls = page.evaluate(async (count) => {
        const { SS } = /** @type {any} */ (window);
        const results = [];
        for (let n = 0; n < count; n += 20) {
            const some = Array.from({ length: 20 }, (_, i) => SS.server.library.count(n + i));
            results.push(...await Promise.all(some));
        }
        return results;
    }, COUNT);
    for (const n of upTo(COUNT)) {
        await library.redis.command('PUBLISH', 'ss:broadcast', JSON.stringify({ event: 'n', params: n }));
    }
    const results = await calls;
    await page.waitForFunction((count) => /** @type {any} */ (window).events.at(-1) === count - 1, COUNT);
    const { events, states } = await page.evaluate(() => {
        const { events, states } = /** @type {any} */ (window);
        return { events, states };
    });
    return { results, events, states, ran: library.counted().slice(before) };
}

const PERFECT = { results: upTo(COUNT).map((n) => n * n), events: upTo(COUNT), states: [], ran: upTo(COUNT) };

test('WebSockets are blocked: it finds another way by itself', { skip }, async () => {
    await page.waitForFunction(() => /** @type {any} */ (window).SS.socket.transport === 'sse', null, { timeout: 30000 });
    assert.equal(await page.evaluate(() => /** @type {any} */ (window).SS.server.library.count(5)), 25);
    await page.waitForFunction(() => sessionStorage.getItem('socketstream.transport') === 'sse');
});

test('1,000 calls and 1,000 events by the other way: each once, in their order', { skip }, async () => {
    assert.deepEqual(await exchange(), PERFECT);
});

test('a reload of nginx meanwhile costs nothing', { skip }, async () => {
    const old = await library.stack.reload();
    assert.deepEqual(await exchange(), PERFECT);
    assert.ok(await until(() => !old.some(running), 10000));
});

test('the next page of the session takes the other way at once', { skip }, async () => {
    library.relay.blockWebSockets(false);
    await page.goto(library.url);
    await page.waitForFunction(() => /** @type {any} */ (window).SS.socket.connected);
    assert.equal(await page.evaluate(() => /** @type {any} */ (window).SS.socket.transport), 'sse');
});

test("the page's URL chooses", { skip }, async () => {
    await page.goto(`${library.url}?transport=websocket`);
    await page.waitForFunction(() => /** @type {any} */ (window).SS.socket.connected);
    assert.equal(await page.evaluate(() => /** @type {any} */ (window).SS.socket.transport), 'websocket');
});

test('a page of another origin goes the same way, with its cookie', { skip }, async () => {
    const other = await library.browser.newPage();
    await other.goto(`${library.url}empty.html`);
    await other.evaluate((url) => new Promise((resolve) => {
        const script = document.createElement('script');
        script.dataset.options = JSON.stringify({ url, transport: 'sse' });
        script.src = '/socketstream.min.js';
        script.onload = resolve;
        document.head.append(script);
    }), `ws://127.0.0.1:${library.stack.port}/elsewhere`);
    assert.equal(await other.evaluate(() => /** @type {any} */ (window).SS.server.library.count(7)), 49);
    assert.equal(await other.evaluate(() => /** @type {any} */ (window).SS.socket.transport), 'sse');
    assert.deepEqual((await other.context().cookies()).map(({ name }) => name), ['ss_session']);
    await other.close();
});
