// SPDX-License-Identifier: MIT
//
// Evaluates configuration files for the sidecar, which merges and checks what they export:
//
//     node host/config.mjs <app> <SS_ENV> config/app.coffee config/environments/production.js
//
// Answers on file descriptor 3 with {"values":[…]}, one for each file, or {"error":{file, line,
// column, message, frame}}.  Standard output is the files' own.  A value must be the same once it
// has been JSON, so that nobody finds out later what was lost.

import { realpathSync, writeSync } from 'node:fs';
import path from 'node:path';
import { installModules } from './modules.mjs';
import { problemOf } from './problems.mjs';

const ANSWER_FD = 3;

/**
 * What a file exports: `exports.config`, else its default, else all of it.
 * @param {any} exported
 */
function configOf(exported) {
    const name = ['config', 'default'].find((key) => key in Object(exported));
    const own = name === undefined ? exported : exported[name];
    if (name === 'default' && 'config' in Object(own)) {
        return configOf(own); // a script that was seen as a module
    }
    if (typeof own !== 'object' || own === null || Array.isArray(own)) {
        throw new TypeError(`${name === 'config' ? 'exports.config' : 'what it exports'} must be an object`);
    }
    if (name === undefined && Object.keys(own).length === 0) {
        throw new TypeError('exports no configuration: exports.config = {…} is missing');
    }
    return own;
}

/** Why a value cannot be JSON; undefined when it can. @param {any} value */
function wrongWith(value) {
    switch (typeof value) {
    case 'function':
        return 'is a function';
    case 'symbol':
        return 'is a symbol';
    case 'bigint':
        return 'is a BigInt';
    case 'number':
        return Number.isFinite(value) ? undefined : `is ${value}`;
    default:
        return value instanceof RegExp || value instanceof Map || value instanceof Set ? `is a ${value.constructor.name}` : undefined;
    }
}

/** @param {any} value @param {string} name @param {any[]} above the objects that it is in */
function check(value, name, above = []) {
    const wrong = above.includes(value) ? 'holds itself' : wrongWith(value);
    if (wrong) {
        throw new TypeError(`${name} ${wrong}, but a configuration is JSON: strings, numbers, true, false, null, lists and objects of them`);
    }
    if (typeof value === 'object' && value !== null && typeof value.toJSON !== 'function') {
        for (const [key, member] of Object.entries(value)) {
            check(member, name === '' ? key : `${name}.${key}`, [...above, value]);
        }
    }
}

/** @param {string} app @param {string[]} names */
async function evaluate(app, names) {
    const modules = installModules(app);
    const values = [];
    for (const name of names) {
        const file = path.join(app, name);
        try {
            const value = configOf(await modules.load(file));
            check(value, '');
            values.push(value);
        } catch (error) {
            return { error: problemOf(error, { app, file }) };
        }
    }
    modules.finish();
    return { values };
}

/** Whole, whatever a pipe takes at a time. @param {unknown} answer */
function send(answer) {
    const bytes = Buffer.from(JSON.stringify(answer));
    for (let at = 0; at < bytes.length;) {
        at += writeSync(ANSWER_FD, bytes, at);
    }
}

const [app, env, ...names] = process.argv.slice(2);
const root = realpathSync(app);
// The part of SS that 0.1.4 had by then.
Object.assign(globalThis, { SS: { env, root, config: {} } });
send(await evaluate(root, names));
process.exit();
