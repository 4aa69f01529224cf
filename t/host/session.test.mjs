// SPDX-License-Identifier: MIT
//
// @session: what an action sees of a session, what it asks the sidecar, and what comes of it.

import assert from 'node:assert/strict';
import { after, beforeEach, describe, it } from 'node:test';
import { emptySession, startHost } from '../lib/fake_sidecar.mjs';

const host = await startHost({
    'app/server/app.js': `
        let kept;
        const told = [];
        exports.actions = {
            facts(cb) { const s = this.session; cb([s.id, s.created_at, s.user_id, s.newly_created, s.attributes, s.channels, s.key(), s.user.key(), s.user.loggedIn()]); },
            json(cb) { cb(this.session); },
            save(change, cb) { Object.assign(this.session.attributes, change); for (const k in change) if (change[k] === null) delete this.session.attributes[k]; this.session.save((error) => cb(error || 'saved')); },
            unchanged(cb) { this.session.attributes.cart; this.session.save(cb); },
            replace(all, cb) { this.session.attributes = all; this.session.save(cb); },
            follow(cb) { const s = this.session; s.attributes.mine = 1; s.save(() => cb(s.attributes)); },
            forget(cb) { const s = this.session; s.attributes.seen = null; s.save(() => s.save(() => cb(s.attributes))); },
            cannotSave(cb) { this.session.attributes.x = 5n; this.session.save(cb); },
            login(id, cb) { const s = this.session; s.setUserId(id, (error) => cb(error || [s.id, s.user_id, s.user.loggedIn()])); },
            loginNow(id, cb) { this.session.setUserId(id); cb(this.session.user_id); },
            async awaited(id) { const s = await this.session.setUserId(id); return [s === this.session, s.user_id]; },
            async refused(id) { try { await this.session.setUserId(id); } catch (e) { return [e.code, e.message, this.session.user_id]; } },
            logout(cb) { this.session.user.logout(cb); },
            logoutThen(cb) { this.session.user.logout((s) => cb([s === this.session, s.user_id, s.channels])); },
            join(names, cb) { this.session.channel.subscribe(names); cb(this.session.channel.list()); },
            joined(names, cb) { this.session.channel.subscribe(names, (error) => cb(error || this.session.channel.list())); },
            leave(names, cb) { this.session.channel.unsubscribe(names, (error) => cb(error || this.session.channel.list())); },
            reset(cb) { this.session.channel.reset((error) => cb(error || this.session.channel.list())); },
            throwsLater(cb) { this.session.save(() => { throw new Error('in the callback of save'); }); this.session.setUserId('u', () => { throw new Error('in the callback'); }); },
            afterwards(cb) { const s = this.session; cb('answered'); setTimeout(() => s.setUserId('later'), 10); },
            auth(params, cb) { this.session.authenticate('custom_auth', params, cb); },
            authStatus(params, cb) { this.session.authenticate('old_auth', params, cb); },
            async authAsync(params) { return this.session.authenticate('async_auth', params); },
            authNowhere(cb) { this.session.authenticate('no_such_module', {}, cb); },
            authBroken(cb) { this.session.authenticate('empty_auth', {}, cb); },
            watch(cb) { this.session.on('disconnect', (session) => { told.push([session.id, session.user_id, session.channel.list()]); session.user.logout(); }); cb(true); },
            watchOther(cb) { this.session.on('disconnect', function (session) { throw new Error('a bad handler'); }); cb(true); },
            watchWrong(cb) { this.session.on('reconnect', () => {}); },
            told(cb) { cb(told.splice(0)); },
        };`,
    'lib/server/custom_auth.js': `exports.authenticate = (params, cb) => setTimeout(() =>
        cb(params.password === 'tea' ? { success: true, user_id: 21323, info: { name: 'joe' } } : { success: false, info: { num_retries: 2 } }), 1);`,
    'lib/server/old_auth.js': 'exports.authenticate = (params, cb) => cb({ status: 1, user_id: 1 });',
    'lib/server/async_auth.js': 'exports.authenticate = async (params) => ({ success: params === 1 });',
    'lib/server/empty_auth.js': '',
}, { config: { redis: { key_prefix: 'app' } } });
after(() => host.stop());

const rich = { id: 's7', created_at: 5, user: 'ann', attributes: { cart: [1], seen: true }, channels: ['a'] };
/** @param {any} session */
const facts = (session) => ({ id: 'r', transport: 'websocket', address: '', socket: 'n-1-1', session });
/** @param {string} action @param {any[]} [params] @param {any} [session] */
const call = (action, params = [], session = emptySession()) => host.call(`app.${action}`, params, facts(session));
/** @param {any} session */
const answer = (session) => () => ({ result: session });
const failure = { code: -32003, message: 'Unavailable', data: { retryable: true } };

beforeEach(() => {
    host.answers = {};
    host.asked = [];
});

describe('a session', () => {
    it('shows what the call brought', async () => {
        assert.deepEqual((await call('facts', [], rich)).result,
            ['s7', 5, 'ann', false, { cart: [1], seen: true }, ['a'], 'app:session:s7', 'app:user:ann', true]);
        assert.deepEqual((await call('facts', [], { id: 'n', created_at: 1, new: true })).result,
            ['n', 1, null, true, {}, [], 'app:session:n', 'app:user:null', false]);
    });

    it('shows browsers nothing of itself', async () => {
        assert.deepEqual(await call('json', [], rich), { result: {} });
    });

    it('saves only what differs, name by name', async () => {
        host.answers['session.save'] = answer(rich);
        assert.deepEqual(await call('save', [{ cart: [1, 2], seen: null, fresh: 'x', ['__proto__x']: 1 }], rich), { result: 'saved' });
        const asked = await host.nextAsk('session.save');
        assert.deepEqual(asked.args, { session: 's7', socket: 'n-1-1', set: { cart: [1, 2], fresh: 'x', __proto__x: 1 }, remove: ['seen'] });
        assert.notEqual(asked.handle, 0);
        assert.deepEqual(await call('replace', [{ seen: true }], rich), { result: null });
        assert.deepEqual((await host.nextAsk('session.save')).args.remove, ['cart']);
    });

    it('asks nothing when nothing has changed', async () => {
        assert.deepEqual(await call('unchanged', [], rich), { result: null });
        assert.deepEqual(host.asked, []);
    });

    it('removes what is null, and once', async () => {
        host.answers['session.save'] = answer({ ...rich, attributes: { cart: [1] } });
        assert.deepEqual(await call('forget', [], rich), { result: { cart: [1], seen: null } });
        const saves = host.asked.filter(({ what }) => what === 'session.save');
        assert.deepEqual(saves.map(({ args }) => [args.set, args.remove]), [[{}, ['seen']]]);
        host.asked = [];
        assert.deepEqual(await call('forget', [], emptySession()), { result: { seen: null } });
        assert.deepEqual(host.asked, [], 'what never was is not removed');
    });

    it('follows what others have changed, but for what was set here', async () => {
        host.answers['session.save'] = answer({ id: 's1', created_at: 1, attributes: { mine: 1, theirs: 2 } });
        assert.deepEqual(await call('follow', [], { id: 's1', created_at: 1, attributes: { gone: 0 } }), { result: { mine: 1, theirs: 2 } });
    });

    it('says what cannot be saved', async () => {
        const { error } = await call('cannotSave');
        assert.deepEqual(error, { code: -32602, message: 'session.attributes cannot be saved: Do not know how to serialize a BigInt' });
    });

    it('is signed in by setUserId, under its new id', async () => {
        host.answers['session.login'] = ({ args }) => ({ result: { id: 's2', created_at: 1, user: args.user } });
        assert.deepEqual(await call('login', [17]), { result: ['s2', '17', true] });
        assert.deepEqual((await host.nextAsk('session.login')).args, { session: 's1', socket: 'n-1-1', user: '17' });
        assert.deepEqual(await call('loginNow', ['ann']), { result: 'ann' });
        assert.deepEqual(await call('awaited', ['ann']), { result: [true, 'ann'] });
    });

    it('is what it was when an operation fails, which callback, promise and log tell', async () => {
        host.answers['session.login'] = () => ({ error: failure });
        assert.deepEqual(await call('refused', ['ann']), { result: [-32003, 'Unavailable', null] });
        assert.deepEqual((await call('login', ['ann'])).error, failure);
        await host.logged(/^warning app\.login: session\.login: Unavailable/);
        assert.deepEqual((await call('login', [''])).error.code, -32602);
        assert.deepEqual((await call('login', [{}])).error.code, -32602);
    });

    it('is empty after logout, which gives it to its callback', async () => {
        host.answers['session.logout'] = answer({ id: 's7', created_at: 5 });
        assert.deepEqual(await call('logoutThen', [], rich), { result: [true, null, []] });
        assert.deepEqual(await call('logout', [], rich), { result: {} });
        host.answers['session.logout'] = () => ({ error: failure });
        assert.deepEqual((await call('logout', [], rich)).error, failure);
    });

    it('subscribes at once as the action sees it, and truly once the sidecar says so', async () => {
        host.answers['channel.subscribe'] = ({ args }) => ({ result: { id: 's1', created_at: 1, channels: ['from sidecar', ...args.names] } });
        assert.deepEqual(await call('join', ['a']), { result: ['a'] });
        assert.deepEqual(await call('joined', [['a', 7]]), { result: ['from sidecar', 'a', '7'] });
        assert.deepEqual((await host.nextAsk('channel.subscribe')).args.names, ['a']);
        host.answers['channel.subscribe'] = () => ({ error: failure });
        assert.deepEqual((await call('joined', ['a'])).error, failure);
    });

    it('unsubscribes from some, or all', async () => {
        host.answers['channel.unsubscribe'] = answer({ id: 's7', created_at: 5, channels: [] });
        host.answers['channel.reset'] = answer({ id: 's7', created_at: 5 });
        assert.deepEqual(await call('leave', ['a'], rich), { result: [] });
        assert.deepEqual(await call('reset', [], rich), { result: [] });
    });

    it('refuses names of channels that are none', async () => {
        for (const names of [[], [''], [null], [{}], ['x'.repeat(257)], {}, true]) {
            assert.equal((await call('join', [names])).error.code, -32602, JSON.stringify(names));
        }
        assert.deepEqual((await call('join', ['x'.repeat(256)])).result, ['x'.repeat(256)]);
    });

    it('fails the call when a callback throws', async () => {
        host.answers['session.login'] = ({ args }) => ({ result: { id: 's1', created_at: 1, user: args.user } });
        assert.deepEqual((await call('throwsLater')).error, { code: -32000, message: 'in the callback of save' });
        assert.equal(host.messages.length, 0, 'the host does not want to be replaced');
    });

    it('works after the call was answered, in no call\'s name then', async () => {
        assert.deepEqual(await call('afterwards'), { result: 'answered' });
        const asked = await host.nextAsk('session.login');
        assert.deepEqual([asked.args.user, asked.handle], ['later', 0]);
    });

    it('is there over HTTP too, but nothing can be done with it', async () => {
        const overHttp = { id: 'h', transport: 'http', address: '' };
        const { result } = await host.call('app.facts', [], overHttp);
        assert.deepEqual(result.slice(0, 6), [null, null, null, false, {}, []]);
        for (const [action, params] of /** @type {[string, any[]][]} */ ([['login', ['ann']], ['joined', ['a']], ['logout', []], ['save', [{ a: 1 }]], ['reset', []]])) {
            const { error } = await host.call(`app.${action}`, params, overHttp);
            assert.equal(error?.code, -32001, action);
            assert.match(error.message, /this call has no session/);
        }
        assert.deepEqual(await host.call('app.watch', [], overHttp), { result: true });
        assert.deepEqual(host.asked.filter(({ what }) => what !== 'on'), []);
    });
});

describe('a user of the HTTP API', () => {
    const overHttp = { id: 'h', transport: 'http', address: '', session: { user: 'ann' } };

    it('is there during the call, without a session that anything could be kept in', async () => {
        const { result } = await host.call('app.facts', [], overHttp);
        assert.deepEqual([result[0], result[2], result[7], result[8]], [null, 'ann', 'app:user:ann', true]);
        host.asked.length = 0;
        assert.deepEqual(await host.call('app.save', [{ a: 1 }], overHttp), { result: 'saved' });
        assert.deepEqual(host.asked, [], 'nothing is saved anywhere');
        assert.match((await host.call('app.login', ['eve'], overHttp)).error.message, /this call has no session/);
    });

    it('is asked for of the authentication module, by a call that is no action', async () => {
        const ask = (/** @type {string} */ name, /** @type {any} */ params) => host.call('system.authenticate', [name, params], { id: 'q', transport: 'http', address: '' });
        assert.deepEqual(await ask('custom_auth', { username: 'joe', password: 'tea' }), { result: { success: true, user_id: 21323 } });
        assert.deepEqual(await ask('custom_auth', { username: 'joe', password: 'milk' }), { result: { success: false } });
        assert.deepEqual(await ask('old_auth', {}), { result: { success: true, user_id: 1 } });
        assert.deepEqual(await ask('async_auth', 1), { result: { success: true } });
        assert.equal((await ask('empty_auth', {})).error.code, -32603);
        assert.ok((await ask('no_such_module', {})).error.code < 0);
        assert.ok(!host.ready.actions.some((/** @type {any} */ { name }) => name.startsWith('system')));
    });
});

describe('an authentication module', () => {
    it('is found by its name, and asked', async () => {
        assert.deepEqual(await call('auth', [{ password: 'tea' }]), { result: { success: true, user_id: 21323, info: { name: 'joe' } } });
        assert.deepEqual(await call('auth', [{ password: 'milk' }]), { result: { success: false, info: { num_retries: 2 } } });
        assert.deepEqual(await call('authAsync', [1]), { result: { success: true } });
    });

    it('may say status in place of success', async () => {
        assert.deepEqual(await call('authStatus', [1]), { result: { status: 1, user_id: 1, success: true } });
    });

    it('that is missing or has no authenticate is an error', async () => {
        assert.match((await call('authNowhere')).error.message, /no_such_module/);
        assert.match((await call('authBroken')).error.message, /'empty_auth' has no exports\.authenticate/);
    });
});

describe('session.on disconnect', () => {
    it('runs once for each function, with a session that works, also when it has another id by then', async () => {
        const session = { id: 'd1', created_at: 1, user: 'ann', channels: ['a'] };
        host.answers['session.logout'] = answer({ id: 'd2', created_at: 1 });
        await call('watch', [], session);
        await call('watch', [], session);
        assert.deepEqual(host.asked.map(({ args }) => args.event).filter(Boolean).sort(), ['session:disconnect', 'session:renamed']);
        host.event({ event: 'session:renamed', from: 'd1', to: 'd2' });
        host.event({ event: 'session:disconnect', session: { ...session, id: 'd1' } });
        host.event({ event: 'session:disconnect', session: { ...session, id: 'd2' } });
        assert.equal((await host.nextAsk('session.logout')).args.session, 'd2');
        assert.deepEqual(await call('told'), { result: [['d2', 'ann', ['a']]] });
        host.event({ event: 'session:disconnect', session: { ...session, id: 'd2' } });
        await host.nextAsk('session.logout');
        assert.equal((await call('told')).result.length, 1, 'a page that reconnected does not register again');
    });

    it('follows the id that a login gave', async () => {
        host.answers['session.login'] = answer({ id: 'e2', created_at: 1, user: 'ann' });
        await call('watch', [], { id: 'e1', created_at: 1 });
        await call('login', ['ann'], { id: 'e1', created_at: 1 });
        host.event({ event: 'session:disconnect', session: { id: 'e2', created_at: 1 } });
        await host.nextAsk('session.logout');
        assert.equal((await call('told')).result.length, 1);
    });

    it('logs a handler that throws, and goes on', async () => {
        await call('watchOther', [], { id: 'f1', created_at: 1 });
        await call('watch', [], { id: 'f1', created_at: 1 });
        host.event({ event: 'session:disconnect', session: { id: 'f1', created_at: 1 } });
        await host.nextAsk('session.logout');
        await host.logged(/^error session\.on\('disconnect'\): Error: a bad handler/);
        assert.equal((await call('watchWrong')).error.code, -32602);
    });
});
