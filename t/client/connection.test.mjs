// SPDX-License-Identifier: MIT
//
// Losing the connection, noticing it, and coming back.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect, serve, settled, Socket } from './client.mjs';
import { answer, notify, until } from './server.mjs';

const fast = { config: { heartbeat_interval: 0.1 } };

/** A connected client. @param {any} [options] of the client @param {any} [init] what the server says */
async function connected(options, init) {
    const server = await serve(/** @type {any} */ ({ init }));
    const all = connect(server.url, options);
    await until(() => all.states[0] === 'connect');
    return { ...all, server };
}

for (const code of [1002, 1003, 1007, 1008]) {
    test(`after ${code} it does not come back, and says so`, async () => {
        const { SS, actions, server, states, details } = await connected();
        server.answerWith((_, socket) => socket.close(code, 'why'));
        await assert.rejects(actions.app.square(1), { code: -32003 });
        await settled();
        assert.deepEqual(states, ['connect', 'disconnect']);
        assert.deepEqual(details[1], { code, reason: 'why', final: true });
        assert.equal(SS.socket.state, 'disconnected');
        await assert.rejects(actions.app.square(1), { message: 'Disconnected: why' });
        assert.equal(server.sockets.length, 1);
    });
}

for (const code of [1000, 1001, 1009, 1011, 1012, 1013]) {
    test(`after ${code} it comes back`, async () => {
        const { server, states, details } = await connected();
        server.sockets[0].close(code, 'why');
        await until(() => states.length === 4);
        assert.deepEqual(states, ['connect', 'disconnect', 'reconnecting', 'connect']);
        assert.deepEqual(details[1], { code, reason: 'why', final: false });
    });
}

test('the state follows the connection', async () => {
    const server = await serve();
    const { SS } = connect(server.url, { connect: false });
    /** @type {string[]} */
    const told = [];
    SS.socket.on('state', (state) => told.push(state));
    assert.equal(SS.socket.state, 'disconnected');
    SS.socket.connect();
    assert.equal(SS.socket.state, 'connecting');
    await until(() => SS.socket.connected);
    assert.equal(SS.socket.transport, 'websocket');
    server.sockets[0].terminate();
    await until(() => told.length === 5);
    SS.socket.disconnect();
    assert.deepEqual(told, ['connecting', 'connected', 'reconnecting', 'reconnecting', 'connected', 'disconnected']);
    assert.equal(SS.socket.transport, null);
});

test('a server that is silent is asked, and one that answers is kept', async () => {
    const { server, states } = await connected({}, fast);
    server.answerWith((call, socket) => answer(socket, { id: call.id, result: true }));
    await until(() => server.received.length >= 3);
    assert.deepEqual(server.received[0], { jsonrpc: '2.0', id: -1, method: 'system.ping', silent: true });
    assert.deepEqual(states, ['connect']);
});

test('a server that speaks is not asked', async () => {
    const { server } = await connected({}, fast);
    for (let i = 0; i < 20; i++) {
        notify(server.sockets[0], 'event', ['tick', i]);
        await new Promise((resolve) => setTimeout(resolve, 20));
    }
    assert.ok(server.received.length <= 1, `${server.received.length} pings`); // a slow machine may be late once
});

test('a socket that is dead without having been closed is noticed, and replaced', async () => {
    const { actions, server, states, details } = await connected({}, fast);
    assert.equal(await actions.app.square(2), 4);
    server.answerWith(() => {}); // nothing comes any more
    await until(() => states.includes('disconnect'));
    assert.deepEqual(details[1], { code: 1006, reason: 'the server is silent', final: false });
    server.answerWith((message, socket) => answer(socket, { id: message.id, result: true }));
    await until(() => states.at(-1) === 'connect');
});

test('a socket that only waits for its last answers is noticed when it is dead, too', async () => {
    const { actions, server, states } = await connected({}, fast);
    let dead = false;
    server.answerWith(({ id, method }, socket) => {
        if (method === 'system.ping' && !(dead && socket === server.sockets[0])) {
            answer(socket, { id, result: true });
        }
    });
    const call = actions.app.slow(1, { timeout: 10000 }).catch((/** @type {any} */ error) => error);
    notify(server.sockets[0], 'system.goaway', { reason: 'reload' });
    await until(() => server.sockets.length === 2);
    dead = true;
    assert.equal((await call).message, 'The connection was lost before the answer');
    assert.deepEqual(states, ['connect']);
});

test('a handshake of which nothing but an error is told, as in Node 22, is an attempt that failed', async () => {
    const server = await serve();
    let tries = 0;
    function Failing(/** @type {string} */ url, /** @type {string} */ protocol) {
        if (tries++) {
            return new Socket(url, protocol);
        }
        const socket = { readyState: 0, onerror() {}, onclose() {}, close: () => socket.onerror() };
        queueMicrotask(() => socket.onerror());
        return socket;
    }
    const start = Date.now();
    const { actions, states } = connect(server.url, { WebSocket: Failing });
    assert.equal(await actions.app.square(3), 9);
    assert.deepEqual(states, ['reconnecting', 'connect']);
    assert.ok(Date.now() - start < 7000);
});

test('a handshake that is never answered is given up after 8 s', async (t) => {
    const server = await serve({ greet: false });
    let ahead = 0;
    const now = Date.now;
    t.mock.method(Date, 'now', () => now() + ahead);
    const { states } = connect(server.url);
    await until(() => server.sockets.length === 1);
    // The clock goes on in steps that are too small to be a sleep.
    const clock = setInterval(() => (ahead += 600), 500);
    t.after(() => clearInterval(clock));
    await until(() => server.sockets.length === 2, 10000);
    assert.deepEqual(states.slice(0, 1), ['reconnecting']);
});

test('a machine that wakes asks at once whether the connection still is', async (t) => {
    const { server } = await connected();
    const now = Date.now;
    t.mock.method(Date, 'now', () => now() + 3600000);
    await until(() => server.received.length === 1, 4000);
    assert.equal(server.received[0].method, 'system.ping');
});

for (const moment of ['online', 'pageshow', 'visibilitychange']) {
    test(`at ${moment} it connects at once`, async (t) => {
        /** @type {Map<string, (event: any) => void>} */
        const handlers = new Map();
        const page = /** @type {any} */ (globalThis);
        page.addEventListener = (/** @type {string} */ name, /** @type {any} */ fn) => handlers.set(name, fn);
        page.removeEventListener = (/** @type {string} */ name) => handlers.delete(name);
        page.document = { hidden: false };
        t.after(() => {
            delete page.addEventListener;
            delete page.removeEventListener;
            delete page.document;
        });
        const { SS, server, states } = await connected({ random: () => 100 }); // 25 s
        server.sockets[0].terminate();
        await until(() => states.at(-1) === 'reconnecting');
        handlers.get(moment)?.({ type: moment });
        await until(() => states.at(-1) === 'connect');
        SS.socket.disconnect();
        assert.equal(handlers.size, 0);
    });
}

test('clients move over the first third of the time that a leaving server stays', async (t) => {
    const { server } = await connected({ random: () => 1 });
    /** @type {number[]} */
    const delays = [];
    const real = globalThis.setTimeout;
    t.mock.method(globalThis, 'setTimeout', (/** @type {any} */ fn, /** @type {number} */ ms) => {
        delays.push(ms);
        return real(fn, ms);
    });
    notify(server.sockets[0], 'system.goaway', { reason: 'reload', drain_ms: 1000 });
    await until(() => server.sockets.length === 2);
    assert.ok(delays.includes(350), `${delays}`);
});

test('a constructor that throws is an attempt that failed', async () => {
    const server = await serve();
    let fail = true;
    class Failing extends Socket {
        constructor(/** @type {string} */ url, /** @type {string} */ protocol) {
            if (fail) {
                fail = false;
                throw new Error('SecurityError');
            }
            super(url, protocol);
        }
    }
    const { actions, states } = connect(server.url, { WebSocket: Failing });
    assert.equal(await actions.app.square(3), 9);
    assert.deepEqual(states, ['reconnecting', 'connect']);
});

test('a call in flight on the old socket of a handover is sent on the new one if it may be', async () => {
    const { actions, server } = await connected();
    server.answerWith((call, socket) => {
        if (server.sockets.indexOf(socket) === 1) {
            answer(socket, { id: call.id, result: call.params[0] });
        }
    });
    const again = actions.app.slow(1, { idempotent: true });
    const never = actions.app.slow(2);
    await until(() => server.received.length === 2);
    notify(server.sockets[0], 'system.goaway', { reason: 'reload' });
    await until(() => server.sockets.length === 2);
    server.sockets[0].close(1012);
    await assert.rejects(never, { code: -32003 });
    assert.equal(await again, 1);
});

test('a call on the new socket of a handover does not overtake those on the old one', async () => {
    const { actions, server } = await connected();
    /** @type {any[]} */
    const late = [];
    server.answerWith((call, socket) => {
        const old = server.sockets.indexOf(socket) === 0;
        const reply = () => answer(socket, { id: call.id, result: call.params?.[0] });
        if (old && call.method === 'system.ping') {
            late.push(reply);
        } else {
            reply();
        }
    });
    notify(server.sockets[0], 'system.goaway', { reason: 'reload' });
    await until(() => late.length === 1);
    const waits = actions.app.square(1);
    assert.equal(await actions.app.square(2, { queue: false }), 2);
    assert.deepEqual(server.received.map(({ method }) => method), ['system.ping', 'app.square']);
    late[0]();
    assert.equal(await waits, 1);
});

test('nor when the handover before that one has come to its end', async (t) => {
    const { actions, server } = await connected();
    /** @type {(() => void)[]} */
    const ends = [];
    const real = globalThis.setTimeout;
    t.mock.method(globalThis, 'setTimeout', (/** @type {any} */ fn, /** @type {number} */ ms) => {
        if (ms === 5000) {
            ends.push(fn);
        }
        return real(fn, ms);
    });
    /** @type {any[]} */
    const late = [];
    server.answerWith((call, socket) => {
        const reply = () => answer(socket, { id: call.id, result: call.params?.[0] });
        if (call.method === 'system.ping') {
            late.push(reply);
        } else {
            reply();
        }
    });
    for (const n of [0, 1]) {
        notify(server.sockets[n], 'system.goaway', { reason: 'reload' });
        await until(() => late.length === n + 1 && ends.length === n + 1);
        if (n === 0) {
            late[0]();
            assert.equal(await actions.app.square(0), 0);
        }
    }
    const waits = actions.app.square(1);
    ends[0]();
    assert.equal(await actions.app.square(2, { queue: false }), 2);
    assert.deepEqual(server.received.filter(({ method }) => method === 'app.square').map(({ params }) => params), [[0], [2]]);
    late[1]();
    assert.equal(await waits, 1);
});
