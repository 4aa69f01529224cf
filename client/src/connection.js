// SPDX-License-Identifier: MIT
//
// The connection: one transport at a time, replaced whenever it is lost.
//
// Owns which peer is in use and when the next is tried.  Leaves calls to calls.js, events that come
// on two connections to overlap.js, silence and sleep to watch.js, and what messages mean to
// index.js.  A peer is in use from system.init on, the server's first message.  Two peers overlap
// only while a server that is going away hands over to the next (system.goaway), or the WebSocket
// to what was a makeshift: then nothing is lost or doubled, and nobody is told.

import { createOverlap } from './overlap.js';
import { createWatch } from './watch.js';

const BASE_DELAY = 250; // ms before the first attempt, at most; doubled with each that fails
const MAX_DELAY = 15000;
const RESTART_DELAY = 200; // a restarted server gets its clients back within this
const SPREAD = 0.35; // of the time that a leaving server stays, over which its clients move
const OVERLAP = 500; // for which the socket of a server going away is listened to beside its successor
const EARLY = 10; // by which a timer may be up before it is due by the clock
const STABLE = 5000; // a socket that lived so long starts the delays anew, and tells events at last

const LOST = 1006;
const SERVICE_RESTART = 1012;
// What we sent, or who we are, is not accepted: it would not be the next time.
const FATAL = [1002, 1003, 1007, 1008];

/**
 * @typedef {object} Peer
 * @property {import('./websocket.js').Transport} transport
 * @property {import('./chooser.js').Kind} kind
 * @property {Map<number, import('./calls.js').Call>} calls in flight, in their order
 * @property {number} started when
 * @property {number} opened when; 0 before
 * @property {number} heard when something came last
 * @property {any} pong the timer of a ping that is not answered yet; 0: none
 * @property {boolean} moving a successor is wanted
 * @property {boolean} leaving closes when its calls are answered; what else it says is old
 * @property {Peer | null} former still tells the events, while this one's are held
 * @property {any[]} held notifications
 * @property {string[] | null} seen events, since a successor was sought
 * @property {string[] | null} told events of its former one, which it may still bring
 */
/** @typedef {import('../types/socketstream.js').State} State */

/**
 * @param {{
 *   open: (kind: import('./chooser.js').Kind, handlers: import('./websocket.js').Handlers) =>
 *     import('./websocket.js').Transport,
 *   chooser: ReturnType<typeof import('./chooser.js').createChooser>,
 *   calls: ReturnType<typeof import('./calls.js').createCalls>,
 *   random: () => number,
 *   interval: () => number,
 *   onMessage: (text: any) => void,
 *   onNotification: (message: any) => void,
 *   onState: (name: 'connecting' | 'connect' | 'disconnect' | 'reconnecting', detail?: any) => void,
 * }} options
 */
export function createConnection(options) {
    const { chooser, calls, onState } = options;
    const overlap = createOverlap(options.onNotification);
    /** @type {Set<Peer>} that are not closed */
    const peers = new Set();
    /** @type {Peer | null} open, takes the calls */
    let current = null;
    /** @type {Peer | null} on its way to become the current one */
    let next = null;
    let failures = 0;
    let wanted = false;
    let stopped = ''; // why, once it has been
    let lastId = 0; // of pings, which count down
    let barrier = 0; // the ping that a former peer is to answer before its successor takes over
    /** @type {State} */
    let state = 'disconnected';
    /** @type {any} */
    let timer = 0;

    const watch = createWatch({
        interval: options.interval,
        peers,
        ping,
        lost: (peer) => onClose(peer, LOST, 'the server is silent'),
        retry() {
            if (timer) {
                failures = 0;
                open();
            }
        },
    });

    function ping(/** @type {Peer} */ peer) {
        peer.transport.send(`{"jsonrpc":"2.0","id":${--lastId},"method":"system.ping","silent":true}`);
    }

    function lift() {
        barrier = 0;
        calls.pump();
    }

    const backOff = () => Math.min(MAX_DELAY, BASE_DELAY * 2 ** failures++);

    /** @param {number} delay full jitter: anything up to it */
    function openLater(delay) {
        clearTimeout(timer);
        timer = setTimeout(open, options.random() * delay);
    }

    function open() {
        clearTimeout(timer);
        timer = 0;
        if (!wanted || next) {
            return;
        }
        const now = Date.now();
        const kind = chooser.next();
        const peer = /** @type {Peer} */ (/** @type {unknown} */ ({
            kind, calls: new Map(), started: now, opened: 0, heard: now,
            pong: 0, moving: false, leaving: false, former: null, held: [], seen: null, told: null,
        }));
        next = peer;
        peers.add(peer);
        if (current) {
            overlap.seek(current);
        }
        try {
            peer.transport = options.open(kind, {
                message: (text) => onMessage(peer, text),
                close: (code, reason) => onClose(peer, code, reason),
                sign: () => watch.heard(peer),
            });
        } catch {
            peer.transport = { send() {}, close() {} };
            queueMicrotask(() => onClose(peer, LOST, ''));
        }
    }

    /** The server has greeted. */
    function onReady(/** @type {Peer} */ peer) {
        const former = current;
        next = null;
        current = peer;
        peer.opened = Date.now();
        watch.start();
        if (former) {
            takeOver(former);
            peer.former = former;
            // Its answer shows that what was sent before it has arrived: no call is overtaken, and
            // no event from before the successor was there is still under way.
            ping(former);
            barrier = lastId;
            setTimeout(settle, OVERLAP + EARLY);
            setTimeout(() => {
                if (peer === current) { // else it is another one's
                    lift();
                }
                takeOver(peer);
            }, STABLE);
        }
        if (chooser.opened(peer.kind)) {
            openLater(0);
        }
        if (state !== 'connected') {
            state = 'connected';
            onState('connect');
        }
        calls.pump();
    }

    /** The former one has answered, or the time is over: takes over once both are so. */
    function settle() {
        if (current && !barrier && Date.now() - current.opened >= OVERLAP) {
            takeOver(current);
        }
    }

    /** From now on the peer tells the events; its former one leaves once its calls are answered. */
    function takeOver(/** @type {Peer} */ peer) {
        const former = overlap.takeOver(peer);
        if (former) {
            leaveIfDone(former);
        }
    }

    function leaveIfDone(/** @type {Peer} */ peer) {
        if (peer.leaving && !peer.calls.size) {
            drop(peer);
        }
    }

    function drop(/** @type {Peer} */ peer) {
        clearTimeout(peer.pong);
        peers.delete(peer);
        peer.transport.close();
    }

    function onClose(/** @type {Peer} */ peer, /** @type {number} */ code, /** @type {string} */ reason) {
        const isNext = peer === next;
        const isCurrent = peer === current;
        drop(peer);
        takeOver(peer);
        if (current && current.former === peer) {
            takeOver(current);
            barrier = 0;
        }
        if (isNext) {
            next = null;
            chooser.failed();
        } else if (isCurrent) {
            current = null;
            barrier = 0;
            if (Date.now() - peer.opened > STABLE || code === SERVICE_RESTART) {
                failures = 0;
            }
        }
        calls.lost(peer, code);
        if (FATAL.includes(code)) {
            stop(code, reason);
        } else if (!current && (isNext || isCurrent)) {
            onLost(code, reason);
        } else if (current && isNext) {
            // The successor could not be reached; the present one is still good.
            current.seen = null;
            if (current.moving) {
                openLater(backOff());
            }
        }
    }

    function onLost(/** @type {number} */ code, /** @type {string} */ reason) {
        if (state === 'connected') {
            state = 'reconnecting';
            onState('disconnect', { code, reason, final: false });
        }
        if (wanted && !next) {
            const soon = code === SERVICE_RESTART && !failures;
            const delay = backOff();
            state = 'reconnecting';
            onState(state, { attempt: failures });
            openLater(soon ? RESTART_DELAY : delay);
        }
    }

    /** Closes all there is, for good. */
    function stop(/** @type {number} */ code, /** @type {string} */ reason) {
        const told = state !== 'disconnected';
        wanted = false;
        clearTimeout(timer);
        timer = 0;
        watch.stop();
        for (const peer of peers) {
            peer.former = null;
            drop(peer);
        }
        next = current = null;
        state = 'disconnected';
        stopped = `Disconnected: ${reason || code}`;
        calls.fail(stopped);
        if (told) {
            onState('disconnect', { code, reason, final: true });
        }
    }

    function onMessage(/** @type {Peer} */ peer, /** @type {any} */ text) {
        watch.heard(peer);
        options.onMessage(text);
        /** @type {any} */
        let message;
        try {
            message = JSON.parse(text);
        } catch {
            return; // not from a SocketStream server
        }
        for (const one of /** @type {any[]} */ ([]).concat(message)) {
            if (!one) {
                continue;
            }
            if (one.method === 'event') {
                overlap.event(peer, one);
            } else if (one.method) {
                onSystem(peer, one);
            } else if (one.id && one.id === barrier) {
                lift();
                settle();
            } else {
                calls.answer(peer, one);
            }
        }
    }

    function onSystem(/** @type {Peer} */ peer, /** @type {any} */ message) {
        const { method, params = {} } = message;
        if (method === 'system.goaway' && peer === current) {
            peer.moving = true;
            openLater((params.drain_ms || 0) * SPREAD || RESTART_DELAY);
        }
        // What the page wants to know of the server at 'connect' comes with system.init.
        options.onNotification(message);
        if (method === 'system.init' && peer === next) {
            onReady(peer);
        }
    }

    return {
        leaveIfDone,
        get peer() {
            return current;
        },
        /** What takes a call that waits for its turn. */
        get ready() {
            return barrier ? null : current;
        },
        get state() {
            return state;
        },
        get stopped() {
            return stopped;
        },

        connect() {
            wanted = true;
            stopped = '';
            watch.start();
            if (!current && !next) {
                if (state === 'disconnected') {
                    state = 'connecting';
                    onState(state);
                }
                open();
            }
        },

        disconnect: () => stop(1000, 'disconnect()'),
    };
}
