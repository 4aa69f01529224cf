// SPDX-License-Identifier: MIT
//
// Messages that come before the application is loaded.  The sidecar sends calls to a process that
// replaces one which died, and does not wait for it to be ready.  They are handled in their order
// once it is; what is too much is refused at once.

import { MESSAGE_MAX } from './bounds.mjs';

/** @typedef {import('./link.mjs').Receive} Receive */

export function createEarly() {
    /** @type {{code: number, low: number, high: number, number: number, bytes: Buffer}[]} */
    let messages = [];
    let size = 0;
    return {
        /** False when there is no room.  @type {(...message: Parameters<Receive>) => boolean} */
        keep(code, low, high, number, bytes, at, end) {
            if (size + end - at > MESSAGE_MAX) {
                return false;
            }
            size += end - at;
            messages.push({ code, low, high, number, bytes: Buffer.from(bytes.subarray(at, end)) });
            return true;
        },
        /** @param {Receive} receive */
        release(receive) {
            const all = messages;
            messages = [];
            for (const { code, low, high, number, bytes } of all) {
                receive(code, low, high, number, bytes, 0, bytes.length);
            }
        },
    };
}
