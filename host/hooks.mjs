// SPDX-License-Identifier: MIT
//
// What Node asks at each `import`: where an application's names lead to, and what is in its files.
//
// Runs in the main thread where Node has synchronous hooks, else in a thread of Node's own; so it
// shares nothing with the rest but the cache of compiled files.  `require` does not come here, see
// modules.mjs.

import { fileURLToPath, pathToFileURL } from 'node:url';
import { createCompiler } from './compile.mjs';
import { createResolver } from './resolve.mjs';

/** @param {string | undefined} url */
const toFile = (url) => (url?.startsWith('file:') ? fileURLToPath(url.replace(/[?#].*/, '')) : undefined);

/**
 * A script seen as a module: it is run by `require`, so that both see one instance of it.  The
 * names are those that its code assigns to `exports`.
 * @param {string} file @param {string} code
 */
export function wrapScript(file, code) {
    const names = new Set([...code.matchAll(/\bexports\.([A-Za-z_$][\w$]*)\s*=(?!=)/g)].map(([, name]) => name));
    names.delete('default');
    const lines = [...names].map((name, i) => `const $${i} = script.${name}; export { $${i} as ${name} };`);
    return [
        'import { createRequire } from \'node:module\';',
        `const script = createRequire(import.meta.url)(${JSON.stringify(file)});`,
        'export default script;',
        ...lines,
    ].join('\n');
}

/** @param {string} app */
export function createHooks(app) {
    const resolver = createResolver(app);
    const compiler = createCompiler({ app, note: () => {} }); // told by who loads the file first

    return {
        /** @param {string} name @param {any} context @param {Function} next */
        resolve(name, context, next) {
            const parent = context.conditions?.includes('require') ? undefined : toFile(context.parentURL);
            const found = parent && resolver.find(name.startsWith('file:') ? toFile(name) ?? name : name, parent);
            return found ? { url: pathToFileURL(found).href, shortCircuit: true } : next(name, context);
        },

        /** @param {string} url @param {any} context @param {Function} next */
        load(url, context, next) {
            const file = context.conditions?.includes('require') ? undefined : toFile(url);
            if (!file || !(/\.(?:js|mjs|cjs|coffee|ts)$/.test(file) && resolver.owns(file))) {
                return next(url, context);
            }
            const { code, format } = compiler.read(file);
            return { format: 'module', source: format === 'module' ? code : wrapScript(file, code), shortCircuit: true };
        },
    };
}

/** @type {ReturnType<typeof createHooks> | undefined} */
let hooks;

/** Of the hooks' thread; the next three are called by Node. @param {{app: string}} data */
export function initialize(data) {
    hooks = createHooks(data.app);
}

/** @param {string} name @param {any} context @param {Function} next */
export async function resolve(name, context, next) {
    return hooks?.resolve(name, context, next);
}

/** @param {string} url @param {any} context @param {Function} next */
export async function load(url, context, next) {
    return hooks?.load(url, context, next);
}
