// SPDX-License-Identifier: MIT
//
// SS.server: a tree whose leaves are the server's actions.
//
// Until the server has named its actions every name can be called, so that a page need not wait;
// from then on only those that there are, and the tree shows them to Object.keys() and consoles.

// What the language itself asks of an object, beside what every object has; a call of them would be
// nobody's intention.
const NOT_ACTIONS = ['then', 'toJSON', 'prototype'];

/** @param {(name: string, args: any[]) => any} call */
export function createTree(call) {
    /** @type {Map<string, any>} nodes made so far, so that one name is always one object */
    const nodes = new Map();
    /** @type {Set<string> | null} full names of actions and of the groups they are in */
    let known = null;

    const exists = (/** @type {string} */ name, /** @type {string} */ key) =>
        known ? known.has(name) : !(key in {} || NOT_ACTIONS.includes(key));

    /** @param {string} path @returns {any} */
    function node(path) {
        const under = (/** @type {string} */ key) => (path ? `${path}.${key}` : key);
        const get = (/** @type {any} */ _, /** @type {string | symbol} */ key) => {
            if (typeof key !== 'string' || !exists(under(key), key)) {
                return undefined;
            }
            const name = under(key);
            if (!nodes.has(name)) {
                nodes.set(name, node(name));
            }
            return nodes.get(name);
        };
        return new Proxy(() => {}, {
            apply: (_, self, args) => call(path, args),
            get,
            has: (_, key) => get(_, key) !== undefined,
            set: () => false,
            ownKeys: () => {
                const start = path ? `${path}.` : '';
                return [...(known || [])]
                    .filter((name) => name.startsWith(start))
                    .map((name) => name.slice(start.length))
                    .filter((name) => name && !name.includes('.'));
            },
            getOwnPropertyDescriptor: (_, key) => {
                const value = get(_, key);
                return value && { value, enumerable: true, configurable: true, writable: false };
            },
        });
    }

    return {
        root: node(''),
        /**
         * @param {string[]} names all actions of the server
         * @param {string} prefix that each call's name begins with, '' or 'v1.'; others are not shown
         */
        learn(names, prefix) {
            known = new Set();
            for (const full of names) {
                const name = full.startsWith(prefix) ? full.slice(prefix.length) : '';
                for (let end = name.length; end > 0; end = name.lastIndexOf('.', end - 1)) {
                    known.add(name.slice(0, end));
                }
            }
        },
    };
}
