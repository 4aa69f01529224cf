// SPDX-License-Identifier: MIT
//
// `make install` into a folder: what is there makes applications and starts them, with nothing of the
// source at hand; `make uninstall` removes it again.

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { freePort, root, until } from '../lib/stack.mjs';

const run = promisify(execFile);
const dir = mkdtempSync(path.join(tmpdir(), 'ss-install-'));
const command = path.join(dir, 'usr/bin/socketstream');

/** @param {string} target */
async function make(target) {
    const { MAKEFLAGS, MAKELEVEL, MAKEOVERRIDES, SS_SHARE_DIR, ...env } = process.env;
    await run('make', ['-s', target, `DESTDIR=${dir}`, 'prefix=/usr', `BUILD=${process.env.BUILD ?? 'release'}`],
        { cwd: root, env, maxBuffer: 1 << 26 });
}

/** @param {string} at @returns {string[]} */
const filesBelow = (at) => readdirSync(at, { withFileTypes: true }).flatMap((entry) =>
    (entry.isDirectory() ? filesBelow(path.join(at, entry.name)) : [path.join(at, entry.name)]));

before(() => make('install'));
after(() => rmSync(dir, { recursive: true, force: true }));

test('what belongs to an installation is there', () => {
    for (const name of [
        'include/socketstream/socketstream.h', 'lib/nginx/modules/ngx_http_socketstream_module.so',
        'lib/systemd/system/socketstream-a@.service', 'share/socketstream/host/main.mjs',
        'share/socketstream/packer/page/develop.mjs', 'share/socketstream/testing/index.mjs',
        'share/socketstream/client/socketstream.min.js', 'share/socketstream/new_project/ts/app/server/app.ts',
        'share/socketstream/node_modules/esbuild/package.json', 'share/socketstream/package-lock.json',
    ]) assert.ok(existsSync(path.join(dir, 'usr', name)), name);
    assert.ok(!existsSync(path.join(dir, 'usr/share/socketstream/node_modules/typescript')), 'what development takes');
});

for (const language of ['js', 'coffee', 'ts', 'c']) {
    test(`an application with --${language} is made and starts at once`, async () => {
        const app = path.join(dir, language);
        const port = await freePort();
        const env = {
            ...process.env, SS_ENV: 'development', SS__http__hostname: '127.0.0.1',
            SS__nginx__binary: process.env.TEST_NGINX_BINARY ?? path.join(root, 't/lib/nginx'),
        };
        await run(command, ['new', app, `--${language}`], { env });
        const child = spawn(command, ['start', '--app', app, '--port', `${port}`], { env });
        let said = '';
        child.stdout.on('data', (data) => (said += data));
        child.stderr.on('data', (data) => (said += data));
        const ended = once(child, 'exit');
        await until(() => /^ready: /m.test(said) || child.exitCode !== null, 60000);
        try {
            assert.match(said, /^ready: /m);
            const url = `http://127.0.0.1:${port}`;
            assert.match(await (await fetch(`${url}/`)).text(), /<h1>It works<\/h1>/);
            assert.equal(await (await fetch(`${url}/api/app/square?25`)).text(), '625');
        } finally {
            child.kill('SIGINT');
            await ended;
        }
    });
}

test('make uninstall leaves nothing', async () => {
    await make('uninstall');
    assert.deepEqual(filesBelow(path.join(dir, 'usr')), []);
});
