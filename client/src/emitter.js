// SPDX-License-Identifier: MIT
//
// Named events with any number of handlers each.

/** @typedef {(...args: any[]) => void} Handler */

/**
 * A handler that throws keeps neither the others nor us from going on; its error reaches the
 * console as an uncaught one.
 */
export function createEmitter() {
    /** @type {Map<string, Set<Handler>>} */
    const handlers = new Map();
    return {
        /** @param {string} name @param {Handler} fn */
        on(name, fn) {
            if (!handlers.has(name)) {
                handlers.set(name, new Set());
            }
            handlers.get(name)?.add(fn);
        },
        /** @param {string} name @param {Handler} [fn] all of them when not given */
        off(name, fn) {
            if (fn) {
                handlers.get(name)?.delete(fn);
            } else {
                handlers.delete(name);
            }
        },
        /** @param {string} name @param {any[]} args */
        emit(name, ...args) {
            for (const fn of [...(handlers.get(name) ?? [])]) {
                try {
                    fn(...args);
                } catch (error) {
                    queueMicrotask(() => {
                        throw error;
                    });
                }
            }
        },
    };
}
