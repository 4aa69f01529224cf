// SPDX-License-Identifier: MIT
//
// The life of a host's process: loading, failures outside of calls, leaving.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FAILURES_LOGGED_MAX, MESSAGE_MAX } from '../../host/bounds.mjs';
import { createEarly } from '../../host/early.mjs';
import { op, spawnHost, startHost, writeApp } from '../lib/fake_sidecar.mjs';
import { stopwatch } from '../lib/stack.mjs';

const app = {
    'app/server/app.js': `
        exports.actions = {
            square(n, cb) { cb(n * n); },
            never(cb) {},
            later(ms, cb) { setTimeout(() => cb(ms), ms); },
            guarded(cb) { cb(true); },
            reject(cb) { Promise.reject(new Error('nobody handles this')); cb(true); },
            throwLater(n, cb) { for (let i = 0; i < n; i++) setImmediate(() => { throw new Error('number ' + i); }); cb(true); },
            exit() { process.exit(7); },
            timer(cb) { setInterval(() => {}, 1000); cb(process.pid); },
        };`,
    'app/server/members.js': 'exports.authenticate = true; exports.actions = { secret(cb) { cb(1); } };',
};

/** A machine of its own needs a tenth of it: docs/PERFORMANCE.md. */
const START_LIMIT_MS = 1500;
const START_TRIES = 5; // on a busy one

/** @param {Buffer} payload */
const reason = (payload) => payload.toString('utf8', 2);

describe('a host', () => {
    it('says READY with its actions, and who may call them', async () => {
        const host = await startHost(app);
        assert.deepEqual(host.ready.problems, []);
        assert.deepEqual(host.ready.actions.filter((/** @type {any} */ a) => /secret|square/.test(a.name)),
            [{ name: 'app.square' }, { name: 'members.secret', authenticated: true }]);
        await host.stop();
    });

    it('of a small application is ready soon', async () => {
        let best = Infinity;
        for (let i = 0; i < START_TRIES && best > START_LIMIT_MS; i++) {
            const passed = stopwatch();
            const host = await startHost(app);
            best = Math.min(best, await passed());
            await host.stop();
        }
        assert.ok(best <= START_LIMIT_MS, `${best.toFixed(0)} ms`);
    });

    it('says READY with problems for files that cannot be loaded, and runs the rest', async () => {
        const host = await startHost({ ...app, 'app/server/broken.js': 'exports.actions = {\n  a(cb) { cb(1) },\n  b b\n};' });
        assert.equal(host.ready.problems.length, 1);
        assert.deepEqual([host.ready.problems[0].file, host.ready.problems[0].line], ['app/server/broken.js', 3]);
        assert.deepEqual(await host.call('app.square', [2]), { result: 4 });
        await host.stop();
    });

    it('says READY with a problem when there is no application', async () => {
        const host = await startHost(writeApp({}), { setup: { app: '/nowhere/at/all' } });
        assert.deepEqual(host.ready.actions, []);
        assert.equal(host.ready.problems.length, 1);
        await host.stop();
    });

    it('runs calls that came while it was loading, in their order', async () => {
        const host = await spawnHost(writeApp({
            ...app,
            'config/db.js': 'module.exports = new Promise((resolve) => setTimeout(resolve, 100));',
            'app/server/order.js': 'const all = []; exports.actions = { add(n, cb) { all.push(n); cb([...all]); } };',
        }));
        host.send(op.ACTIONS, JSON.stringify(['native.square']));
        const answers = await Promise.all([host.call('order.add', [1]), host.call('order.add', [2]), host.call('order.add', [3])]);
        assert.deepEqual(answers.map(({ result }) => result), [[1], [1, 2], [1, 2, 3]]);
        await host.stop();
    });

    it('keeps so much of what comes while it is loading, and no more', () => {
        const early = createEarly();
        const half = Buffer.alloc(MESSAGE_MAX / 2);
        assert.equal(early.keep(op.CALL, 1, 0, 0, half, 0, half.length), true);
        assert.equal(early.keep(op.CALL, 2, 0, 0, half, 0, half.length), true);
        assert.equal(early.keep(op.CALL, 3, 0, 0, half, 0, 1), false);
        /** @type {number[]} */
        const released = [];
        early.release((code, low) => released.push(low));
        assert.deepEqual(released, [1, 2]);
    });

    it('ends at once when the link ends, whatever its application still does', async () => {
        const host = await startHost(app);
        await host.call('app.timer');
        const before = Date.now();
        assert.deepEqual(await host.stop(), { code: 0, signal: null });
        assert.ok(Date.now() - before < 3000);
    });

    it('may be ended by its application', async () => {
        const host = await startHost(app);
        host.call('app.exit').catch(() => {});
        assert.deepEqual(await host.exit, { code: 7, signal: null });
    });

    it('says what it is when somebody runs it', async () => {
        const { spawnSync } = await import('node:child_process');
        const { status, stderr } = spawnSync(process.execPath, ['host/main.mjs'], { env: { ...process.env, SS_HOST_FD: '' }, encoding: 'utf8' });
        assert.equal(status, 2);
        assert.match(stderr, /is run by the sidecar/);
    });

    it('that is spoken to in another version says so, and ends', async () => {
        const host = await spawnHost(writeApp(app), { hello: { version: 2 } });
        assert.match(reason((await host.next(op.GOODBYE, 'GOODBYE')).payload), /speaks version 2 of the link, this host version 1/);
        assert.deepEqual(await host.exit, { code: 1, signal: null });
    });
});

describe('a failure that nobody handles', () => {
    for (const [action, params, pattern] of /** @type {[string, any[], RegExp][]} */ ([
        ['app.reject', [], /^unhandled rejection: nobody handles this$/], ['app.throwLater', [1], /^uncaught exception: number 0$/],
    ])) {
        it(`in ${action} is logged with its stack; the host asks to be replaced once, and goes on`, async () => {
            const host = await startHost(app);
            assert.deepEqual(await host.call(action, params), { result: true });
            assert.match(reason((await host.next(op.RETIRE, 'RETIRE')).payload), pattern);
            await host.logged(/Error: (?:nobody|number 0)[^]*app\.js/);
            await host.call(action, params);
            await host.until(() => host.log.filter((line) => /nobody|number/.test(line)).length === 2, 'the second line');
            await host.handled();
            assert.equal(host.messages.filter((message) => message.op === op.RETIRE).length, 0);
            assert.deepEqual(await host.call('app.square', [3]), { result: 9 });
            await host.stop();
        });
    }

    it('is not logged without end', async () => {
        const host = await startHost(app);
        await host.call('app.throwLater', [FAILURES_LOGGED_MAX + 20]);
        await host.logged(/more failures are not logged/);
        await host.handled();
        assert.equal(host.log.filter((line) => /number \d/.test(line)).length, FAILURES_LOGGED_MAX);
        await host.stop();
    });

    it('while loading is told once the host is ready', async () => {
        const host = await startHost({ ...app, 'app/server/early.js': 'Promise.reject(new Error("too early"));\nexports.actions = {};' });
        assert.match(reason((await host.next(op.RETIRE, 'RETIRE')).payload), /too early/);
        assert.deepEqual(await host.call('app.square', [3]), { result: 9 });
        await host.stop();
    });
});

describe('a host that is told to go', () => {
    it('answers what it has, says GOODBYE, and ends', async () => {
        const host = await startHost(app);
        const answer = host.call('app.later', [200]);
        host.send(op.DRAIN);
        assert.deepEqual(await answer, { result: 200 });
        assert.equal(reason((await host.next(op.GOODBYE, 'GOODBYE')).payload), 'drained');
        assert.deepEqual(await host.exit, { code: 0, signal: null });
    });

    it('does not wait for calls whose time is over', async () => {
        const host = await startHost(app, { hello: { timeoutMs: 300 } });
        host.call('app.never').catch(() => {});
        await host.handled();
        host.send(op.DRAIN);
        await host.next(op.GOODBYE, 'GOODBYE');
        assert.deepEqual(await host.exit, { code: 0, signal: null });
    });

    it('by SIGTERM does the same; SIGINT is for the sidecar', async () => {
        const host = await startHost(app);
        host.child.kill('SIGINT');
        const answer = host.call('app.later', [100]);
        await host.handled();
        host.child.kill('SIGTERM');
        assert.deepEqual(await answer, { result: 100 });
        assert.deepEqual(await host.exit, { code: 0, signal: null });
    });
});
