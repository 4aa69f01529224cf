// SPDX-License-Identifier: MIT
//
// app/views: the page, and the templates for `$('#people-info').tmpl(data)`.
//
// Owns Pug, HTML and what is kept of the last time; the page has a mark where our tags will stand,
// since these change more often than it does.  Templates are compiled here, to source that a page
// runs without eval.

import { build, transform } from 'esbuild';
import { existsSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import vm from 'node:vm';
import { TARGET } from './bundle.mjs';
import { pugOfJade } from './jade.mjs';
import compileTemplate from './page/compile_template.mjs';
import { PackError, problem, problemsOf } from './problems.mjs';
import { viewsOf } from './scan.mjs';
import { readText } from './text.mjs';

/** These packages have no types. @type {(name: string) => any} */
const load = createRequire(import.meta.url);
/** @type {Promise<string> | undefined} the script that templates run with */
let runtime;

/** Where the page gets our tags. */
export const MARK = '<!--SocketStream-->';
const PLACE = /<SocketStream\s*\/?>(?:\s*<\/SocketStream>)?/i;

/** @typedef {{id: string, html: string, code: string}} Template */
/** @typedef {{layout: string, templates: Template[], problems: import('./problems.mjs').Problem[]}} Views */

/** Pug's filters, by our own compilers: `:coffeescript` and the like. */
const filters = {
    coffeescript: (/** @type {string} */ text) => load('coffeescript').compile(text),
    coffee: (/** @type {string} */ text) => load('coffeescript').compile(text),
    stylus: (/** @type {string} */ text) => load('stylus').render(text),
    cdata: (/** @type {string} */ text) => `<![CDATA[\n${text}\n]]>`,
};

/**
 * @param {{app: string, env: string, guard: import('./guard.mjs').Guard}} options
 */
export function createViews({ app, env, guard }) {
    /** @type {Map<string, {stamps: Map<string, string>, html: string}>} */
    const kept = new Map();

    const stampOf = (/** @type {string} */ file) => {
        const stat = statSync(file, { throwIfNoEntry: false });
        return `${stat?.mtimeMs} ${stat?.size} ${stat?.ino}`;
    };

    /** `include nav`, which Pug makes nav.pug, may mean nav.jade. @param {string} name @param {string} source */
    function resolve(name, source) {
        const base = name.startsWith('/') ? path.join(app, 'app/views', name) : path.resolve(path.dirname(source), name);
        const found = [base, base.replace(/\.pug$/, '.jade')]
            .find((file) => statSync(file, { throwIfNoEntry: false })?.isFile());
        if (!found) {
            throw new PackError(`${path.relative(app, base)} is missing`, { file: source });
        }
        return found;
    }

    /** @param {string} file @param {(name: string) => string} readStamped */
    function renderPug(file, readStamped) {
        const read = (/** @type {string} */ name) => {
            guard.check(name, file);
            const text = readStamped(name);
            return /\.(?:jade|pug)$/.test(name) ? pugOfJade(text) : text;
        };
        return load('pug').render(read(file), {
            filename: file, basedir: path.join(app, 'app/views'), doctype: 'html', filters,
            plugins: [{ read, resolve }], SocketStream: MARK, env, SS: { env },
        });
    }

    /** @param {string} file */
    function render(file) {
        const last = kept.get(file);
        if (last && [...last.stamps].every(([name, stamp]) => stamp === stampOf(name))) {
            return last.html;
        }
        /** @type {Map<string, string>} */
        const stamps = new Map();
        const readStamped = (/** @type {string} */ name) => {
            stamps.set(name, stampOf(name)); // before it is read: what changes meanwhile is seen later
            return readText(name);
        };
        guard.check(file);
        const html = /\.html?$/.test(file) ? readStamped(file) : renderPug(file, readStamped);
        kept.set(file, { stamps, html });
        return html;
    }

    /** @param {string} file */
    function renderLayout(file) {
        const html = render(file).replace(PLACE, MARK);
        return html.includes(MARK) ? html : html.replace(/<\/head>|$/i, `${MARK}$&`);
    }

    /** @param {string} file @param {string} id @returns {Template} */
    function renderTemplate(file, id) {
        const html = render(file);
        try {
            const code = compileTemplate(html);
            // Whether the expressions in it are JavaScript, with a name to say of which file.
            new vm.Script(`(function ($data, $item, $t) {${code}})`, { filename: file });
            return { id, html, code };
        } catch (error) {
            const { message, line, column } = /** @type {any} */ (error);
            const plain = /\.html?$/.test(file);
            throw new PackError(`template: ${message}`, plain ? { file, line, column } : { file });
        }
    }

    return {
        /** @returns {Views} `layout` is '' when there is none that compiles */
        pack() {
            /** @type {import('./problems.mjs').Problem[]} */
            const problems = [];
            const attempt = (/** @type {string} */ file, /** @type {() => any} */ make) => {
                try {
                    return make();
                } catch (error) {
                    problems.push(...problemsOf(app, error, file));
                    return undefined;
                }
            };
            /** @type {ReturnType<typeof viewsOf>} */
            const found = attempt('app/views', () => viewsOf(app)) ?? { layout: undefined, templates: [] };
            if (!found.layout && !problems.length) {
                problems.push(problem(app, {
                    file: existsSync(path.join(app, 'app/views')) ? 'app/views' : '',
                    message: 'app/views/app.jade, app.pug or app.html is missing: it is the page',
                }));
            }
            const file = found.layout;
            const layout = file && attempt(file, () => renderLayout(file));
            const templates = found.templates
                .map((view) => attempt(view.file, () => renderTemplate(view.file, view.id)))
                .filter(Boolean);
            return { layout: layout ?? '', templates, problems };
        },
    };
}

/**
 * The script that has the compiled templates, empty when nobody needs it.  The functions stand at its
 * top level: a name in a template that is not in its data must not find a variable of ours.
 * @param {Template[]} templates
 * @param {boolean} always whether templates may also be made in the page
 * @param {boolean} minify
 */
export async function templatesScript(templates, always, minify) {
    if (!templates.length && !always) {
        return '';
    }
    runtime ??= build({
        entryPoints: [fileURLToPath(new URL('page/templates.mjs', import.meta.url))],
        bundle: true, write: false, format: 'iife', target: TARGET, minify: true, legalComments: 'none',
    }).then(({ outputFiles }) => outputFiles[0].text);
    const added = templates.map(({ id, code }) =>
        `SS.tmpl.add(${JSON.stringify(id)}, function ($data, $item, $t) {${code}});`);
    const { code } = await transform(added.join('\n'), {
        minify, target: TARGET, charset: 'utf8', logLevel: 'silent',
    });
    // Behind a semicolon "use strict" is no directive: templates need `with`.
    return `;${await runtime}${code}`;
}

/** What the page has of a template, for scripts that look for it. @param {Template} template */
export function templateTag({ id, html }) {
    // A script within would end ours, and an opened comment keep it from ending.
    const text = html.trim().replace(/<\/(?=script)/gi, '<\\/');
    const safe = /<script/i.test(text) ? text.replaceAll('<!--', '<\\!--') : text;
    return `<script type="text/x-jquery-tmpl" id="${id.replaceAll('"', '&quot;')}">${safe}</script>`;
}
