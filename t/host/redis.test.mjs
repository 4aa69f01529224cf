// SPDX-License-Identifier: MIT
//
// R: what the node_redis of 2011 gave for each command, on a real Redis.

import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { redisOptions } from '../../host/redis_options.mjs';
import { startHost } from '../lib/fake_sidecar.mjs';
import { startRedis } from '../lib/redis.mjs';

const redis = await startRedis();
const files = {
    'app/server/app.js': `
        const messages = [];
        exports.actions = {
            run(command, args, cb) { R[command](...args, (error, reply) => cb(error ? { error: error.message } : { reply })); },
            async awaited(command, args) { return R[command](...args); },
            handed(cb) {
                const save = (key, value, done) => R.set(key, value, done);
                save('handed', 'on');
                R.hmset('handed:h', { a: 1 }, undefined);
                R.multi().set('handed:m', 'too', undefined).exec(undefined);
                R.get('handed', (e, value) => R.hget('handed:h', 'a', (f, a) => R.get('handed:m', (g, m) => cb([value, a, m]))));
            },
            loose(cb) { R.hset('text', 'a', 1); R.get('text', (error) => cb(error ? 'told' : 'not told')); },
            multi(cb) {
                R.multi().set('m:1', 1).incr('m:1').hgetall('m:none').HMSET('m:h', { a: 1, b: 'x' }).hgetall('m:h')
                    .mget(['m:1', 'm:none'], (error, reply) => messages.push(reply)).exec((error, replies) => cb([error, replies, messages.splice(0)]));
            },
            lists(cb) { R.multi([['set', 'm:2', 'x'], ['get', 'm:2']]).exec((error, replies) => cb(replies)); },
            failing(cb) { R.multi().set('m:3', 'text').incr('m:3').get('m:3').exec((error, replies) => cb([error, replies.map((r) => r instanceof Error ? r.message : r)])); },
            aborted(cb) { R.watch('m:4', () => R.set('m:4', 1, () => R.multi().get('m:4').exec((error, replies) => cb([error, replies])))); },
            listen(cb) {
                R.on('message', (...args) => messages.push(['message', ...args]));
                R.on('pmessage', (...args) => messages.push(['pmessage', ...args]));
                R.on('subscribe', (...args) => messages.push(['subscribe', ...args]));
                R.subscribe('one', 'two', (error, reply) => R.psubscribe('o*', () => R.publish('one', 'hello', () => R.get('nothing', (e, value) => cb([reply, value])))));
            },
            unlisten(cb) { R.unsubscribe('one', () => R.publish('one', 'again', () => cb(true))); },
            messages(cb) { cb(messages.splice(0)); },
            database(cb) { R.select(3, () => R.set('in3', 'yes', (error, reply) => R.select(2, () => R.get('in3', (e, other) => cb([reply, other]))))); },
            sent(cb) { R.send_command('set', ['sent', 'x'], (error, reply) => cb(reply)); },
            throws(cb) { R.get('x', () => { throw new Error('in a callback of R'); }); cb(true); },
            connected(cb) { cb(R.connected); },
            own(cb) { R = { mine: true }; cb(R.mine); },
        };`,
};
const host = await startHost(files, { config: { redis: { socket: redis.path, db_index: 2 } } });
after(async () => {
    await host.stop();
    await redis.stop();
});
/** @param {string} action @param {any[]} params */
const call = async (action, ...params) => {
    const { result, error } = await host.call(`app.${action}`, params);
    assert.equal(error, undefined);
    return result;
};

/** Command, arguments, reply; in this order, on one database. @type {[string, any[], any][]} */
const replies = [
    ['set', ['text', 'b'], 'OK'],
    ['get', ['text'], 'b'],
    ['GET', ['text'], 'b'],
    ['get', ['nothing'], null],
    ['set', ['number', 5], 'OK'],
    ['get', ['number'], '5'],
    ['set', ['odd', null], 'OK'],
    ['get', ['odd'], 'null'],
    ['setnx', ['text', 'c'], 0],
    ['exists', ['text'], 1],
    ['exists', ['nothing'], 0],
    ['del', ['odd', 'nothing'], 1],
    ['del', [['nothing', 'odd']], 0],
    ['incr', ['number'], 6],
    ['incrby', ['number', 4], 10],
    ['decr', ['number'], 9],
    ['append', ['text', 'c'], 2],
    ['strlen', ['text'], 2],
    ['mget', [['text', 'nothing', 'number']], ['bc', null, '9']],
    ['mget', ['text', 'nothing'], ['bc', null]],
    ['mset', ['x', 1, 'y', 2], 'OK'],
    ['mset', [{ x: 3 }], 'OK'],
    ['get', ['x'], '3'],
    ['expire', ['x', 100], 1],
    ['expire', ['nothing', 100], 0],
    ['ttl', ['text'], -1],
    ['type', ['text'], 'string'],
    ['hset', ['hash', 'a', 1], 1],
    ['hset', ['hash', 'a', 2], 0],
    ['hmset', ['hash', { b: 'x', c: true }], 'OK'],
    ['hmset', ['hash', 'd', '4'], 'OK'],
    ['hget', ['hash', 'a'], '2'],
    ['hmget', ['hash', 'a', 'nothing'], ['2', null]],
    ['hgetall', ['hash'], { a: '2', b: 'x', c: 'true', d: '4' }],
    ['HGETALL', ['nothing'], null],
    ['hkeys', ['hash'], ['a', 'b', 'c', 'd']],
    ['hincrby', ['hash', 'a', 3], 5],
    ['hdel', ['hash', 'a'], 1],
    ['hexists', ['hash', 'a'], 0],
    ['hlen', ['hash'], 3],
    ['lpush', ['list', 'a'], 1],
    ['rpush', ['list', 'b'], 2],
    ['lrange', ['list', 0, -1], ['a', 'b']],
    ['lrange', ['nothing', 0, -1], []],
    ['llen', ['list'], 2],
    ['lpop', ['list'], 'a'],
    ['ltrim', ['list', 0, 0], 'OK'],
    ['sadd', ['set', 'm'], 1],
    ['sadd', ['set', 'm'], 0],
    ['sadd', ['set', ['n', 'o']], 2],
    ['srem', ['set', 'o'], 1],
    ['sismember', ['set', 'm'], 1],
    ['scard', ['set'], 2],
    ['sunionstore', ['union', 'set', 'nothing'], 2],
    ['zadd', ['sorted', 1.5, 'one'], 1],
    ['zadd', ['sorted', 2, 'two'], 1],
    ['zrange', ['sorted', 0, -1], ['one', 'two']],
    ['zrange', ['sorted', 0, -1, 'withscores'], ['one', '1.5', 'two', '2']],
    ['zscore', ['sorted', 'one'], '1.5'],
    ['zincrby', ['sorted', 1, 'one'], '2.5'],
    ['zrank', ['sorted', 'nothing'], null],
    ['sort', ['list', 'alpha'], ['b']],
    ['keys', ['l*'], ['list']],
    ['rename', ['list', 'renamed'], 'OK'],
    ['ping', [], 'PONG'],
    ['echo', ['x'], 'x'],
    ['publish', ['nobody', 'x'], 0],
    ['eval', ['return {1, "a", KEYS[1]}', 1, 'k'], [1, 'a', 'k']],
    ['dbsize', [], 9],
];

describe('R', () => {
    it('replies to each command as node_redis did', async () => {
        for (const [command, args, reply] of replies) {
            assert.deepEqual(await call('run', command, args), { reply }, `${command} ${JSON.stringify(args)}`);
        }
        assert.deepEqual((await call('run', 'smembers', ['set'])).reply.sort(), ['m', 'n']);
        assert.equal((await redis.command('SELECT', '2')), 'OK');
        assert.equal(await redis.command('GET', 'text'), 'bc');
    });

    it('takes a callback that was not given for none', async () => {
        assert.deepEqual(await call('handed'), ['on', '1', 'too']);
    });

    it('gives errors first, and promises too', async () => {
        assert.match((await call('run', 'incr', ['text'])).error, /^ERR value is not an integer/);
        assert.match((await call('run', 'get', [])).error, /^ERR wrong number of arguments/);
        assert.deepEqual(await call('awaited', 'get', ['text']), 'bc');
        assert.match((await host.call('app.awaited', ['incr', ['text']])).error.message, /^ERR value is not an integer/);
    });

    it('logs what fails without a callback, and goes on', async () => {
        assert.equal(await call('loose'), 'not told');
        await host.logged(/^warning R\.hset: WRONGTYPE/);
        assert.equal(host.messages.length, 0);
    });

    it('runs transactions, with plain replies', async () => {
        assert.deepEqual(await call('multi'), [null, ['OK', 2, null, 'OK', { a: '1', b: 'x' }, ['2', null]], [['2', null]]]);
        assert.deepEqual(await call('lists'), ['OK', 'x']);
        const [error, [first, second, third]] = await call('failing');
        assert.deepEqual([error, first, third], [null, 'OK', 'text']);
        assert.match(second, /^ERR value is not an integer/);
        assert.deepEqual(await call('aborted'), [null, null]);
    });

    it('subscribes beside the commands', async () => {
        assert.deepEqual(await call('listen'), ['two', null]);
        /** @type {any[]} */
        let got = [];
        for (const limit = Date.now() + 10000; got.length < 4 && Date.now() < limit;) {
            got = [...got, ...await call('messages')];
        }
        assert.deepEqual(got, [['subscribe', 'one', 1], ['subscribe', 'two', 2], ['message', 'one', 'hello'], ['pmessage', 'o*', 'one', 'hello']]);
        await call('unlisten');
        got = [];
        for (const limit = Date.now() + 10000; got.length < 1 && Date.now() < limit;) {
            got = [...got, ...await call('messages')];
        }
        assert.deepEqual(got, [['pmessage', 'o*', 'one', 'again']]);
    });

    it('selects databases, and sends any command', async () => {
        assert.deepEqual(await call('database'), ['OK', null]);
        assert.equal(await call('sent'), 'OK');
        assert.equal(await call('connected'), true);
    });

    it('fails within a second while Redis is away, and comes back by itself', async () => {
        await redis.quit();
        const before = Date.now();
        assert.equal(typeof (await call('run', 'get', ['text'])).error, 'string');
        assert.ok(Date.now() - before < 5000);
        await host.logged(/^error R: /);
        await redis.start();
        await host.logged(/^notice R: connected again/);
        assert.deepEqual(await call('run', 'get', ['text']), { reply: 'bc' });
        assert.equal(host.messages.length, 0, 'the host does not want to be replaced');
    });

    it('that calls back into an exception costs the process, not its clients', async () => {
        await call('throws');
        const { payload } = await host.next(0x52, 'RETIRE');
        assert.match(payload.toString('utf8', 2), /in a callback of R/);
        assert.equal(await call('own'), true, 'an application may have an R of its own');
    });

    it('says so when there is no Redis', async () => {
        const bare = await startHost(files);
        const { error } = await bare.call('app.awaited', ['get', ['x']]);
        assert.match(error.message, /^R needs a Redis: none is configured/);
        await bare.stop();
    });
});

describe('the options of R', () => {
    it('are those of the sidecar', () => {
        for (const [config, wanted] of /** @type {[any, any][]} */ ([
            [{ url: 'redis://u:p%40ss@db.internal:6380/2' }, { host: 'db.internal', port: 6380, username: 'u', password: 'p@ss', db: 2 }],
            [{ url: 'redis://:pw@db' , db_index: 4 }, { host: 'db', port: 6379, password: 'pw', db: 4 }],
            [{ url: 'redis://[::1]:7000' }, { host: '::1', port: 7000, db: 0 }],
            [{ url: 'unix:///run/redis.sock?db=3' }, { path: '/run/redis.sock', db: 3 }],
            [{ url: 'unix://user:pw@/run/r.sock', socket: '/other' }, { path: '/run/r.sock', username: 'user', password: 'pw', db: 0 }],
            [{ socket: '/run/r.sock', host: 'h', password: 'pw' }, { path: '/run/r.sock', password: 'pw', db: 0 }],
            [{ host: 'h', port: 7, db_index: 1, username: 'u' }, { host: 'h', port: 7, db: 1, username: 'u' }],
            [{ sentinels: ['10.0.0.1:26380', 'two'], sentinel_master: 'm', url: 'redis://x' },
                { sentinels: [{ host: '10.0.0.1', port: 26380 }, { host: 'two', port: 26379 }], name: 'm', db: 0 }],
        ])) {
            const { lazyConnect, connectTimeout, retryStrategy, maxRetriesPerRequest, autoResendUnfulfilledCommands, disableClientInfo, ...place } =
                /** @type {any} */ (redisOptions(config));
            assert.deepEqual(place, wanted);
        }
        assert.throws(() => redisOptions({ url: 'http://u:secret@x' }), /^Error: redis\.url must look like .* but is 'http:\/\/u:…@x'$/);
        assert.throws(() => redisOptions({}), /none is configured/);
    });
});
