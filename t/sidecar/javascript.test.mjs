// SPDX-License-Identifier: MIT
//
// Several processes of the JavaScript host under one sidecar: whose call, whose event.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { startSidecar } from '../lib/fake_worker.mjs';
import { until } from '../lib/host_app.mjs';
import { startRedis } from '../lib/redis.mjs';

const HOSTS = 3;
const CLIENTS = 12;
const dir = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'ss-several-')));
for (const [name, text] of Object.entries({
  'config/app.json': JSON.stringify({ hosts: HOSTS, users: { online: { update_interval: 0.1 } } }),
  'app/server/app.coffee': `
fs = require 'fs'
tell = (what, session) -> fs.appendFileSync 'told.log', "#{what} #{session.id} #{process.pid}\\n"
for name in ['client:connect', 'client:disconnect', 'session:disconnect']
  do (name) -> SS.events.on name, (session) -> tell name, session

exports.actions =
  where: (cb) -> cb [@session.id, process.pid]
  watch: (cb) ->
    @session.on 'disconnect', (session) -> tell 'handler', session
    cb()
  signIn: (name, cb) -> @session.setUserId name, => cb [@session.id, process.pid]
`,
})) {
  fs.mkdirSync(path.dirname(path.join(dir, name)), { recursive: true });
  fs.writeFileSync(path.join(dir, name), text);
}

/** @type {import('../lib/redis.mjs').Redis} */
let redis;
/** @type {import('../lib/fake_worker.mjs').Sidecar} */
let sidecar;
/** @type {import('../lib/fake_worker.mjs').Worker} */
let worker;

before(async () => {
  redis = await startRedis();
  sidecar = await startSidecar(['--log-level', '3'], { app: dir, env: { SS__redis__url: redis.url } });
  worker = await sidecar.worker();
});
after(async () => {
  await sidecar.stop();
  await redis.stop();
  fs.rmSync(dir, { recursive: true, force: true });
});

/** Sessions of so many new clients, and the processes that run their calls. */
async function visitors() {
  return Promise.all(Array.from({ length: CLIENTS }, async () => {
    const client = await worker.open();
    const [id, pid] = (await worker.call(client, 'app.where', [])).result;
    return { client, id, pid };
  }));
}

/** What the hosts wrote: who told it. @param {string} what @param {string} id of a session */
const told = (what, id) => fs.readFileSync(path.join(dir, 'told.log'), 'utf8').split('\n')
  .filter((line) => line.startsWith(`${what} ${id} `)).map((line) => Number(line.split(' ')[2]));

describe('several processes of an application in JavaScript', () => {
  it('share the sessions, each of which stays with one, through a login too', async () => {
    const all = await visitors();
    assert.ok(new Set(all.map(({ pid }) => pid)).size > 1);
    for (const { client, id, pid } of all) {
      for (let i = 0; i < 3; i++) {
        assert.deepEqual((await worker.call(client, 'app.where', [])).result, [id, pid]);
      }
    }
    for (const [i, { client, id, pid }] of all.entries()) {
      const [next, same] = (await worker.call(client, 'app.signIn', [`user ${i}`])).result;
      assert.notEqual(next, id);
      assert.equal(same, pid);
      assert.deepEqual((await worker.call(client, 'app.where', [])).result, [next, pid]);
    }
  });

  it('hear of each event once, in the process of its session', async () => {
    const all = await visitors();
    for (const { client } of all) {
      await worker.call(client, 'app.watch', []);
      worker.leave(client);
    }
    const events = ['client:connect', 'client:disconnect', 'session:disconnect', 'handler'];
    await until(() => all.every(({ id }) => events.every((what) => told(what, id).length > 0)), 'the end of all sessions');
    await worker.sync();
    for (const { id, pid } of all) {
      assert.deepEqual(events.map((what) => told(what, id)), events.map(() => [pid]), id);
    }
  });
});
