// SPDX-License-Identifier: MIT
//
// make bench: measures ours and the peers in one go, prints its tables, and leaves all that was
// measured in build/bench/results.json.  docs/PERFORMANCE.md tells the method.
//
//     node bench/run.mjs [--rounds N] [--seconds S] [--only ours,uws] [--idle N]
//                       [--skip rpc,fanout,churn,idle] [--check]

import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { measureChurn, measureFanout, ratio, reportChurn, reportFanout } from './fanout.mjs';
import { clientsAllowed, measureIdle, SLOT, TOTAL_MAX, WORKER_MAX } from './idle.mjs';
import {
  root,
  runLoad,
  sanitized,
  startEager,
  startFloor,
  startFloor2,
  startOurs,
  startOursJs,
  startPeer,
  startSocketIo,
  startSpinner,
} from './servers.mjs';
import { cpuOf, median, printTable, spread } from './table.mjs';

/** @typedef {import('./servers.mjs').Server} Server */

const CONFIGURATIONS = [
  { name: '1×1', clients: 1, depth: 1 },
  { name: '100×1', clients: 100, depth: 1 },
  { name: '100×16', clients: 100, depth: 16 },
];

/** @type {Record<string, { title: string, start: () => Promise<Server> }>} */
const SERVERS = {
  floor: { title: 'floor: bare epoll', start: startFloor },
  floor2: { title: 'floor: two processes', start: startFloor2 },
  ours: { title: 'SocketStream', start: startOurs },
  uws: { title: 'uWebSockets 20.30', start: () => startPeer('uws') },
  'ours-js': { title: 'SocketStream, JavaScript', start: startOursJs },
  ws: { title: 'ws 8.23', start: () => startPeer('ws') },
  io: { title: 'socket.io 4.8', start: startSocketIo },
};

/** What some servers are made of, and how to tell their processes apart. */
const PARTS = {
  ours: ['nginx', 'sidecar'],
  'ours-js': ['nginx', 'sidecar', 'host'],
};

/**
 * The rows for events; `eager` is the floor that writes each event at once.
 *
 * @param {Server[]} servers
 */
function eventRows(servers) {
  /** @type {Record<string, string>} */
  const titles = {
    eager: 'floor: bare send()',
    floor: 'floor: bare send(), coalesced',
    ours: 'SocketStream',
    uws: SERVERS.uws.title,
  };
  const rows = Object.entries(titles).flatMap(([name, title]) =>
    servers.filter((server) => server.name === name).map((server) => ({ name, title, server })),
  );
  const ours = servers.find(({ name }) => name === 'ours');
  if (ours?.secureUrl !== undefined) {
    const secure = { ...ours, url: ours.secureUrl };
    rows.splice(rows.findIndex(({ name }) => name === 'ours') + 1, 0, {
      name: 'ours-tls',
      title: 'SocketStream, TLS',
      server: secure,
    });
  }
  return rows;
}

/** A C action at 100×1 may cost so many times what uWebSockets needs. */
const RATIO_MAX = 1.3;

/** And a delivery so many times the bare send() of the same bytes. */
const FANOUT_RATIO_MAX = 1.2;

/** A run with fewer calls is doubtful. */
const CALLS_MIN = 5000;
const TICK_US = 10_000;

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '1.5' },
    only: { type: 'string', default: Object.keys(SERVERS).join(',') },
    idle: { type: 'string', default: '10000' },
    skip: { type: 'string', default: '' },
    check: { type: 'boolean', default: false },
  },
});

/** @param {string} file @param {string[]} args */
function output(file, args) {
  try {
    return execFileSync(file, args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();
  } catch {
    return '';
  }
}

function machine() {
  return {
    date: new Date().toISOString(),
    commit: output('git', ['describe', '--always', '--dirty']),
    cpu: cpus()[0]?.model,
    cores: cpus().length,
    kernel: release(),
    node: process.version,
    nginx: output('sh', ['-c', 'nginx -v 2>&1']).replace('nginx version: ', ''),
    sanitized: sanitized(),
  };
}

/**
 * Rounds of A B C A B C, so that what the machine does besides falls on all of them alike.
 *
 * @param {Server[]} servers
 * @returns {Promise<any[]>} one row per run
 */
async function measureRpc(servers) {
  const runs = [];
  for (const server of servers) {
    await runLoad('rpc', server, ['--clients', '100', '--depth', '4', '--seconds', '1', '--busy']);
  }
  for (let round = 0; round < Number(options.rounds); round++) {
    for (const { name, clients, depth } of CONFIGURATIONS) {
      for (const server of servers) {
        const args = ['--clients', `${clients}`, '--depth', `${depth}`, '--seconds', options.seconds ?? '1.5'];
        const result = await runLoad('rpc', server, [...args, '--busy']);
        runs.push({ server: server.name, configuration: name, round, ...result });
        process.stderr.write('.');
      }
    }
  }
  process.stderr.write('\n');
  return runs;
}

/**
 * @param {any[]} runs
 * @param {string} server
 * @param {string} configuration
 * @param {(run: any) => number} value
 */
function pick(runs, server, configuration, value) {
  return runs.filter((r) => r.server === server && r.configuration === configuration).map(value);
}

/** @param {any[]} runs @param {string[]} names */
function report(runs, names) {
  /** @param {string} title @param {(configuration: string) => string} cell */
  const row = (title, cell) => [title, ...CONFIGURATIONS.map(({ name }) => cell(name))];
  const total = (/** @type {any} */ run) => run.cpu_us_per_call;
  const rows = [row('µs of server CPU per call', (name) => name)];
  for (const server of names) {
    rows.push(
      row(SERVERS[server].title, (name) => spread(pick(runs, server, name, total))),
    );
    if (server in PARTS) {
      for (const label of PARTS[/** @type {keyof typeof PARTS} */ (server)]) {
        rows.push(
          row(`  ${label}`, (name) =>
            median(pick(runs, server, name, (run) => cpuOf(run, label, 'call'))).toFixed(2),
          ),
        );
      }
    }
  }
  const ratios = new Map();
  if (names.includes('ours') && names.includes('uws')) {
    rows.push(
      row('SocketStream / uWebSockets', (name) => {
        const ratio = median(pick(runs, 'ours', name, total)) / median(pick(runs, 'uws', name, total));
        ratios.set(name, ratio);
        return ratio.toFixed(2);
      }),
    );
  }
  printTable(rows);
  reportRates(runs, names);
  return ratios;
}

/**
 * What one core gave, the generator on another.
 *
 * @param {any[]} runs
 * @param {string[]} names
 */
function reportRates(runs, names) {
  const thousands = (/** @type {any} */ run) => run.calls_per_second / 1000;
  const cells = (/** @type {string} */ server) =>
    CONFIGURATIONS.map(({ name }) => median(pick(runs, server, name, thousands)).toFixed(1));
  console.log();
  printTable([
    ['thousand calls per second', ...CONFIGURATIONS.map(({ name }) => name)],
    ...names.map((server) => [SERVERS[server].title, ...cells(server)]),
  ]);
}

/**
 * Runs that say more about the machine than about the server: hardly any calls, or the two ways of
 * counting CPU time apart by more than their steps allow.
 *
 * @param {any[]} runs
 */
function warn(runs) {
  const doubtful = runs.filter((run) => {
    const apart = Math.abs(run.cpu_us_per_call - run.cpu_us_per_call_ticks) * run.calls;
    return run.calls < CALLS_MIN || apart > run.processes.length * 2 * TICK_US;
  });
  for (const { server, configuration, round, calls } of doubtful) {
    console.log(`doubtful: ${server} ${configuration}, round ${round + 1}, ${calls} calls; is the machine busy?`);
  }
}

/** @typedef {Awaited<ReturnType<typeof measureIdle>>} Idle */

/** @param {Idle} idle @param {Idle} sessions */
function reportIdle(idle, sessions) {
  /** @param {string} title @param {Idle} bytes */
  const row = (title, { worker, sidecar, total, redis }) => [
    title,
    ...[worker, sidecar, total, redis].map((n) => n.toFixed(0)),
  ];
  console.log();
  printTable([
    [`bytes of PSS for one of ${idle.clients} clients`, 'worker', 'sidecar', 'both', 'redis'],
    row('idle', idle),
    row(`idle, a session with ${sessions.channels} channels`, sessions),
  ]);
  console.log(`nginx's slot of ${SLOT} bytes a client, there from its start, is not in it`);
}

/** @type {string[]} */
const failures = [];

/** @param {boolean} ok @param {string} what */
function check(ok, what) {
  if (options.check) {
    console.log(`${ok ? 'ok' : 'FAILED'}: ${what}`);
  }
  if (!ok) {
    failures.push(what);
  }
}

const names = (options.only ?? '').split(',').filter((name) => name !== '');
for (const name of names) {
  if (!(name in SERVERS)) {
    console.error(`no server "${name}"; there are ${Object.keys(SERVERS).join(', ')}`);
    process.exit(2);
  }
}
if (sanitized()) {
  console.error('what is in build/ has sanitizers in it: these figures say nothing');
}

const skip = (options.skip ?? '').split(',');
const spinner = startSpinner();
/** @type {Server[]} */
const servers = [];
for (const name of names) {
  servers.push(await SERVERS[name].start());
}
/** @type {any} */
const results = { machine: machine() };
if (!skip.includes('rpc')) {
  results.rpc = await measureRpc(servers);
  const ratio = report(results.rpc, names).get('100×1');
  warn(results.rpc);
  if (ratio !== undefined) {
    check(ratio <= RATIO_MAX, `100×1 costs at most ${RATIO_MAX} times uWebSockets (${ratio.toFixed(2)})`);
  }
}
if (names.includes('floor')) {
  servers.push(await startEager());
}
const rows = eventRows(servers);
if (!skip.includes('fanout')) {
  results.fanout = await measureFanout(rows, Number(options.rounds));
  reportFanout(results.fanout, rows);
  if (names.includes('ours') && names.includes('floor')) {
    const times = ratio(results.fanout, 'ours', 'eager', '5,000 w1');
    check(
      times <= FANOUT_RATIO_MAX,
      `a delivery to 5,000 costs at most ${FANOUT_RATIO_MAX} times the bare send() (${times.toFixed(2)})`,
    );
  }
}
if (!skip.includes('churn')) {
  const coming = rows.filter(({ name }) => name !== 'eager' && name !== 'ours-tls');
  results.churn = await measureChurn(coming, Number(options.rounds));
  reportChurn(results.churn, coming);
}
for (const server of servers) {
  await server.stop();
}
await spinner.stop();

if (names.includes('ours') && Number(options.idle) > 0 && !skip.includes('idle')) {
  const clients = clientsAllowed(Number(options.idle));
  const idle = await measureIdle(clients);
  const sessions = await measureIdle(clients, 3);
  results.idle = { ...idle, slot: SLOT };
  results.sessions = sessions;
  reportIdle(idle, sessions);
  check(idle.worker <= WORKER_MAX, `an idle client is at most ${WORKER_MAX} bytes in the worker`);
  check(idle.total <= TOTAL_MAX, `and at most ${TOTAL_MAX} bytes with the sidecar`);
  check(sessions.total <= TOTAL_MAX, `even as a session with channels (${sessions.total.toFixed(0)})`);
}

mkdirSync(join(root, 'build/bench'), { recursive: true });
writeFileSync(join(root, 'build/bench/results.json'), `${JSON.stringify(results, null, 2)}\n`);
process.exit(options.check && failures.length > 0 ? 1 : 0);
