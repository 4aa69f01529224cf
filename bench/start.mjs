// SPDX-License-Identifier: MIT
//
// How long from nothing to a page: each new application, from the execution of `socketstream start`
// to `ready:`, to its first page and to its first call answered, and the CPU that went into it.  Each
// start is the first of a folder that was made just now: nothing is packed or compiled before.
//
//     node bench/start.mjs [--rounds N] [--binary PATH ...] [--install]
//
// With several binaries these take turns, so that one noise is that of all.  --install times one
// `make install` into a folder, too, with `new` and `start` of what is installed there.

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, readdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { freePort } from '../t/lib/stack.mjs';
import { root, temporaryFolder } from './servers.mjs';
import { median, printTable } from './table.mjs';

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    binary: { type: 'string', multiple: true, default: [join(root, 'build/bin/socketstream')] },
    install: { type: 'boolean', default: false },
  },
});

const TICK_MS = 10; // USER_HZ

const kinds = ['js', 'coffee', 'ts', 'c'].flatMap((language) => [[`--${language}`], [`--${language}`, '--minimal']]);

/** A process and all below it. @param {number} pid @returns {number[]} */
function treeOf(pid) {
  try {
    const below = readdirSync(`/proc/${pid}/task`).flatMap((task) =>
      readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').split(' ').filter(Boolean).map(Number));
    return [pid, ...below.flatMap(treeOf)];
  } catch {
    return []; // it has just ended
  }
}

/** Milliseconds of CPU so far, with those of children that have ended. @param {number} pid */
const cpuOf = (pid) => treeOf(pid).reduce((sum, one) => {
  try {
    const fields = readFileSync(`/proc/${one}/stat`, 'utf8').replace(/^.*\) /, '').split(' ');
    return sum + TICK_MS * fields.slice(11, 15).reduce((all, field) => all + Number(field), 0);
  } catch {
    return sum;
  }
}, 0);

/** Asks once: what is ready answers. @param {string} url @param {RegExp} right gives when it has */
async function answered(url, right) {
  const response = await fetch(url);
  const text = await response.text();
  if (!response.ok || !right.test(text)) {
    throw new Error(`${url} answers ${response.status} ${text.slice(0, 200)}`);
  }
  return performance.now();
}

/** @param {string} binary @param {string} dir @param {boolean} hasPage */
async function timeStart(binary, dir, hasPage) {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}/`;
  const began = performance.now();
  const child = spawn(binary, ['start', '--port', String(port), '--with-parent'], {
    cwd: dir,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, SS_ENV: 'development', SS__http__hostname: '127.0.0.1' },
  });
  let said = '';
  child.stderr.on('data', (data) => (said += data));
  const ready = new Promise((done, fail) => {
    child.stdout.on('data', (data) => /^ready: /m.test(said += data) && done(performance.now()));
    child.on('exit', () => fail(new Error(`it ended before it was ready:\n${said}`)));
  });
  const times = { ready: (await ready) - began, cpu: cpuOf(/** @type {number} */ (child.pid)) };
  const page = hasPage ? (await answered(url, /\/assets\/app-/)) - began : undefined;
  const call = (await answered(`${url}api/app/square?25`, /^625$/)) - began;
  child.kill('SIGTERM');
  await once(child, 'exit');
  return { ...times, page, call };
}

/** @typedef {Awaited<ReturnType<typeof timeStart>>} Times */

/** @param {string} binary @param {string[]} kind */
async function round(binary, kind) {
  const dir = join(temporaryFolder(), 'hello');
  execFileSync(binary, ['new', dir, ...kind]);
  const times = await timeStart(binary, dir, !kind.includes('--minimal'));
  rmSync(dir, { recursive: true });
  return times;
}

/** From the sources that are built to the first page of what is installed. */
async function install() {
  const target = temporaryFolder();
  const began = performance.now();
  const since = () => Math.round(performance.now() - began);
  // Without make's own variables, should it be make that runs us.
  const { MAKEFLAGS, MAKELEVEL, ...env } = process.env;
  execFileSync('make', ['-s', 'install', `DESTDIR=${target}`, 'prefix=/usr', 'MODULEDIR=/usr/lib/nginx/modules'], { cwd: root, env });
  const installed = since();
  const binary = join(target, 'usr/bin/socketstream');
  const dir = join(temporaryFolder(), 'hello');
  execFileSync(binary, ['new', dir]);
  const times = await timeStart(binary, dir, true);
  console.log(`\nmake install: ${installed} ms; with new, start and its first page: ${since()} ms (start alone: ${Math.round(times.ready)} ms)`);
}

const binaries = options.binary.map((one) => resolve(one));
const rows = [['', ...(binaries.length > 1 ? ['binary'] : []), 'ready', 'first page', 'first call', 'CPU until ready']];
/** @param {(number | undefined)[]} list */
const middle = (list) => (list[0] === undefined ? '' : median(/** @type {number[]} */ (list)).toFixed(0));
/** @param {number[]} list */
const range = (list) => `${middle(list)} (${Math.min(...list).toFixed(0)}–${Math.max(...list).toFixed(0)})`;
for (const kind of kinds) {
  /** @type {Times[][]} */
  const runs = binaries.map(() => []);
  for (let i = 0; i < Number(options.rounds); i++) {
    for (const [at, binary] of binaries.entries()) {
      runs[at].push(await round(binary, kind));
    }
  }
  for (const [at, list] of runs.entries()) {
    rows.push([
      `new ${kind.join(' ')}`,
      ...(binaries.length > 1 ? [String(at + 1)] : []),
      range(list.map(({ ready }) => ready)),
      middle(list.map(({ page }) => page)),
      middle(list.map(({ call }) => call)),
      middle(list.map(({ cpu }) => cpu)),
    ]);
  }
}
console.log(`milliseconds from the execution of \`socketstream start\`, median (lowest–highest) of ${options.rounds}`);
printTable(rows);
if (options.install) {
  await install();
}
