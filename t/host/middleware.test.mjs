// SPDX-License-Identifier: MIT
//
// Middleware on the HTTP socket of a sidecar, which hosts serve; the test is the nginx that asks.

import assert from 'node:assert/strict';
import { existsSync, rmSync, statSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { findMiddleware, runMiddleware } from '../../host/middleware.mjs';
import { writeApp } from '../lib/fake_sidecar.mjs';
import { startSidecar } from '../lib/fake_worker.mjs';

/** @typedef {{status: number, headers: http.IncomingHttpHeaders, raw: string[], text: string}} Answer */

describe('config/http', () => {
    const one = () => 1;
    const two = () => 2;

    it('offers a function, an array, those of 0.2, an application, a default export', () => {
        const app = Object.assign(() => {}, { use() {} });
        for (const [exported, chain] of /** @type {[any, any[]][]} */ ([
            [{ call: one }, [one]],
            [{ call: [one, [two]] }, [one, two]],
            [{ secondary: [two], primary: [one] }, [one, two]],
            [app, [app]],
            [{ default: one }, [one]],
            [{ default: { call: [two] } }, [two]],
        ])) {
            assert.deepEqual(findMiddleware(exported), { chain, wrong: [] });
        }
    });

    it('that offers none, or what is none, is wrong', () => {
        for (const exported of [{}, undefined, null, 7, { actions: one }]) {
            assert.match(findMiddleware(exported).wrong.join(), /^there is no exports\.call, a function/);
        }
        assert.match(findMiddleware({ call: [one, 'two', 3] }).wrong.join(), /^exports\.call must be a function of request/);
    });

    it('runs in connect\'s order: errors go to those of four arguments, and next counts once', () => {
        /** @type {any[]} */
        const seen = [];
        const done = (/** @type {any} */ error) => seen.push(['done', error]);
        const late = (/** @type {any} */ error) => seen.push(['late', error]);
        const add = (/** @type {any} */ name) => (/** @type {any} */ request, /** @type {any} */ response, /** @type {any} */ next) => {
            seen.push(name);
            next();
        };
        const refuse = (/** @type {any} */ request, /** @type {any} */ response, /** @type {any} */ next) => {
            next('no');
            next();
        };
        const mend = (/** @type {any} */ error, /** @type {any} */ request, /** @type {any} */ response, /** @type {any} */ next) => {
            seen.push(error);
            next();
        };
        runMiddleware([add('a'), mend, refuse, add('skipped'), mend, add('b')], {}, {}, done, late);
        assert.deepEqual(seen.splice(0), ['a', 'no', 'b', ['done', undefined]]);
        runMiddleware([refuse, add('skipped')], {}, {}, done, late);
        assert.deepEqual(seen.splice(0), [['done', 'no']]);
        runMiddleware([(/** @type {any} */ request, /** @type {any} */ response, /** @type {any} */ next) => { next(); throw new Error('after'); }], {}, {}, done, late);
        assert.deepEqual(seen.splice(0), [['done', undefined], ['late', new Error('after')]]);
    });

    it('may be asynchronous, and throw nothing at all', async () => {
        for (const fn of [async () => { throw undefined; }, () => { throw undefined; }, () => Promise.reject(null)]) {
            const error = await new Promise((resolve) => runMiddleware([fn], {}, {}, resolve, () => {}));
            assert.match(error.message, /^middleware threw (undefined|null)$/);
        }
    });
});

const code = (/** @type {string} */ version) => `
    const { guard } = require('guard');
    exports.call = [guard, async (request, response, next) => {
        response.setHeader('X-Version', '${version}');
        response.setHeader('Set-Cookie', ['a=1', 'b=2']);
        response.setHeader('Content-Type', 'text/x-mine');
        const { pathname: at } = new URL(request.url, 'http://x');
        if (at === '/answer') return response.end(request.method + ' ' + SS.shared.word + ' ' + SS.env);
        if (at === '/slow') return setTimeout(() => response.end('slow ${version}'), 300);
        if (at === '/echo') return request.pipe(response);
        if (at === '/rewrite') request.url = '/other page?x=ü';
        if (at === '/toapi') request.url = '/api/app/square?3';
        if (at === '/nowhere') request.url = 'http://elsewhere/';
        if (at === '/throw') throw new Error('thrown here');
        if (at === '/teapot') return next(Object.assign(new Error('short'), { status: 418 }));
        if (at === '/half') { response.write('half'); return next(new Error('in the middle')); }
        if (at === '/twice') { response.end('once'); return next(); }
        if (at === '/again') { response.end('once'); return response.end('again'); }
        if (at === '/interim') {
            response.writeContinue();
            response.writeProcessing();
            response.writeEarlyHints({ link: '</a.css>; rel=preload' }, () => response.end('the answer'));
            return;
        }
        if (at === '/who') {
            const { remoteAddress, encrypted } = request.socket;
            return response.end(JSON.stringify([remoteAddress, encrypted, Object.keys(request.socket).includes('remoteAddress')]));
        }
        if (at === '/long') { response.setHeader('X-Long', 'x'.repeat(Number(request.headers['x-bytes']))); }
        if (at === '/late') {
            const writeHead = response.writeHead;
            response.writeHead = function (...args) { this.setHeader('X-Late', '1'); return writeHead.apply(this, args); };
        }
        next();
    }];`;
const files = {
    'app/server/app.js': 'exports.actions = { square(n, cb) { cb(n * n); }, pid(cb) { cb(process.pid); } };',
    'app/shared/word.js': 'module.exports = "shared";',
    'lib/server/guard.js': `exports.guard = (request, response, next) => {
        if (request.url === '/after') { response.end('whole'); throw new Error('after the end'); }
        if (request.headers['x-key'] === 'wrong') { response.statusCode = 403; response.end('no'); } else next();
    };`,
    'config/http.js': code('1'),
    'config/app.json': '{"redis":{"socket":"/nowhere/redis.sock"}}',
};

describe('middleware', () => {
    const app = writeApp(files);
    const where = path.join(app, 'http.sock');
    const agent = new http.Agent({ keepAlive: true, maxSockets: 8 });
    /** @type {import('../lib/fake_worker.mjs').Sidecar} */
    let sidecar;

    /** @param {string} url @param {http.RequestOptions & {body?: string}} [options] @returns {Promise<Answer>} */
    const ask = (url, { body, ...options } = {}) => new Promise((resolve, reject) => {
        const request = http.request({ socketPath: where, path: url, agent, ...options }, async (response) => {
            let text = '';
            try {
                for await (const piece of response) {
                    text += piece;
                }
            } catch (error) {
                reject(error);
            }
            resolve({ status: Number(response.statusCode), headers: response.headers, raw: response.rawHeaders, text });
        });
        request.on('error', reject);
        request.end(body);
    });
    const version = async () => (await ask('/x', { agent: false })).headers['socketstream-set-x-version'];
    /** Writes a new config/http, and waits for what the sidecar makes of it.
     *  @param {string} text @param {RegExp} said */
    const change = async (text, said) => {
        sidecar.log = '';
        writeFileSync(path.join(app, 'config/http.js'), text);
        await sidecar.logged(said);
    };

    before(async () => {
        sidecar = await startSidecar(['--log-level', '3', '--http-listen', where], { app, env: { SS_ENV: 'development' } });
    });
    after(async () => {
        agent.destroy();
        assert.deepEqual(await sidecar.stop(), { code: 0, signal: null });
        assert.equal(existsSync(where), false);
    });

    it('has a socket like that of the link', () => {
        assert.equal(statSync(where).mode & 0o777, 0o660);
    });

    it('answers, with the request\'s body, shared code and SS', async () => {
        const { status, text, headers } = await ask('/answer', { method: 'PUT' });
        assert.deepEqual([status, text], [200, 'PUT shared development']);
        assert.deepEqual(headers['set-cookie'], ['a=1', 'b=2']);
        assert.equal(headers['x-accel-redirect'], undefined);
        const body = 'x'.repeat(300000);
        assert.equal((await ask('/echo', { method: 'POST', body })).text, body);
    });

    it('may live in lib/server, and refuse', async () => {
        assert.deepEqual((await ask('/answer', { headers: { 'x-key': 'wrong' } })).status, 403);
    });

    it('gives back what it passes on, with the headers it has set, but for those of a body', async () => {
        for (const [url, location] of [
            ['/', 'assets'], ['/api', 'api'], ['/apix/y', 'assets'], ['/x?/api/', 'assets'], ['/api/../x', 'assets'],
            ['/api/app/square?3', 'api'], ['/%61pi/app', 'api'], ['//api/./app', 'api'], ['/x/../api/app', 'api'],
        ]) {
            const { status, headers, raw, text } = await ask(url, { method: 'POST', body: '[1]' });
            assert.deepEqual([url, status, text, headers['x-accel-redirect']], [url, 200, '', `@socketstream_${location}`]);
            assert.equal(headers['socketstream-set-content-type'], undefined);
            assert.equal(headers['socketstream-url'], undefined);
            assert.equal(raw.filter((name) => name === 'SocketStream-Set-Set-Cookie').length, 2);
        }
        assert.equal((await ask('/late')).headers['socketstream-set-x-late'], '1');
    });

    it('may change the URL', async () => {
        const { headers } = await ask('/rewrite');
        assert.deepEqual([headers['x-accel-redirect'], headers['socketstream-url']], ['@socketstream_assets', '/other%20page?x=%C3%BC']);
        assert.equal((await ask('/toapi')).headers['x-accel-redirect'], '@socketstream_api');
        const wrong = await ask('/nowhere');
        assert.equal(wrong.status, 500);
        assert.match(wrong.text, /made "http:\/\/elsewhere\/" of request\.url, which must begin with a slash/);
    });

    it('that throws is a 500, with the stack in development, or the status that the error has', async () => {
        const { status, text, headers } = await ask('/throw');
        assert.equal(status, 500);
        assert.match(text, /^Error: thrown here\n.*config\/http\.js/);
        assert.match(String(headers['content-type']), /^text\/plain/);
        assert.deepEqual([headers['content-length'], headers.connection], [String(Buffer.byteLength(text)), 'keep-alive'], 'no client waits for more');
        await sidecar.logged(/middleware: GET \/throw: Error: thrown here/);
        assert.equal((await ask('/teapot')).status, 418);
        await assert.rejects(ask('/half'), /aborted|hang up/);
        assert.equal((await ask('/twice')).text, 'once');
        await sidecar.logged(/GET \/twice: next\(\) was called after an answer/);
    });

    it('that throws behind the end of its answer keeps the connection, on which the next request may be', async () => {
        const lone = new http.Agent({ keepAlive: true, maxSockets: 1 });
        const sockets = new Set();
        for (let i = 0; i < 3; i++) {
            const [text, socket] = await new Promise((resolve, reject) => {
                const request = http.get({ socketPath: where, path: '/after', agent: lone }, (response) => {
                    const { socket: carrier } = response;
                    response.setEncoding('utf8').on('data', (data) => response.on('end', () => setImmediate(resolve, [data, carrier])));
                }).on('error', reject);
                request.on('error', reject);
            });
            assert.equal(text, 'whole');
            sockets.add(socket);
        }
        lone.destroy();
        assert.equal(sockets.size, 1);
        await sidecar.logged(/middleware: GET \/after: Error: after the end/);
    });

    it('finds the client at the other end of its connection, not nginx', async () => {
        for (const [address, scheme] of [['192.0.2.7', 'https'], ['2001:db8::1', 'http'], [undefined, undefined]]) {
            const { text } = await ask('/who', { headers: address ? { 'X-Forwarded-For': address, 'X-Forwarded-Proto': scheme } : {} });
            assert.deepEqual(JSON.parse(text), [address ?? null, scheme === 'https', true]);
        }
    });

    it('sends nothing before its answer, which nginx would take for it', async () => {
        /** @type {number[]} */
        const early = [];
        const text = await new Promise((resolve, reject) => {
            http.get({ socketPath: where, path: '/interim', agent: false }, (response) => response.setEncoding('utf8').on('data', resolve))
                .on('information', ({ statusCode }) => early.push(statusCode)).on('continue', () => early.push(100)).on('error', reject);
        });
        assert.deepEqual([early, text], [[], 'the answer']);
    });

    it('that writes behind the end of its answer is told so, and stays', async () => {
        assert.equal((await ask('/again')).text, 'once');
        await sidecar.logged(/middleware: GET \/again: Error \[ERR_STREAM_WRITE_AFTER_END\]/);
        assert.equal((await ask('/answer')).status, 200);
        assert.ok(!/wants to be replaced/.test(sidecar.log));
    });

    it('that sets more headers than nginx takes gets a 500, and is told why', async () => {
        for (const [bytes, status] of [[15000, 200], [16384, 500]]) {
            const { status: got, headers } = await ask('/long', { headers: { 'x-bytes': bytes } });
            assert.deepEqual([got, 'x-accel-redirect' in headers, headers['content-length']], [status, status === 200, '0']);
        }
        await sidecar.logged(/GET \/long: the headers of the answer have \d+ bytes, of which nginx takes 16384/);
    });

    it('takes headers as long as nginx does', async () => {
        assert.equal((await ask('/answer', { headers: { cookie: 'c'.repeat(32000) } })).status, 200);
        assert.equal((await ask('/answer', { agent: false, headers: { cookie: 'c'.repeat(70000) } })).status, 431);
    });

    it('is replaced when its file changes, and no request is lost meanwhile', async () => {
        let over = false;
        /** @type {Set<string>} */
        const seen = new Set();
        let count = 0;
        const load = Promise.all([1, 2, 3, 4].map(async () => {
            while (!over || !seen.has('slow 4')) {
                const { status, text } = await ask('/slow');
                assert.equal(status, 200);
                seen.add(text);
                count++;
            }
        }));
        for (const name of ['2', '3', '4']) {
            await change(code(name), /host 0: the new code is in use/);
            assert.equal(await version(), name);
        }
        over = true;
        await load;
        assert.ok(count >= 4 && seen.has('slow 1'), `${count}: ${[...seen]}`);
    });

    it('goes on when the new code is broken', async () => {
        await change('exports.call = 7;', /config\/http\.js: exports\.call must be a function[^]*the new code is dropped, the old goes on/);
        assert.equal(await version(), '4');
        await change('exports.call = [', /config\/http\.js:1[^]*the new code is dropped/);
        assert.equal(await version(), '4');
    });

    it('waits where its host has died, and is there again with the next', async () => {
        const [, pid] = /** @type {RegExpMatchArray} */ ([...sidecar.log.matchAll(/host 0 is process (\d+)/g)].at(-1) ?? []);
        sidecar.log = '';
        writeFileSync(path.join(app, 'config/http.js'), code('5'));
        await sidecar.logged(/host 0: the new code is in use/);
        const [, current] = /** @type {RegExpMatchArray} */ ([...sidecar.log.matchAll(/host 0 is process (\d+)/g)].at(-1));
        assert.notEqual(pid, current);
        agent.destroy();
        process.kill(Number(current), 'SIGKILL');
        await sidecar.logged(/was ended by signal 9/);
        assert.equal((await ask('/answer', { agent: false })).status, 200);
    });

    it('lets all through when its file is gone, and says so', async () => {
        sidecar.log = '';
        rmSync(path.join(app, 'config/http.js'));
        await sidecar.logged(/there is no config\/http any more: what nginx still asks about goes by[^]*the new code is in use/);
        assert.equal((await ask('/answer')).headers['x-accel-redirect'], '@socketstream_assets');
    });
});

describe('a sidecar', () => {
    it('without --http-listen says that middleware does not run', async () => {
        const sidecar = await startSidecar(['--log-level', '3'], { app: writeApp(files) });
        await sidecar.logged(/config\/http\.js does not run: this sidecar has no socket for it/);
        await sidecar.stop();
    });

    it('with it refuses to run without a host, and runs one for middleware alone', async () => {
        const app = writeApp({ 'config/http.js': 'exports.call = (request, response) => response.end("alone");', 'app/server/README': '', 'config/app.json': files['config/app.json'] });
        const where = path.join(app, 'http.sock');
        await assert.rejects(startSidecar(['--http-listen', where], { app, env: { SS__hosts: '0' } }),
            /ended with 1:[^]*config\/http is middleware, which a host runs, but hosts is 0: set it to 1 or more, or leave out --http-listen/);
        const sidecar = await startSidecar(['--http-listen', where], { app });
        assert.equal(await new Promise((resolve) => http.get({ socketPath: where, agent: false }, (response) => response.setEncoding('utf8').on('data', resolve))), 'alone');
        await sidecar.stop();
    });

    it('with it, and without config/http, makes no socket where nobody would answer, and runs no host', async () => {
        const app = writeApp({ 'app/server/README': '' });
        const where = path.join(app, 'http.sock');
        const sidecar = await startSidecar(['--log-level', '3', '--http-listen', where], { app, env: { SS__hosts: '0' } });
        assert.equal(existsSync(where), false);
        await sidecar.stop();
    });
});
