// SPDX-License-Identifier: MIT
//
// Tells when files of an application have changed, come or gone, and of which kind.
//
// fs.watch() on Linux sees one folder, so each has a watcher here.  A folder is watched before it is
// read, and what is packed is read after that: nothing falls between.

import { existsSync, readdirSync, statSync, watch } from 'node:fs';
import path from 'node:path';
import { DEPTH_MAX, FOLDERS, mayBeUsed } from './scan.mjs';

/** An editor's save is several events; they count as one when they are no further apart. */
const QUIET_MS = 8;
/** Under a flood of them (a checkout) something is told after this time all the same. */
const PATIENCE_MS = 100;
/** Folders watched; more are said, and not watched. */
export const WATCHES_MAX = 4096;

const ABOVE = ['.', 'app', 'lib']; // where our folders may come into being

/**
 * @param {string} app
 * @param {{changed: (kinds: Set<any>) => void, failed: (message: string) => void}} handlers
 */
export function createWatch(app, { changed, failed }) {
    /** @type {Map<string, {watcher: import('node:fs').FSWatcher, ino: number}>} by path from the app */
    const watchers = new Map();
    /** @type {Set<string>} */
    let kinds = new Set();
    let structure = false;
    let saidFailure = false;
    /** @type {NodeJS.Timeout | undefined} */
    let timer;
    let first = 0;

    const kindOf = (/** @type {string} */ dir) => {
        const folder = Object.keys(FOLDERS).find((one) => dir === one || dir.startsWith(`${one}/`));
        return folder && FOLDERS[/** @type {keyof typeof FOLDERS} */ (folder)];
    };

    function tell() {
        first = 0;
        if (structure) {
            structure = false;
            look(true);
        }
        if (kinds.size) {
            const told = kinds;
            kinds = new Set();
            changed(told);
        }
    }

    function later() {
        const now = Date.now();
        first ||= now;
        clearTimeout(timer);
        timer = setTimeout(tell, Math.max(0, Math.min(QUIET_MS, first + PATIENCE_MS - now)));
    }

    /** @param {string} dir @param {string} event @param {string | null} name */
    function onEvent(dir, event, name) {
        if (name !== null && !mayBeUsed(name)) {
            return;
        }
        const kind = kindOf(dir);
        if (kind) {
            kinds.add(kind);
        }
        structure ||= event === 'rename';
        if (kind || structure) {
            later();
        }
    }

    /** @param {string} message */
    function fail(message) {
        if (!saidFailure) {
            saidFailure = true;
            failed(`${message}: changes there are not seen; raise fs.inotify.max_user_watches`);
        }
    }

    /** @param {string} dir @returns {boolean} whether it was not watched before */
    function add(dir) {
        const { ino = 0 } = statSync(path.join(app, dir), { throwIfNoEntry: false }) ?? {};
        if (watchers.get(dir)?.ino === ino) {
            return false;
        }
        remove(dir); // another folder has its name now
        if (watchers.size >= WATCHES_MAX) {
            fail(`there are more than ${WATCHES_MAX} folders to watch`);
            return false;
        }
        try {
            const watcher = watch(path.join(app, dir), (event, name) => onEvent(dir, event, name));
            watcher.on('error', () => remove(dir));
            watchers.set(dir, { watcher, ino });
        } catch (error) {
            if (/** @type {any} */ (error).code !== 'ENOENT') {
                fail(`cannot watch ${dir}: ${/** @type {Error} */ (error).message}`);
            }
            return false;
        }
        return true;
    }

    function remove(/** @type {string} */ dir) {
        watchers.get(dir)?.watcher.close();
        watchers.delete(dir);
    }

    /** @param {string} dir @param {number} depth @param {Set<string>} seen @param {boolean} tellNew */
    function visit(dir, depth, seen, tellNew) {
        if (depth > DEPTH_MAX || !existsSync(path.join(app, dir))) {
            return;
        }
        seen.add(dir);
        if (add(dir) && tellNew) {
            kinds.add(/** @type {string} */ (kindOf(dir)));
        }
        let entries;
        try {
            entries = readdirSync(path.join(app, dir), { withFileTypes: true });
        } catch {
            return; // gone since
        }
        for (const entry of entries) {
            if (entry.isDirectory() && mayBeUsed(entry.name) && entry.name !== 'node_modules') {
                visit(`${dir}/${entry.name}`, depth + 1, seen, tellNew);
            }
        }
    }

    /** Watches what has come, and forgets what has gone. @param {boolean} tellNew */
    function look(tellNew) {
        /** @type {Set<string>} */
        const seen = new Set();
        for (const dir of ABOVE) {
            if (existsSync(path.join(app, dir))) {
                seen.add(dir);
                add(dir);
            }
        }
        for (const dir of Object.keys(FOLDERS)) {
            visit(dir, 0, seen, tellNew);
        }
        for (const dir of [...watchers.keys()].filter((one) => !seen.has(one))) {
            remove(dir);
            const kind = kindOf(dir);
            if (kind && tellNew) {
                kinds.add(kind);
            }
        }
    }

    look(false);
    return {
        close() {
            clearTimeout(timer);
            for (const dir of [...watchers.keys()]) {
                remove(dir);
            }
        },
        get size() {
            return watchers.size;
        },
    };
}
