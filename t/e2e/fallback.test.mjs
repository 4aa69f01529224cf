// SPDX-License-Identifier: MIT
//
// The fallback transport on the whole of it: two nodes of two workers each behind a balancer that
// sends every POST somewhere else.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startNodes } from '../lib/nodes.mjs';
import { openStream } from '../lib/sse-client.mjs';
import { until } from './app.mjs';

/** @typedef {import('../lib/sse-client.mjs').EventStream} EventStream */

const SYSTEM = '/socketstream?protocol=socketstream';

/** @type {import('../lib/nodes.mjs').Nodes} */
let nodes;
before(async () => { nodes = await startNodes({ SS__nginx__drain_time: '2' }); });
after(async () => { await nodes.stop(); });

/** @param {EventStream} stream @param {string} action @param {...any} params */
async function call(stream, action, ...params) {
    const answer = await stream.call(`app.${action}`, params);
    assert.ok(answer, `the stream ended under ${action}`);
    assert.equal(answer.error, undefined);
    return answer.result;
}

/** @param {EventStream} stream @param {string} name */
const eventsOf = (stream, name) => stream.other
    .filter((m) => m.method === 'event' && m.params[0] === name).map((m) => m.params[1]);

/** What the workers of a node have counted. @param {number} node */
const statusOf = async (node) =>
    (await fetch(`http://127.0.0.1:${nodes.port + 1 + node}/socketstream/status`)).json();

const forwarded = async () => {
    const [one, two] = await Promise.all([statusOf(0), statusOf(1)]);
    return one.posts_forwarded_total + two.posts_forwarded_total;
};

/** One stream at least on each node. @param {number} n */
async function openMany(n, path = SYSTEM) {
    const streams = await Promise.all(Array.from({ length: n }, () => openStream(nodes.port, { path })));
    assert.deepEqual(streams.map(({ status }) => status), Array(n).fill(200));
    const names = new Set(streams.map(({ secret }) => secret.split('.')[0]));
    assert.equal(names.size, 2, 'both nodes have some');
    return streams;
}

test('every call is answered once, in its order, wherever its POST lands', async () => {
    const streams = await openMany(6);
    const before = await forwarded();
    for (const stream of streams) {
        assert.ok(await until(() => stream.other.some((m) => m.method === 'system.init')));
    }
    await Promise.all(streams.map(async (stream, n) => {
        const channel = `room:${n}`;
        await call(stream, 'subscribe', channel);
        // Each is posted twice, as when its first answer was lost on its way.
        const calls = Array.from({ length: 60 }, (_, i) =>
            stream.call('app.publish.channel', [channel, 'said', i], 2));
        for (const answer of await Promise.all(calls)) assert.equal(answer?.error, undefined);
        assert.ok(await until(() => eventsOf(stream, 'said').length >= 60));
        await call(stream, 'pid');
        assert.deepEqual(eventsOf(stream, 'said'), Array.from({ length: 60 }, (_, i) => i));
        assert.deepEqual(Object.keys(stream.answers), ['204'], JSON.stringify(stream.answers));
    }));
    // 6 × 122 POSTs, of which one in two lands on the other node.
    assert.ok(await forwarded() - before > 200, `${await forwarded() - before} were forwarded`);
    for (const stream of streams) stream.close();
});

test('gaps are refused and ended streams unknown, wherever the POST lands', async () => {
    const streams = await openMany(4);
    for (const stream of streams) {
        for (let i = 0; i < 8; i++) assert.equal(await stream.post('{}', 2), 409);
        assert.equal(await stream.post('[]'), 204);
    }
    const wrong = streams.map((stream) => {
        stream.secret = stream.secret.slice(0, -4) + (stream.secret.endsWith('0000') ? '1111' : '0000');
        return stream;
    });
    for (const stream of wrong) {
        for (let i = 0; i < 8; i++) assert.equal(await stream.post('{}', 2), 404);
        stream.close();
    }
});

test('a user is one, whether by WebSocket or by stream', async () => {
    const streams = await openMany(4);
    const cookie = String(streams[0].headers?.['set-cookie']).split(';')[0];
    await call(streams[0], 'login', 'dora');
    const second = await openStream(nodes.port, { path: SYSTEM, headers: { cookie } });
    await call(second, 'publish.user', 'dora', 'hello', 1);
    for (const stream of [streams[0], second]) {
        assert.ok(await until(() => eventsOf(stream, 'hello').length), 'both tabs get it');
    }
    assert.deepEqual(streams.slice(1).map((stream) => eventsOf(stream, 'hello')), [[], [], []]);
    for (const stream of [...streams, second]) stream.close();
});

test('a killed sidecar ends no stream, and POSTs wait for the next one', async () => {
    const streams = await openMany(6);
    const { sidecar } = nodes.pids(0);
    for (const stream of streams) await call(stream, 'pid');
    process.kill(sidecar, 'SIGKILL');
    await Promise.all(streams.map(async (stream) => {
        assert.ok(await until(async () => !(await stream.call('app.pid'))?.error, 15_000), 'works again');
    }));
    assert.ok(await until(() => nodes.pids(0).sidecar !== sidecar), 'it is another one');
    assert.deepEqual(streams.map(({ ended }) => ended), Array(6).fill(false));
    assert.deepEqual(streams.flatMap(({ answers }) => Object.keys(answers))
        .filter((status) => !['204', '503', '502', '0'].includes(status)), []);
    const pids = new Set(await Promise.all(streams.map((stream) => call(stream, 'pid'))));
    assert.equal(pids.size, 2);
    for (const stream of streams) stream.close();
});

test('a reload says goodbye, and the next stream works', async () => {
    const streams = await openMany(4);
    process.kill(nodes.pids(0).nginx, 'SIGHUP');
    const leaving = (/** @type {EventStream} */ stream) =>
        stream.other.some((m) => m.method === 'system.goaway');
    assert.ok(await until(() => streams.some(leaving)), 'told before');
    const told = streams.filter(leaving);
    for (const stream of told) await call(stream, 'pid');
    assert.ok(await until(() => told.every(({ ended }) => ended), 10_000));
    assert.deepEqual(told.map(({ code }) => code), told.map(() => 1012));
    for (const stream of told) {
        assert.ok(await until(async () => await stream.post('[]') === 404, 10_000), 'a POST finds nobody');
    }
    const rest = streams.filter((stream) => !told.includes(stream));
    for (const stream of [...rest, ...await openMany(4)]) {
        await call(stream, 'pid');
        stream.close();
    }
});

test('the secret of a stream is in no log', async () => {
    const stream = await openStream(nodes.port);
    await call(stream, 'pid');
    const logs = ['balancer', 'node1', 'node2'].flatMap((name) => ['error', 'access', 'sidecar']
        .map((log) => nodes.app.log(`../${name}/logs/${log}`)));
    assert.ok(logs.join('').includes('POST /socketstream'));
    assert.doesNotMatch(logs.join(''), /\.[0-9a-f]{8}\.[0-9a-f]{32}/);
    stream.close();
});
