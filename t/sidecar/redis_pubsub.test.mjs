// SPDX-License-Identifier: MIT
//
// Events over a Redis of their own: two sidecars, and a Redis for each of the two tasks.

import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startSidecar } from '../lib/fake_worker.mjs';
import { startRedis } from '../lib/redis.mjs';

/** @typedef {import('../lib/fake_worker.mjs').Sidecar} Sidecar */
/** @typedef {import('../lib/fake_worker.mjs').Worker} Worker */

const app = path.join(path.dirname(fileURLToPath(import.meta.url)), 'session_app');

/** @type {import('../lib/redis.mjs').Redis} */
let sessions;
/** @type {import('../lib/redis.mjs').Redis} */
let events;
/** @type {Sidecar[]} */
let nodes;
/** @type {Worker} */
let a;
/** @type {Worker} */
let b;

const start = () => startSidecar(['--log-level', '0'], {
  app,
  env: {
    SS__redis__url: sessions.url, SS__redis__key_prefix: 'own', SS__redis__command_timeout: '1',
    SS__redis_pubsub__url: events.url, SS__redis_pubsub__command_timeout: '1',
  },
});

before(async () => {
  [sessions, events] = await Promise.all([startRedis(), startRedis()]);
  nodes = await Promise.all([start(), start()]);
  [a, b] = await Promise.all(nodes.map((node) => node.worker()));
});
after(async () => {
  await Promise.all(nodes.map((node) => node.stop()));
  await Promise.all([sessions.stop(), events.stop()]);
});

/** @param {Worker} w @param {any} c @param {string} action @param {unknown[]} params */
const call = async (w, c, action, ...params) => {
  const { error, result } = await w.call(c, `app.${action}`, params, 15000);
  return error ? error.code : result;
};

/** @param {number} status of both nodes */
async function health(status) {
  for (const w of [a, b]) {
    while ((await w.http({ path: 'system/health' })).status !== status) await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

it('events go through one Redis, sessions through the other', async () => {
  const [c, d] = [await a.open(), await b.open()];
  await call(b, d, 'subscribe', 'room');
  await call(a, c, 'publish.channel', 'room', 'said', 1);
  assert.deepEqual(await b.event(d, 'said'), ['said', 1, 'room']);
  // Not heard, being on the other one; what follows it on the right one is.
  assert.equal(await sessions.command('PUBLISH', 'own:broadcast', '{"event":"wrong","params":0}'), 0);
  assert.equal(await events.command('PUBLISH', 'own:broadcast', '{"event":"right","params":0}'), 2);
  assert.deepEqual(await b.event(d, 'right'), ['right', 0]);

  assert.deepEqual(await events.command('KEYS', '*'), []);
  const { id } = await call(b, d, 'info');
  assert.equal(await sessions.command('EXISTS', `own:session:${id}`), 1);
  const channels = await sessions.command('PUBSUB', 'CHANNELS', 'own:*');
  assert.deepEqual(channels.filter((/** @type {string} */ name) => !name.includes('canary')), ['own:sessions']);
});

it('the commands of actions are for the Redis of sessions', async () => {
  const c = await a.open();
  assert.equal(await call(a, c, 'redis', 'INCR', 'mine'), 1);
  assert.deepEqual([await sessions.command('GET', 'mine'), await events.command('EXISTS', 'mine')], ['1', 0]);
  await sessions.command('DEL', 'mine');
});

it('a change of a session is told to the other nodes by the Redis of sessions', async () => {
  const c = await a.open();
  const far = await b.open({ cookie: c.cookie });
  await call(a, c, 'subscribe', 'tabs');
  await b.until(() => b.place(far).topics.has('c:tabs'), 'the far tab joins');
});

it('without the Redis of events sessions go on, and clients are told when it is back', async () => {
  const c = await a.open({ system: true });
  await call(a, c, 'login', 'ann');
  await events.shutdown();
  await nodes[0].logged(/redis_pubsub: away/);
  await health(503);
  assert.equal(await call(a, c, 'publish.broadcast', 'e', 1), -32003);
  assert.notEqual(await call(a, c, 'save', 'k', 1), -32003);
  assert.equal((await call(a, await a.open({ cookie: c.cookie }), 'info')).user, 'ann');
  await events.start();
  assert.deepEqual(await a.event(c, 'system.resync', 10000), { reason: 'redis' });
  await health(200);
});

it('without the Redis of sessions events go on', async () => {
  const c = await a.open({ system: true });
  const { redis, redis_pubsub: pubsub } = JSON.parse((await a.http({ path: 'system/health', address: '127.0.0.1' })).body);
  assert.ok(redis.up && pubsub.up);
  await sessions.shutdown();
  await nodes[0].logged(/redis: away/);
  assert.equal(await call(a, c, 'save', 'k', 1), -32003);
  await events.command('PUBLISH', 'own:broadcast', '{"event":"still","params":0}');
  assert.deepEqual(await a.event(c, 'still'), ['still', 0]);
  await sessions.start();
  await health(200);
  assert.equal(a.place(c).inbox.filter((text) => text.includes('system.resync')).length, 0, 'no event was lost');
});

it('what is wrong with it is told by its name', async () => {
  await assert.rejects(startSidecar([], { app, env: { SS__redis__url: sessions.url, SS__redis_pubsub__url: 'rediss://h' } }),
    /redis_pubsub\.url: rediss:\/\/ needs TLS/);
});
