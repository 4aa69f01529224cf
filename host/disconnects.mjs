// SPDX-License-Identifier: MIT
//
// Handlers of session.on('disconnect').
//
// A browser that comes again registers the same handler again, so a session has each function once,
// by its source text, the last one given.  Handlers stay until the session is forgotten, since a page
// that reconnects does not run its init again; the sessions not used for longest are forgotten first.

import { DISCONNECT_HANDLERS_MAX, DISCONNECT_SESSIONS_MAX } from './bounds.mjs';

/** @typedef {import('./session.mjs').Session} Session */
/** @typedef {(session: Session) => void} Handler */
/** @typedef {ReturnType<typeof createDisconnects>} Disconnects */

/** @param {{listen: (event: string) => void, failed: (error: any, where: string) => void}} host */
export function createDisconnects({ listen, failed }) {
    /** By the session's id, the one used last at the end. @type {Map<string, Map<string, Handler>>} */
    const sessions = new Map();

    /** Moves a session to the end, under the id it has now.  @param {string} from @param {string} to
     *  @param {Map<string, Handler>} handlers */
    function keep(from, to, handlers) {
        sessions.delete(from);
        sessions.set(to, handlers);
        if (sessions.size > DISCONNECT_SESSIONS_MAX) {
            const [oldest] = sessions.keys();
            sessions.delete(oldest);
        }
    }

    return {
        /** @param {string} id @param {Handler} fn */
        add(id, fn) {
            const handlers = sessions.get(id) ?? new Map();
            const text = Function.prototype.toString.call(fn);
            if (handlers.size >= DISCONNECT_HANDLERS_MAX && !handlers.has(text)) {
                handlers.delete(handlers.keys().next().value);
            }
            handlers.set(text, fn);
            keep(id, id, handlers);
            listen('session:disconnect');
            listen('session:renamed');
        },

        /** A login has given a session another id.  @param {string} from @param {string} to */
        renamed(from, to) {
            const handlers = sessions.get(from);
            if (handlers && from !== to) {
                keep(from, to, new Map([...(sessions.get(to) ?? []), ...handlers]));
            }
        },

        /** The last connection of a session has ended.  @param {Session} session */
        ended(session) {
            for (const fn of [...(sessions.get(session.id ?? '')?.values() ?? [])]) {
                try {
                    fn.call(session, session);
                } catch (error) {
                    failed(error, "session.on('disconnect')");
                }
            }
        },

        get size() {
            return sessions.size;
        },
    };
}
