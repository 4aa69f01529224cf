// SPDX-License-Identifier: MIT
//
// Where a module's name leads to within an application.
//
// Bare names are looked for in lib/server, app/shared and vendor/*/lib, before node_modules, which
// are left to Node, as are the names of its own modules: nothing can take their place.  Files may
// be named without extension, and folders for the index file in them.  This holds for the
// application's own files; packages in node_modules see what they always see.

import { readdirSync, realpathSync, statSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import path from 'node:path';
import { EXTENSIONS } from './compile.mjs';

/**
 * @typedef {object} Resolver
 * @property {(file: string) => boolean} owns   is a file of the application's own
 * @property {(name: string) => string | undefined} findBare   a bare name, in the folders above
 * @property {(name: string, from: string) => string | undefined} find   a name as it stands in the
 *   file `from`; undefined leaves it to Node
 */

/** @param {string} file */
function isFile(file) {
    return statSync(file, { throwIfNoEntry: false })?.isFile() === true;
}

/** @param {string} base a path, perhaps without extension */
function complete(base) {
    const candidates = [base, ...EXTENSIONS.map((ext) => base + ext), ...EXTENSIONS.map((ext) => path.join(base, `index${ext}`))];
    // TypeScript's own way to write the name of a .ts file.
    if (base.endsWith('.js')) {
        candidates.push(`${base.slice(0, -3)}.ts`);
    }
    const found = candidates.find(isFile);
    return found && realpathSync(found);
}

/** @param {string} folder */
function realFolder(folder) {
    try {
        return realpathSync(folder);
    } catch {
        return folder;
    }
}

/** @param {string} app */
function searchedFolders(app) {
    const folders = ['lib/server', 'app/shared'];
    try {
        folders.push(...readdirSync(path.join(app, 'vendor')).sort().map((name) => `vendor/${name}/lib`));
    } catch {
        // No vendor folder, as in most applications.
    }
    return folders.map((folder) => path.join(app, folder));
}

/** @param {string} app absolute @returns {Resolver} */
export function createResolver(app) {
    const searched = searchedFolders(app);
    // Any of them may be a link to somewhere else.
    const own = [app, ...searched, path.join(app, 'app/server')].map((folder) => `${realFolder(folder)}/`);
    /** @type {Map<string, string | undefined>} */
    const bare = new Map();

    /** @type {Resolver['owns']} */
    const owns = (file) => own.some((folder) => file.startsWith(folder)) && !file.includes('/node_modules/');

    /** @type {Resolver['findBare']} */
    const findBare = (name) => {
        if (!bare.has(name)) {
            const good = !isBuiltin(name) && !name.split('/').includes('..');
            bare.set(name, good ? searched.map((folder) => complete(path.join(folder, name))).find(Boolean) : undefined);
        }
        return bare.get(name);
    };

    return {
        owns,
        findBare,
        find(name, from) {
            if (!owns(from) || name === '' || name.includes('\0')) {
                return undefined;
            }
            if (/^\.{0,2}\//.test(name)) {
                return complete(path.resolve(path.dirname(from), name));
            }
            return /^[.#]|^[a-z]+:/.test(name) ? undefined : findBare(name);
        },
    };
}
