// SPDX-License-Identifier: MIT
//
// `make demo`: starts what it shows, and ends it however make itself ends.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { test } from 'node:test';
import { copyExample, environment, freePort, freePorts, pidIn, root, running, until } from './app.mjs';

/** @type {[string, (make: import('node:child_process').ChildProcess) => void][]} */
const ends = [
    ['Ctrl-C, a SIGINT to all of the terminal\'s processes', (make) => process.kill(-Number(make.pid), 'SIGINT')],
    ['a SIGTERM to make', (make) => make.kill('SIGTERM')],
    ['a kill -9 of make', (make) => make.kill('SIGKILL')],
];

for (const [name, end] of ends) {
    test(`make demo ends everything at ${name}`, async () => {
        const dir = copyExample();
        const port = await freePort();
        const make = spawn(
            'make',
            ['demo', `PORT=${port}`, `DEMO_APP=${dir}`, `BUILD=${process.env.BUILD ?? 'release'}`],
            { cwd: root, env: environment(), detached: true },
        );
        const exited = once(make, 'exit');
        let output = '';
        make.stdout.on('data', (data) => (output += data));
        make.stderr.on('data', (data) => (output += data));
        await until(() => /^ready: /m.test(output) || make.exitCode !== null, 60000);
        assert.match(output, new RegExp(`^ready: http://127\\.0\\.0\\.1:${port}/$`, 'm'));
        for (const action of ['native', 'app']) {
            const response = await fetch(`http://127.0.0.1:${port}/api/${action}/square?25`);
            assert.equal(await response.text(), '625', action);
        }
        assert.match(await (await fetch(`http://127.0.0.1:${port}/`)).text(), /<script src="\/assets\/app-/);

        const host = Number(/host 0 is process (\d+)/.exec(output)?.[1]);
        const pids = [...['nginx', 'sidecar', 'packer'].map((name) => pidIn(dir, name)), host];
        assert.deepEqual(pids.map(running), [true, true, true, true]);
        end(make);
        await exited;
        assert.ok(await until(() => !pids.some(running) && !pidIn(dir, 'sidecar')), output);
        await assert.rejects(fetch(`http://127.0.0.1:${port}/`));
        rmSync(dir, { recursive: true });
    });
}

test('make demo NODES=2 shows two nodes behind a balancer', async () => {
    const dir = copyExample();
    const port = await freePorts();
    const make = spawn(
        'make',
        ['demo', 'NODES=2', `PORT=${port}`, `DEMO_APP=${dir}`, `BUILD=${process.env.BUILD ?? 'release'}`],
        { cwd: root, env: environment(), detached: true },
    );
    const exited = once(make, 'exit');
    let output = '';
    make.stdout.on('data', (data) => (output += data));
    make.stderr.on('data', (data) => (output += data));
    await until(() => /^ready: /m.test(output) || make.exitCode !== null, 60000);
    for (const one of [port, port + 1, port + 2]) {
        const response = await fetch(`http://127.0.0.1:${one}/api/both/square?25`);
        assert.deepEqual(await response.json(), { javascript: 625, c: 625 }, output);
    }
    make.kill('SIGTERM');
    await exited;
    assert.ok(await until(() => !pidIn(dir, 'redis') && !pidIn(dir, 'node1/sidecar'), 10000), output);
    rmSync(dir, { recursive: true });
});
