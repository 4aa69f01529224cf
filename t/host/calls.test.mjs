// SPDX-License-Identifier: MIT
//
// Calls of JavaScript actions: params, callbacks, promises, errors, and what `this` is.

import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { startHost } from '../lib/fake_sidecar.mjs';

const files = {
    'app/server/app.js': `
        const held = [];
        exports.actions = {
            square(n, cb) { cb(n * n); },
            add(a, b, cb) { cb(a + b); },
            none(cb) { cb(); },
            two(cb) { cb('first', 'second'); },
            promise(n) { return Promise.resolve(n + 1); },
            bare() { return Promise.resolve('promised'); },
            async asquare(n) { return n * n; },
            async athrow() { throw new TypeError('no, thanks'); },
            async both(n, cb) { cb('by callback'); return 'by promise'; },
            late(n, cb) { setTimeout(() => cb(n), 20); return Promise.resolve('not this'); },
            rejects(n, cb) { return Promise.reject(new Error('rejected before the callback')); },
            valueIgnored(cb) { setTimeout(() => cb('callback'), 5); return 17; },
            rest(...all) { all.pop()(all); },
            args() { arguments[arguments.length - 1](arguments.length - 1); },
            standard(a, b = 7, cb) { cb([a, b]); },
            byDefault(a, b = 7) { return Promise.resolve([a, b]); },
            byList(a, b = [7, 8]) { return Promise.resolve([a, ...b]); },
            byOptions(a, { limit = 10, from = 0 } = {}) { return Promise.resolve([a, limit, from]); },
            onlyDefault(a = 1) { return Promise.resolve(a); },
            passes(a, done = () => {}) { setTimeout(done, 1, a); },
            calls(a, k = () => {}) { k(a); },
            forgotDefault(a, b = 7) { return a + b; },
            forgot() { return 5; },
            cannot(cb) { cb('never'); },
            odd(n) { return n; },
            twice(cb) { cb(1); cb(2); },
            failsAfter(cb) { cb(1); throw new Error('too late'); },
            error(cb) { cb(new Error('an error as the result')); },
            throws() { throw new Error('broken'); },
            refuses() { throw Object.assign(new Error('no such colour'), { code: -32602, data: { colour: 'puce' } }); },
            refusesLate(cb) { cb(1); throw Object.assign(new Error('too late for that'), { code: 7 }); },
            aborted() { throw new DOMException('stopped', 'AbortError'); },
            trap(code) { throw new Proxy({ code, message: 'trapped' }, { getPrototypeOf() { throw new Error('a trap'); } }); },
            coded() { throw { code: -32001, message: 'sign in first', data: { why: 'because' } }; },
            enoent(cb) { require('fs').readFileSync('/nowhere/at/all'); },
            string() { throw 'just a string'; },
            nothing() { throw undefined; },
            sibling(n, cb) { this.square(n, cb); },
            who(ms, cb) { const s = this.session; setTimeout(() => cb([s.id, this.session.id, this.session === s, this.user === s.user]), ms); },
            request(cb) { cb(this.request); },
            got(cb) { this.getSession((session) => cb(session === this.session)); },
            hold(cb) { held.push(this); cb(held.length); },
            heldDiffer(cb) { cb(new Set(held).size === held.length && held.every((x) => x instanceof Object && x.square)); },
            echo(...all) { all.pop()(all[0]); },
            facts(cb) { cb([this.session.user_id, this.session.attributes, this.session.channels]); },
            Aa(cb) { cb('Aa'); },
            BB(cb) { cb('BB'); }, // in host/names.mjs both have one hash
            set(value, cb) { this.session = value; this.extra = 1; cb([this.session, Object.keys(exports.actions).includes('extra')]); },
        };`,
    'app/server/coffee.coffee': `
exports.actions =
  last: (n, cb) -> setTimeout (-> cb n), 1
  optional: (cb = ->) -> cb 'called'
  byDefault: (a, b = 7) -> Promise.resolve [a, b]
  splat: (all..., cb) -> cb all
  awaits: (n, cb) ->
    await Promise.resolve()
    cb n + 1
    Promise.resolve 'the last expression'
`,
};

const production = await startHost(files);
const development = await startHost(files, { env: 'development', config: { throw_errors: true } });
after(async () => {
    await production.stop();
    await development.stop();
});

/** @param {string} action @param {any[]} params */
const call = (action, ...params) => production.call(action, params);

describe('an action', () => {
    it('is found by its name, though another has the same hash', async () => {
        assert.deepEqual(await call('app.Aa'), { result: 'Aa' });
        assert.deepEqual(await call('app.BB'), { result: 'BB' });
        assert.equal((await call('app.AB')).error.code, -32601);
        assert.equal((await call('app.')).error.code, -32601);
    });

    it('gets and gives text of any length and language', async () => {
        for (const letter of ['a', 'é', '語', '😀']) {
            for (let length = 0; length < 70; length++) {
                const text = 'x'.repeat(length) + letter;
                assert.deepEqual(await call('app.echo', text), { result: text });
            }
        }
    });

    it('gives any number, and null for what is none', async () => {
        for (const number of [0, -1, 1.5, 1e21, 1e-7, Number.MAX_SAFE_INTEGER, Number.MIN_VALUE]) {
            assert.deepEqual(await call('app.echo', number), { result: number });
        }
        assert.deepEqual(await call('app.square', 1e200), { result: null });
    });

    it('sees a session in any language', async () => {
        const session = { id: 's1', created_at: 1, user: 'Zoë', attributes: { größe: '身長 😀' }, channels: ['číslo:1'] };
        const { result } = await production.call('app.facts', [], { id: 'r', transport: 'websocket', socket: 'n-1-1', session });
        assert.deepEqual(result, [session.user, session.attributes, session.channels]);
    });

    it('gets its params first and the callback last', async () => {
        assert.deepEqual(await call('app.square', 25), { result: 625 });
        assert.deepEqual(await call('app.add', 'a', 'b'), { result: 'ab' });
        assert.deepEqual(await call('coffee.last', 3), { result: 3 });
    });

    it('answers null when it calls back with nothing, and the first argument whatever comes behind it', async () => {
        assert.deepEqual(await call('app.none'), { result: null });
        assert.deepEqual(await call('app.two'), { result: 'first' });
    });

    it('answers by a promise, if it has no room for the callback', async () => {
        assert.deepEqual(await call('app.promise', 1), { result: 2 });
        assert.deepEqual(await call('app.bare'), { result: 'promised' });
        assert.deepEqual(await call('app.asquare', 5), { result: 25 });
    });

    it('answers by its callback alone, if it has room for it', async () => {
        assert.deepEqual(await call('app.both', 1), { result: 'by callback' });
        assert.deepEqual(await call('app.late', 4), { result: 4 });
        assert.deepEqual(await call('app.valueIgnored'), { result: 'callback' });
        assert.deepEqual(await call('coffee.awaits', 1), { result: 2 });
        const { error } = await call('app.rejects', 1);
        assert.deepEqual(error, { code: -32000, message: 'rejected before the callback' });
    });

    it('may take any number of params by rest, defaults and arguments', async () => {
        assert.deepEqual(await call('app.rest', 1, 2, 3), { result: [1, 2, 3] });
        assert.deepEqual(await call('app.args', 1, 2), { result: 2 });
        assert.deepEqual(await call('app.standard', 1, 2), { result: [1, 2] });
        assert.deepEqual(await call('coffee.optional'), { result: 'called' });
        assert.deepEqual(await call('app.passes', 1), { result: 1 });
        assert.deepEqual(await call('app.calls', 1), { result: 1 });
        assert.deepEqual(await call('coffee.splat', 1, 2), { result: [1, 2] });
    });

    it('that returns a promise has its defaults', async () => {
        assert.deepEqual(await call('app.byDefault', 1), { result: [1, 7] });
        assert.deepEqual(await call('app.byDefault', 1, 2), { result: [1, 2] });
        assert.deepEqual(await call('app.byList', 1), { result: [1, 7, 8] });
        assert.deepEqual(await call('app.byOptions', 1), { result: [1, 10, 0] });
        assert.deepEqual(await call('app.byOptions', 1, { limit: 3 }), { result: [1, 3, 0] });
        assert.deepEqual(await call('app.onlyDefault'), { result: 1 });
        assert.deepEqual(await call('coffee.byDefault', 1), { result: [1, 7] });
    });

    it('that does not fit its params is refused in the words of 2011', async () => {
        for (const [action, params, message] of /** @type {[string, any[], string][]} */ ([
            ['square', [], "The app.square action expects params but none were sent"],
            ['add', [1], 'The app.add action expects 2 params but only 1 was sent'],
            ['asquare', [], 'The app.asquare action expects params but none were sent'],
            ['cannot', [1], "The app.cannot action was sent params but can't receive them"],
            ['square', [1, 2], "The app.square action was sent params but can't receive them"],
            ['odd', [1], "The app.odd action was sent params but can't receive them"],
            ['byDefault', [], 'The app.byDefault action expects params but none were sent'],
            ['forgotDefault', [1], 'The app.forgotDefault action is missing the callback argument'],
            ['forgot', [], 'The app.forgot action is missing the callback argument'],
        ])) {
            assert.deepEqual(await call(`app.${action}`, ...params), { error: { code: -32602, message } }, action);
        }
    });

    it('that answers twice is named in the log, and its first answer counts', async () => {
        assert.deepEqual(await call('app.twice'), { result: 1 });
        await production.logged(/^warning app\.twice has answered twice/);
        assert.deepEqual(await call('app.failsAfter'), { result: 1 });
        await production.logged(/^error app\.failsAfter, after its answer: Error: too late/);
        assert.equal(production.messages.length, 0);
    });

    it('that throws or rejects answers -32000 with the message, and the log has the stack', async () => {
        assert.deepEqual(await call('app.throws'), { error: { code: -32000, message: 'broken' } });
        await production.logged(/^error app\.throws: Error: broken\n +at .*app\.js/);
        assert.deepEqual(await call('app.athrow'), { error: { code: -32000, message: 'no, thanks' } });
        assert.deepEqual(await call('app.error'), { error: { code: -32000, message: 'an error as the result' } });
        assert.deepEqual(await call('app.string'), { error: { code: -32000, message: 'just a string' } });
        assert.deepEqual(await call('app.nothing'), { error: { code: -32000, message: 'Application error' } });
        assert.equal((await call('app.enoent')).error.code, -32000);
    });

    it('may throw a code and data of its own', async () => {
        assert.deepEqual(await call('app.coded'), { error: { code: -32001, message: 'sign in first', data: { why: 'because' } } });
    });

    it('that throws a code of its own answers on purpose: the log has a line and no stack', async () => {
        const refusal = { error: { code: -32602, message: 'no such colour', data: { colour: 'puce' } } };
        assert.deepEqual(await call('app.refuses'), refusal);
        assert.deepEqual(await development.call('app.refuses'), refusal);
        await production.logged(/^info app\.refuses: no such colour \(-32602\)$/);
        assert.deepEqual(await call('app.refusesLate'), { result: 1 });
        await production.logged(/^info app\.refusesLate, after its answer: too late for that \(7\)$/);
    });

    it('has no code of its own by a DOMException, nor by an internal error, nor by what cannot be looked at', async () => {
        assert.deepEqual(await call('app.aborted'), { error: { code: -32000, message: 'stopped' } });
        await production.logged(/^error app\.aborted: /);
        assert.deepEqual(await call('app.trap', -32603), { error: { code: -32603, message: 'trapped' } });
        await production.logged(/^error app\.trap: trapped$/);
        assert.deepEqual(await call('app.trap', 5), { error: { code: 5, message: 'trapped' } });
    });

    it('shows its stack to the caller only with throw_errors', async () => {
        const { error } = await development.call('app.throws');
        assert.match(error.data.stack, /^Error: broken\n +at .*app\.js/);
        assert.equal((await call('app.throws')).error.data, undefined);
        assert.equal((await development.call('app.square')).error.data, undefined);
    });
});

describe('this, in an action,', () => {
    it('has the siblings, with the session of the call', async () => {
        assert.deepEqual(await call('app.sibling', 3), { result: 9 });
        assert.deepEqual(await call('app.got'), { result: true });
    });

    it('has the session of its own call, whatever else is under way', async () => {
        const all = await Promise.all(Array.from({ length: 200 }, (_, i) => production.call('app.who', [(i * 7) % 20],
            { id: `r${i}`, transport: 'websocket', address: '', session: { id: `s${i}`, created_at: 1 } })));
        assert.deepEqual(all.map(({ result }) => result), all.map((_, i) => [`s${i}`, `s${i}`, true, true]));
    });

    it('has the request, with headers and body over HTTP', async () => {
        const overHttp = { id: 'h', transport: 'http', address: '192.0.2.9', headers: { origin: 'http://a.example', 'user-agent': 'curl' }, post: '[1,2]' };
        assert.deepEqual(await production.call('app.request', [], overHttp), {
            result: { id: 'h', transport: 'http', address: '192.0.2.9', socket_id: '', origin: 'http://a.example', headers: overHttp.headers, post: { raw: '[1,2]' } },
        });
        const { result } = await call('app.request');
        assert.deepEqual(result, { id: 'r1', transport: 'websocket', address: '192.0.2.1', socket_id: 'n-1-1', headers: {} });
    });

    it('is an object of each call, which inherits the actions', async () => {
        await call('app.hold');
        await call('app.hold');
        assert.deepEqual(await call('app.heldDiffer'), { result: true });
        assert.deepEqual(await call('app.set', 5), { result: [5, false] });
        assert.deepEqual(await call('app.got'), { result: true });
    });
});
