// SPDX-License-Identifier: MIT
//
// Asking an authentication module: a file of lib/server, or a package, whose exports.authenticate
// takes params and a callback, or gives a promise.  Also the sidecar's own question, for Basic Auth
// of the HTTP API; and how such a module compares what was sent with what it expects.

import { createHash, timingSafeEqual } from 'node:crypto';
import { CallError, code } from './errors.mjs';
import { problemOf } from './problems.mjs';

/** The name of the CALL by which the sidecar asks; docs/ACTION_HOSTS.md. */
export const QUESTION = 'system.authenticate';

/** The function of a module. @param {any} module */
const functionOf = (module) => module?.authenticate ?? module?.default?.authenticate;

/**
 * @param {(name: string) => any} requireByName
 * @param {string} name
 * @param {any} params
 * @returns {Promise<any>} its response; what is wrong with the module is thrown
 */
export function askModule(requireByName, name, params) {
    const module = requireByName(name);
    const authenticate = functionOf(module);
    if (typeof authenticate !== 'function') {
        throw new CallError(code.INTERNAL, `the authentication module '${name}' has no exports.authenticate`);
    }
    return new Promise((resolve, reject) => {
        const returned = authenticate.call(module, params, resolve);
        if (typeof returned?.then === 'function') {
            // With room for the callback it is the callback that counts, as with actions.
            returned.then(authenticate.length < 2 ? resolve : undefined, reject);
        }
    }).then((response) => {
        if (response && typeof response === 'object' && response.success === undefined && 'status' in response) {
            response.success = Boolean(response.status);
        }
        return response;
    });
}

/**
 * Why a module cannot be asked, looked at before anybody is: with a file where one is broken.
 * @param {(name: string) => any} requireByName @param {string} name @param {string} app
 * @returns {import('./problems.mjs').Problem | undefined}
 */
export function problemWithModule(requireByName, name, app) {
    try {
        return typeof functionOf(requireByName(name)) === 'function'
            ? undefined : { file: '', message: 'that module has no exports.authenticate' };
    } catch (/** @type {any} */ error) {
        const missing = error?.code === 'MODULE_NOT_FOUND' && String(error.message).startsWith(`Cannot find module '${name}'`);
        return missing ? { file: '', message: 'there is no such file in lib/server, and no such package' }
            : problemOf(error, { app, file: app });
    }
}

/** What answers that CALL: no action, so that no client can ask.
 *  @param {(name: string) => any} requireByName */
export function createQuestion(requireByName) {
    return async (/** @type {string} */ name, /** @type {any} */ params) => {
        const response = await askModule(requireByName, name, params);
        return { success: Boolean(response?.success), user_id: response?.user_id };
    };
}

/** Whether both are the same text, in a time that says nothing of where they differ, or of how long
 *  the second is.  @param {unknown} sent @param {unknown} expected @returns {boolean} */
export function secureEquals(sent, expected) {
    if (typeof sent !== 'string' || typeof expected !== 'string') {
        return false;
    }
    const digest = (/** @type {string} */ text) => createHash('sha256').update(text).digest();
    return timingSafeEqual(digest(sent), digest(expected));
}
