// SPDX-License-Identifier: MIT
//
// An application's files as modules of Node: `require` and `import` find them by the names of
// resolve.mjs, and run what compile.mjs makes of them.
//
// Changes Node's loader of the whole process, once, for one application.  `require` is changed in
// place; the hooks for `import` cost some 50 ms where Node runs them in a thread, so they are
// installed when the first file needs them.  A module that is required becomes a script; who needs
// one instance of it must not both require and import it.

import Module, { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { createCompiler } from './compile.mjs';
import { createHooks } from './hooks.mjs';
import { createResolver } from './resolve.mjs';

/** What Node has beside its documentation, or not in each version. @type {any} */
const loader = Module;

/**
 * @typedef {object} Modules
 * @property {(file: string) => Promise<any>} load  runs an application's file, gives its exports
 * @property {(files: string[]) => Promise<void>} prepare  those will be loaded
 * @property {(name: string) => any} requireByName  as `require(name)` in a file of the application
 * @property {() => void} finish  all that is known beforehand has been loaded
 */

function showSourceLines() {
    if (loader.setSourceMapsSupport) {
        loader.setSourceMapsSupport(true, { nodeModules: false, generatedCode: false });
    } else {
        process.setSourceMapsEnabled(true);
    }
}

/** @param {string} app absolute, without links @param {(message: string) => void} [note]
 *  @returns {Modules} */
export function installModules(app, note) {
    const resolver = createResolver(app);
    const compiler = createCompiler({ app, note });
    const canImport = Boolean(loader.registerHooks ?? loader.register);
    let mapped = false;
    let hooked = false;

    const hook = () => {
        if (hooked || !canImport) {
            return;
        }
        hooked = true;
        if (loader.registerHooks) {
            loader.registerHooks(createHooks(app));
        } else {
            loader.register('./hooks.mjs', { parentURL: import.meta.url, data: { app } });
        }
    };

    /** @param {any} module @param {string} file */
    const runScript = (module, file) => {
        const compiled = compiler.asScript(file);
        if (compiled.mapped && !mapped) {
            mapped = true;
            showSourceLines();
        }
        if (/\bimport\s*\(/.test(compiled.code)) {
            hook();
        }
        module._compile(compiled.code, file);
    };

    const plain = loader._extensions['.js'];
    loader._extensions['.js'] = (/** @type {any} */ module, /** @type {string} */ file) => {
        (resolver.owns(file) ? runScript : plain)(module, file);
    };
    for (const ext of ['.coffee', '.ts']) {
        loader._extensions[ext] = runScript;
    }
    const nodesModule = loader._extensions['.mjs'];
    loader._extensions['.mjs'] = (/** @type {any} */ module, /** @type {string} */ file) => {
        (resolver.owns(file) || !nodesModule ? runScript : nodesModule)(module, file);
    };

    const resolveFilename = loader._resolveFilename;
    loader._resolveFilename = (/** @type {string} */ name, /** @type {any} */ parent, /** @type {any[]} */ ...rest) =>
        (parent?.filename && typeof name === 'string' && resolver.find(name, parent.filename))
        || resolveFilename(name, parent, ...rest);

    /** V8 does not say where in a module the syntax is wrong. @param {string} file */
    const importModule = async (file) => {
        try {
            return await import(pathToFileURL(file).href);
        } catch (error) {
            throw (error instanceof SyntaxError && compiler.diagnose(file)) || error;
        }
    };

    const require = createRequire(`${app}/app/server/`);
    return {
        async load(file) {
            if (canImport && compiler.read(file).format === 'module') {
                hook();
                mapped ||= compiler.read(file).mapped && (showSourceLines(), true);
                return importModule(file);
            }
            return require(file);
        },
        prepare: (files) => compiler.prepare(files),
        requireByName: (name) => require(resolver.findBare(name) ?? name),
        finish: () => compiler.finish(),
    };
}
