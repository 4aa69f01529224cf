// SPDX-License-Identifier: MIT
//
// The fallback: events down, POST up, where there are no WebSockets.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventParser } from '../../client/src/sse.js';
import { connect, settled } from './client.mjs';
import { serveStreams } from './stream_server.mjs';
import { until } from './server.mjs';

/** @param {any} [options] */
async function connected(options) {
    const server = await serveStreams();
    const all = connect(server.url, { transport: 'sse', ...options });
    await until(() => all.states[0] === 'connect');
    return { ...all, server, stream: server.streams[0] };
}

const params = (/** @type {any} */ server) => server.received.map((/** @type {any} */ message) => message.params[0]);
const upTo = (/** @type {number} */ n) => Array.from({ length: n }, (_, i) => i);

test('a stream of events comes apart wherever it is cut', () => {
    const text = 'event: open\ndata: {"secret":"x"}\n\n: ping\n\ndata: {"a":"ü"}\n\ndata:2\n\n';
    const expected = [['open', '{"secret":"x"}'], [undefined, '{"a":"ü"}'], [undefined, '2']];
    for (let size = 1; size <= text.length; size++) {
        /** @type {any[]} */
        const seen = [];
        const take = eventParser((event, data) => seen.push([event, data]));
        for (let i = 0; i < text.length; i += size) {
            take(text.slice(i, i + size));
        }
        assert.deepEqual(seen, expected, `pieces of ${size}`);
    }
});

test('what a user writes ends no event and begins none', async () => {
    const { SS, server, stream, states } = await connected();
    /** @type {string[]} */
    const told = [];
    SS.events.on('say', (text) => told.push(text));
    const texts = ['\u2028', '\u2029', '\u2028event: close\u2028', '\u2028event: open\u2028', '\u2028data: 1', '\u0085'];
    for (const text of texts) {
        server.send(stream, { method: 'event', params: ['say', text] });
    }
    server.send(stream, { method: 'event', params: ['say', 'end'] });
    await until(() => told.at(-1) === 'end');
    assert.deepEqual(told, [...texts, 'end']);
    assert.deepEqual(states, ['connect']);
});

test('what waits goes up in POSTs of 64 KiB, whatever its letters', async () => {
    const { actions, server } = await connected();
    let longest = 0;
    server.decide((length) => {
        longest = Math.max(longest, length);
        return 'take';
    });
    server.answerWith((to, { id }) => server.send(to, { id, result: true }));
    await Promise.all(upTo(100).map(() => actions.app.slow('€'.repeat(900))));
    assert.ok(longest > 40000 && longest <= 65536, `${longest} bytes`);
});

test('a stream that lives while its POST gets no answer is replaced in the end', async (t) => {
    const { actions, server, states } = await connected();
    const real = globalThis.setTimeout;
    t.mock.method(globalThis, 'setTimeout', (/** @type {any} */ fn, /** @type {number} */ ms, /** @type {any[]} */ ...args) =>
        real(fn, ms === 60000 ? 100 : ms, ...args));
    server.decide(() => 'swallow');
    const lost = assert.rejects(actions.app.square(1), { code: -32003 });
    const again = actions.app.square(2, { idempotent: true });
    await until(() => states.includes('disconnect'));
    await lost;
    server.decide(() => 'take');
    assert.equal(await again, 4);
});

test('calls go up, answers and events come down, in order', async () => {
    const { SS, actions, server, stream } = await connected();
    assert.equal(SS.socket.transport, 'sse');
    /** @type {number[]} */
    const events = [];
    SS.events.on('n', (n) => events.push(n));
    const results = await Promise.all(upTo(500).map((n) => actions.app.square(n)));
    for (const n of upTo(500)) {
        server.send(stream, { method: 'event', params: ['n', n] });
    }
    await until(() => events.length === 500);
    assert.deepEqual(results, upTo(500).map((n) => n ** 2));
    assert.deepEqual(params(server), upTo(500));
    assert.deepEqual(events, upTo(500));
    assert.ok(server.posts.length < 100, `${server.posts.length} POSTs`); // what waits goes up together
});

for (const [name, fate] of [
    ['was refused', 'refuse'],
    ['never arrived', 'cut before'],
    ['arrived, without that being known', 'cut behind'],
]) {
    test(`a POST that ${name} is sent again, and nothing is lost or doubled`, async () => {
        const { actions, server, states } = await connected();
        server.decide(() => (server.posts.length % 2 ? 'take' : fate));
        const calls = upTo(3).map((n) => actions.app.square(n));
        assert.deepEqual(await Promise.all(calls), [0, 1, 4]);
        assert.deepEqual(params(server), [0, 1, 2]);
        assert.ok(server.posts.some(({ status }) => status === (fate === 'refuse' ? 503 : fate === 'cut before' ? 0 : 204)));
        assert.deepEqual(states, ['connect']);
    });
}

test('a stream that the server does not know any more is replaced', async () => {
    const { actions, server, states } = await connected();
    server.decide(() => 'take');
    server.streams[0].closed = true; // for the server
    await assert.rejects(actions.app.square(1), { code: -32003, data: { retryable: true } });
    assert.equal(await actions.app.square(2), 4);
    assert.deepEqual(states, ['connect', 'disconnect', 'reconnecting', 'connect']);
});

test('a stream that ends is replaced, and its last words say why', async () => {
    const { stream, states, details } = await connected();
    stream.response.end('event: close\ndata: {"code":1012,"reason":"reload"}\n\n');
    await until(() => states.length === 4);
    assert.deepEqual(details[1], { code: 1012, reason: 'reload', final: false });
    assert.equal(states[3], 'connect');
});

test('system.goaway: the next stream opens first, and nobody notices', async () => {
    const { SS, actions, server, stream, states } = await connected();
    /** @type {number[]} */
    const events = [];
    SS.events.on('n', (n) => events.push(n));
    server.send(stream, { method: 'system.goaway', params: { reason: 'reload' } });
    server.send(stream, { method: 'event', params: ['n', 1] });
    await until(() => server.streams.length === 2);
    server.send(server.streams[1], { method: 'event', params: ['n', 2] });
    server.send(stream, { method: 'event', params: ['n', 2] });
    await until(() => stream.closed);
    server.send(server.streams[1], { method: 'event', params: ['n', 3] });
    await until(() => events.length === 3);
    assert.deepEqual(events, [1, 2, 3]);
    assert.equal(await actions.app.square(2), 4);
    assert.deepEqual(states, ['connect']);
});

test("the server's heartbeats are signs of life", async () => {
    const server = await serveStreams();
    server.answerWith(() => {});
    const { SS, states } = connect(server.url, { transport: 'sse' });
    await until(() => states[0] === 'connect');
    server.send(server.streams[0], { method: 'system.init', params: { config: { heartbeat_interval: 0.2 } } });
    const timer = setInterval(() => server.streams[0].response.write(': ping\n\n'), 50);
    try {
        await new Promise((resolve) => setTimeout(resolve, 700));
    } finally {
        clearInterval(timer);
    }
    assert.deepEqual(states, ['connect']);
    assert.equal(SS.socket.connected, true);
});

test('disconnect() ends the stream', async () => {
    const { SS, stream } = await connected();
    SS.socket.disconnect();
    await until(() => stream.closed);
});

test('without a WebSocket in the platform it is used from the start', async (t) => {
    const page = /** @type {any} */ (globalThis);
    const { WebSocket } = page;
    page.WebSocket = undefined;
    t.after(() => (page.WebSocket = WebSocket));
    const server = await serveStreams();
    const { SS, actions } = connect(server.url, { WebSocket: undefined });
    assert.equal(await actions.app.square(3), 9);
    assert.equal(SS.socket.transport, 'sse');
});

test('a WebSocket that fails twice gives way, is tried once more, and then remembered as blocked', async (t) => {
    /** @type {Map<string, string>} */
    const stored = new Map();
    const page = /** @type {any} */ (globalThis);
    const own = Object.getOwnPropertyDescriptor(page, 'sessionStorage');
    const sessionStorage = {
        getItem: (/** @type {string} */ key) => stored.get(key) ?? null,
        setItem: (/** @type {string} */ key, /** @type {string} */ value) => stored.set(key, value),
    };
    Object.defineProperty(page, 'sessionStorage', { configurable: true, value: sessionStorage });
    t.after(() => (own ? Object.defineProperty(page, 'sessionStorage', own) : delete page.sessionStorage));

    const server = await serveStreams();
    const first = connect(server.url);
    assert.equal(await first.actions.app.square(3), 9);
    await until(() => stored.size === 1);
    assert.equal(server.upgrades(), 3);
    assert.equal(first.SS.socket.transport, 'sse');
    await settled();
    assert.deepEqual([server.upgrades(), server.streams.length], [3, 1]);

    const second = connect(server.url); // another page of the session
    assert.equal(await second.actions.app.square(4), 16);
    assert.equal(server.upgrades(), 3);
});

test('a server that was only away is used by WebSocket when it is back, without a gap', async () => {
    const server = await serveStreams();
    const { SS, actions, states } = connect(server.url);
    await until(() => server.upgrades() === 2);
    server.accept.webSocket = true;
    const calls = upTo(20).map((n) => actions.app.square(n));
    await until(() => SS.socket.transport === 'websocket');
    assert.deepEqual(await Promise.all(calls), upTo(20).map((n) => n ** 2));
    assert.deepEqual(params(server), upTo(20));
    assert.deepEqual(states, ['reconnecting', 'reconnecting', 'connect']);
});

test('once a WebSocket was open the fallback is not tried', async () => {
    const server = await serveStreams({ webSocket: true });
    const { SS, states } = connect(server.url, { random: () => 0 });
    await until(() => states[0] === 'connect');
    server.accept.webSocket = false;
    SS.socket.disconnect();
    SS.socket.connect();
    await until(() => server.upgrades() > 5);
    assert.equal(server.streams.length, 0);
});

test("the page's URL chooses the transport", async (t) => {
    const page = /** @type {any} */ (globalThis);
    page.location = { search: '?a=1&transport=sse', protocol: 'http:' };
    t.after(() => delete page.location);
    const server = await serveStreams({ webSocket: true });
    const { SS, states } = connect(server.url);
    await until(() => states[0] === 'connect');
    assert.equal(SS.socket.transport, 'sse');
});
