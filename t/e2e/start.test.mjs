// SPDX-License-Identifier: MIT
//
// `socketstream start`: what a user sees of it.

import assert from 'node:assert/strict';
import {
    cpSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { test } from 'node:test';
import {
    CLEAN, ask, copyNative, freePort, openSocket, read, runCommand, running, startApp, until,
} from './app.mjs';

const square = { jsonrpc: '2.0', id: 1, method: 'native.square', params: [25] };

/** What stays of a run: logs, the lock, Redis' data, and what is rewritten each time. */
function assertClean(/** @type {string} */ dir) {
    const left = readdirSync(path.join(dir, '.socketstream'))
        .filter((name) => !['build', 'lock', 'logs', 'nginx.conf', 'redis', 'tmp', 'version'].includes(name));
    assert.deepEqual(left, []);
    assert.equal(existsSync(path.join(dir, '.socketstream/redis/redis.sock')), false);
}

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

    const second = await startApp({ dir });
    const [, ms] = /started in (\d+) ms/.exec(second.output.stdout) ?? [];
    assert.ok(Number(ms) <= (process.env.BUILD === 'sanitize' ? 4000 : 1000), `${ms} ms`);
    assert.deepEqual(await second.stop(), CLEAN);
});

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
    const start = Date.now();
    /** @type {any} */
    let answer;
    do {
        answer = JSON.parse(await ask(socket, square));
        assert.ok(answer.result === 625 || answer.error.code === -32003, JSON.stringify(answer));
    } while (!answer.result);
    assert.ok(Date.now() - start < 1000 * (process.env.BUILD === 'sanitize' ? 3 : 1));
    assert.notEqual(app.sidecar(), pid);
    assert.match(app.output.stderr, /the sidecar ended by signal 9 \(Killed\); starting it again/);
    assert.equal(closed, false);
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

/**
 * A start that fails: one line, exit code 1, nothing left behind.
 * @param {string} name
 * @param {(dir: string) => Promise<{line: RegExp, env?: Record<string, string>, args?: string[]}>} prepare
 */
function refuses(name, prepare) {
    test(`it does not start: ${name}`, async () => {
        const dir = copyNative();
        const { line, env, args } = await prepare(dir);
        const port = String(await freePort());
        const run = await runCommand(['start', '--app', dir, ...(args ?? ['--port', port])], { env });
        assert.match(run.stderr, line);
        assert.equal(run.stderr.trim().split('\n').length, 1, run.stderr);
        assert.equal(run.stdout, '');
        assert.equal(run.code, 1);
        if (existsSync(path.join(dir, '.socketstream/lock'))) {
            assertClean(dir);
        }
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
        line: new RegExp(`^socketstream: port ${port} is in use: .*--port$`, 'm'),
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
    line: /^socketstream: nginx\.module: \/nonexistent\.so: No such file or directory$/m,
}));
refuses('the configuration is wrong', async (dir) => {
    writeFileSync(path.join(dir, 'config/app.json'), '{\n  "log": 3,\n}\n');
    return { line: /^socketstream: config\/app\.json:3:1: / };
});
refuses('.socketstream is something else', async (dir) => {
    writeFileSync(path.join(dir, '.socketstream'), '');
    return { line: /^socketstream: cannot write to .*\.socketstream: Not a directory/ };
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

test('the commands have aliases, and an unknown one names the nearest', async () => {
    assert.match((await runCommand(['version'])).stdout, /^socketstream \d+\.\d+\.\d+\nlibuv /);
    assert.equal((await runCommand(['v'])).stdout, (await runCommand(['version'])).stdout);
    assert.equal((await runCommand(['h'])).stdout, (await runCommand(['help'])).stdout);
    const strat = await runCommand(['strat']);
    assert.equal(strat.stderr, 'socketstream: there is no command "strat"; did you mean "start"?\n');
    assert.equal(strat.code, 2);
    const nothing = await runCommand(['s', '--app', '/nonexistent']);
    assert.equal(nothing.stderr, 'socketstream: /nonexistent: No such file or directory\n');
    assert.equal(nothing.code, 1);
});

test('config prints what counts', async () => {
    const dir = copyNative();
    const run = await runCommand(['config', '--app', dir, 'http'], { env: { SS__http__port: '4321' } });
    assert.deepEqual(JSON.parse(run.stdout), { base: '/', hostname: '127.0.0.1', port: 4321 });
    assert.equal((await runCommand(['config', '--app', dir, 'no.such'])).code, 1);
    rmSync(dir, { recursive: true });
});
