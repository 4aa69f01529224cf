// SPDX-License-Identifier: MIT
//
// An application's source files as text, and places in it.
//
// Text is without the byte order mark that some editors put before it: in the midst of an output,
// behind another file, that would be part of a selector, or of the first word.

import { readFileSync } from 'node:fs';
import { SourceMap } from 'node:module';

/** @param {string} file */
export const readText = (file) => readFileSync(file, 'utf8').replace(/^\uFEFF/, '');

/**
 * A place that esbuild names in what a compiler made, as one in the source: by the map in it, or not
 * known where there is none.
 * @param {string} code @param {import('esbuild').Location} place
 * @returns {{file?: string, line: number, column: number, lineText: string}} `file` as the map names it
 */
export function placeInSource(code, place) {
    const base64 = /sourceMappingURL=data:application\/json;base64,([\w+/=]+)[^\n]*\s*$/.exec(code)?.[1];
    const map = base64 && new SourceMap(JSON.parse(Buffer.from(base64, 'base64').toString()));
    const found = /** @type {any} */ (map && map.findEntry(place.line - 1, columnOf(place)));
    return found?.originalLine === undefined
        ? { line: 0, column: 0, lineText: '' }
        : { file: found.originalSource, line: found.originalLine + 1, column: found.originalColumn, lineText: '' };
}

/** In characters from 0: esbuild counts bytes. @param {{column: number, lineText: string}} place */
export const columnOf = ({ column, lineText }) =>
    (lineText ? Buffer.from(lineText).subarray(0, column).toString().length : column);
