// SPDX-License-Identifier: MIT
//
// Calls of actions: from a CALL, or from SS.server in this process, to exactly one answer.
//
// Owns what counts as the answer.  An action with room for the callback behind its params answers by
// it, and what it returns means nothing: CoffeeScript returns the last expression.  Otherwise a
// promise that it returns is the answer.  Names are looked up in a Map, so none means anything
// special.  This is the way of every call: no allocation here without need.

import { types } from 'node:util';
import { arityOf, misfit, neverAnswers } from './arity.mjs';
import { Call, contextOf } from './call.mjs';
import { CallError, code, failureOf, isCallError, isDeliberate, stackOf } from './errors.mjs';
import { toJson } from './json.mjs';
import { getU32, op, ProtocolError } from './link.mjs';
import { createNames } from './names.mjs';

/** @typedef {import('./call.mjs').Target} Target */

/**
 * @typedef {object} Host  what a call needs of its surroundings
 * @property {import('./link.mjs').Link} link
 * @property {{span: import('./inflight.mjs').Span}} inflight
 * @property {number} maxMessage    the longest answer that the sidecar takes
 * @property {string} [explain]  the application's folder, when callers are told what happened in it
 * @property {(call: Call) => import('./session.mjs').Session} makeSession
 * @property {(level: string, message: string) => void} log
 * @property {(error: any) => void} exception  told of whatever an action threw
 */

const { isNativeError } = types;

const BRIEF_PARAMS = 64; // bytes

/** @typedef {ReturnType<typeof createDispatch>} Dispatch */

/** @param {any} value @returns {value is PromiseLike<any>} */
function isThenable(value) {
    return typeof value === 'object' && value !== null && typeof value.then === 'function';
}

/** Whether params are short, and of ASCII, so that bytes are characters.  @param {Buffer} bytes
 *  @param {number} from @param {number} to */
function isBrief(bytes, from, to) {
    if (to - from > BRIEF_PARAMS) {
        return false;
    }
    for (let i = from; i < to; i++) {
        if (bytes[i] > 0x7f) {
            return false;
        }
    }
    return true;
}

/** @param {Host} host */
export function createDispatch(host) {
    const { link, inflight, makeSession } = host;
    const owner = { makeSession, fail };
    /** @type {ReturnType<typeof createNames<Target>>} */
    const targets = createNames();

    /** Ends a call; false when that has been done, which is told once.  @param {Call} call */
    function close(call) {
        if (call.answered) {
            if (!call.again) {
                call.again = true;
                host.log('warning', `${call.target.name} has answered twice; only the first answer counts`);
            }
            return false;
        }
        call.answered = true;
        call.span.open--;
        return true;
    }

    /** @param {Call} call @param {any} error */
    function fail(call, error) {
        const { name } = call.target;
        const when = call.answered ? ', after its answer' : '';
        if (!isDeliberate(error)) {
            host.log('error', `${name}${when}: ${stackOf(error)}`);
            host.exception(error);
        } else if (call.answered || !isCallError(error)) {
            const { code: number, message } = failureOf(error);
            host.log('info', `${name}${when}: ${message} (${number})`);
        }
        if (call.answered) {
            return;
        }
        close(call);
        if (call.local !== null) {
            call.local.reject(error);
        } else {
            sendFailure(call, failureOf(error, host.explain));
        }
    }

    /** @param {Call} call @param {import('./errors.mjs').Failure} failure */
    function sendFailure(call, failure) {
        link.sendText(op.FAIL, call.low, call.high, toJson(failure));
    }

    /** @param {Call} call @param {any} result */
    function finish(call, result) {
        if (typeof result === 'object' && isNativeError(result)) { // calls no trap of a Proxy
            fail(call, result); // JSON would make {} of it
            return;
        }
        if (!close(call)) {
            return;
        }
        if (call.local !== null) {
            call.local.resolve(result);
            return;
        }
        let text;
        try {
            text = toJson(result);
        } catch (error) {
            refuse(call, code.INTERNAL, `its result is not serializable: ${stackOf(error).split('\n', 1)[0]}`);
            return;
        }
        if (text.length * 3 > host.maxMessage && Buffer.byteLength(text) > host.maxMessage) {
            refuse(call, code.TOO_LARGE, `its result has ${Buffer.byteLength(text)} bytes, more than ${host.maxMessage}`);
            return;
        }
        link.sendText(op.RETURN, call.low, call.high, text);
    }

    /** @param {Call} call @param {number} number @param {string} why */
    function refuse(call, number, why) {
        const message = `${call.target.name}: ${why}`;
        host.log('error', message);
        sendFailure(call, { code: number, message });
    }

    /** @param {Call} call @param {PromiseLike<any>} promise */
    function settle(call, promise) {
        promise.then((result) => finish(call, result), (error) => fail(call, error));
    }

    /** @param {Call} call @param {any[]} params */
    function invoke(call, params) {
        const { arity, fn, Context, name } = call.target;
        const sent = params.length;
        const room = arity.length - sent;
        if (room !== 1 || arity.async) {
            const wrong = misfit(name, arity, sent);
            if (wrong !== '') {
                fail(call, new CallError(code.INVALID_PARAMS, wrong));
                return;
            }
        }
        try {
            if (arity.async && room <= 0) {
                const promise = fn.apply(new Context(call), params);
                if (!isThenable(promise)) {
                    throw new CallError(code.INVALID_PARAMS, neverAnswers(name, arity));
                }
                settle(call, promise);
                return;
            }
            const answer = (/** @type {any} */ result) => finish(call, result);
            const returned = fn.apply(new Context(call), [...params, answer]);
            if (isThenable(returned)) {
                if (room === 1) {
                    returned.then(undefined, (error) => fail(call, error));
                } else {
                    settle(call, returned);
                }
            } else if (room !== 1 && !call.answered && !arity.flexible) {
                fail(call, new CallError(code.INVALID_PARAMS, neverAnswers(name, arity)));
            }
        } catch (error) {
            fail(call, error);
        }
    }

    return {
        fail,

        /** The actions of the application.  @param {Map<string, {fn: Function, actions: any}>} actions */
        offer(actions) {
            /** @type {Map<any, Target['Context']>} */
            const contexts = new Map();
            for (const [name, { fn, actions: object }] of actions) {
                const Context = contexts.get(object) ?? contextOf(object);
                contexts.set(object, Context);
                targets.add({ name, fn, arity: arityOf(fn), Context });
            }
        },

        /** @param {string} name */
        has: (name) => targets.get(name) !== undefined,

        /** CALL.  @param {number} low @param {number} high @param {Buffer} bytes @param {number} at
         *  @param {number} end */
        receive(low, high, bytes, at, end) {
            const nameAt = at + 3;
            const nameEnd = nameAt + (bytes[at + 1] | (bytes[at + 2] << 8));
            const factsAt = nameEnd + 4;
            const factsEnd = factsAt <= end ? factsAt + getU32(bytes, nameEnd) : end + 1;
            if (factsEnd > end) {
                throw new ProtocolError('a CALL that ends within its fields');
            }
            const target = targets.find(bytes, nameAt, nameEnd);
            if (target === undefined) {
                const message = `there is no action ${bytes.toString('utf8', nameAt, nameEnd)} here`;
                link.sendText(op.FAIL, low, high, toJson({ code: code.METHOD_NOT_FOUND, message }));
                return;
            }
            const { span } = inflight;
            span.open++;
            // One string for both where that can be: making it costs more than its length does.
            const brief = isBrief(bytes, factsEnd, end);
            const text = bytes.toString('latin1', factsAt, brief ? end : factsEnd);
            const length = factsEnd - factsAt;
            const call = new Call(target, low, high, brief ? text.slice(0, length) : text, span, null, owner);
            let params;
            try {
                params = JSON.parse(brief ? text.slice(length) : bytes.toString('utf8', factsEnd, end));
            } catch (error) {
                fail(call, new CallError(code.PARSE, `the params are not JSON: ${stackOf(error).split('\n', 1)[0]}`));
                return;
            }
            invoke(call, Array.isArray(params) ? params : [params]);
        },

        /** A call from within this process: no JSON, no session.  @param {string} name
         *  @param {any[]} params @returns {Promise<any>} */
        local(name, params) {
            const target = targets.get(name);
            if (target === undefined) {
                return Promise.reject(new CallError(code.METHOD_NOT_FOUND, `there is no action ${name} here`));
            }
            return new Promise((resolve, reject) => {
                const { span } = inflight;
                span.open++;
                invoke(new Call(target, 0, 0, '', span, { resolve, reject }, owner), params);
            });
        },
    };
}
