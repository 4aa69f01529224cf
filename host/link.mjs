// SPDX-License-Identifier: MIT
//
// The link to the sidecar: frames in, frames out (docs/ACTION_HOSTS.md).
//
// Owns the socket, both buffers and the chunks of a long message; knows no operation's payload but
// PING's.  All frames of one read are handled before anything is written, and all that one turn of
// the event loop has to say leaves in one write.  What waits for a sidecar that does not read is
// bounded: over OUTPUT_SOFT we do not read either, and `full` says when OUTPUT_HARD is reached.
//
// A handle is kept as the two halves it has on the wire: as one number it would be a BigInt.

import net from 'node:net';
import { MESSAGE_MAX, OUTPUT_HARD, OUTPUT_SOFT } from './bounds.mjs';

export const HEADER = 20;
export const PAYLOAD_MAX = 65536;
const READ_SIZE = 256 << 10;
const OUTPUT_SIZE = 64 << 10;
const MORE = 1;

/** A string this long can need no more than a frame, whatever its characters. */
const SHORT_TEXT = Math.floor(PAYLOAD_MAX / 3);
const BRIEF_TEXT = 32;

export const op = Object.freeze({
    HELLO: 0x01,
    PING: 0x02,
    PONG: 0x03,
    GOODBYE: 0x04,
    DRAIN: 0x05,
    SETUP: 0x50,
    READY: 0x51,
    RETIRE: 0x52,
    CALL: 0x53,
    RETURN: 0x54,
    FAIL: 0x55,
    ASK: 0x56,
    ANSWER: 0x57,
    EVENT: 0x58,
    ACTIONS: 0x59,
    SERVE: 0x5a,
});

/** What breaks the protocol: the link ends with it. */
export class ProtocolError extends Error {}

/**
 * `bytes` from `at` to `end` is the payload, and good until the function returns.
 * @callback Receive
 * @param {number} code
 * @param {number} low     the handle's lower half
 * @param {number} high    and its upper half
 * @param {number} number  of a question
 * @param {Buffer} bytes
 * @param {number} at
 * @param {number} end
 * @returns {void}
 */

/** @param {string} text */
export function str16(text) {
    const bytes = Buffer.from(text);
    const length = Math.min(bytes.length, 0xffff);
    const out = Buffer.allocUnsafe(2 + length);
    out.writeUInt16LE(length, 0);
    bytes.copy(out, 2, 0, length);
    return out;
}

/** @param {Buffer} out @param {number} at @param {number} value */
function putU32(out, at, value) {
    out[at] = value;
    out[at + 1] = value >>> 8;
    out[at + 2] = value >>> 16;
    out[at + 3] = value >>> 24;
}

/** @param {Buffer} bytes @param {number} at */
export function getU32(bytes, at) {
    return (bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)) >>> 0;
}

/** Writes a short text as most answers are, of ASCII, for less than the way out of JavaScript costs.
 *  false: it is another.  @param {Buffer} out @param {number} at @param {string} text */
function putBrief(out, at, text) {
    if (text.length > BRIEF_TEXT) {
        return false;
    }
    for (let i = 0; i < text.length; i++) {
        const character = text.charCodeAt(i);
        if (character > 0x7f) {
            return false;
        }
        out[at + i] = character;
    }
    return true;
}

/** The chunks of one long message.  @typedef {object} Partial
 *  @property {number} code @property {number} low @property {number} high @property {number} number
 *  @property {Buffer[]} pieces @property {number} size */

export class Link {
    /** @param {number | string} where one end of a Unix stream socket, or the path of one that listens
     *  @param {{receive: Receive, broken: (error: Error) => void, closed: () => void}} owner */
    constructor(where, owner) {
        this.owner = owner;
        /** What did not make a whole frame yet. @type {Buffer | null} */
        this.rest = null;
        /** @type {Partial | null} */
        this.partial = null;
        this.out = Buffer.allocUnsafeSlow(OUTPUT_SIZE);
        this.used = 0;
        this.scheduled = false;
        this.ended = false;
        this.onFlush = () => this.flush();
        // Types of Node 18 do not know that `onread` is for the constructor, too.
        const options = /** @type {any} */ ({
            readable: true,
            writable: true,
            onread: {
                buffer: Buffer.allocUnsafeSlow(READ_SIZE),
                callback: (/** @type {number} */ length, /** @type {Buffer} */ buffer) => {
                    this.read(buffer, length);
                    return true;
                },
            },
        });
        this.socket = typeof where === 'string' ? net.connect({ ...options, path: where }) : new net.Socket({ ...options, fd: where });
        this.socket.on('drain', () => this.socket.resume());
        this.socket.on('error', () => {}); // 'close' follows
        this.socket.on('end', owner.closed);
        this.socket.on('close', owner.closed);
    }

    /** Takes what one read brought.  @param {Buffer} bytes @param {number} length */
    read(bytes, length) {
        if (this.ended) {
            return;
        }
        let end = length;
        if (this.rest !== null) {
            bytes = Buffer.concat([this.rest, bytes.subarray(0, length)]);
            end = bytes.length;
            this.rest = null;
        }
        try {
            const at = this.frames(bytes, end);
            if (at < end) {
                this.rest = Buffer.from(bytes.subarray(at, end));
            }
        } catch (error) {
            // What actions throw does not come here: the peer is at fault, or we are.
            this.ended = true;
            this.owner.broken(/** @type {Error} */ (error));
        }
    }

    /** Hands on all whole frames; gives where the first that is not whole begins.
     *  @param {Buffer} bytes @param {number} end */
    frames(bytes, end) {
        let at = 0;
        while (end - at >= HEADER) {
            const length = getU32(bytes, at);
            if (length > PAYLOAD_MAX) {
                throw new ProtocolError(`a frame of ${length} bytes`);
            }
            const from = at + HEADER;
            if (end - from < length) {
                break;
            }
            at = from + length;
            this.frame(bytes, from, at);
        }
        return at;
    }

    /** @param {Buffer} bytes @param {number} from where the payload begins @param {number} to */
    frame(bytes, from, to) {
        const code = bytes[from - 16];
        const flags = bytes[from - 15];
        const low = getU32(bytes, from - 12);
        const high = getU32(bytes, from - 8);
        const number = getU32(bytes, from - 4);
        if (code === op.PING) {
            this.send(op.PONG, 0, 0, 0, bytes.subarray(from, to));
        } else if (flags === 0 && (this.partial === null || this.partial.code !== code)) {
            this.owner.receive(code, low, high, number, bytes, from, to);
        } else {
            this.chunk({ code, low, high, number, pieces: [], size: 0 }, flags, bytes.subarray(from, to));
        }
    }

    /** A frame of a message that has several.  @param {Partial} head @param {number} flags
     *  @param {Buffer} piece */
    chunk(head, flags, piece) {
        const partial = this.partial ?? head;
        if (flags & ~MORE || partial.code !== head.code || partial.low !== head.low ||
            partial.high !== head.high || partial.number !== head.number) {
            throw new ProtocolError(`a chunk of operation ${head.code} that belongs to no message`);
        }
        partial.size += piece.length;
        if (partial.size > MESSAGE_MAX) {
            throw new ProtocolError(`a message of more than ${MESSAGE_MAX} bytes`);
        }
        partial.pieces.push(Buffer.from(piece)); // the read buffer is used again
        this.partial = partial;
        if (!(flags & MORE)) {
            this.partial = null;
            const bytes = Buffer.concat(partial.pieces, partial.size);
            this.owner.receive(head.code, head.low, head.high, head.number, bytes, 0, bytes.length);
        }
    }

    /** Makes room in the output, and has it written at the end of this turn.
     *  @param {number} size @returns {number} where to write */
    reserve(size) {
        const need = this.used + size;
        if (need > this.out.length) {
            const larger = Buffer.allocUnsafeSlow(Math.max(need, 2 * this.out.length));
            this.out.copy(larger, 0, 0, this.used);
            this.out = larger;
        }
        if (!this.scheduled) {
            this.scheduled = true;
            setImmediate(this.onFlush);
        }
        return this.used;
    }

    /** @param {number} at @param {number} code @param {number} flags @param {number} length
     *  @param {number} low @param {number} high @param {number} number */
    putHeader(at, code, flags, length, low, high, number) {
        const { out } = this;
        putU32(out, at, length);
        out[at + 4] = code;
        out[at + 5] = flags;
        out[at + 6] = 0;
        out[at + 7] = 0;
        putU32(out, at + 8, low);
        putU32(out, at + 12, high);
        putU32(out, at + 16, number);
    }

    /** Sends a text: the one that calls end with.  @param {number} code @param {number} low
     *  @param {number} high @param {string} text */
    sendText(code, low, high, text) {
        if (text.length > SHORT_TEXT) {
            this.send(code, low, high, 0, Buffer.from(text));
            return;
        }
        const at = this.reserve(HEADER + 3 * text.length);
        const length = putBrief(this.out, at + HEADER, text) ? text.length : this.out.write(text, at + HEADER);
        this.putHeader(at, code, 0, length, low, high, 0);
        this.used = at + HEADER + length;
    }

    /** Sends a payload of any length.  @param {number} code @param {number} low
     *  @param {number} high @param {number} number @param {Buffer} payload */
    send(code, low, high, number, payload) {
        let from = 0;
        do {
            const to = Math.min(from + PAYLOAD_MAX, payload.length);
            const at = this.reserve(HEADER + to - from);
            this.putHeader(at, code, to < payload.length ? MORE : 0, to - from, low, high, number);
            payload.copy(this.out, at + HEADER, from, to);
            this.used = at + HEADER + to - from;
            from = to;
        } while (from < payload.length);
    }

    /** Nothing that could be left out should be sent now. */
    get full() {
        return this.used + this.socket.writableLength > OUTPUT_HARD;
    }

    flush() {
        this.scheduled = false;
        if (this.used === 0 || this.socket.destroyed) {
            return;
        }
        this.socket.write(this.out.subarray(0, this.used));
        const waiting = this.socket.writableLength;
        if (waiting > 0 || this.out.length > OUTPUT_SOFT) {
            this.out = Buffer.allocUnsafeSlow(OUTPUT_SIZE); // libuv has the former, or it was an exception
        }
        this.used = 0;
        if (waiting > OUTPUT_SOFT) {
            this.socket.pause(); // until 'drain'
        }
    }

    /** Says why and ends; `done` once all is written.  @param {string} reason @param {() => void} done */
    goodbye(reason, done) {
        this.ended = true;
        this.send(op.GOODBYE, 0, 0, 0, str16(reason.slice(0, 300)));
        this.flush();
        this.socket.end(done);
    }
}
