// SPDX-License-Identifier: MIT
//
// Clients that connect, subscribe and go, as new sessions each: what they leave behind.

import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';

import { runLoad, startOurs } from '../../bench/servers.mjs';
import { RedisClient } from '../lib/redis.mjs';
import { childrenOf, long, pss, sanitized, sleep, until } from '../lib/stack.mjs';
import { open } from '../lib/ws-client.mjs';

const CYCLES = long ? 100_000 : 10_000;
const WARM_UP = 3000; // so that pools and tables have grown
const TTL_S = 6;
const GROWTH_MAX = 512; // KiB, of each process, over all cycles

test(`${CYCLES} clients that connect, subscribe and disconnect leave nothing behind`, async (t) => {
  const server = await startOurs({ env: { SS__session__ttl: String(TTL_S) } });
  t.after(() => server.stop());
  const redis = new RedisClient(server.redis);
  t.after(() => redis.close());

  const port = Number(new URL(server.url).port);
  const [nginx, sidecar] = server.pids.map((spec) => Number(spec.split('=')[1]));
  const worker = await until(() => childrenOf(nginx)[0]); // nginx accepts before it has one
  const cycles = (/** @type {number} */ n) =>
    runLoad('churn', server, ['--clients', '16', '--sources', '64', '--channels', '3', '--calls', `${n}`]);
  const measure = () => [worker, sidecar].map((pid) => ({
    memory: pss(pid), files: readdirSync(`/proc/${pid}/fd`).length,
  }));
  const keys = async (/** @type {string} */ pattern) => (await redis.command('KEYS', pattern)).sort();
  const channels = async () => (await redis.command('PUBSUB', 'CHANNELS', 'ss:channel:*')).sort();

  // Some stay: two sessions that hold channels, one that held one, one that never did.
  const clients = await Promise.all(Array.from({ length: 4 }, () => open(port)));
  for (const [i, client] of clients.slice(0, 3).entries()) {
    assert.equal((await client.call('bench.join', [`stays:${i}`, 'stays'])).result, true);
  }
  assert.equal((await clients[2].call('bench.leave')).result, true);
  const kept = await keys('ss:session:*');
  assert.equal(kept.length, 2, 'the sessions that hold something have a key');

  await cycles(WARM_UP);
  await sleep(1000);
  const before = measure();
  const result = await cycles(CYCLES);
  assert.equal(result.cycles, CYCLES);
  await sleep(1000);
  const after = measure();
  for (const [i, name] of ['worker', 'sidecar'].entries()) {
    const grown = after[i].memory - before[i].memory;
    t.diagnostic(`${name}: ${before[i].memory} KiB and ${grown} more, ${after[i].files} files`);
    assert.equal(after[i].files, before[i].files, `files of the ${name}`);
    // A sanitizer's quarantine is no measure of anything.
    if (!sanitized) assert.ok(grown <= GROWTH_MAX, `the ${name} has grown by ${grown} KiB`);
  }
  t.diagnostic(`${result.cycles_per_second} cycles a second, ${result.cpu_us_per_cycle.toFixed(0)} µs of CPU each`);

  const gone = await until(async () => (await channels()).length === 3, 5000);
  assert.ok(gone, `channels that nobody holds: ${await channels()}`);
  const only = await until(async () => (await keys('ss:session:*')).length === 2, (TTL_S + 4) * 1000);
  assert.ok(only, `${(await keys('ss:session:*')).length} sessions are left in Redis`);
  assert.deepEqual(await keys('ss:session:*'), kept, 'those that stay and hold something');
  const others = (await keys('*')).filter((/** @type {string} */ key) => !kept.includes(key));
  assert.deepEqual(others, ['ss:secret'], 'no other key');
  for (const client of clients) {
    assert.equal((await client.call('bench.square', [25])).result, 625);
    client.socket.destroy();
  }
});
