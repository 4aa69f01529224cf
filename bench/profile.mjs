// SPDX-License-Identifier: MIT
//
// Where the time of a call goes: instructions, cycles and context switches per call by perf's
// counters, system calls per call by strace, and the functions that take most.  For each process
// of a server apart.  Needs perf and strace; nothing else in the tree does.
//
//     node bench/profile.mjs [--server ours] [--clients 100] [--depth 1] [--calls 200000] [--top 25]

import { execFileSync, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import {
  runLoad,
  startFloor,
  startFloor2,
  startOurs,
  startOursJs,
  startPeer,
  startSpinner,
  temporaryFolder,
} from './servers.mjs';

/** @typedef {import('./servers.mjs').Server} Server */

/** @type {Record<string, () => Promise<Server>>} */
const SERVERS = {
  ours: startOurs,
  'ours-js': startOursJs,
  floor: startFloor,
  floor2: startFloor2,
  uws: () => startPeer('uws'),
  ws: () => startPeer('ws'),
};

const EVENTS = ['instructions:u', 'instructions:k', 'cycles:u', 'cycles:k', 'context-switches'];

const { values: options } = parseArgs({
  options: {
    server: { type: 'string', default: 'ours' },
    clients: { type: 'string', default: '100' },
    depth: { type: 'string', default: '1' },
    calls: { type: 'string', default: '200000' },
    top: { type: 'string', default: '25' },
  },
});
const calls = Number(options.calls);

/**
 * The processes that do the work: of nginx its worker, of the sidecar itself and its host, which
 * are children.
 *
 * @param {Server} server
 */
function workers(server) {
  return server.pids.flatMap((spec) => {
    const [label, pid] = spec.split('=');
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
    const [child] = children.split(' ');
    if (label === 'nginx') {
      return [{ label, pid: child }];
    }
    return [{ label, pid }, ...(child === '' ? [] : [{ label: 'host', pid: child }])];
  });
}

/** Exactly `calls` calls. @param {Server} server */
const load = (server) =>
  runLoad('rpc', server, [
    ...['--clients', options.clients ?? '', '--depth', options.depth ?? ''],
    ...['--calls', String(calls), '--timeout', '60', '--busy'],
  ]);

/**
 * Runs the load while a tool watches a process, and gives the tool's stderr.
 *
 * @param {Server} server
 * @param {string} tool
 * @param {string[]} args
 * @returns {Promise<string>}
 */
async function watched(server, tool, args) {
  const child = spawn(tool, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let text = '';
  child.stderr.on('data', (data) => (text += data));
  const ended = new Promise((resolve, reject) => {
    child.on('close', resolve);
    child.on('error', reject);
  });
  await new Promise((resolve) => setTimeout(resolve, 700)); // until it is attached
  await load(server);
  child.kill('SIGINT');
  await ended;
  return text;
}

/** @param {Server} server @param {string} pid */
async function counters(server, pid) {
  const text = await watched(server, 'perf', ['stat', '-x,', '-e', EVENTS.join(','), '-p', pid]);
  /** @type {Record<string, number>} */
  const perCall = {};
  for (const line of text.trim().split('\n')) {
    const fields = line.split(',');
    perCall[fields[2]] = Number(fields[0]) / calls;
  }
  return perCall;
}

/** @param {Server} server @param {string} pid */
async function systemCalls(server, pid) {
  const text = await watched(server, 'strace', ['-f', '-c', '-S', 'calls', '-p', pid]);
  const rows = [];
  for (const line of text.split('\n')) {
    const match = /^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(\w+)$/.exec(line);
    if (match !== null && match[2] !== 'total' && Number(match[1]) > calls / 1000) {
      rows.push(`${match[2]} ${(Number(match[1]) / calls).toFixed(3)}`);
    }
  }
  return rows.join(', ');
}

/** @param {Server} server @param {string} pid @param {string} file */
async function functions(server, pid, file) {
  await watched(server, 'perf', ['record', '-q', '-F', '5000', '-o', file, '-p', pid]);
  const text = execFileSync('perf', ['report', '-i', file, '--stdio', '-q', '--sort', 'dso,symbol'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    maxBuffer: 1 << 26,
  });
  /** @type {{share: number, dso: string, kernel: boolean, symbol: string}[]} */
  const rows = [];
  for (const line of text.split('\n')) {
    const match = /^\s*([\d.]+)%\s+(\S+)\s+\[(.)\]\s+(.*?)\s+-\s+-\s*$/.exec(line);
    if (match !== null) {
      rows.push({ share: Number(match[1]), dso: match[2], kernel: match[3] === 'k', symbol: match[4] });
    }
  }
  const top = Number(options.top);
  const kernel = rows.filter((row) => row.kernel);
  const user = rows.filter((row) => !row.kernel);
  const sum = (/** @type {typeof rows} */ some) => some.reduce((total, row) => total + row.share, 0).toFixed(1);
  return [
    `  user ${sum(user)} %`,
    ...user.slice(0, top).map((row) => `    ${row.share.toFixed(2).padStart(5)} % ${row.dso} ${row.symbol}`),
    `  kernel ${sum(kernel)} %`,
    ...kernel.slice(0, top / 2).map((row) => `    ${row.share.toFixed(2).padStart(5)} % ${row.symbol}`),
  ];
}

const start = SERVERS[options.server ?? ''];
if (start === undefined) {
  console.error(`no server "${options.server}"; there are ${Object.keys(SERVERS).join(', ')}`);
  process.exit(2);
}
const folder = temporaryFolder();
const spinner = startSpinner();
const server = await start();
try {
  await load(server); // so that all that is done once is done
  const plain = await load(server);
  console.log(`${server.name}, ${options.clients}×${options.depth}: ${plain.cpu_us_per_call} µs per call`);
  for (const { label, pid } of workers(server)) {
    const all = await counters(server, pid);
    console.log(`\n${label} (${pid}), per call:`);
    console.log(`  ${EVENTS.map((event) => `${event} ${all[event].toFixed(2)}`).join(', ')}`);
    console.log(`  ${await systemCalls(server, pid)}`);
    console.log((await functions(server, pid, join(folder, label))).join('\n'));
  }
} finally {
  await server.stop();
  await spinner.stop();
}
process.exit(0);
