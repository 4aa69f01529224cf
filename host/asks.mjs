// SPDX-License-Identifier: MIT
//
// Questions to the sidecar: ASK, and the ANSWER that is found again by its number.
//
// Every question ends exactly once: by its answer, or at once when there are too many or the
// sidecar does not read.

import { ASKS_MAX, LOG_TEXT_MAX } from './bounds.mjs';
import { CallError, code } from './errors.mjs';
import { toJson } from './json.mjs';
import { op } from './link.mjs';

const EMPTY = Buffer.alloc(0);

/** Who asks in the course of a call names it by its handle.
 *  @typedef {{low: number, high: number}} Handle */
/** @type {Handle} */
export const NO_CALL = Object.freeze({ low: 0, high: 0 });

/** @param {string} what @param {string} args JSON @param {string} [body] JSON */
export function encodeAsk(what, args, body) {
    const tail = body === undefined ? EMPTY : Buffer.from(body);
    const argsLength = Buffer.byteLength(args);
    const out = Buffer.allocUnsafe(2 + what.length + 4 + argsLength + tail.length);
    let at = out.writeUInt16LE(what.length, 0);
    at += out.write(what, at, 'latin1');
    at = out.writeUInt32LE(argsLength, at);
    at += out.write(args, at);
    tail.copy(out, at);
    return out;
}

/** Marks a promise as one whose failure has been told elsewhere, so that who does not wait for it
 *  does not end the process.  @template T @param {Promise<T>} promise */
export function looseEnd(promise) {
    promise.catch(() => {});
    return promise;
}

/** @typedef {ReturnType<typeof createAsks>} Asks */

/** @param {() => import('./link.mjs').Link} link */
export function createAsks(link) {
    /** @type {Map<number, {resolve: (value: any) => void, reject: (error: Error) => void}>} */
    const waiting = new Map();
    let last = 0;

    function nextNumber() {
        do {
            last = last === 0xffffffff ? 1 : last + 1;
        } while (waiting.has(last));
        return last;
    }

    return {
        /**
         * @param {string} what
         * @param {any} args
         * @param {any} [body]    any value, sent as JSON
         * @param {Handle} [call] in whose course it is asked
         * @returns {Promise<any>}
         */
        ask(what, args, body, call = NO_CALL) {
            if (waiting.size >= ASKS_MAX || link().full) {
                return Promise.reject(new CallError(code.TOO_MANY_CALLS, `${what}: too much waits for the sidecar`));
            }
            const payload = encodeAsk(what, toJson(args), body === undefined ? undefined : toJson(body));
            const number = nextNumber();
            return new Promise((resolve, reject) => {
                waiting.set(number, { resolve, reject });
                link().send(op.ASK, call.low, call.high, number, payload);
            });
        },

        /** ANSWER: u8 1 and JSON, or u8 0 and an error.  @param {number} number @param {Buffer} bytes
         *  @param {number} at @param {number} end */
        answered(number, bytes, at, end) {
            const asked = waiting.get(number);
            if (!asked) {
                return;
            }
            waiting.delete(number);
            const value = JSON.parse(bytes.toString('utf8', at + 1, end));
            if (bytes[at] === 1) {
                asked.resolve(value);
            } else {
                asked.reject(new CallError(value.code, value.message, value.data));
            }
        },

        /** A line for the sidecar's log; left out while the sidecar does not read.
         *  @param {string} level @param {string} message */
        log(level, message) {
            if (!link().full) {
                const text = toJson({ level, message: message.slice(0, LOG_TEXT_MAX) });
                link().send(op.ASK, 0, 0, 0, encodeAsk('log', text));
            }
        },

        get pending() {
            return waiting.size;
        },
    };
}
