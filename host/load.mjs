// SPDX-License-Identifier: MIT
//
// Loads an application: config/db, then app/shared, then app/server.
//
// Owns the order, and that one broken file costs its own actions only.  Whoever calls has made
// the globals that the files see; `ss.shared` is filled in here, as the files of app/shared are
// loaded.

import { statSync, realpathSync } from 'node:fs';
import path from 'node:path';
import { findActions } from './actions.mjs';
import { EXTENSIONS } from './compile.mjs';
import { installModules } from './modules.mjs';
import { problemOf } from './problems.mjs';
import { findSources } from './tree.mjs';

/**
 * @typedef {import('./problems.mjs').Problem} Problem
 * @typedef {import('./actions.mjs').Action} Action
 *
 * @typedef {object} Loaded
 * @property {Map<string, Action>} actions  by full name
 * @property {Problem[]} problems
 * @property {string[]} warnings  for the log
 * @property {any} shared  the tree of app/shared
 */

export const CONFIG_DB_LIMIT_MS = 30000; // for what config/db waits for

/** @type {import('./modules.mjs').Modules | undefined} */
let modules;

/** The module that a bare name means to the application's files; throws as `require` does.
 *  @param {string} name */
export function requireByName(name) {
    if (!modules) {
        throw new Error('no application is loaded');
    }
    return modules.requireByName(name);
}

/** What a module offers to `SS.shared`: a module's names are copied, since its own object is sealed.
 *  @param {any} exported */
function sharedValue(exported) {
    if (exported?.[Symbol.toStringTag] !== 'Module') {
        return exported;
    }
    const { default: main, ...named } = exported;
    return main !== undefined && Object.keys(named).length === 0 ? main : { ...named, ...(main === undefined ? {} : { default: main }) };
}

/** @param {any} tree @param {string} name with dots @param {any} value */
function plant(tree, name, value) {
    const parts = name.split('.');
    const last = /** @type {string} */ (parts.pop());
    let at = tree;
    for (const part of parts) {
        at = Object.hasOwn(at, part) ? at[part] : (at[part] = {});
    }
    Object.defineProperty(at, last, { value, enumerable: true, configurable: true, writable: true });
}

/** @param {string} app @returns {string | undefined} */
function findConfigDb(app) {
    return EXTENSIONS.map((ext) => path.join(app, `config/db${ext}`))
        .find((file) => statSync(file, { throwIfNoEntry: false })?.isFile());
}

/** Waits for a promise, or for what an exported function returns. @param {any} exported */
async function settle(exported) {
    const main = typeof exported?.default === 'function' || typeof exported?.default?.then === 'function'
        ? exported.default : exported;
    const result = typeof main === 'function' ? main() : main;
    if (typeof result?.then !== 'function') {
        return;
    }
    /** @type {NodeJS.Timeout | undefined} */
    let timer;
    const late = new Promise((resolve, reject) => {
        timer = setTimeout(() => reject(new Error(`it did not finish within ${CONFIG_DB_LIMIT_MS / 1000} s`)), CONFIG_DB_LIMIT_MS);
    });
    try {
        await Promise.race([result, late]);
    } finally {
        clearTimeout(timer);
    }
}

/**
 * Once for each process: modules stay what they were when first loaded.
 * @param {{app: string, ss?: any, log?: (message: string) => void}} options `app` absolute; `log`
 *   gets what authors should know, standard error unless told otherwise
 * @returns {Promise<Loaded>}
 */
export async function loadApp({ app: given, ss = {}, log }) {
    const app = realpathSync(given);
    const installed = installModules(app, log);
    modules = installed;
    /** @type {Loaded} */
    const loaded = { actions: new Map(), problems: [], warnings: [], shared: {} };
    ss.shared = loaded.shared;

    /** Loads one file; what goes wrong is a problem. @param {string} file
     *  @param {string | undefined} module @param {(exported: any) => unknown} use */
    const attempt = async (file, module, use) => {
        try {
            await use(await installed.load(file));
        } catch (error) {
            loaded.problems.push(problemOf(error, { app, file, module }));
        }
    };

    const db = findConfigDb(app);
    if (db) {
        await attempt(db, undefined, settle);
    }

    const shared = findSources(app, 'app/shared');
    const server = findSources(app, 'app/server');
    loaded.problems.push(...shared.problems.map(({ module, ...problem }) => problem), ...server.problems);
    await installed.prepare([...shared.sources, ...server.sources].map(({ file }) => file));

    for (const { file, name } of shared.sources) {
        await attempt(file, undefined, (exported) => plant(loaded.shared, name, sharedValue(exported)));
    }
    for (const { file, name } of server.sources) {
        await attempt(file, name, (exported) => takeActions(loaded, exported, path.relative(app, file), name));
    }
    installed.finish();
    return loaded;
}

/** @param {Loaded} loaded @param {any} exported @param {string} file @param {string} name */
function takeActions(loaded, exported, file, name) {
    const found = findActions(exported, file, name);
    for (const [full, action] of found.actions) {
        if (loaded.actions.has(full)) {
            found.wrong.push(`there are two actions of the name ${full}, the other in ${loaded.actions.get(full)?.file}`);
        } else {
            loaded.actions.set(full, action);
        }
    }
    loaded.problems.push(...found.wrong.map((message) => ({ file, message, module: name })));
    loaded.warnings.push(...found.warnings.map((message) => `${file}: ${message}`));
}
