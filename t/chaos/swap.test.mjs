// SPDX-License-Identifier: MIT
//
// Code that is changed under load, in development: each change is running soon, no call fails and
// no socket closes; what does not load changes nothing.

import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { long, root, sanitized, startStack, until } from '../lib/stack.mjs';
import { open, openMany } from '../lib/ws-client.mjs';

const CHANGES = long ? 200 : 20;
const CLIENTS = 100;
const EVERY_MS = 20; // each client calls so often: 5,000 calls a second
const slow = sanitized ? 4 : 1;

const dir = mkdtempSync(path.join(tmpdir(), 'ss-swap-'));
/** @type {import('../lib/stack.mjs').Stack} */
let stack;
/** @type {import('../lib/ws-client.mjs').Client[]} */
let clients;
/** @type {import('../lib/ws-client.mjs').Client} */
let watcher;
/** @type {NodeJS.Timeout[]} */
const timers = [];
/** @type {Map<string, number>} what went wrong, and how often */
const failures = new Map();
let answered = 0;

/** As editors do: the new file takes the old one's place. @param {string} name @param {string} text */
function save(name, text) {
  const file = path.join(dir, name);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(`${file}.tmp~`, text);
  renameSync(`${file}.tmp~`, file);
}

/** @param {number | string} version */
const source = (version) => `
const parts = require('parts');
exports.actions = {
    version(cb) { cb(${JSON.stringify(version)}); },
    slow(cb) { setTimeout(() => cb(${JSON.stringify(version)}), 30); },
    part(cb) { cb(parts.name); },
};
`;

before(async () => {
  cpSync(`${root}/t/chaos/host_app/app/server/native.c`, `${dir}/app/server/native.c`, { recursive: true });
  save('app/server/app.js', source(0));
  save('lib/server/parts.js', "exports.name = 'first';");
  stack = await startStack({ app: dir, env: { SS_ENV: 'development', SS__log__level: '0' } });
  watcher = await open(stack.port, { headers: ['Sec-WebSocket-Protocol: socketstream'] });
  clients = await openMany(CLIENTS, stack.port);
});
after(async () => {
  for (const timer of timers) clearInterval(timer);
  for (const client of [...clients, watcher]) client.socket.destroy();
  assert.deepEqual(await stack.stop(), []);
  rmSync(dir, { recursive: true, force: true });
});

/** @param {string} action */
const ask = async (action) => (await watcher.call(action)).result;

/** The last notification of a name. @param {string} method */
const told = (method) => watcher.other.filter((message) => message.method === method).at(-1)?.params;

function load() {
  clients.forEach((client, i) => timers.push(setTimeout(() => {
    timers.push(setInterval(async () => {
      const answer = await client.call(i % 4 ? 'app.version' : 'app.slow');
      if (answer?.result === undefined) {
        const what = JSON.stringify(answer);
        failures.set(what, (failures.get(what) ?? 0) + 1);
      } else {
        answered++;
      }
    }, EVERY_MS));
  }, i * (EVERY_MS / CLIENTS))));
}

test(`${CHANGES} changes under load: no failed call, no closed socket`, async (t) => {
  load();
  /** @type {number[]} */
  const times = [];
  for (let version = 1; version <= CHANGES; version++) {
    const start = performance.now();
    save('app/server/app.js', source(version));
    assert.ok(await until(async () => (await ask('app.version')) === version, 10_000 * slow), `change ${version} runs`);
    times.push(performance.now() - start);
  }
  for (const timer of timers) clearInterval(timer);
  await until(() => clients.every((client) => client.pending.size === 0));
  times.sort((a, b) => a - b);
  t.diagnostic(`${answered} calls answered; a change runs after ${times[times.length >> 1].toFixed(0)} ms, at most ${times.at(-1)?.toFixed(0)} ms`);
  assert.deepEqual([...failures], []);
  assert.ok(answered > CHANGES * CLIENTS);
  assert.equal(clients.filter((client) => client.ended).length, 0);
});

test('a change of what a file requires counts too', async () => {
  assert.equal(await ask('app.part'), 'first');
  save('lib/server/parts.js', "exports.name = 'second';");
  assert.ok(await until(async () => (await ask('app.part')) === 'second', 10_000 * slow));
});

test('what does not load changes nothing, and browsers are told where it is wrong', async () => {
  save('app/server/app.js', `${source('broken')}\nexports.actions.oops = function( {`);
  assert.ok(await until(() => told('system.problems')?.problems.length === 1, 10_000 * slow));
  const [problem] = told('system.problems').problems;
  assert.equal(problem.file, 'app/server/app.js');
  assert.equal(problem.line, 9);
  assert.match(problem.message, /SyntaxError|Unexpected/i);
  assert.match(problem.frame, /exports\.actions\.oops = function/);
  assert.equal(await ask('app.version'), CHANGES);

  save('app/server/app.js', source('mended'));
  assert.ok(await until(async () => (await ask('app.version')) === 'mended', 10_000 * slow));
  assert.ok(await until(() => told('system.problems')?.problems.length === 0));
});

test('new files and folders, and their removal, are noticed', async () => {
  save('app/server/new/things.js', 'exports.actions = { here(cb) { cb(1); } };');
  assert.ok(await until(async () => (await ask('new.things.here')) === 1, 10_000 * slow));
  assert.ok(await until(() => told('system.init')?.api.includes('new.things.here')));
  rmSync(path.join(dir, 'app/server/new'), { recursive: true });
  assert.ok(await until(async () => (await watcher.call('new.things.here')).error?.code === -32601, 10_000 * slow));
  assert.equal(watcher.ended, false);
});
