// SPDX-License-Identifier: MIT
//
// One call of an action, and the `this` that the action sees.
//
// Each call has its own `this`, so calls that overlap never see each other's session.  What is not
// asked for costs nothing: the facts stay text until then, and text of bytes at that.

import { NO_CALL } from './asks.mjs';

/** Where `this` keeps its call. */
const CALL = Symbol('call');

/**
 * An action as it is called.
 * @typedef {object} Target
 * @property {string} name   in full
 * @property {Function} fn
 * @property {import('./arity.mjs').Arity} arity
 * @property {new (call: Call) => object} Context  makes `this`
 */

/** What a call needs of those who made it.
 *  @typedef {{makeSession: (call: Call) => import('./session.mjs').Session, fail: (call: Call, error: any) => void}} Owner */

/** @typedef {import('./session.mjs').Course} Course */
/** @typedef {{resolve: (value: any) => void, reject: (error: any) => void}} Local */

/** Also the course of its session.  @implements {Course} */
export class Call {
    /**
     * @param {Target} target
     * @param {number} low     of its handle
     * @param {number} high
     * @param {string} facts   JSON, a character for each byte of its UTF-8; '' for a call from
     *   within this process
     * @param {import('./inflight.mjs').Span} span
     * @param {Local | null} local  who waits within this process
     * @param {Owner} owner
     */
    constructor(target, low, high, facts, span, local, owner) {
        this.target = target;
        this.low = low;
        this.high = high;
        this.text = facts;
        this.span = span;
        this.local = local;
        this.owner = owner;
        this.answered = false;
        this.again = false; // a second answer has been told
        /** @type {any} */
        this.parsed = null;
        /** @type {import('./session.mjs').Session | null} */
        this.mine = null;
        /** @type {ReturnType<typeof requestOf> | null} */
        this.shown = null;
    }

    /** @returns {any} what docs/ACTION_HOSTS.md calls the facts */
    get facts() {
        this.parsed ??= this.text === '' ? { id: '', transport: 'server' } : JSON.parse(decode(this.text));
        return this.parsed;
    }

    get session() {
        this.mine ??= this.owner.makeSession(this);
        return this.mine;
    }

    get request() {
        this.shown ??= requestOf(this.facts);
        return this.shown;
    }

    /** Begins a line of the log. */
    get name() {
        return `${this.target.name}: `;
    }

    handle() {
        return this.answered ? NO_CALL : this;
    }

    /** @param {any} error */
    fail(error) {
        this.owner.fail(this, error);
    }
}

/** @param {string} text a character for each byte of UTF-8 */
function decode(text) {
    return /[\x80-\xff]/.test(text) ? Buffer.from(text, 'latin1').toString() : text;
}

/** What `@request` shows.  @param {any} facts */
function requestOf(facts) {
    const headers = facts.headers ?? {};
    return {
        id: facts.id,
        transport: facts.transport,
        address: facts.address ?? '',
        socket_id: facts.socket ?? '',
        origin: headers.origin,
        headers,
        post: facts.post === undefined ? undefined : { raw: facts.post },
    };
}

/** @type {Record<string, (call: Call) => any>} */
const MEMBERS = {
    session: (call) => call.session,
    user: (call) => call.session.user,
    request: (call) => call.request,
    getSession: (call) => (/** @type {(session: any) => void} */ cb) => {
        cb?.(call.session);
        return Promise.resolve(call.session);
    },
};

/**
 * The maker of `this` for the actions of one object: siblings are inherited, and what is set on
 * `this` is the call's own.
 * @param {any} actions
 * @returns {new (call: Call) => object}
 */
export function contextOf(actions) {
    /** @type {PropertyDescriptorMap} */
    const members = {};
    for (const [name, read] of Object.entries(MEMBERS)) {
        /** @this {any} @param {any} value */
        const set = function set(value) {
            Object.defineProperty(this, name, { value, writable: true, configurable: true, enumerable: true });
        };
        members[name] = {
            /** @this {any} */
            get() {
                return read(this[CALL]);
            },
            set,
            configurable: true,
        };
    }
    /** @this {any} @param {Call} call */
    function Context(call) {
        this[CALL] = call;
    }
    Context.prototype = Object.create(actions, members);
    return /** @type {any} */ (Context);
}
