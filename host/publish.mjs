// SPDX-License-Identifier: MIT
//
// SS.publish: events for browsers.  Wrong arguments throw, in the words of 0.1.4.
//
// Each function takes a callback (error) last and returns a promise; both tell when Redis has the
// event.  Nobody has to look: what fails is logged.

import { looseEnd } from './asks.mjs';
import { NAME_MAX, PUBLISH_CHANNELS_MAX } from './bounds.mjs';
import { CallError, code, messageOf } from './errors.mjs';

const ORDINALS = ['first', 'second', 'third'];

/** @param {string} message */
function refuse(message) {
    return new CallError(code.INVALID_PARAMS, message);
}

/** @param {any} event @param {any} params @param {number} place of the event's name */
function checkEvent(event, params, place) {
    if (typeof event !== 'string' || event === '') {
        throw refuse(`Event Name (${ORDINALS[place]} argument) must be a string`);
    }
    if (Buffer.byteLength(event) > NAME_MAX) {
        throw refuse(`Event Name (${ORDINALS[place]} argument) has more than ${NAME_MAX} bytes`);
    }
    if (params === undefined || typeof params === 'function') {
        throw refuse(`Params (${ORDINALS[place + 1]} argument) must be provided (even if just an empty string or object)`);
    }
}

/** @param {any} names @param {string} none @param {string} wrong @returns {string[]} */
function checkNames(names, none, wrong) {
    const list = Array.isArray(names) ? names : [names];
    if (list.length === 0 || list[0] === undefined || list[0] === null) {
        throw refuse(none);
    }
    return list.map((name) => {
        const text = typeof name === 'number' ? String(name) : name;
        if (typeof text !== 'string' || text === '' || Buffer.byteLength(text) > NAME_MAX) {
            throw refuse(wrong);
        }
        return text;
    });
}

/** @typedef {(error: any) => void} Done */

/**
 * @param {object} host
 * @param {(what: string, args: any, body: any) => Promise<any>} host.ask
 * @param {(level: string, message: string) => void} host.log
 * @param {(fn: any, ...args: any[]) => void} host.callBack
 */
export function createPublish({ ask, log, callBack }) {
    /** @param {string} to @param {string[]} names @param {string} event @param {any} params
     *  @param {Done} [cb] */
    function send(to, names, event, params, cb) {
        const asked = ask('publish', { to, names, event }, params).then(() => {}, (error) => {
            log('warning', `the event '${event}' was not published: ${messageOf(error)}`);
            throw error;
        });
        if (typeof cb === 'function') {
            asked.then(() => callBack(cb, null), (error) => callBack(cb, error));
        }
        return looseEnd(asked);
    }

    /** A publisher to many.  @param {string} to @param {string} none @param {string} wrong
     *  @param {number} most */
    function named(to, none, wrong, most) {
        /** @param {any} names @param {string} event @param {any} params @param {Done} [cb] */
        return (names, event, params, cb) => {
            const list = checkNames(names, none, wrong);
            checkEvent(event, params, 1);
            if (list.length > most) {
                throw refuse(`At most ${most} of them in one message`);
            }
            return send(to, list, event, params, cb);
        };
    }

    const channels = named('channel', 'No channels specified (first argument)',
        `Channel names must be strings of 1 to ${NAME_MAX} bytes`, PUBLISH_CHANNELS_MAX);
    const sockets = named('socket', 'No sockets specified (first argument)',
        'Socket IDs must be strings', PUBLISH_CHANNELS_MAX);
    const user = named('user', 'User ID (first argument) must be provided as a number or string',
        'User ID (first argument) must be provided as a number or string', Infinity);

    return {
        /** @param {string} event @param {any} params @param {Done} [cb] */
        broadcast(event, params, cb) {
            checkEvent(event, params, 0);
            return send('broadcast', [], event, params, cb);
        },
        user,
        /** @param {any[]} users @param {string} event @param {any} params @param {Done} [cb] */
        users(users, event, params, cb) {
            if (!Array.isArray(users)) {
                throw refuse('User IDs (first argument) must be an array');
            }
            return user(users, event, params, cb);
        },
        channel: channels,
        channels,
        socket: sockets,
        sockets,
    };
}
