// SPDX-License-Identifier: MIT
//
// What stands between the parentheses of SS.server.app.square(25, { silent: true }, callback).

const OPTIONS = ['silent', 'timeout', 'retry', 'queue', 'idempotent'];

/** Options are a plain object that names options and nothing else; any other object is a param. */
function isOptions(/** @type {any} */ value) {
    const names = value && value.constructor === Object ? Object.keys(value) : [];
    return names.length > 0 && names.every((name) => OPTIONS.includes(name));
}

/**
 * @param {any[]} args
 * @returns {{params: any[], options: import('../types/socketstream.js').CallOptions,
 *   callback: ((result: any) => void) | null}}
 */
export function splitArguments(args) {
    const params = [...args];
    const callback = typeof params[params.length - 1] === 'function' ? params.pop() : null;
    const options = isOptions(params[params.length - 1]) ? params.pop() : {};
    return { params, options, callback };
}
