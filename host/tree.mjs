// SPDX-License-Identifier: MIT
//
// The files of a folder as a tree of names: app/server/users/online.coffee is users.online.
//
// Owns which files count, in what order, and that one name is one file or one folder.  The rules
// are those of C modules (sidecar/module.c), which share the folder.

import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { EXTENSIONS } from './compile.mjs';

/**
 * @typedef {object} Source
 * @property {string} file  absolute
 * @property {string} name  its place in the tree, with dots
 *
 * @typedef {object} Tree
 * @property {Source[]} sources
 * @property {import('./problems.mjs').Problem[]} problems
 */

export const APP_DEPTH_MAX = 32; // folders, as for C modules

const PART = /^[A-Za-z0-9_$-]+$/;
const RESERVED = ['system', 'event', 'rpc']; // the protocol's own

/** @param {string} name of a file or a folder */
const counts = (name) => !/^[._]|~$/.test(name);

/** @param {string} folder */
function entriesOf(folder) {
    return readdirSync(folder).filter(counts).sort().flatMap((name) => {
        const file = path.join(folder, name);
        const stat = statSync(file, { throwIfNoEntry: false });
        const ext = path.extname(name);
        if (stat?.isDirectory()) {
            return [{ file, part: name, kind: 'folder' }];
        }
        if (!stat?.isFile() || !(EXTENSIONS.includes(ext) || ext === '.c' || ext === '.so') || name.endsWith('.d.ts')) {
            return [];
        }
        return [{ file, part: name.slice(0, -ext.length), kind: EXTENSIONS.includes(ext) ? 'source' : 'native' }];
    });
}

/** The seed's words, with both names. @param {string} app
 *  @param {{file: string, kind: string}} a @param {{file: string, kind: string}} b */
function conflict(app, a, b) {
    const name = (/** @type {typeof a} */ one) => path.relative(app, one.file) + (one.kind === 'folder' ? '/' : '');
    const [folder, other] = b.kind === 'folder' ? [b, a] : [a, b];
    return folder.kind === 'folder'
        ? `Unable to load the ${name(folder)} directory: it conflicts with a file of the same name, ${name(other)}; rename one`
        : `Unable to load ${name(a)}: it conflicts with ${name(b)}; rename one`;
}

/** @param {string} app absolute @param {string} root a folder of it, such as app/server; it may be missing
 *  @returns {Tree} */
export function findSources(app, root) {
    const top = path.join(app, root);
    /** @type {Tree} */
    const tree = { sources: [], problems: [] };
    if (statSync(top, { throwIfNoEntry: false })?.isDirectory()) {
        walk(tree, { app, folder: top, prefix: '', depth: 0 });
    }
    return tree;
}

/** @param {Tree} tree @param {{app: string, folder: string, prefix: string, depth: number}} at */
function walk(tree, { app, folder, prefix, depth }) {
    const complain = (/** @type {string} */ file, /** @type {string} */ message, /** @type {string} */ module) =>
        void tree.problems.push({ file: path.relative(app, file), message, module });
    if (depth > APP_DEPTH_MAX) {
        complain(folder, `more than ${APP_DEPTH_MAX} folders deep; does a link point upwards?`, prefix.slice(0, -1));
        return;
    }
    const entries = entriesOf(folder);
    for (const entry of entries) {
        const name = prefix + entry.part;
        const [first, second] = entries.filter(({ part }) => part === entry.part);
        if (second) {
            // Told once, and neither is loaded: which one was meant is for the author to say.
            if (entry === first) {
                complain(second.file, conflict(app, first, second), name);
            }
        } else if (entry.kind !== 'native' && !PART.test(entry.part)) {
            complain(entry.file, 'names of files and folders may hold letters, digits, _ $ and -', name);
        } else if (entry.kind !== 'native' && depth === 0 && RESERVED.includes(entry.part)) {
            complain(entry.file, `'${entry.part}' is a name of the protocol; take another`, name);
        } else if (entry.kind === 'folder') {
            walk(tree, { app, folder: entry.file, prefix: `${name}.`, depth: depth + 1 });
        } else if (entry.kind === 'source') {
            tree.sources.push({ file: entry.file, name });
        }
    }
}
