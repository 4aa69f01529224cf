// SPDX-License-Identifier: MIT
//
// The packer as a command, alone, and by `socketstream pack` and `start`.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cpSync, existsSync, utimesSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { command, environment, runCommand } from '../e2e/app.mjs';
import { freePort, root } from '../lib/stack.mjs';
import { CLIENT, LAYOUT, asset, makeApp, manifestOf, outputs, read, write } from './app.mjs';

/** @param {string} file @param {string[]} args @param {Record<string, string>} [env] */
const runFile = (file, args, env = {}) => new Promise((resolve) => {
    execFile(file, args, { env: environment(env) }, (error, stdout, stderr) =>
        resolve({ code: error ? error.code : 0, stdout, stderr }));
});

/** @param {...string} args */
const packer = (...args) => runFile(process.execPath, [path.join(root, 'packer/main.mjs'), ...args]);

test('it packs, says what, and ends with 0', async () => {
    const app = makeApp({ ...LAYOUT, ...CLIENT });
    const { code, stdout } = await packer('--app', app);
    assert.equal(code, 0);
    assert.match(stdout, /^packed in \d+ ms: lib-[0-9a-f]+\.js \d+ bytes, app-/m);
    assert.equal(manifestOf(app).development, false);
});

test('a mistake: file, line, code around it, and 1', async () => {
    const app = makeApp({ ...LAYOUT, ...CLIENT, 'app/client/bad.coffee': 'a = 1\nb = (' });
    const { code, stderr } = await packer('--app', app);
    assert.equal(code, 1);
    assert.match(stderr, /^app\/client\/bad\.coffee:2:5: missing \)\n {2}1 \| a = 1\n> 2 \| b = \(\n/m);
    assert.equal(existsSync(path.join(app, 'public')), false);
});

test('an application without client code and views is left alone', async () => {
    const app = makeApp({ 'app/server/x.js': '', 'public/index.html': '<p>mine' });
    const { code, stdout } = await packer('--app', app);
    assert.equal(code, 0);
    assert.match(stdout, /there is nothing to pack/);
    assert.equal(read(app, 'public/index.html'), '<p>mine');
});

for (const args of [[], ['--app'], ['--app', '/tmp', '--unknown'], ['--app', '/tmp', 'word']]) {
    test(`wrong options are told: ${args.join(' ') || 'none'}`, async () => {
        const { code, stderr } = await packer(...args);
        assert.equal(code, 2);
        assert.match(stderr, /usage: node packer\/main\.mjs/);
    });
}

test('socketstream pack packs for production, with the policy of the configuration', async () => {
    const app = makeApp({ ...LAYOUT, ...CLIENT, 'config/app.json': '{"pack": {"csp": "default-src \'self\'"}}' });
    const { code, stdout } = await runCommand(['pack', '--app', app]);
    assert.equal(code, 0);
    assert.match(stdout, /^packed in /m);
    assert.match(read(app, 'public/index.html'), /Content-Security-Policy" content="default-src 'self'"/);
});

for (const base of ['', 'shop', '/shop', 'shop/', '//', '/a b/', '/a/../b/', '/"/', '/ä/']) {
    test(`http.base is no path: "${base}"`, async () => {
        const app = makeApp({ ...LAYOUT, ...CLIENT, 'config/app.json': JSON.stringify({ http: { base } }) });
        for (const name of ['pack', 'start']) {
            const { code, stderr } = await runCommand([name, '--app', app]);
            assert.equal(code, 1);
            assert.match(stderr, /http\.base: ".*" is no path: it begins and ends with a slash/);
        }
    });
}

test('socketstream pack refuses what it does not know', async () => {
    assert.equal((await runCommand(['pack', 'word'])).code, 2);
    const { code, stderr } = await runCommand(['pack', '--app', '/nowhere']);
    assert.equal(code, 1);
    assert.match(stderr, /\/nowhere: No such file/);
});

test('without Node there is a clear error', async () => {
    const app = makeApp({ ...LAYOUT, ...CLIENT });
    const { code, stderr } = await runCommand(['pack', '--app', app], { env: { SS__host__node: 'no-such-node' } });
    assert.equal(code, 1);
    assert.match(stderr, /no-such-node: not found: the packer needs Node 18 or newer/);
});

/** An installation of the packer alone, without npm packages. */
function bareShare() {
    const share = makeApp();
    for (const name of ['packer', 'host', 'package.json']) {
        cpSync(path.join(root, name), path.join(share, name), { recursive: true });
    }
    return share;
}

test('without its npm packages the packer says what to do', async () => {
    const app = makeApp({ ...LAYOUT, ...CLIENT });
    const { code, stderr } = await runCommand(['pack', '--app', app], { env: { SS_SHARE_DIR: bareShare() } });
    assert.equal(code, 1);
    assert.match(stderr, /the packer needs the npm package \S+: run `npm ci --omit=dev` in/);
});

/** Starts for a moment; gives what it said. @param {string} app @param {Record<string, string>} env */
async function start(app, env) {
    const port = await freePort();
    return new Promise((resolve) => {
        const child = execFile(command, ['start', '--app', app, '--port', String(port)],
            { env: environment(env) }, (error, stdout, stderr) => resolve({ code: error?.code ?? 0, stdout, stderr }));
        child.stdout?.on('data', (text) => {
            if (text.includes('ready: ')) child.kill('SIGINT');
        });
    });
}

test('a packed application starts in production without npm packages', async () => {
    const app = makeApp({ ...LAYOUT, ...CLIENT });
    await packer('--app', app);
    const { code, stdout, stderr } = await start(app, { SS_ENV: 'production', SS_SHARE_DIR: bareShare() });
    assert.match(stdout, /^ready: /m);
    assert.doesNotMatch(stderr, /warning/);
    assert.equal(code, 0);
});

for (const [what, spoil, words] of /** @type {[string, (app: string) => void, RegExp][]} */ ([
    ['not packed', (app) => write(app, { 'public/assets/manifest.json': '{}' }), /the assets are not packed.*run `socketstream pack`/],
    ['packed for development', (app) => write(app, { 'public/assets/manifest.json': JSON.stringify({ ...manifestOf(app), development: true }) }),
        /the assets in public\/ are those of development/],
    ['packed by another version', (app) => write(app, { 'public/assets/manifest.json': JSON.stringify({ ...manifestOf(app), version: '0.0.9' }) }),
        /the assets were packed by SocketStream 0\.0\.9/],
])) {
    test(`production does not start an application that is ${what}`, async () => {
        const app = makeApp({ ...LAYOUT, ...CLIENT });
        await packer('--app', app);
        spoil(app);
        const { code, stderr } = await start(app, { SS_ENV: 'production' });
        assert.equal(code, 1);
        assert.match(stderr, words);
    });
}

test('production says when something was changed since the pack, and starts', async () => {
    const app = makeApp({ ...LAYOUT, ...CLIENT, 'app/client/deep/file.js': '' });
    await packer('--app', app);
    const later = Date.now() / 1000 + 60;
    utimesSync(path.join(app, 'app/client/deep/file.js'), later, later);
    const { stdout, stderr } = await start(app, { SS_ENV: 'production' });
    assert.match(stderr, /warning: \S+\/app\/client\/deep\/file\.js was changed after the assets were packed/);
    assert.match(stdout, /^ready: /m);
});

test('in development start packs before it is ready, and leaves nothing behind', async () => {
    const app = makeApp({ ...LAYOUT, ...CLIENT });
    const { code, stdout } = await start(app, { SS_ENV: 'development' });
    assert.equal(code, 0);
    assert.match(stdout, /, packer \d+\), started in/);
    assert.equal(asset(app, 'app.js').includes('init'), true);
    assert.equal(manifestOf(app).development, true);
    for (const name of ['packed', 'packer.pid']) {
        assert.equal(existsSync(path.join(app, '.socketstream', name)), false, name);
    }
});

test('in the environment test start packs, too, and asks nobody to tell pages', async () => {
    const app = makeApp({ ...LAYOUT, ...CLIENT });
    const { code, stdout, stderr } = await start(app, { SS_ENV: 'test' });
    assert.equal(code, 0);
    assert.match(stdout, /, packer \d+\), started in/);
    assert.equal(asset(app, 'app.js').includes('init'), true);
    assert.doesNotMatch(stderr, /does not tell pages/);
});

for (const env of ['development', 'test']) {
    test(`with pack_assets ${env} serves what was packed, like production`, async () => {
        const app = makeApp({ ...LAYOUT, ...CLIENT });
        const { code, stderr } = await start(app, { SS_ENV: env, SS__pack_assets: 'true' });
        assert.equal(code, 1);
        assert.match(stderr, /the assets are not packed/);
    });
}

test('in development a mistake does not keep it from starting', async () => {
    const app = makeApp({ ...LAYOUT, ...CLIENT, 'app/client/bad.js': 'var = 1' });
    const { code, stdout, stderr } = await start(app, { SS_ENV: 'development' });
    assert.equal(code, 0);
    assert.match(stdout, /^ready: /m);
    assert.match(stderr, /app\/client\/bad\.js:1:5: Expected identifier/);
});

test('an application with a page of its own starts without a packer, and keeps its page', async () => {
    const app = makeApp({ 'app/server/.keep': '', 'public/index.html': '<p>mine' });
    const { code, stdout } = await start(app, { SS_ENV: 'development', SS_SHARE_DIR: '/nowhere' });
    assert.equal(code, 0);
    assert.doesNotMatch(stdout, /, packer \d/);
    assert.deepEqual(outputs(app), ['public/index.html']);
});
