// SPDX-License-Identifier: MIT
//
// The functions of config/http, in connect's way: each gets request, response and next; one of four
// arguments gets what an earlier one threw, or gave to next.
//
// Owns which functions a file offers, and their order.  What the end of it means for a request is
// http.mjs's.

/** @typedef {(...args: any[]) => any} Middleware */

/** Those of 0.2 ran before and behind its own; ours runs behind all. */
const NAMES = ['call', 'primary', 'secondary'];

/** What a module offers under a name; functions have a `call` that is none.
 *  @param {any} exported @param {string} name */
const member = (exported, name) => (exported !== null && exported !== undefined && Object.hasOwn(exported, name) ? exported[name] : undefined);

/** @param {any} exported of config/http @returns {{chain: Middleware[], wrong: string[]}} */
export function findMiddleware(exported) {
    const isNamed = NAMES.some((name) => member(exported, name) !== undefined);
    const main = isNamed ? exported : member(exported, 'default') ?? exported;
    /** @type {[string, any][]} */
    const given = typeof main === 'function' && member(main, 'call') === undefined
        ? [['module.exports', main]]
        : NAMES.map((name) => [`exports.${name}`, member(main, name)]);
    /** @type {Middleware[]} */
    const chain = [];
    /** @type {string[]} */
    const wrong = [];
    for (const [name, value] of given) {
        for (const one of value === undefined ? [] : [value].flat(Infinity)) {
            if (typeof one === 'function') {
                chain.push(one);
            } else {
                wrong.push(`${name} must be a function of request, response and next, or an array of such functions`);
            }
        }
    }
    if (chain.length === 0 && wrong.length === 0) {
        wrong.push('there is no exports.call, a function of request, response and next, or an array of such functions');
    }
    return { chain, wrong: [...new Set(wrong)] };
}

/**
 * Runs them one after the other until one does not call next; then `done` is not called.
 * @param {Middleware[]} chain
 * @param {any} request @param {any} response
 * @param {(error?: any) => void} done  behind the last
 * @param {(error: any) => void} late  gets what one threw that had called next
 */
export function runMiddleware(chain, request, response, done, late) {
    /** @param {number} at @param {any} error */
    const step = (at, error) => {
        while (at < chain.length && (chain[at].length === 4) !== Boolean(error)) {
            at++;
        }
        if (at === chain.length) {
            done(error);
            return;
        }
        let isOver = false;
        const next = (/** @type {any} */ failure) => {
            if (!isOver) {
                isOver = true;
                step(at + 1, failure);
            }
        };
        const failed = (/** @type {any} */ failure) => (isOver ? late : next)(failure || new Error(`middleware threw ${String(failure)}`));
        try {
            const result = error ? chain[at](error, request, response, next) : chain[at](request, response, next);
            if (typeof result?.then === 'function') {
                result.then(undefined, failed);
            }
        } catch (failure) {
            failed(failure);
        }
    };
    step(0, undefined);
}
