// SPDX-License-Identifier: MIT
//
// What nginx pays to serve a packed application by socketstream_assets, beside its own gzip_static
// with the same files: two locations of one nginx with one worker, in turn.
//
//   node bench/serve.mjs [--rounds 7] [--seconds 1]       needs wrk
//
// The figure is CPU time of the worker per request: on a machine that is busy with other things it
// stays what it is, while requests a second do not.

import { execFileSync, spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { childrenOf, freePort, root, until } from '../t/lib/stack.mjs';
import { median, printTable, spread } from './table.mjs';

const CLIENTS = 16;
/** @type {Record<string, {location: string, accepts: string}>} the first is what others are compared with */
const ROWS = {
    'gzip_static': { location: '/nginx', accepts: 'gzip' },
    'socketstream_assets, gzip': { location: '/ours', accepts: 'gzip' },
    'socketstream_assets, as browsers ask': { location: '/ours', accepts: 'gzip, deflate, br, zstd' },
};
const { values } = parseArgs({ options: { rounds: { type: 'string', default: '7' }, seconds: { type: 'string', default: '1' } } });

/** The chat, packed for production. @param {string} dir @returns {string} its public/ */
function packApp(dir) {
    cpSync(path.join(root, 'examples/chat'), dir, {
        recursive: true, filter: (name) => !/\.socketstream$|public\/assets$/.test(name),
    });
    execFileSync(process.execPath, [path.join(root, 'packer/main.mjs'), '--app', dir, '--env', 'production'], { stdio: 'ignore' });
    return path.join(dir, 'public');
}

/** Both locations tell caches the same. @param {string} dir @param {string} files @param {number} port */
const configuration = (dir, files, port) => `
load_module ${path.join(root, 'build/ngx_http_socketstream_module.so')};
daemon off; worker_processes 1; worker_cpu_affinity 01; pid ${dir}/pid; error_log ${dir}/error.log; user ${userInfo().username};
events {}
http {
    access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000;
    types { text/html html; text/css css; text/javascript js; application/json map json; }
    client_body_temp_path ${dir}/1; proxy_temp_path ${dir}/2; fastcgi_temp_path ${dir}/3; uwsgi_temp_path ${dir}/4; scgi_temp_path ${dir}/5;
    server {
        listen 127.0.0.1:${port};
        location /ours/ { socketstream_assets ${files}; }
        location /nginx/ {
            alias ${files}/; gzip_static on; gzip_vary on;
            add_header Cache-Control "public, max-age=31536000, immutable";
        }
    }
}
`;

/** On a processor, in ns. @param {number} pid */
const cpuOf = (pid) => Number(readFileSync(`/proc/${pid}/schedstat`, 'latin1').split(' ')[0]);

/** @param {number} worker @param {string} url @param {string} accepts @returns {number} µs per request */
function measure(worker, url, accepts) {
    const before = cpuOf(worker);
    const said = execFileSync('taskset', ['-c', '1', 'wrk', '-t1', `-c${CLIENTS}`, `-d${values.seconds}s`,
        '-H', `Accept-Encoding: ${accepts}`, url], { encoding: 'utf8' });
    const used = cpuOf(worker) - before;
    const requests = Number(/(\d+) requests in/.exec(said)?.[1]);
    if (/Non-2xx|Socket errors/.test(said) || !requests) {
        throw new Error(`${url}: ${said}`);
    }
    return used / requests / 1000;
}

/** One row for each of ROWS: all files, one after the other, as a page asks for them.
 *  @param {number} worker @param {string} base @param {string[]} files */
function compare(worker, base, files) {
    /** @type {Record<string, number[]>} */
    const times = Object.fromEntries(Object.keys(ROWS).map((name) => [name, []]));
    for (let round = -1; round < Number(values.rounds); round++) { // the first warms up
        const sums = Object.values(ROWS).map(() => 0);
        for (const file of files) {
            Object.values(ROWS).forEach(({ location, accepts }, i) => {
                sums[i] += measure(worker, `${base}${location}/${file}`, accepts) / files.length;
            });
        }
        round >= 0 && Object.values(times).forEach((list, i) => list.push(sums[i]));
    }
    const [first] = Object.values(times);
    return Object.entries(times).map(([name, list]) =>
        [name, spread(list), median(first.map((time, round) => time / list[round])).toFixed(3)]);
}

const dir = mkdtempSync(path.join(tmpdir(), 'ss-serve-'));
const files = packApp(path.join(dir, 'app'));
const port = await freePort();
writeFileSync(path.join(dir, 'nginx.conf'), configuration(dir, files, port));
const nginx = spawn(path.join(root, 't/lib/nginx'), ['-p', dir, '-c', 'nginx.conf', '-e', path.join(dir, 'error.log')], { stdio: 'inherit' });
process.on('exit', () => {
    nginx.kill('SIGTERM');
    rmSync(dir, { recursive: true, force: true });
});
const base = `http://127.0.0.1:${port}`;
const up = await until(() => fetch(`${base}/ours/`).then((answer) => answer.ok, () => false));
if (!up || !nginx.pid) {
    throw new Error(readFileSync(path.join(dir, 'error.log'), 'utf8'));
}
const [worker] = childrenOf(nginx.pid);
const names = readdirSync(path.join(files, 'assets')).filter((name) => /^(?:app|lib)-.*\.(?:js|css)$/.test(name));
printTable([
    ['µs of CPU per request', `of ${values.rounds} rounds`, 'requests, × gzip_static'],
    ...compare(worker, base, ['index.html', ...names.map((name) => `assets/${name}`)]),
]);
process.exit();
