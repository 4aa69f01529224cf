// SPDX-License-Identifier: MIT
//
// The console, attached to a fake sidecar; and starting an application, in t/e2e/console.test.mjs.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import { FakeSidecar, helloPayload, op } from '../lib/fake_sidecar.mjs';
import { makeApp, root } from './loading.mjs';

/** @type {import('node:child_process').ChildProcess[]} */
const children = [];
after(() => children.forEach((child) => child.kill('SIGKILL')));

const files = {
    'app/shared/calculate.coffee': 'exports.double = (n) -> n * 2\n',
    'lib/server/mine.js': 'exports.key = 7;\n',
    'app/shared/broken.js': 'exports.x = (;',
};

/**
 * A console, attached to a sidecar that knows app.square and users.online.now.
 * @param {{expression?: string, terminal?: boolean, config?: any, files?: Record<string, string>}} [options]
 */
async function attachConsole({ expression, terminal = false, config = {}, files: more = {} } = {}) {
    const app = makeApp({ ...files, ...more });
    const where = path.join(app, '.socketstream/sidecar.sock');
    fs.mkdirSync(path.dirname(where));
    fs.writeFileSync(path.join(app, '.socketstream/state.json'), JSON.stringify({ pid: process.pid, socket: where }));
    const server = net.createServer().listen(where);
    await once(server, 'listening');

    const command = [process.execPath, path.join(root, 'host/console.mjs'), app, 'socketstream', '', ...(expression === undefined ? [] : [expression])];
    const quoted = command.map((word) => `'${word}'`).join(' ');
    const [program, ...args] = terminal ? ['script', '-qfec', quoted, '/dev/null'] : command;
    // In colour, whatever CI and NO_COLOR say: what is grey is a preview, and nothing else tells.
    const { CI, NO_COLOR, NODE_DISABLE_COLORS, ...env } = process.env;
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], env: { ...env, TERM: 'xterm', FORCE_COLOR: '1' } });
    children.push(child);
    const out = { text: '', errors: '' };
    child.stdout.on('data', (data) => (out.text += data));
    child.stderr.on('data', (data) => (out.errors += data));
    const ended = once(child, 'close');

    const [socket] = await once(server, 'connection');
    server.close();
    const sidecar = new FakeSidecar(child, socket);
    sidecar.answers.call = ({ args: { method }, body }) => (method === 'app.square'
        ? { result: body[0] * body[0] }
        : { error: { code: -32601, message: `there is no ${method}` } });
    sidecar.answers['users.online'] = () => ({ result: ['ann'] });
    await sidecar.next(op.HELLO, 'HELLO');
    sidecar.send(op.HELLO, helloPayload({}));
    sidecar.send(op.SETUP, JSON.stringify({
        app, env: 'production', version: '0.1.0', root, name: 'console', index: 0, count: 1, actions: ['app.other', 'app.square'],
        config: { ss_var: 'SS', redis: {}, client: {}, own: { key: 5 }, ...config },
    }));
    return { app, child, sidecar, out, ended: async () => (await ended)[0] };
}

/** What `-e` prints, and how it ends. @param {string} expression @param {any} [options] */
async function print(expression, options) {
    const { ended, out, sidecar } = await attachConsole({ expression, ...options });
    const code = await ended();
    await sidecar.stop();
    return { code, text: out.text, errors: out.errors.replace(/^warning: .*\n/gm, ''), sidecar };
}

describe('console -e', () => {
    for (const [expression, text] of [
        ['SS.server.app.square(25)', '625\n'],
        ['await SS.server.app.square(5) + 1', '26\n'],
        ['SS.users.online.now()', "[ 'ann' ]\n"],
        ['SS.config.own.key', '5\n'],
        ['SS.shared.calculate.double(4)', '8\n'],
        ['[SS.env, SS.version].join(" ")', 'production 0.1.0\n'],
        ['const a = 1; a + 1', '2\n'],
        ['const a = await SS.server.app.square(2); return a + 1', '5\n'],
        ['Object.keys(SS.server.app)', "[ 'other', 'square' ]\n"],
        ['undefined', ''],
        ['require("mine").key + require("./lib/server/mine.js").key', '14\n'],
        ['(await import("./lib/server/mine.js")).default.key + typeof (await import("node:fs")).statSync', '7function\n'],
    ]) {
        it(`${expression} prints ${JSON.stringify(text)}`, async () => {
            const { code, text: printed, errors } = await print(expression);
            assert.deepEqual([code, printed, errors], [0, text, '']);
        });
    }

    it('publishes', async () => {
        const { sidecar } = await print('SS.publish.broadcast("news", {a: 1})');
        const { args, body } = await sidecar.nextAsk('publish');
        assert.deepEqual([args, body], [{ to: 'broadcast', names: [], event: 'news' }, { a: 1 }]);
    });

    for (const [expression, message] of /** @type {[string, RegExp][]} */ ([
        ['SS.server.app.other()', /^CallError -32601: there is no app\.other\n$/],
        ['nothing.here', /nothing is not defined/],
        ['1 +', /Unexpected end of input/],
        ['Promise.reject(new Error("late"))', /^Error: late\n/],
        ['throw null', /^null\n$/],
    ])) {
        it(`${expression} ends with status 1, and says why`, async () => {
            const { code, text, errors } = await print(expression);
            assert.deepEqual([code, text], [1, '']);
            assert.match(errors, message);
        });
    }

    it('knows SS by the application\'s own name, and warns of shared files that are broken', async () => {
        const { ended, out, sidecar } = await attachConsole({ expression: 'Live.server.app.square(2)', config: { ss_var: 'Live' } });
        assert.equal(await ended(), 0);
        await sidecar.stop();
        assert.equal(out.text, '4\n');
        assert.match(out.errors, /^warning: app\/shared\/broken\.js:1: Unexpected token ';'$/m);
    });

    it('ends when the sidecar goes away', async () => {
        const { ended, out, sidecar } = await attachConsole({ expression: 'new Promise(() => setTimeout(() => {}, 60000))' });
        await sidecar.until(() => sidecar.ready, 'READY');
        sidecar.socket.destroy();
        assert.equal(await ended(), 1);
        assert.match(out.errors, /the sidecar has closed the link/);
    });
});

describe('the console', () => {
    /** @param {() => boolean} done @param {string} what @param {{text: string}} [out] what there was instead */
    async function until(done, what, out) {
        for (const limit = Date.now() + 15000; !done();) {
            assert.ok(Date.now() < limit, `${what}, after ${JSON.stringify(out?.text)}`);
            await new Promise((resolve) => setTimeout(resolve, 10));
        }
    }

    it('prints what promises give, learns of new actions, and ends with its input', async () => {
        const { child, out, sidecar, ended } = await attachConsole();
        await until(() => out.text.endsWith('SS> '), 'a prompt');
        /** What a line prints, up to the next prompt. @param {string} line */
        const type = async (line) => {
            const from = out.text.length;
            child.stdin?.write(`${line}\n`);
            await until(() => out.text.length > from && out.text.endsWith('SS> '), `what ${line} gives`);
            return out.text.slice(from, -'SS> '.length);
        };
        assert.equal(await type('SS.server.app.square(25)'), '625\n');
        assert.equal(await type('let x = await SS.server.app.square(3)'), '');
        assert.equal(await type('x * 100'), '900\n');
        assert.match(await type('SS.server.app.other()'), /^Uncaught \[?CallError -32601: there is no app\.other\]?\n$/);
        sidecar.send(op.ACTIONS, JSON.stringify(['brand.new']));
        await sidecar.handled();
        assert.equal(await type('Object.keys(SS.server)'), "[ 'brand' ]\n");
        child.stdin?.end();
        assert.equal(await ended(), 0);
        await sidecar.stop();
    });

    it('answers what is piped in, line by line, the last before it ends', async () => {
        const { child, out, sidecar, ended } = await attachConsole();
        child.stdin?.end('SS.server.app.square(5)\nfunction f(n) {\nreturn n + require("mine").key }\n\nlet n = await SS.server.app.square(2)\nf(n)\nSS.server.app.square(12)');
        assert.equal(await ended(), 0);
        await sidecar.stop();
        assert.equal(out.text.slice(out.text.indexOf('SS> ')), 'SS> 25\nSS> ... SS> SS> SS> 11\nSS> 144\nSS> ');
    });

    it('completes names over SS, and keeps its history', async () => {
        const { app, child, out, sidecar, ended } = await attachConsole({ terminal: true });
        await until(() => out.text.includes('SS> '), 'a prompt');
        // A Tab within more text would be one that was pasted.
        child.stdin?.write('SS.server.app.sq');
        await until(() => out.text.includes('app.sq'), 'the echo', out);
        child.stdin?.write('\t');
        const preview = /\x1b\[90m[^\x1b]*/g; // grey, and perhaps not all of it is here yet
        await until(() => out.text.replace(preview, '').includes('uare'), 'the completion', out);
        child.stdin?.write('(12)\r');
        await until(() => out.text.includes('144'), '144', out);
        child.stdin?.write('\x04');
        await ended();
        await sidecar.stop();
        assert.equal(fs.readFileSync(path.join(app, '.socketstream/console_history'), 'utf8').trim(), 'SS.server.app.square(12)');
    });

    it('ends when the sidecar goes away', async () => {
        const { out, sidecar, ended } = await attachConsole();
        await until(() => out.text.includes('SS> '), 'a prompt');
        sidecar.socket.destroy();
        assert.equal(await ended(), 1);
        assert.match(out.errors, /the sidecar has closed the link/);
    });
});
