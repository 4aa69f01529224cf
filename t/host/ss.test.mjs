// SPDX-License-Identifier: MIT
//
// The global SS on the server: actions, events, users, configuration, log.

import assert from 'node:assert/strict';
import { after, beforeEach, describe, it } from 'node:test';
import { startHost } from '../lib/fake_sidecar.mjs';

const host = await startHost({
    'app/shared/calculate.js': 'exports.twice = (n) => 2 * n; exports.PI = 3;',
    'app/server/app.js': `
        const told = [];
        for (const name of ['client:init', 'client:disconnect', 'channel:subscribe', 'application:exception', 'own']) {
            SS.events.on(name, (...args) => told.push([name, ...args.map((x) => x?.id ?? x?.message ?? x)]));
        }
        SS.events.on('client:disconnect', () => { throw new Error('a bad listener'); });
        exports.actions = {
            square(n, cb) { cb(n * n); },
            where(cb) { cb([SS.env, SS.version, SS.root, SS.config.mine, SS === My, typeof SS.log.info]); },
            escape(text, cb) { cb(SS.escapeHTML(text)); },
            same(a, b, cb) { cb(SS.secureEquals(a, b)); },
            change(cb) { SS.config.mine = 'changed'; cb(SS.config.mine); },
            shared(cb) { cb([SS.shared.calculate.twice(4), SS.shared.calculate.PI]); },
            tree(cb) { cb([Object.keys(SS.server).sort(), Object.keys(SS.server.native), typeof SS.server.deep.er.still]); },
            viaCallback(n, cb) { SS.server.app.square(n, (r) => SS.server.native.square(r, cb)); },
            async viaPromise(n) { return await SS.server.native.square(await SS.server.app.square(n)); },
            silent(n, cb) { SS.server.native.square(n, { silent: true }, cb); },
            async wrong() { try { await SS.server.app.square(); } catch (e) { return [e.code, e.message]; } },
            async away() { try { await SS.server.native.square(1); } catch (e) { return [e.code, e.message]; } },
            loose(cb) { SS.server.native.square(1); SS.server.native.square(1, () => cb('never')); setTimeout(() => cb('alive'), 20); },
            async sessionless() { return SS.server.other.empty(); },
            online(cb) { SS.users.online.now(cb); },
            async awaited() { return SS.users.online.now(); },
            log(cb) { SS.log.error('an %s', 'error'); SS.log.error.message('a message'); SS.log.error.exception(new Error('an exception')); SS.log.warn('a warning'); SS.log.notice('a notice'); SS.log.info({ a: 1 }); SS.log.debug(1, 2); SS.log.info({ [Symbol.for('nodejs.util.inspect.custom')]() { throw 1; } }); cb(); },
            print(cb) { console.log('to standard output'); cb(); },
            told(cb) { cb(told.splice(0)); },
            own(cb) { SS.events.emit('own', 1, 2); cb(); },
            throws() { throw new Error('for all to hear'); },
            publish(name, args, cb) { SS.publish[name](...args, (error) => cb(error ? [error.code] : 'published')); },
            publishLoose(cb) { SS.publish.broadcast('news', {}); cb('went on'); },
            async publishAwaited() { return SS.publish.broadcast('news', {}); },
            badCallback(cb) { SS.publish.broadcast('news', {}, () => { throw new Error('in a callback of publish'); }); cb(true); },
        };`,
    'app/server/other.js': `exports.actions = {
        async empty() { try { await this.session.setUserId('x'); } catch (e) { return [this.request.transport, e.code]; } } };`,
    'app/server/deep/er.js': 'exports.actions = { still: { here(cb) { cb(true); } } };',
}, { config: { ss_var: 'My', mine: 'of the app' }, setup: { actions: ['native.square'] } });
after(() => host.stop());

beforeEach(() => {
    host.answers = {};
    host.asked = [];
});
/** @param {string} action @param {any[]} params */
const call = (action, ...params) => host.call(`app.${action}`, params);
const failure = { code: -32003, message: 'Unavailable', data: { retryable: true } };

describe('SS', () => {
    it('says where it is, and has another name if wanted', async () => {
        const { result } = await call('where');
        assert.deepEqual([result[0], result[1], result[3], result[4], result[5]], ['production', '0.1.0', 'of the app', true, 'function']);
        assert.match(result[2], /ss-host-/);
        assert.deepEqual(await call('change'), { result: 'changed' });
    });

    it('has what app/shared offers', async () => {
        assert.deepEqual(await call('shared'), { result: [8, 3] });
    });

    it('escapes HTML as in the browser', async () => {
        const { escapeHTML } = await import('../../client/src/escape.js');
        for (const [text, escaped] of [['<a href="x" title=\'y\'>&', '&lt;a href=&quot;x&quot; title=&#39;y&#39;&gt;&amp;'], [null, ''], [7, '7']]) {
            assert.deepEqual(await call('escape', text), { result: escaped });
            assert.equal(escapeHTML(text), escaped);
        }
    });

    it('compares secrets as a whole, and only texts', async () => {
        for (const [a, b, same] of [['é', 'é', true], ['', '', true], ['x', 'y', false], ['x', 'xx', false], [1, 1, false], [null, null, false], ['1', 1, false]]) {
            assert.deepEqual(await call('same', a, b), { result: same });
        }
    });

    it('writes to the log, each line with its level', async () => {
        await call('log');
        await host.logged(/^debug 1 2$/);
        for (const line of [/^error an error$/, /^error a message$/, /^error Error: an exception\n/, /^warning a warning$/, /^notice a notice$/, /^info { a: 1 }$/, /^info a value that cannot be printed/]) {
            await host.logged(line);
        }
        await call('print');
        await host.until(() => host.output.includes('to standard output\n'), 'standard output');
    });
});

describe('SS.server', () => {
    it('is a tree of all actions, wherever they run, and learns of new ones', async () => {
        assert.deepEqual(await call('tree'), { result: [['app', 'deep', 'native', 'other'], ['square'], 'object'] });
        host.send(0x59, JSON.stringify(['native.square', 'native.cube', 'app.square', 'python.now']));
        assert.deepEqual(await call('tree'), { result: [['app', 'deep', 'native', 'other', 'python'], ['cube', 'square'], 'object'] });
    });

    it('calls actions of this process directly, and others by way of the sidecar', async () => {
        host.answers.call = ({ args, body }) => ({ result: [args, body] });
        assert.deepEqual(await call('viaCallback', 3), { result: [{ method: 'native.square', silent: false }, [9]] });
        assert.deepEqual(await call('viaPromise', 3), { result: [{ method: 'native.square', silent: false }, [9]] });
        assert.deepEqual(await call('silent', 3), { result: [{ method: 'native.square', silent: true }, [3]] });
        assert.equal(host.asked.filter(({ what }) => what === 'call').length, 3);
    });

    it('rejects with the error of the action', async () => {
        host.answers.call = () => ({ error: failure });
        assert.deepEqual(await call('wrong'), { result: [-32602, 'The app.square action expects params but none were sent'] });
        assert.deepEqual(await call('away'), { result: [-32003, 'Unavailable'] });
    });

    it('logs what fails of a call that nobody looks at, and goes on', async () => {
        host.answers.call = () => ({ error: failure });
        assert.deepEqual(await call('loose'), { result: 'alive' });
        await host.logged(/^error SS\.server\.native\.square: Unavailable; its callback is not called/);
    });

    it('gives actions no session', async () => {
        assert.deepEqual(await call('sessionless'), { result: ['server', -32001] });
    });
});

describe('SS.users.online.now', () => {
    it('gives the ids to a callback, or by a promise', async () => {
        host.answers['users.online'] = () => ({ result: ['ann', 'bob'] });
        assert.deepEqual(await call('online'), { result: ['ann', 'bob'] });
        assert.deepEqual(await call('awaited'), { result: ['ann', 'bob'] });
        host.answers['users.online'] = () => ({ error: failure });
        assert.deepEqual((await call('awaited')).error, failure);
    });
});

describe('SS.events', () => {
    it('tells what the sidecar tells, by the names of 2011 too', async () => {
        await call('told');
        host.event({ event: 'client:connect', session: { id: 's9', created_at: 1 }, socket: 'n-1', address: '192.0.2.1' });
        host.event({ event: 'client:disconnect', session: { id: 's9', created_at: 1 }, socket: 'n-1', address: '192.0.2.1' });
        host.event({ event: 'channel:subscribe', session: { id: 's9', created_at: 1 }, channel: 'room' });
        await call('own');
        assert.deepEqual(await call('told'), { result: [
            ['client:init', 's9', { socket: 'n-1', address: '192.0.2.1' }], ['client:disconnect', 's9', { socket: 'n-1', address: '192.0.2.1' }],
            ['channel:subscribe', 's9', 'room'], ['own', 1, 2]] });
        await host.logged(/^error a handler of 'client:disconnect': Error: a bad listener/);
    });

    it('tells of exceptions in actions', async () => {
        await call('throws');
        assert.deepEqual(await call('told'), { result: [['application:exception', 'for all to hear']] });
    });
});

describe('SS.publish', () => {
    it('names whom an event is for', async () => {
        for (const [name, args, asked] of /** @type {[string, any[], any][]} */ ([
            ['broadcast', ['news', { n: 1 }], { to: 'broadcast', names: [] }],
            ['user', ['ann', 'news', 0], { to: 'user', names: ['ann'] }],
            ['user', [7, 'news', ''], { to: 'user', names: ['7'] }],
            ['users', [['ann', 7], 'news', null], { to: 'user', names: ['ann', '7'] }],
            ['channel', ['room:7', 'news', []], { to: 'channel', names: ['room:7'] }],
            ['channel', [['disney', 'kids'], 'news', 'x'], { to: 'channel', names: ['disney', 'kids'] }],
            ['channels', [['disney'], 'news', false], { to: 'channel', names: ['disney'] }],
            ['socket', ['n-1-1', 'news', 1], { to: 'socket', names: ['n-1-1'] }],
            ['sockets', [['n-1-1', 'n-1-2'], 'news', 1], { to: 'socket', names: ['n-1-1', 'n-1-2'] }],
        ])) {
            assert.deepEqual(await call('publish', name, args), { result: 'published' }, name);
            const got = await host.nextAsk('publish');
            assert.deepEqual([got.args, got.body], [{ ...asked, event: 'news' }, args.at(-1)]);
        }
    });

    it('says what is wrong with its arguments, in the words of 2011', async () => {
        for (const [name, args, message] of /** @type {[string, any[], RegExp][]} */ ([
            ['broadcast', [7, {}], /^Event Name \(first argument\) must be a string$/],
            ['broadcast', ['news'], /^Params \(second argument\) must be provided \(even if just an empty string or object\)$/],
            ['channel', [[], 'news', {}], /^No channels specified \(first argument\)$/],
            ['channel', ['a', 7, {}], /^Event Name \(second argument\) must be a string$/],
            ['channel', ['a', 'news'], /^Params \(third argument\) must be provided/],
            ['channel', [{}, 'news', {}], /^Channel names must be strings/],
            ['channel', [Array(129).fill('x'), 'news', {}], /^At most 128 of them/],
            ['user', [null, 'news', {}], /^User ID \(first argument\) must be provided as a number or string$/],
            ['users', ['ann', 'news', {}], /^User IDs \(first argument\) must be an array$/],
            ['sockets', [[], 'news', {}], /^No sockets specified/],
            ['broadcast', ['x'.repeat(257), {}], /more than 256 bytes/],
        ])) {
            const { error } = await call('publish', name, args);
            assert.equal(error?.code, -32602, name);
            assert.match(error.message, message);
        }
        assert.deepEqual(await call('publish', 'channel', [Array(128).fill('x'), 'e'.repeat(256), {}]), { result: 'published' });
    });

    it('tells a failure to callback, promise and log', async () => {
        host.answers.publish = () => ({ error: failure });
        assert.deepEqual(await call('publish', 'broadcast', ['news', {}]), { result: [-32003] });
        assert.deepEqual((await call('publishAwaited')).error, failure);
        assert.deepEqual(await call('publishLoose'), { result: 'went on' });
        await host.logged(/^warning the event 'news' was not published: Unavailable/);
        assert.equal(host.messages.length, 0, 'the host does not want to be replaced');
    });

    it('that calls back into an exception costs the process, not its clients', async () => {
        assert.deepEqual(await call('badCallback'), { result: true });
        const { payload } = await host.next(0x52, 'RETIRE');
        assert.match(payload.toString('utf8', 2), /in a callback of publish/);
        assert.deepEqual(await call('square', 2), { result: 4 });
    });
});
