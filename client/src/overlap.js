// SPDX-License-Identifier: MIT
//
// Events while two connections overlap, because a server that goes away hands over to the next.
//
// An event then comes on both, and which of them is first varies.  The former connection tells
// them until it is taken over from; those of its successor are held till then.  What the former has
// told is left out of them, and of what still comes: the successor may be the one that lags.  So
// each is told once, and in its order, which is the same on both.

const LAG = 3000; // what a successor has not brought by then was told before it was there

/** @typedef {import('./connection.js').Peer} Peer */

/** @param {(message: any) => void} tell */
export function createOverlap(tell) {
    /** @param {Peer} peer @param {any} message */
    function event(peer, message) {
        if (peer.leaving) {
            return;
        }
        if (peer.former) {
            peer.held.push(message);
            return;
        }
        const key = peer.told || peer.seen ? JSON.stringify(message) : '';
        if (peer.told) {
            const at = peer.told.indexOf(key);
            if (at >= 0) {
                peer.told.splice(0, at + 1);
                return;
            }
            peer.told = null; // it is past all that the former told
        }
        if (peer.seen) {
            peer.seen.push(key);
        }
        tell(message);
    }

    return {
        event,

        /** @param {Peer} peer for which a successor is sought: what it tells is remembered */
        seek(peer) {
            peer.seen = [];
        },

        /** @param {Peer} peer which tells the events from now on @returns {Peer | null} the former */
        takeOver(peer) {
            const { former } = peer;
            if (former) {
                peer.former = null;
                former.leaving = true;
                peer.told = former.seen;
                setTimeout(() => (peer.told = null), LAG);
                peer.held.splice(0).forEach((message) => event(peer, message));
            }
            return former;
        },
    };
}
