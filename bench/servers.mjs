// SPDX-License-Identifier: MIT
//
// Starts and stops what is measured: our nginx, sidecar and Redis, the floor, the peers; and runs the
// load generator against them.  Owns every process and temporary folder that it makes: all are
// gone when this process ends, however it ends.

import { execFile, execFileSync, spawn } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * @typedef {object} Server
 * @property {string} name
 * @property {string} url
 * @property {string} [secureUrl]  the same over TLS
 * @property {string} [redis]      Unix socket of its Redis, where events are published
 * @property {string[]} [load]     options of the generator: its action, its dialect
 * @property {string[]} pids     `label=pid` of each root process, as the generator takes them
 * @property {() => Promise<void>} stop
 */

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
const build = join(root, 'build');

/** The server's core and the generator's. */
export const SERVER_CORE = '0';
export const LOAD_CORE = '1';

const START_MS = 20_000; // the sidecar compiles its C actions first
const STOP_MS = 5_000;

/** @type {Set<import('node:child_process').ChildProcess>} */
const children = new Set();
/** @type {Set<string>} */
const folders = new Set();

process.on('exit', () => {
  for (const child of children) {
    child.kill('SIGKILL');
  }
  for (const folder of folders) {
    rmSync(folder, { recursive: true, force: true });
  }
});
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => process.exit(1));
}

/** @returns {string} an empty folder of our own */
export function temporaryFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'ss-bench-'));
  folders.add(folder);
  return folder;
}

/** Whether what is in build/ was built with sanitizers. */
export function sanitized() {
  return existsSync(join(build, '.mode-sanitize'));
}

/** @param {number} ms */
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** @returns {Promise<number>} a TCP port that nobody listens on */
async function freePort() {
  const server = createServer();
  await new Promise((resolve, reject) => {
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => resolve(undefined));
  });
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/**
 * Waits until somebody accepts connections there.
 *
 * @param {{ path: string } | { host: string, port: number }} address
 * @param {import('node:child_process').ChildProcess} child  who should; its end ends the wait
 * @param {string} log  shown when it does not
 */
async function accepting(address, child, log) {
  const deadline = Date.now() + START_MS;
  for (;;) {
    const ok = await new Promise((resolve) => {
      const socket = connect(address);
      socket.on('connect', () => resolve(true));
      socket.on('error', () => resolve(false));
      socket.on('close', () => resolve(false));
      socket.on('connect', () => socket.destroy());
    });
    if (ok) {
      return;
    }
    if (child.exitCode !== null || Date.now() > deadline) {
      throw new Error(`${child.spawnargs.join(' ')} does not listen:\n${readFileSync(log, 'utf8')}`);
    }
    await sleep(20);
  }
}

/**
 * Starts a process on the servers' core; taskset becomes the command, so the pid is its own.
 *
 * @param {string[]} command
 * @param {import('node:child_process').SpawnOptions} options
 */
function spawnPinned(command, options) {
  const child = spawn('taskset', ['-c', SERVER_CORE, ...command], options);
  children.add(child);
  child.on('exit', () => children.delete(child));
  return child;
}

/** @param {import('node:child_process').ChildProcess} child */
async function stopChild(child) {
  if (child.exitCode !== null || child.signalCode !== null) {
    return;
  }
  const ended = new Promise((resolve) => child.on('exit', resolve));
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
  child.kill('SIGTERM');
  await ended;
  clearTimeout(timer);
}

/**
 * A server that prints the port it took.
 *
 * @param {string} name
 * @param {string[]} command
 * @returns {Promise<Server>}
 */
async function startPrinting(name, command) {
  const child = spawnPinned(command, { stdio: ['ignore', 'pipe', 'inherit'], cwd: root });
  const port = await new Promise((resolve, reject) => {
    let text = '';
    child.on('error', reject);
    child.on('exit', (code) => reject(new Error(`${name} ended with ${code} at its start`)));
    child.stdout?.on('data', (data) => {
      text += data;
      const match = /^port (\d+)$/m.exec(text);
      if (match !== null) {
        resolve(Number(match[1]));
      }
    });
  });
  return {
    name,
    url: `ws://127.0.0.1:${port}/`,
    pids: [`${name}=${child.pid}`],
    stop: () => stopChild(child),
  };
}

export const startFloor = () => startPrinting('floor', [join(build, 'bench/floor')]);

/** The same, but for events, which it sends one by one. */
export const startEager = () => startPrinting('eager', [join(build, 'bench/floor'), 'eager']);

/** The same split in two processes by a Unix socket. */
export const startFloor2 = () => startPrinting('floor2', [join(build, 'bench/floor'), 'two']);

/** @param {'ws' | 'uws'} name */
export const startPeer = (name) =>
  startPrinting(name, [process.execPath, join(root, `bench/peers/${name}.mjs`)]);

/** It speaks a protocol of its own, over the WebSocket alone. */
export async function startSocketIo() {
  const server = await startPrinting('io', [process.execPath, join(root, 'bench/peers/io.mjs')]);
  const url = `${server.url}socket.io/?EIO=4&transport=websocket`;
  return { ...server, url, load: ['--dialect', 'socketio'] };
}

/**
 * @param {string} dir
 * @param {number} port
 * @param {number} securePort
 * @param {number} connections
 */
function nginxConf(dir, port, securePort, connections) {
  const user = userInfo().uid === 0 ? `user ${userInfo().username};` : '';
  return `
load_module ${build}/ngx_http_socketstream_module.so;
${user}
worker_processes 1;
daemon off;
pid nginx.pid;
error_log error.log warn;
events { worker_connections ${connections}; }
http {
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    server {
        listen 127.0.0.1:${port} backlog=4096;
        listen 127.0.0.1:${securePort} ssl backlog=4096;
        ssl_certificate ${dir}/cert.pem;
        ssl_certificate_key ${dir}/key.pem;
        location = /socketstream { socketstream_pass unix:${dir}/ss.sock; }
    }
}
`;
}

/** A certificate for loopback, of the kind that most sites have now. @param {string} dir */
function makeCertificate(dir) {
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
  const files = ['-subj', '/CN=127.0.0.1', '-keyout', `${dir}/key.pem`, '-out', `${dir}/cert.pem`];
  execFileSync('openssl', ['req', '-x509', ...curve, ...files], { stdio: 'ignore' });
}

/** Redis on a Unix socket, which writes nothing to the disk. @param {string} dir */
async function startRedis(dir) {
  const log = join(dir, 'redis.log');
  const socket = join(dir, 'redis.sock');
  writeFileSync(log, '');
  const settings = ['--port', '0', '--unixsocket', socket, '--dir', dir, '--logfile', log];
  const child = spawnPinned(['redis-server', ...settings, '--save', '', '--appendonly', 'no'], {
    stdio: 'ignore',
  });
  await accepting({ path: socket }, child, log);
  return { child, socket };
}

/**
 * nginx with one worker, one sidecar and a Redis of its own, all on the servers' core.
 *
 * @param {{ name?: string, app?: string, load?: string[], connections?: number,
 *   env?: Record<string, string> }} [options]
 *   the application below bench/; worker_connections, and what else the sidecar's environment has
 * @returns {Promise<Server & { dir: string, redis: string }>}
 */
export async function startOurs({
  name = 'ours',
  app = 'app',
  load,
  connections = 12_000,
  env: more = {},
} = {}) {
  const dir = temporaryFolder();
  cpSync(join(root, 'bench', app), join(dir, 'app'), {
    recursive: true,
    filter: (path) => !path.includes('.socketstream'),
  });
  const redis = await startRedis(dir);
  // As in production, where no call is logged.
  const env = { ...process.env, SS_ENV: 'production', SS__log__level: '0', SS__redis__socket: redis.socket };
  const preload = sanitized() ? await sanitizerEnv() : {};
  const log = join(dir, 'sidecar.log');
  const out = openSync(log, 'a');
  const sidecar = spawnPinned(
    [join(build, 'bin/socketstream'), 'sidecar', '--app', join(dir, 'app'), '--listen', `${dir}/ss.sock`],
    { stdio: ['ignore', out, out], env: { ...env, ...preload, ...more, LD_PRELOAD: '' } },
  );
  await accepting({ path: `${dir}/ss.sock` }, sidecar, log);

  makeCertificate(dir);
  const port = await freePort();
  const securePort = await freePort();
  writeFileSync(join(dir, 'nginx.conf'), nginxConf(dir, port, securePort, connections));
  const nginxLog = join(dir, 'error.log');
  const nginxOut = openSync(nginxLog, 'a');
  const nginx = spawnPinned(['nginx', '-p', dir, '-c', 'nginx.conf', '-e', 'error.log'], {
    stdio: ['ignore', nginxOut, nginxOut],
    env: { ...env, ...preload },
  });
  await accepting({ host: '127.0.0.1', port }, nginx, nginxLog);
  return {
    name,
    load,
    dir,
    url: `ws://127.0.0.1:${port}/socketstream`,
    secureUrl: `wss://127.0.0.1:${securePort}/socketstream`,
    redis: redis.socket,
    pids: [`nginx=${nginx.pid}`, `sidecar=${sidecar.pid}`, `redis=${redis.child.pid}`],
    stop: async () => {
      await stopChild(nginx);
      await stopChild(sidecar);
      await stopChild(redis.child);
      rmSync(dir, { recursive: true, force: true });
      folders.delete(dir);
    },
  };
}

/** The same, where the action is JavaScript, in one host. */
export const startOursJs = () =>
  startOurs({ name: 'ours-js', app: 'app-js', load: ['--method', 'app.square'] });

/** The stock nginx loads a sanitized module only with the run-time library before it. */
async function sanitizerEnv() {
  const library = await new Promise((resolve, reject) => {
    execFile('cc', ['-print-file-name=libasan.so'], (error, stdout) =>
      error ? reject(error) : resolve(stdout.trim()),
    );
  });
  return { LD_PRELOAD: library, ASAN_OPTIONS: 'detect_leaks=0' };
}

/** Keeps the servers' core awake at idle priority, see docs/PERFORMANCE.md. */
export function startSpinner() {
  const child = spawn(join(build, 'bench/load'), ['spin', '--core', SERVER_CORE], { stdio: 'inherit' });
  children.add(child);
  child.on('exit', () => children.delete(child));
  return { stop: () => stopChild(child) };
}

/**
 * Runs the load generator against a server.
 *
 * @param {'rpc' | 'idle' | 'fanout' | 'churn'} mode
 * @param {Server} server
 * @param {string[]} args
 * @returns {Promise<any>}  what it prints as JSON
 */
export function runLoad(mode, server, args) {
  const pids = server.pids.flatMap((pid) => ['--pid', pid]);
  const command = [mode, '--url', server.url, '--core', LOAD_CORE, ...pids, ...args, ...(server.load ?? [])];
  return new Promise((resolve, reject) => {
    const child = spawn(join(build, 'bench/load'), command);
    let stdout = '';
    let stderr = '';
    children.add(child);
    child.stdout.on('data', (data) => (stdout += data));
    child.stderr.on('data', (data) => (stderr += data));
    child.on('error', reject);
    child.on('close', (code) => {
      children.delete(child);
      if (code === 0) {
        resolve(JSON.parse(stdout));
      } else {
        reject(new Error(`${server.name}: load ${command.join(' ')}: ${stderr.trim()}`));
      }
    });
  });
}
