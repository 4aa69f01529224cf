// SPDX-License-Identifier: MIT
//
// A deploy as docs/OPERATIONS.md has it: two sidecars in one upstream, restarted one after the other
// under load with new code.  Nobody's socket closes, no call fails.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { build, long, startStack, until } from '../lib/stack.mjs';
import { openMany } from '../lib/ws-client.mjs';

const CLIENTS = 100;
const EVERY_MS = 100; // each
const DEPLOYS = long ? 10 : 1;

const dir = mkdtempSync(path.join(tmpdir(), 'ss-deploy-'));
const sockets = ['a', 'b'].map((letter) => path.join(dir, `${letter}.sock`));
/** @type {import('node:child_process').ChildProcess[]} */
const sidecars = [];
/** @type {import('../lib/stack.mjs').Stack} */
let stack;

/** @param {number} version */
function save(version) {
  mkdirSync(path.join(dir, 'app/server'), { recursive: true });
  writeFileSync(path.join(dir, 'app/server/app.js'), `exports.actions = {
    version(cb) { cb(${version}); },
    slow(cb) { setTimeout(() => cb(${version}), 50); },
  };`);
}

/** @param {number} i */
async function start(i) {
  sidecars[i] = spawn(path.join(build, 'bin/socketstream'), ['sidecar', '--app', dir, '--listen', sockets[i]],
    { stdio: 'ignore', env: { ...process.env, SS_ENV: 'production' } });
  assert.ok(await until(() => existsSync(sockets[i])), 'the sidecar listens');
}

/** @param {number} i */
async function stop(i) {
  const ended = once(sidecars[i], 'exit');
  sidecars[i].kill('SIGTERM');
  assert.deepEqual(await ended, [0, null]);
}

/** @param {number} i */
async function isLinked(i) {
  const { body } = await stack.get('/status?format=prometheus');
  return body.includes(`socketstream_link_up{socket="unix:${sockets[i]}"} 1`);
}

before(async () => {
  save(0);
  await Promise.all([0, 1].map(start));
  stack = await startStack({
    withSidecar: false,
    http: `upstream app { ${sockets.map((socket) => `server unix:${socket};`).join(' ')} }`,
    server: 'location /socketstream { socketstream_pass app; }\nlocation /api/ { socketstream_api app; }\n'
      + 'location = /status { socketstream_status; }',
  });
});
after(async () => {
  await Promise.all([0, 1].map(stop));
  assert.deepEqual(await stack.stop(), []);
  rmSync(dir, { recursive: true, force: true });
});

test('deploys under load: no failed call, no closed socket', async (t) => {
  const clients = await openMany(CLIENTS, stack.port);
  /** @type {string[]} */
  const failures = [];
  let answered = 0;
  let over = false;
  const note = (/** @type {any} */ answer) => {
    if (typeof answer === 'number') answered++;
    else failures.push(JSON.stringify(answer));
  };
  const load = clients.map(async (client, i) => {
    while (!over) {
      const answer = await client.call(i % 4 ? 'app.version' : 'app.slow');
      note(answer?.result ?? answer);
      if (i % 10 === 0) {
        const { status, body } = await stack.get('/api/app/version');
        note(status === 200 ? Number(body) : { status, body });
      }
      await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
    }
  });
  for (let version = 1; version <= DEPLOYS; version++) {
    save(version);
    for (const i of [0, 1]) {
      await stop(i);
      await start(i);
      // The units sleep for so long.
      assert.ok(await until(() => isLinked(i)), 'nginx has found the new one');
    }
  }
  over = true;
  await Promise.all(load);
  t.diagnostic(`${answered} calls answered, ${failures.length} failed, by ${CLIENTS} clients and ${DEPLOYS} deploys`);
  assert.deepEqual(failures, []);
  const versions = await Promise.all(clients.map(async (client) => (await client.call('app.version')).result));
  assert.deepEqual([...new Set(versions)], [DEPLOYS]);
  assert.ok(clients.every(({ socket }) => !socket.destroyed && !socket.readableEnded), 'a socket was closed');
  for (const { socket } of clients) socket.destroy();
});
