// SPDX-License-Identifier: MIT
//
// POSTs for event streams of other workers and nodes: two sidecars on one Redis, with fake workers.

import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { chunks, frame, op, request, startSidecar } from '../lib/fake_worker.mjs';
import { until } from '../lib/host_app.mjs';
import { startRedis } from '../lib/redis.mjs';
import { stopwatch } from '../lib/stack.mjs';

/** @typedef {import('../lib/fake_worker.mjs').Sidecar} Sidecar */
/** @typedef {import('../lib/fake_worker.mjs').Worker} Worker */

const STREAM = 8;
const app = path.join(path.dirname(fileURLToPath(import.meta.url)), 'session_app');
const key = '00112233445566778899aabbccddeeff';

/** @type {import('../lib/redis.mjs').Redis} */
let redis;
/** @type {Sidecar} */
let nodeA;
/** @type {Sidecar} */
let nodeB;
/** @type {Worker} */
let a1;
/** @type {Worker} */
let a2;
/** @type {Worker} */
let b1;

const start = () => startSidecar(['--log-level', '0'], { app, env: { SS__redis__url: redis.url } });

before(async () => {
  redis = await startRedis();
  [nodeA, nodeB] = await Promise.all([start(), start()]);
  a1 = await nodeA.worker();
  a2 = await nodeA.worker();
  b1 = await nodeB.worker();
});
after(async () => {
  await Promise.all([nodeA.stop(), nodeB.stop()]);
  await redis.stop();
});

/** The name that the sidecar has told the worker. @param {Worker} worker */
async function nameOf(worker) {
  await worker.sync();
  return worker.node;
}

/** A secret as a worker makes it. @param {Worker} worker @param {string} [node] */
async function secretOf(worker, node) {
  const id = worker.identity.toString(16).padStart(16, '0');
  return `${node ?? await nameOf(worker)}.${id}.00000005.00000001.${key}`;
}

/** @param {Worker} worker where the POST lands @param {string} secret @param {string} seq
 *  @param {string | Buffer} [body] */
const post = (worker, secret, seq, body = '[]') => worker.http({
  method: 'POST', path: '', flags: STREAM, body,
  headers: { 'SocketStream-Stream': secret, 'SocketStream-Seq': seq },
});

/** What a POST is answered once no worker may come back any more, SS_REBIND_MS.
 *  @param {Worker} worker @param {string} secret */
async function settled(worker, secret) {
  for (const limit = Date.now() + 15_000; ;) {
    const { status } = await post(worker, secret, '1');
    if (status !== 503 || Date.now() > limit) return status;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** What the stream's worker is given. @param {Worker} worker */
async function delivered(worker) {
  const { payload } = await worker.next((f) => f.op === op.DELIVER, 'DELIVER');
  const length = payload.readUInt16LE(12);
  return {
    number: payload.readUInt32LE(0), seq: payload.readBigUInt64LE(4),
    secret: payload.toString('utf8', 14, 14 + length), body: payload.toString('utf8', 14 + length),
  };
}

/** @param {Worker} worker @param {number} number @param {number} status */
function answer(worker, number, status) {
  const payload = Buffer.alloc(6);
  payload.writeUInt32LE(number);
  payload.writeUInt16LE(status, 4);
  worker.send(frame(op.DELIVERED, {}, payload));
}

describe('a POST for a stream of another worker', () => {
  it('is delivered there, and the answer comes back', async () => {
    const secret = await secretOf(a2);
    for (const status of [204, 409, 404, 400, 413, 503]) {
      const asked = post(a1, secret, '9007199254740991', '{"id":1}\n{"id":2}');
      const d = await delivered(a2);
      assert.deepEqual([d.seq, d.secret, d.body], [9007199254740991n, secret, '{"id":1}\n{"id":2}']);
      answer(a2, d.number, status);
      assert.equal((await asked).status, status);
    }
  });

  it('goes the same way whatever its size', async () => {
    const body = 'x'.repeat(300_000);
    const asked = post(a1, await secretOf(a2), '1', body);
    const d = await delivered(a2);
    assert.equal(d.body, body);
    answer(a2, d.number, 204);
    assert.equal((await asked).status, 204);
  });

  it('is answered by its own worker only', async () => {
    const asked = post(a1, await secretOf(a2), '1');
    const d = await delivered(a2);
    answer(a1, d.number, 404);
    answer(a2, d.number + 1000, 404);
    answer(a2, d.number, 204);
    answer(a2, d.number, 404);
    assert.equal((await asked).status, 204);
  });

  it('is 503 when no answer comes, or its worker is lost', async () => {
    const silent = await nodeA.worker();
    const began = Date.now();
    assert.equal((await post(a1, await secretOf(silent), '1')).status, 503);
    assert.ok(Date.now() - began >= 1900, 'it was waited for');
    const asked = post(a1, await secretOf(silent), '1');
    await delivered(silent).then(() => delivered(silent));
    const passed = stopwatch();
    silent.close();
    assert.equal((await asked).status, 503);
    assert.ok(await passed() < 1500, 'at once');
  });

  it('is 404 when its worker is gone, 503 while it may come back', async () => {
    const leaving = await nodeA.worker();
    const secret = await secretOf(leaving);
    await leaving.open();
    leaving.close();
    await leaving.end;
    assert.equal((await post(a1, secret, '1')).status, 503);
    const returned = await nodeA.worker({ identity: leaving.identity });
    const asked = post(a1, secret, '1');
    answer(returned, (await delivered(returned)).number, 204);
    assert.equal((await asked).status, 204);
    returned.close();
    assert.equal(await settled(a1, secret), 404);
  });

  it('is refused when its headers make no sense', async () => {
    const secret = await secretOf(a2);
    for (const seq of ['', '0', '-1', 'x', '9007199254740992']) {
      assert.equal((await post(a1, secret, seq)).status, 400, seq);
    }
    for (const bad of ['', 'x', secret.slice(0, -1), secret.replace('.', '!'), `${secret}0`]) {
      assert.equal((await post(a1, bad, '1')).status, 404, bad);
    }
    assert.equal((await a1.http({ method: 'POST', path: '', flags: STREAM })).status, 400);
  });

  it('is one of 4,096 under way at most', async () => {
    const [asker, target] = [await nodeA.worker(), await nodeA.worker()];
    const headers = { 'SocketStream-Stream': await secretOf(target), 'SocketStream-Seq': '1' };
    const what = request({ method: 'POST', path: '', flags: STREAM, headers, body: '[]' });
    const [toAsker, toTarget] = [asker, target].map((worker) => worker.receive.bind(worker));
    /** @type {number[]} */
    const statuses = [];
    /** @type {number[]} */
    const numbers = [];
    asker.receive = (f) => (f.op === op.RESPONSE ? statuses.push(f.payload.readUInt16LE(0)) : toAsker(f));
    target.receive = (f) => (f.op === op.DELIVER ? numbers.push(f.payload.readUInt32LE(0)) : toTarget(f));
    // All in one piece: the first must not be given up before the last is there.
    asker.send(Buffer.concat(Array.from({ length: 4097 }, (_, slot) => chunks(op.REQUEST, { slot, generation: 1 }, what))));
    await until(() => numbers.length === 4096 && statuses.length > 0, 'all but one');
    assert.deepEqual(statuses, [503], 'at once: before those that came first, and so before any deadline');
    numbers.forEach((number) => answer(target, number, 204));
    await until(() => statuses.length === 4097, 'the answers');
    assert.ok(statuses.slice(1).every((status) => status === 204));
    asker.close();
    target.close();
  });

  it('is forgotten with its asker', async () => {
    const asker = await nodeA.worker();
    const what = { method: 'POST', path: '', flags: STREAM, body: '[]',
      headers: { 'SocketStream-Stream': await secretOf(a2), 'SocketStream-Seq': '1' } };
    asker.send(chunks(op.REQUEST, { slot: 1, generation: 1 }, request(what)));
    const first = await delivered(a2);
    asker.send(frame(op.CANCEL, { slot: 1, generation: 1 }));
    await asker.sync();
    answer(a2, first.number, 204);
    await a2.sync();
    await asker.sync();
    assert.ok(!asker.frames.some((f) => f.op === op.RESPONSE));
    asker.send(chunks(op.REQUEST, { slot: 2, generation: 1 }, request(what)));
    const second = await delivered(a2);
    asker.close();
    answer(a2, second.number, 204);
    await a2.sync();
  });
});

describe('a POST for a stream of another node', () => {
  it('is delivered there, and the answer comes back', async () => {
    const secret = await secretOf(b1);
    assert.notEqual(await nameOf(a1), await nameOf(b1));
    for (const status of [204, 404]) {
      const asked = post(a1, secret, '12', '{"text":"ü\\n"}\n{"id":2}');
      const d = await delivered(b1);
      assert.deepEqual([d.seq, d.secret, d.body], [12n, secret, '{"text":"ü\\n"}\n{"id":2}']);
      answer(b1, d.number, status);
      assert.equal((await asked).status, status);
    }
  });

  it('goes the same way whatever its size', async () => {
    const body = 'y'.repeat(2 << 20);
    const asked = post(a1, await secretOf(b1), '1', body);
    const d = await delivered(b1);
    assert.ok(d.body === body);
    answer(b1, d.number, 204);
    assert.equal((await asked).status, 204);
  });

  it('many at a time each get their own answer', async () => {
    const secret = await secretOf(b1);
    const asked = Array.from({ length: 50 }, (_, i) => post(a1, secret, String(i + 1)));
    for (let i = 0; i < 50; i++) {
      const d = await delivered(b1);
      answer(b1, d.number, Number(d.seq) % 2 ? 204 : 409);
    }
    const got = await Promise.all(asked);
    assert.deepEqual(got.map(({ status }) => status), got.map((_, i) => (i % 2 ? 409 : 204)));
  });

  it('is 404 when that node does not know its worker, 503 when the node is not there', async () => {
    const gone = `${await nameOf(b1)}.00000000000000ff.00000000.00000001.${key}`;
    assert.equal(await settled(a1, gone), 404);
    assert.equal((await post(a1, await secretOf(b1, 'elsewhere'), '1')).status, 503);
  });

  it('is dropped with a line in the log when it is malformed', async () => {
    const channel = `ss:node:${await nameOf(b1)}`;
    const secret = await secretOf(b1);
    for (const text of ['', 'post', 'post 1 x 1 short\n[]', `post 1 x 0 ${secret}\n`, 'x'.repeat(5000), '\n\n',
      `post 1 ../x 1 ${secret}\n[]`]) {
      nodeB.log = '';
      await redis.command('PUBLISH', channel, text);
      await nodeB.logged(/is dropped: it is no POST of ours/);
    }
    for (const text of ['done', 'done x', 'done 1 204', 'done 99999 204', 'done 1 99999']) {
      await redis.command('PUBLISH', channel, text);
    }
    const asked = post(a1, secret, '1');
    answer(b1, (await delivered(b1)).number, 204);
    assert.equal((await asked).status, 204);
    assert.doesNotMatch(nodeA.log + nodeB.log, new RegExp(key), 'no secret is logged');
  });

  it('is 503 without Redis', async () => {
    const secret = await secretOf(b1);
    const alone = await startSidecar([], { app });
    try {
      const worker = await alone.worker();
      assert.equal((await post(worker, secret, '1')).status, 503);
      const other = await alone.worker();
      const asked = post(worker, await secretOf(other), '1');
      answer(other, (await delivered(other)).number, 204);
      assert.equal((await asked).status, 204, 'on one node it is not needed');
    } finally {
      await alone.stop();
    }
  });
});
