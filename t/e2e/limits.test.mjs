// SPDX-License-Identifier: MIT
//
// The limiter and the browser check, as `socketstream start` makes them of the configuration: one
// application, with two workers.

import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { WebSocket } from 'ws';
import { CLEAN, copyNative, runCommand, startApp, until } from './app.mjs';

const PAGE = '<!doctype html>\n<title>Too old</title>\n';
const OLD = 'Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 6.1)';

/** @type {Awaited<ReturnType<typeof startApp>>} */
let app;

before(async () => {
    const dir = copyNative();
    mkdirSync(path.join(dir, 'static/incompatible_browsers'), { recursive: true });
    writeFileSync(path.join(dir, 'static/incompatible_browsers/index.html'), PAGE);
    writeFileSync(path.join(dir, 'config/app.json'), JSON.stringify({
        nginx: { workers: 2 },
        limiter: { enabled: true, websockets: { rps: 1, burst: 10 } },
        browser_check: { rules: [{ allow: 'MSIE 7' }, { refuse: 'Robot "\\d"; \\$' }, "it's {1,2}"] },
    }));
    app = await startApp({ dir });
});
after(async () => {
    assert.deepEqual(await app.stop(), CLEAN);
});

/** A client with a cookie jar of its own. @param {string} [cookie] */
async function connect(cookie) {
    const socket = new WebSocket(app.socketUrl, 'socketstream', { headers: cookie ? { cookie } : {} });
    /** @type {Map<number, (answer: any) => void>} */
    const waiting = new Map();
    let id = 0;
    let own = cookie;
    socket.on('upgrade', ({ headers }) => {
        own ??= headers['set-cookie']?.[0].split(';')[0];
    });
    socket.on('message', (data) => {
        const message = JSON.parse(String(data));
        waiting.get(message.id)?.(message);
    });
    await new Promise((resolve, reject) => socket.on('open', resolve).on('error', reject));
    return {
        socket,
        cookie: () => own,
        /** @param {number} n @returns {Promise<any>} */
        square: (n) => new Promise((resolve) => {
            waiting.set(++id, resolve);
            socket.send(JSON.stringify({ jsonrpc: '2.0', id, method: 'native.square', params: [n] }));
        }),
    };
}

/** @param {Awaited<ReturnType<typeof connect>>} client @param {number} n */
const flood = (client, n) => Promise.all(Array.from({ length: n }, () => client.square(3)));
const warnings = () => app.log('error').split('\n').filter((line) => line.includes('socketstream_rate'));
const refused = (/** @type {any[]} */ answers) => answers.filter((answer) => answer.error);

describe('the limiter', () => {
    it('refuses who calls too fast, says when to come again, and keeps its word', async () => {
        const client = await connect();
        const answers = await flood(client, 30);
        const errors = refused(answers);
        assert.ok(errors.length >= 5, `${errors.length} of 30`);
        assert.ok(answers.length - errors.length >= 10, 'the burst passes');
        for (const { error } of errors) {
            assert.equal(error.code, -32002);
            assert.ok(error.data.retry_after_ms > 0 && error.data.retry_after_ms <= 1011, JSON.stringify(error));
        }
        const wait = (await client.square(3)).error?.data.retry_after_ms ?? 0;
        await new Promise((resolve) => setTimeout(resolve, wait));
        assert.equal((await client.square(4)).result, 16);
        assert.equal(await until(() => warnings().length), 1, 'logged once');
        assert.match(warnings()[0], /\[warn\].* client 127\.0\.0\.1 calls faster than socketstream_rate allows its (connection|session)/);
        client.socket.close();
    });

    it('counts a session, whichever of its connections calls, and nobody else', async () => {
        const first = await connect();
        const second = await connect(first.cookie());
        const [a, b] = await Promise.all([flood(first, 12), flood(second, 12)]);
        const passed = 24 - refused([...a, ...b]).length;
        assert.ok(passed < 20, `${passed} passed, and two sessions may have 20`);
        const other = await connect();
        assert.deepEqual(refused(await flood(other, 5)), []);
        for (const { socket } of [first, second, other]) socket.close();
    });

    it('is told by the status page', async () => {
        const status = await (await fetch(`${app.url}socketstream/status`)).json();
        assert.ok(status.calls_limited_total >= 5);
        assert.equal(status.requests_limited_total, 0);
    });
});

/** @param {string} agent @param {string} [where] */
const get = (agent, where = '') => fetch(app.url + where, { headers: { 'User-Agent': agent } });

describe('the browser check', () => {
    it('gives pages to browsers that run them, by the rules of the application first', async () => {
        for (const [agent, status] of /** @type {[string, number][]} */ ([
            ['Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0', 200], [OLD, 403],
            ['Mozilla/4.0 (compatible; MSIE 7.0)', 200], ['curl/8.5.0', 200], ['Robot "7"; $', 403],
            ['Robot "x"; $', 200], ["it's_", 200], ["it's  x", 403],
        ])) {
            assert.equal((await get(agent)).status, status, agent);
        }
    });

    it('gives the others static/incompatible_browsers/index.html, and all that is no page', async () => {
        const page = await get(OLD, 'some/where');
        assert.equal(await page.text(), PAGE);
        assert.equal(page.headers.get('vary'), 'User-Agent');
        assert.equal(page.headers.get('cache-control'), 'no-store');
        assert.equal((await get(OLD, 'assets/socketstream.min.js')).status, 200);
        assert.equal(await (await get(OLD, 'api/native/square?5')).text(), '25');
    });

    it('names the pattern that is none before anything starts', async () => {
        const { code, stderr } = await runCommand(['start', '--app', app.dir], {
            env: { SS__browser_check__rules: '[{"refuse":"MSIE [1-"}]' },
        });
        assert.equal(code, 1);
        assert.match(stderr, /SS__browser_check__rules: browser_check\.rules\[0\]: "MSIE \[1-" is no pattern: .*, at offset 8/);
    });
});
