// SPDX-License-Identifier: MIT
//
// A chat in C, as a page would call it: sessions, users, channels and events of the C API at work.

import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startSidecar } from '../lib/fake_worker.mjs';
import { startRedis } from '../lib/redis.mjs';

const app = path.resolve(path.dirname(fileURLToPath(import.meta.url)), 'chat_app');

/** @type {import('../lib/redis.mjs').Redis} */
let redis;
/** @type {import('../lib/fake_worker.mjs').Sidecar} */
let sidecar;
/** @type {import('../lib/fake_worker.mjs').Worker} */
let w;

before(async () => {
  redis = await startRedis();
  sidecar = await startSidecar(['--log-level', '0'], { app, env: { SS__redis__url: redis.url } });
  w = await sidecar.worker();
});
after(async () => {
  await sidecar.stop();
  await redis.stop();
});

/** The result, or the error's code. @param {any} c @param {string} action @param {unknown[]} params */
async function ask(c, action, ...params) {
  const answer = await w.call(c, `chat.${action}`, params);
  return answer.error?.code ?? answer.result;
}

describe('the chat', () => {
  it('knows who has signed in, under the name without spaces around it', async () => {
    const c = await w.open();
    assert.equal(await ask(c, 'me'), null);
    assert.equal(await ask(c, 'signIn', ' Ann\n'), true);
    assert.equal(await ask(c, 'me'), 'Ann');
    assert.deepEqual(await ask(c, 'online'), ['Ann']);
    assert.equal(await ask(c, 'signOut'), true);
    assert.deepEqual([await ask(c, 'me'), await ask(c, 'online')], [null, []]);
  });

  it('carries what is said in a room to those who are in it', async () => {
    const [ann, bob, eve] = [await w.open(), await w.open(), await w.open()];
    await ask(ann, 'signIn', 'Ann');
    await ask(bob, 'signIn', 'Bob');
    await ask(ann, 'join', 'tea');
    await ask(bob, 'join', 'tea');
    await ask(bob, 'join', 'ü');
    assert.deepEqual(await ask(bob, 'rooms'), ['tea', 'ü']);
    assert.equal(await ask(ann, 'say', 'tea', ' <b>milk?\n'), true);
    for (const c of [ann, bob]) {
      assert.deepEqual(await w.event(c, 'message'),
        ['message', { room: 'tea', from: 'Ann', text: '<b>milk?' }, 'room:tea']);
    }
    await ask(bob, 'leave', 'tea');
    assert.deepEqual(await ask(bob, 'rooms'), ['ü']);
    await ask(ann, 'say', 'tea', 'gone?');
    await w.event(ann, 'message');
    assert.deepEqual([w.events(bob), w.events(eve)], [[], []]);
  });

  it('whispers to all of one person\'s connections', async () => {
    const [ann, bob, also] = [await w.open(), await w.open(), await w.open()];
    await ask(ann, 'signIn', 'Ann');
    await ask(bob, 'signIn', 'Bob');
    await ask(also, 'signIn', 'Bob');
    assert.equal(await ask(ann, 'tell', 'Bob', 'psst'), true);
    for (const c of [bob, also]) {
      assert.deepEqual(await w.event(c, 'whisper'), ['whisper', { from: 'Ann', text: 'psst' }]);
    }
    assert.deepEqual(w.events(ann), []);
  });

  it('lets nobody speak who has not signed in', async () => {
    const c = await w.open();
    assert.equal(await ask(c, 'join', 'tea'), true);
    assert.deepEqual([await ask(c, 'say', 'tea', 'x'), await ask(c, 'tell', 'Bob', 'x')],
      [-32001, -32001]);
  });

  it('refuses names and texts that are none', async () => {
    const c = await w.open();
    await ask(c, 'signIn', 'Ann');
    const names = [undefined, null, 7, [], '', ' \t', 'a\u0000b', 'a\nb', 'x'.repeat(33), 'ü'.repeat(33)];
    for (const name of names) {
      for (const action of ['signIn', 'join', 'leave']) {
        assert.equal(await ask(c, action, name), -32602, `${action} ${JSON.stringify(name)}`);
      }
      assert.equal(await ask(c, 'say', name, 'x'), -32602);
      assert.equal(await ask(c, 'tell', name, 'x'), -32602);
    }
    for (const text of [undefined, null, 7, {}, '', '  ', 'x'.repeat(2001)]) {
      assert.equal(await ask(c, 'say', 'tea', text), -32602, JSON.stringify(text));
      assert.equal(await ask(c, 'tell', 'Bob', text), -32602);
    }
    assert.equal(await ask(c, 'join', '𝄞'.repeat(32)), true);
    assert.equal(await ask(c, 'say', '𝄞'.repeat(32), '𝄞'.repeat(2000)), true);
  });
});
