// SPDX-License-Identifier: MIT
//
// @session: what an action, or a handler of an event, sees of a browser's session.
//
// The truth is the sidecar's.  An operation changes this object at once, as 0.1.4 did, and asks the
// sidecar; when the last operation under way has ended the object is what the sidecar said last, so
// what failed is taken back.  Wrong arguments throw at once; what the sidecar refuses rejects the
// promise, is given to the callback, and is logged, since most callers look at neither.

import { NO_CALL, looseEnd } from './asks.mjs';
import { Attributes } from './attributes.mjs';
import { askModule } from './authenticate.mjs';
import { NAME_MAX } from './bounds.mjs';
import { CallError, code, messageOf } from './errors.mjs';

/**
 * @typedef {object} SessionHost
 * @property {(what: string, args: any, body: undefined, call: import('./asks.mjs').Handle) => Promise<any>} ask
 * @property {(level: string, message: string) => void} log
 * @property {import('./disconnects.mjs').Disconnects} disconnects
 * @property {(name: string) => any} requireByName
 * @property {string} keyPrefix
 */

/**
 * In whose course a session is used.
 * @typedef {object} Course
 * @property {() => import('./asks.mjs').Handle} handle  of the call while it is open
 * @property {(error: any) => void} fail  what a callback threw
 * @property {string} name  for log lines
 */

/** @typedef {{id?: string, created_at?: number, user?: string, attributes?: Record<string, any>,
 *             channels?: string[], new?: boolean}} SessionFacts */
/** @typedef {(error: any, session?: Session) => void} Done */

/** @param {any} names @returns {string[]} */
function channelNames(names) {
    const list = Array.isArray(names) ? names : [names];
    if (list.length === 0) {
        throw new CallError(code.INVALID_PARAMS, 'No channels specified');
    }
    return list.map((name) => {
        const text = typeof name === 'number' ? String(name) : name;
        if (typeof text !== 'string' || text === '' || Buffer.byteLength(text) > NAME_MAX) {
            throw new CallError(code.INVALID_PARAMS, `Channel names must be strings of 1 to ${NAME_MAX} bytes`);
        }
        return text;
    });
}

/** @param {any} cb */
function checkCallback(cb) {
    if (cb !== undefined && cb !== null && typeof cb !== 'function') {
        throw new CallError(code.INVALID_PARAMS, 'The callback (last argument) must be a function');
    }
}

export class Session {
    /** @type {SessionHost} */ #host;
    /** @type {Course} */ #course;
    /** @type {string} */ #socket;
    /** What the sidecar said last. @type {SessionFacts} */ #known;
    #pending = 0;
    /** @type {Attributes | null} */ #attributes = null;
    /** @type {SessionUser | null} */ #user = null;
    /** @type {SessionChannel | null} */ #channel = null;

    /** @param {SessionHost} host @param {SessionFacts | undefined} facts undefined: there is none
     *  @param {string} socket @param {Course} course */
    constructor(host, facts, socket, course) {
        this.#host = host;
        this.#course = course;
        this.#socket = socket;
        this.#known = facts ?? {};
        /** @type {string | undefined} */
        this.id = this.#known.id;
        this.created_at = this.#known.created_at;
        this.newly_created = this.#known.new === true;
        /** @type {string | null} */
        this.user_id = this.#known.user ?? null;
        this.channels = [...(this.#known.channels ?? [])];
    }

    get user() {
        this.#user ??= new SessionUser(this);
        return this.#user;
    }

    get channel() {
        this.#channel ??= new SessionChannel(this);
        return this.#channel;
    }

    /** Kept with the session by save().  @returns {Record<string, any>} */
    get attributes() {
        this.#attributes ??= new Attributes(this.#known.attributes);
        return this.#attributes.values;
    }

    set attributes(values) {
        this.#attributes ??= new Attributes(this.#known.attributes);
        this.#attributes.values = values;
    }

    key() {
        return `${this.#host.keyPrefix}:session:${this.id}`;
    }

    /** Saves what differs in `attributes`, each name by itself; those of a user of the HTTP API end
     *  with the call.  @param {Done} [cb] */
    save(cb) {
        checkCallback(cb);
        const changes = this.#attributes?.changes();
        const passing = this.id === undefined && this.#known.user !== undefined;
        if (passing || (this.id !== undefined && changes === undefined)) {
            return this.#tell(Promise.resolve(), 'session.save', (error) => cb?.(error, this));
        }
        return this._operate('session.save', { set: {}, remove: [], ...changes }, (error) => cb?.(error, this));
    }

    /** Signs in.  @param {string | number} userId @param {Done} [cb] */
    setUserId(userId, cb) {
        checkCallback(cb);
        const user = typeof userId === 'number' ? String(userId) : userId;
        if (typeof user !== 'string' || user === '' || Buffer.byteLength(user) > NAME_MAX) {
            throw new CallError(code.INVALID_PARAMS, `User ID (first argument) must be a number or a string of 1 to ${NAME_MAX} bytes`);
        }
        if (this.id !== undefined) {
            this.user_id = user;
        }
        return this._operate('session.login', { user }, (error) => cb?.(error, this));
    }

    /**
     * Asks an authentication module; who it lets in is signed in by setUserId(), not here.
     * @param {string} name of a file in lib/server, or of a package
     * @param {any} params
     * @param {(response: any) => void} [cb]
     */
    authenticate(name, params, cb) {
        checkCallback(cb);
        const asked = askModule(this.#host.requireByName, name, params);
        return this.#run(asked, (error, response) => {
            if (error && cb) {
                throw error; // which fails the call: the callback has no place for it
            }
            if (!error) {
                cb?.(response);
            }
        });
    }

    /** Runs when the session's last connection has ended.  @param {string} event
     *  @param {(session: Session) => void} fn */
    on(event, fn) {
        if (event !== 'disconnect' || typeof fn !== 'function') {
            throw new CallError(code.INVALID_PARAMS, "session.on takes 'disconnect' and a function");
        }
        if (this.id !== undefined) {
            this.#host.disconnects.add(this.id, fn);
        }
        return this;
    }

    /** Nothing of it is for browsers: an action that gives it to its callback answers {}. */
    toJSON() {
        return {};
    }

    /** For this file and its parts: asks for a change of this session.
     *  @param {string} what @param {Record<string, any>} args @param {(error: any) => void} done */
    _operate(what, args, done) {
        if (this.id === undefined) {
            const error = new CallError(code.NOT_AUTHENTICATED,
                `this call has no session: sessions are those of browsers, not of the HTTP API or of SS.server`);
            return this.#tell(Promise.reject(error), what, done);
        }
        this.#pending++;
        const named = { session: this.id, socket: this.#socket, ...args };
        const asked = this.#host.ask(what, named, undefined, this.#course.handle()).then(
            (facts) => this.#settled(facts),
            (error) => {
                this.#settled(this.#known);
                throw error;
            },
        );
        return this.#tell(asked, what, done);
    }

    /** An operation has ended.  @param {SessionFacts} facts */
    #settled(facts) {
        if (facts.id !== undefined && facts.id !== this.id && this.id !== undefined) {
            this.#host.disconnects.renamed(this.id, facts.id);
        }
        this.#known = facts;
        this.id = facts.id ?? this.id;
        if (--this.#pending === 0) {
            this.user_id = facts.user ?? null;
            this.channels = [...(facts.channels ?? [])];
            this.#attributes?.learn(facts.attributes);
        }
    }

    /** Logs a failure, and calls back.  @param {Promise<any>} asked @param {string} what
     *  @param {(error: any) => void} done @returns {Promise<Session>} */
    #tell(asked, what, done) {
        const told = asked.then(() => this, (error) => {
            this.#host.log('warning', `${this.#course.name}${what}: ${messageOf(error)}`);
            throw error;
        });
        return this.#run(told, done);
    }

    /** Calls back; what the callback throws fails the call, as if the action had thrown it.
     *  @template T @param {Promise<T>} promise @param {(error: any, value?: T) => void} done */
    #run(promise, done) {
        const call = (/** @type {any} */ error, /** @type {T} */ value) => {
            try {
                done(error, value);
            } catch (thrown) {
                this.#course.fail(thrown);
            }
        };
        promise.then((value) => call(null, value), (error) => call(error, /** @type {any} */ (undefined)));
        return looseEnd(promise);
    }

    /** @internal @param {(error: any) => void} done */
    _logout(done) {
        if (this.id !== undefined) {
            this.user_id = null;
            this.channels = [];
        }
        return this._operate('session.logout', {}, done);
    }

    /** @internal @returns {string} */
    _userKey() {
        return `${this.#host.keyPrefix}:user:${this.user_id}`;
    }
}

/** @session.user */
class SessionUser {
    /** @type {Session} */ #session;

    /** @param {Session} session */
    constructor(session) {
        this.#session = session;
    }

    loggedIn() {
        return this.#session.user_id !== null;
    }

    key() {
        return this.#session._userKey();
    }

    /** The callback gets the session, now empty.  @param {(session: Session) => void} [cb] */
    logout(cb) {
        checkCallback(cb);
        return this.#session._logout((error) => {
            if (error && cb) {
                throw error; // which fails the call: the callback has no place for it
            }
            cb?.(this.#session);
        });
    }
}

/** @session.channel */
class SessionChannel {
    /** @type {Session} */ #session;

    /** @param {Session} session */
    constructor(session) {
        this.#session = session;
    }

    /** @param {(names: string[]) => void} [cb] */
    list(cb) {
        const names = [...this.#session.channels];
        cb?.(names);
        return names;
    }

    /** @param {string | string[]} names @param {Done} [cb] */
    subscribe(names, cb) {
        checkCallback(cb);
        const list = channelNames(names);
        const session = this.#session;
        if (session.id !== undefined) {
            session.channels = [...new Set([...session.channels, ...list])];
        }
        return session._operate('channel.subscribe', { names: list }, (error) => cb?.(error, session));
    }

    /** @param {string | string[]} names @param {Done} [cb] */
    unsubscribe(names, cb) {
        checkCallback(cb);
        const list = channelNames(names);
        const session = this.#session;
        session.channels = session.channels.filter((name) => !list.includes(name));
        return session._operate('channel.unsubscribe', { names: list }, (error) => cb?.(error, session));
    }

    /** Leaves all.  @param {Done} [cb] */
    reset(cb) {
        checkCallback(cb);
        const session = this.#session;
        session.channels = [];
        return session._operate('channel.reset', {}, (error) => cb?.(error, session));
    }

    /** The name of reset() in later versions of 0.2.  @param {Done} [cb] */
    unsubscribeAll(cb) {
        return this.reset(cb);
    }
}

/** The course of what belongs to no call.  @param {string} name @param {(error: any) => void} fail
 *  @returns {Course} */
export function noCourse(name, fail) {
    return { handle: () => NO_CALL, fail, name };
}
