// SPDX-License-Identifier: MIT
//
// Calls from the moment they are made to the moment they are settled.
//
// Owns the queue of calls that wait for a connection, and what becomes of those in flight when
// theirs is lost.  Leaves to connection.js which connection takes them.  A call is sent in the
// order in which it was made, and once, unless its options say that it may be run again.

import { callError, TIMEOUT, TOO_LARGE, unavailable } from './errors.js';

const MAX_IN_FLIGHT = 900; // on one connection; nginx takes 1,000 (socketstream_max_inflight)
const RETRIES = 5; // for `retry: true`
const MAX_RESENDS = 20; // of an idempotent call, whose connections are lost again and again
const RETRY_DELAY = 250; // ms before the first repetition, at most; doubled with each further one
const MAX_TIMEOUT = 2e9; // ms; a platform's timer for much longer, or Infinity, would be up at once
const MESSAGE_TOO_BIG = 1009;

/**
 * @typedef {object} Call
 * @property {number} id
 * @property {string} name without the prefix, which may not be known yet
 * @property {any[]} params for the log
 * @property {string} text the params as they were when the call was made
 * @property {import('../types/socketstream.js').CallOptions} options
 * @property {boolean} logged whether its answer is shown, whatever the level
 * @property {number} repeated how often
 * @property {number} sent when
 * @property {import('./connection.js').Peer | null} peer that it is in flight on
 * @property {(result: any) => void} resolve
 * @property {(error: Error) => void} reject
 * @property {ReturnType<typeof setTimeout>} [timer] until it has taken too long
 */

/**
 * @param {{
 *   limit: number,
 *   random: () => number,
 *   fullName: (name: string) => string,
 *   current: () => import('./connection.js').Peer | null,
 *   ready: () => import('./connection.js').Peer | null,
 *   stopped: () => string,
 *   settled: (peer: import('./connection.js').Peer) => void,
 *   log: ReturnType<typeof import('./log.js').createLog>,
 * }} options
 */
export function createCalls(options) {
    const { limit, log } = options;
    /** @type {Set<Call>} not settled */
    const open = new Set();
    /** @type {Call[]} */
    let queue = [];
    let lastId = 0;

    /** @param {Call} call @param {Error | null} error @param {any} [result] */
    function settle(call, error, result) {
        const { peer } = call;
        clearTimeout(call.timer);
        open.delete(call);
        log.answer(call, error, result);
        if (error) {
            call.reject(error);
        } else {
            call.resolve(result);
        }
        if (peer && peer.calls.delete(call.id)) {
            options.settled(peer);
            pump();
        } else {
            queue = queue.filter((one) => one !== call);
        }
    }

    function send(/** @type {Call} */ call, /** @type {import('./connection.js').Peer} */ peer) {
        const { id, name, text } = call;
        const method = JSON.stringify(options.fullName(name));
        const silent = call.options.silent ? ',"silent":true' : '';
        call.peer = peer;
        call.sent = Date.now();
        peer.calls.set(id, call);
        log.call(call);
        peer.transport.send(`{"jsonrpc":"2.0","id":${id},"method":${method}${text}${silent}}`);
    }

    function pump() {
        for (let peer; queue.length && (peer = options.ready()) && peer.calls.size < MAX_IN_FLIGHT; ) {
            send(/** @type {Call} */ (queue.shift()), peer);
        }
    }

    /** The oldest give way: what was asked last is what the user looks at. */
    function trim() {
        while (queue.length > limit) {
            settle(queue[0], unavailable(`Over ${limit} calls wait: the oldest fails`));
        }
    }

    function start(/** @type {Call} */ call) {
        const peer = options.current();
        if (options.stopped()) {
            settle(call, unavailable(options.stopped()));
        } else if (call.options.queue !== false) {
            queue.push(call);
            pump();
            trim();
        } else if (peer) {
            send(call, peer);
        } else {
            settle(call, unavailable('Not connected, and queue is false'));
        }
    }

    /** @param {Call} call @param {number} otherwise how often, when its options do not say */
    function mayRepeat({ options: { retry }, repeated }, otherwise) {
        return repeated < (retry === true ? RETRIES : (retry || otherwise));
    }

    function repeatLater(/** @type {Call} */ call, /** @type {any} */ data) {
        const delay = data.retry_after_ms || options.random() * RETRY_DELAY * 2 ** call.repeated;
        call.repeated++;
        call.peer = null;
        setTimeout(() => open.has(call) && start(call), delay);
    }

    return {
        pump,

        /**
         * @param {string} name
         * @param {any[]} params
         * @param {import('../types/socketstream.js').CallOptions} callOptions
         * @param {boolean} logged
         * @returns {Promise<any>}
         */
        make(name, params, callOptions, logged) {
            return new Promise((resolve, reject) => {
                const text = params.length ? `,"params":${JSON.stringify(params)}` : '';
                /** @type {Call} */
                const call = {
                    id: ++lastId, name, params, text, options: callOptions, logged,
                    repeated: 0, sent: 0, peer: null, resolve, reject,
                };
                open.add(call);
                const { timeout } = callOptions;
                if (timeout && timeout < MAX_TIMEOUT) {
                    call.timer = setTimeout(() => {
                        settle(call, callError(`No answer within ${timeout} ms`, TIMEOUT));
                    }, timeout);
                }
                start(call);
            });
        },

        /** @param {import('./connection.js').Peer} peer @param {any} message */
        answer(peer, { id, error, result }) {
            const call = peer.calls.get(id);
            if (!call) {
                return;
            }
            if (!error) {
                settle(call, null, result);
            } else if (error.data && error.data.retryable && mayRepeat(call, 0)) {
                peer.calls.delete(id);
                repeatLater(call, error.data);
                options.settled(peer);
                pump();
            } else {
                settle(call, callError(error.message, error.code, error.data));
            }
        },

        /**
         * The peer is lost.  What may be run again goes before what waits; the rest fails, and so
         * does, where a message was too long, the longest.
         * @param {import('./connection.js').Peer} peer @param {number} code
         */
        lost(peer, code) {
            const calls = [...peer.calls.values()];
            peer.calls.clear();
            const length = code === MESSAGE_TOO_BIG ? Math.max(...calls.map(({ text }) => text.length)) : -1;
            const again = calls.filter((call) => {
                call.peer = null;
                if (call.text.length === length) {
                    settle(call, callError('Longer than the server takes', TOO_LARGE));
                } else if (mayRepeat(call, call.options.idempotent ? MAX_RESENDS : 0)) {
                    call.repeated++;
                    return true;
                } else {
                    settle(call, unavailable('The connection was lost before the answer'));
                }
                return false;
            });
            queue = [...again, ...queue];
            trim();
            pump();
        },

        /** Fails all that there are. @param {string} message */
        fail(message) {
            for (const call of [...open]) {
                settle(call, unavailable(message));
            }
        },
    };
}
