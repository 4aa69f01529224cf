// SPDX-License-Identifier: MIT
//
// Names, params and results that want to do harm: each gets a clear error, and nothing else changes.

import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { callPayload, op, startHost } from '../lib/fake_sidecar.mjs';

const host = await startHost({
    'app/server/app.js': `
        const cyclic = {}; cyclic.self = cyclic;
        let deep = []; for (let i = 0; i < 100000; i++) deep = [deep];
        const results = {
            cyclic, deep, big: 2n ** 70n, symbol: Symbol('x'), fn: () => 1, undefined: undefined, nan: NaN,
            inList: [undefined, () => 1, Symbol('x')],
            getter: { get trap() { throw new Error('do not look'); } },
            toJson: { toJSON() { throw new Error('no JSON of me'); } },
            proxy: new Proxy({}, { ownKeys() { throw new Error('no keys for you'); } }),
            revoked: (() => { const r = Proxy.revocable({}, {}); r.revoke(); return r.proxy; })(),
            bareThrow: { toJSON() { throw null; } },
            map: new Map([[1, 2]]), date: new Date(0), bare: Object.create(null),
        };
        const thrown = {
            message: { get message() { throw new Error('not even this'); } },
            print: { toString() { throw new Error('nor this'); } },
            proxy: new Proxy({}, { get() { throw new Error('nothing'); } }),
            symbol: Symbol('x'), big: 5n, bare: Object.create(null), nan: { code: NaN, message: 'NaN' },
            text: { code: 'ENOENT', message: 'text' }, huge: { code: 1e300, message: 'huge' },
            long: new Error('x'.repeat(1e6)), cyclicData: { message: 'c', code: 1, data: cyclic },
        };
        exports.actions = {
            echo(value, cb) { cb(value); },
            count(...all) { all.pop()(all.length); },
            result(name, cb) { cb(results[name]); },
            promised(name) { return Promise.resolve(results[name]); },
            thenable(cb) { return { get then() { throw new Error('no then'); } }; },
            throwing(name, cb) { throw thrown[name]; },
            rejecting(name) { return Promise.reject(thrown[name]); },
            long(n, cb) { cb('x'.repeat(n)); },
            wide(n, cb) { cb('\\u20ac'.repeat(n)); },
            lone(cb) { cb({ ['k\\ud800']: 'a\\ud800b \\\\ud800 \\ude00' }); },
            polluted(cb) { cb([{}.polluted, [].polluted, Object.prototype.polluted]); },
            member(value, cb) { cb([value.admin, Object.keys(value), Object.hasOwn(value, '__proto__')]); },
        };`,
}, { hello: { maxMessage: 3 << 20 } });
after(() => host.stop());

const alive = async () => assert.deepEqual(await host.call('app.echo', ['alive']), { result: 'alive' });

describe('a hostile name', () => {
    it('of 10,000 finds nothing, and harms nothing', async () => {
        const parts = ['__proto__', 'constructor', 'prototype', 'toString', 'valueOf', 'hasOwnProperty', '__defineGetter__', 'then', 'apply',
            'call', '', '.', '..', 'app', 'actions', 'exports', 'session', '\u0000', '\ud83d\ude00', '%00', '../app', 'app.echo ', 'APP.ECHO', '\n', '$', '"', '\\', 'x'.repeat(250)];
        const names = Array.from({ length: 10000 }, (_, i) => {
            const length = 1 + (i % 4);
            return Array.from({ length }, (__, k) => parts[(i * 31 + k * 17 + (i >> 5)) % parts.length]).join('.');
        }).filter((name) => name !== 'app.echo');
        const answers = await Promise.all(names.map((name) => host.call(name, [1])));
        assert.equal(answers.length > 9900, true);
        for (const [i, { error }] of answers.entries()) {
            assert.equal(error?.code, -32601, names[i]);
        }
        const odd = await Promise.all(Array.from({ length: 256 }, (_, byte) => {
            const handle = host.nextHandle++;
            const payload = callPayload('xxxx', '[]');
            payload.fill(byte, 3, 7);
            host.send(op.CALL, payload, { handle });
            return new Promise((resolve) => host.calls.set(handle, resolve));
        }));
        assert.equal(odd.every(({ error }) => error.code === -32601), true);
        await alive();
    });
});

describe('hostile params', () => {
    it('are data: __proto__ is a member like any other', async () => {
        const text = '[{"__proto__":{"admin":true,"polluted":1},"constructor":{"prototype":{"polluted":1}}}]';
        assert.deepEqual(await host.call('app.member', text), { result: [null, ['__proto__', 'constructor'], true] });
        assert.deepEqual(await host.call('app.polluted'), { result: [null, null, null] });
    });

    it('that are no list, no JSON or invalid UTF-8 get an error or a replacement', async () => {
        assert.deepEqual(await host.call('app.echo', '{"a":1}'), { result: { a: 1 } });
        for (const text of ['', '[', '[1,]', 'undefined', '[1]x', '\u0000']) {
            assert.equal((await host.call('app.echo', text)).error.code, -32700, text);
        }
        const { result } = await host.call('app.echo', Buffer.from([0x5b, 0x22, 0xff, 0xc0, 0xaf, 0x22, 0x5d]));
        assert.equal(result, '\ufffd\ufffd\ufffd');
        assert.deepEqual(await host.call('app.echo', '["\\ud800x"]'), { result: '\ufffdx' });
    });

    it('come in any number, depth and size', async () => {
        assert.deepEqual(await host.call('app.count', Array(10000).fill(0)), { result: 10000 });
        assert.equal(typeof (await host.call('app.count', Array(1000000).fill(0))).error.message, 'string');
        const deep = `[${'['.repeat(3000)}${']'.repeat(3000)}]`;
        assert.ok('result' in await host.call('app.echo', deep));
        const long = 'y'.repeat(2 << 20);
        assert.equal((await host.call('app.echo', [long])).result, long);
        await alive();
    });
});

describe('a result', () => {
    it('that JSON has no word for is null', async () => {
        for (const name of ['symbol', 'fn', 'undefined', 'nan']) {
            assert.deepEqual(await host.call('app.result', [name]), { result: null }, name);
        }
        assert.deepEqual(await host.call('app.result', ['inList']), { result: [null, null, null] });
        assert.deepEqual(await host.call('app.result', ['map']), { result: {} });
        assert.deepEqual(await host.call('app.result', ['bare']), { result: {} });
        assert.deepEqual(await host.call('app.result', ['date']), { result: '1970-01-01T00:00:00.000Z' });
    });

    it('that JSON cannot express is -32603, naming action and reason', async () => {
        for (const [name, why] of Object.entries({
            cyclic: /circular/, big: /BigInt/, getter: /do not look/, toJson: /no JSON of me/, proxy: /no keys for you/,
            revoked: /revoked/, deep: /call stack/, bareThrow: /Application error/,
        })) {
            for (const action of ['app.result', 'app.promised']) {
                const { error } = await host.call(action, [name]);
                // A promise looks into what it is resolved with, and rejects.
                assert.equal(error.code, name === 'revoked' && action === 'app.promised' ? -32000 : -32603, name);
                assert.match(error.message, why);
                if (error.code === -32603) {
                    assert.match(error.message, new RegExp(`^${action}: its result is not serializable: `));
                }
            }
        }
        await alive();
    });

    it('of 2 MiB arrives, one longer than the sidecar takes is -32005', async () => {
        const { result } = await host.call('app.long', [2 << 20]);
        assert.equal(result.length, 2 << 20);
        assert.equal((await host.call('app.long', [(3 << 20) - 2])).result.length, (3 << 20) - 2);
        const { error } = await host.call('app.long', [(3 << 20) - 1]);
        assert.deepEqual(error, { code: -32005, message: 'app.long: its result has 3145729 bytes, more than 3145728' });
        assert.equal((await host.call('app.wide', [(1 << 20) - 1])).result.length, (1 << 20) - 1);
        assert.equal((await host.call('app.wide', [1 << 20])).error.code, -32005);
    });

    it('with lone surrogates is still Unicode', async () => {
        assert.deepEqual(await host.call('app.lone'), { result: { 'k\ufffd': 'a\ufffdb \\ud800 \ufffd' } });
    });

    it('may be a thenable that throws', async () => {
        assert.deepEqual(await host.call('app.thenable'), { error: { code: -32000, message: 'no then' } });
    });
});

describe('a thrown value', () => {
    it('of any kind is an error with a message', async () => {
        for (const name of ['message', 'print', 'proxy', 'symbol', 'big', 'bare', 'nan', 'text', 'huge', 'long']) {
            for (const action of ['app.throwing', 'app.rejecting']) {
                const { error } = await host.call(action, [name]);
                assert.equal(error.code, -32000, name);
                assert.equal(typeof error.message, 'string', name);
                assert.ok(error.message.length <= 4096, name);
            }
        }
        assert.deepEqual(await host.call('app.throwing', ['cyclicData']), { error: { code: 1, message: 'c' } });
        await alive();
        assert.equal(host.messages.length, 0, 'the host does not want to be replaced');
    });
});
