// SPDX-License-Identifier: MIT
//
// The Debian packages where nothing of this machine is: built, looked at by lintian, installed in a
// new minimal Debian 12, used as an operator uses them, and purged.
//
// There is no systemd in a chroot: what its unit would run is taken from the unit and run by hand.

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
    chownSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { promisify } from 'node:util';
import { WebSocket } from 'ws';
import { freePort, root, until } from '../lib/stack.mjs';

const run = promisify(execFile);
const MIRROR = process.env.SS_TEST_MIRROR ?? 'http://deb.debian.org/debian';
const onPath = (/** @type {string} */ name) =>
    ['/usr/sbin', '/usr/bin', '/sbin', '/bin'].some((dir) => existsSync(path.join(dir, name)));
const lacks = ['debootstrap', 'lintian', 'dpkg-buildpackage', 'dh', 'dh_nginx'].find((name) => !onPath(name));

/** Why it cannot run here, or false. */
const skip = process.getuid?.() !== 0 ? 'needs root' : lacks ? `${lacks} is missing` : false;

const dir = skip ? '' : mkdtempSync(path.join(tmpdir(), 'ss-debian-'));
const system = path.join(dir, 'system');
const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: '/root', LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' };
/** Proxies are this machine's way to the mirror. */
const proxies = Object.fromEntries(Object.entries(process.env).filter(([name]) => /_proxy$/i.test(name)));

/** @param {string} command @param {string[]} args @param {Record<string, string>} [more] */
const inside = (command, args, more = {}) =>
    run('chroot', [system, command, ...args], { env: { ...env, ...proxies, ...more }, maxBuffer: 1 << 26 });
const apt = (/** @type {string[]} */ ...args) => inside('apt-get', ['-q', '-y', '--no-install-recommends', ...args]);

/** What dpkg, apt and a running nginx keep for themselves, and what comes and goes by itself. */
const apart = /^\/(?:proc|sys|dev|tmp|run|root)(?:\/|$)|^\/var\/(?:cache|lib\/(?:dpkg|apt|nginx)|log\/(?:apt|dpkg\.log|alternatives\.log))(?:\/|$)/;

async function files() {
    const { stdout } = await inside('find', ['/', '-xdev']);
    return stdout.split('\n').filter((name) => name && !apart.test(name)).sort();
}

after(async () => {
    if (dir) {
        await run('umount', [path.join(system, 'proc')]).catch(() => {});
        rmSync(dir, { recursive: true, force: true });
    }
});

test('the packages are built, and lintian finds no error', { skip }, async () => {
    await run(path.join(root, 'scripts/package'), ['--lint'], { maxBuffer: 1 << 26 });
});

test('a minimal Debian 12 gets what the packages depend on', { skip }, async () => {
    await run('debootstrap', ['--variant=minbase', 'bookworm', system, MIRROR], { maxBuffer: 1 << 26 });
    if (existsSync('/etc/apt/apt.conf.d')) {
        cpSync('/etc/apt/apt.conf.d', path.join(system, 'etc/apt/apt.conf.d'), { recursive: true });
    }
    writeFileSync(path.join(system, 'usr/sbin/policy-rc.d'), '#!/bin/sh\nexit 101\n', { mode: 0o755 });
    await run('mount', ['-t', 'proc', 'proc', path.join(system, 'proc')]);
    await apt('update');
    const { stdout } = await run('sh', ['-c', 'dpkg-deb -f "$0"/socketstream_*.deb Depends', path.join(root, 'build/deb')]);
    const names = stdout.split(',').map((one) => one.trim().split(' ')[0]);
    await apt('install', 'nginx', 'redis-server', ...names);
});

/** @type {string[]} */
let before;

test('they install with what is there', { skip }, async (t) => {
    before = await files();
    for (const name of readdirSync(path.join(root, 'build/deb'))) {
        if (name.endsWith('.deb') && !name.includes('dbgsym')) {
            cpSync(path.join(root, 'build/deb', name), path.join(system, 'tmp', name));
        }
    }
    const debs = readdirSync(path.join(system, 'tmp')).filter((name) => name.endsWith('.deb'));
    const started = Date.now();
    const { stdout } = await apt('install', ...debs.map((name) => `/tmp/${name}`));
    assert.match(stdout, /0 upgraded, 2 newly installed/);
    t.diagnostic(`installed in ${Date.now() - started} ms: ${(await files()).length - before.length} files, `
        + debs.map((name) => `${name} ${statSync(path.join(system, 'tmp', name)).size} bytes`).join(', '));
    const link = '/etc/nginx/modules-enabled/50-mod-http-socketstream.conf';
    assert.ok((await files()).includes(link));
});

/** What a unit runs, as systemd fills it in. @param {string} name @param {string} letter */
function commandOf(name, letter) {
    const unit = readFileSync(path.join(system, `lib/systemd/system/socketstream-${letter}@.service`), 'utf8');
    const [, line] = /** @type {RegExpExecArray} */ (/^ExecStart=(.*)$/m.exec(unit));
    return line.replaceAll('%i', name).replaceAll('%j', letter).replace('${SS_APP}', `/srv/${name}`).split(' ');
}

/** @param {string} name of a user or group @param {string} file */
const numberOf = (name, file) =>
    Number(new RegExp(`^${name}:[^:]*:(\\d+)`, 'm').exec(readFileSync(path.join(system, 'etc', file), 'utf8'))?.[1]);

/** @param {number} port @param {any} message */
async function ask(port, message) {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/socketstream`);
    await once(socket, 'open');
    socket.send(JSON.stringify(message));
    const [data] = await once(socket, 'message');
    socket.terminate();
    return JSON.parse(String(data));
}

test('a new application is served by nginx and the sidecar, as the unit starts it', { skip }, async (t) => {
    await inside('socketstream', ['new', '/srv/hello']);
    await inside('socketstream', ['pack', '--app', '/srv/hello'], { SS_ENV: 'production' });
    for (const folder of ['run/socketstream/hello', 'var/log/socketstream/hello']) {
        mkdirSync(path.join(system, folder), { recursive: true });
        chownSync(path.join(system, folder), numberOf('socketstream', 'passwd'), numberOf('socketstream', 'group'));
    }
    const port = await freePort();
    const example = readFileSync(path.join(system, 'usr/share/doc/socketstream/examples/minimal.conf'), 'utf8');
    writeFileSync(path.join(system, 'srv/nginx.conf'), example
        .replace(/^load_module .*$/m, 'include /etc/nginx/modules-enabled/*.conf;\nuser www-data; pid /srv/nginx.pid; error_log /srv/error.log;')
        .replace('http {', 'http { access_log off;')
        .replaceAll('/run/socketstream/sidecar.sock', '/run/socketstream/hello/a.sock')
        .replaceAll('/srv/app/', '/srv/hello/').replace('listen 80;', `listen 127.0.0.1:${port};`));
    const started = Date.now();
    const sidecar = spawn('chroot', [
        '--userspec=socketstream:socketstream', `--groups=${numberOf('www-data', 'group')}`, system, ...commandOf('hello', 'a'),
    ], { env: { ...env, SS_ENV: 'production' }, stdio: 'ignore' });
    const nginx = spawn('chroot', [system, 'nginx', '-c', '/srv/nginx.conf', '-g', 'daemon off;'], { env, stdio: 'ignore' });
    try {
        const url = `http://127.0.0.1:${port}/`;
        assert.ok(await until(() => existsSync(path.join(system, 'run/socketstream/hello/a.sock'))
            && existsSync(path.join(system, 'srv/nginx.pid')), 20000), 'it does not start');
        const page = await (await fetch(url)).text();
        assert.match(page, /<h1>It works<\/h1>/);
        const [, script] = /** @type {RegExpExecArray} */ (/<script src="\/([^"]+)"/.exec(page));
        assert.equal((await fetch(url + script)).status, 200);
        const answer = await ask(port, { jsonrpc: '2.0', id: 1, method: 'app.square', params: [25] });
        assert.equal(answer.result, 625);
        t.diagnostic(`page and WebSocket served ${Date.now() - started} ms after the start`);
        // In production it says nothing while all is well.
        assert.equal(readFileSync(path.join(system, 'var/log/socketstream/hello/a.log'), 'utf8'), '');
    } finally {
        const ended = [sidecar, nginx].map((child) => child.exitCode ?? once(child, 'exit'));
        sidecar.kill('SIGTERM');
        nginx.kill('SIGQUIT');
        await Promise.all(ended);
    }
});

test('socketstream start runs one, with a Redis of its own', { skip }, async (t) => {
    const port = await freePort();
    const child = spawn('chroot', [system, 'socketstream', 'start', '--app', '/srv/hello', '--port', `${port}`], { env });
    let said = '';
    child.stdout.on('data', (data) => (said += data));
    child.stderr.on('data', (data) => (said += data));
    const ended = once(child, 'exit');
    assert.ok(await until(() => /^ready: /m.test(said) || child.exitCode !== null, 60000), said);
    t.diagnostic(/^.*started in.*$/m.exec(said)?.[0] ?? said);
    const answer = await ask(port, { jsonrpc: '2.0', id: 1, method: 'app.square', params: [9] });
    child.kill('SIGTERM');
    assert.deepEqual(await ended, [0, null], said);
    assert.equal(answer.result, 81);
    for (const name of readdirSync(path.join(system, 'srv'))) {
        rmSync(path.join(system, 'srv', name), { recursive: true });
    }
});

test('purged, they leave nothing but a user', { skip }, async () => {
    writeFileSync(path.join(system, 'etc/socketstream/hello.conf'), 'SS_APP=/srv/hello\n');
    await apt('purge', 'socketstream', 'libnginx-mod-http-socketstream');
    const left = await files();
    assert.deepEqual(left.filter((name) => !before.includes(name)), []);
    assert.deepEqual(before.filter((name) => !left.includes(name)), []);
});
