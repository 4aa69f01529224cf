// SPDX-License-Identifier: MIT
//
// Sessions and users: two sidecars on one Redis, each with a fake worker.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { op, frame, startSidecar } from '../lib/fake_worker.mjs';
import { startRedis } from '../lib/redis.mjs';

/** @typedef {import('../lib/fake_worker.mjs').Sidecar} Sidecar */
/** @typedef {import('../lib/fake_worker.mjs').Worker} Worker */

const app = path.join(path.dirname(fileURLToPath(import.meta.url)), 'session_app');
const SESSION = 4; // REQUEST's flag
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

const start = (/** @type {Record<string, string>} */ env = {}) =>
  startSidecar(['--log-level', '0'], {
    app, env: { SS__redis__url: redis.url, SS__redis__command_timeout: '1', ...env },
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
  const answer = await w.call(c, `app.${action}`, params);
  if (answer.error) throw Object.assign(new Error(answer.error.message), { code: answer.error.code });
  return answer.result;
}

/** Repeats until it holds. @param {() => Promise<unknown>} what @param {string} name @param {number} ms */
async function eventually(what, name, ms = 1000) {
  for (const limit = Date.now() + ms; !await what();) {
    if (Date.now() > limit) assert.fail(`not within ${ms} ms: ${name}`);
    await later(5);
  }
}

/** Posts a ticket. @param {Worker} w @param {unknown} body @param {object} [more] */
const post = (w, body, more = {}) => w.http({
  method: 'POST', path: '', flags: SESSION, headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body), ...more,
});

const keys = async () => (await redis.command('KEYS', 'ss:session:*')).length;

describe('a cookie', () => {
  it('is given to a client without one, HttpOnly, Lax, for as long as a session lasts', async () => {
    const { headers } = await a.open();
    assert.match(headers['Set-Cookie'],
      /^ss_session=[\w-]{60}; Path=\/; Max-Age=2592000; HttpOnly; SameSite=Lax$/);
  });

  it('is Secure and bound to its host on TLS, and the other kind does not count there', async () => {
    const plain = await a.open();
    const c = await a.open({ tls: true, cookie: plain.cookie });
    assert.match(c.headers['Set-Cookie'],
      /^__Host-ss_session=[\w-]{60}; Path=\/; Max-Age=2592000; HttpOnly; SameSite=Lax; Secure$/);
    const again = await a.open({ tls: true, cookie: c.cookie });
    assert.equal(again.headers['Set-Cookie'], undefined);
    assert.equal((await call(a, again, 'info')).id, (await call(a, c, 'info')).id);
  });

  it('finds its session again, on any node, and is not given twice', async () => {
    const first = await a.open();
    const { id, created_at: created } = await call(a, first, 'info');
    for (const w of [a, b]) {
      const c = await w.open({ cookie: `other=1; ${first.cookie}; more=2` });
      assert.equal(c.headers['Set-Cookie'], undefined);
      assert.deepEqual([(await call(w, c, 'info')).id, (await call(w, c, 'info')).created_at],
        [id, created]);
    }
  });

  it('stores nothing by itself', async () => {
    const before = await keys();
    for (let i = 0; i < 50; i++) await a.open();
    assert.equal(await keys(), before);
  });

  it('that is forged, truncated or too long is none', async () => {
    const { cookie } = await a.open();
    const value = String(cookie).slice('ss_session='.length);
    const own = (await call(a, await a.open({ cookie: `ss_session=${value}` }), 'info')).id;
    const bad = ['', 'x', value.slice(1), value.slice(0, -1), `${value}A`, value.repeat(20),
      `${value.slice(0, 30)}${value[30] === 'A' ? 'B' : 'A'}${value.slice(31)}`, '\u0000'.repeat(60),
      `${value.slice(0, 59)}${value[59] === 'A' ? 'B' : 'A'}`, 'A'.repeat(60), '"'.repeat(8000)];
    for (const forged of bad) {
      const c = await a.open({ cookie: `ss_session=${forged}` });
      assert.match(c.headers['Set-Cookie'] ?? '', /^ss_session=/, forged);
      assert.notEqual((await call(a, c, 'info')).id, own);
    }
  });

  it('among several of its name the good one counts', async () => {
    const { cookie } = await a.open();
    const c = await a.open({ cookie: `ss_session=planted; ${cookie}` });
    assert.equal(c.headers['Set-Cookie'], undefined);
  });

  it('never appears in the log', async () => {
    const c = await a.open({ system: true });
    await call(a, c, 'login', 'quiet');
    const [, ticket] = /"ticket":"([^"]+)"/.exec(a.place(c).inbox.join()) ?? [];
    assert.ok(ticket);
    for (const secret of [String(c.cookie).split('=')[1], ticket]) {
      assert.ok(!nodeA.log.includes(secret));
    }
  });
});

describe('attributes', () => {
  it('are saved after the action and found on another node', async () => {
    const c = await a.open();
    await call(a, c, 'set', 'cart', { items: [1, 2.5, 'ä', 12345678901234567n.toString()] });
    const { id } = await call(a, c, 'info');
    await eventually(async () => (await redis.hash(`ss:session:${id}`)).attributes, 'saved');
    const d = await b.open({ cookie: c.cookie });
    assert.deepEqual(await call(b, d, 'get', 'cart'), { items: [1, 2.5, 'ä', '12345678901234567'] });
  });

  it('are a hash that expires', async () => {
    const c = await a.open();
    await call(a, c, 'save', 'k', 1);
    const { id, created_at: created } = await call(a, c, 'info');
    const hash = await redis.hash(`ss:session:${id}`);
    assert.deepEqual({ ...hash, version: '' },
      { version: '', created_at: String(created), channels: '[]', attributes: '{"k":1}' });
    const ttl = await redis.command('TTL', `ss:session:${id}`);
    assert.ok(ttl > 2591990 && ttl <= 2592000, String(ttl));
  });

  it('changed on one node are seen on the session\'s other tabs everywhere', async () => {
    const c = await a.open();
    const d = await b.open({ cookie: c.cookie });
    await call(a, c, 'save', 'color', 'red');
    await eventually(async () => await call(b, d, 'get', 'color') === 'red', 'the change');
  });

  it('set on two nodes at a time are both kept', async () => {
    const c = await a.open();
    const d = await b.open({ cookie: c.cookie });
    await Promise.all(Array.from({ length: 20 }, (_, i) => [
      call(a, c, 'save', `a${i}`, i), call(b, d, 'save', `b${i}`, i)]).flat());
    const { id } = await call(a, c, 'info');
    const attributes = JSON.parse((await redis.hash(`ss:session:${id}`)).attributes);
    assert.equal(Object.keys(attributes).length, 40);
  });

  it('that are removed leave no key when nothing else is held', async () => {
    const c = await a.open();
    await call(a, c, 'save', 'k', 1);
    const { id } = await call(a, c, 'info');
    await call(a, c, 'set', 'k', null);
    await eventually(async () => !await redis.command('EXISTS', `ss:session:${id}`), 'no key');
    assert.equal(await call(a, c, 'get', 'k'), null);
  });

  it('set by a client that leaves at once are saved', async () => {
    const c = await a.open();
    const { id } = await call(a, c, 'info');
    a.send(frame(op.MESSAGE, { slot: c.slot, generation: c.generation },
      JSON.stringify({ jsonrpc: '2.0', method: 'app.set', params: ['last', 'words'] })));
    a.leave(c);
    await eventually(async () => (await redis.hash(`ss:session:${id}`)).attributes, 'saved');
  });

  it('too large to keep are refused, and the session goes on', async () => {
    const c = await a.open();
    await assert.rejects(call(a, c, 'save', 'big', 'x'.repeat(1 << 20)), { code: -32005 });
    await call(a, c, 'save', 'small', 1);
    assert.equal(await call(a, c, 'get', 'small'), 1);
    assert.equal(await call(a, c, 'get', 'big'), null);
  });
});

describe('a worker that limits calls', () => {
  /** The next RATE_KEYS of a client. @param {Worker} w @param {{slot: number}} c */
  const told = async (w, c) => {
    const { payload } = await w.next((f) => f.op === op.RATE_KEYS && f.slot === c.slot, 'RATE_KEYS');
    return { session: payload.readBigUInt64LE(0), user: payload.readBigUInt64LE(8) };
  };

  it('is told session and user of its clients, and what becomes of them', async () => {
    const [w, v] = [await nodeA.worker({ rate: true }), await nodeB.worker({ rate: true })];
    const c = await w.open();
    const before = await told(w, c);
    assert.notEqual(before.session, 0n);
    assert.equal(before.user, 0n);

    const tab = await w.open({ cookie: c.cookie });
    assert.deepEqual(await told(w, tab), before, 'the same session');
    const other = await v.open();
    assert.notEqual((await told(v, other)).session, before.session);

    await call(w, c, 'login', 'gina');
    let now = await told(w, c);
    while (now.user === 0n || now.session === before.session) now = await told(w, c);
    let there = await told(w, tab);
    while (there.user === 0n || there.session === before.session) there = await told(w, tab);
    assert.deepEqual(there, now, 'both tabs');

    await call(v, other, 'login', 'gina');
    let elsewhere = await told(v, other);
    while (elsewhere.user === 0n) elsewhere = await told(v, other);
    assert.equal(elsewhere.user, now.user, 'a user is the same on all nodes');
    await call(v, other, 'logout');
    while (elsewhere.user !== 0n) elsewhere = await told(v, other);

    const back = await nodeA.worker({ rate: true, identity: w.identity });
    back.rebind(c, w.place(c));
    assert.deepEqual(await told(back, c), now, 'again after a loss of the link');
  });

  it('and no other', async () => {
    const c = await a.open();
    await call(a, c, 'login', 'hans');
    assert.equal(a.frames.some((f) => f.op === op.RATE_KEYS), false);
  });
});

describe('a login', () => {
  it('moves the session to a new id, and to all its tabs on all nodes', async () => {
    const c = await a.open({ system: true });
    const tab = await a.open({ cookie: c.cookie });
    const far = await b.open({ cookie: c.cookie });
    await call(a, c, 'save', 'k', 'kept');
    const before = await call(a, c, 'info');
    await call(a, c, 'login', 'alice');
    const after = await call(a, c, 'info');
    assert.notEqual(after.id, before.id);
    assert.deepEqual([after.user, after.created_at], ['alice', before.created_at]);
    assert.deepEqual(await call(a, tab, 'info').then((i) => [i.id, i.user]), [after.id, 'alice']);
    await eventually(async () => (await call(b, far, 'info')).user === 'alice', 'the far tab');
    assert.equal((await call(b, far, 'info')).id, after.id);
    assert.equal(await call(b, far, 'get', 'k'), 'kept');
    assert.deepEqual(await redis.hash(`ss:session:${before.id}`),
      { version: 'moved', moved: after.id });
    const ttl = await redis.command('PTTL', `ss:session:${before.id}`);
    assert.ok(ttl > 25000 && ttl <= 30000, String(ttl));
    await call(a, c, 'logout');
  });

  it('gives a ticket that any node exchanges once for the cookie', async () => {
    const c = await a.open({ system: true });
    await call(a, c, 'login', 'bob');
    const { ticket } = await a.event(c, 'system.session');
    const answer = await post(b, { ticket });
    assert.equal(answer.status, 204);
    assert.equal(answer.body, '');
    assert.match(answer.headers['Set-Cookie'], /^ss_session=[\w-]{60}; .*HttpOnly/);
    assert.equal(answer.headers['Cache-Control'], 'no-store');
    assert.equal((await post(b, { ticket })).status, 403);
    const d = await b.open({ cookie: answer.headers['Set-Cookie'].split(';')[0] });
    assert.equal((await call(b, d, 'info')).user, 'bob');
    const secure = await a.open({ system: true, tls: true });
    await call(a, secure, 'login', 'bob');
    const second = await a.event(secure, 'system.session');
    assert.match((await post(a, second, { flags: SESSION | 1 })).headers['Set-Cookie'],
      /^__Host-ss_session=.*Secure$/);
  });

  it('refuses what is no ticket', async () => {
    for (const [body, more, status] of /** @type {[unknown, object, number][]} */ ([
      [{ ticket: 'A'.repeat(27) }, {}, 403], [{ ticket: 'short' }, {}, 400], [{}, {}, 400],
      [[], {}, 400], [null, {}, 400], [{ ticket: 1 }, {}, 400], ['', { body: '' }, 400],
      ['', { body: '{"ticket"' }, 400], [{ ticket: 'A'.repeat(100000) }, {}, 400],
      [{ ticket: 'A'.repeat(27) }, { headers: {} }, 415],
      [{ ticket: 'A'.repeat(27) }, { headers: { 'content-type': 'text/plain' } }, 415],
      [{ ticket: 'A'.repeat(27) }, { method: 'PUT' }, 405],
      ['', { method: 'GET', body: '' }, 405]])) {
      const answer = await post(a, body, more);
      assert.equal(answer.status, status, JSON.stringify([body, more]).slice(0, 100));
      assert.ok(JSON.parse(answer.body).error);
    }
  });

  it('is found by the old cookie for a while, which is then replaced', async () => {
    const c = await a.open();
    await call(a, c, 'login', 'carol');
    for (const w of [a, b]) {
      const d = await w.open({ cookie: c.cookie });
      assert.equal((await call(w, d, 'info')).user, 'carol');
      assert.match(d.headers['Set-Cookie'], /^ss_session=/);
      assert.notEqual(d.cookie, c.cookie);
      assert.equal((await call(w, await w.open({ cookie: d.cookie }), 'info')).user, 'carol');
    }
  });

  it('as another user leaves nothing of the first one\'s', async () => {
    const c = await a.open();
    await call(a, c, 'login', 'dave');
    await call(a, c, 'save', 'k', 'private');
    await call(a, c, 'subscribe', 'room');
    await call(a, c, 'login', 'dave');
    assert.deepEqual([await call(a, c, 'get', 'k'), (await call(a, c, 'info')).channels],
      ['private', ['room']]);
    await call(a, c, 'login', 'erin');
    assert.deepEqual([await call(a, c, 'get', 'k'), (await call(a, c, 'info')).channels], [null, []]);
    assert.deepEqual([...a.place(c).topics], ['u:erin']);
  });

  it('wants an id of 1 to 256 bytes', async () => {
    const c = await a.open();
    for (const user of ['', 'x'.repeat(257)]) {
      await assert.rejects(call(a, c, 'login', user), { code: -32602 });
    }
    await call(a, c, 'login', 'ü'.repeat(128));
    assert.equal((await call(a, c, 'info')).user, 'ü'.repeat(128));
  });
});

describe('guards', () => {
  it('hold over WebSocket and HTTP, for one action and for a whole file', async () => {
    const c = await a.open();
    for (const method of ['app.secret', 'members.whoami']) {
      assert.deepEqual((await a.call(c, method)).error,
        { code: -32001, message: 'Not authenticated' });
      const answer = await a.http({ path: method.replace('.', '/') });
      assert.equal(answer.status, 401);
      assert.equal(JSON.parse(answer.body).error.code, -32001);
    }
    await call(a, c, 'login', 'frank');
    assert.equal((await a.call(c, 'app.secret')).result, 'the secret');
    assert.equal((await a.call(c, 'members.whoami')).result, 'frank');
    const answer = await a.http({ path: 'app/secret', headers: { cookie: String(c.cookie) } });
    assert.equal(answer.status, 401, 'the HTTP API knows no cookies');
  });

  it('the HTTP API has no session', async () => {
    const info = JSON.parse((await a.http({ path: 'app/info' })).body);
    assert.deepEqual(info, { id: '', created_at: 0, user: '', socket: '', channels: [] });
    assert.equal((await a.http({ path: 'app/login', args: 'me' })).status, 401);
  });
});

describe('a logout', () => {
  it('ends the user\'s privileges on all tabs on all nodes within a second', async () => {
    const c = await a.open();
    await call(a, c, 'login', 'grace');
    await call(a, c, 'subscribe', ['private']);
    const reopened = await a.open({ cookie: c.cookie });
    const far = await b.open({ cookie: reopened.cookie });
    assert.equal((await call(b, far, 'info')).user, 'grace');
    const { id } = await call(a, c, 'info');
    await call(a, c, 'logout');
    assert.equal((await a.call(c, 'app.secret')).error.code, -32001);
    assert.equal((await a.call(reopened, 'app.secret')).error.code, -32001);
    await eventually(async () => (await b.call(far, 'app.secret')).error?.code === -32001,
      'the far tab is signed out');
    for (const [w, d] of /** @type {[Worker, any][]} */ ([[a, c], [a, reopened], [b, far]])) {
      assert.deepEqual([...w.place(d).topics], []);
      assert.deepEqual((await call(w, d, 'info')).channels, []);
    }
    assert.equal(await redis.command('EXISTS', `ss:session:${id}`), 0);
    assert.equal((await call(b, await b.open({ cookie: reopened.cookie }), 'info')).user, '');
  });

  it('of a session by its id reaches it wherever it is', async () => {
    const c = await a.open();
    await call(a, c, 'login', 'heidi');
    const { id } = await call(a, c, 'info');
    const other = await b.open();
    await call(b, other, 'logoutSession', id);
    await eventually(async () => (await call(a, c, 'info')).user === '', 'signed out');
  });

  it('is not undone by what was asked before it', async () => {
    const c = await a.open();
    await call(a, c, 'login', 'ivan');
    const far = await b.open({ cookie: (await a.open({ cookie: c.cookie })).cookie });
    await Promise.all([call(a, c, 'logout'),
      ...Array.from({ length: 10 }, (_, i) => b.call(far, 'app.subscribe', [`c${i}`]))]);
    await eventually(async () => (await call(b, far, 'info')).user === '', 'signed out');
    await later(50);
    assert.equal((await call(b, far, 'info')).user, '');
    const hash = await redis.hash(`ss:session:${(await call(b, far, 'info')).id}`);
    assert.equal(hash.user_id, undefined);
  });
});

describe('users online', () => {
  const brief = {
    SS__users__online__mins_until_offline: '0.05', SS__users__online__update_interval: '1',
  };
  /** Two nodes with a key prefix of their own, ended whatever happens.
   *  @param {Record<string, string>} env @param {(x: Worker, y: Worker, nodes: Sidecar[]) => Promise<void>} test */
  async function pair(env, test) {
    const SS__redis__key_prefix = `p${Math.random()}`;
    const nodes = await Promise.all([0, 1].map(() => start({ ...env, SS__redis__key_prefix })));
    try {
      const [x, y] = await Promise.all(nodes.map((node) => node.worker()));
      await test(x, y, nodes);
      assert.equal((await redis.command('KEYS', 'ss:online')).length, 1, 'the prefix holds');
    } finally {
      await Promise.all(nodes.map((node) => node.stop()));
    }
  }
  /** @param {Worker} w */
  const online = async (w) => (await call(w, await w.open(), 'online')).sort();

  it('are listed once, on whatever nodes they are, and gone at their logout', () => pair({},
    async (x, y) => {
      const c = await x.open();
      await call(x, c, 'login', 'judy');
      const far = await y.open({ cookie: (await x.open({ cookie: c.cookie })).cookie });
      const other = await y.open();
      await call(y, other, 'login', 'ken');
      assert.deepEqual(await online(x), ['judy', 'ken']);
      x.leave(c);
      await x.sync();
      assert.deepEqual(await online(y), ['judy', 'ken'], 'another tab is there');
      await call(y, far, 'logout');
      await eventually(async () => (await online(x)).join() === 'ken', 'judy left');
    }));

  it('stay for a while when their connection is lost', () => pair(brief, async (x, y) => {
    const eyes = await y.open();
    const [c, d] = [await x.open(), await x.open()];
    await call(x, c, 'login', 'lost');
    await call(x, d, 'login', 'there');
    await later(4500);
    assert.deepEqual(await online(y), ['lost', 'there'], 'leases are renewed');
    x.leave(c);
    await later(500);
    assert.deepEqual(await online(y), ['lost', 'there']);
    await eventually(async () => (await online(y)).join() === 'there', 'the lease has ended', 4000);
    const heard = async () => (await call(x, d, 'events')).concat(await call(y, eyes, 'events'))
      .filter((/** @type {any} */ e) => e.name === 'user:offline');
    /** @type {any[]} */
    const all = [];
    await eventually(async () => all.push(...await heard()), 'somebody was told', 3000);
    assert.deepEqual(all.map((e) => e.user), ['lost'], 'one node is told, once');
  }));

  it('of a node that died are offline when its leases have ended', () => pair(brief,
    async (x, y, [node]) => {
      const c = await x.open();
      await call(x, c, 'login', 'gone');
      const d = await y.open();
      await call(y, d, 'login', 'stays');
      await call(y, d, 'events');
      node.child.kill('SIGKILL');
      await node.exit;
      assert.deepEqual(await online(y), ['gone', 'stays']);
      await eventually(async () => (await online(y)).join() === 'stays', 'the lease has ended', 5000);
      await eventually(async () => (await call(y, d, 'events'))
        .some((/** @type {any} */ e) => e.name === 'user:offline' && e.user === 'gone'),
      'the other node is told', 5000);
    }));

  it('can be switched off', () => pair({ SS__users__online__enabled: 'false' }, async (x) => {
    await call(x, await x.open(), 'login', 'unseen');
    assert.deepEqual(await online(x), []);
  }));

  it('leave a history if wanted', () => pair({ SS__users__online__keep_historic: 'true' },
    async (x) => {
      await call(x, await x.open(), 'login', 'recorded');
      /** @type {string[]} */
      let at = [];
      await eventually(async () => { at = await redis.command('KEYS', '*:online:at:*'); return at.length; }, 'a key');
      assert.deepEqual(await redis.command('SMEMBERS', at[0]), ['recorded']);
      await redis.command('DEL', ...at);
    }));
});

describe('sessions that have ended', () => {
  /** Runs a node with a prefix of its own, whose first and last list of ended sessions are given.
   *  @param {Record<string, string>} env @param {(w: Worker, lists: () => Promise<string[]>) => Promise<void>} test */
  async function alone(env, test) {
    const SS__redis__key_prefix = `e${Math.random()}`;
    const node = await start({ ...env, SS__redis__key_prefix });
    try {
      await test(await node.worker(), async () => (await redis.command('KEYS', `${SS__redis__key_prefix}:ended:*`)).sort());
    } finally {
      await node.stop();
    }
  }
  const wanted = { SS__users__online__keep_historic: 'true' };

  it('leave user and times if wanted, for 30 days, and nothing to get in by', () => alone(wanted, async (w, lists) => {
    const before = Date.now();
    const c = await w.open();
    const tab = await w.open({ cookie: c.cookie });
    await call(w, c, 'logout');
    await call(w, c, 'login', 'ann "☂"');
    const { id } = await call(w, c, 'info');
    await call(w, c, 'login', 'bob');
    await call(w, c, 'save', 'k', 'secret');
    await call(w, c, 'login', 'bob');
    await call(w, tab, 'logout');
    await call(w, tab, 'logout');
    const keys = await lists();
    assert.match(keys[0], /:ended:\d{4}-\d\d-\d\d$/);
    assert.ok(Math.abs(Date.parse(/** @type {string} */ (keys[0].split(':').at(-1))) - before) < 86400_000 * 2, 'named by its day');
    /** @type {string[]} */
    const texts = (await Promise.all(keys.map((key) => redis.command('LRANGE', key, '0', '-1')))).flat();
    const entries = texts.map((text) => JSON.parse(text));
    assert.deepEqual(entries.map((entry) => entry.user), ['ann "☂"', 'bob'], 'one for each, in their order');
    for (const entry of entries) {
      assert.deepEqual(Object.keys(entry), ['user', 'created_at', 'ended_at']);
      assert.ok(entry.created_at > before - 2000 && entry.created_at <= entry.ended_at && entry.ended_at <= Date.now() + 1000);
    }
    assert.ok(!texts.some((text) => text.includes(id)));
    const ttl = await redis.command('TTL', keys[0]);
    assert.ok(ttl > 2591900 && ttl <= 2592000, String(ttl));
  }));

  it('leave nothing unless wanted', async () => {
    for (const env of [{}, { ...wanted, SS__users__online__enabled: 'false' }]) {
      await alone(env, async (w, lists) => {
        const c = await w.open();
        await call(w, c, 'login', 'ann');
        await call(w, c, 'logout');
        assert.deepEqual(await lists(), []);
      });
    }
  });

  it('are 100,000 a day at most, of which the oldest goes, and end whatever stands in their way', () => alone({ ...wanted, SS__redis__command_timeout: '10' }, async (w, lists) => {
    const leave = async (/** @type {string} */ user) => {
      const c = await w.open();
      await call(w, c, 'login', user);
      await call(w, c, 'logout');
      return call(w, c, 'info');
    };
    await leave('first');
    // A thousand at a time: Redis answers nobody else meanwhile.
    const fill = "redis.call('DEL',KEYS[1]) for i=0,99 do local t={} for j=1,i<99 and 1000 or 999 do t[j]=i*1000+j end redis.call('RPUSH',KEYS[1],unpack(t)) end";
    for (const key of await lists()) {
      await redis.command('EVAL', fill, '1', key);
    }
    await leave('at the limit');
    const key = /** @type {string} */ ((await lists()).at(-1));
    assert.equal(await redis.command('LLEN', key), 100000);
    assert.equal(await redis.command('LINDEX', key, '0'), '1');
    await leave('past it');
    assert.equal(await redis.command('LLEN', key), 100000);
    assert.equal(await redis.command('LINDEX', key, '0'), '2');
    assert.equal(JSON.parse(await redis.command('LINDEX', key, '-1')).user, 'past it');
    await redis.command('SET', key, 'no list');
    assert.equal((await leave('nobody knows')).user, '');
  }));
});

describe('server events', () => {
  /** @param {Worker} w @param {any} c */
  const events = async (w, c) => (await call(w, c, 'events')).map((/** @type {any} */ e) => e.name);

  it('tell of each connection\'s beginning and end, and of a session\'s last', async () => {
    const eyes = await a.open();
    await call(a, eyes, 'events');
    const c = await a.open();
    const d = await a.open({ cookie: c.cookie });
    const { id, socket } = await call(a, c, 'info');
    await call(a, c, 'subscribe', ['x', 'y']);
    await call(a, c, 'subscribe', ['x', 'z']);
    await call(a, c, 'unsubscribe', ['x', 'none']);
    await call(a, c, 'reset');
    a.leave(c);
    a.leave(d);
    await a.sync();
    const got = await call(a, eyes, 'events');
    assert.deepEqual(got.map((/** @type {any} */ e) => [e.name, e.channel].join(' ').trim()), [
      'client:connect', 'client:connect', 'channel:subscribe x', 'channel:subscribe y',
      'channel:subscribe z', 'channel:unsubscribe x', 'channel:unsubscribe y',
      'channel:unsubscribe z', 'client:disconnect', 'client:disconnect', 'session:disconnect']);
    assert.ok(got.every((/** @type {any} */ e) => e.session === id));
    assert.equal(got[0].socket, socket);
  });

  it('do not tell of a link that comes back, and once of one that does not', async () => {
    const eyes = await a.open();
    const link = await nodeA.worker();
    const c = await link.open();
    const d = await link.open();
    await call(link, c, 'login', 'mallory');
    await call(link, c, 'subscribe', 'here');
    await call(a, eyes, 'events');
    const { socket } = await call(link, c, 'info');
    link.close();
    await later(300);
    const again = await nodeA.worker({ identity: link.identity });
    again.rebind(c, link.place(c));
    const back = await call(again, c, 'info');
    assert.deepEqual([back.user, back.channels, back.socket], ['mallory', ['here'], socket]);
    assert.deepEqual([...again.place(c).topics].sort(), ['c:here', 'u:mallory']);
    assert.deepEqual(await events(a, eyes), []);
    await later(6500);
    assert.deepEqual(await events(a, eyes), ['client:disconnect', 'session:disconnect']);
    assert.equal((await call(again, c, 'info')).user, 'mallory');
    assert.ok(d);
  });
});

describe('a restarted sidecar', () => {
  it('knows its clients again by what their worker kept, before it runs their calls', async () => {
    const node = await start();
    const link = await node.worker();
    const c = await link.open({ system: true });
    await call(link, c, 'login', 'nina');
    await call(link, c, 'subscribe', ['news']);
    await call(link, c, 'save', 'k', [1]);
    const socket = (await call(link, c, 'info')).socket;
    node.child.kill('SIGKILL');
    await node.exit;
    const next = await start();
    try {
      const again = await next.worker({ identity: link.identity });
      again.rebind(c, link.place(c));
      const answer = await again.call(c, 'members.whoami');
      assert.equal(answer.result, 'nina');
      assert.deepEqual(await call(again, c, 'get', 'k'), [1]);
      assert.equal((await call(again, c, 'info')).socket, socket);
      assert.deepEqual(await again.event(c, 'system.resync'), { reason: 'sidecar' });
      assert.deepEqual([...again.place(c).topics].sort(), ['c:news', 'u:nina']);
    } finally {
      await Promise.all([node.stop(), next.stop()]);
    }
  });
});

describe('one session on two nodes', () => {
  /** Numbers that are the same in every run. @param {number} seed */
  const numbers = (seed) => (/** @type {number} */ limit) => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return Math.floor((seed / 2 ** 32) * limit);
  };

  for (const seed of [1, 2, 3, 4, 5, 6]) {
    it(`ends in one state after any mix of changes (${seed})`, async () => {
      const below = numbers(seed);
      const first = await a.open();
      /** @type {[Worker, any][]} */
      const tabs = [[a, first], [b, await b.open({ cookie: first.cookie })],
        [b, await b.open({ cookie: first.cookie })]];
      /** @type {Promise<unknown>[]} */
      const pending = [];
      for (let i = 0; i < 120; i++) {
        const [w, c] = tabs[below(tabs.length)];
        const name = `n${below(4)}`;
        const [action, ...params] = [['subscribe', [name, `m${below(3)}`]], ['unsubscribe', name],
          ['save', name, i], ['set', name, below(2) ? i : null], ['reset'], ['login', `u${below(2)}`],
          ['logout'], ['subscribe', name]][below(8)];
        pending.push(w.call(c, `app.${action}`, params));
        if (below(3) === 0) await Promise.all(pending.splice(0));
        if (below(30) === 0) {
          // The cookie of a new tab is one that the browser may have by now.
          const late = await a.open({ cookie: first.cookie });
          if ((await call(a, late, 'info')).id === (await call(a, first, 'info')).id) tabs.push([a, late]);
        }
      }
      await Promise.all(pending);
      await later(100);
      const states = await Promise.all(tabs.map(async ([w, c]) => ({
        ...await call(w, c, 'info'), socket: '',
        attributes: await Promise.all([0, 1, 2, 3].map((n) => call(w, c, 'get', `n${n}`))),
      })));
      for (const [i, state] of states.entries()) {
        assert.deepEqual(state, states[0], `tab ${i}`);
        const [w, c] = tabs[i];
        assert.deepEqual([...w.place(c).topics].sort(), [...state.channels.map((/** @type {string} */ n) => `c:${n}`),
          ...(state.user ? [`u:${state.user}`] : [])].sort(), `the worker of tab ${i}`);
      }
      const hash = await redis.hash(`ss:session:${states[0].id}`);
      assert.deepEqual([hash.user_id ?? '', JSON.parse(hash.channels ?? '[]')],
        [states[0].user, states[0].channels]);
      const attributes = JSON.parse(hash.attributes ?? '{}');
      assert.deepEqual([0, 1, 2, 3].map((n) => attributes[`n${n}`] ?? null), states[0].attributes);
    });
  }
});

describe('the documentation', () => {
  it('has an example that works as it says', async () => {
    const docs = fs.readFileSync(new URL('../../docs/ACTIONS_C.md', import.meta.url), 'utf8');
    const [, example] = [...docs.matchAll(/```c\n([^]*?)```/g)].map(([, code]) => code);
    const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'ss-'));
    fs.mkdirSync(path.join(dir, 'app/server'), { recursive: true });
    fs.writeFileSync(path.join(dir, 'app/server/notes.c'), example);
    const node = await startSidecar(['--log-level', '1'], { app: dir, env: { SS__redis__url: redis.url } });
    try {
      const w = await node.worker();
      const c = await w.open();
      const notes = async (/** @type {string} */ action, /** @type {unknown[]} */ ...params) => {
        const { result, error } = await w.call(c, `notes.${action}`, params);
        return error?.code ?? result;
      };
      assert.deepEqual([await notes('count'), await notes('count')], [1, 2]);
      assert.equal(await notes('watch', 'garden'), -32001);
      assert.equal(await notes('signIn', 'ann', 'guess'), -32000);
      assert.equal(await notes('signIn', 'ann', 'secret'), true);
      assert.equal(await notes('watch'), -32602);
      assert.equal(await notes('watch', 'garden'), true);
      assert.equal(await notes('add', 'garden', 'the roses are out'), true);
      assert.deepEqual(await w.event(c, 'note'),
        ['note', { by: 'ann', text: 'the roses are out' }, 'garden']);
      assert.equal(await notes('count'), 3);
      w.leave(c);
      await node.logged(/ann has left/);
      assert.doesNotMatch(node.log, /warning/);
    } finally {
      await node.stop();
      fs.rmSync(dir, { recursive: true, force: true });
    }
  });
});
