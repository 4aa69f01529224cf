// SPDX-License-Identifier: MIT
//
// SS.events: what happens on this node, told by the sidecar, and whatever an application emits
// itself.
//
// The sidecar is asked for an event of its own once somebody listens, and only once.  A handler that
// throws keeps no other from running.

import { looseEnd } from './asks.mjs';

/** Names that the sidecar knows; `client:init` is the name of 2011 for the first. */
const TOLD = new Set(['client:connect', 'client:disconnect', 'session:disconnect', 'session:renamed',
    'channel:subscribe', 'channel:unsubscribe', 'user:offline']);
const ALIASES = new Map([['client:init', 'client:connect']]);

/** @typedef {(...args: any[]) => void} Handler */
/** @typedef {ReturnType<typeof createEvents>} Events */

/** @param {{ask: (what: string, args: any) => Promise<any>, failed: (error: any, where: string) => void}} host */
export function createEvents({ ask, failed }) {
    /** @type {Map<string, Set<Handler>>} */
    const handlers = new Map();
    /** @type {Set<string>} */
    const asked = new Set();

    /** @param {string} event */
    function listen(event) {
        if (TOLD.has(event) && !asked.has(event)) {
            asked.add(event);
            looseEnd(ask('on', { event }).catch((error) => {
                asked.delete(event); // so that the next one to listen asks again
                failed(error, `SS.events.on('${event}')`);
            }));
        }
    }

    return {
        listen,
        /** @param {string} name @param {Handler} fn */
        on(name, fn) {
            if (typeof name !== 'string' || typeof fn !== 'function') {
                throw new TypeError('SS.events.on takes the name of an event and a function');
            }
            const event = ALIASES.get(name) ?? name;
            const set = handlers.get(event) ?? new Set();
            handlers.set(event, set.add(fn));
            listen(event);
        },
        /** @param {string} name @param {Handler} [fn] all of them when not given */
        off(name, fn) {
            const event = ALIASES.get(name) ?? name;
            if (fn) {
                handlers.get(event)?.delete(fn);
            } else {
                handlers.delete(event);
            }
        },
        /** @param {string} name @param {any[]} args */
        emit(name, ...args) {
            const event = ALIASES.get(name) ?? name;
            for (const fn of [...(handlers.get(event) ?? [])]) {
                try {
                    fn(...args);
                } catch (error) {
                    failed(error, `a handler of '${name}'`);
                }
            }
        },
    };
}
