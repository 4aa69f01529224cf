// SPDX-License-Identifier: MIT
//
// Numbered messages to 1,000 subscribers on two nodes, by several publishers at a time, to single
// and several names mixed: each subscriber gets exactly its own, byte for byte, in the order of
// each publisher.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { call, startNodes } from '../lib/nodes.mjs';
import { RedisClient } from '../lib/redis.mjs';
import { long, sleep } from '../lib/stack.mjs';
import { open, openMany } from '../lib/ws-client.mjs';

const SUBSCRIBERS = 1000;
const MESSAGES = long ? 50_000 : 10_000;
const ROUND = 250; // messages that may be on their way, well below any queue's limit
const SILENCE_MS = 20_000;

/**
 * Who is in what: group i is in all of these.  The last one is not in `all`, and the last but one
 * in nothing that anybody publishes to.
 */
const GROUPS = 10;
const member = Array.from({ length: GROUPS }, (_, i) => i === 8 ? ['silent'] : [
  ...i === 9 ? [] : ['all'], `group:${i}`, i % 2 ? 'odd ü' : 'even "quoted"']);

/** Where message n of a publisher goes. @param {number} n @returns {string | string[]} */
function target(n) {
  const group = `group:${Math.floor(n / 10) % GROUPS}`;
  switch (n % 10) {
    case 4: return group;
    case 5: return 'odd ü';
    case 6: return ['nobody', group, 'all'];
    case 7: return ['all', group];
    case 8: return ['even "quoted"', 'odd ü'];
    case 9: return [group, 'even "quoted"', 'all', group];
    default: return 'all';
  }
}

/**
 * @typedef {object} Publisher
 * @property {(target: string | string[], params: number[]) => Promise<any>} publish
 * @property {number} sent
 * @property {Buffer[][]} expected  for each group: the texts, in order
 */

const EVENT = '{"jsonrpc":"2.0","method":"event","params":["n",[';
const PUBLISHER_AT = EVENT.length;

/**
 * Sends message n, and notes who has to get what.
 * @param {Publisher} publisher @param {number} p
 */
function send(publisher, p) {
  const n = publisher.sent++;
  const to = target(n);
  for (const [i, channels] of member.entries()) {
    const first = [to].flat().find((name) => channels.includes(name));
    if (first) publisher.expected[i].push(Buffer.from(`${EVENT}${p},${n}],${JSON.stringify(first)}]}`));
  }
  return publisher.publish(to, [p, n]);
}

/** @type {import('../lib/nodes.mjs').Nodes} */
let nodes;
before(async () => { nodes = await startNodes({ SS__client__heartbeat_interval: '600' }); });
after(() => nodes.stop());

test(`${MESSAGES} messages to ${SUBSCRIBERS} subscribers on two nodes: each once, in order`, async (t) => {
  // Two actions' callers, one on each node, and two programs that know nothing but Redis.
  const callers = [await open(nodes.port + 1), await open(nodes.port + 2)];
  const programs = [new RedisClient(nodes.redis.path), new RedisClient(nodes.redis.path)];
  t.after(() => { for (const program of programs) program.close(); });
  /** @type {Publisher[]} */
  const publishers = [
    ...callers.map((client) => (/** @type {string | string[]} */ to, /** @type {number[]} */ params) =>
      call(client, Array.isArray(to) ? 'publish.channels' : 'publish.channel', to, 'n', params)),
    ...programs.map((redis) => (/** @type {string | string[]} */ to, /** @type {number[]} */ params) =>
      Array.isArray(to)
        ? redis.command('PUBLISH', 'ss:channels', JSON.stringify({ channels: to, event: 'n', params }))
        : redis.command('PUBLISH', `ss:channel:${to}`, JSON.stringify({ event: 'n', params }))),
  ].map((publish) => ({ publish, sent: 0, expected: member.map(() => []) }));

  let received = 0;
  let due = 0;
  /** @type {string[]} */
  const wrong = [];
  const next = Array.from({ length: SUBSCRIBERS }, () => publishers.map(() => 0));

  /** @param {number} s @param {Buffer} text */
  const arrived = (s, text) => {
    const p = text[PUBLISHER_AT] - 0x30;
    const expected = publishers[p]?.expected[s % GROUPS][next[s]?.[p]];
    received++;
    if (expected?.equals(text)) next[s][p]++;
    else if (wrong.length < 10) wrong.push(`subscriber ${s} got ${text}, not ${expected ?? 'nothing'}`);
    return true;
  };

  // Half of them on each node, and of these one half through the balancer.
  const subscribers = [];
  for (let s = 0; s < SUBSCRIBERS; s++) {
    const mine = s;
    let subscribed = false;
    const port = nodes.port + [1, 2, 0, 0][Math.floor(s / GROUPS) % 4];
    const client = open(port, { take: (text) => subscribed && arrived(mine, text) }).then(async (c) => {
      assert.equal(c.status, 101);
      await call(c, 'subscribe', member[mine % GROUPS]);
      subscribed = true;
      return c;
    });
    subscribers.push(client);
    if (s % 50 === 49) await Promise.all(subscribers);
  }
  const clients = await Promise.all(subscribers);

  const start = Date.now();
  for (let sent = 0; sent < MESSAGES && wrong.length === 0;) {
    const round = [];
    for (let i = 0; i < ROUND; i++, sent++) round.push(send(publishers[sent % publishers.length], sent % publishers.length));
    await Promise.all(round);
    due = publishers.flatMap(({ expected }) => expected).reduce((sum, { length }) => sum + length, 0)
      * (SUBSCRIBERS / GROUPS);
    for (let at = Date.now(), before = -1; received < due && Date.now() - at < SILENCE_MS; await sleep(1)) {
      if (received !== before) at = Date.now();
      before = received;
    }
    if (received !== due) break;
  }
  const seconds = (Date.now() - start) / 1000;
  await sleep(500); // for what should not come
  t.diagnostic(`${received} deliveries in ${seconds.toFixed(1)} s, ${Math.round(received / seconds)} a second`);

  assert.deepEqual(wrong, [], 'nothing lost, nothing twice, in order');
  assert.equal(received, due, 'none lost');
  assert.equal(publishers.reduce((sum, { sent }) => sum + sent, 0), MESSAGES);
  const short = next.flatMap((cursors, s) =>
    cursors.filter((n, p) => n !== publishers[p].expected[s % GROUPS].length));
  assert.deepEqual(short, [], 'each got all of its own');
  assert.ok(due > MESSAGES * SUBSCRIBERS / 2, 'most went to most');
  assert.equal(clients.filter((c) => c.ended).length, 0, 'nobody was cut off');
  for (const client of [...clients, ...callers]) client.socket.destroy();
});
