// SPDX-License-Identifier: MIT
//
// Events: two sidecars on one Redis, each with a fake worker that spreads as nginx does.

import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { op, startSidecar } from '../lib/fake_worker.mjs';
import { startRedis } from '../lib/redis.mjs';
import { busyness, stopwatch } from '../lib/stack.mjs';

/** @typedef {import('../lib/fake_worker.mjs').Sidecar} Sidecar */
/** @typedef {import('../lib/fake_worker.mjs').Worker} Worker */

const app = path.join(path.dirname(fileURLToPath(import.meta.url)), 'session_app');
const PORTION = 500;
const later = (/** @type {number} */ ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** @type {import('../lib/redis.mjs').Redis} */
let redis;
/** @type {Sidecar} */
let nodeA;
/** @type {Sidecar} */
let nodeB;
/** @type {Worker} */
let a;
/** @type {Worker} */
let b;

const start = () => startSidecar(['--log-level', '0'], {
  app, env: { SS__redis__url: redis.url, SS__redis__command_timeout: '1' },
});

before(async () => {
  redis = await startRedis();
  [nodeA, nodeB] = await Promise.all([start(), start()]);
  a = await nodeA.worker();
  b = await nodeB.worker();
});
after(async () => {
  await Promise.all([nodeA.stop(), nodeB.stop()]);
  await redis.stop();
});

/** @param {Worker} w @param {any} c @param {string} action @param {unknown[]} params */
async function call(w, c, action, ...params) {
  const answer = await w.call(c, `app.${action}`, params, 15000);
  if (answer.error) throw Object.assign(new Error(answer.error.message), { code: answer.error.code });
  return answer.result;
}

/** What came before a mark that everybody gets. @param {[Worker, any][]} clients */
async function settled(clients) {
  const mark = `mark${Math.random()}`;
  await redis.command('PUBLISH', 'ss:broadcast', JSON.stringify({ event: mark, params: 0 }));
  return Promise.all(clients.map(async ([w, c]) => {
    const { inbox } = w.place(c);
    await w.until(() => inbox.some((text) => text.includes(mark)), 'the mark');
    return w.events(c).filter(([name]) => !name.startsWith('mark')); // the other node may be late with an earlier one
  }));
}

describe('what redis-cli publishes', () => {
  it('reaches whom it is for, on every node, with the channel for channel events only', async () => {
    const c = await a.open();
    const d = await b.open();
    const e = await b.open();
    await call(a, c, 'login', 'zoe');
    await call(b, d, 'login', 'zoe');
    await call(a, c, 'subscribe', ['room:7', 'ü']);
    const publish = (/** @type {string} */ on, /** @type {string} */ text) =>
      redis.command('PUBLISH', on, text);
    await publish('ss:broadcast', '{"event":"all","params":{"n":1}}');
    await publish('ss:user:zoe', ' { "params" : [1, 2] , "event" : "mine" } ');
    await publish('ss:channel:room:7', '{"event":"said","params":"hi"}');
    await publish('ss:channel:ü', '{"event":"said"}');
    await publish('ss:channels', '{"channels":["nobody","ü","room:7"],"event":"both","params":1.50}');
    assert.deepEqual(await settled([[a, c], [b, d], [b, e]]), [
      [['all', { n: 1 }], ['mine', [1, 2]], ['said', 'hi', 'room:7'], ['said', null, 'ü'],
        ['both', 1.5, 'ü']],
      [['all', { n: 1 }], ['mine', [1, 2]]],
      [['all', { n: 1 }]],
    ]);
  });

  it('is passed on byte for byte', async () => {
    const c = await a.open();
    await redis.command('PUBLISH', 'ss:broadcast',
      '{"event":"\\u0061 \\"b\\"","params":{"x":[1.50,1e3, "\\ud834\\udd1e"]}}');
    await a.until(() => a.place(c).inbox.length, 'the event');
    assert.equal(a.place(c).inbox.pop(), '{"jsonrpc":"2.0","method":"event","params":'
      + '["\\u0061 \\"b\\"",{"x":[1.50,1e3, "\\ud834\\udd1e"]}]}');
  });

  it('is dropped and logged when it is malformed', async () => {
    const c = await a.open();
    await call(a, c, 'subscribe', 'x');
    const bad = ['', '{', '[]', '"event"', '{}', '{"event":1,"params":2}', '{"event":"","params":1}',
      '{"params":1}', '{"event":"e","params":}', '{"event":"e"},{}', '{"event":"e","params":1}x',
      `{"event":"e","params":${'['.repeat(200)}${']'.repeat(200)}}`,
      `{"event":"e","params":"${'x'.repeat(1 << 20)}"}`];
    for (const text of bad) await redis.command('PUBLISH', 'ss:channel:x', text);
    for (const text of ['{"event":"e","params":1}', '{"channels":[],"event":"e"}',
      '{"channels":"x","event":"e"}', '{"channels":[1],"event":"e"}',
      `{"channels":[${'"x",'.repeat(128)}"x"],"event":"e"}`, 'null']) {
      await redis.command('PUBLISH', 'ss:channels', text);
    }
    for (const text of ['x', '{}', '{"id":"x","kind":"logout"}', '{"id":7,"kind":7}', '[1]']) {
      await redis.command('PUBLISH', 'ss:sessions', text);
    }
    assert.deepEqual(await settled([[a, c]]), [[]]);
    assert.equal(nodeA.log.match(/is dropped: /g)?.length, bad.length + 6);
  });
});

describe('an action', () => {
  it('publishes to users, channels, everybody, and single connections', async () => {
    const [c, d] = [await a.open(), await b.open()];
    await call(a, c, 'login', 'yan');
    await call(b, d, 'login', 'xin');
    await call(a, c, 'subscribe', 'one');
    await call(b, d, 'subscribe', ['two', 'three']);
    const { socket } = await call(b, d, 'info');
    await call(a, c, 'publish.user', 'xin', 'e1', 1);
    await call(a, c, 'publish.users', ['xin', 'yan', 'nobody'], 'e2', null);
    await call(a, c, 'publish.channel', 'two', 'e3', { a: 'b' });
    await call(a, c, 'publish.channels', ['one', 'three', 'two'], 'e4', []);
    await call(a, c, 'publish.channels', ['one'], 'e5', []);
    await call(a, c, 'publish.broadcast', 'e6', '"');
    await call(a, c, 'publish.sockets', [socket, 'no-such-socket', '0-0-0'], 'e7', 7);
    assert.deepEqual(await settled([[a, c], [b, d]]), [
      [['e2', null], ['e4', [], 'one'], ['e5', [], 'one'], ['e6', '"']],
      [['e1', 1], ['e2', null], ['e3', { a: 'b' }, 'two'], ['e4', [], 'three'], ['e6', '"'],
        ['e7', 7]],
    ]);
  });

  it('is told what is wrong with its arguments', async () => {
    const c = await a.open();
    for (const [action, params, text] of /** @type {[string, unknown[], RegExp][]} */ ([
      ['publish.broadcast', ['', 1], /Event Name \(first argument\) must be a string/],
      ['publish.broadcast', ['e'], /Params \(second argument\) must be provided/],
      ['publish.channel', ['c', 7, 1], /Event Name \(second argument\) must be a string/],
      ['publish.channel', ['c', 'e'], /Params \(third argument\) must be provided/],
      ['publish.channels', [[], 'e', 1], /No channels specified/],
      ['publish.channels', [Array(129).fill('c'), 'e', 1], /Too many/],
      ['publish.channel', ['c'.repeat(257), 'e', 1], /Channel names must be strings/],
      ['publish.user', [null, 'e', 1], /User ID \(first argument\) must be a string/],
      ['publish.users', [[], 'e', 1], /No users specified/],
      ['publish.sockets', [[], 'e', 1], /No sockets specified/],
      ['subscribe', [[]], /No channels specified/],
      ['subscribe', [['c', '']], /Channel names must be strings/],
    ])) {
      await assert.rejects(call(a, c, action, ...params), { code: -32602 }, action);
      await nodeA.logged(text);
    }
    await assert.rejects(call(a, c, 'publish.broadcast', 'e', 'x'.repeat(1 << 20)), { code: -32005 });
    assert.deepEqual(await settled([[a, c]]), [[]]);
  });

  it('reaches Redis itself', async () => {
    const c = await a.open();
    await call(a, c, 'redis', 'INCR', 'app:counter');
    assert.equal(await call(a, c, 'redis', 'GET', 'app:counter'), '1');
  });
});

describe('a channel', () => {
  it('has one subscription in Redis, as long as it has members here', async () => {
    const clients = await Promise.all(Array.from({ length: 20 }, () => a.open()));
    await Promise.all(clients.map((c) => call(a, c, 'subscribe', ['shared', 'also'])));
    assert.deepEqual(await redis.command('PUBSUB', 'NUMSUB', 'ss:channel:shared'),
      ['ss:channel:shared', 1]);
    clients.slice(1).forEach((c) => a.leave(c));
    await call(a, clients[0], 'unsubscribe', 'also');
    await a.sync();
    assert.deepEqual(await redis.command('PUBSUB', 'NUMSUB', 'ss:channel:shared', 'ss:channel:also'),
      ['ss:channel:shared', 1, 'ss:channel:also', 0]);
    a.leave(clients[0]);
    await a.sync();
    await later(50);
    assert.deepEqual(await redis.command('PUBSUB', 'NUMSUB', 'ss:channel:shared'),
      ['ss:channel:shared', 0]);
  });

  it('is kept in the session, which finds it on any node', async () => {
    const c = await a.open();
    const names = ['z', 'a', 'ü/ä "quoted"', 'x'.repeat(256)];
    await call(a, c, 'subscribe', names);
    const { id } = await call(a, c, 'info');
    assert.deepEqual(JSON.parse((await redis.hash(`ss:session:${id}`)).channels), names);
    a.leave(c);
    const d = await b.open({ cookie: c.cookie });
    assert.deepEqual((await call(b, d, 'info')).channels, names);
    await redis.command('PUBLISH', `ss:channel:${names[2]}`, '{"event":"e","params":1}');
    assert.deepEqual(await b.event(d, 'e'), ['e', 1, names[2]]);
    await call(b, d, 'unsubscribe', ['z', names[3]]);
    assert.deepEqual((await call(b, d, 'info')).channels, ['a', names[2]]);
    await call(b, d, 'reset');
    assert.deepEqual([(await call(b, d, 'info')).channels, [...b.place(d).topics]], [[], []]);
    assert.equal(await redis.command('EXISTS', `ss:session:${id}`), 0);
  });

  it('subscribed to in one tab is heard in the others, on all nodes', async () => {
    const c = await a.open();
    const [near, far] = [await a.open({ cookie: c.cookie }), await b.open({ cookie: c.cookie })];
    await call(a, c, 'subscribe', 'tabs');
    await b.until(() => b.place(far).topics.has('c:tabs'), 'the far tab joins');
    // Both tabs are members before their sidecar has the channel from Redis.
    while ((await redis.command('PUBSUB', 'NUMSUB', 'ss:channel:tabs'))[1] !== 2) await b.sync();
    await redis.command('PUBLISH', 'ss:channel:tabs', '{"event":"e","params":1}');
    for (const [w, d] of /** @type {[Worker, any][]} */ ([[a, c], [a, near], [b, far]])) {
      assert.deepEqual(await w.event(d, 'e'), ['e', 1, 'tabs']);
    }
  });

  it('subscribed to on two nodes at a time is lost on neither', async () => {
    const c = await a.open();
    const d = await b.open({ cookie: c.cookie });
    await Promise.all(Array.from({ length: 20 }, (_, i) => [
      call(a, c, 'subscribe', `a${i}`), call(b, d, 'subscribe', `b${i}`)]).flat());
    const { id } = await call(a, c, 'info');
    assert.equal(JSON.parse((await redis.hash(`ss:session:${id}`)).channels).length, 40);
    assert.equal((await call(a, c, 'info')).channels.length, 40);
  });

  it('is heard from the moment its subscriber was answered', async () => {
    for (let i = 0; i < 50; i++) {
      const c = await a.open();
      await call(a, c, 'subscribe', `now${i}`);
      await redis.command('PUBLISH', `ss:channel:now${i}`, '{"event":"e","params":1}');
      await a.event(c, 'e');
    }
  });
});

describe('order', () => {
  it('of 10,000 messages, single and several names mixed, holds on both nodes', async () => {
    const count = 10000;
    /** @type {[Worker, any][]} */
    const members = [];
    for (const w of [a, a, b, b]) members.push([w, await w.open()]);
    for (const [i, [w, c]] of members.entries()) {
      await call(w, c, 'subscribe', i % 2 ? ['order', 'order2'] : ['order']);
    }
    // In portions: a process that writes them all at once answers no PING meanwhile, and on a busy
    // machine its links are given up as silent.
    for (let sent = 0; sent < count; sent += PORTION) {
      await Promise.all(Array.from({ length: PORTION }, (_, k) => {
        const i = sent + k + 1;
        return redis.command('PUBLISH', `ss:${i % 3 ? 'channel:order' : 'channels'}`, JSON.stringify(
          { channels: ['order2', 'order'], event: 'n', params: i }));
      }));
    }
    for (const [i, [w, c]] of members.entries()) {
      await w.until(() => w.place(c).inbox.length >= count, 'all of them', 20000);
      const got = w.events(c);
      assert.equal(got.length, count);
      got.forEach((params, k) => {
        const both = (k + 1) % 3 === 0 && i % 2;
        if (params[1] !== k + 1 || params[2] !== (both ? 'order2' : 'order')) {
          assert.deepEqual(params, ['n', k + 1, both ? 'order2' : 'order']);
        }
      });
    }
  });

  it('of what an action publishes holds', async () => {
    const [c, d] = [await a.open(), await b.open()];
    await call(b, d, 'subscribe', 'flood');
    await call(a, c, 'flood', 'flood', 5000);
    await b.until(() => b.place(d).inbox.length >= 5000, 'all of them', 10000);
    assert.ok(b.events(d).every(([, n], i) => n === i + 1));
  });
});

describe('without Redis', () => {
  /** Runs the calls that need Redis; gives what they ended with and how long the slowest took.
   *  @param {Worker} w @param {any} c */
  async function needing(w, c) {
    const passed = stopwatch();
    const codes = await Promise.all([['login', 'x'], ['subscribe', 'x'], ['save', 'k', 1], ['online'],
      ['publish.broadcast', 'e', 1], ['publish.sockets', ['s'], 'e', 1], ['redis', 'GET', 'x']]
      .map(([action, ...params]) => call(w, c, String(action), ...params).then(() => 0, (e) => e.code)));
    return { codes, ms: await passed() };
  }

  /** Both nodes have Redis again. */
  async function recovered() {
    for (const w of [a, b]) {
      while ((await w.http({ path: 'system/health' })).status !== 200) await later(10);
    }
  }

  it('a restart costs nothing but the events meanwhile', async () => {
    const c = await a.open({ system: true });
    const d = await b.open({ system: true });
    const plain = await b.open();
    await call(a, c, 'login', 'will');
    await call(a, c, 'subscribe', ['kept', 'too']);
    await call(b, d, 'subscribe', 'kept');
    await settled([[a, c], [b, d], [b, plain]]);
    await redis.shutdown();
    await nodeA.logged(/redis: away/);
    const { codes, ms } = await needing(a, c);
    assert.deepEqual(codes, Array(7).fill(-32003));
    assert.ok(ms < 2000, String(ms));
    assert.equal(await call(a, c, 'quick'), 1);
    assert.equal((await a.call(c, 'members.whoami')).result, 'will', 'it is known here');
    const { cookie } = await b.open();
    assert.ok(cookie, 'new clients come in and get a cookie');
    await redis.start();
    const passed = stopwatch();
    for (const [w, e] of /** @type {[Worker, any][]} */ ([[a, c], [b, d]])) {
      assert.deepEqual(await w.event(e, 'system.resync', 10000), { reason: 'redis' });
    }
    const ready = await passed();
    assert.ok(ready < 2000, `${ready} ms`);
    await redis.command('PUBLISH', 'ss:channel:kept', '{"event":"after","params":1}');
    await redis.command('PUBLISH', 'ss:user:will', '{"event":"after","params":2}');
    assert.deepEqual(await settled([[a, c], [b, d], [b, plain]]), [
      [['after', 1, 'kept'], ['after', 2]], [['after', 1, 'kept']], []]);
    const again = await b.open({ cookie: (await a.open({ cookie: c.cookie })).cookie });
    assert.deepEqual([(await call(b, again, 'info')).user, (await call(b, again, 'info')).channels],
      ['will', ['kept', 'too']]);
  });

  it('a client that comes meanwhile has its session once Redis is back', async () => {
    await recovered();
    const first = await a.open();
    await call(a, first, 'login', 'vera');
    await call(a, first, 'subscribe', 'v');
    const { cookie } = await a.open({ cookie: first.cookie });
    await redis.shutdown();
    await nodeB.logged(/redis: away[^]*redis: away/);
    const c = await b.open({ cookie });
    assert.equal((await b.call(c, 'members.whoami')).error.code, -32003, 'not known yet');
    assert.equal(await call(b, c, 'set', 'k', 'kept'), true);
    await redis.start();
    await b.until(() => b.place(c).topics.size === 2, 'its topics', 10000);
    assert.equal((await b.call(c, 'members.whoami')).result, 'vera');
    assert.equal(await call(b, c, 'get', 'k'), 'kept');
    await call(b, c, 'save', 'more', 1);
    const { id } = await call(b, c, 'info');
    assert.deepEqual(JSON.parse((await redis.hash(`ss:session:${id}`)).attributes),
      { k: 'kept', more: 1 });
    await recovered();
  });

  it('that stops answering, calls that need it fail within 2 s, the others go on', async () => {
    const c = await a.open({ system: true });
    await call(a, c, 'subscribe', 'stopped');
    await settled([[a, c]]);
    redis.signal('SIGSTOP');
    const failing = needing(a, c);
    const busy = await busyness();
    const slowest = [];
    for (const end = Date.now() + 1500; Date.now() < end;) {
      const before = process.hrtime.bigint();
      await call(a, c, 'quick');
      slowest.push(Number(process.hrtime.bigint() - before) / 1e6);
      await later(1);
    }
    slowest.sort((x, y) => x - y);
    const slow = 50 * Math.max(busy, await busyness());
    assert.ok(slowest[Math.floor(slowest.length * 0.99)] < slow, `${slowest.at(-1)} ms`);
    const { codes, ms } = await failing;
    assert.deepEqual(codes, Array(7).fill(-32003));
    assert.ok(ms < 2000, String(ms));
    const coming = stopwatch();
    const d = await a.open({ cookie: c.cookie });
    assert.ok(d.accepted && await coming() < 1500, 'a client comes in');
    redis.signal('SIGCONT');
    const passed = stopwatch();
    await a.event(c, 'system.resync', 10000);
    const back = await passed();
    assert.ok(back < 2000, `${back} ms`);
    await redis.command('PUBLISH', 'ss:channel:stopped', '{"event":"go","params":1}');
    assert.deepEqual(await a.event(c, 'go'), ['go', 1, 'stopped']);
    assert.deepEqual((await settled([[a, c]]))[0].filter(([name]) => name === 'go'), [], 'once');
  });
});

describe('frames', () => {
  it('an event larger than a chunk travels in several', async () => {
    const c = await a.open();
    await call(a, c, 'subscribe', 'large');
    const text = 'x'.repeat(300000);
    await redis.command('PUBLISH', 'ss:channel:large', JSON.stringify({ event: 'e', params: text }));
    assert.deepEqual(await a.event(c, 'e'), ['e', text, 'large']);
  });

  it('a worker is sent what it has members for, once, and nothing else', async () => {
    const own = await nodeA.worker();
    const [c, d] = [await own.open(), await own.open()];
    await call(own, c, 'subscribe', 'mine');
    await call(own, d, 'subscribe', 'mine');
    let frames = 0;
    const { publish } = own;
    own.publish = (payload) => { frames++; publish.call(own, payload); };
    await redis.command('PUBLISH', 'ss:channel:mine', '{"event":"e","params":1}');
    await redis.command('PUBLISH', 'ss:channel:theirs', '{"event":"e","params":1}');
    await redis.command('PUBLISH', 'ss:channels', '{"channels":["a","b"],"event":"e","params":1}');
    await Promise.all([own.event(c, 'e'), own.event(d, 'e')]);
    await own.sync();
    assert.equal(frames, 1);
    assert.ok(op.PUBLISH);
    own.close();
  });

  it('health says that events come through', async () => {
    const answer = await a.http({ path: 'system/health', address: '127.0.0.1' });
    assert.equal(answer.status, 200);
    const health = JSON.parse(answer.body);
    assert.equal(health.healthy, true);
    assert.ok(health.redis.up && health.redis.canary_age_ms < 5000);
  });
});
