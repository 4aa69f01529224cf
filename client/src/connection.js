// SPDX-License-Identifier: MIT
//
// The connection: one WebSocket at a time, replaced whenever it is lost.
//
// Owns sockets, reconnecting and the calls in flight on each socket.  Leaves to index.js what
// messages mean.  A call belongs to the socket it was sent on: it is answered there, or fails with
// that socket, and is never sent twice.  Two sockets overlap only while a server that is going away
// hands over to the next (system.goaway): then nothing is lost and nobody is told.

const BASE_DELAY = 250; // ms before the first attempt, at most; doubled with each that fails
const MAX_DELAY = 15000;
const HANDOVER_DELAY = 200; // a restarted server gets its clients back within this
const STABLE = 5000; // a socket that lived so long starts the delays anew
const MAX_QUEUE = 1000; // calls that wait for a connection

export const UNAVAILABLE = -32003;
const SERVICE_RESTART = 1012;

/** @typedef {{resolve: (result: any) => void, reject: (error: Error) => void}} Waiting */
/** @typedef {{ws: WebSocket, calls: Map<number, Waiting>, opened: number, leaving: boolean}} Peer */

/**
 * @param {string} message
 * @param {number} code
 * @param {any} [data]
 * @returns {Error & {code: number, data: any}}
 */
export function callError(message, code, data) {
    return Object.assign(new Error(message), { code, data });
}

/** @param {string} message */
const unavailable = (message) => callError(message, UNAVAILABLE, { retryable: true });

/**
 * @param {{
 *   url: string,
 *   WebSocket: typeof WebSocket,
 *   random: () => number,
 *   onNotification: (method: string, params: any) => void,
 *   onState: (state: 'connect' | 'disconnect' | 'reconnecting', detail?: any) => void,
 * }} options
 */
export function createConnection(options) {
    /** @type {Peer | null} open, takes the calls */
    let current = null;
    /** @type {Peer | null} on its way to become the current one */
    let next = null;
    /** @type {{text: string, id: number, waiting: Waiting}[]} */
    let queue = [];
    let lastId = 0;
    let failures = 0;
    let wanted = false;
    let told = false; // of a connection, by 'connect'
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer;

    /** @param {number} delay full jitter: anything up to it */
    function openLater(delay) {
        clearTimeout(timer);
        timer = setTimeout(open, options.random() * delay);
    }

    function reconnect(/** @type {number} */ code) {
        if (!wanted || next) {
            return;
        }
        const delay =
            code === SERVICE_RESTART && !failures
                ? HANDOVER_DELAY
                : Math.min(MAX_DELAY, BASE_DELAY * 2 ** failures);
        failures++;
        options.onState('reconnecting', { attempt: failures });
        openLater(delay);
    }

    function open() {
        clearTimeout(timer);
        timer = undefined;
        if (!wanted || next) {
            return;
        }
        /** @type {Peer} */
        const peer = {
            ws: new options.WebSocket(options.url, 'socketstream'),
            calls: new Map(),
            opened: 0,
            leaving: false,
        };
        next = peer;
        peer.ws.onopen = () => onOpen(peer);
        peer.ws.onclose = (event) => onClose(peer, event.code);
        peer.ws.onmessage = (event) => onMessage(peer, event.data);
    }

    function onOpen(/** @type {Peer} */ peer) {
        const former = current;
        next = null;
        current = peer;
        peer.opened = Date.now();
        if (former) {
            retire(former);
        }
        for (const { text, id, waiting } of queue.splice(0)) {
            peer.calls.set(id, waiting);
            peer.ws.send(text);
        }
    }

    /** The former socket leaves when what it has in flight is answered, or when the server goes. */
    function retire(/** @type {Peer} */ peer) {
        peer.leaving = true;
        if (!peer.calls.size) {
            peer.ws.close(1000);
        }
    }

    function onClose(/** @type {Peer} */ peer, /** @type {number} */ code) {
        for (const { reject } of peer.calls.values()) {
            reject(unavailable('The connection was lost before the answer came'));
        }
        peer.calls.clear();
        if (peer === next) {
            next = null;
        } else if (peer !== current) {
            return;
        } else {
            current = null;
            if (Date.now() - peer.opened > STABLE || code === SERVICE_RESTART) {
                failures = 0;
            }
        }
        if (!current) {
            if (told) {
                told = false;
                options.onState('disconnect', { code });
            }
            reconnect(code);
        } else {
            // The successor could not be reached; the present socket is still good.
            openLater(Math.min(MAX_DELAY, BASE_DELAY * 2 ** failures++));
        }
    }

    function onMessage(/** @type {Peer} */ peer, /** @type {any} */ data) {
        let message;
        try {
            message = JSON.parse(data);
        } catch {
            return; // not from a SocketStream server
        }
        for (const one of Array.isArray(message) ? message : [message]) {
            if (one?.method) {
                options.onNotification(one.method, one.params);
                onSystem(peer, one.method);
            } else {
                settle(peer, one);
            }
        }
    }

    function onSystem(/** @type {Peer} */ peer, /** @type {string} */ method) {
        if (method === 'system.goaway' && peer === current) {
            openLater(HANDOVER_DELAY);
        }
        // What the page wants to know of the server at 'connect' comes with this.
        if (method === 'system.init' && !told) {
            told = true;
            options.onState('connect');
        }
    }

    function settle(/** @type {Peer} */ peer, /** @type {any} */ answer) {
        const waiting = peer.calls.get(answer?.id);
        if (!waiting) {
            return;
        }
        peer.calls.delete(answer.id);
        if (answer.error) {
            const { message, code, data } = answer.error;
            waiting.reject(callError(message, code, data));
        } else {
            waiting.resolve(answer.result);
        }
        if (peer.leaving && !peer.calls.size) {
            peer.ws.close(1000);
        }
    }

    return {
        get connected() {
            return current !== null;
        },

        connect() {
            wanted = true;
            if (!current) {
                open();
            }
        },

        /** Cuts short the wait before the next attempt. */
        retry() {
            if (timer !== undefined) {
                open();
            }
        },

        /** Closes for good; what waits fails. */
        disconnect() {
            wanted = false;
            clearTimeout(timer);
            for (const { waiting } of queue.splice(0)) {
                waiting.reject(unavailable('Disconnected'));
            }
            next?.ws.close();
            current?.ws.close(1000);
        },

        /**
         * Sends now, or in order once connected.
         * @param {string} method @param {any[]} params
         * @returns {Promise<any>}
         */
        call(method, params) {
            return new Promise((resolve, reject) => {
                const id = ++lastId;
                const text = JSON.stringify({
                    jsonrpc: '2.0',
                    id,
                    method,
                    params: params.length ? params : undefined,
                });
                const waiting = { resolve, reject };
                if (current?.ws.readyState === 1) {
                    current.calls.set(id, waiting);
                    current.ws.send(text);
                } else if (queue.length < MAX_QUEUE) {
                    queue.push({ text, id, waiting });
                } else {
                    reject(unavailable(`${MAX_QUEUE} calls wait for a connection already`));
                }
            });
        },
    };
}
