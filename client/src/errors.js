// SPDX-License-Identifier: MIT
//
// What a call rejects with: the codes are those of docs/PROTOCOL.md.

export const METHOD_NOT_FOUND = -32601;
export const UNAVAILABLE = -32003;
export const TIMEOUT = -32004;
export const TOO_LARGE = -32005;

/**
 * @param {string} message
 * @param {number} code
 * @param {any} [data]
 * @returns {Error & {code: number, data: any}}
 */
export function callError(message, code, data) {
    return Object.assign(new Error(message), { code, data });
}

/** @param {string} message of an error after which the same call may succeed */
export const unavailable = (message) => callError(message, UNAVAILABLE, { retryable: true });
