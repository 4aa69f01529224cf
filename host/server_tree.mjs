// SPDX-License-Identifier: MIT
//
// SS.server: all actions of the application, those of C and of other hosts among them, as a tree of
// functions.
//
// Actions of this process are called directly, the others by way of the sidecar; callers need not
// know.  Nobody has to look at the promise: who gives a callback instead finds a failure in the log.

import { looseEnd } from './asks.mjs';
import { messageOf } from './errors.mjs';

/** @param {any} value  `{silent: true}`, an option of calls, not a param */
function isSilent(value) {
    return typeof value === 'object' && value !== null && value.silent === true && Object.keys(value).length === 1;
}

/** What a function has of its own, such as its name, is none.  @param {any} value */
const isNode = (value) => typeof value === 'object' || typeof value === 'function';

/** Takes params, option and callback apart.  @param {any[]} given */
export function splitArguments(given) {
    const params = [...given];
    const cb = typeof params.at(-1) === 'function' ? params.pop() : undefined;
    const silent = isSilent(params.at(-1));
    if (silent) {
        params.pop();
    }
    return { params, silent, cb };
}

/**
 * @param {object} host
 * @param {(name: string) => boolean} host.isLocal
 * @param {(name: string, params: any[]) => Promise<any>} host.local
 * @param {(what: string, args: any, body: any) => Promise<any>} host.ask
 * @param {(level: string, message: string) => void} host.log
 * @param {(fn: any, ...args: any[]) => void} host.callBack
 */
export function createServerTree({ isLocal, local, ask, log, callBack }) {
    /** @type {any} */
    const root = {};

    /** @param {string} name @param {any[]} given */
    function call(name, given) {
        const { params, silent, cb } = splitArguments(given);
        const asked = isLocal(name) ? local(name, params) : ask('call', { method: name, silent }, params);
        if (cb !== undefined) {
            asked.then((result) => callBack(cb, result), (error) => {
                log('error', `SS.server.${name}: ${messageOf(error)}; its callback is not called`);
            });
        }
        return looseEnd(asked);
    }

    /** @param {any} object @param {string} key @param {any} value */
    function put(object, key, value) {
        Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
    }

    return {
        root,
        /** Makes the tree anew, in place.  @param {Iterable<string>} names */
        learn(names) {
            for (const key of Object.keys(root)) {
                delete root[key];
            }
            // Sorted, so that an action which is a group as well comes before what is in it.
            for (const name of [...new Set(names)].sort()) {
                const parts = name.split('.');
                const last = /** @type {string} */ (parts.pop());
                let at = root;
                for (const part of parts) {
                    if (!Object.hasOwn(at, part) || !isNode(at[part])) {
                        put(at, part, {});
                    }
                    at = at[part];
                }
                put(at, last, (/** @type {any[]} */ ...given) => call(name, given));
            }
        },
    };
}
