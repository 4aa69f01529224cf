// SPDX-License-Identifier: MIT
//
// `socketstream start --nodes 2`: two nodes on one Redis behind a balancer.

import assert from 'node:assert/strict';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { createServer } from 'node:net';
import path from 'node:path';
import { test } from 'node:test';
import {
    ask, copyNative, freePorts, openSocket, pidIn, read, runCommand, running, startApp, until,
} from './app.mjs';

const square = { jsonrpc: '2.0', id: 1, method: 'native.square', params: [25] };
const answer = '{"jsonrpc":"2.0","id":1,"result":625}';
const names = ['balancer/nginx', 'node1/nginx', 'node1/sidecar', 'node2/nginx', 'node2/sidecar', 'redis'];

const start = async (/** @type {Parameters<typeof startApp>[0]} */ options = {}) => startApp({
    port: await freePorts(), args: ['--nodes', '2'], ...options,
});

/** @param {string} dir what is alarming in the logs of all */
const alarms = (dir) => ['balancer', 'node1', 'node2']
    .flatMap((name) => ['error', 'sidecar'].map((log) => read(path.join(dir, '.socketstream', name, 'logs', `${log}.log`))))
    .join('\n').split('\n')
    .filter((line) => /\[(?:alert|emerg|crit|error)\]|Sanitizer|runtime error:/.test(line));

/** @param {{dir: string, child: import('node:child_process').ChildProcess}} app */
async function stop(app) {
    const { dir, child } = app;
    child.kill('SIGINT');
    assert.ok(await until(() => child.exitCode !== null, 10000), 'it does not end');
    assert.equal(child.exitCode, 0);
    assert.deepEqual(alarms(dir), []);
    const left = readdirSync(path.join(dir, '.socketstream')).sort();
    assert.deepEqual(left, ['balancer', 'build', 'lock', 'logs', 'node1', 'node2', 'redis', 'version']);
    assert.deepEqual(['node1', 'node2'].filter((name) => existsSync(path.join(dir, '.socketstream', name, 'sidecar.sock'))), []);
    rmSync(dir, { recursive: true });
}

/** A call through the balancer, from one of the addresses of this machine. */
const callFrom = (/** @type {number} */ port, /** @type {string} */ localAddress, headers = {}) => new Promise((resolve, reject) => {
    const call = request({ port, host: '127.0.0.1', localAddress, headers, path: '/api/native/square?25' }, (response) => {
        let text = '';
        response.on('data', (data) => (text += data));
        response.on('end', () => resolve(text));
    });
    call.on('error', reject);
    call.end();
});

test('all answer: the balancer, and each node at its own port', async () => {
    const app = await start();
    assert.match(app.output.stdout, new RegExp(`^ready: ${app.url}$`, 'm'));
    for (const i of [1, 2]) {
        const url = `http://127.0.0.1:${app.port + i}/`;
        const pids = [`node${i}/nginx`, `node${i}/sidecar`].map((name) => pidIn(app.dir, name));
        assert.match(app.output.stdout, new RegExp(`^node ${i}: ${url} \\(nginx ${pids[0]}, sidecar ${pids[1]}\\)$`, 'm'));
        assert.equal(await (await fetch(`${url}api/native/square?25`)).text(), '625');
    }
    for (let i = 0; i < 4; i++) {
        const socket = await openSocket(app.socketUrl);
        assert.equal(await ask(socket, square), answer);
        socket.terminate();
    }
    const socket = await openSocket(app.socketUrl);
    const code = new Promise((resolve) => socket.on('close', resolve));
    const pids = names.map((name) => pidIn(app.dir, name));
    assert.deepEqual(pids.map(running), names.map(() => true));
    assert.equal(new Set(pids).size, names.length);
    await stop(app);
    assert.equal(await code, 1012); // the node's own, through the balancer
    assert.deepEqual(pids.map(running), names.map(() => false));
});

test('nodes see the address of the client, whatever it claims', async () => {
    const app = await start();
    const logs = () => ['node1', 'node2'].map((name) => read(path.join(app.dir, '.socketstream', name, 'logs/sidecar.log'))).join('');
    assert.equal(await callFrom(app.port, '127.0.0.9'), '625');
    assert.equal(await callFrom(app.port, '127.0.0.9', { 'X-Forwarded-For': '10.1.2.3' }), '625');
    await until(() => logs().split('"address":"127.0.0.9"').length === 3);
    assert.equal(logs().split('"address":"127.0.0.9"').length, 3);
    assert.doesNotMatch(logs(), /10\.1\.2\.3/);
    await stop(app);
});

test('pages may connect through the balancer, and others may not', async () => {
    const app = await start();
    const socket = await openSocket(app.socketUrl, { origin: app.url.slice(0, -1) });
    assert.equal(await ask(socket, square), answer);
    socket.terminate();
    await assert.rejects(openSocket(app.socketUrl, { origin: 'https://evil.example' }), /403/);
    await stop(app);
});

test('a node that is killed leaves the other, and comes back', async () => {
    const app = await start();
    const nginx = pidIn(app.dir, 'node1/nginx');
    for (const name of ['node1/nginx', 'node1/sidecar']) {
        process.kill(pidIn(app.dir, name), 'SIGKILL');
    }
    for (let i = 0; i < 4; i++) {
        const socket = await openSocket(app.socketUrl);
        const text = await ask(socket, square);
        assert.ok(text === answer || JSON.parse(text).error.code === -32003, text);
        socket.terminate();
    }
    await until(() => pidIn(app.dir, 'node1/nginx') && pidIn(app.dir, 'node1/nginx') !== nginx);
    const url = `http://127.0.0.1:${app.port + 1}/api/native/square?25`;
    assert.ok(await until(async () => (await (await fetch(url)).text().catch(() => '')) === '625'));
    assert.match(app.output.stderr, /^socketstream: nginx of node 1 ended by signal 9/m);
    assert.match(app.output.stderr, /^socketstream: the sidecar of node 1 ended by signal 9/m);
    const { dir, child } = app;
    child.kill('SIGINT');
    await until(() => child.exitCode !== null, 10000);
    rmSync(dir, { recursive: true });
});

test('one node after several, and several after a kill, find nothing in their way', async () => {
    const app = await start();
    const pids = names.map((name) => pidIn(app.dir, name));
    app.child.kill('SIGKILL');
    const one = await startApp({ dir: app.dir, port: app.port });
    assert.deepEqual(pids.map(running), names.map(() => false));
    assert.equal(await (await fetch(`${one.url}api/native/square?25`)).text(), '625');
    one.child.kill('SIGKILL');
    const two = await start({ dir: app.dir, port: app.port });
    assert.equal(await (await fetch(`${two.url}api/native/square?25`)).text(), '625');
    two.child.kill('SIGINT');
    assert.ok(await until(() => two.child.exitCode !== null, 10000));
    rmSync(app.dir, { recursive: true });
});

test('it does not start: the port of a node is in use, or the number makes no sense', async () => {
    const dir = copyNative();
    const port = await freePorts();
    const server = createServer();
    await new Promise((resolve) => server.listen(port + 2, '127.0.0.1', () => resolve(null)));
    const taken = await runCommand(['start', '--app', dir, '--port', String(port), '--nodes', '2']);
    assert.equal(taken.code, 1);
    assert.match(taken.stderr, new RegExp(`^socketstream: port ${port + 2} is in use: .*\\n$`));
    server.close();
    const high = await runCommand(['start', '--app', dir, '--port', '65534', '--nodes', '2']);
    assert.equal(high.stderr, 'socketstream: --port 65534 leaves no numbers for 2 nodes\n');
    for (const wrong of ['0', '10', 'x', '']) {
        const run = await runCommand(['start', '--app', dir, '--nodes', wrong]);
        assert.equal(run.code, 2);
        assert.equal(run.stderr, `socketstream start: --nodes must be a number from 1 to 9, but is "${wrong}"\n`);
    }
    rmSync(dir, { recursive: true });
});
