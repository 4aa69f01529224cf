// SPDX-License-Identifier: MIT
//
// Errors as callers get them: what an action threw becomes {code, message, data}.
//
// Whatever was thrown, these functions give a text and never throw: an application's errors may be
// strings, nothing at all, or objects whose getters throw.

import { ERROR_MESSAGE_MAX, ERROR_STACK_MAX } from './bounds.mjs';
import { problemOf } from './problems.mjs';

/** Of shared/ss_errors.h, those that a host says. */
export const code = Object.freeze({
    PARSE: -32700,
    METHOD_NOT_FOUND: -32601,
    INVALID_PARAMS: -32602,
    INTERNAL: -32603,
    APPLICATION: -32000,
    NOT_AUTHENTICATED: -32001,
    UNAVAILABLE: -32003,
    TOO_LARGE: -32005,
    TOO_MANY_CALLS: -32006,
});

/** @typedef {{code: number, message: string, data?: any}} Failure */

/** An error with a code for the caller. */
export class CallError extends Error {
    /** @param {number} number @param {string} message @param {any} [data] */
    constructor(number, message, data) {
        super(message);
        this.name = 'CallError';
        this.code = number;
        this.data = data;
    }
}

/** Reads a member of anything.  @param {any} value @param {string} name */
function member(value, name) {
    try {
        return value?.[name];
    } catch {
        return undefined;
    }
}

/** @template T @param {any} value @param {new (...args: any[]) => T} Class @returns {value is T} */
function isA(value, Class) {
    try {
        return value instanceof Class;
    } catch { // a Proxy
        return false;
    }
}

/** One of ours.  @param {any} error @returns {error is CallError} */
export const isCallError = (error) => isA(error, CallError);

/** @param {any} value */
function textOf(value) {
    try {
        return String(value);
    } catch {
        return 'an object that cannot be printed';
    }
}

/** @param {any} error */
export function messageOf(error) {
    const message = member(error, 'message');
    const text = typeof message === 'string' ? message
        : error === undefined || error === null ? 'Application error' : textOf(error);
    return text.slice(0, ERROR_MESSAGE_MAX);
}

/** The stack, or the best there is instead.  @param {any} error */
export function stackOf(error) {
    const stack = member(error, 'stack');
    return (typeof stack === 'string' && stack ? stack : messageOf(error)).slice(0, ERROR_STACK_MAX);
}

/** JSON that callers may see, or undefined.  @param {any} data */
function plain(data) {
    try {
        const text = JSON.stringify(data);
        return text === undefined || text.length > ERROR_STACK_MAX ? undefined : JSON.parse(text);
    } catch {
        return undefined;
    }
}

/** The whole number that was thrown as `code`.  Others, such as Node's 'ENOENT' and a DOMException's
 *  of another century, are nothing for callers.  @param {any} error @returns {number | undefined} */
function numberOf(error) {
    const given = member(error, 'code');
    const whole = Number.isInteger(given) && Math.abs(given) <= 0x7fffffff;
    return whole && !isA(error, DOMException) ? given : undefined;
}

/** Whether it is an answer that the action chose, and no accident.  @param {any} error */
export function isDeliberate(error) {
    const number = numberOf(error);
    return number !== undefined && number !== code.INTERNAL;
}

/** Where in the application it was thrown.  @param {any} error @param {string} app */
function problemIn(error, app) {
    const { file, ...problem } = problemOf(error, { app, file: app });
    return file && { file, ...problem };
}

/**
 * What the caller of an action gets for what was thrown.
 * @param {any} error
 * @param {string} [app]  the application's folder, to tell where in it an accident happened, too
 * @returns {Failure}
 */
export function failureOf(error, app) {
    /** @type {Failure} */
    const failure = { code: numberOf(error) ?? code.APPLICATION, message: messageOf(error) };
    const data = plain(member(error, 'data'));
    if (data !== undefined) {
        failure.data = data;
    }
    const stack = member(error, 'stack');
    if (app && typeof stack === 'string' && !isCallError(error) && !isDeliberate(error)
        && (data === undefined || (typeof data === 'object' && data !== null && !Array.isArray(data)))) {
        failure.data = { ...data, stack: stack.slice(0, ERROR_STACK_MAX), problem: problemIn(error, app) || undefined };
    }
    return failure;
}
