// SPDX-License-Identifier: MIT
//
// Middleware from npm, and some of its own, in front of page, assets and API: `socketstream start`
// with an Express application as config/http.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { CLEAN, ask, copyNative, openSocket, root, runCommand, startApp, until } from './app.mjs';

const TIMEOUT_S = 3; // of actions, and so of middleware

const middleware = (/** @type {string} */ version) => `
    const express = require('express');
    const app = express();
    app.use((request, response, next) => {
        response.set('X-Version', '${version}');
        response.append('Set-Cookie', 'one=1');
        response.append('Set-Cookie', 'two=2');
        next();
    });
    app.use(require('helmet')(), require('cors')(), require('compression')(), express.json());
    app.get('/answer', (request, response) => response.json({ ip: request.ip, host: request.hostname, protocol: request.protocol }));
    app.get('/latin', (request, response) => {
        response.writeEarlyHints?.({ link: '</a.css>; rel=preload' });
        response.setHeader('Content-Type', 'text/html');
        response.end(Buffer.from('caf\\u00e9', 'latin1'));
    });
    app.get('/long', (request, response) => response.type('text').send('long '.repeat(2000)));
    app.get('/stream', (request, response) => {
        response.type('text/event-stream').write('data: 1\\n\\n');
        response.flush();
        app.once('go', () => response.end('data: 2\\n\\n'));
    });
    app.get('/go', (request, response) => { app.emit('go'); response.end(); });
    app.get('/cached.txt', (request, response, next) => { response.set('Cache-Control', 'private'); next(); });
    app.get('/old.png', (request, response, next) => { request.url = '/file.txt'; next(); });
    app.get('/square/:n', (request, response, next) => { request.url = '/api/app/square?' + request.params.n; next(); });
    app.get('/moved', (request, response, next) => { request.url = '/dir?x=1'; next(); });
    app.get('/long-header/:n', (request, response, next) => { response.set('X-Long', 'x'.repeat(request.params.n)); next(); });
    app.get('/up', (request, response, next) => { request.url = '/%2e%2e/config/http.js'; next(); });
    app.get('/never', () => {});
    app.get('/throw', async () => { throw new Error('thrown in Express'); });
    app.use('/private', (request, response) => response.status(403).end());
    exports.call = app;`;

/** @param {Record<string, string>} files */
function write(files) {
    const dir = mkdtempSync(path.join(tmpdir(), 'ss-e2e-'));
    for (const [name, text] of Object.entries(files)) {
        mkdirSync(path.dirname(path.join(dir, name)), { recursive: true });
        writeFileSync(path.join(dir, name), text);
    }
    symlinkSync(path.join(root, 'node_modules'), path.join(dir, 'node_modules'));
    return dir;
}

const files = {
    'app/server/app.js': 'exports.actions = { square(n, cb) { cb(n * n); }, echo(value, cb) { cb(value); } };',
    'config/app.json': '{}',
    'config/http.js': middleware('1'),
    'public/index.html': '<h1>The page</h1>\n',
    'public/file.txt': 'the file\n',
    'public/cached.txt': 'cached\n',
    'public/private/secret.txt': 'secret\n',
    'public/dir/index.html': '<h1>Below</h1>\n',
    'static/error/index.html': '<h1>Our error</h1>\n',
    'static/offline/index.html': '<h1>We are offline</h1>\n',
};
/** As a browser that navigates. */
const navigating = { headers: { Accept: 'text/html,application/xhtml+xml,*/*;q=0.8' } };

describe('middleware', () => {
    const dir = write(files);
    /** @type {Awaited<ReturnType<typeof startApp>>} */
    let app;
    /** @type {Promise<{status: number}>} */
    let never;
    /** @param {string} where @param {RequestInit} [options] */
    const get = async (where, options) => {
        const response = await fetch(app.url + where, options);
        return { status: response.status, headers: response.headers, text: await response.text() };
    };

    before(async () => {
        app = await startApp({ dir, env: { SS__action_timeout: String(TIMEOUT_S) } });
        never = get('never');
    });
    after(async () => {
        assert.deepEqual(await app.stop(), CLEAN);
    });

    it('sets its headers on page, asset, API, errors and answers of its own', async () => {
        for (const [where, status] of /** @type {[string, number][]} */ ([
            ['', 200], ['some/route', 200], ['file.txt', 200], ['missing.png', 404], ['api', 200], ['api/app/square?5', 200],
            ['api/none/such', 404], ['answer', 200], ['private/secret.txt', 403],
        ])) {
            const { headers, ...answer } = await get(where);
            assert.deepEqual([where, answer.status], [where, status]);
            assert.match(String(headers.get('content-security-policy')), /^default-src 'self'/);
            assert.equal(headers.get('x-frame-options'), 'SAMEORIGIN');
            assert.equal(headers.get('access-control-allow-origin'), '*');
            assert.equal(headers.get('set-cookie'), 'one=1, two=2'); // Debian's Node 18 has no getSetCookie()
            assert.equal([...headers.keys()].find((name) => /^x-accel|^socketstream/.test(name)), undefined);
        }
        assert.equal((await get('file.txt')).headers.get('cache-control'), 'no-cache');
        assert.equal((await get('cached.txt')).headers.get('cache-control'), 'private');
    });

    it('comes before the API, that before the browser check, and that before the page', async () => {
        const old = { headers: { 'User-Agent': 'Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1)' } };
        for (const [where, status] of /** @type {[string, number][]} */ ([['', 403], ['api/app/square?5', 200], ['file.txt', 200], ['answer', 200]])) {
            const answer = await get(where, old);
            assert.deepEqual([where, answer.status, answer.headers.get('x-version')], [where, status, '1']);
        }
    });

    it('and nginx give who navigates static/error for a page that is missing or broken, all others and the API what they had', async () => {
        const missing = await get('missing.png', navigating);
        assert.deepEqual([missing.status, missing.text], [404, files['static/error/index.html']]);
        for (const [name, value] of Object.entries({ 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store', 'x-version': '1' })) {
            assert.equal(missing.headers.get(name), value, name);
        }
        const etag = String(missing.headers.get('etag'));
        assert.equal((await get('missing.png', { headers: { ...navigating.headers, 'If-None-Match': etag } })).status, 404);
        const odd = createServer().listen(path.join(dir, 'public/odd.sock')); // no file that could be opened
        await once(odd, 'listening');
        const broken = await get('odd.sock', navigating);
        odd.close();
        assert.deepEqual([broken.status, broken.text], [500, files['static/error/index.html']]);
        const head = await get('missing.png', { ...navigating, method: 'HEAD' });
        assert.deepEqual([head.status, head.text], [404, '']);
        const short = await get('missing.png');
        assert.deepEqual([short.status, short.headers.get('cache-control')], [404, 'no-store']);
        assert.match(short.text, /<center>nginx<\/center>/);
        assert.match((await get('api/none/such', navigating)).text, /^\{"error":/);
        renameSync(path.join(dir, 'static/error/index.html'), path.join(dir, 'static/error/away.html'));
        const without = await get('missing.png', navigating);
        assert.deepEqual([without.status, without.text], [404, short.text]);
    });

    it('leaves methods, conditions and ranges to what is behind it', async () => {
        const { headers } = await get('file.txt');
        const etag = String(headers.get('etag'));
        assert.equal((await get('file.txt', { headers: { 'If-None-Match': etag } })).status, 304);
        assert.equal((await get('file.txt', { headers: { Range: 'bytes=4-7' } })).text, 'file');
        assert.equal((await get('file.txt', { method: 'HEAD' })).text, '');
        assert.equal((await get('file.txt', { method: 'POST', body: 'x' })).status, 405);
        assert.equal((await get('file.txt', { method: 'OPTIONS', headers: { Origin: 'http://x' } })).status, 204); // by cors
    });

    it('may read a body, which reaches the API all the same', async () => {
        const value = { text: 'ü'.repeat(30000) }; // more than stays in memory
        const body = JSON.stringify(value);
        const { status, text } = await get('api/app/echo', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body });
        assert.equal(status, 200);
        assert.deepEqual(JSON.parse(text), value);
        const broken = await get('api/app/echo', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{' });
        assert.equal(broken.status, 400); // by express.json
    });

    it('answers itself: knows who asks, is compressed, and streams', async () => {
        const { text } = await get('answer', { headers: { 'X-Forwarded-For': '192.0.2.1', 'X-Forwarded-Proto': 'https', 'X-Forwarded-Host': 'evil' } });
        assert.deepEqual(JSON.parse(text), { ip: '127.0.0.1', host: '127.0.0.1', protocol: 'http' });
        const latin = await get('latin');
        assert.deepEqual([latin.status, latin.headers.get('content-type'), latin.headers.get('link')], [200, 'text/html', null]);
        const long = await get('long', { headers: { 'Accept-Encoding': 'gzip' } });
        assert.equal(long.headers.get('content-encoding'), 'gzip');
        assert.equal(long.text, 'long '.repeat(2000));
        const reader = (await fetch(`${app.url}stream`)).body?.getReader();
        assert.equal(new TextDecoder().decode((await reader?.read())?.value), 'data: 1\n\n');
        await get('go'); // not before the first part was here
        assert.equal(new TextDecoder().decode((await reader?.read())?.value), 'data: 2\n\n');
    });

    it('may change the URL, to nothing outside', async () => {
        const old = await get('old.png');
        assert.deepEqual([old.text, old.headers.get('content-type')], ['the file\n', 'text/plain; charset=utf-8']);
        assert.equal((await get('square/7')).text, '49');
        assert.equal((await get('up')).status, 400);
        for (const [where, to] of [['dir', './dir/'], ['moved', '/dir/?x=1']]) {
            const { status, headers } = await get(where, { redirect: 'manual' });
            assert.deepEqual([where, status, headers.get('location')], [where, 301, to]);
        }
    });

    it('may set headers of 16 KiB in all, and is told of more', async () => {
        const { status, headers } = await get('long-header/12000');
        assert.deepEqual([status, headers.get('x-long')?.length], [200, 12000]);
        assert.equal((await get('long-header/16384')).status, 500);
        assert.ok(await until(() => /headers of the answer have \d+ bytes, of which nginx takes 16384/.test(app.log('sidecar'))));
    });

    it('is asked whatever a client says of the answers it gives, or makes of a URL', async () => {
        const forged = {
            'X-Accel-Redirect': '@socketstream_assets', 'SocketStream-Url': '/file.txt', 'SocketStream-Set-X-Evil': '1',
        };
        const { status, headers } = await get('private/secret.txt', { headers: forged });
        assert.deepEqual([status, headers.get('x-evil')], [403, null]);
        const page = await get('', { headers: forged });
        assert.deepEqual([page.text, page.headers.get('x-evil')], [files['public/index.html'], null]);
        for (const where of ['@socketstream_assets', '%40socketstream_assets/file.txt', '/private/secret.txt', './private/secret.txt', 'x/../private/secret.txt', 'privat%65/secret.txt']) {
            /** As it stands, which fetch would not send. @type {{status?: number, text: string}} */
            const answer = await new Promise((resolve, reject) => http.get({ port: app.port, path: `/${where}` }, async (response) => {
                let text = '';
                for await (const piece of response) {
                    text += piece;
                }
                resolve({ status: response.statusCode, text });
            }).on('error', reject));
            assert.doesNotMatch(answer.text, /secret/, where);
        }
    });

    it('is not asked about the WebSocket and the status', async () => {
        const client = await openSocket(app.socketUrl);
        assert.equal(await ask(client, '{"jsonrpc":"2.0","id":1,"method":"app.square","params":[3]}'), '{"jsonrpc":"2.0","id":1,"result":9}');
        client.terminate();
        assert.equal((await get('socketstream/status')).headers.get('x-version'), null);
    });

    it('that throws is a 500, that never answers a 504', async () => {
        const thrown = await get('throw');
        assert.equal(thrown.status, 500);
        assert.match(thrown.text, /^Error: thrown in Express\n/);
        assert.equal((await never).status, 504);
    });

    it('is replaced under load without the loss of a request', async () => {
        const agent = new http.Agent({ keepAlive: true });
        const one = (/** @type {string} */ where) => new Promise((resolve, reject) => http.get({ port: app.port, path: where, agent }, (response) => {
            response.resume().on('end', () => resolve(`${response.statusCode} ${response.headers['x-version']}`));
        }).on('error', reject));
        /** @type {Map<string, number>} */
        const seen = new Map();
        let over = false;
        const load = [1, 2, 3, 4].map(async (n) => {
            for (let i = 0; !over || i < 125; i++) {
                const answer = await one(['/answer', '/file.txt', '/api/app/square?2', '/'][(i + n) % 4]);
                seen.set(answer, (seen.get(answer) ?? 0) + 1);
            }
        });
        for (const version of ['2', '3', '4']) {
            writeFileSync(path.join(dir, 'config/http.js'), middleware(version));
            assert.ok(await until(() => seen.has(`200 ${version}`)), `${version}: ${[...seen]}`);
        }
        over = true;
        await Promise.all(load);
        agent.destroy();
        assert.deepEqual([...seen.keys()].sort(), ['200 1', '200 2', '200 3', '200 4']);
        assert.ok([...seen.values()].reduce((a, b) => a + b) >= 500);
    });

    it('is in what --print-nginx-conf prints, with the socket for it; who is only redirected is not asked', async () => {
        const { code, stdout } = await runCommand(['start', '--app', dir, '--print-nginx-conf'], {
            env: { SS__https__enabled: 'true', SS__https__port: '8443' },
        });
        assert.equal(code, 0);
        assert.match(stdout, /^# {7}--http-listen (\S+\/http\.sock)$[^]*server "unix:\1";/m);
        const [plain, tls] = stdout.split(/^ {4}server \{$/m).slice(1);
        assert.match(plain, /location \/api\/ \{\n +proxy_pass http:\/\/middleware\/api\/;[^]*location "\/" \{\n +return 307 /);
        assert.match(tls, /location \/ \{\n +proxy_pass http:\/\/middleware\/;/);
    });

    it('lets nothing by when it is away, and says when to come again', async () => {
        process.kill(app.sidecar(), 'SIGSTOP'); // nobody starts it again
        const [, host] = /** @type {RegExpMatchArray} */ ([...app.log('sidecar').matchAll(/host 0 is process (\d+)/g)].at(-1));
        rmSync(path.join(dir, '.socketstream/http.sock'));
        process.kill(Number(host), 'SIGKILL');
        assert.ok(await until(async () => (await get('private/secret.txt')).status === 503));
        const away = await get('file.txt');
        assert.deepEqual([away.status, away.headers.get('retry-after')], [503, '1']);
        for (const [where, text] of [['', files['static/offline/index.html']], ['api/app/square?5', away.text]]) {
            const page = await get(where, navigating);
            assert.deepEqual([page.status, page.text, page.headers.get('retry-after')], [503, text, '1']);
        }
        process.kill(app.sidecar(), 'SIGKILL');
        assert.ok(await until(async () => (await get('file.txt')).text === files['public/file.txt']));
    });
});

describe('without config/http', () => {
    it('no host is asked; in development a file that comes is asked without a restart, with the sockets open, and no more when it is gone', async () => {
        const app = await startApp({ dir: copyNative() });
        const file = path.join(app.dir, 'config/http.js');
        after(() => app.stop()); // also when this fails: nothing else would end it
        // A connection for each: an nginx that is reloaded closes those that wait, also under a request.
        const version = async () => (await fetch(app.url, { headers: { connection: 'close' } })).headers.get('x-version');
        const is = (/** @type {string | null} */ wanted) => until(async () => await version() === wanted, 30000);
        assert.equal(await version(), null);
        assert.equal(existsSync(path.join(app.dir, '.socketstream/http.sock')), false);
        const client = await openSocket(app.socketUrl);
        const say = (/** @type {string} */ text) => writeFileSync(file, `exports.call = (request, response, next) => { response.setHeader('X-Version', '${text}'); next(); };`);
        say('1');
        assert.ok(await is('1'), app.output.stderr);
        rmSync(file);
        assert.ok(await is(null), app.output.stderr);
        say('2');
        assert.ok(await is('2'), app.output.stderr);
        assert.match(app.output.stderr, /config\/http\.js is there: [^]*config\/http is asked first from now on[^]*config\/http is gone: [^]*config\/http is asked first/);
        assert.doesNotMatch(app.output.stderr, /starting it again/);
        client.terminate();
        assert.deepEqual(await app.stop(), CLEAN);
    });

    it('and with one, but without a host, it does not start', async () => {
        const dir = write(files);
        const { code, stderr } = await runCommand(['start', '--app', dir], { env: { SS__hosts: '0' } });
        assert.equal(code, 1);
        assert.match(stderr, /config\/http\.js is middleware, which a host runs, but hosts is 0/);
        rmSync(dir, { recursive: true });
    });
});
