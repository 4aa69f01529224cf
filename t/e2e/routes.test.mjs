// SPDX-License-Identifier: MIT
//
// `socketstream routes`: of an application that runs, and of one that does not.

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { CLEAN, copyNative, runCommand, startApp } from './app.mjs';

const action = (/** @type {string} */ name) => `#include <socketstream.h>
static void it(ss_req *req, json_t *params) { (void)params; ss_reply(req, json_null()); }
SS_ACTIONS = { { "${name}", it }, { "members", it, SS_AUTHENTICATED } };
`;

test('routes lists the actions of an application that does not run, and of the same when it does', async () => {
    const dir = mkdtempSync(path.join(tmpdir(), 'ss-e2e-'));
    for (const [name, text] of Object.entries({
        'app/server/app.js': 'exports.actions = { square(n, cb) { cb(n * n); } };\n',
        'app/server/club/door.coffee': 'exports.authenticate = true\nexports.actions =\n  open: (cb) -> cb true\n',
        'app/server/club/native.c': action('deep.er'),
    })) {
        mkdirSync(path.dirname(path.join(dir, name)), { recursive: true });
        writeFileSync(path.join(dir, name), text);
    }
    const wanted = [
        { name: 'app.square', path: '/api/app/square', runs_in: 'JavaScript', authenticated: false, file: 'app/server/app.js' },
        { name: 'club.door.open', path: '/api/club/door/open', runs_in: 'CoffeeScript', authenticated: true, file: 'app/server/club/door.coffee' },
        { name: 'club.native.deep.er', path: '/api/club/native/deep/er', runs_in: 'C', authenticated: false, file: 'app/server/club/native.c' },
        { name: 'club.native.members', path: '/api/club/native/members', runs_in: 'C', authenticated: true, file: 'app/server/club/native.c' },
    ];
    const first = await runCommand(['routes', '--json', '--app', dir]);
    assert.equal(first.stderr, 'the application does not run: starting it for this question\n');
    assert.deepEqual(JSON.parse(first.stdout), wanted);
    assert.equal(existsSync(path.join(dir, '.socketstream/state.json')), false);

    const env = { SS__api__prefix: 'rest' };
    const app = await startApp({ dir, env });
    const { code, stdout, stderr } = await runCommand(['routes'], { cwd: path.join(dir), env });
    assert.deepEqual([code, stderr], [0, '']);
    assert.deepEqual(stdout.trimEnd().split('\n').map((line) => line.split(/ {2,}/)), [
        ['ACTION', 'HTTP', 'RUNS IN', 'FOR', 'FILE'],
        ...wanted.map((one) => [one.name, one.path.replace('api', 'rest'), one.runs_in, one.authenticated ? 'signed in' : 'all', one.file]),
    ]);
    assert.deepEqual(await app.stop(), CLEAN);
});

test('routes of an application that cannot start says why', async () => {
    const dir = copyNative();
    writeFileSync(path.join(dir, 'app/server/broken.c'), 'int broken(void) { return nothing; }\n');
    const { code, stdout, stderr } = await runCommand(['routes', '--app', dir]);
    assert.deepEqual([code, stdout], [1, '']);
    assert.match(stderr, /before it was ready/);
});
