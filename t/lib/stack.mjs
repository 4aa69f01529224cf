// SPDX-License-Identifier: MIT
//
// The real thing for tests: our nginx module and sidecar, started from build/ in a temporary
// folder.  The test says what configuration they run with, kills and restarts them as it likes,
// and in the end stop() says what was alarming in their logs.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, openSync, closeSync, readFileSync, rmSync, writeFileSync, existsSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from './ports.mjs';

export { freePort };

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
export const build = path.join(root, 'build');
export const sanitized = process.env.BUILD === 'sanitize';
export const long = process.env.SS_TEST_LONG === '1';

/** @param {number} ms */
export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * Asks until the answer is true, for at most `ms`; gives the last answer.
 * @template T @param {() => T | Promise<T>} ask @param {number} [ms]
 */
export async function until(ask, ms = 20_000) {
  const end = Date.now() + ms;
  for (;;) {
    const answer = await ask();
    if (answer || Date.now() > end) return answer;
    await sleep(10);
  }
}

/** A process of Node starts and ends within this on a machine that is not busy. */
const NODE_MS = 80;

/** How many times slower than usual the machine is now; 1 when it is not busy. A test may end without it where it need not `wait`. */
export async function busyness(wait = true) {
  const start = performance.now();
  const child = spawn(process.execPath, ['-e', '0'], { stdio: 'ignore' });
  if (!wait) child.unref();
  await once(child, 'exit');
  return Math.max(1, (performance.now() - start) / NODE_MS);
}

/**
 * Goes as much slower than a clock as the machine is slower than usual, at its busiest from now until
 * the function that it gives is called, which gives the milliseconds.
 */
export function stopwatch() {
  const start = performance.now();
  let busiest = 1;
  let over = false;
  (async () => { while (!over) busiest = Math.max(busiest, await busyness(false)); })();
  return async () => {
    const ms = performance.now() - start;
    over = true;
    return ms / Math.max(busiest, await busyness());
  };
}

/** @param {string} file */
const read = (file) => { try { return readFileSync(file, 'latin1'); } catch { return ''; } };

/** A zombie does not run. @param {number} pid */
export const running = (pid) => /\) [^Z] /.test(read(`/proc/${pid}/stat`));

/** @param {number} pid @returns {number[]} */
export function childrenOf(pid) {
  return read(`/proc/${pid}/task/${pid}/children`).split(' ').filter(Boolean).map(Number)
    .filter(running);
}

/** Proportional set size in KiB. @param {number} pid */
export const pss = (pid) => Number(/^Pss:\s+(\d+)/m.exec(read(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0);

/** @param {import('node:net').NetConnectOpts} where @returns {Promise<boolean>} */
const accepts = (where) => new Promise((resolve) => {
  const socket = connect(where);
  socket.on('connect', () => { socket.destroy(); resolve(true); });
  socket.on('error', () => resolve(false));
});

/**
 * @typedef {object} Stack
 * @property {number} port
 * @property {string} dir
 * @property {() => number} master     pid of nginx
 * @property {() => number[]} workers  their pids
 * @property {() => number} sidecar    its pid
 * @property {() => Promise<void>} startSidecar
 * @property {() => Promise<void>} killSidecar  with SIGKILL; resolves when it is gone
 * @property {() => Promise<void>} stopNginx    at once; resolves when it is gone
 * @property {() => Promise<void>} startNginx   again
 * @property {() => Promise<number[]>} reload   gives the pids of the old workers
 * @property {(path: string) => Promise<{status: number, body: string}>} get
 * @property {() => string} sidecarLog
 * @property {() => Promise<string[]>} stop     the alarming lines of all logs
 */

/**
 * @param {{server?: string, http?: string, main?: string, workers?: number, app?: string,
 *   withSidecar?: boolean, load?: boolean, env?: Record<string, string>}} [options]
 *   `server` is the server block's inside; `$socket` in it is the sidecar's socket; `env` is added
 *   to the sidecar's environment
 * @returns {Promise<Stack>}
 */
export async function startStack(options = {}) {
  const dir = mkdtempSync(path.join(tmpdir(), 'ss-'));
  const socket = path.join(dir, 's');
  const port = await freePort();
  const files = {
    conf: path.join(dir, 'nginx.conf'), log: path.join(dir, 'error.log'),
    sidecarLog: path.join(dir, 'sidecar.log'), pid: path.join(dir, 'nginx.pid'),
  };
  const app = options.app ?? path.join(root, 't/chaos/app');
  const server = options.server ?? 'location /socketstream { socketstream_pass unix:$socket; }\n'
    + 'location /api/ { socketstream_api unix:$socket; }\n'
    + 'location = /status { socketstream_status; }';
  const temps = ['client_body', 'proxy', 'fastcgi', 'scgi', 'uwsgi']
    .map((name) => `${name}_temp_path ${dir}/${name};`).join(' ');
  writeFileSync(files.conf, `
${options.load === false ? '' : `load_module "${build}/ngx_http_socketstream_module.so";`}
${userInfo().uid === 0 ? 'user root;' : ''}
worker_processes ${options.workers ?? 1};
error_log ${files.log} notice;
pid ${files.pid};
env LD_PRELOAD; env ASAN_OPTIONS; env UBSAN_OPTIONS;
${options.main ?? ''}
events { worker_connections 4096; }
http {
    access_log off;
    ${temps}
    ${options.http ?? ''}
    server {
        listen 127.0.0.1:${port} backlog=2048;
        ${server.replaceAll('$socket', socket)}
    }
}
`);

  const nginxCommand = process.env.TEST_NGINX_BINARY ?? path.join(root, 't/lib/nginx');
  const spawnNginx = () => {
    const log = openSync(files.log, 'a');
    const child = spawn(nginxCommand, ['-e', files.log, '-p', `${dir}/`, '-c', files.conf, '-g', 'daemon off;'],
      { stdio: ['ignore', log, log] });
    closeSync(log);
    return child;
  };
  let nginx = spawnNginx();
  const nginxUp = () => until(async () => nginx.exitCode !== null
    || (existsSync(files.pid) && await accepts({ port, host: '127.0.0.1' }) && childrenOf(nginx.pid ?? 0).length > 0));

  /** @type {import('node:child_process').ChildProcess | null} */
  let sidecar = null;
  let stopped = false;
  const killAll = () => {
    for (const child of [nginx, sidecar]) child?.kill('SIGKILL');
  };
  process.on('exit', killAll);

  /** @param {import('node:child_process').ChildProcess} child */
  const ended = (child) => new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) resolve(null);
    else child.on('exit', resolve);
  });

  /** @type {Stack} */
  const stack = {
    port, dir,
    master: () => nginx.pid ?? 0,
    workers: () => childrenOf(nginx.pid ?? 0),
    sidecar: () => sidecar?.pid ?? 0,
    async startSidecar() {
      const log = openSync(files.sidecarLog, 'a');
      sidecar = spawn(path.join(build, 'bin/socketstream'), ['sidecar', '--app', app, '--listen', socket],
        { stdio: ['ignore', log, log], env: { ...process.env, ...options.env } });
      closeSync(log);
      const child = sidecar;
      const up = await until(() => child.exitCode !== null || accepts({ path: socket }), 20_000);
      if (!up || child.exitCode !== null) throw new Error(`the sidecar does not start:\n${read(files.sidecarLog)}`);
    },
    async killSidecar() {
      if (!sidecar) return;
      const gone = ended(sidecar);
      sidecar.kill('SIGKILL');
      await gone;
    },
    async stopNginx() {
      const gone = ended(nginx);
      nginx.kill('SIGTERM');
      await gone;
    },
    async startNginx() {
      nginx = spawnNginx();
      await nginxUp();
    },
    async reload() {
      const old = stack.workers();
      nginx.kill('SIGHUP');
      await until(() => stack.workers().some((pid) => !old.includes(pid)));
      return old;
    },
    async get(where) {
      // A connection for each: an nginx that leaves closes those that wait, also under a request.
      const response = await fetch(`http://127.0.0.1:${port}${where}`, { headers: { connection: 'close' } }).catch((error) => {
        throw new Error(`${where} of port ${port}: ${error.cause ?? error}\n${read(files.log)}`);
      });
      return { status: response.status, body: await response.text() };
    },
    sidecarLog: () => read(files.sidecarLog),
    async stop() {
      if (stopped) return [];
      stopped = true;
      for (const child of [nginx, sidecar]) {
        if (!child) continue;
        child.kill(child === nginx ? 'SIGQUIT' : 'SIGTERM');
        const timer = setTimeout(() => child.kill('SIGKILL'), 8000);
        await ended(child);
        clearTimeout(timer);
      }
      process.off('exit', killAll);
      const alarming = /\[(?:alert|emerg)\]|Sanitizer|runtime error:|[Aa]ssertion/;
      const lines = (read(files.log) + read(files.sidecarLog)).split('\n').filter((l) => alarming.test(l));
      rmSync(dir, { recursive: true, force: true });
      return lines;
    },
  };

  if (options.withSidecar !== false) await stack.startSidecar();
  const up = await nginxUp();
  if (!up || nginx.exitCode !== null) {
    const log = read(files.log);
    await stack.stop();
    throw new Error(`nginx does not start:\n${log}`);
  }
  return stack;
}
