// SPDX-License-Identifier: MIT
//
// Actions by name, found from the bytes of a CALL without a string being made of them.
//
// A hash of the bytes leads to one candidate, whose name is compared; the Map decides where that is
// not it.  Names are ASCII: the sidecar takes no others.

/** @param {ArrayLike<number>} bytes @param {number} from @param {number} to */
function hashOf(bytes, from, to) {
    let hash = 0;
    for (let i = from; i < to; i++) {
        hash = (Math.imul(hash, 31) + bytes[i]) | 0;
    }
    return hash;
}

/** @param {string} name @param {Buffer} bytes @param {number} from @param {number} to */
function isAt(name, bytes, from, to) {
    if (name.length !== to - from) {
        return false;
    }
    for (let i = 0; i < name.length; i++) {
        if (name.charCodeAt(i) !== bytes[from + i]) {
            return false;
        }
    }
    return true;
}

/** @template {{name: string}} T */
export function createNames() {
    /** @type {Map<string, T>} */
    const all = new Map();
    /** @type {Map<number, T>} */
    const byHash = new Map();

    return {
        /** @param {T} named */
        add(named) {
            const bytes = Buffer.from(named.name);
            all.set(named.name, named);
            byHash.set(hashOf(bytes, 0, bytes.length), named);
        },

        /** @param {string} name */
        get: (name) => all.get(name),

        /** @param {Buffer} bytes @param {number} from @param {number} to */
        find(bytes, from, to) {
            const named = byHash.get(hashOf(bytes, from, to));
            return named !== undefined && isAt(named.name, bytes, from, to) ? named : all.get(bytes.toString('latin1', from, to));
        },
    };
}
