// SPDX-License-Identifier: MIT
//
// public/index.html: the layout with our tags in it, and what a Content-Security-Policy has to know
// of it.
//
// Style sheets come first, so that nothing is shown without them, then templates, so that scripts
// find them, then scripts.  These are deferred unless the layout has scripts of its own that run
// while it is read: those, as in 2011, expect ours to have run.

import { createHash } from 'node:crypto';
import { optionsFor } from './base.mjs';
import { GENERATOR } from './output.mjs';
import { MARK, templateTag } from './views.mjs';

const SCRIPT = /<script\b([^>]*)>([\s\S]*?)<\/script\s*>/gi;
const STYLE = /<style\b[^>]*>([\s\S]*?)<\/style\s*>/gi;
const EXECUTED = /^(?:|module|importmap|speculationrules|(?:text|application)\/(?:x-)?(?:java|ecma)script)$/i;

/** @typedef {{file: string, integrity: string}} Asset */

/** @param {string} attributes @param {string} name */
function attribute(attributes, name) {
    const match = new RegExp(`(?:^|\\s)${name}(?:\\s*=\\s*(?:"([^"]*)"|'([^']*)'|([^\\s>]+)))?(?=\\s|/|$)`, 'i')
        .exec(attributes);
    return match && (match[1] ?? match[2] ?? match[3] ?? '');
}

/** Scripts that stand in a text, with their attributes. @param {string} html */
const scriptsIn = (html) => [...html.matchAll(SCRIPT)]
    .map(([, attributes, code]) => ({ attributes, code }))
    .filter(({ attributes }) => EXECUTED.test(attribute(attributes, 'type') ?? ''));

/** Whether a script of the layout runs before deferred ones would. @param {string} layout */
export const runsAtOnce = (layout) => scriptsIn(layout).some(({ attributes }) =>
    attribute(attributes, 'type') !== 'module'
    && attribute(attributes, 'type') !== 'importmap'
    && (attribute(attributes, 'src') === null || attribute(attributes, 'defer') === null));

const cspHash = (/** @type {string} */ text) =>
    `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

/** What of a page a policy must allow by its hash. @param {string} html */
export function hashesOf(html) {
    return {
        script: scriptsIn(html).filter(({ attributes, code }) => attribute(attributes, 'src') === null && code)
            .map(({ code }) => cspHash(code)),
        style: [...html.matchAll(STYLE)].map(([, code]) => cspHash(code)),
    };
}

/**
 * A policy with the page's hashes in its directives for scripts and styles.
 * @param {string} policy @param {{script: string[], style: string[]}} hashes
 */
export function policyWith(policy, hashes) {
    const directives = new Map(policy.split(';').map((part) => part.trim()).filter(Boolean)
        .map((part) => [part.split(/\s+/)[0].toLowerCase(), part]));
    for (const [name, list] of /** @type {const} */ ([['script-src', hashes.script], ['style-src', hashes.style]])) {
        if (list.length) {
            const base = directives.get(name)
                ?? directives.get('default-src')?.replace(/^default-src/i, name) ?? name;
            directives.set(name, [base.replace(/\s'none'/i, ''), ...list].join(' '));
        }
    }
    return [...directives.values()].join('; ');
}

/**
 * Sends away a browser whose User-Agent says that it is fine, and which is not: before all else, and
 * in words that every browser understands.
 * @param {string} base
 */
const check = (base) => `<script>window.WebSocket||location.replace("${base}socketstream/incompatible")</script>`;

/**
 * @param {object} parts
 * @param {string} parts.layout
 * @param {import('./views.mjs').Template[]} parts.templates
 * @param {Asset[]} parts.styles
 * @param {Asset[]} parts.scripts
 * @param {string} parts.csp a policy, or ''
 * @param {string} [parts.base] where the application is served
 * @param {boolean} [parts.strict] whether the page is only for browsers with WebSockets
 */
export function assemblePage({ layout, templates, styles, scripts, csp, base = '/', strict = false }) {
    const defer = runsAtOnce(layout) ? '' : ' defer';
    const tags = [
        GENERATOR,
        ...(strict ? [check(base)] : []),
        ...styles.map(({ file, integrity }) =>
            `<link rel="stylesheet" href="${base}assets/${file}" integrity="${integrity}">`),
        ...templates.map(templateTag),
        ...scripts.map(({ file, integrity }, i) =>
            `<script src="${base}assets/${file}" integrity="${integrity}"${defer}${i === 0 ? optionsFor(base) : ''}></script>`),
    ].join('\n');
    let html = layout.split(MARK).join(tags);
    const hashes = hashesOf(html);
    if (csp) {
        const content = policyWith(csp, hashes).replaceAll('"', '&quot;');
        html = html.replace(GENERATOR, () =>
            `<meta http-equiv="Content-Security-Policy" content="${content}">\n${GENERATOR}`);
    }
    return { html, csp: hashes };
}

/** What is served while there is no page to serve: in development, until the mistake is gone. */
export const EMPTY_LAYOUT = '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
    + `<title>SocketStream</title>\n${MARK}\n</head>\n<body></body>\n</html>\n`;
