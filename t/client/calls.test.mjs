// SPDX-License-Identifier: MIT
//
// Calls: their options, the queue, and what becomes of them when the connection is lost.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect, serve, settled } from './client.mjs';
import { answer, until } from './server.mjs';

const UNAVAILABLE = { code: -32003, data: { retryable: true } };
const methods = (/** @type {any} */ server) => server.received.map((/** @type {any} */ { method }) => method);
const firstParams = (/** @type {any} */ server) => server.received.map((/** @type {any} */ { params }) => params[0]);

/** Cuts the first connection at the call `app.slow` and answers what comes with its param. */
async function cutting(/** @type {number} */ times = 1) {
    const server = await serve();
    let cut = 0;
    server.answerWith((call, socket) => {
        if (call.method === 'app.slow' && cut < times) {
            cut++;
            socket.terminate();
        } else {
            answer(socket, { id: call.id, result: call.params[0] });
        }
    });
    return server;
}

test('options stand before the callback, and any other object is a param', async () => {
    const server = await serve();
    const { actions } = connect(server.url);
    await new Promise((resolve) => actions.app.square(2, { silent: true }, resolve));
    await actions.app.square(3, { timeout: 1000, silent: false });
    await actions.app.square(4, { timeout: 1000, other: 1 });
    await actions.app.square(5, {});
    await actions.app.square({ queue: 1 }, { queue: true });
    assert.deepEqual(
        server.received.map(({ params, silent }) => [params, silent]),
        [
            [[2], true],
            [[3], undefined],
            [[4, { timeout: 1000, other: 1 }], undefined],
            [[5, {}], undefined],
            [[{ queue: 1 }], undefined],
        ],
    );
});

test('a param is what it was when the call was made', async () => {
    const server = await serve();
    const { SS, actions } = connect(server.url, { connect: false });
    const point = { x: 1 };
    const call = actions.app.slow(point);
    point.x = 2;
    SS.socket.connect();
    await call;
    assert.deepEqual(server.received[0].params, [{ x: 1 }]);
});

test('a callback that throws has its own error, not the call', async (t) => {
    const server = await serve();
    const { actions } = connect(server.url);
    const logged = t.mock.method(console, 'error', () => {});
    /** @type {(() => void)[]} */
    const thrown = [];
    t.mock.method(globalThis, 'queueMicrotask', (/** @type {() => void} */ fn) => thrown.push(fn));
    await actions.app.square(1, () => {
        throw new Error('oops');
    });
    await until(() => thrown.length);
    assert.throws(thrown[0], { message: 'oops' });
    assert.equal(logged.mock.callCount(), 0);
});

test('an error of a call with a callback is no unhandled rejection', async (t) => {
    const server = await serve();
    server.answerWith((call, socket) => answer(socket, { id: call.id, error: { code: -32000, message: 'No' } }));
    const { actions } = connect(server.url);
    const logged = t.mock.method(console, 'error', () => {});
    actions.app.square(1, () => {});
    await until(() => logged.mock.callCount() === 1);
    await settled(); // an unhandled rejection would fail the test
});

test('the length of the queue can be chosen, and the oldest give way', async () => {
    const server = await serve();
    const { SS, actions } = connect(server.url, { connect: false, queue: 2 });
    const calls = [1, 2, 3, 4].map((n) => actions.app.square(n));
    await assert.rejects(calls[0], UNAVAILABLE);
    await assert.rejects(calls[1], UNAVAILABLE);
    SS.socket.connect();
    assert.deepEqual(await Promise.all(calls.slice(2)), [9, 16]);
});

test('queue: false fails at once without a connection, and is sent with one', async () => {
    const server = await serve();
    const { SS, actions, states } = connect(server.url, { connect: false });
    await assert.rejects(actions.app.square(1, { queue: false }), UNAVAILABLE);
    SS.socket.connect();
    await until(() => states[0] === 'connect');
    assert.equal(await actions.app.square(2, { queue: false }), 4);
    assert.deepEqual(firstParams(server), [2]);
});

test('timeout: an answer that comes late is none', async () => {
    const server = await serve();
    /** @type {any[]} */
    const late = [];
    server.answerWith((call, socket) => late.push(() => answer(socket, { id: call.id, result: 'late' })));
    const { actions, states } = connect(server.url);
    await until(() => states[0] === 'connect');
    await assert.rejects(actions.app.slow({ timeout: 30 }), { code: -32004, message: 'No answer within 30 ms' });
    await until(() => late.length === 1);
    late[0]();
    server.answerWith((call, socket) => answer(socket, { id: call.id, result: 'next' }));
    assert.equal(await actions.app.slow(), 'next');
});

test('timeout: longer than any timer, or for ever, is none', async () => {
    const server = await serve();
    const { actions } = connect(server.url);
    server.answerWith((call, socket) => setTimeout(() => answer(socket, { id: call.id, result: call.params[0] }), 20));
    assert.equal(await actions.app.slow(1, { timeout: Infinity }), 1);
    assert.equal(await actions.app.slow(2, { timeout: 2 ** 31 }), 2);
});

test('timeout: a call that has waited too long is not sent any more', async () => {
    const server = await serve();
    const { SS, actions } = connect(server.url, { connect: false });
    await assert.rejects(actions.app.square(1, { timeout: 20 }), { code: -32004 });
    SS.socket.connect();
    assert.equal(await actions.app.square(2), 4);
    assert.deepEqual(firstParams(server), [2]);
});

test('idempotent: sent again on the next connection, before what waited, in order', async () => {
    const server = await cutting();
    const { SS, actions, states } = connect(server.url);
    await until(() => states[0] === 'connect');
    const idempotent = { idempotent: true };
    const calls = [actions.app.slow(1, idempotent), actions.app.square(2, idempotent)];
    const other = actions.app.square(3);
    await assert.rejects(other, UNAVAILABLE);
    calls.push(actions.app.square(4));
    assert.equal(SS.socket.connected, false);
    assert.deepEqual(await Promise.all(calls), [1, 2, 4]);
    assert.deepEqual(firstParams(server).slice(-3), [1, 2, 4]);
});

test('idempotent: a call that breaks every connection is given up in the end', async () => {
    const server = await cutting(100);
    const { actions } = connect(server.url, { random: () => 0 });
    await assert.rejects(actions.app.slow(1, { idempotent: true }), UNAVAILABLE);
    assert.equal(server.received.length, 21);
});

test('retry: as often as said, after what the server asks for', async () => {
    const server = await serve();
    /** @type {number[]} */
    const times = [];
    server.answerWith((call, socket) => {
        times.push(Date.now());
        const error = { code: -32002, message: 'Slower', data: { retryable: true, retry_after_ms: 60 } };
        answer(socket, { id: call.id, error });
    });
    const { actions } = connect(server.url);
    await assert.rejects(actions.app.square(1, { retry: 2 }), { code: -32002 });
    assert.equal(times.length, 3);
    assert.ok(times[2] - times[0] >= 110, `${times}`);
});

test('retry: an error that the same call would meet again is not retried', async () => {
    const server = await serve();
    server.answerWith((call, socket) => answer(socket, { id: call.id, error: { code: -32602, message: 'No' } }));
    const { actions } = connect(server.url);
    await assert.rejects(actions.app.square(1, { retry: true }), { code: -32602 });
    assert.equal(server.received.length, 1);
});

test('retry: counts lost connections, too', async () => {
    const server = await cutting(2);
    const { actions } = connect(server.url, { random: () => 0 });
    assert.equal(await actions.app.slow('there', { retry: 2 }), 'there');
    const other = await cutting(2);
    await assert.rejects(connect(other.url, { random: () => 0 }).actions.app.slow(1, { retry: 1 }), UNAVAILABLE);
});

test('what is too long fails as such, the others are run again where they may', async () => {
    const server = await serve();
    let first = true;
    server.answerWith((call, socket) => {
        if (first && server.received.length === 3) {
            first = false;
            socket.close(1009);
        } else if (!first) {
            answer(socket, { id: call.id, result: 'again' });
        }
    });
    const { actions } = connect(server.url);
    const short = actions.app.square(1, { idempotent: true });
    const long = actions.app.square('x'.repeat(1000), { idempotent: true });
    const other = actions.app.square(2);
    await assert.rejects(long, { code: -32005 });
    await assert.rejects(other, UNAVAILABLE);
    assert.equal(await short, 'again');
});

test('more calls than the server takes at a time wait for their turn, in order', async () => {
    const server = await serve();
    let held = true;
    /** @type {(() => void)[]} */
    const waiting = [];
    server.answerWith((call, socket) => {
        const reply = () => answer(socket, { id: call.id, result: call.params[0] });
        if (held) {
            waiting.push(reply);
        } else {
            reply();
        }
    });
    const { actions, states } = connect(server.url);
    await until(() => states[0] === 'connect');
    const calls = Array.from({ length: 1800 }, (_, n) => actions.app.square(n));
    await until(() => waiting.length === 900);
    await settled();
    assert.equal(waiting.length, 900);
    held = false;
    waiting.forEach((reply) => reply());
    const expected = Array.from({ length: 1800 }, (_, n) => n);
    assert.deepEqual(await Promise.all(calls), expected);
    assert.deepEqual(firstParams(server), expected);
});

test('remote_prefix goes before every name, and the tree is that of the prefix', async () => {
    const init = { api: ['v1.app.square', 'v2.app.square', 'other'], config: { remote_prefix: 'v1' } };
    const server = await serve(/** @type {any} */ ({ init }));
    const { SS, actions } = connect(server.url);
    assert.equal(await actions.app.square(3), 9);
    assert.deepEqual(methods(server), ['v1.app.square']);
    assert.deepEqual(Object.keys(SS.server), ['app']);
});

test('a call after disconnect() fails at once, and works again after connect()', async () => {
    const server = await serve();
    const { SS, actions, states } = connect(server.url);
    await until(() => states[0] === 'connect');
    SS.socket.disconnect();
    await assert.rejects(actions.app.square(1), { code: -32003, message: 'Disconnected: disconnect()' });
    SS.socket.connect();
    assert.equal(await actions.app.square(2), 4);
});
