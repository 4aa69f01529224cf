// SPDX-License-Identifier: MIT
//
// One call of an action, and the `this` that the action sees.
//
// Each call has its own `this`, so calls that overlap never see each other's session.  What is not
// asked for costs nothing: the facts stay text until then.

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

/** @typedef {{resolve: (value: any) => void, reject: (error: any) => void}} Local */

export class Call {
    /**
     * @param {Target} target
     * @param {number} low     of its handle
     * @param {number} high
     * @param {string} facts   JSON, or '' for a call from within this process
     * @param {import('./inflight.mjs').Span} span
     * @param {Local | null} local  who waits within this process
     * @param {(call: Call) => import('./session.mjs').Session} makeSession
     */
    constructor(target, low, high, facts, span, local, makeSession) {
        this.target = target;
        this.low = low;
        this.high = high;
        this.text = facts;
        this.span = span;
        this.local = local;
        this.makeSession = makeSession;
        this.answered = false;
        this.again = false; // a second answer has been told
        /** @type {any} */
        this.parsed = null;
        /** @type {import('./session.mjs').Session | null} */
        this.mine = null;
    }

    /** @returns {any} what docs/ACTION_HOSTS.md calls the facts */
    get facts() {
        this.parsed ??= this.text === '' ? { id: '', transport: 'server' } : JSON.parse(this.text);
        return this.parsed;
    }

    get session() {
        this.mine ??= this.makeSession(this);
        return this.mine;
    }
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
    request: (call) => requestOf(call.facts),
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
        const keep = function keep(value) {
            Object.defineProperty(this, name, { value, writable: true, configurable: true, enumerable: true });
            return value;
        };
        members[name] = {
            /** @this {any} */
            get() {
                return keep.call(this, read(this[CALL]));
            },
            set: keep,
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
