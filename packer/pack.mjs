// SPDX-License-Identifier: MIT
//
// One pack after the other: puts code, libraries, styles and views together and writes the result.
//
// Knows what has to be made anew when files of a kind have changed, and keeps the rest.  When a
// part cannot be made, development goes on with the last one that could, and production writes
// nothing at all.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { createBundler, TARGET } from './bundle.mjs';
import { clientFile } from './client.mjs';
import { createCoffee } from './coffee.mjs';
import { createGuard } from './guard.mjs';
import { createLibraries } from './libs.mjs';
import { createOutput, hashOf, integrityOf } from './output.mjs';
import { assemblePage, EMPTY_LAYOUT } from './page.mjs';
import { problemsOf, PROBLEMS_MAX } from './problems.mjs';
import { packLibraryStyles, packStyles } from './styles.mjs';
import { createViews, templatesScript } from './views.mjs';

/** @typedef {'code' | 'libs' | 'styles' | 'views'} Kind */
/** @type {Kind[]} */
export const KINDS = ['views', 'libs', 'styles', 'code'];

const here = (/** @type {string} */ name) => fileURLToPath(new URL(name, import.meta.url));

/** The browser library's own sources are not in an installation, but what is built of them. @type {import('esbuild').Plugin} */
const builtClient = {
    name: 'built-client',
    setup({ onResolve }) {
        onResolve({ filter: /client\/src\/develop\.js$/ }, () => ({ path: clientFile('develop.mjs') }));
    },
};

/**
 * @typedef {object} Result
 * @property {import('./problems.mjs').Problem[]} problems
 * @property {string[]} notes
 * @property {'page' | 'css' | null} reload what an open page has to do
 * @property {string[]} files  addresses of the style sheets that are new
 * @property {string[]} sizes  what was written, for the log
 */

/**
 * @param {{app: string, env: string, development: boolean, version: string, csp?: string,
 *   base?: string, strict?: boolean, now?: () => number}} options `strict`: the page checks its browser
 */
export function createPacker({ app, env, development, version, csp = '', base = '/', strict = false, now }) {
    const guard = createGuard(app, [here('page')]);
    const output = createOutput({ app, env, development, version, now });
    const coffee = createCoffee({ app });
    const options = { app, env, development, guard, coffee };

    let views = { layout: '', templates: /** @type {import('./views.mjs').Template[]} */ ([]) };
    let libs = { code: '', notes: /** @type {string[]} */ ([]), jquery: false };
    let styles = { css: '', map: '', lib: '', notes: /** @type {string[]} */ ([]) };
    /** @type {import('./bundle.mjs').Bundle} */
    let code = { code: new Uint8Array(), map: '', css: '', notes: [] };
    /** @type {Promise<string> | undefined} */
    let developCode;
    /** @type {Record<Kind, import('./problems.mjs').Problem[]>} */
    const problems = { views: [], libs: [], styles: [], code: [] };
    /** What the last page was, without its style sheets; and these. @type {string | undefined} */
    let lastPage;
    /** @type {string[]} */
    let lastStyles = [];

    const viewsPacker = createViews(options);
    const librariesPacker = createLibraries(options);
    const bundler = createBundler(options);

    /** @type {Record<Kind, () => unknown>} */
    const makers = {
        views() {
            const made = viewsPacker.pack();
            problems.views = made.problems;
            views = {
                layout: made.layout || views.layout,
                templates: made.problems.length && views.templates.length > made.templates.length
                    ? views.templates
                    : made.templates,
            };
        },
        async libs() {
            libs = await librariesPacker.pack();
        },
        async styles() {
            const [own, lib] = await Promise.all([packStyles(options), packLibraryStyles(options)]);
            styles = { ...own, lib };
        },
        async code() {
            code = await bundler.pack();
        },
    };

    /** @param {Kind} kind */
    async function make(kind) {
        problems[kind] = [];
        try {
            await makers[kind]();
        } catch (error) {
            problems[kind] = problemsOf(app, error);
        }
    }

    /** The part of a page in development that shows problems and reloads. */
    function develop() {
        developCode ??= build({
            entryPoints: [here('page/develop.mjs')], bundle: true, write: false, format: 'iife',
            target: TARGET, minify: true, legalComments: 'none', plugins: [builtClient],
        }).then(({ outputFiles }) => outputFiles[0].text);
        developCode.catch(() => {
            developCode = undefined; // the next pack tries again
        });
        return developCode;
    }

    /** Everything that is to be written, by its name without hash. */
    async function collect() {
        /** @type {Map<string, {file: string, content: string | Uint8Array, map: string, integrity: string}>} */
        const files = new Map();
        const add = (/** @type {string} */ name, /** @type {string | Uint8Array} */ content, map = '') => {
            if (!content.length) {
                return;
            }
            const [base, ext] = name.split('.');
            const file = `${base}-${hashOf(content, map)}.${ext}`;
            const link = ext === 'css' ? `/*# sourceMappingURL=${file}.map */` : `//# sourceMappingURL=${file}.map`;
            const whole = map ? Buffer.concat([Buffer.from(content), Buffer.from(`${link}\n`)]) : content;
            files.set(name, { file, content: whole, map, integrity: integrityOf(whole) });
        };
        add('lib.css', styles.lib);
        add('app.css', styles.css + code.css, code.css ? '' : styles.map);
        add('lib.js', libs.code);
        add('templates.js', await templatesScript(views.templates, libs.jquery, !development));
        add('app.js', code.code, code.map);
        if (development) {
            add('develop.js', await develop());
        }
        return files;
    }

    /** @param {Awaited<ReturnType<typeof collect>>} files @param {string} ext */
    const assets = (files, ext) => ['lib', 'templates', 'develop', 'app']
        .map((name) => files.get(`${name}.${ext}`)).filter((file) => file !== undefined);

    /**
     * What pages have to do that were opened before this packer ran, if there can be any.
     * @param {string[]} before names of their assets @param {string[]} now
     */
    const firstReload = (before, now) =>
        (before.length && before.join() !== now.join() ? /** @type {const} */ ('page') : null);

    /** What an open page has to do. @param {string} page @param {string[]} sheets */
    function reloadOf(page, sheets) {
        const fresh = sheets.filter((file) => !lastStyles.includes(file));
        const reload = page !== lastPage || sheets.length !== lastStyles.length
            ? /** @type {const} */ ('page')
            : fresh.length ? /** @type {const} */ ('css') : null;
        lastPage = page;
        lastStyles = sheets;
        return { reload, files: reload === 'css' ? fresh.map((file) => `${base}assets/${file}`) : [] };
    }

    return {
        /**
         * @param {Iterable<Kind>} [changed] all, when not given
         * @returns {Promise<Result>}
         */
        async pack(changed = KINDS) {
            const kinds = new Set(changed);
            if (development) {
                develop(); // esbuild's work, beside ours
            }
            // Code first: what it has compiled in threads goes on while views keep this one.
            await Promise.all(KINDS.filter((kind) => kinds.has(kind)).reverse().map(make));
            coffee.finish();
            const found = KINDS.flatMap((kind) => problems[kind]).slice(0, PROBLEMS_MAX);
            const notes = [...libs.notes, ...styles.notes, ...code.notes];
            if (found.length && !development) {
                return { problems: found, notes, reload: null, files: [], sizes: [] };
            }
            const files = await collect();
            const parts = { templates: views.templates, scripts: assets(files, 'js'), csp, base, strict };
            const layout = views.layout || EMPTY_LAYOUT;
            const sheets = assets(files, 'css');
            const page = assemblePage({ ...parts, layout, styles: sheets });
            const written = await output.write(files, page.html, page.csp);
            notes.push(...written.notes);
            const isFirst = lastPage === undefined;
            const unstyled = assemblePage({ ...parts, layout, styles: [] }).html;
            return {
                problems: found,
                notes,
                ...reloadOf(unstyled, sheets.map(({ file }) => file)),
                ...(isFirst ? { reload: firstReload(written.before, [...files.values()].map(({ file }) => file)) } : {}),
                sizes: [...files.values()].map(({ file, content }) => `${file} ${content.length} bytes`),
            };
        },
        dispose: bundler.dispose,
    };
}

/** The version in package.json, which is that of the whole. */
export const versionOf = () => JSON.parse(readFileSync(here('../package.json'), 'utf8')).version;
