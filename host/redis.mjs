// SPDX-License-Identifier: MIT
//
// R: Redis for the application, as the node_redis of 2011 showed it, on ioredis.
//
// Every command takes a callback (error, reply) last and returns a promise.  A command that fails
// without a callback is logged, and ends nothing.  Subscriptions have a connection of their own, so
// that commands go on.  Nothing is loaded or connected before R is first used.

import { EventEmitter } from 'node:events';
import { createRequire } from 'node:module';
import { looseEnd } from './asks.mjs';
import { messageOf } from './errors.mjs';
import { redisOptions } from './redis_options.mjs';

const require = createRequire(import.meta.url);
const SUBSCRIPTIONS = ['subscribe', 'unsubscribe', 'psubscribe', 'punsubscribe'];

/** @typedef {(error: any, reply?: any) => void} Callback */
/** @typedef {{log: (level: string, message: string) => void,
 *             callBack: (fn: any, ...args: any[]) => void}} Host */

/** @param {any} value  an object whose members are fields, as of hmset */
function isFields(value) {
    return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

/** Arguments as Redis gets them: lists and fields flat, all else as text; bytes stay bytes.
 *  @param {any[]} args @returns {(string | Buffer)[]} */
function flatten(args) {
    return args.flatMap((arg) => {
        if (Array.isArray(arg)) {
            return flatten(arg);
        }
        if (isFields(arg)) {
            return flatten(Object.entries(arg));
        }
        return [Buffer.isBuffer(arg) ? arg : String(arg)];
    });
}

/** An undefined one at the end is a callback that was not given: functions hand theirs on.
 *  @param {any[]} given */
function split(given) {
    const last = given.at(-1);
    const isCallback = last === undefined || typeof last === 'function';
    return { args: flatten(isCallback ? given.slice(0, -1) : given), cb: /** @type {Callback | undefined} */ (isCallback ? last : undefined) };
}

/** A missing hash is null.  @param {string} name @param {any} reply */
function replyOf(name, reply) {
    return name === 'hgetall' && reply && Object.keys(reply).length === 0 ? null : reply;
}

/** Lets a callback or, without one, the log know.
 *  @param {Host} host @param {string} name @param {Promise<any>} promise @param {Callback} [cb] */
function tell({ log, callBack }, name, promise, cb) {
    promise.then(
        (reply) => cb && callBack(cb, null, reply),
        (error) => (cb ? callBack(cb, error) : log('warning', `R.${name}: ${messageOf(error)}`)),
    );
    return looseEnd(promise);
}

/** Gives an object a method for every command, in lower and in upper case.
 *  @param {any} object @param {string[]} names @param {(name: string, given: any[]) => any} send */
function addCommands(object, names, send) {
    for (const name of names) {
        const method = (/** @type {any[]} */ ...given) => send(name, given);
        object[name] = method;
        object[name.toUpperCase()] = method;
    }
}

/** R.multi(): commands that run as one.  @param {any} client @param {string[]} names
 *  @param {Host} host @param {any[][]} first  commands as lists */
function createMulti(client, names, host, first) {
    /** @type {{name: string, args: any[], cb?: Callback}[]} */
    const queue = [];

    async function run() {
        const pipeline = client.multi();
        for (const { name, args } of queue) {
            pipeline.call(name, ...args);
        }
        const replies = await pipeline.exec();
        return replies && replies.map((/** @type {[any, any]} */ [error, reply], /** @type {number} */ i) => {
            const { name, cb } = queue[i];
            const value = error ?? replyOf(name, reply);
            if (cb) {
                host.callBack(cb, error ?? null, error ? undefined : value);
            }
            return value;
        });
    }

    /** @type {any} */
    const multi = {};
    addCommands(multi, names, (name, given) => {
        queue.push({ name, ...split(given) });
        return multi;
    });
    multi.exec = multi.EXEC = (/** @type {Callback | undefined} */ cb) => tell(host, 'multi().exec', run(), cb);
    for (const [name, ...args] of first) {
        multi[name.toLowerCase()](...args);
    }
    return multi;
}

/** Tells of the loss of a connection once, and of its return.  @param {any} client
 *  @param {EventEmitter} R @param {Host} host */
function watch(client, R, { log }) {
    let lost = false;
    client.on('error', (/** @type {any} */ error) => {
        if (!lost) {
            lost = true;
            log('error', `R: ${messageOf(error)}`);
        }
        if (R.listenerCount('error') > 0) {
            R.emit('error', error);
        }
    });
    client.on('ready', () => {
        if (lost) {
            lost = false;
            log('notice', 'R: connected again');
        }
    });
}

/** @param {any} R @param {any} Redis the class @param {any} options @param {Host} host */
function addSubscriptions(R, Redis, options, host) {
    /** @type {any} */
    let subscriber;
    const connection = () => {
        if (!subscriber) {
            subscriber = new Redis(options);
            watch(subscriber, R, host);
            for (const event of ['message', 'pmessage']) {
                subscriber.on(event, (/** @type {any[]} */ ...args) => R.emit(event, ...args));
            }
        }
        return subscriber;
    };
    addCommands(R, SUBSCRIPTIONS, (name, given) => {
        const { args, cb } = split(given);
        const done = connection().call(name, ...args).then((/** @type {number} */ count) => {
            const grows = !name.includes('unsubscribe');
            for (const [i, channel] of args.entries()) {
                const behind = args.length - 1 - i;
                R.emit(name, String(channel), grows ? count - behind : count + behind);
            }
            return args.length > 0 ? String(args.at(-1)) : null;
        });
        return tell(host, name, done, cb);
    });
    return () => subscriber;
}

/** @param {any} config SS.config.redis @param {Host} host */
export function createRedis(config, host) {
    const { Redis } = require('ioredis');
    const options = redisOptions(config);
    /** @type {string[]} */
    const names = [...require('@ioredis/commands').list, 'call'].filter((name) => !['multi', 'exec', 'quit', ...SUBSCRIPTIONS].includes(name));
    const client = new Redis(options);
    /** @type {any} */
    const R = new EventEmitter();
    R.setMaxListeners(0); // files of an application listen, each for itself
    watch(client, R, host);
    for (const event of ['connect', 'ready', 'reconnecting', 'end']) {
        client.on(event, (/** @type {any[]} */ ...args) => R.emit(event, ...args));
    }

    addCommands(R, names, (name, given) => {
        const { args, cb } = split(given);
        return tell(host, name, client.call(name, ...args).then((/** @type {any} */ reply) => replyOf(name, reply)), cb);
    });
    const subscriber = addSubscriptions(R, Redis, options, host);
    R.multi = R.MULTI = (/** @type {any[][]} */ commands = []) => createMulti(client, names, host, commands);
    R.send_command = (/** @type {string} */ name, /** @type {any[]} */ args = [], /** @type {Callback | undefined} */ cb) =>
        R[name.toLowerCase()](...args, ...(cb ? [cb] : []));
    R.quit = R.QUIT = (/** @type {Callback | undefined} */ cb) => {
        subscriber()?.disconnect();
        return tell(host, 'quit', client.quit(), cb);
    };
    R.end = () => {
        subscriber()?.disconnect();
        client.disconnect();
    };
    Object.defineProperty(R, 'connected', { get: () => client.status === 'ready' });
    return R;
}
