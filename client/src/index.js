// SPDX-License-Identifier: MIT
//
// The browser library: puts its parts together into the object that pages know as SS.

import { register } from './api.js';
import { splitArguments } from './arguments.js';
import { createCalls } from './calls.js';
import { createChooser } from './chooser.js';
import { createConnection } from './connection.js';
import { createEmitter, guarded } from './emitter.js';
import { escapeHTML } from './escape.js';
import { createLog } from './log.js';
import { createExchange } from './session.js';
import { openStream } from './sse.js';
import { createTree } from './tree.js';
import { VERSION } from './version.js';
import { openWebSocket } from './websocket.js';

export { escapeHTML };

const MAX_QUEUE = 1000; // calls that wait for a connection
const HEARTBEAT = 30; // seconds, for a server that does not say
const LOG_LEVEL = 2; // until it has said

/** A path is one of the page's own host. @param {string} url */
const absolute = (url) => (url[0] === '/' ? location.origin.replace('http', 'ws') + url : url);

/**
 * @param {import('../types/socketstream.js').Options} [options]
 * @returns {import('../types/socketstream.js').Client}
 */
export function createClient(options = {}) {
    const events = createEmitter();
    const socket = createEmitter();
    const url = absolute(options.url || '/socketstream');
    const fetch = options.fetch || globalThis.fetch;
    const Socket = options.WebSocket || globalThis.WebSocket;
    const random = options.random || Math.random;
    // Pages and their workers have a location, and a place for cookies; Node has neither.
    const exchange = createExchange(url, 'fetch' in options ? options.fetch : globalThis.location && globalThis.fetch);
    const log = createLog(() => /** @type {number} */ ([options.log, (SS.config.log || {}).level, LOG_LEVEL].find((level) => typeof level === 'number')), socket.emit);
    const prefix = () => (SS.config.remote_prefix ? `${SS.config.remote_prefix}.` : '');
    /** @type {Set<string>} events that nobody listened to */
    const unheard = new Set();
    let begun = false;

    const calls = createCalls({
        limit: options.queue === undefined ? MAX_QUEUE : options.queue,
        random,
        log,
        fullName: (name) => prefix() + name,
        current: () => connection.peer,
        ready: () => connection.ready,
        stopped: () => connection.stopped,
        settled: (peer) => connection.leaveIfDone(peer),
    });

    const connection = createConnection({
        calls,
        random,
        chooser: createChooser(options.transport, !!Socket),
        interval: () => (SS.config.heartbeat_interval || HEARTBEAT) * 1000,
        open(kind, handlers) {
            const transport =
                kind === 'sse' ? openStream(fetch, url, handlers) : openWebSocket(Socket, url, handlers);
            const { send } = transport;
            transport.send = (text) => {
                log.line(5, `» ${text}`);
                send(text);
            };
            return transport;
        },
        onMessage: (text) => log.line(5, `« ${text}`),
        onNotification({ method, params }) {
            const known = notifications[method];
            if (method !== 'event') {
                log.line(4, `⇠ ${method}`, params);
            }
            if (known) {
                known(params);
            }
        },
        onState(name, detail) {
            log.line(4, `• ${name}`, detail);
            if (name === 'connect') {
                SS.started = true;
                begin();
            }
            if (name !== 'connecting') {
                socket.emit(name, detail);
            }
            socket.emit('state', connection.state);
        },
    });

    /** @type {Record<string, (params: any) => void>} */
    const notifications = {
        event([name, ...args]) {
            log.event(name, args);
            if (!events.emit(name, ...args) && !unheard.has(name)) {
                unheard.add(name);
                log.line(1, `Nobody listens to the event "${name}"`);
            }
        },
        'system.init'({ version, env, config, api }) {
            Object.assign(SS, { version, env, config: config || {} });
            tree.learn(api || [], prefix());
            socket.emit('init', { version, env });
        },
        'system.session': ({ ticket }) => exchange(ticket),
        'system.resync': (params) => socket.emit('resync', params),
        'system.problems'(params) {
            if (!socket.emit('problems', params)) {
                console.error(params.problems);
            }
        },
        'system.reload'(params) {
            // What does it better, develop.js, listens.
            if (!socket.emit('reload', params) && globalThis.location) {
                location.reload();
            }
        },
    };

    /** SS.client.app.init(): once, when the connection is there and the code too. */
    function begin() {
        if (SS.started && !begun && SS.client.app && typeof SS.client.app.init === 'function') {
            begun = true;
            guarded(() => SS.client.app.init());
        }
    }

    const tree = createTree((name, args) => {
        const { params, options: chosen, callback } = splitArguments(args);
        const promise = calls.make(name, params, chosen, !callback && SS.env === 'development');
        if (callback) {
            promise.then(
                (result) => guarded(callback, result),
                (error) => console.error(`SS.server.${name}:`, error),
            );
        }
        return promise;
    });

    /** @type {import('../types/socketstream.js').Client} */
    const SS = {
        version: '',
        env: '',
        started: false,
        config: {},
        server: tree.root,
        client: { version: VERSION },
        shared: {},
        escapeHTML,
        register(kind, path, exports) {
            register(SS[kind], path, exports);
            begin();
        },
        events,
        socket: {
            on: socket.on,
            off: socket.off,
            once: socket.once,
            connect: connection.connect,
            disconnect: connection.disconnect,
            get connected() {
                return connection.state === 'connected';
            },
            get state() {
                return connection.state;
            },
            get transport() {
                return connection.peer ? connection.peer.kind : null;
            },
        },
    };

    if (options.connect !== false) {
        connection.connect();
    }
    return SS;
}
