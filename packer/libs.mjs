// SPDX-License-Identifier: MIT
//
// What runs before the application's own code: the browser library, then lib/client, file behind
// file in the order of their numbers, as scripts of the page and not as modules.
//
// A library is made smaller unless its name says that it is (`.min`), and kept as it is when that
// fails: it is somebody else's.

import { transform } from 'esbuild';
import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { TARGET } from './bundle.mjs';
import { clientFile } from './client.mjs';
import { librariesOf } from './scan.mjs';
import { readText } from './text.mjs';

/**
 * @param {{app: string, development: boolean, guard: import('./guard.mjs').Guard,
 *   coffee: import('./coffee.mjs').Coffee}} options
 */
export function createLibraries({ app, development, guard, coffee }) {
    /** @type {Map<string, {stamp: string, code: string, note: string}>} */
    const kept = new Map();

    /** @param {string} file */
    async function smaller(file) {
        const text = readText(file);
        const { code, note } = file.endsWith('.coffee')
            ? await coffee.compile({ text, file, bare: false })
            : { code: text, note: '' };
        const plain = code.replace(/\n?\/\/[#@] sourceMappingURL=.*\s*$/, '');
        if (development || /\.min\b/.test(path.basename(file))) {
            return { code: plain, note };
        }
        try {
            const result = await transform(plain, {
                minify: true, target: TARGET, sourcefile: path.basename(file), charset: 'utf8',
                legalComments: 'inline', logLevel: 'silent',
            });
            return { code: result.code, note };
        } catch (error) {
            const [first] = /** @type {any} */ (error).errors ?? [{ text: String(error) }];
            return { code: plain, note: `kept as it is, it cannot be minified: ${first.text}` };
        }
    }

    return {
        /** @returns {Promise<{code: string, notes: string[], jquery: boolean}>} */
        async pack() {
            const files = librariesOf(app).map(({ file }) => file);
            const parts = await Promise.all(files.map(async (file) => {
                guard.check(file);
                const { mtimeMs, size } = statSync(file);
                const stamp = `${mtimeMs} ${size}`;
                const last = kept.get(file);
                const entry = last?.stamp === stamp ? last : { stamp, ...await smaller(file) };
                kept.set(file, entry);
                return entry;
            }));
            return {
                code: [readFileSync(clientFile('socketstream.min.js'), 'utf8'), ...parts.map(({ code }) => code)].join('\n;\n'),
                notes: parts.flatMap(({ note }, i) =>
                    (note ? [`${path.relative(app, files[i])}: ${note}`] : [])),
                jquery: files.some((file) => /jquery/i.test(path.basename(file))),
            };
        },
    };
}
