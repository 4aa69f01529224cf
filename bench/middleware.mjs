// SPDX-License-Identifier: MIT
//
// What middleware costs: one Express application as config/http of ours, and behind proxy_pass in a
// process of its own, in one run and in turns.  It answers one URL itself, and has nothing to do with
// the file that is asked for at the other: ours leaves that to nginx, the peer's express.static
// sends it.
//
//     node bench/middleware.mjs [--rounds N] [--seconds S] [--connections N]
//
// Servers are on one core, wrk on the other.  The figures are microseconds of CPU per request, by
// the scheduler's count, of nginx and of Node; a request that fails ends the run.

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { LOAD_CORE, root, SERVER_CORE, startSpinner, temporaryFolder } from './servers.mjs';
import { median, printTable, spread } from './table.mjs';

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '2' },
    connections: { type: 'string', default: '32' },
  },
});

const START_MS = 20_000;
const FILE_BYTES = 2048;

/** Both serve this one. */
const application = `
const express = require('express');
const app = express();
app.disable('x-powered-by');
app.use((request, response, next) => { response.set('X-Frame-Options', 'DENY'); next(); });
app.get('/answer', (request, response) => response.json({ answer: 42 }));
module.exports = app;
`;

/** @param {(request: any) => boolean | Promise<boolean>} done @param {string} what */
async function until(done, what) {
  for (const limit = Date.now() + START_MS; !(await done(undefined)); ) {
    if (Date.now() > limit) {
      throw new Error(`${what} is not there after ${START_MS / 1000} s`);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  server.close();
  return port;
}

/** @param {string} dir */
function writeApplication(dir) {
  for (const name of ['app/server', 'config', 'public']) {
    mkdirSync(join(dir, name), { recursive: true });
  }
  writeFileSync(join(dir, 'config/http.js'), application);
  writeFileSync(join(dir, 'public/file.txt'), 'x'.repeat(FILE_BYTES));
  symlinkSync(join(root, 'node_modules'), join(dir, 'node_modules'));
}

/** @param {string[]} command @param {string} dir @param {Record<string, string>} [env] */
function start(command, dir, env = {}) {
  const child = spawn('taskset', ['-c', SERVER_CORE, ...command], {
    cwd: dir,
    stdio: ['ignore', 'ignore', 'inherit'],
    detached: true, // each process a session of its own, as ours are: the scheduler shares by sessions
    env: { ...process.env, NODE_ENV: 'production', SS_ENV: 'production', ...env },
  });
  process.on('exit', () => child.kill('SIGTERM'));
  return child;
}

/** @param {number} port @param {string} where */
const answers = (port, where) => fetch(`http://127.0.0.1:${port}${where}`).then(({ ok }) => ok, () => false);

async function startOurs() {
  const dir = temporaryFolder();
  const port = await freePort();
  writeApplication(dir);
  const child = start([join(root, 'build/bin/socketstream'), 'start', '--port', String(port), '--with-parent'], dir, {
    SS__nginx__workers: '1',
    SS__http__hostname: '127.0.0.1',
    SS__log__level: '0',
  });
  await until(() => answers(port, '/answer'), 'ours');
  return { name: 'SocketStream middleware', port, children: [child] };
}

async function startPeer() {
  const dir = temporaryFolder();
  const port = await freePort();
  writeApplication(dir);
  writeFileSync(join(dir, 'main.js'), `const app = require('./config/http.js');
    app.use(require('express').static('public'));
    app.listen('${dir}/peer.sock');`);
  writeFileSync(join(dir, 'nginx.conf'), `worker_processes 1;
    daemon off;
    ${userInfo().uid === 0 ? 'user root;' : ''}
    pid nginx.pid;
    error_log error.log;
    events { worker_connections 1024; }
    http {
        access_log access.log;
        client_body_temp_path tmp_body;
        proxy_temp_path tmp_proxy;
        fastcgi_temp_path tmp_fastcgi;
        uwsgi_temp_path tmp_uwsgi;
        scgi_temp_path tmp_scgi;
        upstream peer { server unix:${dir}/peer.sock; keepalive 64; }
        server {
            listen 127.0.0.1:${port};
            location / {
                proxy_pass http://peer;
                proxy_http_version 1.1;
                proxy_set_header Connection "";
                proxy_set_header Host $http_host;
                proxy_set_header X-Forwarded-For $remote_addr;
            }
        }
    }`);
  const children = [start(['node', 'main.js'], dir), start(['nginx', '-p', dir, '-c', 'nginx.conf', '-e', 'error.log'], dir)];
  await until(() => answers(port, '/answer'), 'the peer');
  return { name: 'Express behind proxy_pass', port, children };
}

/** @typedef {Awaited<ReturnType<typeof startOurs>>} Server */

/** A process and all below it. @param {number} pid @returns {number[]} */
function treeOf(pid) {
  const below = readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').split(' ').filter(Boolean).map(Number));
  return [pid, ...below.flatMap(treeOf)];
}

/** Nanoseconds on a core so far, of nginx, of Node, and of all else. @param {Server} server */
function cpu({ children }) {
  const sums = { nginx: 0, node: 0, rest: 0 };
  for (const pid of children.flatMap(({ pid: root }) => treeOf(Number(root)))) {
    const name = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
    const part = /^nginx/.test(name) ? 'nginx' : /^node|^socketstream host/.test(name) ? 'node' : 'rest';
    for (const task of readdirSync(`/proc/${pid}/task`)) {
      sums[part] += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]);
    }
  }
  return sums;
}

/** @param {Server} server @param {string} where */
async function measure(server, where) {
  const before = cpu(server);
  const { stdout } = await promisify(execFile)('taskset', ['-c', LOAD_CORE, 'wrk', '-t1', `-c${options.connections}`,
    `-d${options.seconds}s`, '--timeout', '30s', `http://127.0.0.1:${server.port}${where}`]);
  const after = cpu(server);
  const requests = Number(/(\d+) requests in/.exec(stdout)?.[1]);
  if (!requests || /Non-2xx|Socket errors/.test(stdout)) {
    throw new Error(`${server.name} ${where}:\n${stdout}`);
  }
  const us = (/** @type {'nginx' | 'node' | 'rest'} */ part) => (after[part] - before[part]) / 1000 / requests;
  return { nginx: us('nginx'), node: us('node'), rest: us('rest'), perSecond: Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1]) };
}

const spinner = startSpinner();
const servers = [await startOurs(), await startPeer()];
for (const [title, where] of [['answers itself', '/answer'], [`passes on to a file of ${FILE_BYTES} bytes`, '/file.txt']]) {
  /** @type {Awaited<ReturnType<typeof measure>>[][]} */
  const runs = servers.map(() => []);
  for (const server of servers) {
    await measure(server, where); // twice: Node optimizes what it has run for a while
    await measure(server, where);
  }
  for (let round = 0; round < Number(options.rounds); round++) {
    for (const [i, server] of servers.entries()) {
      runs[i].push(await measure(server, where));
    }
  }
  const all = (/** @type {Awaited<ReturnType<typeof measure>>} */ run) => run.nginx + run.node + run.rest;
  console.log(`\n${title}: µs of CPU per request, median (lowest–highest) of ${options.rounds} rounds`);
  printTable([
    ['', 'all', 'nginx', 'Node', 'requests/s'],
    ...servers.map(({ name }, i) => [
      name,
      spread(runs[i].map(all)),
      median(runs[i].map(({ nginx }) => nginx)).toFixed(1),
      median(runs[i].map(({ node }) => node)).toFixed(1),
      median(runs[i].map(({ perSecond }) => perSecond)).toFixed(0),
    ]),
  ]);
}
for (const child of servers.flatMap(({ children }) => children)) {
  child.kill('SIGTERM');
  await once(child, 'exit');
}
await spinner.stop();
process.exit(0);
