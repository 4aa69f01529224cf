// SPDX-License-Identifier: MIT
//
// Sessions while something else goes wrong: Redis refuses, or is a replica now, a worker is gone in the midst of what it
// is told, an event's handler ends the session that the event is about.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { op, frame, startSidecar, str16 } from '../lib/fake_worker.mjs';
import { startRedis } from '../lib/redis.mjs';

/** @typedef {import('../lib/fake_worker.mjs').Sidecar} Sidecar */
/** @typedef {import('../lib/fake_worker.mjs').Worker} Worker */

const app = path.join(path.dirname(fileURLToPath(import.meta.url)), 'session_app');
const UNAVAILABLE = -32003;

/** @type {import('../lib/redis.mjs').Redis} */
let redis;
/** @type {Sidecar} */
let node;
/** @type {Worker} */
let w;

const start = () => startSidecar(['--log-level', '0'], { app, env: { SS__redis__url: redis.url } });

before(async () => {
  redis = await startRedis();
  node = await start();
  w = await node.worker();
});
after(async () => {
  await node.stop();
  await redis.stop();
});

/** @param {Worker} link @param {any} c @param {string} action @param {unknown[]} params */
async function call(link, c, action, ...params) {
  const answer = await link.call(c, `app.${action}`, params);
  if (answer.error) throw Object.assign(new Error(answer.error.message), { code: answer.error.code });
  return answer.result;
}

/** Repeats until it holds. @param {() => Promise<unknown>} what @param {string} name */
async function eventually(what, name) {
  for (const limit = Date.now() + 20_000; !await what();) {
    if (Date.now() > limit) assert.fail(`not within 20 s: ${name}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** How often Redis was asked for a command, in vain or not. @param {string} name */
async function asked(name) {
  const text = await redis.command('INFO', 'commandstats');
  const line = new RegExp(`cmdstat_${name}:.*`).exec(text)?.[0] ?? '';
  return ['calls', 'rejected_calls'].reduce(
    (sum, field) => sum + Number(new RegExp(`[:,]${field}=(\\d+)`).exec(line)?.[1] ?? 0), 0);
}

describe('a Redis that refuses', () => {
  /** Without a command, while `test` runs. @param {string} name @param {() => Promise<void>} test */
  async function without(name, test) {
    await redis.command('ACL', 'SETUSER', 'default', `-${name}`);
    try {
      await test();
    } finally {
      await redis.command('ACL', 'SETUSER', 'default', `+${name}`);
    }
  }

  it('to save a session is asked again with the next call, not without end', async () => {
    const c = await w.open();
    await call(w, c, 'subscribe', 'room');
    await without('eval', async () => {
      await assert.rejects(call(w, c, 'save', 'k', 'kept'), { code: UNAVAILABLE });
      const before = await asked('eval');
      await new Promise((resolve) => setTimeout(resolve, 200));
      assert.ok(await asked('eval') - before < 5, `asked ${await asked('eval') - before} times`);
      assert.equal(await call(w, c, 'get', 'k'), 'kept', 'it is here still');
    });
    const { id } = await call(w, c, 'info');
    await eventually(async () => (await redis.hash(`ss:session:${id}`)).attributes === '{"k":"kept"}', 'saved');
  });

  it('to give a session is asked again with the next call, and what waits for it fails', async () => {
    const other = await start();
    try {
      const link = await other.worker();
      const far = await link.open();
      const { id } = await call(link, far, 'info');
      await redis.command('SET', `ss:session:${id}`, 'no hash');
      const c = await w.open({ cookie: far.cookie });
      await assert.rejects(call(w, c, 'subscribe', 'room'), { code: UNAVAILABLE });
      await assert.rejects(call(w, c, 'save', 'k', 1), { code: UNAVAILABLE });
      const before = await asked('hgetall');
      await new Promise((resolve) => setTimeout(resolve, 200));
      assert.ok(await asked('hgetall') - before < 5, `asked ${await asked('hgetall') - before} times`);
      await redis.command('DEL', `ss:session:${id}`);
      assert.equal(await call(w, c, 'subscribe', 'room'), true);
      assert.equal(await call(w, c, 'get', 'k'), 1);
    } finally {
      await other.stop();
    }
  });

  it('to keep the secret of cookies is asked again until it does', async () => {
    await redis.command('RENAME', 'ss:secret', 'elsewhere');
    try {
      await without('set', async () => {
        const other = await start();
        try {
          const link = await other.worker();
          assert.equal((await link.open()).cookie, undefined);
          await redis.command('ACL', 'SETUSER', 'default', '+set');
          await eventually(async () => (await link.open()).cookie, 'cookies');
          assert.match(other.log, /does not keep ss:secret: NOPERM/);
        } finally {
          await other.stop();
        }
      });
    } finally {
      await redis.command('RENAME', 'elsewhere', 'ss:secret');
    }
  });
});

describe('a Redis that is a replica now', () => {
  it('is left for the master that has its address', async () => {
    const [former, next] = await Promise.all([startRedis(), startRedis()]);
    const other = await startSidecar(['--log-level', '0'], { app, env: { SS__redis__url: former.url } });
    try {
      const link = await other.worker();
      const c = await link.open();
      await call(link, c, 'save', 'k', 1);
      await former.command('REPLICAOF', '127.0.0.1', '1');
      await assert.rejects(call(link, c, 'save', 'k', 2), { code: UNAVAILABLE });
      await other.logged(/it is a replica;/);
      fs.renameSync(next.path, former.path);
      await eventually(() => call(link, c, 'save', 'k', 3).catch(() => false), 'saved by the master');
      const { id } = await call(link, c, 'info');
      assert.equal((await next.hash(`ss:session:${id}`)).attributes, '{"k":3}');
    } finally {
      await other.stop();
      await Promise.all([former.stop(), next.stop()]);
    }
  });
});

describe('a worker', () => {
  it('that is gone in the midst of what it is told takes nothing along', async () => {
    const rooms = Array.from({ length: 40 }, (_, i) => `${i}`.padEnd(200, 'x'));
    const c = await w.open();
    await call(w, c, 'subscribe', rooms);
    const link = await node.worker();
    const pairs = Buffer.concat([Buffer.from([1]), str16('cookie'), str16(String(c.cookie))]);
    const open = Buffer.concat([Buffer.from([2]), str16('/socketstream'), str16('192.0.2.1'), pairs]);
    const opens = Array.from({ length: 200 }, (_, slot) => frame(op.OPEN, { slot, generation: 1 }, open));
    node.child.kill('SIGSTOP');
    link.socket.write(Buffer.concat(opens), () => link.close());
    await link.end;
    node.child.kill('SIGCONT');
    assert.deepEqual((await call(w, c, 'info')).channels, rooms);
    const again = await node.worker({ identity: link.identity });
    assert.deepEqual((await call(again, await again.open({ cookie: c.cookie }), 'info')).channels, rooms);
  });
});

describe('an event\'s handler', () => {
  it('may end the session that the event is about', async () => {
    for (const event of ['channel:subscribe', 'channel:unsubscribe']) {
      const c = await w.open();
      await call(w, c, 'login', 'otto');
      await call(w, c, 'subscribe', ['other', event]);
      if (event === 'channel:unsubscribe') await call(w, c, 'unsubscribe', [event]);
      await eventually(async () => (await call(w, c, 'info')).user === '', `signed out by ${event}`);
      assert.deepEqual((await call(w, c, 'info')).channels, []);
    }
  });
});
