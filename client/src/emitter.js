// SPDX-License-Identifier: MIT
//
// Named events with any number of handlers each.

/** @typedef {(...args: any[]) => void} Handler */

/**
 * What `fn` throws reaches the console as an uncaught error, and stops nobody else.
 * @param {Handler} fn @param {any[]} args
 */
export function guarded(fn, ...args) {
    try {
        fn(...args);
    } catch (error) {
        queueMicrotask(() => {
            throw error;
        });
    }
}

export function createEmitter() {
    /** @type {Map<string, Map<Handler, boolean>>} handlers, and whether they are called once only */
    const handlers = new Map();

    const named = (/** @type {string} */ name) => handlers.get(name) || new Map();

    /** @param {string} name @param {Handler} fn @param {boolean} once */
    function add(name, fn, once) {
        handlers.set(name, named(name).set(fn, once));
    }

    return {
        /** @param {string} name @param {Handler} fn */
        on: (name, fn) => add(name, fn, false),
        /** @param {string} name @param {Handler} fn */
        once: (name, fn) => add(name, fn, true),
        /** @param {string} name @param {Handler} [fn] all of them when not given */
        off(name, fn) {
            if (fn) {
                named(name).delete(fn);
            } else {
                handlers.delete(name);
            }
        },
        /** @param {string} name @param {any[]} args @returns {boolean} whether anybody listens */
        emit(name, ...args) {
            const called = [...named(name)];
            for (const [fn, once] of called) {
                if (once) {
                    named(name).delete(fn);
                }
                guarded(fn, ...args);
            }
            return called.length > 0;
        },
    };
}
