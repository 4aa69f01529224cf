// SPDX-License-Identifier: MIT
//
// app/css as one style sheet: app.styl, app.less or app.css, with what these import; and lib/css.
//
// Stylus and Less compile themselves, then esbuild follows the imports of plain CSS and shrinks it.
// Addresses in url() stay as they are written: files of public/ are named by their path there.

import { build, transform } from 'esbuild';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { describe, ofEsbuild, problemsOf } from './problems.mjs';
import { libraryStylesOf, styleOf } from './scan.mjs';
import { placeInSource, readText } from './text.mjs';

/** These packages have no types. @type {(name: string) => any} */
const load = createRequire(import.meta.url);

/** @typedef {{app: string, development: boolean, guard: import('./guard.mjs').Guard}} Options */
/** @typedef {{css: string, map: string, notes: string[]}} Sheet */

/** @param {string} css @param {object} map */
const withMap = (css, map) => `${css}\n/*# sourceMappingURL=data:application/json;base64,`
    + `${Buffer.from(JSON.stringify(map)).toString('base64')} */`;

/** @param {Options} options @param {string} file @param {string} text */
function compileStylus({ guard }, file, text) {
    const stylus = load('stylus');
    const renderer = stylus(text)
        .set('filename', file)
        .set('include css', true)
        .set('sourcemap', { comment: false, basePath: path.dirname(file) });
    // Before it reads them: what is imported is evaluated.
    for (const used of renderer.deps(file)) {
        guard.check(path.resolve(used), file);
    }
    renderer.define('json', () => {
        throw new Error('json() is not there: what it reads would go to browsers');
    });
    const css = renderer.render();
    const { version, names, mappings, sources } = renderer.sourcemap;
    const sourcesContent = sources.map((/** @type {string} */ name) =>
        readFileSync(path.resolve(path.dirname(file), name), 'utf8'));
    return withMap(css, { version, names, mappings, sources, sourcesContent });
}

/**
 * Looks at each file that Less is about to read, also by data-uri() and the like.
 * @param {any} less @param {Options['guard']} guard @param {string} from
 */
function lessGuard(less, guard, from) {
    class Files extends less.FileManager {
        /** @param {any[]} args @returns {any} a promise, or what it would give when that cannot be */
        loadFile(...args) {
            const checked = (/** @type {any} */ found) => {
                guard.check(path.resolve(found.filename ?? from), from);
                return found;
            };
            const found = super.loadFile(...args);
            return found instanceof Promise ? found.then(checked) : checked(found);
        }
    }
    return {
        install(/** @type {any} */ _, /** @type {any} */ manager) {
            manager.addFileManager(new Files());
        },
    };
}

/** @param {Options} options @param {string} file @param {string} text */
async function compileLess({ guard }, file, text) {
    const less = load('less');
    const { css } = await less.render(text, {
        filename: file, math: 'always', javascriptEnabled: false, rewriteUrls: 'off',
        plugins: [lessGuard(less, guard, file)],
    });
    return css;
}

/** @param {Options} options @param {string} file */
async function compile(options, file) {
    const text = readText(file);
    switch (path.extname(file)) {
    case '.styl': return compileStylus(options, file, text);
    case '.less': return compileLess(options, file, text);
    default: return text;
    }
}

/** @param {Options} options @returns {import('esbuild').Plugin} */
const importsOf = ({ app, guard }) => ({
    name: 'socketstream-css',
    setup({ onResolve, resolve }) {
        onResolve({ filter: /./ }, async ({ path: name, kind, pluginData, ...rest }) => {
            if (kind === 'url-token' || /^(?:[a-z]+:)?\/\//i.test(name)) {
                return { path: name, external: true };
            }
            if (pluginData === 'asked' || kind === 'entry-point') {
                return undefined;
            }
            const found = await resolve(name, {
                kind, importer: rest.importer, resolveDir: rest.resolveDir, pluginData: 'asked',
            });
            try {
                if (!found.errors.length) {
                    guard.check(found.path, rest.importer);
                }
                return found;
            } catch (error) {
                const [one] = problemsOf(app, error);
                return { errors: [{ text: one.message, detail: { problems: [one] } }] };
            }
        });
    },
});

/**
 * Makes places in what Stylus or Less made of `file` those of the source, where these are known.
 * @param {string} app @param {string} file @param {string} css @param {import('esbuild').Message[]} messages
 */
function settleIn(app, file, css, messages) {
    for (const { location } of messages) {
        if (location && path.resolve(app, location.file) === file && !file.endsWith('.css')) {
            const { file: source, ...place } = placeInSource(css, location);
            Object.assign(location, place, source && { file: path.resolve(path.dirname(file), source) });
        }
    }
    return messages;
}

/**
 * The application's own style sheet; empty when it has none.
 * @param {Options} options @returns {Promise<Sheet>}
 */
export async function packStyles(options) {
    const { app, development, guard } = options;
    const file = styleOf(app);
    if (!file) {
        return { css: '', map: '', notes: [] };
    }
    guard.check(file);
    const contents = await compile(options, file);
    const settle = (/** @type {import('esbuild').Message[]} */ messages) => settleIn(app, file, contents, messages);
    const result = await build({
        stdin: {
            contents, resolveDir: path.dirname(file), loader: 'css',
            sourcefile: path.basename(file),
        },
        bundle: true,
        write: false,
        outdir: path.join(app, 'public/assets'),
        entryNames: 'app',
        minify: !development,
        sourcemap: 'external',
        charset: 'utf8',
        absWorkingDir: app,
        logLevel: 'silent',
        plugins: [importsOf(options)],
    }).catch((error) => {
        settle(error.errors ?? []);
        throw error;
    });
    const text = (/** @type {string} */ ext) =>
        result.outputFiles.find((output) => output.path.endsWith(ext))?.text ?? '';
    const notes = settle(result.warnings).map((warning) => describe(ofEsbuild(app, warning)));
    return { css: text('.css'), map: text('.css.map'), notes };
}

/** The libraries' style sheets, one behind the other. @param {Options} options */
export async function packLibraryStyles({ app, development, guard }) {
    const sheets = libraryStylesOf(app).map(async ({ file }) => {
        guard.check(file);
        const text = readText(file).replace(/\n?\/\*[#@] sourceMappingURL=[^*]*\*\/\s*$/, '');
        if (development || path.basename(file).includes('.min')) {
            return text;
        }
        const { code } = await transform(text, {
            loader: 'css', minify: true, sourcefile: file, charset: 'utf8', logLevel: 'silent',
        });
        return code;
    });
    return (await Promise.all(sheets)).join('\n');
}
