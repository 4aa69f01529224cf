// SPDX-License-Identifier: MIT
//
// What goes wrong outside of any call: exceptions nobody caught, promises nobody looked at.
//
// Such a process may hold anything, so it asks to be replaced, once, and goes on meanwhile: clients
// notice nothing.  Further failures are logged only, and not without end.

import { FAILURES_LOGGED_MAX } from './bounds.mjs';
import { messageOf, stackOf } from './errors.mjs';

/** @typedef {ReturnType<typeof createFailures>} Failures */

/**
 * @param {object} host
 * @param {(level: string, message: string) => void} host.log
 * @param {(error: any) => void} host.exception  tells the application
 * @param {(reason: string) => void} host.retire
 */
export function createFailures({ log, exception, retire }) {
    let count = 0;

    /** Something of the application failed where no caller could be told.
     *  @param {any} error @param {string} where */
    function failed(error, where) {
        count++;
        if (count <= FAILURES_LOGGED_MAX) {
            log('error', `${where}: ${stackOf(error)}`);
            exception(error);
        } else if (count === FAILURES_LOGGED_MAX + 1) {
            log('error', 'more failures are not logged until this process is replaced');
        }
        if (count === 1) {
            retire(`${where}: ${messageOf(error).split('\n', 1)[0]}`);
        }
    }

    return {
        failed,
        /** Calls an application's function from outside of any call.  @param {any} fn @param {any[]} args */
        callBack(fn, ...args) {
            try {
                fn(...args);
            } catch (error) {
                failed(error, 'exception in a callback');
            }
        },
        watchProcess() {
            process.on('uncaughtException', (error) => failed(error, 'uncaught exception'));
            process.on('unhandledRejection', (reason) => failed(reason, 'unhandled rejection'));
        },
    };
}
