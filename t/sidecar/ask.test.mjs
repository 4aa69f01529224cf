// SPDX-License-Identifier: MIT
//
// What action hosts ask of the sidecar: two sidecars on one Redis, each with a fake worker and a
// console that asks.

import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { attachConsole, Console, op } from '../lib/console.mjs';
import { connect, frame, startSidecar } from '../lib/fake_worker.mjs';
import { oneWord } from '../lib/host_app.mjs';
import { startRedis } from '../lib/redis.mjs';

/** @typedef {import('../lib/fake_worker.mjs').Sidecar} Sidecar */
/** @typedef {import('../lib/fake_worker.mjs').Worker} Worker */

const app = path.join(path.dirname(fileURLToPath(import.meta.url)), 'session_app');

/** @type {import('../lib/redis.mjs').Redis} */
let redis;
/** @type {Sidecar[]} */
let nodes;
/** @type {Worker} */
let a;
/** @type {Worker} */
let b;
/** @type {Console} */
let ca;
/** @type {Console} */
let cb;

const start = () => startSidecar(['--log-level', '4'], {
  app, env: { SS__redis__url: redis.url, SS__redis__command_timeout: '1', SS__users__online__update_interval: '0.1' },
});

before(async () => {
  redis = await startRedis();
  nodes = await Promise.all([start(), start()]);
  [a, b] = await Promise.all(nodes.map((node) => node.worker()));
  [ca, cb] = await Promise.all(nodes.map((node) => attachConsole(node.path)));
});
after(async () => {
  await Promise.all(nodes.map((node) => node.stop()));
  await redis.stop();
});

/** A new client and what names its session. @param {Worker} w
 *  @param {Parameters<Worker['open']>[0]} [options] */
async function newClient(w, options) {
  const client = await w.open(options);
  const info = (await w.call(client, 'app.info', [])).result;
  return { client, names: { session: info.id, socket: info.socket } };
}

/** @param {Worker} w @param {import('../lib/fake_worker.mjs').Client} client */
const userOf = async (w, client) => (await w.call(client, 'app.info', [])).result.user;

/** What an error says. @param {Promise<unknown>} promise */
const refusal = (promise) => promise.then(
  () => assert.fail('not refused'), (/** @type {any} */ { code, message }) => ({ code, message }));

describe('a session', () => {
  it('is told as it is', async () => {
    const { names } = await newClient(a);
    const facts = await ca.ask('session.load', names);
    assert.deepEqual({ ...facts, created_at: 0 }, { id: names.session, created_at: 0, new: true });
    assert.ok(Math.abs(facts.created_at - Date.now()) < 60000);
  });

  it('keeps attributes, which other nodes know, and gives them up', async () => {
    const { client, names } = await newClient(a);
    const facts = await ca.ask('session.save', { ...names, set: { cart: [1, { n: 'ü' }], x: 2 } });
    assert.deepEqual(facts.attributes, { cart: [1, { n: 'ü' }], x: 2 });
    assert.equal(facts.new, undefined);
    assert.deepEqual((await cb.ask('session.load', names)).attributes, facts.attributes);
    const less = await cb.ask('session.save', { ...names, set: { y: null }, remove: ['cart', 'none'] });
    assert.deepEqual(less.attributes, { x: 2 });
    assert.deepEqual((await ca.ask('session.save', { ...names, set: { z: 3 } })).attributes, { x: 2, z: 3 });
    a.leave(client);
  });

  it('is known by its socket, whatever id is told', async () => {
    const { names } = await newClient(a);
    const other = await newClient(a);
    const facts = await ca.ask('session.load', { session: other.names.session, socket: names.socket });
    assert.equal(facts.id, names.session);
  });

  it('signs in under another id, and its client is told a ticket', async () => {
    const { client, names } = await newClient(a, { system: true });
    const facts = await ca.ask('session.login', { ...names, user: 'ann' });
    assert.equal(facts.user, 'ann');
    assert.notEqual(facts.id, names.session);
    assert.match((await a.event(client, 'system.session')).ticket, /^[\w-]{27}$/);
    assert.equal(await userOf(a, client), 'ann');
    await a.until(() => a.place(client).topics.has('u:ann'), 'the topic of the user');
  });

  it('is followed from its old id, here and on another node, once its clients have gone', async () => {
    const { client, names } = await newClient(a);
    const { id } = await ca.ask('session.login', { ...names, user: 'bea' });
    a.leave(client);
    await a.sync();
    for (const console of [ca, cb]) {
      const facts = await console.ask('session.load', { session: names.session });
      assert.deepEqual([facts.id, facts.user], [id, 'bea']);
    }
    const kept = await cb.ask('session.save', { ...names, set: { k: 1 } });
    assert.deepEqual([kept.id, kept.attributes], [id, { k: 1 }]);
  });

  it('that two ids lead to, both with clients, becomes one', async () => {
    const { client, names } = await newClient(a);
    await ca.ask('session.save', { ...names, set: { k: 1 } });
    const there = await b.open({ cookie: client.cookie });
    const { id } = await ca.ask('session.login', { ...names, user: 'cem' });
    await b.until(() => b.place(there).topics.has('u:cem'), 'the login on the other node');
    const facts = await cb.ask('session.load', { session: names.session });
    assert.deepEqual([facts.id, facts.user, facts.attributes], [id, 'cem', { k: 1 }]);
    assert.equal(await userOf(b, there), 'cem');
  });

  it('signs out and holds nothing then, all its connections too', async () => {
    const { client, names } = await newClient(a);
    const { id } = await ca.ask('session.login', { ...names, user: 'dan' });
    await ca.ask('channel.subscribe', { ...names, names: ['x'] });
    const facts = await cb.ask('session.logout', { session: id });
    assert.deepEqual([facts.user, facts.channels, facts.new], [undefined, undefined, true]);
    await a.until(() => a.place(client).topics.size === 0, 'the end of all topics');
    assert.equal(await userOf(a, client), '');
    assert.equal((await ca.ask('session.logout', names)).new, true); // nothing to do is no error
  });

  it('subscribes, unsubscribes and resets, and is told so once it holds', async () => {
    const { client, names } = await newClient(a);
    const facts = await ca.ask('channel.subscribe', { ...names, names: ['x', 'room:7', 'x'] });
    assert.deepEqual(facts.channels, ['x', 'room:7']);
    await a.until(() => a.place(client).topics.has('c:room:7'), 'the channel');
    assert.deepEqual((await ca.ask('channel.unsubscribe', { ...names, names: ['x', 'never'] })).channels, ['room:7']);
    assert.equal((await ca.ask('channel.reset', names)).channels, undefined);
    await a.until(() => a.place(client).topics.size === 0, 'the end of all channels');
  });

  it('keeps what many ask for at a time', async () => {
    const { names } = await newClient(a);
    const rooms = Array.from({ length: 100 }, (_, i) => `r${i}`);
    await Promise.all(rooms.map((room, i) => (i % 2 ? ca : cb).ask('channel.subscribe',
      { ...names, names: [room] })));
    const { channels } = await cb.ask('session.load', names);
    const { channels: here } = await ca.ask('channel.subscribe', { ...names, names: ['r0'] });
    assert.deepEqual([...here].sort(), rooms.sort());
    assert.ok(channels.length > 0);
  });
});

describe('publishing', () => {
  it('reaches all, a user, a channel, several channels, a socket, with the bytes that were sent', async () => {
    const { client, names } = await newClient(a);
    await ca.ask('session.login', { ...names, user: 'eve' });
    await ca.ask('channel.subscribe', { ...names, names: ['news', 'sport'] });
    for (const [to, list] of [['broadcast', undefined], ['user', ['nobody', 'eve']], ['channel', ['news']],
      ['channel', ['none', 'sport']], ['socket', [names.socket]]]) {
      assert.equal(await cb.ask('publish', { to, names: list, event: `to ${to}` }, '{"n": 1.50, "n":2}'), null);
      await a.until(() => a.place(client).inbox.length, `what was published to ${to}`);
      const [text] = a.place(client).inbox.splice(0);
      assert.ok(text.includes(`["to ${to}",{"n": 1.50, "n":2}`), text);
      assert.equal(JSON.parse(text).params[2], to === 'channel' ? /** @type {string[]} */ (list).at(-1) : undefined);
    }
  });

  it('keeps the order of one asker, answered or not', async () => {
    const { client } = await newClient(b);
    for (let i = 0; i < 500; i++) ca.tell('publish', { to: 'broadcast', event: 'count' }, String(i));
    await ca.ask('publish', { to: 'broadcast', event: 'end' }, '0');
    await b.until(() => b.place(client).inbox.at(-1)?.includes('"end"'), 'the end');
    const got = b.events(client);
    assert.deepEqual(got.slice(0, -1).map(([, n]) => n), Array.from({ length: 500 }, (_, i) => i));
  });

  it('takes a megabyte with its names, not more', async () => {
    const frame = '{"event":"large","params":}'.length;
    const fits = JSON.stringify('x'.repeat((1 << 20) - frame - 2));
    assert.equal(await ca.ask('publish', { to: 'broadcast', event: 'large' }, fits), null);
    assert.equal((await refusal(ca.ask('publish', { to: 'broadcast', event: 'large' }, `${fits} `))).code, -32005);
  });
});

describe('calling', () => {
  it('runs an action and gives its result, now or later, or its error', async () => {
    assert.equal(await ca.ask('call', { method: 'plain.echo' }, '[7]'), 7);
    assert.equal(await ca.ask('call', { method: 'plain.echo', silent: true }, ''), null);
    assert.deepEqual(await refusal(ca.ask('call', { method: 'plain.fail' }, '[-5,"no"]')), { code: -5, message: 'no' });
  });

  it('is without a session, and no guard asks who it is', async () => {
    assert.equal(await ca.ask('call', { method: 'members.whoami' }), '');
    assert.equal((await refusal(ca.ask('call', { method: 'app.login' }, '["ann"]'))).code, -32001);
    assert.deepEqual(await ca.ask('call', { method: 'plain.facts' }),
      { transport: 'server', address: '', socket: '', session: '' });
  });

  it('gives answers as long as who asks takes, and no longer', async () => {
    const link = await connect(nodes[0].path);
    await link.hello({ role: 3, maxMessage: 5000 });
    link.send(frame(op.READY, {}, '{"actions":[]}'));
    const small = new Console(link);
    const echo = (/** @type {number} */ n) => small.ask('call', { method: 'plain.echo' }, JSON.stringify(['x'.repeat(n)]));
    // Beside the text stand two quotes, and the byte that tells an answer from an error.
    assert.equal((await echo(4997)).length, 4997);
    assert.equal((await refusal(echo(4998))).code, -32005);
    const { names } = await newClient(a);
    const empty = (await small.askText('session.save', { ...names, set: { k: '' } })).length;
    const save = (/** @type {number} */ n) => small.askText('session.save', { ...names, set: { k: 'x'.repeat(n) } });
    assert.equal((await save(4999 - empty)).length, 4999);
    assert.equal((await refusal(save(5000 - empty))).code, -32005);
    small.close();
  });

  it('is logged like any call, unless it is silent', async () => {
    nodes[0].log = '';
    await ca.ask('call', { method: 'plain.echo', silent: true }, '["unheard"]');
    await ca.ask('call', { method: 'plain.echo' }, '["heard"]');
    await nodes[0].logged(/"action":"plain\.echo","transport":"server"/);
    assert.match(nodes[0].log, /heard/);
    assert.doesNotMatch(nodes[0].log, /unheard/);
  });

  it('of what is not there is told in the known words', async () => {
    assert.deepEqual(await refusal(ca.ask('call', { method: 'app.nothing' })), {
      code: -32601, message: "Unable to find the 'nothing' action in /app/server/app. Action names are case sensitive",
    });
  });

  it('ends with the host that called; nobody else notices', async () => {
    const console = await attachConsole(nodes[0].path);
    const { names } = await newClient(a);
    for (let i = 0; i < 100; i++) {
      console.tell('call', { method: 'plain.later' }, '[50]', 1000 + i);
      console.tell('channel.subscribe', { ...names, names: [`gone${i}`] }, '', 2000 + i);
      console.tell('publish', { to: 'user', names: ['nobody'], event: 'e' }, '1', 3000 + i);
      console.tell('users.online', {}, '', 4000 + i);
    }
    await console.link.sync();
    console.close();
    await nodes[0].logged(/plain\.later was not wanted/);
    assert.equal(await ca.ask('call', { method: 'plain.later' }, '[10]'), true);
    const { channels } = await ca.ask('channel.subscribe', { ...names, names: ['after all'] });
    assert.equal(channels.length, 101);
  });
});

describe('events', () => {
  it('that were asked for are told, others are not', async () => {
    const console = await attachConsole(nodes[1].path);
    assert.equal(await console.ask('on', { event: 'session:disconnect' }), null);
    assert.equal(await console.ask('on', { event: 'channel:subscribe' }), null);
    const { client, names } = await newClient(b, { address: '192.0.2.9' });
    await cb.ask('session.save', { ...names, set: { a: 1 } });
    await cb.ask('channel.subscribe', { ...names, names: ['here'] });
    const subscribed = await console.event('channel:subscribe');
    assert.deepEqual([subscribed.channel, subscribed.session.id, subscribed.session.channels],
      ['here', names.session, ['here']]);
    b.leave(client);
    const gone = await console.event('session:disconnect');
    assert.deepEqual([gone.socket, gone.address, gone.session.attributes], [names.socket, '192.0.2.9', { a: 1 }]);
    assert.deepEqual(console.events(), []);
    console.close();
  });

  it('tell of another id, for a login here and on another node', async () => {
    const console = await attachConsole(nodes[1].path);
    await console.ask('on', { event: 'session:renamed' });
    const { client, names } = await newClient(b);
    const first = await cb.ask('session.login', { ...names, user: 'fay' });
    const here = await console.event('session:renamed');
    assert.deepEqual([here.from, here.to, here.session.user], [names.session, first.id, 'fay']);
    const second = await ca.ask('session.login', { session: first.id, user: 'fay' });
    const there = await console.event('session:renamed');
    assert.deepEqual([there.from, there.to, there.session.id], [first.id, second.id, second.id]);
    b.leave(client);
    console.close();
  });

  it('of users without a session have the user, on the node that found out', async () => {
    const consoles = await Promise.all(nodes.map((node) => attachConsole(node.path)));
    await Promise.all(consoles.map((console) => console.ask('on', { event: 'user:offline' })));
    await redis.command('ZADD', 'ss:online', '1', 'dead-node|gus');
    const { user, session } = await Promise.any(consoles.map((console) => console.event('user:offline')));
    assert.deepEqual([user, session], ['gus', undefined]);
    consoles.forEach((console) => console.close());
  });
});

describe('news for open pages', () => {
  const problem = { file: 'app/client/app.coffee', line: 3, column: 7, message: 'unexpected ,', frame: '' };

  it('reach clients that listen to them: problems when they change, and what to load', async () => {
    const [listener, other] = await Promise.all([newClient(a, { system: true }), newClient(a)]);
    const { inbox } = a.place(other.client);
    assert.equal(await ca.ask('develop', { reload: null, problems: [problem] }), null);
    assert.deepEqual(await a.event(listener.client, 'system.problems'), { source: 'packer', problems: [problem] });
    await ca.ask('develop', { reload: 'css', files: ['/assets/app-1.css'], problems: [problem] });
    assert.deepEqual(await a.event(listener.client, 'system.reload'), { what: 'css', files: ['/assets/app-1.css'] });
    await ca.ask('develop', { reload: 'page', problems: [] });
    assert.deepEqual(await a.event(listener.client, 'system.problems'), { source: 'packer', problems: [] });
    assert.deepEqual(await a.event(listener.client, 'system.reload'), { what: 'page', files: [] });
    assert.deepEqual(inbox, []);
  });

  it('are refused outside of development', async () => {
    const node = await startSidecar([], { app, env: { SS_ENV: 'production' } });
    const console = await attachConsole(node.path);
    assert.deepEqual(await refusal(console.ask('develop', { reload: 'page' })),
      { code: -32600, message: 'develop: this is not development' });
    console.close();
    await node.stop();
  });
});

describe('the rest', () => {
  it('users who are online', async () => {
    const { names } = await newClient(a);
    await ca.ask('session.login', { ...names, user: 'hal ü' });
    assert.ok((await cb.ask('users.online')).includes('hal ü'));
  });

  it('lines for the log, at their level, one for each', async () => {
    nodes[0].log = '';
    for (const level of ['error', 'warning', 'notice', 'info', 'debug']) {
      assert.equal(await ca.ask('log', { level, message: `${level} says\n%s "x"` }), null);
      await nodes[0].logged(new RegExp(`"level":"${level}"[^\\n]*console \\d+: ${level} says\\\\n%s \\\\"x\\\\""`));
    }
  });
});

describe('in the course of a call', () => {
  /** @type {Sidecar} */
  let node;
  /** @type {Worker} */
  let w;
  before(async () => {
    const script = oneWord(fileURLToPath(new URL('ask_host.mjs', import.meta.url)));
    node = await startSidecar(['--log-level', '1', '--log-format', 'pretty'], {
      app, env: { SS__redis__url: redis.url, SS__host__commands: JSON.stringify([`${process.execPath} ${script}`]) },
    });
    await node.logged(/host 0 is ready: 2 actions/);
    w = await node.worker();
  });
  after(() => node.stop());

  it('several lines for the log are indented, so that none can pass for another', async () => {
    const message = 'Error: no\n    at app.js\n12:00:00.000 notice all is well\u001b[2J';
    assert.equal((await w.call(await w.open(), 'asker.ask', ['log', { level: 'error', message }])).result, null);
    await node.logged(/^\d\d:\d\d:\d\d\.\d{3} error   host 0: Error: no\n {12}at app\.js\n {8}12:00:00\.000 notice all is well\\x1b\[2J$/m);
  });

  it('a login tells the ticket to the client that called, not to another of its session', async () => {
    const tabs = [await w.open({ system: true })];
    for (let i = 0; i < 4; i++) tabs.push(await w.open({ system: true, cookie: tabs[0].cookie }));
    for (const [i, tab] of tabs.entries()) {
      const facts = (await w.call(tab, 'asker.ask', ['session.login', { user: `user ${i}` }])).result;
      assert.equal(facts.user, `user ${i}`);
      await w.event(tab, 'system.session');
      assert.ok(!tabs.some((other) => w.place(other).inbox.some((text) => text.includes('"ticket"'))));
    }
  });

  it('a change is there when the call is answered', async () => {
    const client = await w.open();
    await w.call(client, 'asker.ask', ['session.save', { set: { k: 'v' } }]);
    await w.call(client, 'asker.ask', ['channel.subscribe', { names: ['x'] }]);
    assert.ok(w.place(client).topics.has('c:x'));
    assert.equal((await w.call(client, 'app.get', ['k'])).result, 'v');
  });

  it('a call runs an action in C, or one of the host itself', async () => {
    const client = await w.open();
    const ask = async (/** @type {string} */ method, /** @type {unknown[]} */ params) =>
      (await w.call(client, 'asker.ask', ['call', { method }, JSON.stringify(params)])).result;
    assert.equal(await ask('plain.echo', ['from C']), 'from C');
    assert.equal(await ask('asker.ask', ['call', { method: 'plain.echo' }, '["from the host"]']), 'from the host');
  });

  it('the HTTP API has no session', async () => {
    const { status, body } = await w.http({
      method: 'POST', path: 'asker/ask', headers: { 'content-type': 'application/json' }, body: '["session.load",{}]',
    });
    assert.equal(status, 400);
    assert.match(body, /session\.load: `session` must be the id of a session/);
  });

  it('a host that ends leaves questions behind that harm nobody', async () => {
    const client = await w.open();
    const echo = ['call', { method: 'plain.echo' }, '[1]'];
    for (const question of [['call', { method: 'plain.later' }, '[1000]'], ['session.save', { set: { died: 1 } }],
      ['publish', { to: 'broadcast', event: 'e' }, '1'], ['users.online', {}], ['on', { event: 'client:connect' }]]) {
      const { error } = await w.call(client, 'asker.die', question, 10000);
      assert.equal(error.code, -32003, String(question[0]));
      // Its successor is started after a pause that grows.
      while ((await w.call(client, 'asker.ask', echo, 10000)).result !== 1) await w.sync();
    }
    await node.logged(/plain\.later was not wanted/);
    assert.equal((await w.call(client, 'plain.echo', [2])).result, 2);
  });
});

describe('what is asked wrongly is told', () => {
  const who = { session: 'A'.repeat(27) };
  /** @type {[string, unknown, string, number, RegExp][]} */
  const wrong = [
    ['sessions', {}, '', -32601, /^there is no 'sessions' to be asked$/],
    ['', {}, '', -32601, /^there is no '' to be asked$/],
    ['session.load', '[]', '', -32602, /^session\.load: the arguments must be a JSON object/],
    ['session.load', '{"session":', '', -32602, /^session\.load: the arguments must be/],
    ['session.load', '{"session":"\\u0000"}', '', -32602, /^session\.load: the arguments must be/],
    ['session.load', {}, '', -32602, /^session\.load: `session` must be the id of a session$/],
    ['session.load', { session: 'x', socket: 7 }, '', -32602, /`session` must be the id/],
    ['session.save', { ...who, set: [1] }, '', -32602, /^session\.save: `set` must be an object$/],
    ['session.save', { ...who, set: { '': 1 } }, '', -32602, /^session\.save: a key in `set` is empty$/],
    ['session.save', { ...who, remove: 'x' }, '', -32602, /`remove` must be a list$/],
    ['session.save', { ...who, remove: [1] }, '', -32602, /`remove` must be a list of keys$/],
    ['session.login', who, '', -32602, /^session\.login: `user` must be a string of 1 to 256 bytes$/],
    ['session.login', { ...who, user: 'x'.repeat(257) }, '', -32602, /`user` must be a string of 1 to 256 bytes$/],
    ['channel.subscribe', who, '', -32602, /^channel\.subscribe: No channels specified$/],
    ['channel.subscribe', { ...who, names: 'x' }, '', -32602, /^channel\.subscribe: `names` must be a list of strings$/],
    ['channel.unsubscribe', { ...who, names: ['a', 1] }, '', -32602, /`names` must be a list of strings$/],
    ['channel.subscribe', { ...who, names: ['a', ''] }, '', -32602, /Channel names must be strings of 1 to 256 bytes$/],
    ['publish', {}, '1', -32602, /^publish: `to` must be broadcast, user, channel or socket$/],
    ['publish', { to: 'broadcast' }, '1', -32602, /^Event Name \(first argument\) must be a string$/],
    ['publish', { to: 'user', event: 'e' }, '1', -32602, /^No users specified$/],
    ['publish', { to: 'channel', names: ['a'], event: 7 }, '1', -32602, /^Event Name \(second argument\) must be a string$/],
    ['publish', { to: 'broadcast', event: 'e' }, '', -32602, /^Params \(second argument\) must be provided$/],
    ['publish', { to: 'broadcast', event: 'e' }, '{', -32602, /^publish: the params are not JSON in UTF-8$/],
    ['publish', { to: 'channel', names: Array(129).fill('a'), event: 'e' }, '1', -32602, /^Too many of them/],
    ['call', {}, '[]', -32602, /^call: `method` must be a string$/],
    ['call', { method: 'plain.echo' }, '[1', -32602, /^call: the params are not JSON$/],
    ['call', { method: 'plain.echo' }, '7', -32602, /^call: the params must be a list$/],
    ['develop', { reload: 'all' }, '', -32602, /^develop: `reload` must be page, css or null$/],
    ['develop', { reload: 'css', files: 'x' }, '', -32602, /^develop: `files` and `problems` must be lists$/],
    ['on', {}, '', -32602, /^on: `event` must be a string$/],
    ['on', { event: 'client:sneeze' }, '', -32602, /^on: there is no event 'client:sneeze'$/],
    ['log', { level: 'info' }, '', -32602, /^log: `message` must be a string$/],
    ['log', { level: 'loud', message: 'x' }, '', -32602, /^log: `level` must be error, warning, notice, info or debug$/],
  ];
  for (const [what, args, body, code, expected] of wrong) {
    it(`${what} ${(typeof args === 'string' ? args : JSON.stringify(args)).slice(0, 60)} ${body}`, async () => {
      const { code: got, message } = await refusal(ca.ask(what, args, body));
      assert.match(message, expected);
      assert.equal(got, code);
    });
  }

  it('in the log when nobody waits for the answer', async () => {
    ca.tell('on', { event: 'client:sneeze' });
    await nodes[0].logged(/console \d+: on failed: on: there is no event 'client:sneeze'/);
  });

  it('also that Redis is away', async () => {
    const { names } = await newClient(a);
    redis.signal('SIGKILL');
    for (const [what, args] of /** @type {[string, object][]} */ ([
      ['session.save', { ...names, set: { a: 1 } }], ['publish', { to: 'broadcast', event: 'e' }],
      ['users.online', {}], ['session.load', { session: 'A'.repeat(27) }]])) {
      assert.equal((await refusal(ca.ask(what, args, what === 'publish' ? '1' : ''))).code, -32003, what);
    }
    assert.equal(await ca.ask('call', { method: 'plain.echo' }, '[7]'), 7);
  });
});
