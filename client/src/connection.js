// SPDX-License-Identifier: MIT
//
// The connection: one WebSocket at a time, replaced whenever it is lost.
//
// Owns sockets, reconnecting and the calls in flight on each socket.  Leaves to index.js what
// messages mean.  A call belongs to the socket it was sent on: it is answered there, or fails with
// that socket, and is never sent twice.  Two sockets overlap only while a server that is going away
// hands over to the next (system.goaway): then nothing is lost or doubled, and nobody is told.

const BASE_DELAY = 250; // ms before the first attempt, at most; doubled with each that fails
const MAX_DELAY = 15000;
const HANDOVER_DELAY = 200; // a restarted server gets its clients back within this
const OVERLAP = 500; // for which the socket of a server going away is listened to beside its successor
const STABLE = 5000; // a socket that lived so long starts the delays anew
const MAX_QUEUE = 1000; // calls that wait for a connection

export const UNAVAILABLE = -32003;
const SERVICE_RESTART = 1012;

/** @typedef {{resolve: (result: any) => void, reject: (error: Error) => void}} Waiting */
/**
 * @typedef {object} Peer
 * @property {WebSocket} ws
 * @property {Map<number, Waiting>} calls in flight
 * @property {number} opened when
 * @property {boolean} leaving closes when its calls are answered; what else it says is old
 * @property {Peer | null} former still tells the events, while this one's are held
 * @property {any[]} held notifications
 * @property {Map<string, number> | null} seen how often which event, since a successor was sought
 */

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
            former: null,
            held: [],
            seen: null,
        };
        next = peer;
        if (current) {
            current.seen = new Map();
        }
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
            takeOver(former);
            peer.former = former;
            setTimeout(takeOver, OVERLAP, peer);
        }
        for (const { text, id, waiting } of queue.splice(0)) {
            peer.calls.set(id, waiting);
            peer.ws.send(text);
        }
    }

    /**
     * From now on the peer tells the events, first those held that its predecessor has not.
     * That one leaves when what it has in flight is answered, or when its server goes.
     */
    function takeOver(/** @type {Peer} */ peer) {
        const { former } = peer;
        if (!former) {
            return;
        }
        peer.former = null;
        former.leaving = true;
        for (const message of peer.held.splice(0)) {
            const key = JSON.stringify(message);
            const times = former.seen?.get(key);
            if (times) {
                former.seen?.set(key, times - 1);
            } else {
                options.onNotification(message.method, message.params);
            }
        }
        if (!former.calls.size) {
            former.ws.close(1000);
        }
    }

    function onClose(/** @type {Peer} */ peer, /** @type {number} */ code) {
        for (const { reject } of peer.calls.values()) {
            reject(unavailable('The connection was lost before the answer came'));
        }
        peer.calls.clear();
        takeOver(peer);
        if (current?.former === peer) {
            takeOver(current);
        }
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
            current.seen = null;
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
            if (one?.method === 'event') {
                onEvent(peer, one);
            } else if (one?.method) {
                options.onNotification(one.method, one.params);
                onSystem(peer, one.method);
            } else {
                settle(peer, one);
            }
        }
    }

    /** While two sockets overlap an event comes on both, and which of them is first varies. */
    function onEvent(/** @type {Peer} */ peer, /** @type {any} */ message) {
        if (peer.leaving) {
            return;
        }
        if (peer.former) {
            peer.held.push(message);
            return;
        }
        if (peer.seen) {
            const key = JSON.stringify(message);
            peer.seen.set(key, (peer.seen.get(key) ?? 0) + 1);
        }
        options.onNotification(message.method, message.params);
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
            current?.former?.ws.close(1000);
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
