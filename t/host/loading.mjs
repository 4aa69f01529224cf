// SPDX-License-Identifier: MIT
//
// Applications of a few files, loaded in processes of their own: a loader changes its process, and
// does so once.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');

const dirs = new Set();
process.on('exit', () => {
    for (const dir of dirs) {
        fs.rmSync(dir, { recursive: true, force: true });
    }
});

/** A folder with these files. @param {Record<string, string>} files */
export function makeApp(files) {
    const app = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'ss-load-')));
    dirs.add(app);
    for (const [name, text] of Object.entries(files)) {
        const file = path.join(app, name);
        fs.mkdirSync(path.dirname(file), { recursive: true });
        fs.writeFileSync(file, text);
    }
    return app;
}

/** What the process does; `value` is what the test wants to know of what was loaded. */
const script = (/** @type {string} */ value) => `
import { loadApp, requireByName } from ${JSON.stringify(path.join(root, 'host/load.mjs'))};
const [app, config] = process.argv.slice(1);
globalThis.SS = { config: JSON.parse(config) };
const loaded = await loadApp({ app, config: SS.config, ss: SS });
const call = (name, ...params) => new Promise((resolve) => loaded.actions.get(name).fn.call({}, ...params, resolve));
let value, error;
try { value = await (async () => { ${value} })(); } catch (thrown) { error = thrown?.stack ?? String(thrown); }
const actions = {};
for (const [name, { file, authenticate }] of loaded.actions) actions[name] = authenticate ? file + ' guarded' : file;
process.stdout.write(JSON.stringify({ ...loaded, actions, value, error }));
`;

/**
 * Loads an application. @param {Record<string, string> | string} files or the folder of an
 * application @param {string} [value] body of a function @param {any} [config]
 * @returns {Promise<{actions: Record<string, string>, problems: any[], warnings: string[],
 *   shared: any, value: any, error: string, log: string}>}
 */
export async function load(files, value = '', config = {}) {
    const app = typeof files === 'string' ? files : makeApp(files);
    const child = spawn(process.execPath, ['--input-type=module', '-e', script(value), app, JSON.stringify(config)], {
        cwd: app,
        stdio: ['ignore', 'pipe', 'pipe'],
    });
    let out = '';
    let log = '';
    child.stdout.on('data', (data) => (out += data));
    child.stderr.on('data', (data) => (log += data));
    const [code] = await once(child, 'close');
    if (code !== 0) {
        throw new Error(`loading ended with ${code}: ${log}`);
    }
    return { ...JSON.parse(out), log };
}
