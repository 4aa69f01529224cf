// SPDX-License-Identifier: MIT
//
// The host's end of the link: frames in whatever pieces, long messages, one write for each turn,
// a sidecar that does not read, and one that breaks the rules.

import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { createAsks } from '../../host/asks.mjs';
import { ASKS_MAX, OUTPUT_SOFT } from '../../host/bounds.mjs';
import { callPayload, frame, op, startHost } from '../lib/fake_sidecar.mjs';

const app = {
    'app/server/app.js': `exports.actions = {
        square(n, cb) { cb(n * n); },
        async asquare(n) { return n * n; },
        echo(value, cb) { cb(value); },
        long(n, cb) { cb('x'.repeat(n)); },
        length(value, cb) { cb(value.length); },
        rss(cb) { cb(process.memoryUsage().rss); },
        async ask(n) { return (await SS.users.online.now()).length; },
        publish(n, cb) { SS.publish.broadcast('long', 'y'.repeat(n), cb); },
    };`,
};
const host = await startHost(app);
after(() => host.stop());

/** @param {string} action @param {string} params @param {number} handle */
const callFrame = (action, params, handle) => frame(op.CALL, { slot: handle }, callPayload(action, params));

describe('frames', () => {
    it('are understood byte by byte', async () => {
        const answered = new Promise((resolve) => host.calls.set(900001, resolve));
        host.socket.setNoDelay?.();
        for (const byte of callFrame('app.square', '[12]', 900001)) {
            host.socket.write(Buffer.from([byte]));
            await new Promise((resolve) => setImmediate(resolve));
        }
        assert.deepEqual(await answered, { result: 144 });
    });

    it('of one turn are answered in one write', async () => {
        const handles = Array.from({ length: 200 }, (_, i) => 910000 + i);
        const answers = handles.map((handle) => new Promise((resolve) => host.calls.set(handle, resolve)));
        const bytes = Buffer.concat(handles.map((handle) => callFrame(handle % 2 ? 'app.asquare' : 'app.square', '[2]', handle)));
        const before = { chunks: host.chunksRead, frames: host.framesRead };
        host.socket.write(bytes);
        await Promise.all(answers);
        assert.equal(host.framesRead - before.frames, 200);
        assert.ok(host.chunksRead - before.chunks <= 4, `${host.chunksRead - before.chunks} reads`);
    });

    it('carry the whole handle back', async () => {
        host.send(op.CALL, callPayload('app.square', '[3]'), { handle: 0xfffffffe, generation: 0xfedcba98 });
        const got = await host.next(op.RETURN, 'RETURN');
        assert.deepEqual([got.handle, got.generation, got.number], [0xfffffffe, 0xfedcba98, 0]);
    });

    it('of a long message are put together, both ways', async () => {
        for (const n of [0, 1, 21845, 21846, 65516, 65534, 65535, 65536, 65537, 131070, 1 << 20]) {
            const text = 'x'.repeat(n);
            assert.equal((await host.call('app.length', [text])).result, n);
            assert.equal((await host.call('app.long', [n])).result, text);
        }
        const wide = '\u20ac\ud83d\ude00'.repeat(30000);
        assert.equal((await host.call('app.echo', [wide])).result, wide);
        await host.call('app.publish', [200000]);
        assert.equal((await host.nextAsk('publish')).body.length, 200000);
        host.answers['users.online'] = () => ({ result: Array(50000).fill('somebody') });
        assert.deepEqual(await host.call('app.ask', [1]), { result: 50000 });
    });

    it('of other operations may stand between those of a long one', async () => {
        const handle = 920000;
        const answered = new Promise((resolve) => host.calls.set(handle, resolve));
        const payload = callPayload('app.length', JSON.stringify(['z'.repeat(100000)]));
        host.socket.write(frame(op.CALL, { slot: handle, flags: 1 }, payload.subarray(0, 65536)));
        host.send(op.PING, 'between!');
        assert.equal(String((await host.next(op.PONG, 'PONG')).payload), 'between!');
        host.socket.write(frame(op.CALL, { slot: handle }, payload.subarray(65536)));
        assert.deepEqual(await answered, { result: 100000 });
    });
});

describe('a sidecar that does not read', () => {
    it('is not read from either; memory stays bounded, and nothing is lost', async () => {
        const { result: before } = await host.call('app.rss');
        host.socket.pause();
        const calls = Array.from({ length: 4000 }, (_, i) => host.call('app.echo', [`${i}${'e'.repeat(20000)}`]));
        await new Promise((resolve) => setTimeout(resolve, 500));
        assert.ok(host.socket.writableLength > 20 << 20, 'the host has stopped reading');
        host.socket.resume();
        const answers = await Promise.all(calls);
        assert.ok(answers.every(({ result }, i) => result.startsWith(`${i}e`)));
        const { result: now } = await host.call('app.rss');
        assert.ok(now - before < 200 << 20, `${(now - before) >> 20} MiB more than before`);
        assert.ok(OUTPUT_SOFT < 20 << 20);
    });

    it('makes questions fail past a bound, rather than wait', async () => {
        /** @type {any[]} */
        const sent = [];
        const link = { full: false, send: (/** @type {any[]} */ ...frameOf) => sent.push(frameOf) };
        const asks = createAsks(() => /** @type {any} */ (link));
        for (let i = 0; i < ASKS_MAX; i++) {
            asks.ask('on', {});
        }
        assert.equal(asks.pending, ASKS_MAX);
        await assert.rejects(asks.ask('on', {}), { code: -32006 });
        asks.answered(1, Buffer.from('\u0001null'), 0, 5);
        asks.ask('on', {});
        assert.equal(sent.length, ASKS_MAX + 1);
        link.full = true;
        const bare = createAsks(() => /** @type {any} */ (link));
        await assert.rejects(bare.ask('on', {}), { code: -32006 });
        bare.log('error', 'left out');
        assert.equal(sent.length, ASKS_MAX + 1);
    });
});

describe('a sidecar that breaks the rules', () => {
    const long = callPayload('app.square', '[1]');
    for (const [what, bytes] of /** @type {[string, Buffer][]} */ ([
        ['an unknown operation', frame(0x7f)],
        ['a frame that is too long', frame(op.CALL, { length: 65537 })],
        ['an unknown flag', frame(op.CALL, { flags: 2 }, long)],
        ['a second SETUP', frame(op.SETUP, {}, '{}')],
        ['an EVENT that is no JSON', frame(op.EVENT, {}, '{')],
        ['a CALL that ends too early', frame(op.CALL, {}, long.subarray(0, 20))],
        ['a CALL of nothing', frame(op.CALL, {}, '')],
        ['a chunk of another message', Buffer.concat([frame(op.CALL, { slot: 1, flags: 1 }, long), frame(op.CALL, { slot: 2 }, long)])],
    ])) {
        it(`by ${what} is told, and the host ends`, async () => {
            const other = await startHost(app);
            other.socket.write(bytes);
            const { payload } = await other.next(op.GOODBYE, 'GOODBYE');
            assert.ok(payload.length > 10);
            assert.deepEqual(await other.exit, { code: 1, signal: null });
            await other.until(() => /^the link is broken: /m.test(other.output), 'the reason on standard error');
        });
    }
});
