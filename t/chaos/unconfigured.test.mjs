// SPDX-License-Identifier: MIT
//
// What the module costs a server that loads it and does not use it: memory of a worker, and
// instructions for a static file.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';

import { build, freePort, sanitized, sleep, startStack, until } from '../lib/stack.mjs';

const MEMORY_MAX = 64; // KiB
const INSTRUCTIONS_MAX = 0.001; // of those of one request
const skip = sanitized && 'needs a build without sanitizers';

/**
 * KiB that are this worker's doing: anonymous memory, and of our module its share of the pages.
 * Not the share of nginx's own pages, which depends on who else runs nginx.
 * @param {number} pid
 */
function memory(pid) {
  let kib = 0;
  let ours = false;
  for (const line of readFileSync(`/proc/${pid}/smaps`, 'latin1').split('\n')) {
    if (/^[0-9a-f]+-[0-9a-f]+ /.test(line)) ours = line.includes('ngx_http_socketstream_module');
    const field = /^(Pss|Anonymous):\s+(\d+)/.exec(line);
    if (field && (field[1] === 'Pss') === ours) kib += Number(field[2]);
  }
  return kib;
}

/** @param {number[]} numbers */
const median = (numbers) => numbers.sort((a, b) => a - b)[numbers.length >> 1];

test(`a worker takes at most ${MEMORY_MAX} KiB more`, { skip }, async (t) => {
  const server = 'location / { return 200 hello; }';
  // A file that was just written is in the cache in large pieces, and each is mapped whole: ask for it anew.
  const module = path.join(build, 'ngx_http_socketstream_module.so');
  execFileSync('sync', [module]);
  execFileSync('dd', [`if=${module}`, 'iflag=nocache', 'count=0', 'status=none']);
  /** @param {boolean} load */
  const measure = async (load) => {
    const stack = await startStack({ server, load, withSidecar: false });
    try {
      for (let i = 0; i < 20; i++) await stack.get('/');
      return memory(stack.workers()[0]);
    } finally {
      await stack.stop();
    }
  };
  const loaded = [];
  const bare = [];
  for (let i = 0; i < 5; i++) {
    loaded.push(await measure(true));
    bare.push(await measure(false));
  }
  const more = median(loaded) - median(bare);
  t.diagnostic(`${median(bare)} KiB without, ${median(loaded)} KiB with the module: ${more} KiB more`);
  assert.ok(median(bare) > 500, 'measured something');
  assert.ok(more <= MEMORY_MAX, `${more} KiB`);
});

/** @param {number} port @param {number} count */
function requests(port, count) {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    const request = 'GET /file.txt HTTP/1.1\r\nHost: localhost\r\n\r\n';
    let left = count;
    let got = 0;
    /** @type {number | undefined} length of one response */
    let length;
    socket.on('connect', () => socket.write(request));
    socket.on('error', reject);
    socket.on('data', (data) => {
      if (length === undefined) {
        const head = data.indexOf('\r\n\r\n');
        length = head + 4 + 1024;
        if (!data.subarray(0, 15).equals(Buffer.from('HTTP/1.1 200 OK'))) reject(new Error(data.toString()));
      }
      got += data.length;
      if (got < length) return;
      got = 0;
      if (--left > 0) socket.write(request);
      else socket.destroy();
    });
    socket.on('close', () => resolve(null));
  });
}

/**
 * Instructions of a whole run of nginx that serves `count` requests.  With timer_resolution the
 * clock is never read, so that two runs do the same.
 * @param {boolean} load @param {number} count
 */
async function instructions(load, count) {
  const dir = mkdtempSync(path.join(tmpdir(), 'ss-'));
  const port = await freePort();
  mkdirSync(path.join(dir, 'html'));
  writeFileSync(path.join(dir, 'html/file.txt'), 'x'.repeat(1024));
  writeFileSync(path.join(dir, 'nginx.conf'), `
${load ? `load_module "${build}/ngx_http_socketstream_module.so";` : ''}
${userInfo().uid === 0 ? 'user root;' : ''}
daemon off;
master_process off;
timer_resolution 1000s;
error_log ${dir}/error.log warn;
pid ${dir}/nginx.pid;
events { }
http {
    access_log off;
    keepalive_requests 1000000;
    ${['client_body', 'proxy', 'fastcgi', 'scgi', 'uwsgi'].map((n) => `${n}_temp_path ${dir}/${n};`).join(' ')}
    server { listen 127.0.0.1:${port}; root ${dir}/html; }
}
`);
  const out = path.join(dir, 'callgrind.out');
  const nginx = execFileSync('sh', ['-c', 'PATH=$PATH:/usr/sbin command -v nginx']).toString().trim();
  const child = spawn('valgrind', ['--tool=callgrind', `--callgrind-out-file=${out}`, nginx,
    '-p', `${dir}/`, '-e', `${dir}/error.log`, '-c', `${dir}/nginx.conf`], { stdio: 'ignore' });
  try {
    const up = await until(() => new Promise((resolve) => {
      const socket = connect(port, '127.0.0.1');
      socket.on('connect', () => { socket.destroy(); resolve(true); });
      socket.on('error', () => resolve(false));
    }), 20_000);
    assert.ok(up, 'nginx listens under valgrind');
    await requests(port, count);
    // Without a clock nginx sleeps for ever: a signal must find it asleep, to wake it.
    await sleep(300);
    const ended = new Promise((resolve) => child.on('exit', resolve));
    child.kill('SIGTERM');
    const poke = setInterval(() => connect(port, '127.0.0.1').on('error', () => {}).end(), 1000);
    await ended;
    clearInterval(poke);
    return Number(/^(?:summary|totals): (\d+)/m.exec(readFileSync(out, 'latin1'))?.[1]);
  } finally {
    child.kill('SIGKILL');
    rmSync(dir, { recursive: true, force: true });
  }
}

/** Of one request: the start and the end of nginx fall out. @param {boolean} load */
async function perRequest(load) {
  const few = await instructions(load, 100);
  const many = await instructions(load, 1100);
  return (many - few) / 1000;
}

test('a static file takes at most 0.1 % more instructions', { skip }, async (t) => {
  const bare = await perRequest(false);
  const loaded = await perRequest(true);
  const more = (loaded - bare) / bare;
  t.diagnostic(`${bare.toFixed(1)} instructions without, ${loaded.toFixed(1)} with the module: `
    + `${(more * 100).toFixed(3)} % more`);
  assert.ok(bare > 1000, 'measured something');
  assert.ok(more <= INSTRUCTIONS_MAX, `${(more * 100).toFixed(3)} %`);
});
