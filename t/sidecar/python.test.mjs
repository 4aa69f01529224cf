// SPDX-License-Identifier: MIT
//
// The Python host of examples/, beside another host: what docs/ACTION_HOSTS.md says is enough to
// write one.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { attachConsole } from '../lib/console.mjs';
import { startSidecar } from '../lib/fake_worker.mjs';
import { alive, hostApp, oneWord, until } from '../lib/host_app.mjs';
import { startRedis } from '../lib/redis.mjs';

const file = (/** @type {string} */ name) => oneWord(fileURLToPath(new URL(`../../${name}`, import.meta.url)));
const app = hostApp({ commands: [`node ${file('t/lib/fake_host.mjs')}`, `python3 ${file('examples/python/host.py')}`] });
/** @type {import('../lib/redis.mjs').Redis} */
let redis;
/** @type {import('../lib/fake_worker.mjs').Sidecar} */
let sidecar;
/** @type {import('../lib/fake_worker.mjs').Worker} */
let worker;
/** @type {import('../lib/fake_worker.mjs').Client} */
let client;

before(async () => {
  redis = await startRedis();
  sidecar = await startSidecar(['--log-level', '3', '--pid-dir', app.dir],
    { app: app.dir, env: { SS__redis__url: redis.url, SS__users__online__update_interval: '0.1' } });
  worker = await sidecar.worker();
  client = await worker.open();
});
after(async () => {
  await sidecar.stop();
  await redis.stop();
  app.remove();
});

/** @param {string} action @param {unknown[]} params */
const call = (action, ...params) => worker.call(client, `python.${action}`, params);

describe('the Python host', () => {
  it('answers over WebSocket and HTTP, and other hosts', async () => {
    assert.equal((await call('square', 25)).result, 625);
    const { status, body } = await worker.http({ path: 'python/square', args: '1.5' });
    assert.deepEqual([status, body], [200, '2.25']);
    const console = await attachConsole(sidecar.path);
    assert.equal(await console.ask('call', { method: 'python.square' }, '[3]'), 9);
    assert.match((await call('now')).result, /^\d\d:\d\d:\d\d$/);
  });

  it('takes and gives 200 KB, in chunks', async () => {
    const words = Array.from({ length: 20000 }, (_, i) => `word ${String((i * 7919) % 20000).padStart(5, '0')}`);
    assert.deepEqual((await call('sorted', words)).result, words.sort());
  });

  it('has the errors of its own, and of Python', async () => {
    assert.deepEqual((await call('square', 'x')).error, { code: -32602, message: 'square expects one number' });
    const { error } = await call('sorted', [1, 'a']);
    assert.equal(error.code, -32000);
    assert.match(error.message, /not supported between/);
    await sidecar.logged(/python\.sorted: TypeError/);
    assert.equal((await call('square', 1e200)).error.code, -32000, 'no JSON for it');
    assert.equal((await call('cube', 3)).error.code, -32601);
    assert.equal((await call('square', 4)).result, 16);
  });

  it('outlives what JSON has and Python has not', async () => {
    const pid = fs.readFileSync(path.join(app.dir, 'host-1.pid'), 'utf8');
    const digits = '9'.repeat(5000);
    const { error } = JSON.parse(await worker.ask(client, `{"jsonrpc":"2.0","id":1,"method":"python.square","params":[${digits}]}`));
    assert.equal(error.code, -32602);
    assert.match(error.message, /4300 digits/);
    assert.equal((await call('square', 5)).result, 25);
    assert.equal(fs.readFileSync(path.join(app.dir, 'host-1.pid'), 'utf8'), pid, 'the same process');
  });

  it('lets only users in where it says so, and asks who is online', async () => {
    assert.equal((await call('who')).error.code, -32001);
    const { result } = await worker.call(client, 'fake.fact', []);
    const console = await attachConsole(sidecar.path);
    await console.ask('session.login', { session: result.session.id, socket: result.socket, user: 'ann' });
    assert.equal((await call('who')).result, 'ann');
    await until(async () => (await call('online')).result.includes('ann'), 'ann among the users online');
  });

  it('publishes, calls that come meanwhile being answered too', async () => {
    const told = Array.from({ length: 20 }, (_, i) => call('tell', i));
    const squares = await Promise.all(Array.from({ length: 20 }, (_, i) => call('square', i)));
    assert.deepEqual(squares.map(({ result }) => result), Array.from({ length: 20 }, (_, i) => i * i));
    assert.ok((await Promise.all(told)).every(({ result }) => result === null));
    for (let i = 0; i < 20; i++) {
      assert.deepEqual(await worker.event(client, 'told'), ['told', [i]]);
    }
  });

  it('leaves when it is told to', async () => {
    const pid = Number(fs.readFileSync(path.join(app.dir, 'host-1.pid'), 'utf8'));
    assert.ok(alive(pid));
    sidecar.child.kill('SIGTERM');
    await sidecar.exit;
    assert.match(sidecar.log, new RegExp(`host 1 \\(process ${pid}\\) ended with status 0`));
    assert.doesNotMatch(sidecar.log, /does not leave/);
  });
});
