// SPDX-License-Identifier: MIT
//
// Which files of an application go to the browser, and in what order.
//
// Owns the rules for names: editors' files (`name~`, `.name`, `_name`) are none, client code becomes
// a tree by its path, libraries are in the order of their numbers, and nothing may take another's
// place.  Leaves to others what stands in the files.

import { existsSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { PackError } from './problems.mjs';

export const DEPTH_MAX = 32; // folders below one of those that are packed
export const FILES_MAX = 10000; // files of one of them

/** Folders whose files are packed: a change in one of them is a change of what it names. */
export const FOLDERS = /** @type {const} */ ({
    'app/client': 'code',
    'app/shared': 'code',
    'app/views': 'views',
    'app/css': 'styles',
    'lib/client': 'libs',
    'lib/css': 'styles',
});

export const CODE = /\.(?:js|mjs|cjs|jsx|ts|mts|cts|tsx|coffee)$/;
export const VIEW = /\.(?:jade|pug|html|htm)$/;
const LIBRARY = /\.(?:js|coffee)$/;
const STYLE = /\.css$/;

/** Whether a file or folder of this name is looked at. @param {string} name */
export const counts = (name) => mayBeUsed(name) && !name.startsWith('_');

/** Whether one of this name may be part of another, as `_mixins.styl` is by an import. @param {string} name */
export const mayBeUsed = (name) => !/^\.|~$/.test(name);

/**
 * @typedef {object} Entry
 * @property {string} file   absolute
 * @property {string[]} path from its folder, without the extension: what it is called in a tree
 */

/** Numbers by their value, the rest by the alphabet: 2.b, 10.a, x. @param {string} a @param {string} b */
export function byNumber(a, b) {
    const order = (/** @type {string} */ name) => Number(/^\d+/.exec(name)?.[0] ?? Infinity);
    const [x, y] = [order(a), order(b)];
    if (x !== y) {
        return x - y;
    }
    return a < b ? -1 : Number(a > b);
}

/** None of a folder that is not there, or not any more. @param {string} folder */
function namesIn(folder) {
    try {
        return readdirSync(folder);
    } catch (error) {
        if (/** @type {NodeJS.ErrnoException} */ (error).code === 'ENOENT') {
            return [];
        }
        throw error;
    }
}

/**
 * All files below `dir` that match, files of a folder before the folders in it.
 * @param {string} dir @param {RegExp} match @param {(a: string, b: string) => number} [order]
 * @returns {Entry[]}
 */
function list(dir, match, order = (a, b) => (a < b ? -1 : Number(a > b))) {
    /** @type {Entry[]} */
    const found = [];
    const visit = (/** @type {string} */ folder, /** @type {string[]} */ names) => {
        if (names.length > DEPTH_MAX) {
            throw new PackError(`folders are nested deeper than ${DEPTH_MAX}`, { file: folder });
        }
        const entries = namesIn(folder).filter(counts).sort(order)
            .map((name) => ({ name, file: path.join(folder, name) }))
            .map((entry) => ({ ...entry, stat: statSync(entry.file, { throwIfNoEntry: false }) }));
        for (const { name, file, stat } of entries) {
            if (stat?.isFile() && match.test(name)) {
                found.push({ file, path: [...names, name.replace(match, '')] });
            }
            if (found.length > FILES_MAX) {
                throw new PackError(`there are more than ${FILES_MAX} files`, { file: dir });
            }
        }
        for (const { name, file, stat } of entries) {
            if (stat?.isDirectory() && name !== 'node_modules') {
                visit(file, [...names, name]);
            }
        }
    };
    visit(dir, []);
    return found;
}

/** `x.test.js` is no declaration, `x.d.ts` is. @param {Entry} entry */
const isCode = ({ file }) => !/\.d\.[mc]?ts$/.test(file);

/**
 * Two files, or a file and a folder with files, of one name would be one place in the tree.
 * @param {string} app @param {string} dir @param {Entry[]} entries
 */
function refuseConflicts(app, dir, entries) {
    /** @type {Map<string, string>} */
    const files = new Map();
    for (const { file, path: names } of entries) {
        const name = names.join('/');
        const other = files.get(name);
        if (other) {
            throw new PackError(
                `Unable to load ${path.relative(app, file)}\nIt conflicts with a file of the same `
                + `name, ${path.relative(app, other)}: rename one of them`,
                { file },
            );
        }
        files.set(name, file);
    }
    for (const { path: names } of entries) {
        for (let depth = 1; depth < names.length; depth++) {
            const folder = names.slice(0, depth).join('/');
            const other = files.get(folder);
            if (other) {
                throw new PackError(
                    `Unable to load the ${path.join(dir, folder)} directory\nIt conflicts with a file `
                    + `of the same name, ${path.relative(app, other)}: rename one of them`,
                    { file: other },
                );
            }
        }
    }
}

/** @param {string} app @param {'app/client' | 'app/shared'} dir */
export function codeIn(app, dir) {
    const entries = list(path.join(app, dir), CODE).filter(isCode);
    refuseConflicts(app, dir, entries);
    const isFirst = (/** @type {Entry} */ entry) => entry.path.length === 1 && entry.path[0] === 'app';
    return [...entries.filter(isFirst), ...entries.filter((entry) => !isFirst(entry))];
}

/** @param {string} app */
export const librariesOf = (app) => list(path.join(app, 'lib/client'), LIBRARY, byNumber);

/** @param {string} app */
export const libraryStylesOf = (app) => list(path.join(app, 'lib/css'), STYLE, byNumber);

/** `people/info` and `people-info` would be one template. @param {string} app @param {{file: string, id: string}[]} templates */
function refuseTwins(app, templates) {
    /** @type {Map<string, string>} */
    const files = new Map();
    for (const { file, id } of templates) {
        const other = files.get(id);
        if (other) {
            throw new PackError(
                `Unable to load ${path.relative(app, file)}\nIts template would be #${id}, as that of `
                + `${path.relative(app, other)} is: rename one of them`,
                { file },
            );
        }
        files.set(id, file);
    }
}

/** The page, and the templates with their ids. @param {string} app */
export function viewsOf(app) {
    const all = list(path.join(app, 'app/views'), VIEW);
    refuseConflicts(app, 'app/views', all);
    const layout = all.find(({ path: names }) => names.length === 1 && names[0] === 'app');
    const templates = all.filter((view) => view !== layout)
        .map(({ file, path: names }) => ({ file, id: names.join('-') }));
    refuseTwins(app, templates);
    return { layout: layout?.file, templates };
}

/** The style sheet that has all others in it. @param {string} app @returns {string | undefined} */
export function styleOf(app) {
    return ['styl', 'less', 'css'].map((ext) => path.join(app, 'app/css', `app.${ext}`))
        .find((file) => existsSync(file));
}

/** Whether there is anything to pack. @param {string} app */
export const isPacked = (app) => existsSync(path.join(app, 'app/client'))
    || existsSync(path.join(app, 'app/views'));
