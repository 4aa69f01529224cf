// SPDX-License-Identifier: MIT
//
// CoffeeScript to JavaScript, with the source map in it.
//
// Version 2 compiles.  What it refuses and version 1 takes was written for version 1, in 2011: then
// version 1 compiles it, and a note says so; octal escapes, which were refused later, become what
// they mean.  What both versions refuse is told in the words of version 2.

import { createRequire } from 'node:module';
import path from 'node:path';

const require = createRequire(import.meta.url);

/** A compiler is loaded when there is something for it. */
const compilers = {
    get two() {
        return require('coffeescript');
    },
    get one() {
        return require('coffee-script');
    },
};

/**
 * @param {string} text
 * @param {{file: string, bare: boolean}} options `bare`: what it declares stays at the top level
 * @returns {{code: string, note: string}}
 */
export function compileCoffee(text, { file, bare }) {
    // Without folders: the name goes into source maps, where it is taken from the file's own folder.
    const name = path.basename(file);
    const options = { filename: name, bare, literate: file.endsWith('.litcoffee') };
    try {
        return { code: compilers.two.compile(text, { ...options, inlineMap: true }), note: '' };
    } catch (refusal) {
        try {
            const { js, v3SourceMap } = compilers.one.compile(withoutOctals(text), {
                ...options, sourceMap: true, sourceFiles: [name],
            });
            return {
                code: `${js}\n${inlineMap(v3SourceMap, text)}`,
                note: `CoffeeScript 2 refuses it (${String(/** @type {Error} */ (refusal).message)}); `
                    + 'compiled by CoffeeScript 1',
            };
        } catch {
            throw refusal;
        }
    }
}

/** `\033` as `\x1b`; a backslash before it, or nothing but a zero, make it something else. @param {string} text */
const withoutOctals = (text) => text.replace(/(?<!\\)((?:\\\\)*)\\([0-3][0-7]{1,2}|[1-7][0-7]?)/g, (_, before, digits) =>
    `${before}\\x${parseInt(digits, 8).toString(16).padStart(2, '0')}`);

/** @param {string} map without the source itself @param {string} text */
function inlineMap(map, text) {
    const whole = JSON.stringify({ ...JSON.parse(map), sourcesContent: [text] });
    const base64 = Buffer.from(whole).toString('base64');
    return `//# sourceMappingURL=data:application/json;base64,${base64}`;
}
