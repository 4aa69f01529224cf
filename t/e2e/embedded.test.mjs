// SPDX-License-Identifier: MIT
//
// The private Redis of `socketstream start`: there without being asked for, and only then.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import {
    CLEAN, copyNative, freePort, read, runCommand, running, startApp, until,
} from './app.mjs';

/**
 * Sends one command and gives the raw answer, '' when nobody listens.
 * @param {string} socket @param {string} command @returns {Promise<string>}
 */
const redis = (socket, command) => new Promise((resolve) => {
    const connection = createConnection(socket);
    connection.on('error', () => resolve(''));
    connection.on('data', (data) => {
        connection.destroy();
        resolve(String(data));
    });
    connection.write(`${command}\r\n`);
});

/** @param {string} dir */
const socketIn = (dir) => path.join(dir, '.socketstream/redis/redis.sock');

test('it has no port, belongs to the owner only, and the banner tells of it', async () => {
    const app = await startApp();
    const socket = socketIn(app.dir);
    assert.equal(await redis(socket, 'PING'), '+PONG\r\n');
    assert.equal(statSync(socket).mode & 0o777, 0o700);
    assert.match(await redis(socket, 'CONFIG GET port'), /\r\n0\r\n$/);
    assert.match(await redis(socket, 'CONFIG GET appendonly'), /\r\nyes\r\n$/);
    assert.match(app.output.stdout, new RegExp(`redis ${app.redis()}\\), started`));
    assert.match(app.output.stdout, /^redis: private .*\.socketstream\/redis\/$/m);
    assert.match(app.log('redis'), /ready to accept connections/);
    assert.deepEqual(await app.stop(), CLEAN);
});

test('what it keeps is there after a restart, and after a kill', async () => {
    const dir = copyNative();
    const first = await startApp({ dir });
    assert.equal(await redis(socketIn(dir), 'SET ss:kept yes'), '+OK\r\n');
    first.child.kill('SIGINT');
    await once(first.child, 'exit');
    assert.equal(existsSync(socketIn(dir)), false);

    const second = await startApp({ dir });
    assert.equal(await redis(socketIn(dir), 'GET ss:kept'), '$3\r\nyes\r\n');
    const pid = second.redis();
    await new Promise((resolve) => setTimeout(resolve, 1100)); // appendfsync is everysec
    process.kill(pid, 'SIGKILL');
    await until(() => second.redis() && second.redis() !== pid);
    await until(async () => (await redis(socketIn(dir), 'PING')) === '+PONG\r\n');
    assert.equal(await redis(socketIn(dir), 'GET ss:kept'), '$3\r\nyes\r\n');
    assert.match(second.output.stderr, /^socketstream: redis ended by signal 9 \(Killed\); starting it again$/m);
    assert.equal(await (await fetch(`${second.url}api/native/square?25`)).text(), '625');
    assert.deepEqual(await second.stop(), CLEAN);
});

test('it says so when its data cannot be read', async () => {
    const dir = copyNative();
    mkdirSync(path.join(dir, '.socketstream/redis/appendonlydir'), { recursive: true });
    writeFileSync(path.join(dir, '.socketstream/redis/appendonlydir/appendonly.aof.manifest'), 'no\n');
    const run = await runCommand(['start', '--app', dir, '--port', String(await freePort())]);
    assert.equal(run.code, 1);
    assert.match(run.stderr, /^socketstream: redis ended with status 1 before it was ready; .*\/redis\.log holds what it said$/m);
    assert.match(read(path.join(dir, '.socketstream/logs/redis.log')), /manifest/);
    rmSync(dir, { recursive: true });
});

test('a configured Redis takes its place', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'ss-own-'));
    const socket = path.join(folder, 's');
    const own = spawn('redis-server', ['--port', '0', '--unixsocket', socket, '--save', '', '--dir', folder],
        { stdio: 'ignore' });
    const exited = once(own, 'exit');
    assert.ok(await until(async () => (await redis(socket, 'PING')) === '+PONG\r\n'));
    const app = await startApp({
        env: { SS__redis__url: `unix://${socket}`, SS__redis__binary: 'redis-that-is-missing' },
    });
    assert.equal(app.redis(), 0);
    assert.equal(existsSync(path.join(app.dir, '.socketstream/redis')), false);
    assert.doesNotMatch(app.output.stdout, /redis/);
    assert.deepEqual(await app.stop(), CLEAN);
    assert.equal(running(Number(own.pid)), true);
    own.kill();
    await exited;
    rmSync(folder, { recursive: true });
});
