// SPDX-License-Identifier: MIT
//
// The browser library in Chromium through all that happens to connections: 10,000 calls and 10,000
// events, none lost that the rules say must not be, none twice, in their order.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { running, sleep, until } from '../lib/stack.mjs';
import { skip, startLibrary } from './library.mjs';

const CALLS = 10000;
const EVENTS = 10000;

/** @typedef {Awaited<ReturnType<typeof startLibrary>>} Library */
/** @type {Library} */
let library;
/** @type {import('playwright-core').Page} */
let page;
let published = 0;
/** @type {ReturnType<typeof setInterval>} */
let publisher;

/** In the page: notes what SS tells, in `log`, and makes calls, whose ends are in `outcomes`. */
function instrument() {
    const page = /** @type {any} */ (window);
    const { SS } = page;
    page.log = [];
    page.outcomes = [];
    page.made = 0;
    SS.events.on('n', (/** @type {number} */ n) => page.log.push(['event', n]));
    for (const name of ['connect', 'disconnect', 'resync']) {
        SS.socket.on(name, (/** @type {any} */ detail) => page.log.push([name, detail]));
    }
    page.makeCalls = (/** @type {number} */ total, /** @type {number} */ each, /** @type {number} */ ms) => {
        const timer = setInterval(() => {
            for (let i = 0; i < each && page.made < total; i++) {
                const n = page.made++;
                // Each third must not be lost, whatever it takes; the others may fail, but not run twice.
                SS.server.library.count(n, n % 3 ? { timeout: 40000 } : { retry: 12 }).then(
                    (/** @type {number} */ result) => page.outcomes.push([n, result]),
                    (/** @type {any} */ error) => page.outcomes.push([n, error.message, error.code, error.data]),
                );
            }
            if (page.made === total) clearInterval(timer);
        }, ms);
    };
}

/** Waits until the page's log satisfies `check`. @param {(log: any[], from: number) => any} check @param {number} from
 *  @param {number} [ms] */
const logged = (check, from, ms = 20000) => page.waitForFunction(
    ([text, start]) => new Function(`return (${text})(window.log, ${start})`)(),
    [String(check), from],
    { timeout: ms, polling: 20 },
);
const logLength = () => page.evaluate(() => /** @type {any} */ (window).log.length);
const connectedSince = (/** @type {any[]} */ log, /** @type {number} */ from) =>
    log.slice(from).some(([name]) => name === 'connect');
const eventsSince = (/** @type {any[]} */ log, /** @type {number} */ from) =>
    log.slice(from).some(([name]) => name === 'event');

/** @param {number} from @param {string} name @returns {Promise<any[]>} details */
const told = async (from, name) => (await page.evaluate((start) => /** @type {any} */ (window).log.slice(start), from))
    .filter((/** @type {any[]} */ [one]) => one === name).map((/** @type {any[]} */ [, detail]) => detail);

before(async () => {
    if (skip) {
        return;
    }
    library = await startLibrary();
    page = await library.browser.newPage();
    await page.goto(library.url);
    await page.evaluate(instrument);
    await page.waitForFunction(() => /** @type {any} */ (window).SS.socket.connected);
    await page.evaluate(([total]) => /** @type {any} */ (window).makeCalls(total, 20, 50), [CALLS]);
    publisher = setInterval(() => {
        for (let i = 0; i < 10 && published < EVENTS; i++) {
            library.redis.command('PUBLISH', 'ss:broadcast', JSON.stringify({ event: 'n', params: published++ }));
        }
    }, 25);
});
after(async () => {
    clearInterval(publisher);
    await library?.stop();
});

test('the sidecar is killed: the connection stands, and resync says what may be missing', { skip }, async () => {
    const from = await logLength();
    await library.stack.killSidecar();
    await library.stack.startSidecar();
    await logged((log, start) => log.slice(start).some(([name]) => name === 'resync'), from);
    assert.deepEqual(await told(from, 'disconnect'), []);
});

test('nginx is reloaded: nobody notices', { skip }, async () => {
    await sleep(300);
    const from = await logLength();
    const old = await library.stack.reload();
    assert.ok(await until(() => !old.some(running), 10000));
    await logged(eventsSince, await logLength());
    const log = await page.evaluate((start) => /** @type {any} */ (window).log.slice(start), from);
    assert.deepEqual(log.filter((/** @type {any[]} */ [name]) => name !== 'event'), []);
    const numbers = log.map((/** @type {any[]} */ [, n]) => n);
    assert.deepEqual(numbers, numbers.map((/** @type {number} */ _, /** @type {number} */ i) => numbers[0] + i));
});

test('the network is cut without a word: noticed by silence, and left behind', { skip }, async () => {
    const from = await logLength();
    library.relay.cut();
    await logged((log, start) => log.slice(start).some(([name]) => name === 'disconnect'), from);
    library.relay.mend();
    await logged(connectedSince, from);
    assert.deepEqual(await told(from, 'disconnect'), [
        { code: 1006, reason: 'the server is silent', final: false },
    ]);
});

test('nginx is stopped for 5 s: what was asked meanwhile waits', { skip }, async () => {
    const from = await logLength();
    await library.stack.stopNginx();
    await logged((log, start) => log.slice(start).some(([name]) => name === 'disconnect'), from);
    const waiting = page.evaluate(() => /** @type {any} */ (window).SS.server.library.count(1000000));
    await sleep(5000);
    await library.stack.startNginx();
    await logged(connectedSince, from);
    assert.equal(await waiting, 1e12);
    assert.equal((await told(from, 'disconnect')).length, 1);
});

test('the laptop sleeps and its connection dies: both are noticed when it wakes', { skip }, async () => {
    await sleep(300);
    const devtools = await page.context().newCDPSession(page);
    const from = await logLength();
    await devtools.send('Page.setWebLifecycleState', { state: 'frozen' });
    library.relay.cut();
    await sleep(6000);
    library.relay.mend();
    const woken = Date.now();
    await devtools.send('Page.setWebLifecycleState', { state: 'active' });
    await logged(connectedSince, from);
    const took = Date.now() - woken;
    assert.ok(took < 6000, `${took} ms`);
});

test('all calls ended, those that may not be lost well, none ran twice, and in their order', { skip }, async () => {
    await page.waitForFunction(
        (total) => /** @type {any} */ (window).outcomes.length === total,
        CALLS,
        { timeout: 60000 },
    );
    /** @type {any[][]} */
    const outcomes = await page.evaluate(() => /** @type {any} */ (window).outcomes);
    assert.equal(new Set(outcomes.map(([n]) => n)).size, CALLS);
    const failed = outcomes.filter(([n, result]) => result !== n * n);
    assert.deepEqual(failed.filter(([n]) => n % 3 === 0), [], 'lost, though they may be repeated');
    assert.deepEqual(failed.filter(([, , code, data]) => code !== -32003 || !data?.retryable), []);
    assert.ok(failed.length < CALLS / 4, `${failed.length} failed`);

    const ran = library.counted().filter((n) => n < CALLS);
    const once = ran.filter((n) => n % 3);
    assert.equal(new Set(once).size, once.length, 'one ran twice');
    const done = new Set(ran);
    assert.deepEqual(outcomes.filter(([n, result]) => result === n * n && !done.has(n)), []);
    const disordered = once.filter((n, i) => i && n < once[i - 1]);
    assert.deepEqual(disordered, [], 'overtaken by later ones');
});

test('events: none twice, in their order, and none missing without that being said', { skip }, async () => {
    assert.ok(await until(() => published === EVENTS, 30000));
    await logged((log) => log.some(([name, n]) => name === 'event' && n === 9999), 0);
    /** @type {any[][]} */
    const log = await page.evaluate(() => /** @type {any} */ (window).log);
    let last = -1;
    let told = true; // the first may have been published before the page was there
    let missing = 0;
    for (const [name, n] of log) {
        if (name === 'event') {
            assert.ok(n > last, `${n} after ${last}`);
            assert.ok(n === last + 1 || told, `${last + 1} to ${n - 1} are missing`);
            missing += n - last - 1;
            last = n;
            told = false;
        } else if (name !== 'disconnect') {
            told = true;
        }
    }
    assert.equal(last, EVENTS - 1);
    assert.ok(missing < EVENTS * 0.9, `${missing} missing`);
});
