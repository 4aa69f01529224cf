// SPDX-License-Identifier: MIT
//
// app/client and app/shared as one script, by esbuild.
//
// An entry made here requires every file in order and registers what it exports as part of SS.client
// or SS.shared, by its path; what a file does not export stays in it.  A file that is a CommonJS module
// (all of 2011 are) is in the tree before its first line runs, as it was then.  esbuild keeps what
// has not changed, and what a file is to it is kept here.

import { context } from 'esbuild';
import { statSync } from 'node:fs';
import path from 'node:path';
import { describe, ofEsbuild, PackError, problemsOf } from './problems.mjs';
import { CODE, codeIn } from './scan.mjs';
import { placeInSource, readText } from './text.mjs';

export const TARGET = 'es2020';
const ENTRY = /^ss:entry$/;
const FROM_CODE = ['.png', '.jpg', '.jpeg', '.gif', '.webp', '.svg', '.woff', '.woff2', '.ttf'];

/** Whether a JavaScript text is a module of today; comments and strings may fool it, see `tie`. */
const ESM = /^[ \t]*(?:import\b(?!\s*\()|export\b)/m;
/** What `tie` puts before a file, as it stands in a source map, where nobody wants to see it. */
const TIE = /(?:\\"use strict\\";)?window\.SS\.register\(\\"\w+\\", \\"[^"]*\\", exports\);/g;
const STRICT = /^(?:\s|\/\/[^\n]*\n|\/\*[\s\S]*?\*\/)*(['"])use strict\1/;

/**
 * @typedef {object} Bundle
 * @property {Uint8Array} code
 * @property {string} map   '' in production without one
 * @property {string} css   of style sheets that code imports
 * @property {string[]} notes
 */

/**
 * Puts a CommonJS module into the tree before it runs, without moving a line of it.  Were a module
 * of today taken for one, `exports` would break it; one of 2011 taken for a module of today only
 * comes into the tree a little later, so when in doubt it is that.
 * @param {string} code @param {string[]} place
 */
function tie(code, place) {
    if (ESM.test(code)) {
        return code;
    }
    const strict = STRICT.test(code) ? '"use strict";' : '';
    return `${strict}${register(place, 'exports')}${code}`;
}

/** @param {string[]} place its root, and the path below that @param {string} what */
const register = ([root, ...names], what) =>
    `window.SS.register(${JSON.stringify(root)}, ${JSON.stringify(names.join('/'))}, ${what});`;

/** @param {string} file */
const isCoffee = (file) => file.endsWith('coffee');

/**
 * @param {{app: string, development: boolean, guard: import('./guard.mjs').Guard,
 *   coffee: import('./coffee.mjs').Coffee}} options
 */
export function createBundler({ app, development, guard, coffee }) {
    /** @type {Map<string, {stamp: string, code: string, note: string, moved: number}>} */
    const compiled = new Map();
    /** @type {Map<string, string[]>} where in the tree a file is */
    let places = new Map();
    /** @type {string[]} */
    let notes = [];
    let entry = '';
    /** @type {import('esbuild').BuildContext | undefined} */
    let build;

    /** What a file of the application is to esbuild. @param {string} file */
    async function load(file) {
        const { mtimeMs, size, ino } = statSync(file);
        const place = places.get(file);
        const stamp = `${mtimeMs} ${size} ${ino} ${place}`;
        let known = compiled.get(file);
        if (known?.stamp !== stamp) {
            const text = readText(file);
            const { code, note } = isCoffee(file)
                ? await coffee.compile({ text, file, bare: true })
                : { code: text, note: '' };
            const tied = place ? tie(code, place) : code;
            known = { stamp, code: tied, note, moved: tied.length - code.length };
            compiled.set(file, known);
        }
        if (known.note) {
            notes.push(`${path.relative(app, file)}: ${known.note}`);
        }
        return known.code;
    }

    /** Has compiled what esbuild has not seen yet. @param {string[]} files */
    const prepare = (files) => coffee.prepare(files.filter((file) => isCoffee(file) && !compiled.has(file))
        .map((file) => ({ text: readText(file), file, bare: true })));

    /**
     * Makes places what they are in the file: `tie` moved its first line, and CoffeeScript is compiled.
     * @param {import('esbuild').Message[]} messages
     */
    function settle(messages) {
        for (const { location } of messages) {
            const known = location && compiled.get(path.resolve(app, location.file));
            if (known && location.line === 1) {
                location.column -= known.moved;
                location.lineText = location.lineText.slice(known.moved);
            }
            if (known && isCoffee(location.file)) {
                Object.assign(location, placeInSource(known.code, location), { file: location.file });
            }
        }
        return messages;
    }

    /** @param {any} failure @returns {never} */
    function untied(failure) {
        settle(failure.errors ?? []);
        throw failure;
    }

    /**
     * Who wants a file by a pattern, `require('./' + name)`: such a file is not resolved like others.
     * @param {import('esbuild').Metafile['inputs']} inputs @param {string} name
     */
    function importerOf(inputs, name) {
        const wants = (/** @type {string} */ from) => inputs[from].imports.some(({ path: pattern }) =>
            pattern.includes('*') && path.resolve(app, name)
                .startsWith(path.resolve(app, path.dirname(from), pattern.split('*')[0])));
        const found = Object.keys(inputs).find(wants);
        return found && path.resolve(app, found);
    }

    /** The script that requires all others. */
    function entryCode() {
        const shared = codeIn(app, 'app/shared');
        const client = codeIn(app, 'app/client');
        if (client.length && client[0].path.join() !== 'app') {
            throw new PackError('app/client/app.js, .coffee or .ts is missing: it is loaded first', {
                file: 'app/client',
            });
        }
        places = new Map();
        /** @type {string[]} */
        const lines = [];
        for (const [root, entries] of /** @type {const} */ ([['shared', shared], ['client', client]])) {
            for (const { file, path: names } of entries) {
                guard.check(file);
                const place = [root, ...names];
                places.set(file, place);
                lines.push(register(place, `require(${JSON.stringify(`./${path.relative(app, file)}`)})`));
            }
        }
        prepare([...places.keys()]);
        return lines.join('\n');
    }

    /** @type {import('esbuild').Plugin} */
    const plugin = {
        name: 'socketstream',
        setup({ onResolve, onLoad, onStart, resolve }) {
            onStart(() => {
                notes = [];
            });
            onResolve({ filter: ENTRY }, () => ({ path: 'entry', namespace: 'ss' }));
            onLoad({ filter: /./, namespace: 'ss' }, () => ({ contents: entry, resolveDir: app, loader: 'js' }));
            onResolve({ filter: /./ }, async ({ path: name, pluginData, ...rest }) => {
                if (pluginData === 'asked' || rest.kind === 'entry-point') {
                    return undefined;
                }
                const { kind, importer, resolveDir, namespace, with: attributes } = rest;
                if (namespace === 'ss') { // the entry's own, which have been looked at
                    return { path: path.join(app, name) };
                }
                const found = await resolve(name, {
                    kind, importer, resolveDir, namespace, with: attributes, pluginData: 'asked',
                });
                if (!found.errors.length && found.namespace === 'file' && !found.external) {
                    const refused = await answer(importer, async () => {
                        guard.check(found.path, importer);
                        return {};
                    });
                    return refused.errors ? { errors: refused.errors } : found;
                }
                return found;
            });
            onLoad({ filter: CODE }, ({ path: file }) => (!places.has(file) && file.includes('/node_modules/')
                ? undefined
                : answer(file, async () => ({
                    contents: await load(file),
                    loader: /** @type {any} */ (loaderOf(file)),
                    resolveDir: path.dirname(file),
                }))));
        },
    };

    /**
     * What was thrown, as esbuild wants to hear it.
     * @param {string} file @param {() => Promise<import('esbuild').OnLoadResult>} make
     * @returns {Promise<import('esbuild').OnLoadResult>}
     */
    async function answer(file, make) {
        try {
            return await make();
        } catch (error) {
            const problems = problemsOf(app, error, file);
            return { errors: problems.map((one) => ({ text: one.message, detail: { problems: [one] } })) };
        }
    }

    return {
        /** @returns {Promise<Bundle>} */
        async pack() {
            entry = entryCode();
            build ??= await context({
                entryPoints: ['ss:entry'],
                bundle: true,
                write: false,
                outdir: path.join(app, 'public/assets'),
                entryNames: 'app',
                format: 'iife',
                platform: 'browser',
                target: TARGET,
                charset: 'utf8',
                minify: !development,
                sourcemap: 'external',
                sourcesContent: true,
                legalComments: 'inline',
                absWorkingDir: app,
                nodePaths: [path.join(app, 'app/shared')],
                resolveExtensions: ['.ts', '.tsx', '.js', '.mjs', '.jsx', '.coffee', '.css', '.json'],
                loader: Object.fromEntries(FROM_CODE.map((ext) => [ext, 'dataurl'])),
                define: {
                    'process.env.NODE_ENV': development ? '"development"' : '"production"',
                    global: 'window',
                },
                logLevel: 'silent',
                metafile: true,
                plugins: [plugin],
            });
            const result = await build.rebuild().catch(untied);
            // Once more, from what esbuild says it has read: whatever way it took to a file.
            const inputs = result.metafile?.inputs ?? {};
            for (const name of Object.keys(inputs).filter((one) => !one.startsWith('ss:'))) {
                if (!places.has(path.resolve(app, name)) && !guard.isPublic(path.resolve(app, name))) {
                    guard.check(path.resolve(app, name), importerOf(inputs, name));
                }
            }
            const output = (/** @type {RegExp} */ name) =>
                result.outputFiles?.find((file) => name.test(file.path));
            return {
                code: output(/\.js$/)?.contents ?? new Uint8Array(),
                map: (output(/\.js\.map$/)?.text ?? '').replace(TIE, ''),
                css: output(/\.css$/)?.text ?? '',
                notes: [...notes, ...settle(result.warnings).map((warning) => describe(ofEsbuild(app, warning)))],
            };
        },
        async dispose() {
            await build?.dispose();
        },
    };
}

/** @param {string} file */
function loaderOf(file) {
    const ext = path.extname(file);
    return /coffee$/.test(ext) || ext === '.mjs' || ext === '.cjs' ? 'js' : ext.slice(1).replace(/^[mc]ts$/, 'ts');
}
