// SPDX-License-Identifier: MIT
//
// The browser library: puts connection, tree and events together into the object that pages know
// as SS.

import { createConnection } from './connection.js';
import { createEmitter } from './emitter.js';
import { createExchange } from './session.js';
import { createTree } from './tree.js';

function defaultUrl() {
    return `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/socketstream`;
}

/** Pages and their workers have a location, and a place for cookies; Node has neither. */
function defaultFetch() {
    return typeof location === 'undefined' ? undefined : globalThis.fetch;
}

/**
 * @param {import('../types/socketstream.js').Options} [options]
 * @returns {import('../types/socketstream.js').Client}
 */
export function createClient(options = {}) {
    const events = createEmitter();
    const socket = createEmitter();
    const url = options.url ?? defaultUrl();
    const exchange = createExchange(url, 'fetch' in options ? options.fetch : defaultFetch());

    const connection = createConnection({
        url,
        WebSocket: options.WebSocket ?? WebSocket,
        random: options.random ?? Math.random,
        onState: socket.emit,
        onNotification(method, params) {
            if (method === 'event') {
                events.emit(params[0], ...params.slice(1));
            } else if (method === 'system.init') {
                Object.assign(SS, {
                    version: params.version,
                    env: params.env,
                    config: params.config,
                });
                tree.learn(params.api);
            } else if (method === 'system.session') {
                exchange(params.ticket);
            } else if (method === 'system.resync') {
                socket.emit('resync', { reason: params.reason });
            }
        },
    });

    /**
     * The last argument may be a callback, which gets the result; an error then goes to the
     * console unless somebody handles the promise.
     */
    const tree = createTree((name, args) => {
        const callback = typeof args[args.length - 1] === 'function' ? args.pop() : null;
        const promise = connection.call(name, args);
        if (callback) {
            promise.then(callback).catch((error) => console.error(`SS.server.${name}:`, error));
        }
        return promise;
    });

    /** @type {import('../types/socketstream.js').Client} */
    const SS = {
        version: '',
        env: '',
        config: {},
        server: tree.root,
        events,
        socket: {
            on: socket.on,
            off: socket.off,
            connect: connection.connect,
            disconnect: connection.disconnect,
            get connected() {
                return connection.connected;
            },
        },
    };

    // No use waiting out a delay when the network has just come back.
    globalThis.addEventListener?.('online', connection.retry);
    if (options.connect ?? true) {
        connection.connect();
    }
    return SS;
}
