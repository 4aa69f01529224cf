// SPDX-License-Identifier: MIT
//
// Notices what no event tells: a connection that is dead without having been closed, a handshake
// that is never answered, and a machine that has slept.
//
// A browser does not show the server's pings.  So when nothing has come for the heartbeat's
// interval, we ask for system.ping; any message is a sign of life.  Sleep shows by a clock that has
// gone on while our timer has not.

const TICK = 2000; // ms between two looks, at most
const DRIFT = 4000; // ms by which a timer may be late without the machine having slept
const ANSWER_TIME = 5000; // for a ping; nginx answers even without a sidecar
const OPEN_TIME = 8000; // for a handshake and the server's first message

// When things may have changed unseen; the last bubbles up from the document.
const MOMENTS = ['online', 'pageshow', 'visibilitychange'];

/** @typedef {import('./connection.js').Peer} Peer */

/**
 * Of all peers that are not closed, since one that only waits for its last answers may die, too.
 * @param {{
 *   interval: () => number,
 *   peers: Set<Peer>,
 *   ping: (peer: Peer) => void,
 *   lost: (peer: Peer) => void,
 *   retry: () => void,
 * }} options
 */
export function createWatch({ interval, peers, ping, lost, retry }) {
    /** @type {any} */
    let timer;
    let due = 0;
    const answerTime = () => Math.min(ANSWER_TIME, interval());

    /** @param {Peer} peer @param {boolean} [again] the time was up late: it may have been slept through */
    function probe(peer, again) {
        const end = Date.now() + answerTime();
        clearTimeout(peer.pong);
        peer.pong = setTimeout(() => {
            if (!again && Date.now() > end + DRIFT) {
                probe(peer, true);
            } else {
                lost(peer);
            }
        }, answerTime());
        ping(peer);
    }

    /** @param {number} openTime of a handshake @param {number} silence that is asked about; 0: any */
    function look(openTime, silence) {
        const now = Date.now();
        for (const peer of peers) {
            if (!peer.opened) {
                if (now - peer.started > openTime) {
                    lost(peer);
                }
            } else if (!silence || (!peer.pong && now - peer.heard >= silence)) {
                probe(peer);
            }
        }
    }

    /** The network is another one, or time has passed unseen, and what was to come in it. */
    function wake() {
        look(answerTime(), 0);
        retry();
    }

    function tick() {
        if (Date.now() > due + DRIFT) {
            wake();
        } else {
            look(OPEN_TIME, interval());
        }
        schedule();
    }

    function schedule() {
        const delay = Math.min(TICK, interval() / 4);
        due = Date.now() + delay;
        clearTimeout(timer);
        timer = setTimeout(tick, delay);
    }

    function onMoment(/** @type {Event} */ { type }) {
        if (type !== 'visibilitychange' || !document.hidden) {
            wake();
        }
    }

    /** @param {'addEventListener' | 'removeEventListener'} method */
    const listen = (method) =>
        globalThis[method] && MOMENTS.forEach((moment) => globalThis[method](moment, onMoment));

    return {
        /** Also when the interval is another one. */
        start() {
            if (!timer) {
                listen('addEventListener');
            }
            schedule();
        },
        stop() {
            clearTimeout(timer);
            timer = 0;
            listen('removeEventListener');
        },
        /** @param {Peer} peer from which something has come */
        heard(peer) {
            peer.heard = Date.now();
            clearTimeout(peer.pong);
            peer.pong = 0;
        },
    };
}
