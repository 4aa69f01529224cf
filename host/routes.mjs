// SPDX-License-Identifier: MIT
//
// `socketstream routes`: the public actions of an application, and how to reach them.
//
//     node host/routes.mjs <app> <command> <socket, or ''> <table|json>
//
// The running sidecar knows what there is, for it is what answers; the files are looked for below
// app/server by the names.

import { existsSync } from 'node:fs';
import path from 'node:path';
import { attach } from './attach.mjs';
import { messageOf } from './errors.mjs';
import { reach } from './reach.mjs';
import { findSources } from './tree.mjs';

/** @type {Record<string, string>} */
const LANGUAGES = { '.coffee': 'CoffeeScript', '.ts': 'TypeScript', '.c': 'C', '.so': 'C' };

/**
 * @typedef {object} Route
 * @property {string} name
 * @property {string | null} path  null: not over HTTP
 * @property {string} runs_in      a language, or the command of another host
 * @property {boolean} authenticated
 * @property {string | null} file  below the application; null when there is none to be found
 */

/** The file of a module in C, which its name is the path of; names of its actions may have dots.
 *  @param {string} app @param {string} action @returns {string | undefined} */
function nativeFile(app, action) {
    const parts = action.split('.');
    while (parts.pop() && parts.length > 0) {
        const base = path.join('app/server', ...parts);
        const found = ['.c', '.so'].map((ext) => base + ext).find((file) => existsSync(path.join(app, file)));
        if (found) {
            return found;
        }
    }
    return undefined;
}

/** @param {string} app @param {any} config @param {{name: string, runs_in: string, authenticated: boolean}[]} actions
 *  @returns {Route[]} */
function describe(app, config, actions) {
    const scripts = new Map(findSources(app, 'app/server').sources
        .map(({ file, name }) => [name, path.relative(app, file)]));
    const { enabled = true, prefix = 'api' } = config.api ?? {};
    return actions.map(({ name, runs_in, authenticated }) => {
        const file = runs_in === 'C' ? nativeFile(app, name)
            : runs_in === 'javascript' ? scripts.get(name.slice(0, name.lastIndexOf('.'))) : undefined;
        return {
            name,
            path: enabled ? `/${prefix}/${name.replaceAll('.', '/')}` : null,
            runs_in: runs_in === 'javascript' ? LANGUAGES[path.extname(file ?? '')] ?? 'JavaScript' : runs_in,
            authenticated,
            file: file ?? null,
        };
    });
}

/** @param {Route[]} routes */
function table(routes) {
    const rows = [
        ['ACTION', 'HTTP', 'RUNS IN', 'FOR', 'FILE'],
        ...routes.map((one) => [one.name, one.path ?? '-', one.runs_in, one.authenticated ? 'signed in' : 'all', one.file ?? '-']),
    ];
    const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
    return rows.map((row) => `${row.map((cell, column) => cell.padEnd(widths[column])).join('  ').trimEnd()}\n`).join('');
}

/** @param {string} app @param {string} command @param {string} socket @param {string} form */
async function main(app, command, socket, form) {
    let stop = async () => {};
    let status = 1;
    try {
        const reached = await reach(app, command, socket, 'this question');
        stop = reached.stop;
        const { setup, asks, close } = await attach(reached.socket, () => {});
        const routes = describe(app, setup.config, await asks.ask('actions', {}));
        close();
        process.stdout.write(form === 'json' ? `${JSON.stringify(routes, null, 2)}\n` : table(routes));
        status = 0;
    } catch (error) {
        process.stderr.write(`socketstream: ${messageOf(error)}\n`);
    }
    await stop();
    process.exitCode = status;
}

const [app, command, socket, form] = process.argv.slice(2);
await main(app, command, socket, form);
