// SPDX-License-Identifier: MIT
//
// Redis goes away under load, once with SHUTDOWN NOSAVE and once stopped in the middle of what it
// does: calls that do not need it do not notice, the others fail soon and clearly, and when it is
// back so is everything, but the events meanwhile, whose loss clients are told.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Browser, call, notified, startNodes } from '../lib/nodes.mjs';
import { sanitized, sleep, startStack, until } from '../lib/stack.mjs';
import { open } from '../lib/ws-client.mjs';

/** @typedef {import('../lib/ws-client.mjs').Client} Client */
/** @typedef {{kind: string, at: number, ms: number, code: number}} Outcome */

const UNAVAILABLE = -32003;
const SUBSCRIBERS = 40;
const QUICK_EVERY_MS = 10;
const QUICK_CALLS = 15; // each time
const BEFORE_MS = 5000;
const WINDOW_MS = 250;
const slow = sanitized ? 3 : 1;

/** @type {import('../lib/nodes.mjs').Nodes} */
let nodes;
/** A stack without Redis, called just as much: how much slower the machine itself has become.
 *  @type {import('../lib/stack.mjs').Stack} */
let control;

/** @param {number[]} list */
const p99 = (list) => list.sort((a, b) => a - b)[Math.floor(list.length * 0.99)] ?? 0;
/** @param {number[]} list */
const quartile = (list) => list.sort((a, b) => a - b)[list.length >> 2] ?? 0;

/**
 * The p99 of the calls that began in a time, and what it usually is: the lower quartile of those of
 * short windows.  A busy machine holds up one process or another for 50 ms in every other window;
 * what we do ourselves, at each call or timer, is in all of them.
 * @param {Outcome[]} outcomes @param {number} from @param {number} to
 */
function latency(outcomes, from, to) {
  const mine = outcomes.filter(({ at }) => at >= from && at < to);
  const windows = new Map();
  for (const { at, ms } of mine) {
    const window = Math.floor((at - from) / WINDOW_MS);
    windows.set(window, [...windows.get(window) ?? [], ms]);
  }
  return { calls: mine.length, all: p99(mine.map(({ ms }) => ms)), usual: quartile([...windows.values()].map(p99)) };
}

/** What goes on the whole time; stop() ends it. */
class Load {
  constructor() {
    /** @type {Outcome[]} */
    this.quick = [];
    /** @type {Outcome[]} */
    this.control = [];
    /** @type {Outcome[]} */
    this.needing = [];
    /** What was published: when, and whether Redis took it. @type {{at: number, ok: boolean}[][]} */
    this.published = [[], [], []];
    /** @type {string[]} */
    this.wrong = [];
    /** Of each subscriber: which numbers of each publisher came, and when. @type {Map<number, number>[][]} */
    this.got = [];
    /** @type {number[][]} */
    this.last = [];
    /** @type {Client[]} */
    this.subscribers = [];
    /** @type {Client[]} */
    this.callers = [];
    /** @type {NodeJS.Timeout[]} */
    this.timers = [];
    /** @type {Set<Promise<any>>} */
    this.open = new Set();
  }

  /** @param {number} s @param {any} message */
  arrived(s, message) {
    if (message.params[0] !== 'n') return;
    const [p, n] = message.params[1];
    if (this.got[s][p].has(n)) this.wrong.push(`subscriber ${s} got ${p}:${n} twice`);
    else if (n < this.last[s][p]) this.wrong.push(`subscriber ${s} got ${p}:${n} after ${this.last[s][p]}`);
    this.last[s][p] = n;
    this.got[s][p].set(n, performance.now());
  }

  /** @param {Client} client @param {Outcome[]} into @param {string} kind @param {any[]} params */
  async measure(client, into, kind, ...params) {
    const at = performance.now();
    const answer = await client.call(kind, params);
    into.push({ kind, at, ms: performance.now() - at, code: answer ? answer.error?.code ?? 0 : NaN });
  }

  /** @param {Promise<any>} work */
  track(work) {
    this.open.add(work);
    work.finally(() => this.open.delete(work));
  }

  async start() {
    for (let s = 0; s < SUBSCRIBERS; s++) {
      // Every other one is a JSON-RPC client of a kind that knows nothing of us.
      const headers = s % 2 ? ['Sec-WebSocket-Protocol: socketstream'] : [];
      this.got.push(this.published.map(() => new Map()));
      this.last.push(this.published.map(() => -1));
      const client = await open(nodes.port + (s % 4 < 2 ? 1 : 2), {
        headers,
        take: (text) => {
          const message = JSON.parse(text.toString());
          if (message.method !== 'event') return false;
          this.arrived(s, message);
          return true;
        },
      });
      await call(client, 'subscribe', ['load', `other:${s}`]);
      this.subscribers.push(client);
    }
    const ports = [nodes.port + 1, nodes.port + 2, control.port];
    const callers = await Promise.all(Array.from({ length: 15 }, (_, i) => open(ports[i % 3])));
    this.callers.push(...callers);
    this.callQuick(callers);
    this.callNeeding(await open(nodes.port + 1), 'nora');
    this.callNeeding(await open(nodes.port + 2), 'omar');
    this.publish(await open(nodes.port + 1), 0);
    this.publish(await open(nodes.port + 2), 1);
    this.publishByRedis(2);
  }

  /** One after the other, so that none of the three has a better place. @param {Client[]} callers */
  callQuick(callers) {
    let turn = 0;
    this.timers.push(setInterval(() => {
      for (let i = 0; i < QUICK_CALLS; i++, turn++) {
        const into = turn % 3 === 2 ? this.control : this.quick;
        this.track(this.measure(callers[turn % callers.length], into, turn % 3 === 2 ? 'chaos.square' : 'app.quick'));
      }
    }, QUICK_EVERY_MS));
  }

  /** @param {Client} client @param {string} user */
  callNeeding(client, user) {
    let turn = 0;
    this.callers.push(client);
    this.timers.push(setInterval(() => {
      turn++;
      for (const [kind, ...params] of [
        ['login', user], ['subscribe', `turn:${turn}`], ['save', 'turn', turn], ['online'],
        ['publish.broadcast', 'turn', [9, turn]], ['publish.sockets', ['x'], 'turn', turn], ['redis', 'GET', 'x'],
      ]) this.track(this.measure(client, this.needing, `app.${kind}`, ...params));
    }, 200));
  }

  /** @param {Client} client @param {number} p */
  publish(client, p) {
    let n = 0;
    this.callers.push(client);
    this.timers.push(setInterval(() => {
      const entry = { at: performance.now(), ok: false };
      this.published[p].push(entry);
      const to = n % 3 ? client.call('app.publish.channel', ['load', 'n', [p, n]])
        : client.call('app.publish.channels', [['nobody', 'load'], 'n', [p, n]]);
      n++;
      this.track(to.then((answer) => { entry.ok = answer?.result === true; }));
    }, 20));
  }

  /** @param {number} p */
  publishByRedis(p) {
    let n = 0;
    this.timers.push(setInterval(() => {
      if (!nodes.redis.cli) return;
      const entry = { at: performance.now(), ok: false };
      this.published[p].push(entry);
      const text = JSON.stringify({ event: 'n', params: [p, n++] });
      this.track(nodes.redis.command('PUBLISH', 'ss:channel:load', text)
        .then(() => { entry.ok = true; }, () => {}));
    }, 20));
  }

  async stop() {
    for (const timer of this.timers) clearInterval(timer);
    await Promise.all(this.open);
  }

  /** What came of those that were published between two times and taken by Redis, of all that was due.
   *  @param {number} from @param {number} to */
  missing(from, to) {
    const missing = [];
    for (const [p, list] of this.published.entries()) {
      for (const [n, { at, ok }] of list.entries()) {
        if (at < from || at >= to) continue;
        if (!ok) missing.push(`${p}:${n} was not published`);
        for (const [s, got] of this.got.entries()) if (!got[p].has(n)) missing.push(`${p}:${n} for ${s}`);
      }
    }
    return missing.slice(0, 10);
  }

  /** How long after a time each subscriber had something that was published after it; the slowest.
   *  @param {number} since */
  back(since) {
    let slowest = 0;
    for (const got of this.got) {
      let first = Infinity;
      for (const [p, map] of got.entries()) {
        for (const [n, at] of map) if (this.published[p][n].at > since) first = Math.min(first, at - since);
      }
      slowest = Math.max(slowest, first);
    }
    return slowest;
  }
}

/** @type {Load} */
let load;
/** @type {{browser: Browser, user: string, node: number}[]} */
const people = [];
before(async () => {
  control = await startStack({ workers: 2 });
  nodes = await startNodes({ SS__client__heartbeat_interval: '600' });
  for (const [user, node] of /** @type {[string, number][]} */ ([['ada', 0], ['ben', 1], ['cleo', 0]])) {
    const browser = new Browser(nodes);
    const tab = await browser.open(node);
    await call(tab, 'login', user);
    await browser.exchange(tab);
    await call(tab, 'subscribe', ['kept', `only:${user}`]);
    await call(tab, 'save', 'color', user);
    people.push({ browser, user, node });
    if (node) tab.socket.destroy(); // one of them is not here when it happens
  }
  load = new Load();
  await load.start();
  await sleep(1000);
});
after(async () => {
  await load?.stop();
  await nodes.stop();
  assert.deepEqual(await control.stop(), []);
});

for (const { name, down, up, forMs } of [
  {
    name: 'SHUTDOWN NOSAVE and a restart', forMs: 4000,
    down: () => nodes.redis.quit(),
    up: async () => { await nodes.redis.start(); },
  },
  {
    name: 'SIGSTOP for 10 s', forMs: 10_000,
    down: async () => nodes.redis.signal('SIGSTOP'),
    up: async () => nodes.redis.signal('SIGCONT'),
  },
]) {
  test(name, async (t) => {
    const resyncs = load.subscribers.map((client) => notified(client, 'system.resync').length);
    const calm = performance.now();
    await sleep(BEFORE_MS);
    const left = performance.now();
    await down();
    const gone = performance.now();
    await sleep(forMs);
    const returning = performance.now();
    await up();
    const back = performance.now();
    await until(() => load.back(back) < Infinity, 10_000);
    await sleep(3000);
    const end = performance.now();
    await sleep(1000);

    await t.test('calls that do not need it keep their p99', () => {
      const was = latency(load.quick, calm, left);
      const is = latency(load.quick, gone, returning);
      const other = latency(load.control, gone, returning);
      const slower = Math.max(1, other.usual / latency(load.control, calm, left).usual);
      t.diagnostic(`p99 of ${was.calls} calls before: ${was.usual.toFixed(2)} ms (over all ${was.all.toFixed(2)}), `
        + `of ${is.calls} calls without: ${is.usual.toFixed(2)} ms (${is.all.toFixed(2)}), `
        + `the machine itself ${slower.toFixed(2)} times slower`);
      assert.ok(is.calls > forMs / QUICK_EVERY_MS / 2, 'they were made');
      assert.deepEqual([...new Set(load.quick.map(({ code }) => code))], [0]);
      assert.ok(is.usual <= 1.5 * slower * was.usual + 1, 'usually');
      assert.ok(is.all <= Math.max(1.5 * slower * was.all, 1.5 * other.all, 100 * slow), 'over all');
    });

    await t.test('calls that need it fail with -32003 within 2 s', () => {
      const meanwhile = load.needing.filter(({ at }) => at > gone && at < returning - 2500);
      const slowest = Math.max(...meanwhile.map(({ ms }) => ms));
      t.diagnostic(`${meanwhile.length} calls that need Redis failed, the slowest after ${slowest.toFixed(0)} ms`);
      assert.equal(new Set(meanwhile.map(({ kind }) => kind)).size, 7);
      assert.deepEqual(meanwhile.filter(({ code }) => code !== UNAVAILABLE), []);
      assert.ok(slowest <= 2000 + 300 * slow, `${slowest} ms`);
      const others = load.needing.filter(({ at }) => (at > calm && at < left - 100) || (at > back + 2000 && at < end));
      assert.deepEqual(others.filter(({ code }) => code !== 0).slice(0, 10), [], 'and none before and after');
    });

    await t.test('events come again within 2 s of its return', () => {
      const ms = load.back(back);
      t.diagnostic(`all subscribers had events again ${ms.toFixed(0)} ms after it was back`);
      assert.ok(ms <= 2000 * slow, `${ms} ms`);
    });

    await t.test('clients that know system.resync got it, the others nothing', () => {
      for (const [s, client] of load.subscribers.entries()) {
        const got = notified(client, 'system.resync').slice(resyncs[s]);
        assert.deepEqual(got, s % 2 ? [{ reason: 'redis' }] : [], `subscriber ${s}`);
        if (s % 2 === 0) assert.deepEqual(client.other, []);
      }
    });

    await t.test('no event came twice or in another order, and none is lost before and after', () => {
      assert.deepEqual(load.wrong, []);
      assert.deepEqual(load.missing(calm, left - 100), []);
      assert.deepEqual(load.missing(back + 2000 * slow, end), []);
    });

    await t.test('sessions are there, on any node, and no socket closed', async () => {
      for (const { browser, user, node } of people) {
        for (const where of [1 - node, node]) {
          const tab = await browser.open(where);
          const { user: who, channels } = await call(tab, 'info');
          assert.deepEqual([who, channels], [user, ['kept', `only:${user}`]]);
          assert.equal(await call(tab, 'get', 'color'), user);
          await nodes.redis.command('PUBLISH', `ss:channel:only:${user}`, '{"event":"e"}');
          assert.ok(await until(() => notified(tab, 'event').length > 0), 'its channels work');
          tab.socket.destroy();
        }
      }
      assert.equal([...load.subscribers, ...load.callers].filter((c) => c.ended).length, 0);
    });
  });
}
