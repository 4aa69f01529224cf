// SPDX-License-Identifier: MIT
//
// What deploy/ and debian/ hold: units, the rotation of logs, versions.

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { promisify } from 'node:util';
import { oneWord } from '../lib/host_app.mjs';
import { build, root, until } from '../lib/stack.mjs';

const run = promisify(execFile);
const dir = mkdtempSync(path.join(tmpdir(), 'ss-units-'));
after(() => rmSync(dir, { recursive: true, force: true }));

const units = ['socketstream-a@.service', 'socketstream-b@.service', 'socketstream@.target'];
const read = (/** @type {string} */ name) => readFileSync(path.join(root, name), 'utf8');
const analyze = existsSync('/usr/bin/systemd-analyze') ? false : 'systemd-analyze is missing';
const rotate = existsSync('/usr/sbin/logrotate') ? false : 'logrotate is missing';

test('the units are what systemd takes', { skip: analyze }, async () => {
    for (const name of units) {
        // The program and its manual are where the packages put them, not here.
        writeFileSync(path.join(dir, name), read(`deploy/${name}`)
            .replace('/usr/bin/socketstream', oneWord(path.join(build, 'bin/socketstream')))
            .replace(/^Documentation=.*\n/m, ''));
    }
    const { stderr } = await run('systemd-analyze', ['verify', ...units.map((name) => path.join(dir, name))]);
    assert.doesNotMatch(stderr, /socketstream/);
});

test('the two sidecars of an application differ in nothing but the name', () => {
    assert.equal(read('deploy/socketstream-a@.service'), read('deploy/socketstream-b@.service'));
});

test('each sidecar has a socket of its own for calls, and one for middleware', () => {
    assert.match(read('deploy/socketstream-a@.service'),
        /^ExecStart=\S+ sidecar .* --listen \/run\/socketstream\/%i\/%j\.sock --http-listen \/run\/socketstream\/%i\/%j-http\.sock /m);
});

test('the exposure of a sidecar is 2.0 at most', { skip: analyze }, async () => {
    const { stdout } = await run('systemd-analyze', [
        'security', '--offline=true', '--no-pager', path.join(root, 'deploy/socketstream-a@.service'),
    ]);
    const [, level] = /Overall exposure level .*: ([\d.]+)/.exec(stdout) ?? [];
    assert.ok(Number(level) <= 2.0, stdout);
});

test('the version of the packages is that of the source', () => {
    const [, source] = /SS_VERSION "([^"]+)"/.exec(read('sidecar/include/socketstream.h')) ?? [];
    const [, packages] = /^socketstream \(([^)]+)\)/.exec(read('debian/changelog')) ?? [];
    assert.equal(packages, source);
});

test('a rotated log is opened anew', { skip: rotate }, async () => {
    const app = path.join(dir, 'app');
    const logs = path.join(dir, 'logs');
    const log = path.join(logs, 'shop/a.log');
    const socket = path.join(dir, 'a.sock');
    const bin = path.join(dir, 'bin');
    for (const folder of [path.join(app, 'app/server'), path.dirname(log), bin]) {
        mkdirSync(folder, { recursive: true });
    }
    const sidecar = spawn(path.join(build, 'bin/socketstream'), [
        'sidecar', '--app', app, '--listen', socket, '--log', log, '--log-format', 'json',
    ], { stdio: 'ignore' });
    try {
        assert.ok(await until(() => existsSync(socket), 10000), 'it does not listen');
        // In the place of systemd, which knows the unit's process.
        writeFileSync(path.join(bin, 'systemctl'), `#!/bin/sh\necho "$@" >${dir}/asked\nkill -USR1 ${sidecar.pid}\n`, { mode: 0o755 });
        const rules = path.join(dir, 'rules');
        const text = read('deploy/logrotate');
        assert.match(text, /^\/var\/log\/socketstream\/\*\/\*\.log \{$/m);
        writeFileSync(rules, text.replace('/var/log/socketstream', logs), { mode: 0o644 });
        await run('/usr/sbin/logrotate', ['--force', '--state', path.join(dir, 'state'), rules], {
            env: { ...process.env, PATH: `${bin}:${process.env.PATH}` },
        });
        assert.match(readFileSync(path.join(dir, 'asked'), 'utf8'), /^kill --kill-whom=main --signal=USR1 socketstream-\?@\*\.service$/m);
        assert.ok(await until(() => existsSync(log) && readFileSync(log, 'utf8').includes('log opened anew'), 10000), 'the log is not opened anew');
        assert.match(readFileSync(`${log}.1`, 'utf8'), /listening on/);
    } finally {
        sidecar.kill('SIGTERM');
        await once(sidecar, 'exit');
    }
});
