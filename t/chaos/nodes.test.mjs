// SPDX-License-Identifier: MIT
//
// Sessions, users and events across two nodes behind a balancer: nobody notices which node they
// are on, and the list of who is online stays right, whatever ends a connection.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { Browser, call, events, startNodes } from '../lib/nodes.mjs';
import { sleep, until } from '../lib/stack.mjs';

/** @typedef {import('../lib/ws-client.mjs').Client} Client */

const LEASE_MS = 2000;
const SLACK_MS = 4000; // a busy machine

/** @type {import('../lib/nodes.mjs').Nodes} */
let nodes;
before(async () => {
  nodes = await startNodes({
    SS__users__online__mins_until_offline: String(LEASE_MS / 60_000),
    SS__users__online__update_interval: '0.5',
  });
});
after(() => nodes.stop());

/** A browser whose user has signed in on a node. @param {string} user @param {number} node */
async function signIn(user, node) {
  const browser = new Browser(nodes);
  const tab = await browser.open(node);
  await call(tab, 'login', user);
  await browser.exchange(tab);
  return { browser, tab };
}

/**
 * What each client got up to a mark that everybody gets last.
 * @param {Client[]} clients
 */
async function settled(clients) {
  const mark = `mark${Math.random()}`;
  await nodes.redis.command('PUBLISH', 'ss:broadcast', JSON.stringify({ event: mark }));
  return Promise.all(clients.map(async (client) => {
    const at = () => events(client).findIndex(([name]) => name === mark);
    assert.ok(await until(() => at() >= 0), 'the mark');
    return events(client).slice(0, at());
  }));
}

/** @param {Client} client @returns {Promise<string[]>} */
const online = async (client) => (await call(client, 'online')).sort();

describe('events', () => {
  test('published on one node arrive at a user and a channel on the other', async () => {
    const { tab } = await signIn('ada', 0);
    const stranger = await new Browser(nodes).open(0);
    const publisher = await new Browser(nodes).open(1);
    await call(tab, 'subscribe', 'room');
    await call(publisher, 'publish.user', 'ada', 'whisper', { n: 1 });
    await call(publisher, 'publish.channel', 'room', 'said', { n: 2 });
    await call(publisher, 'publish.broadcast', 'all', { n: 3 });
    assert.deepEqual(await settled([tab, stranger, publisher]), [
      [['whisper', { n: 1 }], ['said', { n: 2 }, 'room'], ['all', { n: 3 }]],
      [['all', { n: 3 }]], [['all', { n: 3 }]],
    ]);
    await call(tab, 'logout');
  });

  test('for a user come to two tabs on different nodes, once each', async () => {
    const { browser, tab } = await signIn('ben', 0);
    const other = await browser.open(1);
    assert.equal((await call(other, 'info')).user, 'ben');
    const elsewhere = (await signIn('ben', 1)).tab; // a second session of his
    const publisher = await new Browser(nodes).open(0);
    await call(publisher, 'publish.user', 'ben', 'one', 1);
    await nodes.redis.command('PUBLISH', 'ss:user:ben', '{"event":"two","params":2}');
    const both = [['one', 1], ['two', 2]];
    assert.deepEqual(await settled([tab, other, elsewhere, publisher]), [both, both, both, []]);
    await call(tab, 'logout');
    await call(elsewhere, 'logout');
  });

  test('of a channel that one tab subscribed come to the tab on the other node', async () => {
    const browser = new Browser(nodes);
    const tab = await browser.open(0);
    await call(tab, 'subscribe', 'shared');
    const other = await browser.open(1);
    await call(other, 'subscribe', 'later');
    assert.ok(await until(async () => (await call(tab, 'info')).channels.includes('later')));
    const publisher = await new Browser(nodes).open(1);
    await call(publisher, 'publish.channel', 'shared', 'e', 1);
    await call(publisher, 'publish.channels', ['later', 'shared'], 'e', 2);
    const all = [['e', 1, 'shared'], ['e', 2, 'later']];
    assert.deepEqual(await settled([tab, other]), [all, all]);
  });
});

describe('a session', () => {
  test('moves to the other node on reconnect, with its user, channels and attributes', async () => {
    const { browser, tab } = await signIn('cleo', 0);
    await call(tab, 'subscribe', ['kept', 'ü']);
    await call(tab, 'save', 'color', 'red');
    const there = await call(tab, 'info');
    tab.socket.destroy();

    const moved = await browser.open(1);
    const here = await call(moved, 'info');
    assert.deepEqual({ ...here, socket: '' }, { ...there, socket: '' });
    assert.deepEqual([here.user, here.channels], ['cleo', ['kept', 'ü']]);
    assert.equal(await call(moved, 'get', 'color'), 'red');
    assert.equal(await call(moved, 'secret'), 'the secret');
    const publisher = await new Browser(nodes).open(0);
    await call(publisher, 'publish.channel', 'kept', 'e', 1);
    await call(publisher, 'publish.user', 'cleo', 'e', 2);
    assert.deepEqual(await settled([moved]), [[['e', 1, 'kept'], ['e', 2]]]);

    // A logout on the one node ends it on the other.
    const back = await browser.open(0);
    assert.equal((await call(back, 'info')).id, here.id);
    await call(back, 'logout');
    assert.ok(await until(async () => (await moved.call('app.secret')).error?.code === -32001, 1000 + SLACK_MS));
  });
});

describe('the list of who is online', () => {
  /**
   * Both nodes have the list, and go on to have it for as long as a lease lasts and more.
   * @param {Client[]} askers @param {string[]} expected
   */
  async function stays(askers, expected) {
    for (const end = Date.now() + LEASE_MS + 1500; Date.now() < end; await sleep(100)) {
      for (const asker of askers) assert.deepEqual(await online(asker), expected);
    }
  }

  /**
   * Both nodes have the list within `max` ms, but not before `min`.
   * @param {Client[]} askers @param {string[]} expected @param {number} max @param {number} [min]
   */
  async function becomes(askers, expected, max, min = 0) {
    const start = Date.now();
    for (const asker of askers) {
      const right = () => online(asker).then((list) => JSON.stringify(list) === JSON.stringify(expected));
      await until(right, max);
      assert.deepEqual(await online(asker), expected);
    }
    assert.ok(Date.now() - start >= min, `after ${Date.now() - start} ms`);
  }

  test('is right through login, second tab, tab close and logout', async () => {
    const askers = [await new Browser(nodes).open(0), await new Browser(nodes).open(1)];
    await becomes(askers, [], LEASE_MS + SLACK_MS); // those of the tests before
    const { browser, tab } = await signIn('dora', 0);
    await becomes(askers, ['dora'], 0);
    const second = await browser.open(1);
    const { tab: eli } = await signIn('eli', 1);
    await becomes(askers, ['dora', 'eli'], 0);

    tab.socket.destroy(); // she has another one
    await stays(askers, ['dora', 'eli']);
    second.socket.destroy(); // she has none, and is back before the lease ends
    await sleep(LEASE_MS / 3);
    await becomes(askers, ['dora', 'eli'], 0);
    const back = await browser.open(0);
    await stays(askers, ['dora', 'eli']);
    back.socket.destroy(); // for good
    await becomes(askers, ['eli'], LEASE_MS + SLACK_MS, LEASE_MS / 3);

    const again = await browser.open(1);
    const third = await browser.open(0);
    await becomes(askers, ['dora', 'eli'], 0);
    await call(third, 'logout'); // of both tabs, at once
    await becomes(askers, ['eli'], 1000);
    await call(eli, 'logout');
    await becomes(askers, [], 0);
    assert.equal((await call(again, 'info')).user, '');
    for (const client of [again, third, eli]) client.socket.destroy();
  });

  test('has a user of two sessions until the last one is signed out', async () => {
    const askers = [await new Browser(nodes).open(0), await new Browser(nodes).open(1)];
    const { tab: one } = await signIn('finn', 0);
    const { tab: two } = await signIn('finn', 0);
    const { tab: three } = await signIn('finn', 1);
    await call(one, 'logout');
    await call(three, 'logout');
    await stays(askers, ['finn']);
    await call(two, 'logout');
    await becomes(askers, [], 0);
  });

  test('loses the users of a node that is killed, and keeps those who come to the other', async () => {
    const asker = await new Browser(nodes).open(0);
    const { tab: gone } = await signIn('gil', 1);
    const { browser, tab: moving } = await signIn('hana', 1);
    const { browser: twice, tab: here } = await signIn('ivo', 0);
    const there = await twice.open(1);
    await call(moving, 'subscribe', 'survives');
    await becomes([asker], ['gil', 'hana', 'ivo'], 0);

    await nodes.kill(1);
    assert.ok(await until(() => gone.ended && moving.ended && there.ended), 'their sockets ended');
    assert.ok(!here.ended && !asker.ended, 'the other node\'s did not');
    const moved = await browser.open(0);
    assert.deepEqual(await call(moved, 'info').then((i) => [i.user, i.channels]), ['hana', ['survives']]);
    await becomes([asker], ['hana', 'ivo'], LEASE_MS + SLACK_MS);
    await stays([asker], ['hana', 'ivo']);
    await nodes.redis.command('PUBLISH', 'ss:channel:survives', '{"event":"e","params":1}');
    assert.deepEqual(await settled([moved]), [[['e', 1, 'survives']]]);
  });
});
