// SPDX-License-Identifier: MIT
//
// Compiled texts of an application, kept in <app>/.socketstream/cache so that later starts do not
// load compilers.
//
// Owns the folder.  An entry is one file, written under another name and renamed, so that several
// processes may read and write at a time; it says how long it is, so that one that a power failure
// cut short is taken for none.  Losing an entry, or the whole folder, costs time only: no error in
// here is ever told.

import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';

export const CACHE_ENTRIES_MAX = 2048;
export const CACHE_BYTES_MAX = 64 * 1024 * 1024;
export const CACHE_AGE_MS = 30 * 24 * 3600 * 1000; // since it was last used
const TOUCH_AFTER_MS = 24 * 3600 * 1000; // not at each use: a start writes nothing

/**
 * @typedef {object} Cache
 * @property {(parts: string[]) => string} key of what was made from these
 * @property {(key: string) => any} get  undefined when it is not there as a whole
 * @property {(key: string) => boolean} has  whether it is worth asking for
 * @property {(key: string, value: any) => void} put
 * @property {() => void} prune  removes what is old or too much; at most once in a while is enough
 */

/** @param {string} app @returns {Cache} */
export function createCache(app) {
    const folder = path.join(app, '.socketstream/cache');
    let written = false;

    return {
        key: (parts) => createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 40),

        has: (key) => existsSync(path.join(folder, key)),

        get(key) {
            const file = path.join(folder, key);
            try {
                const text = readFileSync(file, 'utf8');
                const head = text.indexOf('\n');
                if (Number(text.slice(0, head)) !== text.length - head - 1) {
                    return undefined;
                }
                const now = Date.now();
                if (now - statSync(file).mtimeMs > TOUCH_AFTER_MS) {
                    utimesSync(file, now / 1000, now / 1000);
                }
                return JSON.parse(text.slice(head + 1));
            } catch {
                return undefined;
            }
        },

        put(key, value) {
            const text = JSON.stringify(value);
            const draft = path.join(folder, `${key}.${randomBytes(6).toString('hex')}`);
            written = true;
            try {
                mkdirSync(folder, { recursive: true, mode: 0o700 });
                writeFileSync(draft, `${text.length}\n${text}`, { mode: 0o600 });
                renameSync(draft, path.join(folder, key));
            } catch {
                discard(draft);
            }
        },

        prune() {
            if (written) {
                written = false;
                prune(folder);
            }
        },
    };
}

/** @param {string} file */
function discard(file) {
    try {
        rmSync(file, { force: true });
    } catch {
        // There is no folder it could be in.
    }
}

/** Those used last stay. @param {string} folder */
function prune(folder) {
    try {
        const now = Date.now();
        let count = 0;
        let bytes = 0;
        for (const { file, stat } of entriesOf(folder).sort((a, b) => b.stat.mtimeMs - a.stat.mtimeMs)) {
            count += 1;
            bytes += stat.size;
            if (count > CACHE_ENTRIES_MAX || bytes > CACHE_BYTES_MAX || now - stat.mtimeMs > CACHE_AGE_MS) {
                rmSync(file, { force: true });
            }
        }
    } catch {
        // Another process removed the folder.
    }
}

/** @param {string} folder */
function entriesOf(folder) {
    return readdirSync(folder).flatMap((name) => {
        const file = path.join(folder, name);
        const stat = statSync(file, { throwIfNoEntry: false });
        return stat ? [{ file, stat }] : [];
    });
}
