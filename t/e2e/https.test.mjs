// SPDX-License-Identifier: MIT
//
// HTTPS: certificates from the first, self-signed one to one of an authority, who is redirected
// where, and what TLS changes for sockets, cookies and pages.

import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { request as plainRequest } from 'node:http';
import { request as secureRequest } from 'node:https';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { connect } from 'node:tls';
import { promisify } from 'node:util';
import { WebSocket } from 'ws';
import {
    CLEAN, ask, command, copyNative, environment, freePort, read, runCommand, startApp, until,
} from './app.mjs';
import { launch, skip } from './chromium.mjs';

const run = promisify(execFile);
const square = '{"jsonrpc":"2.0","id":1,"method":"native.square","params":[25]}';
const answer = '{"jsonrpc":"2.0","id":1,"result":625}';

const dir = copyNative();
const authority = mkdtempSync(path.join(tmpdir(), 'ss-ca-'));
const caFile = path.join(authority, 'ca.pem');
/** @type {Awaited<ReturnType<typeof startApp>>} */
let app;
/** @type {number} */
let port;
let tlsPort = 0;

const https = (/** @type {Record<string, string>} */ more = {}) => ({
    SS__https__enabled: 'true', SS__https__hostname: '127.0.0.1', SS__https__port: String(tlsPort), ...more,
});

before(async () => {
    port = await freePort(2);
    tlsPort = port + 1;
    mkdirSync(path.join(dir, 'public/.well-known/acme-challenge'), { recursive: true });
    writeFileSync(path.join(dir, 'public/.well-known/acme-challenge/token'), 'proof');
    app = await startApp({ dir, port, env: https({ SS__https__domain: 'localhost' }) });
    execFileSync('openssl', [
        'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '40',
        '-subj', '/CN=Test authority', '-keyout', path.join(authority, 'ca.key'), '-out', caFile,
    ], { stdio: 'pipe' });
});
after(async () => {
    assert.deepEqual(await app.stop(), CLEAN);
    rmSync(authority, { recursive: true });
});

/** @typedef {{tls?: boolean, host?: string, method?: string, port?: number}} How */

/** Asks as a client that believes anybody. @param {string} where @param {How} [how] */
async function get(where, { tls = false, host = 'localhost', method = 'GET', port: other } = {}) {
    const request = (tls ? secureRequest : plainRequest)({
        host: '127.0.0.1', port: other ?? (tls ? tlsPort : port), path: where, method,
        headers: { host: `${host}:${tls ? tlsPort : port}`, 'content-type': 'application/json' }, agent: false, rejectUnauthorized: false,
    });
    request.end(method === 'POST' ? '[25]' : undefined);
    const [response] = await once(request, 'response');
    let text = '';
    for await (const piece of response) text += piece;
    return { status: response.statusCode, headers: response.headers, location: response.headers.location, text };
}

/** The certificate that nginx shows, and the connection. @param {any} [options] */
async function handshake(options = {}) {
    const socket = connect({ host: '127.0.0.1', port: tlsPort, servername: 'localhost', rejectUnauthorized: false, ...options });
    await once(socket, 'secureConnect');
    const found = {
        certificate: socket.getPeerCertificate(), protocol: socket.getProtocol(), alpn: socket.alpnProtocol,
        authorized: socket.authorized,
    };
    socket.destroy();
    return found;
}

/** @param {any} [options] @param {number} [other] */
async function secureSocket(options = {}, other = tlsPort) {
    const socket = new WebSocket(`wss://localhost:${other}/socketstream`, 'socketstream',
        { family: 4, rejectUnauthorized: false, ...options });
    const upgrade = once(socket, 'upgrade');
    await once(socket, 'open');
    const [response] = await upgrade;
    return { socket, cookie: String(response.headers['set-cookie']) };
}

test('without a certificate one is made, kept for its owner only, and said', async () => {
    const key = path.join(dir, '.socketstream/ssl/self-signed.key.pem');
    assert.equal(statSync(key).mode & 0o777, 0o600);
    assert.match(app.output.stdout, /^https: \S+\/self-signed\.cert\.pem for localhost, 127\.0\.0\.1, ::1.*, until \d{4}-\d\d-\d\d; self-signed/m);
    assert.match(app.output.stdout, new RegExp(`^ready: https://localhost:${tlsPort}/$`, 'm'));
    const { certificate } = await handshake();
    assert.match(String(certificate.subjectaltname), /DNS:localhost, IP Address:127\.0\.0\.1, IP Address:0:0:0:0:0:0:0:1/);
    const lifetime = Date.parse(certificate.valid_to) - Date.parse(certificate.valid_from);
    assert.ok(lifetime <= 825 * 86400_000, `${lifetime / 86400_000} days`);
});

test('TLS 1.2 and 1.3 are spoken, and nothing older', async () => {
    const version = (/** @type {string} */ flag) => {
        const client = run('openssl', [
            's_client', '-connect', `127.0.0.1:${tlsPort}`, '-brief', flag, '-cipher', 'DEFAULT:@SECLEVEL=0',
        ]);
        client.child.stdin?.end();
        return client.then(({ stderr }) => /Protocol version: (\S+)/.exec(stderr)?.[1], () => 'none');
    };
    assert.deepEqual(await Promise.all(['-tls1_1', '-tls1_2', '-tls1_3'].map(version)), ['none', 'TLSv1.2', 'TLSv1.3']);
    assert.equal((await handshake({ ALPNProtocols: ['h2', 'http/1.1'] })).alpn, 'h2');
    assert.equal((await handshake({ ALPNProtocols: ['http/1.1'] })).alpn, 'http/1.1');
});

test('a client that comes again resumes its session, and no ticket is given out', async () => {
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3']) {
        const options = { host: '127.0.0.1', port: tlsPort, rejectUnauthorized: false, maxVersion: /** @type {any} */ (maxVersion) };
        const first = connect(options);
        first.write('GET /socketstream/status HTTP/1.0\r\n\r\n'); // TLS 1.3 tells the session behind the handshake
        first.resume();
        const [session] = await once(first, 'session');
        assert.equal(maxVersion === 'TLSv1.2' ? first.getTLSTicket() : undefined, undefined);
        first.destroy();
        const second = connect({ ...options, session });
        await once(second, 'secureConnect');
        assert.equal(second.isSessionReused(), true, maxVersion);
        second.destroy();
    }
});

test('pages and the API come over HTTP/2', async () => {
    for (const [where, type] of [['', 'text/html'], ['api/native/square?25', 'application/json']]) {
        const { stdout } = await run('curl', ['-sk', '--http2', '-o', path.join(authority, 'body'),
            '-w', '%{http_version} %{http_code} %{content_type}', `https://localhost:${tlsPort}/${where}`]);
        assert.match(stdout, new RegExp(`^2 200 ${type}`));
    }
});

/** What becomes of requests over plain HTTP, and over TLS by another name: [host, path, tls, where to]. */
const table = /** @type {[string, string, boolean, string | number][]} */ ([
    ['localhost', '/', false, '/'],
    ['localhost', '/a%20b/c?d=e&f', false, '/a%20b/c?d=e&f'],
    ['elsewhere.example', '/page', false, '/page'],
    ['localhost', '/apis/x', false, '/apis/x'],
    ['localhost', '/socketstream', false, '/socketstream'],
    ['127.0.0.1', '/', true, '/'],
    ['elsewhere.example', '/a?b', true, '/a?b'],
    ['localhost', '/', true, 200],
    ['localhost', '/api/native/square?25', false, 200],
    ['localhost', '/api', false, 200],
    ['elsewhere.example', '/api', true, 200],
    ['elsewhere.example', '/api/native/square?25', false, 200],
    ['elsewhere.example', '/api/native/square?25', true, 200],
    ['localhost', '/.well-known/acme-challenge/token', false, 200],
    ['elsewhere.example', '/.well-known/acme-challenge/token', true, 200],
    ['127.0.0.1', '/socketstream/status', false, 200],
    ['127.0.0.1', '/socketstream/status', true, 200],
]);

/** @param {number} status of redirects */
async function assertTable(status) {
    for (const [host, where, tls, expected] of table) {
        const label = `${tls ? 'https' : 'http'}://${host}${where}`;
        const found = await get(where, { host, tls });
        if (typeof expected === 'number') {
            assert.equal(found.status, expected, label);
        } else {
            assert.equal(found.status, status, label);
            assert.equal(found.location, `https://localhost:${tlsPort}${expected}`, label);
        }
    }
}

test('everything but the API is redirected to HTTPS and to the domain, for now', async () => {
    await assertTable(307);
    assert.equal((await get('/api/native/square', { method: 'POST' })).text, '625');
    assert.equal((await get('/form', { method: 'POST' })).status, 307, 'which keeps method and body');
    for (const tls of [false, true]) {
        assert.equal((await get('/.well-known/acme-challenge/token', { tls })).text, 'proof');
        assert.equal((await get('/.well-known/acme-challenge/other', { tls, host: 'elsewhere.example' })).status, 404);
    }
});

test('wss:// has the cookie that only TLS can set', async () => {
    const { socket, cookie } = await secureSocket();
    const opened = once(socket, 'message'); // system.init
    assert.match(cookie, /^__Host-ss_session=[\w-]{60}; Path=\/; .*Secure/);
    await opened;
    assert.equal(await ask(socket, square), answer);
    socket.terminate();
});

test('browsers are not held to HTTPS by a certificate that nobody signed', async () => {
    assert.equal((await get('/', { tls: true })).headers['strict-transport-security'], undefined);
});

test('a page and its socket share one address in Chromium', { skip }, async () => {
    const browser = await launch();
    try {
        const context = await browser.newContext({ ignoreHTTPSErrors: true });
        const page = await context.newPage();
        await page.goto(`http://127.0.0.1:${port}/`); // redirected
        assert.equal(page.url(), `https://localhost:${tlsPort}/`);
        const found = await page.evaluate((message) => new Promise((resolve, reject) => {
            const socket = new WebSocket(`wss://${location.host}/socketstream`);
            socket.onopen = () => socket.send(message);
            socket.onmessage = ({ data }) => resolve(data);
            socket.onerror = () => reject(new Error('no socket'));
        }), square);
        assert.equal(found, answer);
        const [entry] = JSON.parse(await page.evaluate(() => JSON.stringify(performance.getEntriesByType('navigation'))));
        assert.equal(entry.nextHopProtocol, 'h2');
        const cookies = (await context.cookies()).map(({ name, secure, httpOnly }) => ({ name, secure, httpOnly }));
        assert.deepEqual(cookies, [{ name: '__Host-ss_session', secure: true, httpOnly: true }]);
    } finally {
        await browser.close();
    }
});

test('a broken certificate does not replace the one in use', async () => {
    const made = await runCommand(['certs', 'self-signed', '--app', dir, 'localhost']);
    assert.equal(made.code, 0, made.stderr);
    const key = path.join(dir, 'config/ssl_certs/site.key.pem');
    const good = read(key);
    writeFileSync(key, 'not a key');
    app.child.kill('SIGHUP');
    assert.ok(await until(() => /site\.key\.pem: there is no private key.*\n.*former certificate stays/.test(app.output.stderr)), app.output.stderr);
    assert.equal((await get('/', { tls: true })).status, 200);
    const checked = await runCommand(['certs', 'check', '--app', dir, '--json']);
    assert.equal(checked.code, 1);
    assert.match(JSON.parse(checked.stdout).problem, /^config\/ssl_certs\/site\.key\.pem: there is no private key/);
    const again = await runCommand(['certs', 'key', '--app', dir]);
    assert.deepEqual([again.code, read(key)], [1, 'not a key']);
    writeFileSync(key, good, { mode: 0o600 });
    rmSync(path.join(dir, 'config/ssl_certs/site.cert.pem'));
});

test('one of an authority takes its place at SIGHUP: redirects and HTTPS are remembered then', async () => {
    const names = Array.from({ length: 100 }, (_, i) => `n${i}.example`);
    const many = await runCommand(['certs', 'request', '--app', dir, 'localhost', ...names]);
    assert.equal(many.code, 2);
    assert.match(many.stderr, /: "n99\.example" is one argument too many;/);
    const asked = await runCommand(['certs', 'request', '--app', dir, 'localhost', ...names.slice(1)]);
    assert.equal(asked.code, 0, asked.stderr);
    const folder = path.join(dir, 'config/ssl_certs');
    execFileSync('openssl', [
        'x509', '-req', '-in', `${folder}/site.csr.pem`, '-CA', caFile, '-CAkey', `${authority}/ca.key`, '-CAcreateserial',
        '-copy_extensions', 'copy', '-days', '60', '-out', `${folder}/site.cert.pem`,
    ], { stdio: 'pipe' });
    writeFileSync(`${folder}/site.ca.pem`, read(caFile));
    app.child.kill('SIGHUP');
    const ca = readFileSync(caFile);
    assert.ok(await until(async () => (await handshake({ ca })).authorized), 'it is in use');
    await until(async () => (await get('/')).status === 308); // an old worker may still answer once
    await assertTable(308);
    for (const where of ['/', '/missing.png', '/api/native/square?25']) {
        assert.equal((await get(where, { tls: true })).headers['strict-transport-security'], 'max-age=15552000', where);
        assert.equal((await get(where)).headers['strict-transport-security'], undefined, 'not over plain HTTP');
    }
    const { socket } = await secureSocket({ ca, rejectUnauthorized: true });
    socket.terminate();

    // The same certificate by `certs check`.
    const good = await runCommand(['certs', 'check', '--app', dir, '--json']);
    const { names: found, issuer, days_left: left, due, problem } = JSON.parse(good.stdout);
    assert.ok(left === 59 || left === 60, `${left} days`);
    assert.deepEqual({ code: good.code, found, issuer, due, problem }, {
        code: 0, found: ['localhost', ...names.slice(1)], issuer: 'CN=Test authority', due: false, problem: null,
    });
    const soon = await runCommand(['certs', 'check', '--app', dir, '--days', '61']);
    assert.equal(soon.code, 1);
    assert.match(soon.stderr, /site\.cert\.pem expires in (?:59|60) days: renew it/);
    assert.match(soon.stdout, /^names: {2}localhost, n1\.example,.*\nissuer: CN=Test authority$/ms);
    const recipe = (await runCommand(['certs', 'acme', '--app', dir], { env: { SS_ENV: 'staging' } })).stdout;
    assert.match(recipe, /certbot certonly --webroot .* -d www\.example\.com/);
    assert.match(recipe, /^SS_ENV=staging socketstream certs check /m, 'cron has no SS_ENV');
});

test('HTTP/2 is asked for in the words of the nginx that is there', async () => {
    const stub = path.join(authority, 'nginx');
    /** The lines with http2, for an nginx of that version. @param {string} version */
    const words = async (version) => {
        writeFileSync(stub, `#!/bin/sh\necho 'nginx version: nginx/${version}' >&2\n`, { mode: 0o755 });
        const { stdout } = await runCommand(['start', '--app', dir, '--print-nginx-conf'],
            { env: https({ SS__https__redirect_http: 'false', SS__https__ensure_domain: 'false', SS__nginx__binary: stub }) });
        return stdout.split('\n').filter((line) => line.includes('http2')).map((line) => line.trim());
    };
    assert.deepEqual(await words('1.22.1'), [`listen "127.0.0.1:${tlsPort}" ssl http2;`]);
    assert.deepEqual(await words('1.25.0'), [`listen "127.0.0.1:${tlsPort}" ssl http2;`]);
    assert.deepEqual(await words('1.25.1'), ['http2 on;']);
    assert.deepEqual(await words('1.26.3 (Debian)'), ['http2 on;']);
});

test('--print-nginx-conf prints what nginx takes from anywhere, and starts nothing', async () => {
    const printed = await runCommand(['start', '--app', dir, '--print-nginx-conf'], { env: https() });
    assert.equal(printed.code, 0, printed.stderr);
    assert.match(printed.stdout, new RegExp(`ssl_certificate_key "${dir}/config/ssl_certs/site.key.pem";`));
    const file = path.join(authority, 'nginx.conf');
    // The tests' nginx may not be where pid files belong.
    writeFileSync(file, `pid ${authority}/nginx.pid;\n${printed.stdout}`);
    const { stderr } = await run(String(environment().SS__nginx__binary), ['-t', '-e', 'stderr', '-p', authority, '-c', file]);
    assert.match(stderr, /test is successful/);
    assert.doesNotMatch(stderr, /\[(?:warn|error|alert|emerg)\]/);
    const apis = (/** @type {string} */ text) => text.match(/socketstream_api sidecars/g)?.length;
    const only = await runCommand(['start', '--app', dir, '--print-nginx-conf'], { env: https({ SS__api__https_only: 'true' }) });
    assert.deepEqual([apis(printed.stdout), apis(only.stdout)], [4, 2], 'the API is redirected, too, when it is told so');
    const nodes = await runCommand(['start', '--app', dir, '--print-nginx-conf', '--nodes', '2']);
    assert.equal(nodes.code, 2);
    assert.match(nodes.stderr, /prints that of one node/);
});

test('ports that cannot be are told, with their key', async () => {
    const own = copyNative();
    const same = await runCommand(['start', '--app', own, '--port', String(tlsPort)], { env: https() });
    assert.match(same.stderr, /^socketstream: https\.port must be another than http\.port/m);
    const taken = await runCommand(['start', '--app', own, '--port', String(await freePort())], { env: https() });
    assert.match(taken.stderr, new RegExp(`^socketstream: port ${tlsPort} is in use: .* with https\\.port$`, 'm'));
    assert.deepEqual([same.code, taken.code], [1, 1]);
    rmSync(own, { recursive: true });
});

/** Whoever may bind to it cannot see what others are told. */
const mayBind = Number(read('/proc/sys/net/ipv4/ip_unprivileged_port_start')) <= 443;

test('a port that needs privileges is told with the ways to get them', { skip: mayBind }, async () => {
    const own = copyNative();
    const without = process.getuid?.() === 0
        ? ['setpriv', '--bounding-set', '-net_bind_service', '--inh-caps', '-net_bind_service'] : ['env'];
    const found = await run(without[0], [
        ...without.slice(1), command, 'start', '--app', own, '--port', String(await freePort()),
    ], { env: environment(https({ SS__https__port: '443' })) }).catch((error) => error);
    assert.equal(found.code, 1);
    assert.match(found.stderr, /^socketstream: port 443 needs privileges: .*https\.port.*setcap.*ip_unprivileged_port_start=443$/m);
    rmSync(own, { recursive: true });
});

test('with both redirects off both serve, but the API as it is told', async () => {
    const first = await freePort(2);
    const other = await startApp({
        port: first,
        env: {
            ...https({ SS__https__port: String(first + 1), SS__https__domain: 'localhost' }),
            SS__https__redirect_http: 'false', SS__https__ensure_domain: 'false', SS__https__http2: 'false',
            SS__api__https_only: 'true',
        },
    });
    const seen = [];
    for (const where of ['/', '/api/native/square?25']) {
        seen.push((await get(where, { port: first })).status);
        seen.push((await get(where, { port: first + 1, tls: true, host: 'elsewhere.example' })).status);
    }
    const alpn = (await handshake({ port: first + 1, ALPNProtocols: ['h2', 'http/1.1'] })).alpn;
    assert.deepEqual(await other.stop(), CLEAN);
    assert.deepEqual(seen, [200, 200, 403, 200]);
    assert.equal(alpn, 'http/1.1');
});

test('several nodes have TLS at the balancer, and know that their clients do', async () => {
    const first = await freePort(4);
    const secure = first + 3;
    const nodes = await startApp({ port: first, args: ['--nodes', '2'], env: https({ SS__https__port: String(secure) }) });
    for (const node of [1, 2]) {
        const { socket, cookie } = await secureSocket({ origin: `https://localhost:${secure}` }, secure);
        assert.match(cookie, /^__Host-ss_session=/, `socket ${node}`);
        socket.terminate();
    }
    const page = await get('/some', { port: first });
    const api = await get('/api/native/square?25', { port: first });
    const tls = await get('/', { port: secure, tls: true });
    const before = (await handshake({ port: secure })).certificate.fingerprint;
    await runCommand(['certs', 'self-signed', '--app', nodes.dir, 'localhost']);
    nodes.child.kill('SIGHUP');
    const renewed = await until(async () => (await handshake({ port: secure })).certificate.fingerprint !== before);
    assert.deepEqual(await nodes.stop(), CLEAN);
    assert.ok(renewed, 'SIGHUP renews it at the balancer');
    assert.deepEqual([page.status, page.location], [307, `https://localhost:${secure}/some`]);
    assert.deepEqual([api.status, api.text], [200, '625']);
    assert.match(tls.text, /<h1>SocketStream/);
});
