// SPDX-License-Identifier: MIT
//
// Events while two connections overlap, because a server that goes away hands over to the next.
//
// An event then comes on both, and which of them is first varies.  The former connection tells
// them until it is taken over from; those of its successor are held till then, and of these the
// ones that the former has told are left out.  So each is told once, and in its order.

/** @typedef {import('./connection.js').Peer} Peer */

/** @param {(message: any) => void} tell */
export function createOverlap(tell) {
    return {
        /** @param {Peer} peer for which a successor is sought: what it tells is remembered */
        seek(peer) {
            peer.seen = new Map();
        },

        /** @param {Peer} peer @param {any} message */
        event(peer, message) {
            if (peer.leaving) {
                return;
            }
            if (peer.former) {
                peer.held.push(message);
                return;
            }
            if (peer.seen) {
                const key = JSON.stringify(message);
                peer.seen.set(key, (peer.seen.get(key) || 0) + 1);
            }
            tell(message);
        },

        /** @param {Peer} peer which tells the events from now on @returns {Peer | null} the former */
        takeOver(peer) {
            const { former } = peer;
            if (!former) {
                return null;
            }
            peer.former = null;
            former.leaving = true;
            const seen = former.seen || new Map();
            for (const message of peer.held.splice(0)) {
                const key = JSON.stringify(message);
                const times = seen.get(key) || 0;
                seen.set(key, times - 1);
                if (times < 1) {
                    tell(message);
                }
            }
            return former;
        },
    };
}
