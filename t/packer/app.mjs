// SPDX-License-Identifier: MIT
//
// Small applications for the packer's tests: made from a list of files, packed, and run without a
// browser.

import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after } from 'node:test';
import vm from 'node:vm';
import { createPacker } from '../../packer/pack.mjs';

export const LAYOUT = { 'app/views/app.html': '<html><head><SocketStream></head><body></body></html>' };
export const CLIENT = { 'app/client/app.js': 'exports.init = function () {};' };

/** @type {(() => unknown)[]} */
const endings = [];
after(async () => {
    for (const end of endings) {
        await end();
    }
});

/** @param {string} app @param {Record<string, string>} files */
export function write(app, files) {
    for (const [name, text] of Object.entries(files)) {
        mkdirSync(path.dirname(path.join(app, name)), { recursive: true });
        writeFileSync(path.join(app, name), text);
    }
}

/** @param {Record<string, string>} [files] @returns {string} its folder, which goes with the test */
export function makeApp(files = {}) {
    const app = mkdtempSync(path.join(tmpdir(), 'ss-packer-'));
    endings.push(() => rmSync(app, { recursive: true, force: true }));
    write(app, files);
    return app;
}

/** @param {string} app @param {Partial<Parameters<typeof createPacker>[0]>} [options] */
export function packerOf(app, options = {}) {
    const packer = createPacker({ app, env: 'production', development: false, version: '1.2.3', ...options });
    endings.unshift(packer.dispose);
    return packer;
}

/** @param {string} app @param {string} name @returns {string} */
export const read = (app, name) => readFileSync(path.join(app, name), 'utf8');

/** @param {string} app @returns {any} */
export const manifestOf = (app) => JSON.parse(read(app, 'public/assets/manifest.json'));

/** The text of an asset. @param {string} app @param {string} name without hash */
export const asset = (app, name) => read(app, `public/assets/${manifestOf(app).files[name].file}`);

/** Every file below public/. @param {string} app @param {string} [dir] @returns {string[]} */
export const outputs = (app, dir = 'public') => readdirSync(path.join(app, dir), { withFileTypes: true })
    .flatMap((entry) => (entry.isDirectory()
        ? outputs(app, `${dir}/${entry.name}`)
        : [`${dir}/${entry.name}`]));

/** Packs what must be packed without a problem. @param {Record<string, string>} files @param {any} [options] */
export async function packed(files, options) {
    const app = makeApp({ ...LAYOUT, ...CLIENT, ...files });
    const result = await packerOf(app, options).pack();
    if (result.problems.length) {
        throw new Error(JSON.stringify(result.problems));
    }
    return { app, result };
}

/** Runs what was packed, but for the browser library. @param {string} app @param {Record<string, any>} [globals] */
export function run(app, globals = {}) {
    /** @type {any} */
    const page = { order: [], console, ...globals };
    page.window = page;
    page.SS = {
        client: {}, shared: {}, events: { on() {} },
        register(/** @type {'client' | 'shared'} */ root, /** @type {string} */ place, /** @type {any} */ what) {
            const names = place.split('/');
            const last = /** @type {string} */ (names.pop());
            names.reduce((node, name) => (node[name] ??= {}), page.SS[root])[last] = what;
        },
    };
    vm.createContext(page);
    for (const name of ['app.js']) {
        vm.runInContext(asset(app, name), page);
    }
    return page;
}
