// SPDX-License-Identifier: MIT
//
// What is wrong with an application's files, in the form that READY carries and developers read.
//
// Owns the form: file relative to the application, line and column counted from 1, the first line
// of the message, and the source around it with a caret.  Every thrown value makes a problem, even
// one that is no Error.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * @typedef {object} Problem
 * @property {string} file     relative to the application
 * @property {number} [line]
 * @property {number} [column]
 * @property {string} message
 * @property {string} [frame]
 * @property {string} [module] the name that the file's actions would have begun with
 */

const FRAME_LINES = 2; // before and behind
const FRAME_WIDTH = 160;
const MESSAGE_MAX = 2000;

/** An error whose place in a source file is known. */
export class SourceError extends Error {
    /** @param {string} message @param {string} file @param {number} line @param {number} column */
    constructor(message, file, line, column) {
        super(message);
        this.name = 'SyntaxError';
        this.file = file;
        this.line = line;
        this.column = column;
    }
}

/**
 * The lines around a place, with a caret below the column; '' when there is no such line.
 * @param {string} text @param {number} line @param {number} [column]
 */
export function codeFrame(text, line, column) {
    const lines = text.split(/\r\n|\n|\r/);
    if (!(line >= 1 && line <= lines.length)) {
        return '';
    }
    const first = Math.max(1, line - FRAME_LINES);
    const last = Math.min(lines.length, line + FRAME_LINES);
    const width = String(last).length;
    const out = [];
    for (let n = first; n <= last; n++) {
        const source = lines[n - 1].slice(0, FRAME_WIDTH);
        out.push(`${n === line ? '>' : ' '} ${String(n).padStart(width)} | ${source}`.trimEnd());
        if (n === line && column !== undefined && column <= source.length + 1) {
            // Tabs stay tabs, so that the caret stands where the reader's terminal puts the column.
            const indent = source.slice(0, column - 1).replace(/[^\t]/g, ' ');
            out.push(`  ${' '.repeat(width)} | ${indent}^`);
        }
    }
    return out.join('\n');
}

/** @param {unknown} error */
function messageOf(error) {
    let text;
    try {
        text = error instanceof Error ? error.message || error.name : String(error);
    } catch {
        text = 'something was thrown that has no text';
    }
    // Node adds the chain of modules in further lines.
    return text.split('\nRequire stack:')[0].slice(0, MESSAGE_MAX);
}

/** @param {string} place a path or a file: URL */
function toPath(place) {
    try {
        return place.startsWith('file:') ? fileURLToPath(place) : place;
    } catch {
        return place;
    }
}

/** What V8 puts before a SyntaxError: the place, the line, and carets below what is wrong, but for
 *  an end that comes too early. */
const HEADER = /^(\/.*|file:\/\/.*):(\d+)\n(?:(?:.*\n)?( *\t*[\t ]*)\^)?/;
const FRAME = /(?:\(|at (?:async )?)((?:file:\/\/)?\/[^()\n]*?):(\d+):(\d+)\)?$/gm;

/**
 * The place in the application that an error tells of.
 * @param {any} error @param {string} app
 * @returns {{file: string, line: number, column?: number} | undefined}
 */
function placeOf(error, app) {
    if (error instanceof SourceError) {
        return error;
    }
    const stack = typeof error?.stack === 'string' ? error.stack : '';
    const ours = (/** @type {string} */ file) => file.startsWith(`${app}/`) && !file.includes('/node_modules/');
    const header = HEADER.exec(stack);
    if (header && error instanceof SyntaxError && ours(toPath(header[1]))) {
        const column = header[3] === undefined ? undefined : header[3].length + 1;
        return { file: toPath(header[1]), line: Number(header[2]), column };
    }
    for (const [, place, line, column] of stack.matchAll(FRAME)) {
        if (ours(toPath(place))) {
            return { file: toPath(place), line: Number(line), column: Number(column) };
        }
    }
    return undefined;
}

/** @param {string} file */
function read(file) {
    try {
        return readFileSync(file, 'utf8');
    } catch {
        return '';
    }
}

/**
 * @param {unknown} error whatever was thrown
 * @param {{app: string, file: string, module?: string}} about the file that was being loaded,
 *   absolute; the error may tell of another
 * @returns {Problem}
 */
export function problemOf(error, { app, file, module }) {
    let place;
    try {
        place = placeOf(error, app);
    } catch {
        place = undefined; // a getter of the application threw
    }
    /** @type {Problem} */
    const problem = {
        file: path.relative(app, place?.file ?? file),
        message: messageOf(error),
    };
    if (place) {
        problem.line = place.line;
        if (place.column !== undefined) {
            problem.column = place.column;
        }
        problem.frame = codeFrame(read(place.file), place.line, place.column);
    }
    if (module !== undefined) {
        problem.module = module;
    }
    return problem;
}
