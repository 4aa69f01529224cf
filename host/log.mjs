// SPDX-License-Identifier: MIT
//
// SS.log: lines of the sidecar's log, each with its level.

import util from 'node:util';
import { stackOf } from './errors.mjs';

/** @typedef {((...args: any[]) => void) & {message: (...args: any[]) => void,
 *            exception: (error: any) => void}} ErrorLog */
/** @typedef {{error: ErrorLog, warn: (...args: any[]) => void, warning: (...args: any[]) => void,
 *   notice: (...args: any[]) => void, info: (...args: any[]) => void,
 *   debug: (...args: any[]) => void}} Log */

/** What an object's own inspector throws is no reason to lose the line.  @param {any[]} args */
function format(args) {
    try {
        return util.format(...args);
    } catch (error) {
        return `a value that cannot be printed: ${stackOf(error)}`;
    }
}

/** @param {(level: string, message: string) => void} write @returns {Log} */
export function createLog(write) {
    const at = (/** @type {string} */ level) => (/** @type {any[]} */ ...args) => write(level, format(args));
    const error = at('error');
    return {
        // The two names below `error` are those that applications of 2011 know.
        error: Object.assign(error, {
            message: error,
            exception: (/** @type {any} */ thrown) => write('error', stackOf(thrown)),
        }),
        warn: at('warning'),
        warning: at('warning'),
        notice: at('notice'),
        info: at('info'),
        debug: at('debug'),
    };
}
