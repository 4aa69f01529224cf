// SPDX-License-Identifier: MIT
//
// The global `SS` of an application's files, put together from its parts.

import { escapeHTML } from '../client/src/escape.js';
import { looseEnd } from './asks.mjs';
import { secureEquals } from './authenticate.mjs';
import { messageOf } from './errors.mjs';

/**
 * @param {object} parts
 * @param {any} parts.setup      the sidecar's SETUP
 * @param {any} parts.server     the tree of actions
 * @param {any} parts.publish
 * @param {any} parts.log
 * @param {import('./events.mjs').Events} parts.events
 * @param {(what: string, args: any) => Promise<any>} parts.ask
 * @param {(fn: any, ...args: any[]) => void} parts.callBack
 */
export function createSS({ setup, server, publish, log, events, ask, callBack }) {
    /** The ids of all users online, on all nodes.  @param {(users: string[]) => void} [cb] */
    function now(cb) {
        const asked = ask('users.online', {});
        if (typeof cb === 'function') {
            asked.then((users) => callBack(cb, users), (error) => {
                log.error(`SS.users.online.now: ${messageOf(error)}; its callback is not called`);
            });
        }
        return looseEnd(asked);
    }

    return {
        env: setup.env,
        version: setup.version,
        root: setup.app,
        config: setup.config,
        server,
        shared: {},
        models: {},
        publish,
        // Connections are nginx's: there is no object of any here. The name is kept for code that looks.
        users: { online: { now }, connected: {} },
        events: { on: events.on, off: events.off, emit: events.emit },
        log,
        escapeHTML,
        secureEquals,
    };
}
