// SPDX-License-Identifier: MIT

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WebSocket } from 'ws';
import { stopwatch } from '../lib/stack.mjs';
import { connect, serve, settled, Socket } from './client.mjs';
import { answer, notify, startServer, until } from './server.mjs';

test('a call resolves with the result', async () => {
    const server = await serve();
    const { SS } = connect(server.url);
    assert.equal(await SS.server.app.square(25), 625);
    assert.deepEqual(server.received, [
        { jsonrpc: '2.0', id: 1, method: 'app.square', params: [25] },
    ]);
});

test('a callback gets the result, and the promise too', async () => {
    const server = await serve();
    const { SS } = connect(server.url);
    /** @type {any[]} */
    const results = [];
    const promise = SS.server.app.square(3, (/** @type {any} */ result) => results.push(result));
    assert.equal(await promise, 9);
    assert.deepEqual(results, [9]);
});

test('a call without arguments has no params', async () => {
    const server = await serve();
    server.answerWith((call, socket) => answer(socket, { id: call.id, result: 'none' }));
    const { SS } = connect(server.url);
    assert.equal(await SS.server.app.slow(), 'none');
    assert.equal('params' in server.received[0], false);
});

test('several arguments are the list of params', async () => {
    const server = await serve();
    const { SS } = connect(server.url);
    await SS.server.app.square(2, { a: 1 }, [3]);
    assert.deepEqual(server.received[0].params, [2, { a: 1 }, [3]]);
});

test('an error has message, code and data', async () => {
    const server = await serve();
    server.answerWith((call, socket) =>
        answer(socket, { id: call.id, error: { code: -32002, message: 'No', data: { a: 1 } } }),
    );
    const { SS } = connect(server.url);
    await assert.rejects(SS.server.app.square(1), (/** @type {any} */ error) => {
        assert.equal(error instanceof Error, true);
        assert.deepEqual([error.message, error.code, error.data], ['No', -32002, { a: 1 }]);
        return true;
    });
});

test('an error of a call with a callback reaches the console, not the callback', async (t) => {
    const server = await serve();
    server.answerWith((call, socket) =>
        answer(socket, { id: call.id, error: { code: -32000, message: 'No' } }),
    );
    const { SS } = connect(server.url);
    const logged = t.mock.method(console, 'error', () => {});
    let called = false;
    SS.server.app.square(1, () => (called = true)).catch(() => {});
    await until(() => logged.mock.callCount() === 1);
    assert.equal(logged.mock.calls[0].arguments[0], 'SS.server.app.square:');
    assert.equal(called, false);
});

test('answers may come in any order, and in batches', async () => {
    const server = await serve();
    server.answerWith((call, socket) => {
        if (call.id === 3) {
            const results = [3, 1, 2].map((id) => ({ jsonrpc: '2.0', id, result: id * 10 }));
            socket.send(JSON.stringify(results));
        }
    });
    const { SS } = connect(server.url);
    const calls = [1, 2, 3].map((n) => SS.server.app.slow(n));
    assert.deepEqual(await Promise.all(calls), [10, 20, 30]);
});

test('calls before the connection are sent in order once it is there', async () => {
    const server = await serve();
    const { SS } = connect(server.url, { connect: false });
    const calls = [1, 2, 3].map((n) => SS.server.app.square(n));
    assert.equal(server.received.length, 0);
    SS.socket.connect();
    assert.deepEqual(await Promise.all(calls), [1, 4, 9]);
    assert.deepEqual(
        server.received.map((call) => call.params[0]),
        [1, 2, 3],
    );
});

test('1,000 calls wait for a connection, and for one more the oldest fails', async () => {
    const server = await serve();
    const { SS } = connect(server.url, { connect: false });
    const calls = Array.from({ length: 1001 }, (_, n) => SS.server.app.square(n));
    await assert.rejects(calls[0], { code: -32003, data: { retryable: true }, message: /^Over 1000 calls wait/ });
    SS.socket.connect();
    const results = await Promise.all(calls.slice(1));
    assert.deepEqual(results, Array.from({ length: 1000 }, (_, n) => (n + 1) ** 2));
    assert.deepEqual(server.received.map((call) => call.params[0]).slice(0, 3), [1, 2, 3]);
});

test('the tree shows what the server has', async () => {
    const server = await serve();
    const { SS, states } = connect(server.url);
    await until(() => states[0] === 'connect');
    assert.deepEqual(Object.keys(SS.server), ['app', 'users', 'user']);
    assert.deepEqual(Object.keys(SS.server.app), ['square', 'slow']);
    assert.deepEqual(Object.keys(SS.server.users.online), ['now']);
    assert.equal('square' in SS.server.app, true);
    assert.equal(SS.server.app.cube, undefined);
    assert.equal(SS.server.app.square, SS.server.app.square);
    assert.equal(typeof SS.server.user.name, 'function');
    assert.equal(SS.server.__proto__, undefined);
});

test('the tree is no promise, and no string, before the server has named its actions', async () => {
    const { SS } = connect('ws://127.0.0.1:1/', { connect: false });
    assert.equal(await SS.server.app, SS.server.app);
    assert.throws(() => `${SS.server.app}`, TypeError);
    assert.equal(JSON.stringify({ a: SS.server.app }), '{}');
});

test('version, environment and configuration are there at connect', async () => {
    const server = await serve();
    const { SS } = connect(server.url);
    /** @type {any[]} */
    const seen = [];
    SS.socket.on('connect', () => seen.push(SS.version, SS.env, SS.config.log.level));
    await until(() => seen.length);
    assert.deepEqual(seen, ['0.1.0', 'test', 2]);
});

test('it offers the subprotocol socketstream', async () => {
    const server = await serve();
    const { states } = connect(server.url);
    await until(() => states[0] === 'connect');
    assert.equal(server.sockets[0].protocol, 'socketstream');
});

test('events reach all their handlers, with the channel', async () => {
    const server = await serve();
    const { SS, states } = connect(server.url);
    /** @type {any[]} */
    const seen = [];
    const removed = () => seen.push('removed');
    SS.events.on('hello', (params, channel) => seen.push(['one', params, channel]));
    SS.events.on('hello', (params) => seen.push(['two', params]));
    SS.events.on('hello', removed);
    SS.events.off('hello', removed);
    await until(() => states[0] === 'connect');
    notify(server.sockets[0], 'event', ['hello', { a: 1 }, 'room:7']);
    notify(server.sockets[0], 'event', ['nobody', {}]);
    await until(() => seen.length === 2);
    assert.deepEqual(seen, [
        ['one', { a: 1 }, 'room:7'],
        ['two', { a: 1 }],
    ]);
});

test('an event of no channel has no channel name', async () => {
    const server = await serve();
    const { SS, states } = connect(server.url);
    /** @type {any[]} */
    const seen = [];
    SS.events.on('hello', (...args) => seen.push(args));
    await until(() => states[0] === 'connect');
    notify(server.sockets[0], 'event', ['hello', null]);
    await until(() => seen.length);
    assert.deepEqual(seen, [[null]]);
});

test('system.resync tells why events may be missing', async () => {
    const server = await serve();
    const { SS, states } = connect(server.url);
    /** @type {any[]} */
    const seen = [];
    SS.socket.on('resync', (detail) => seen.push(detail));
    await until(() => states[0] === 'connect');
    notify(server.sockets[0], 'system.resync', { reason: 'redis' });
    notify(server.sockets[0], 'system.resync', { reason: 'sidecar' });
    await until(() => seen.length === 2);
    assert.deepEqual(seen, [{ reason: 'redis' }, { reason: 'sidecar' }]);
    assert.deepEqual(states, ['connect']);
});

/**
 * A client that has been sent tickets, all that it wrote to the console, and the delays before
 * second attempts, which do not take their time.
 * @param {any} t @param {string[]} tickets @param {(n: number) => number} status of the nth POST
 */
async function exchangeTickets(t, tickets, status) {
    const server = await serve();
    server.answerPostsWith(() => status(server.posts.length));
    /** @type {number[]} */
    const delays = [];
    const real = globalThis.setTimeout;
    t.mock.method(globalThis, 'setTimeout', (/** @type {any} */ fn, /** @type {number} */ ms) => {
        if (ms === 1000) {
            delays.push(ms);
        }
        return real(fn, ms === 1000 ? 0 : ms);
    });
    /** @type {any[]} */
    const logged = [];
    for (const method of /** @type {const} */ (['debug', 'log', 'info', 'warn', 'error'])) {
        t.mock.method(console, method, (/** @type {any[]} */ ...args) => logged.push(args));
    }
    const { states } = connect(server.url, { fetch });
    await until(() => states[0] === 'connect');
    for (const ticket of tickets) {
        notify(server.sockets[0], 'system.session', { ticket });
    }
    return { server, delays, logged };
}

const post = (/** @type {string} */ ticket) => ({
    url: '/socketstream',
    type: 'application/json',
    body: { ticket },
});

test('a ticket is posted to the URL of the socket, once', async (t) => {
    const { server, logged } = await exchangeTickets(t, ['secret'], () => 204);
    await until(() => server.posts.length);
    await settled();
    assert.deepEqual(server.posts, [post('secret')]);
    assert.deepEqual(logged, []);
});

test('cookies go with a ticket, no redirect leads it away, and leaving the page does not stop it', async () => {
    const server = await serve();
    /** @type {any[]} */
    const asked = [];
    const { states } = connect(server.url, {
        fetch: async (/** @type {any[]} */ ...args) => {
            asked.push(args);
            return new Response(null, { status: 204 });
        },
    });
    await until(() => states[0] === 'connect');
    notify(server.sockets[0], 'system.session', { ticket: 'secret' });
    await until(() => asked.length);
    const [url, { method, credentials, keepalive, redirect }] = asked[0];
    assert.equal(url, server.url.replace('ws:', 'http:'));
    assert.deepEqual(
        { method, credentials, keepalive, redirect },
        { method: 'POST', credentials: 'include', keepalive: true, redirect: 'error' },
    );
});

for (const [name, first] of /** @type {[string, number][]} */ ([
    ['that the server could not take', 503],
    ['whose connection was lost', 0],
])) {
    test(`a ticket ${name} is posted again after a second`, async (t) => {
        const { server, delays, logged } = await exchangeTickets(t, ['secret'], (n) =>
            n === 1 ? first : 204,
        );
        await until(() => server.posts.length === 2);
        await settled();
        assert.deepEqual(server.posts, [post('secret'), post('secret')]);
        assert.deepEqual(delays, [1000]);
        assert.deepEqual(logged, []);
    });
}

for (const [name, status, times] of /** @type {[string, number, number][]} */ ([
    ['refused', 400, 1],
    ['not taken twice', 503, 2],
])) {
    test(`a ticket that is ${name} is given up, and the console is told without it`, async (t) => {
        const { server, logged } = await exchangeTickets(t, ['secret'], () => status);
        await until(() => logged.length);
        await settled();
        assert.equal(server.posts.length, times);
        assert.equal(logged.length, 1);
        assert.match(logged[0][0], /session/);
        assert.doesNotMatch(JSON.stringify(logged), /secret/);
    });
}

test('tickets are exchanged in their order, the last one last', async (t) => {
    const { server } = await exchangeTickets(t, ['one', 'two'], (n) => (n === 1 ? 503 : 204));
    await until(() => server.posts.length === 3);
    assert.deepEqual(
        server.posts.map(({ body }) => body.ticket),
        ['one', 'one', 'two'],
    );
});

test('in Node, which keeps no cookies, tickets are passed over', async (t) => {
    const server = await serve();
    const { SS, states } = connect(server.url);
    const fetched = t.mock.method(globalThis, 'fetch', () => assert.fail('fetched'));
    await until(() => states[0] === 'connect');
    notify(server.sockets[0], 'system.session', { ticket: 'secret' });
    assert.equal(await SS.server.app.square(5), 25);
    assert.equal(fetched.mock.callCount(), 0);
    assert.equal(server.posts.length, 0);
});

test('a message that is not JSON is passed over', async () => {
    const server = await serve();
    const { SS, states } = connect(server.url);
    await until(() => states[0] === 'connect');
    server.sockets[0].send('{');
    server.sockets[0].send('null');
    server.sockets[0].send(Buffer.from([1, 2]));
    assert.equal(await SS.server.app.square(5), 25);
});

test('calls in flight fail when the connection is lost, and are not sent again', async () => {
    const server = await serve();
    server.answerWith((call, socket) => {
        if (call.method === 'app.slow') {
            socket.terminate();
        } else {
            answer(socket, { id: call.id, result: 'ok' });
        }
    });
    const { SS, states } = connect(server.url);
    await assert.rejects(SS.server.app.slow(), { code: -32003, data: { retryable: true } });
    assert.equal(await SS.server.app.square(1), 'ok');
    assert.deepEqual(
        server.received.map((call) => call.method),
        ['app.slow', 'app.square'],
    );
    await until(() => states.length === 4);
    assert.deepEqual(states, ['connect', 'disconnect', 'reconnecting', 'connect']);
});

test('it connects again when the server comes back', async () => {
    const server = await startServer();
    const { SS, states } = connect(server.url);
    await until(() => states[0] === 'connect');
    await server.stop();
    await until(() => states.length >= 4);
    assert.deepEqual(states.slice(0, 4), ['connect', 'disconnect', 'reconnecting', 'reconnecting']);
    const call = SS.server.app.square(4);
    await serve({ port: server.port });
    assert.equal(await call, 16);
});

test('the delay doubles with each failure, up to 15 s, all of it at random', async (t) => {
    const server = await startServer();
    const dead = server.url;
    await server.stop();
    /** @type {number[]} */
    const delays = [];
    const real = globalThis.setTimeout;
    t.mock.method(globalThis, 'setTimeout', (/** @type {any} */ fn, /** @type {number} */ ms) => {
        if (String(fn).includes('function open()')) {
            delays.push(ms);
            return real(fn, 0);
        }
        return real(fn, ms);
    });
    connect(dead, { random: () => 0.5 });
    await until(() => delays.length >= 9);
    assert.deepEqual(delays.slice(0, 9), [125, 250, 500, 1000, 2000, 4000, 7500, 7500, 7500]);
});

test('after 1012 it comes back almost at once', async () => {
    const server = await serve();
    const { states } = connect(server.url, { random: () => 1 });
    await until(() => states[0] === 'connect');
    const passed = stopwatch();
    server.sockets[0].close(1012);
    await until(() => states.length === 4);
    assert.ok(await passed() < 500);
    assert.equal(states[3], 'connect');
});

test('at system.goaway the new socket opens first, and nobody notices', async () => {
    const server = await serve();
    server.answerWith((call, socket) => {
        setTimeout(() => answer(socket, { id: call.id, result: server.sockets.indexOf(socket) }), 100);
    });
    const { SS, states } = connect(server.url);
    await until(() => states[0] === 'connect');
    const before = SS.server.app.slow();
    await until(() => server.received.length === 1);
    let greeted = false; // by the second socket: when the server has it, the client may not have it yet
    SS.socket.on('init', () => (greeted = true));
    notify(server.sockets[0], 'system.goaway', { reason: 'reload' });
    await until(() => greeted);
    assert.equal(server.sockets[0].readyState, WebSocket.OPEN);
    const after = SS.server.app.slow();
    assert.deepEqual(await Promise.all([before, after]), [0, 1]);
    await until(() => server.sockets[0].readyState === WebSocket.CLOSED);
    assert.equal(await SS.server.app.slow(), 1);
    assert.deepEqual(states, ['connect']);
});

/** A client that was handed over to a second socket, and the events it tells the page. */
async function handOver() {
    const server = await serve();
    server.answerWith(() => {});
    const { SS, states } = connect(server.url);
    /** @type {any[]} */
    const events = [];
    SS.events.on('n', (n) => events.push(n));
    await until(() => states[0] === 'connect');
    notify(server.sockets[0], 'system.goaway', { reason: 'reload' });
    const send = (/** @type {number} */ socket, /** @type {any[]} */ ...numbers) => {
        for (const n of numbers) {
            notify(server.sockets[socket], 'event', ['n', n, 'room']);
        }
    };
    const closed = () => server.sockets[0].readyState === WebSocket.CLOSED;
    return { server, SS, events, send, closed };
}

test('events of both sockets of a handover are told once, in their order', async () => {
    const { server, SS, events, send, closed } = await handOver();
    await until(() => server.sockets.length === 2);
    let come = false; // what was sent by the new socket
    SS.socket.on('resync', () => (come = true));
    send(1, 2, 2, 3, 4);
    notify(server.sockets[1], 'system.resync', { reason: 'redis' });
    await until(() => come);
    assert.deepEqual(events, []);
    send(0, 1, 2, 2, 3);
    await until(() => events.length === 4);
    assert.deepEqual(events, [1, 2, 2, 3]);
    await until(closed);
    send(1, 4);
    await until(() => events.length === 6);
    assert.deepEqual(events, [1, 2, 2, 3, 4, 4]);
});

test('when the old socket of a handover closes, the events of the new one are told at once', async () => {
    const { server, events, send, closed } = await handOver();
    await until(() => server.sockets.length === 2);
    send(0, 1);
    send(1, 1, 2);
    await until(() => events.length === 1);
    const passed = stopwatch();
    server.sockets[0].close(1012);
    await until(() => events.length === 2);
    assert.ok(await passed() < 300);
    assert.equal(closed(), true);
    assert.deepEqual(events, [1, 2]);
});

test('events that the new socket of a handover brings late are not told again', async () => {
    const { server, events, send, closed } = await handOver();
    await until(() => server.sockets.length === 2);
    send(0, 1, 2, 3, 4);
    await until(closed);
    send(1, 2, 3, 4, 5, 5);
    await until(() => events.length >= 6);
    assert.deepEqual(events, [1, 2, 3, 4, 5, 5]);
});

test('an event that says what one before the new socket said is told all the same', async (t) => {
    /** @type {(() => void)[]} */
    const ends = [];
    const real = globalThis.setTimeout;
    t.mock.method(globalThis, 'setTimeout', (/** @type {any} */ fn, /** @type {number} */ ms) => {
        if (ms === 3000) {
            ends.push(fn);
        }
        return real(fn, ms);
    });
    const { server, events, send, closed } = await handOver();
    await until(() => server.sockets.length === 2);
    send(0, 1);
    await until(closed);
    ends.forEach((end) => end());
    send(1, 1, 2);
    await until(() => events.at(-1) === 2);
    assert.deepEqual(events, [1, 1, 2]);
});

test('a handover comes to its end in time when timers are up early by the clock', async (t) => {
    const now = Date.now;
    const start = now();
    t.mock.method(Date, 'now', () => Math.floor(start + (now() - start) * 0.99));
    const { server, closed } = await handOver();
    server.answerWith(({ id }, socket) => answer(socket, { id, result: true }));
    await until(() => server.sockets.length === 2);
    await until(closed, 3000);
});

test('the old socket of a handover stays for its answers, but tells no events any more', async () => {
    const { server, SS, events, send, closed } = await handOver();
    const call = SS.server.app.slow();
    await until(() => server.sockets.length === 2 && server.received.length);
    await new Promise((resolve) => setTimeout(resolve, 700));
    assert.equal(closed(), false);
    send(0, 1);
    send(1, 1);
    answer(server.sockets[0], { id: server.received[0].id, result: 'late' });
    assert.equal(await call, 'late');
    await until(closed);
    assert.deepEqual(events, [1]);
});

test('at system.goaway without a successor the old socket is used as long as it lives', async () => {
    const server = await serve();
    let refuse = false;
    class Refused extends Socket {
        constructor(/** @type {string} */ url, /** @type {string} */ protocol) {
            super(refuse ? 'ws://127.0.0.1:1/' : url, protocol);
        }
    }
    const { SS, states } = connect(server.url, { WebSocket: Refused });
    await until(() => states[0] === 'connect');
    refuse = true;
    notify(server.sockets[0], 'system.goaway', { reason: 'reload' });
    await new Promise((resolve) => setTimeout(resolve, 150));
    assert.equal(await SS.server.app.square(6), 36);
    assert.deepEqual(states, ['connect']);
    refuse = false;
    server.sockets[0].close(1012);
    await until(() => states.at(-1) === 'connect' && states.length > 1);
    assert.equal(await SS.server.app.square(7), 49);
});

test('disconnect() closes with 1000, fails what waits and stays closed', async () => {
    const server = await serve();
    const { SS, states } = connect(server.url);
    await until(() => states[0] === 'connect');
    let code = 0;
    server.sockets[0].on('close', (/** @type {number} */ c) => (code = c));
    SS.socket.disconnect();
    await until(() => code);
    assert.equal(code, 1000);
    assert.equal(SS.socket.connected, false);
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.deepEqual(states, ['connect', 'disconnect']);
    assert.equal(server.sockets.length, 1);
});

test('a handler that throws does not keep the next from being called', async (t) => {
    const { SS } = connect('ws://127.0.0.1:1/', { connect: false });
    /** @type {any[]} */
    const thrown = [];
    t.mock.method(globalThis, 'queueMicrotask', (/** @type {() => void} */ fn) => {
        assert.throws(fn, { message: 'oops' });
        thrown.push(fn);
    });
    let called = false;
    SS.events.on('a', () => {
        throw new Error('oops');
    });
    SS.events.on('a', () => (called = true));
    SS.events.emit('a');
    assert.equal(called, true);
    assert.equal(thrown.length, 1);
});
