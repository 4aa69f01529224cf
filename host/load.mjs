// SPDX-License-Identifier: MIT
//
// Loads an application: config/db, then app/shared, config/http, and app/server.
//
// Owns the order, and that one broken file costs its own actions only.  Whoever calls has made
// the globals that the files see; `ss.shared` is filled in here, as the files of app/shared are
// loaded.

import { readdirSync, realpathSync, statSync } from 'node:fs';
import path from 'node:path';
import { findActions } from './actions.mjs';
import { EXTENSIONS } from './compile.mjs';
import { findMiddleware } from './middleware.mjs';
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
 * @property {string | undefined} http  the file config/http, relative to the application
 * @property {import('./middleware.mjs').Middleware[]} middleware  what it offers, if that was wanted
 *
 * @typedef {object} Options
 * @property {string} app   absolute
 * @property {any} [config] all of it
 * @property {any} [ss]     gets `shared`
 * @property {boolean} [http]  load config/http, too
 * @property {(message: string) => void} [log]  gets what authors should know; standard error unless
 *   told otherwise
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

/** @param {string} app @param {string} name @returns {string | undefined} */
function findConfig(app, name) {
    return EXTENSIONS.map((ext) => path.join(app, `config/${name}${ext}`))
        .find((file) => statSync(file, { throwIfNoEntry: false })?.isFile());
}

/** The helpers are there on both sides or on none: who deletes the browser's file, or says
 *  `helpers: false`, does without them. @param {string} app @param {any} config */
function wantsHelpers(app, config) {
    if (typeof config.helpers === 'boolean') {
        return config.helpers;
    }
    try {
        return readdirSync(path.join(app, 'lib/client')).some((name) => /^(?:\d+\.)?helpers\.(?:js|coffee)$/.test(name));
    } catch {
        return false;
    }
}

/** Waits for a promise, or for what an exported function returns. @param {any} exported */
export async function settle(exported, limitMs = CONFIG_DB_LIMIT_MS) {
    const main = typeof exported?.default === 'function' || typeof exported?.default?.then === 'function'
        ? exported.default : exported;
    const result = typeof main === 'function' ? main() : main;
    if (typeof result?.then !== 'function') {
        return;
    }
    /** @type {NodeJS.Timeout | undefined} */
    let timer;
    const late = new Promise((resolve, reject) => {
        timer = setTimeout(() => reject(new Error(`it did not finish within ${limitMs / 1000} s`)), limitMs);
    });
    try {
        await Promise.race([result, late]);
    } finally {
        clearTimeout(timer);
    }
}

/** What a load goes on with. @param {Options} options */
function begin({ app: given, ss = {}, log }) {
    const app = realpathSync(given);
    const installed = installModules(app, log);
    modules = installed;
    /** @type {Loaded} */
    const loaded = { actions: new Map(), problems: [], warnings: [], shared: {}, http: undefined, middleware: [] };
    ss.shared = loaded.shared;

    /** Loads one file; what goes wrong is a problem. @param {string} file
     *  @param {string | undefined} module @param {(exported: any) => unknown} use */
    const attempt = async (file, module, use) => {
        // The last that is said, and so what the sidecar tells as the reason.
        const ended = () => process.stderr.write(`${path.relative(app, file)} ended the process while it was loaded\n`);
        process.once('exit', ended);
        try {
            await use(await installed.load(file));
        } catch (error) {
            loaded.problems.push(problemOf(error, { app, file, module }));
        }
        process.removeListener('exit', ended);
    };
    return { app, installed, loaded, attempt };
}

/** @typedef {ReturnType<typeof begin>} Load */

/** @param {Load} load @param {any} config */
async function takeHelpers({ app }, config) {
    if (wantsHelpers(app, config)) {
        await import('./helpers.mjs');
    }
}

/** @param {Load} load */
async function takeShared({ app, installed, loaded, attempt }) {
    const { sources, problems } = findSources(app, 'app/shared');
    loaded.problems.push(...problems.map(({ module, ...problem }) => problem));
    await installed.prepare(sources.map(({ file }) => file));
    for (const { file, name } of sources) {
        await attempt(file, undefined, (exported) => plant(loaded.shared, name, sharedValue(exported)));
    }
}

/** Without what it guards with, nothing is to be let through: a broken file is one function that
 *  fails.  @param {Load} load @param {boolean} wanted */
async function takeMiddleware({ app, loaded, attempt }, wanted) {
    const file = findConfig(app, 'http');
    loaded.http = file && path.relative(app, file);
    if (!file || !wanted) {
        return;
    }
    const before = loaded.problems.length;
    await attempt(file, undefined, (exported) => {
        const { chain, wrong } = findMiddleware(exported);
        loaded.middleware = chain;
        loaded.problems.push(...wrong.map((message) => ({ file: path.relative(app, file), message })));
    });
    const problem = loaded.problems[before];
    if (problem) {
        loaded.middleware = [() => {
            throw new Error(`${problem.file}${problem.line ? `:${problem.line}` : ''}: ${problem.message}`);
        }];
    }
}

/** @param {Load} load */
async function takeServer({ app, installed, loaded, attempt }) {
    const { sources, problems } = findSources(app, 'app/server');
    loaded.problems.push(...problems);
    await installed.prepare(sources.map(({ file }) => file));
    for (const { file, name } of sources) {
        await attempt(file, name, (exported) => takeActions(loaded, exported, path.relative(app, file), name));
    }
}

/**
 * Once for each process: modules stay what they were when first loaded.
 * @param {Options} options @returns {Promise<Loaded>}
 */
export async function loadApp(options) {
    const load = begin(options);
    await takeHelpers(load, options.config ?? {});
    const db = findConfig(load.app, 'db');
    if (db) {
        await load.attempt(db, undefined, (exported) => settle(exported));
    }
    await takeShared(load);
    await takeMiddleware(load, options.http === true);
    await takeServer(load);
    load.installed.finish();
    return load.loaded;
}

/** What a console needs: helpers and shared code, but nothing that runs the application again.
 *  @param {Options} options @returns {Promise<Loaded>} */
export async function loadShared(options) {
    const load = begin(options);
    await takeHelpers(load, options.config ?? {});
    await takeShared(load);
    load.installed.finish();
    return load.loaded;
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
