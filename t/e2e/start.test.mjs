// SPDX-License-Identifier: MIT
//
// `socketstream start`: what a user sees of it.

import assert from 'node:assert/strict';
import {
    chmodSync, chownSync, cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync,
} from 'node:fs';
import { connect, createServer } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { startRedis } from '../lib/redis.mjs';
import {
    CLEAN, ask, copyNative, freePort, openSocket, read, runCommand, running, somebody, startApp, stopwatch, until,
} from './app.mjs';

const square = { jsonrpc: '2.0', id: 1, method: 'native.square', params: [25] };

/** What stays of a run: logs, the lock, Redis' data, and what is rewritten each time. */
function assertClean(/** @type {string} */ dir) {
    const left = readdirSync(path.join(dir, '.socketstream'))
        .filter((name) => !['build', 'lock', 'logs', 'nginx.conf', 'redis', 'tmp', 'version'].includes(name));
    assert.deepEqual(left, []);
    assert.equal(existsSync(path.join(dir, '.socketstream/redis/redis.sock')), false);
    assert.deepEqual(processesOf(dir), []);
}

/** Command lines with that folder in them. @param {string} dir */
const processesOf = (dir) => readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .map((name) => read(`/proc/${name}/cmdline`).replaceAll('\0', ' '))
    .filter((line) => line.includes(dir));

test('it says ready once, with the address, and is quick', async () => {
    const dir = copyNative();
    const first = await startApp({ dir, args: ['--with-parent'] });
    assert.equal(first.output.stdout.match(/^ready: /gm)?.length, 1);
    assert.match(first.output.stdout, new RegExp(`^ready: ${first.url}$`, 'm'));
    assert.equal((await fetch(first.url)).status, 200);
    first.child.kill('SIGINT');
    await until(() => first.child.exitCode !== null);
    assertClean(dir);
    assert.match(read(path.join(dir, '.socketstream/version')), /^\d+\.\d+\.\d+\S*\n$/, 'kept for the next run');

    const passed = stopwatch();
    const second = await startApp({ dir });
    const ms = await passed();
    assert.match(second.output.stdout, /started in \d+ ms/);
    assert.ok(ms <= (process.env.BUILD === 'sanitize' ? 4000 : 1000), `${ms} ms`);
    assert.deepEqual(await second.stop(), CLEAN);
});

test('its banner counts what there is, and says where it is', async () => {
    const dir = copyNative();
    writeFileSync(path.join(dir, 'public/assets/manifest.json'), '{"files":{"app.js":{},"app.css":{}}}');
    const app = await startApp({ dir, env: { SS__nginx__workers: '2', SS__nginx__worker_connections: '128' } });
    const pid = (/** @type {number} */ one) => `${one}`;
    assert.match(app.output.stdout, new RegExp(
        `^SocketStream \\d+\\.\\d+\\.\\d+, development, process ${app.child.pid} `
        + `\\(nginx ${pid(app.nginx())}, sidecar ${pid(app.sidecar())}, redis ${pid(app.redis())}\\), started in \\d+ ms$`, 'm'));
    const folder = path.join(dir, '.socketstream');
    assert.deepEqual(app.output.stdout.split('\n').slice(1), [
        `redis: private to this application, with its data in ${folder}/redis/`,
        'calls: 3 actions, 1 C module',
        'files: 2 packed for browsers',
        'nginx: 2 workers, 128 connections each',
        ` logs: ${folder}/logs/`,
        `pages: ${app.url}`,
        `  api: ${app.url}api/`,
        `state: ${app.url}socketstream/status`,
        `ready: ${app.url}`,
        '',
    ]);
    assert.equal((await fetch(`${app.url}socketstream/status`)).status, 200);
    assert.deepEqual(await app.stop(), CLEAN);
});

test('on all interfaces it names each, and itself first', async () => {
    const app = await startApp({ env: { SS__http__hostname: '0.0.0.0' } });
    const pages = [...app.output.stdout.matchAll(/^pages: (.*)$/gm)].map(([, url]) => url);
    const others = Object.values(networkInterfaces()).flat()
        .filter((one) => one && one.family === 'IPv4' && !one.internal)
        .map((one) => `http://${one?.address}:${app.port}/`);
    assert.deepEqual(pages, [app.url, ...others.slice(0, 8)]);
    for (const url of pages) assert.equal((await fetch(url)).status, 200, url);
    assert.deepEqual(await app.stop(), CLEAN);
});

test('SIGUSR1 opens all logs anew; what comes from outside breaks none of their lines', async () => {
    const app = await startApp();
    const logs = path.join(app.dir, '.socketstream/logs');
    const names = ['access', 'error', 'redis', 'sidecar'];
    names.forEach((name) => renameSync(`${logs}/${name}.log`, `${logs}/${name}.log.1`));
    app.child.kill('SIGUSR1');
    await until(() => names.every((name) => existsSync(`${logs}/${name}.log`)));
    assert.equal(await hostileRequest(app.port), 'HTTP/1.1 200 OK');
    await until(() => app.log('access'));
    await fetch(`${app.url}api/native/square?25`);
    await until(() => app.log('sidecar'));
    assert.match(app.log('access'), /^127\.0\.0\.1 - - \[[^\n]*"GET \/ HTTP\/1\.1" 200 [^\n]*"agent\\x1B\[2J\\x9B\\x22"\n/);
    assert.match(app.log('sidecar'), /"action":"native\.square"/);
    assert.doesNotMatch(app.log('access') + app.log('sidecar'), /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
    assert.match(app.output.stderr, /^socketstream: the logs are opened anew$/m);
    assert.deepEqual(await app.stop(), CLEAN);
});

/** The first line of the answer to a request whose User-Agent steers terminals. @param {number} port */
async function hostileRequest(port) {
    const socket = connect(port, '127.0.0.1');
    socket.end('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nUser-Agent: agent\x1b[2J\x9b"\r\n\r\n', 'latin1');
    let text = '';
    for await (const piece of socket) text += piece;
    return text.split('\r\n')[0];
}

test('pid files, logs and configuration are in .socketstream, for the owner only', async () => {
    const app = await startApp();
    const folder = path.join(app.dir, '.socketstream');
    assert.equal(statSync(folder).mode & 0o777, 0o700);
    assert.equal(running(app.nginx()), true);
    assert.equal(running(app.sidecar()), true);
    await fetch(app.url);
    await until(() => app.log('access'));
    assert.match(app.log('access'), /GET \/ HTTP/);
    assert.match(app.log('sidecar'), /listening/);
    assert.equal(JSON.parse(read(path.join(folder, 'state.json'))).pid, app.child.pid);
    assert.deepEqual(await app.stop(), CLEAN);
});

for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM'])) {
    test(`${signal} ends everything, with a client connected`, async () => {
        const app = await startApp();
        const socket = await openSocket(app.socketUrl);
        const code = new Promise((resolve) => socket.on('close', resolve));
        const pids = [app.nginx(), app.sidecar(), app.redis()];
        assert.deepEqual(pids.map(running), [true, true, true]);
        assert.deepEqual(await app.stop(signal), CLEAN);
        assert.equal(await code, 1012);
        assert.deepEqual(pids.map(running), [false, false, false]);
    });
}

test('kill -9 ends nginx, the sidecar and redis too, and the next start cleans up', async () => {
    const app = await startApp();
    const pids = [app.nginx(), app.sidecar(), app.redis()];
    app.child.kill('SIGKILL');
    const again = await startApp({ dir: app.dir, port: app.port });
    assert.deepEqual(pids.map(running), [false, false, false]);
    assert.equal((await fetch(`${again.url}api/native/square?25`)).status, 200);
    assert.deepEqual(await again.stop(), CLEAN);
});

test('a killed sidecar is started again, and open sockets go on with it', async () => {
    const app = await startApp();
    const socket = await openSocket(app.socketUrl);
    let closed = false;
    socket.on('close', () => (closed = true));
    assert.equal(await ask(socket, square), '{"jsonrpc":"2.0","id":1,"result":625}');
    const pid = app.sidecar();
    process.kill(pid, 'SIGKILL');
    const passed = stopwatch();
    /** @type {any} */
    let answer;
    do {
        answer = JSON.parse(await ask(socket, square));
        assert.ok(answer.result === 625 || answer.error.code === -32003, JSON.stringify(answer));
    } while (!answer.result);
    assert.ok(await passed() < 1000 * (process.env.BUILD === 'sanitize' ? 3 : 1));
    assert.notEqual(app.sidecar(), pid);
    assert.match(app.output.stderr, /the sidecar ended by signal 9 \(Killed\); starting it again/);
    assert.equal(closed, false);
    // At once the first time, then after a pause that grows.
    process.kill(app.sidecar(), 'SIGKILL');
    await until(() => /the sidecar ended by signal 9 \(Killed\), 2 times in a row; starting it again in 100 ms\n/.test(app.output.stderr));
    assert.match(app.output.stderr, /2 times in a row; starting it again in 100 ms$/m);
    assert.deepEqual(await app.stop(), CLEAN);
});

test('a killed nginx is started again, without its former workers in the way', async () => {
    const app = await startApp();
    const pid = app.nginx();
    process.kill(pid, 'SIGKILL');
    await until(() => app.nginx() && app.nginx() !== pid);
    const response = await until(() => fetch(`${app.url}api/native/square?25`).catch(() => null));
    assert.equal(await response?.text(), '625');
    assert.match(app.output.stderr, /nginx ended by signal 9/);
    assert.deepEqual(await app.stop(), CLEAN);
});

test('SIGHUP reloads nginx', async () => {
    const app = await startApp();
    const socket = await openSocket(app.socketUrl);
    const code = new Promise((resolve) => socket.on('close', resolve));
    const pid = app.nginx();
    app.child.kill('SIGHUP');
    assert.equal(await code, 1012);
    assert.equal(app.nginx(), pid);
    // A worker that has no sidecar yet says 503.
    const next = await until(() => openSocket(app.socketUrl).catch(() => null));
    assert.ok(next, 'the new worker takes clients');
    assert.equal(await ask(next, square), '{"jsonrpc":"2.0","id":1,"result":625}');
    assert.deepEqual(await app.stop(), CLEAN);
});

test('signals that come while it starts wait, and break nothing', async () => {
    const dir = copyNative();
    const starting = startApp({ dir });
    const lock = path.join(dir, '.socketstream/lock');
    await until(() => Number(read(lock)) > 0);
    const pid = Number(read(lock));
    const timer = setInterval(() => ['SIGHUP', 'SIGUSR1'].forEach((name) => process.kill(pid, name)), 3);
    const app = await starting.finally(() => clearInterval(timer));
    assert.equal((await fetch(app.url, { headers: { connection: 'close' } })).status, 200);
    assert.doesNotMatch(app.output.stderr, /ended by signal/);
    assert.deepEqual(await app.stop(), CLEAN);
});

test('a second start in the same folder says so', async () => {
    const app = await startApp();
    const second = await runCommand(['start', '--app', app.dir, '--port', String(await freePort())]);
    assert.equal(second.code, 1);
    assert.equal(second.stdout, '');
    assert.equal(
        second.stderr,
        `socketstream: this application runs already, as process ${app.child.pid}: end that one first\n`,
    );
    assert.equal((await fetch(app.url)).status, 200);
    assert.deepEqual(await app.stop(), CLEAN);
});

/** @type {Awaited<ReturnType<typeof startRedis>> | undefined} */
let redis;
const oneRedis = async () => (redis ??= await startRedis());
after(() => redis?.stop());

/**
 * A start that fails: one line, exit code 1, nothing left behind.
 * @param {string} name
 * @param {(dir: string) => Promise<{line: RegExp, env?: Record<string, string>, args?: string[], uid?: number}>} prepare
 */
function refuses(name, prepare) {
    test(`it does not start: ${name}`, async () => {
        const dir = copyNative();
        const { line, env, args, uid } = await prepare(dir);
        const port = String(await freePort());
        const run = await runCommand(['start', '--app', dir, ...(args ?? ['--port', port])], { env, uid });
        assert.match(run.stderr, line);
        assert.equal(run.stderr.trim().split('\n').length, 1, run.stderr);
        assert.equal(run.stdout, '');
        assert.equal(run.code, 1);
        if (existsSync(path.join(dir, '.socketstream/lock'))) {
            assertClean(dir);
        }
        assert.deepEqual(processesOf(dir), []);
        rmSync(dir, { recursive: true });
    });
}

refuses('the port is in use', async () => {
    const server = createServer();
    await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(null)));
    server.unref();
    const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
    return {
        args: ['--port', String(port)],
        line: new RegExp(`^socketstream: port ${port} is in use: .* \\(process ${process.pid}\\) listens there: .*--port$`, 'm'),
    };
});
refuses('no folder app/', async (dir) => {
    rmSync(path.join(dir, 'app'), { recursive: true });
    return { line: /^socketstream: .* is no SocketStream application, .*name it with --app$/m };
});
refuses('the application last ran with a newer version', async (dir) => {
    mkdirSync(path.join(dir, '.socketstream'));
    writeFileSync(path.join(dir, '.socketstream/version'), '99.0.0\n');
    return { line: /^socketstream: .* last ran with SocketStream 99\.0\.0, and this is \d\S*, which is older: upgrade SocketStream, or remove .*\/version/ };
});
refuses('nginx is missing', async () => ({
    env: { SS__nginx__binary: 'nginx-that-is-missing' },
    line: /^socketstream: nginx-that-is-missing was not found: install it \(apt-get install nginx\)/,
}));
refuses('redis-server is missing', async () => ({
    env: { SS__redis__binary: 'redis-that-is-missing' },
    line: /^socketstream: redis-that-is-missing was not found: install it \(apt-get install redis-server\), or .*redis\.url/,
}));
refuses('the URL of Redis is wrong', async () => ({
    env: { SS__redis__url: 'rediss://:secret@localhost' },
    line: /^socketstream: redis\.url: rediss:\/\/ needs TLS, (?!.*secret)/,
}));
refuses('the module is missing', async () => ({
    env: { SS__nginx__module: '/nonexistent.so' },
    line: /^socketstream: nginx\.module: \/nonexistent\.so: No such file or directory: correct nginx\.module$/m,
}));
refuses('the module was built for another nginx', async (dir) => {
    const nginx = path.join(dir, 'other-nginx');
    writeFileSync(nginx, '#!/bin/sh\necho \'nginx: [emerg] module "x.so" is not binary compatible in nginx.conf:5\'\nexit 1\n');
    chmodSync(nginx, 0o755);
    return {
        env: { SS__nginx__binary: nginx, SS__log__level: '0' },
        line: /^socketstream: the module was built for another nginx: build it anew \(make clean module\)$/m,
    };
});
refuses('Node is missing, and there is JavaScript to run', async (dir) => {
    writeFileSync(path.join(dir, 'app/server/chat.js'), 'exports.actions = {};\n');
    return {
        env: { SS__host__node: 'node-that-is-missing' },
        line: /^socketstream: node-that-is-missing was not found: this application needs Node 18 or newer: install it .*host\.node/m,
    };
});
refuses('two files have one name', async (dir) => {
    writeFileSync(path.join(dir, 'app/server/native.js'), 'exports.actions = {};\n');
    return { line: /^socketstream: Unable to load the \/.*\/native\.c file: .*native\.js: both are 'native'; rename one$/m };
});
refuses('Redis refuses its password', async () => ({
    env: { SS__redis__url: (await oneRedis()).url, SS__redis__password: 'wrong-one' },
    line: /^socketstream: Redis at \/.*\.sock refuses us: (?!.*wrong-one).*: correct redis\.username, redis\.password and redis\.db_index$/m,
}));
refuses('the database of Redis is none', async () => ({
    env: { SS__redis__url: (await oneRedis()).url, SS__redis__db_index: '999' },
    line: /^socketstream: Redis at \/.*\.sock refuses us: ERR DB index is out of range: /m,
}));
refuses('log.format is none', async () => ({
    env: { SS__log__format: 'xml' },
    line: /^socketstream: log\.format must be "auto", "pretty" or "json", but is "xml"$/m,
}));
refuses('there is no room on the disk', async (dir) => {
    mkdirSync(path.join(dir, '.socketstream'));
    symlinkSync('/dev/full', path.join(dir, '.socketstream/nginx.conf.new'));
    return { line: /^socketstream: cannot write .*\/nginx\.conf: No space left on device; make room there$/m };
});
refuses('the application may not be read', async (dir) => {
    chmodSync(path.join(dir, 'app/server'), 0);
    return { uid: somebody(dir), line: /^socketstream: .*\/app\/server: Permission denied: give yourself access to it$/m };
});
refuses('the application may not be written to', async (dir) => {
    const uid = somebody(dir);
    chmodSync(dir, 0o555);
    return { uid, line: /^socketstream: cannot write to .*: Permission denied; .*give yourself write access to it$/m };
});
refuses('the configuration is wrong', async (dir) => {
    writeFileSync(path.join(dir, 'config/app.json'), '{\n  "log": 3,\n}\n');
    return { line: /^socketstream: config\/app\.json:3:1: / };
});
refuses('everybody may write to .socketstream', async (dir) => {
    mkdirSync(path.join(dir, '.socketstream'));
    chmodSync(path.join(dir, '.socketstream'), 0o777);
    return { line: /^socketstream: everybody can write to .*\.socketstream: chmod 700 it$/m };
});
if (process.getuid?.() === 0) {
    refuses('.socketstream belongs to another user, the application does not', async (dir) => {
        mkdirSync(path.join(dir, '.socketstream'));
        chownSync(path.join(dir, '.socketstream'), 65534, 65534);
        return { line: /^socketstream: .*\.socketstream belongs to another user \(65534\), who could lead us anywhere: remove it$/m };
    });
}
refuses('.socketstream is something else', async (dir) => {
    writeFileSync(path.join(dir, '.socketstream'), '');
    return { line: /^socketstream: cannot write to .*\.socketstream: Not a directory/ };
});

test('a Redis and Sentinels that do not answer are warnings: it starts, and serves what needs none', async () => {
    const port = await freePort();
    const app = await startApp({ env: { SS__redis__url: `redis://127.0.0.1:${port}`, SS__redis_pubsub__sentinels: `["127.0.0.1:${port}"]` } });
    assert.match(app.output.stderr, new RegExp(
        `^socketstream: warning: the Sentinel at 127\\.0\\.0\\.1:${port} does not answer: Connection refused: start it, or correct redis_pubsub\\.sentinels\n`
        + 'socketstream: warning: no Sentinel answers: the application starts, but ', 'm'));
    assert.match(app.output.stderr, new RegExp(
        `^socketstream: warning: Redis at 127\\.0\\.0\\.1:${port} does not answer: Connection refused: start it, or correct redis\\.url; `, 'm'));
    assert.equal(await (await fetch(`${app.url}api/native/square?25`)).text(), '625');
    assert.deepEqual(await app.stop(), CLEAN);
});

test('it does not start: an action does not compile', async () => {
    const dir = copyNative();
    writeFileSync(path.join(dir, 'app/server/broken.c'), 'int broken(void) { return nothing; }\n');
    const run = await runCommand(['start', '--app', dir, '--port', String(await freePort())]);
    assert.equal(run.code, 1);
    assert.equal(run.stdout, '');
    assert.match(run.stderr, /broken\.c:1:.*nothing/);
    assert.match(run.stderr, /^socketstream: the sidecar ended with status \d+ before it was ready/m);
    assertClean(dir);
    rmSync(dir, { recursive: true });
});

test('it does not start: nginx refuses its module', async () => {
    const dir = copyNative();
    writeFileSync(path.join(dir, 'module.so'), 'this is no module');
    const run = await runCommand(['start', '--app', dir, '--port', String(await freePort())], {
        env: { SS__nginx__module: 'module.so' },
    });
    assert.equal(run.code, 1);
    assert.equal(run.stdout, '');
    assert.match(run.stderr, /^socketstream: nginx ended with status 1 before it was ready: .*module\.so/m);
    assertClean(dir);
    rmSync(dir, { recursive: true });
});

test('a path too long for a socket gets one in a short folder, removed afterwards', async () => {
    const copy = copyNative();
    const dir = `${copy}-${'d'.repeat(100)}`;
    renameSync(copy, dir);
    const app = await startApp({ dir });
    const state = JSON.parse(read(path.join(dir, '.socketstream/state.json')));
    assert.ok(state.socket.length < 108, state.socket);
    assert.equal(existsSync(path.join(state.short_dir, 'redis.sock')), true);
    assert.equal(statSync(state.short_dir).mode & 0o777, 0o700);
    assert.equal(await (await fetch(`${app.url}api/native/square?25`)).text(), '625');
    assert.deepEqual(await app.stop(), CLEAN);
    assert.equal(existsSync(state.short_dir), false);
});

test('a path with quotes and spaces is no trouble', async () => {
    const dir = `${copyNative()} "it's; {me}"`;
    renameSync(dir.slice(0, dir.indexOf(' ')), dir);
    const app = await startApp({ dir });
    assert.match(await (await fetch(app.url)).text(), /<h1>SocketStream/);
    assert.equal(await (await fetch(`${app.url}api/native/square?25`)).text(), '625');
    assert.deepEqual(await app.stop(), CLEAN);
});

test('a path with a $ or a control character is refused, and not made', async () => {
    const dollar = `${copyNative()} $host`;
    const newline = `${copyNative()}\n`;
    renameSync(dollar.slice(0, -6), dollar);
    renameSync(newline.slice(0, -1), newline);
    for (const args of [[], ['--print-nginx-conf']]) {
        const { code, stdout, stderr } = await runCommand(['start', '--app', dollar, ...args]);
        assert.deepEqual([code, stdout, stderr],
            [1, '', `socketstream: ${dollar}: nginx would take the $ in that name for a variable: rename the folder\n`]);
    }
    const { code, stderr } = await runCommand(['start', '--app', newline]);
    assert.deepEqual([code, stderr],
        [1, `socketstream: ${newline.slice(0, -1)}?: the name has a control character, shown as ?: rename the folder\n`]);
    for (const name of ['a$b', 'a\nb']) {
        const made = await runCommand(['new', path.join(dollar.slice(0, -6), name)]);
        assert.deepEqual([made.code, existsSync(dollar.slice(0, -6))], [2, false]);
    }
    rmSync(dollar, { recursive: true });
    rmSync(newline, { recursive: true });
});

test('new says what is in its way', async () => {
    const file = path.join(mkdtempSync(path.join(tmpdir(), 'ss-e2e-')), 'file');
    writeFileSync(file, '');
    for (const [name, line] of [[`${file}s/app`, 'the folder that it is to be in is not there: make it'],
        [file, 'a file, or below one; take another name'], [`${file}/app`, 'a file, or below one; take another name'],
        [path.dirname(file), 'is there already, and not empty; take another name']]) {
        const { code, stderr } = await runCommand(['new', name]);
        assert.deepEqual([code, stderr], [1, `socketstream: ${name}: ${line}\n`]);
    }
    rmSync(path.dirname(file), { recursive: true });
});

test('what it says to copy into a shell is one word for each path', async () => {
    const place = path.join(mkdtempSync(path.join(tmpdir(), 'ss-e2e-')), "it's; {me}");
    const word = `'${place.replace("'", "'\\''")}'`;
    const made = await runCommand(['new', place, '--minimal']);
    assert.equal(made.stdout, `${place} is ready: cd ${word} && socketstream start\n`);
    const printed = await runCommand(['start', '--app', place, '--print-nginx-conf']);
    assert.ok(printed.stdout.includes(`#   socketstream sidecar --app ${word} \\\n`), printed.stdout.slice(0, 400));
    rmSync(path.dirname(place), { recursive: true });
});

test('the commands have aliases, and an unknown one names the nearest', async () => {
    assert.match((await runCommand(['version'])).stdout, /^socketstream \d+\.\d+\.\d+\nlibuv /);
    assert.equal((await runCommand(['v'])).stdout, (await runCommand(['version'])).stdout);
    assert.equal((await runCommand(['h'])).stdout, (await runCommand(['help'])).stdout);
    const strat = await runCommand(['strat']);
    assert.equal(strat.stderr, 'socketstream: there is no command "strat"; did you mean "start"?\n');
    assert.equal(strat.code, 2);
    const nothing = await runCommand(['s', '--app', '/nonexistent']);
    assert.equal(nothing.stderr, 'socketstream: /nonexistent: No such file or directory: name the folder of an application with --app\n');
    assert.equal(nothing.code, 1);
});

test('config prints what counts', async () => {
    const dir = copyNative();
    const run = await runCommand(['config', '--app', dir, 'http'], { env: { SS__http__port: '4321' } });
    assert.deepEqual(JSON.parse(run.stdout), { base: '/', hostname: '127.0.0.1', port: 4321 });
    assert.equal((await runCommand(['config', '--app', dir, 'no.such'])).code, 1);
    rmSync(dir, { recursive: true });
});
