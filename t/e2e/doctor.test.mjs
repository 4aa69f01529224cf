// SPDX-License-Identifier: MIT
//
// `socketstream doctor`: a healthy application, and one for each thing that can be wrong.

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import {
    chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import { CLEAN, command, copyNative, environment, freePort, namesIn, root, runCommand, somebody, startApp, until } from './app.mjs';

/** @typedef {{name: string, outcome: string, found: string, remedy: string | null}} Check */
/** @typedef {{application: string, environment: string | null, healthy: boolean, errors: number, warnings: number, checks: Check[]}} Report */

const work = mkdtempSync(path.join(tmpdir(), 'ss-doctor-'));
const freshPort = String(await freePort());
after(() => rmSync(work, { recursive: true, force: true }));

/** What this machine is like is nobody's mistake here. */
const machine = ['backlog', 'disk', 'nr-open', 'open-files', 'watches'];
const isBad = (/** @type {Check} */ one) => one.outcome === 'error' || one.outcome === 'warning';

/** @param {string} dir @param {Record<string, string>} [env] @param {{uid?: number}} [options] */
async function doctor(dir, env, options) {
    const { code, stdout, stderr } = await runCommand(
        ['doctor', '--app', dir, '--json'],
        // One of its own for each: what is free now may be another test's in a while.
        { env: { SS__http__port: String(await freePort()), ...env }, ...options });
    assert.equal(stderr, '');
    /** @type {Report} */
    const report = JSON.parse(stdout);
    assert.equal(code, report.errors ? 1 : 0);
    return report;
}

/** The outcome of one check. @param {Report} report @param {string} name */
const outcome = (report, name) => report.checks.find((one) => one.name === name)?.outcome;

/** All below a folder, with what would tell of a change. @param {string} dir */
const snapshot = (dir) => namesIn(dir).map((name) => {
    const { mtimeMs, mode, size } = statSync(path.join(dir, name));
    return [name, mtimeMs, mode, size];
});

/** @param {string} dir @param {Record<string, string>} files */
function write(dir, files) {
    for (const [name, text] of Object.entries(files)) {
        mkdirSync(path.dirname(path.join(dir, name)), { recursive: true });
        writeFileSync(path.join(dir, name), text);
    }
}

/** The least that is an application. */
function emptyApp() {
    const dir = mkdtempSync(path.join(work, 'app-'));
    mkdirSync(path.join(dir, 'app/server'), { recursive: true });
    return dir;
}

/** A program that says it is of some version, and is `real` for all other questions. @param {string} text
 *  @param {string} [real] */
function impostor(text, real = 'false') {
    const file = path.join(mkdtempSync(path.join(work, 'bin-')), 'program');
    writeFileSync(file, `#!/bin/sh\ncase $1 in\n-V|--version) echo '${text}' ;;\n*) exec "${real}" "$@" ;;\nesac\n`);
    chmodSync(file, 0o755);
    return file;
}

const nginx = environment().SS__nginx__binary;

/**
 * What answers as a Redis would that has these properties.
 * @param {{info?: Record<string, string>, ahead?: number, late?: number, refuses?: boolean, slave?: boolean}} [is]
 */
async function fakeRedis(is = {}) {
    const info = Object.entries({ redis_version: '7.0.15', maxmemory_policy: 'noeviction', aof_enabled: '1', ...is.info })
        .map(([name, value]) => `${name}:${value}\r\n`).join('');
    const answer = (/** @type {string} */ asked) => {
        const seconds = String(Math.floor(Date.now() / 1000) + (is.ahead ?? 0));
        const micros = String((Date.now() % 1000) * 1000);
        if (is.refuses) return '-WRONGPASS invalid username-password pair\r\n';
        if (asked.includes('ROLE')) return `*1\r\n${is.slave ? '$5\r\nslave' : '$6\r\nmaster'}\r\n`;
        if (asked.includes('INFO')) return `$${info.length}\r\n${info}\r\n`;
        if (asked.includes('TIME')) return `*2\r\n$${seconds.length}\r\n${seconds}\r\n$${micros.length}\r\n${micros}\r\n`;
        return '+PONG\r\n';
    };
    const server = createServer((socket) => {
        socket.on('error', () => {});
        socket.on('data', (data) => setTimeout(() => socket.write(answer(String(data))), is.late ?? 0));
    });
    await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
    after(() => server.close());
    return `redis://127.0.0.1:${/** @type {import('node:net').AddressInfo} */ (server.address()).port}/0`;
}

/** What answers as a Sentinel would that watches this master, or none. @param {string} [master] */
async function fakeSentinel(master) {
    const [host, port] = master ? new URL(master).host.split(':') : [];
    const answer = master ? `*2\r\n$${host.length}\r\n${host}\r\n$${port.length}\r\n${port}\r\n` : '*-1\r\n';
    const server = createServer((socket) => socket.on('error', () => {}).on('data', () => socket.write(answer)));
    await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
    after(() => server.close());
    return `127.0.0.1:${/** @type {import('node:net').AddressInfo} */ (server.address()).port}`;
}

/** A certificate that an authority of its own has signed. @param {string} dir */
function signCertificate(dir) {
    const folder = path.join(dir, 'config/ssl_certs');
    mkdirSync(folder, { recursive: true });
    const run = (/** @type {string[]} */ ...args) => execFileSync('openssl', args, { cwd: folder, stdio: 'ignore' });
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
    run('req', '-x509', ...key, '-keyout', '../ca.key', '-out', '../ca.pem', '-subj', '/CN=authority');
    run('req', '-new', ...key, '-keyout', 'site.key.pem', '-out', '../csr.pem', '-subj', '/CN=example.com');
    writeFileSync(path.join(dir, 'config/names'), 'subjectAltName=DNS:example.com\n');
    run('x509', '-req', '-in', '../csr.pem', '-CA', '../ca.pem', '-CAkey', '../ca.key', '-days', '90',
        '-extfile', '../names', '-out', 'site.cert.pem');
    chmodSync(path.join(folder, 'site.key.pem'), 0o600);
}

const https = async (/** @type {Record<string, string>} */ more = {}) => ({
    SS__https__enabled: 'true', SS__https__hostname: '127.0.0.1', SS__https__port: String(await freePort()), ...more,
});
const production = { SS_ENV: 'production' };
const script = { 'app/server/app.js': 'exports.actions = {};\n' };
const native = { 'app/server/app.c': '#include <socketstream.h>\n' };

/**
 * @typedef {{env?: Record<string, string>, uid?: number}} Prepared
 * @typedef {[name: string, outcome: 'error' | 'warning', found: RegExp, remedy: RegExp,
 *     prepare: (dir: string) => Promise<Prepared | void> | Prepared | void]} Row
 */
/** @type {Row[]} */
const rows = [
    ['config', 'error', /^config\/app\.json:1:\d+: .*http\.portt/, /docs\/CONFIGURATION\.md/,
        (dir) => write(dir, { 'config/app.json': '{"http":{"portt":1}}' })],
    ['config', 'error', /^log\.format must be/, /docs\/CONFIGURATION\.md/, () => ({ env: { SS__log__format: 'xml' } })],
    ['environment', 'warning', /"producton"/, /production/, () => ({ env: { SS_ENV: 'producton' } })],
    ['settings', 'warning', /^throw_errors .*; log\.level 4 .*; api\.auth\.basic\.allow_http .*; nginx\.origins /,
        /^set throw_errors to false; .*; name the sites in nginx\.origins/,
        () => ({ env: {
            ...production, SS__throw_errors: 'true', SS__log__level: '4', SS__api__auth__basic__allow_http: 'true',
            SS__nginx__origins: '["any"]',
        } })],
    ['secrets', 'warning', /^config\/app\.json holds redis\.password/, /^chmod o= config\/app\.json$/,
        (dir) => write(dir, { 'config/app.json': '{"redis":{"password":"x"}}' })],
    ['secrets', 'warning', /may read the key config\/ssl_certs\/site\.key\.pem/, /^chmod o= /,
        (dir) => write(dir, { 'config/ssl_certs/site.key.pem': 'x' })],
    ['actions', 'error', /^app\/server\/rpc\.js/, /take another/, (dir) => write(dir, { 'app/server/rpc.js': '' })],
    ['version', 'error', /last ran with SocketStream 99\.0\.0/, /^upgrade SocketStream/,
        (dir) => write(dir, { '.socketstream/version': '99.0.0\n' })],
    ['assets', 'error', /not packed/, /^run `socketstream pack`$/, (dir) => {
        write(dir, { 'app/client/app.js': '' });
        return { env: production };
    }],
    ['assets', 'error', /those of development/, /^run `socketstream pack`$/, (dir) => {
        write(dir, { 'app/client/app.js': '', 'public/assets/manifest.json': '{"version":"0","development":true}' });
        return { env: production };
    }],
    ['certificate', 'error', /site\.key\.pem is missing/, /^the certificate .* is of no use without its key/, async (dir) => {
        write(dir, { 'config/ssl_certs/site.cert.pem': 'x' });
        return { env: await https() };
    }],
    ['certificate', 'error', /is for example\.com, but https\.domain is "example\.org"$/, /^request one for that name/, async (dir) => {
        signCertificate(dir);
        return { env: await https({ ...production, SS__https__domain: 'example.org', SS__https__hsts: '0' }) };
    }],
    ['hsts', 'warning', /ask port \d+ for HTTPS/, /^set http\.port to 80, or https\.hsts to 0$/, async (dir) => {
        signCertificate(dir);
        return { env: await https() };
    }],
    ['nginx', 'error', /1\.18\.0$/, /^install nginx 1\.19\.5 or newer$/, () => ({
        env: { SS__nginx__binary: impostor('nginx version: nginx/1.18.0\nconfigure arguments: --with-http_ssl_module --with-http_v2_module --with-http_realip_module', nginx) },
    })],
    ['nginx-build', 'error', /without http_v2_module$/, /--with-http_v2_module$/, async () => ({
        env: await https({ SS__nginx__binary: impostor('nginx version: nginx/1.22.0\nconfigure arguments: --with-http_ssl_module --with-http_realip_module', nginx) }),
    })],
    ['nginx-module', 'error', /^nginx does not load the module: .*broken\.so/, /^build it anew/, (dir) => {
        write(dir, { 'broken.so': 'x' });
        return { env: { SS__nginx__module: path.join(dir, 'broken.so') } };
    }],
    ['nginx-module', 'error', /^nginx\.module: \/nowhere\.so: No such file or directory$/, /^correct nginx\.module/,
        () => ({ env: { SS__nginx__module: '/nowhere.so' } })],
    ['redis-server', 'error', /5\.0\.14$/, /^install redis-server 6 or newer$/,
        () => ({ env: { SS__redis__binary: impostor('Redis server v=5.0.14 sha=0') } })],
    ['redis-server', 'error', /^no-redis was not found$/, /^install it \(apt-get install redis-server\)/,
        () => ({ env: { SS__redis__binary: 'no-redis' } })],
    ['node', 'error', /16\.20\.2$/, /^install node 18 or newer$/, (dir) => {
        write(dir, script);
        return { env: { SS__host__node: impostor('v16.20.2') } };
    }],
    // Those of Volta and others are links to one program, which asks by what name it is called.
    ['node', 'error', /\/called\/node is 16\.20\.2$/, /^install node 18 or newer$/, (dir) => {
        write(dir, script);
        mkdirSync(path.join(dir, 'called'));
        symlinkSync(impostor('v16.20.2'), path.join(dir, 'called/node'));
        return { env: { SS__host__node: 'node', PATH: `${path.join(dir, 'called')}:${process.env.PATH}` } };
    }],
    ['packages', 'error', /npm package no-such-package is missing/, /npm install/, (dir) => {
        write(dir, { ...script, 'share/package.json': '{"dependencies":{"no-such-package":"1.0.0"}}' });
        return { env: { SS_SHARE_DIR: path.join(dir, 'share') } };
    }],
    ['compiler', 'error', /'no-compiler': No such file/, /^install one/, (dir) => {
        write(dir, native);
        return { env: { CC: 'no-compiler' } };
    }],
    ['redis', 'error', /^127\.0\.0\.1:\d+ does not answer: Connection refused$/, /^start it, or correct redis\.url$/,
        async () => ({ env: { SS__redis__url: `redis://127.0.0.1:${await freePort()}` } })],
    ['redis', 'error', /refuses us: WRONGPASS/, /^correct redis\.username, redis\.password/,
        async () => ({ env: { SS__redis__url: await fakeRedis({ refuses: true }) } })],
    ['redis-sentinels', 'warning', /^1 of 2 know the master 'mymaster'; the one at 127\.0\.0\.1:1 does not answer: Connection refused$/, /^start it, or correct redis\.sentinels$/,
        async () => ({ env: { SS__redis__sentinels: JSON.stringify(['127.0.0.1:1', await fakeSentinel(await fakeRedis())]) } })],
    ['redis-sentinels', 'error', /^0 of 1 know the master 'main'; the one at 127\.0\.0\.1:\d+ does not: it watches no such master$/, /^correct redis\.sentinel_master, or /,
        async () => ({ env: { SS__redis__sentinels: JSON.stringify([await fakeSentinel()]), SS__redis__sentinel_master: 'main' } })],
    ['pubsub-sentinels', 'error', /^0 of 1 know the master 'mymaster'; .* does not answer: Connection refused$/, /^start it, or correct redis_pubsub\.sentinels$/,
        () => ({ env: { SS__redis_pubsub__sentinels: '["127.0.0.1:1"]' } })],
    ['redis', 'error', /^127\.0\.0\.1:1 does not answer: Connection refused$/, /^start it, or wait until the Sentinels name another$/,
        async () => ({ env: { SS__redis__sentinels: JSON.stringify([await fakeSentinel('redis://127.0.0.1:1')]) } })],
    ['redis', 'warning', /^127\.0\.0\.1:\d+ is not ready: it calls itself slave, no master$/, /^wait, /,
        async () => ({ env: { SS__redis__sentinels: JSON.stringify([await fakeSentinel(await fakeRedis({ slave: true }))]) } })],
    ['redis', 'error', /is Redis 5\.0\.7$/, /^upgrade it/,
        async () => ({ env: { SS__redis__url: await fakeRedis({ info: { redis_version: '5.0.7' } }) } })],
    ['redis-memory', 'warning', /allkeys-lru/, /noeviction/,
        async () => ({ env: { SS__redis__url: await fakeRedis({ info: { maxmemory_policy: 'allkeys-lru' } }) } })],
    ['redis-persistence', 'warning', /^appendonly is no/, /^set appendonly yes/,
        async () => ({ env: { ...production, SS__redis__url: await fakeRedis({ info: { aof_enabled: '0' } }) } })],
    ['redis-latency', 'warning', /^PING takes \d+\.\d ms/, /same network/,
        async () => ({ env: { SS__redis__url: await fakeRedis({ late: 40 }) } })],
    ['redis-pubsub', 'error', /does not answer/, /^start it, or correct redis_pubsub\.url$/,
        async () => ({ env: { SS__redis_pubsub__url: `redis://127.0.0.1:${await freePort()}` } })],
    ['clock', 'warning', /^that of Redis is 3[56]\d\d\.\d s ahead of ours$/, /chrony/,
        async () => ({ env: { SS__redis__url: await fakeRedis({ ahead: 3600 }) } })],
    ['http-port', 'error', /^\d+ is in use: .* \(process \d+\) listens there$/, /http\.port$/,
        async () => ({ env: { SS__http__port: new URL(await fakeRedis()).port } })],
    ['http-port', 'error', /^http\.hostname: "" is no address/, /^set http\.hostname/, () => ({ env: { SS__http__hostname: '' } })],
    ['http-port', 'error', /^nobody can listen on 192\.0\.2\.1 .*: Cannot assign requested address$/, /^correct http\.hostname$/,
        () => ({ env: { SS__http__hostname: '192.0.2.1' } })],
    ['https-port', 'error', /are the same$/, /^choose another/, async () => ({ env: await https({ SS__http__port: freshPort, SS__https__port: freshPort }) })],
    ['run-folder', 'error', /\.socketstream is no folder$/, /^remove it$/, (dir) => write(dir, { '.socketstream': '' })],
    ['run-folder', 'error', /^cannot write to .*\.socketstream: Permission denied$/, /^give yourself write access to it$/, (dir) => {
        mkdirSync(path.join(dir, '.socketstream'), { mode: 0o555 });
        return { uid: somebody(dir) };
    }],
    ['socket-mode', 'warning', /^everybody here may connect to .*sidecar\.sock$/, /^chmod o= .*sidecar\.sock$/, async (dir) => {
        const socket = path.join(dir, '.socketstream/sidecar.sock');
        mkdirSync(path.dirname(socket));
        const server = createServer();
        await new Promise((resolve) => server.listen(socket, () => resolve(undefined)));
        after(() => server.close());
        chmodSync(socket, 0o777);
    }],
    ['processes', 'warning', /^its last run, process \d+, was killed$/, /^start it again/, (dir) => {
        const { pid } = spawnSync('true');
        write(dir, { '.socketstream/state.json': JSON.stringify({ pid, nodes: 1 }) });
    }],
];

test('a new application has no error, and its doctor leaves nothing behind', async () => {
    const dir = path.join(work, 'new');
    await runCommand(['new', dir]);
    const before = snapshot(dir);
    const report = await doctor(dir);
    assert.deepEqual(report.checks.filter(isBad).filter(({ name }) => !machine.includes(name)), []);
    assert.deepEqual([report.application, report.environment, report.healthy, report.errors], [dir, 'development', true, 0]);
    assert.deepEqual(snapshot(dir), before);
    assert.ok(await until(() => !readdirSync('/tmp').some((name) => name.startsWith('socketstream-doctor-'))));
});

test('each check has a name of its own, an outcome, what was found, and a remedy where something is wrong', async () => {
    const { checks } = await doctor(emptyApp());
    assert.ok(checks.length >= 15, `${checks.length}`);
    assert.equal(new Set(checks.map(({ name }) => name)).size, checks.length);
    for (const one of checks) {
        assert.deepEqual(Object.keys(one), ['name', 'outcome', 'found', 'remedy']);
        assert.match(one.name, /^[a-z]+(?:-[a-z]+)*$/);
        assert.ok(['ok', 'warning', 'error', 'not applicable'].includes(one.outcome), one.outcome);
        assert.match(one.found, /^[^\n]+$/);
        assert.equal(one.remedy !== null, isBad(one), one.name);
    }
});

test('docs/OPERATIONS.md lists the checks', async () => {
    const text = readFileSync(path.join(root, 'docs/OPERATIONS.md'), 'utf8');
    const [, section] = text.split('### What doctor looks at');
    const listed = [...section.split(/\n##/)[0].matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, name]) => name);
    assert.deepEqual(listed, (await doctor(emptyApp())).checks.map(({ name }) => name));
});

describe('what is wrong', { concurrency: 4 }, () => {
    for (const [name, expected, found, remedy, prepare] of rows) {
        test(`${name}: ${found.source} is its only finding, with what to do`, async () => {
            const dir = emptyApp();
            const { env, uid } = (await prepare(dir)) ?? {};
            const before = snapshot(dir);
            const report = await doctor(dir, env, { uid });
            const bad = report.checks.filter(isBad).filter((one) => !machine.includes(one.name) && !besides(one, name, env));
            assert.deepEqual(bad.map((one) => [one.name, one.outcome]), [[name, expected]], JSON.stringify(bad));
            assert.match(bad[0].found, found);
            assert.match(String(bad[0].remedy), remedy);
            assert.deepEqual(snapshot(dir), before);
        });
    }
});

/** What goes with it: the same Redis is slow for events on a busy machine, nothing else.
 *  @param {Check} one @param {string} name @param {Record<string, string> | undefined} env */
const besides = (one, name, env) => one.name === 'redis-latency' && name !== 'redis-latency'
    && env?.SS__redis__url !== undefined && one.outcome === 'warning';

test('too few open files for worker_connections is an error', () => {
    const { stdout } = spawnSync('sh', ['-c', 'ulimit -n 500; exec "$0" doctor --json', command], {
        cwd: emptyApp(), encoding: 'utf8', env: environment({ SS__nginx__worker_connections: '501', SS__http__port: freshPort }),
    });
    /** @type {Report} */
    const report = JSON.parse(stdout);
    const one = report.checks.find(({ name }) => name === 'open-files');
    assert.equal(one?.outcome, 'error');
    assert.match(String(one?.found), /500 files, but nginx\.worker_connections is 501$/);
    assert.match(String(one?.remedy), /LimitNOFILE/);
});

test('a path too long for sockets is a warning', async () => {
    const dir = path.join(emptyApp(), 'a'.repeat(100));
    mkdirSync(path.join(dir, 'app'), { recursive: true });
    const report = await doctor(dir);
    assert.equal(outcome(report, 'socket-path'), 'warning');
    assert.equal(report.errors, 0);
});

test('a configuration that does not load leaves what needs none to be looked at', async () => {
    const dir = emptyApp();
    write(dir, { 'config/app.json': '{' });
    const { checks, environment: env } = await doctor(dir);
    assert.equal(env, null);
    assert.equal(checks.find(({ name }) => name === 'nginx')?.found, 'not looked at: the configuration does not load');
    assert.equal(checks.find(({ name }) => name === 'disk')?.outcome === 'not applicable', false);
});

test('people get a line for each check, its remedy below, and the sum; nothing in it steers their terminal', async () => {
    const dir = emptyApp();
    write(dir, { 'app/server/bad\u001b[2Jname.js': '' });
    const { code, stdout, stderr } = await runCommand(['doctor'], { cwd: dir, env: { SS__http__port: freshPort } });
    assert.deepEqual([code, stderr], [1, '']);
    const lines = stdout.trimEnd().split('\n');
    const at = lines.findIndex((line) => /^error {11}actions {13}app\/server\/bad/.test(line));
    assert.match(lines[at + 1], /^ {33}-> names of modules/);
    assert.match(lines[at], /bad\\x1[bB]\[2Jname/);
    assert.match(lines[lines.length - 1], /^\d+ ok, \d+ warnings?, 1 error, \d+ not applicable$/);
    assert.doesNotMatch(stdout, /[\u0000-\u0009\u000b-\u001f\u007f]/);
});

test('outside an application it says so', async () => {
    const { code, stdout, stderr } = await runCommand(['doctor', '--app', mkdtempSync(path.join(work, 'none-'))]);
    assert.deepEqual([code, stdout], [1, '']);
    assert.match(stderr, /is no SocketStream application/);
});

test('of what runs it says that it answers; its port is no conflict; what is missing is an error', async () => {
    const dir = copyNative();
    const app = await startApp({ dir });
    const env = { SS__http__port: String(app.port) };
    const report = await doctor(dir, env);
    assert.deepEqual(report.checks.filter(isBad).filter(({ name }) => !machine.includes(name)), []);
    for (const name of ['http-port', 'processes', 'status', 'health', 'socket-mode', 'version', 'compiler']) {
        assert.equal(outcome(report, name), 'ok', name);
    }
    assert.match(String(report.checks.find(({ name }) => name === 'processes')?.found),
        new RegExp(`^process ${app.child.pid}, nginx ${app.nginx()}, sidecar ${app.sidecar()}, redis ${app.redis()}$`));
    const elsewhere = await doctor(dir, { SS__http__port: freshPort }); // as --port has it elsewhere
    assert.match(String(elsewhere.checks.find(({ name }) => name === 'http-port')?.found), new RegExp(`^${app.port} is ours: `));
    assert.equal(outcome(elsewhere, 'status'), 'ok');
    assert.deepEqual(await app.stop(), CLEAN);
});

test('an application that runs without its Redis is not healthy', async () => {
    const dir = copyNative();
    const env = { SS__redis__url: `redis://127.0.0.1:${await freePort()}` };
    const app = await startApp({ dir, env });
    const report = await doctor(dir, { ...env, SS__http__port: String(app.port) });
    assert.deepEqual(report.checks.filter(({ outcome: is }) => is === 'error').map(({ name }) => name), ['redis', 'health']);
    assert.match(String(report.checks.find(({ name }) => name === 'health')?.remedy), /Redis/);
    assert.deepEqual(await app.stop(), CLEAN);
});
