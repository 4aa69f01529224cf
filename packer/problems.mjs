// SPDX-License-Identifier: MIT
//
// What is wrong with an application's files, in the one form in which it is logged, sent to pages
// and shown: file (from the application's folder), line, column, message, and the code around it.
// Every compiler has a form of its own; all of them end here.

import { readFileSync } from 'node:fs';
import path from 'node:path';

const FRAME_BEFORE = 2; // lines shown before the one in question
const FRAME_AFTER = 1;
const FRAME_WIDTH = 160; // of a line in a frame: minified files have long ones
const MESSAGE_MAX = 2000;

/** Problems told at a time; a missing brace is not told a thousand times. */
export const PROBLEMS_MAX = 20;

/**
 * @typedef {object} Problem
 * @property {string} file    '' when it is about no file
 * @property {number} line    from 1; 0 when not known
 * @property {number} column  from 1; 0 when not known
 * @property {string} message
 * @property {string} frame   '' when there is none
 */

/**
 * The lines around the place, with a mark below it.
 * @param {string} text @param {number} line @param {number} column
 */
export function frameOf(text, line, column) {
    const lines = text.split(/\r?\n/);
    if (line < 1 || line > lines.length) {
        return '';
    }
    const first = Math.max(1, line - FRAME_BEFORE);
    const last = Math.min(lines.length, line + FRAME_AFTER);
    const width = String(last).length;
    const out = [];
    for (let n = first; n <= last; n++) {
        out.push(`${n === line ? '>' : ' '} ${String(n).padStart(width)} | ${lines[n - 1].slice(0, FRAME_WIDTH)}`);
        if (n === line && column > 0 && column <= FRAME_WIDTH) {
            out.push(`  ${' '.repeat(width)} | ${' '.repeat(column - 1)}^`);
        }
    }
    return out.join('\n');
}

/** A mistake that we found ourselves, as opposed to a compiler. */
export class PackError extends Error {
    /** @param {string} message @param {{file?: string, line?: number, column?: number}} [where] */
    constructor(message, where = {}) {
        super(message);
        /** @type {{file?: string, line?: number, column?: number}} */
        this.where = where;
    }
}

/** @param {string} app @param {string} file */
function inside(app, file) {
    const relative = path.relative(app, path.resolve(app, file));
    return relative.startsWith('..') ? file : relative;
}

/** @param {string} app @param {string} file */
function readQuietly(app, file) {
    try {
        return readFileSync(path.resolve(app, file), 'utf8');
    } catch {
        return '';
    }
}

/**
 * @param {string} app
 * @param {{file?: string, line?: number, column?: number, message: string, text?: string}} raw
 * @returns {Problem}
 */
export function problem(app, { file = '', line = 0, column = 0, message, text }) {
    return {
        file: file && inside(app, file),
        line,
        column,
        message: message.slice(0, MESSAGE_MAX),
        frame: line && file ? frameOf(text ?? readQuietly(app, file), line, column) : '',
    };
}

/**
 * The first paragraph of what Stylus and Pug say: behind it comes a frame of their own.
 * @param {string} message
 */
function essence(message) {
    const paragraphs = message.split(/\n\s*\n/).map((part) => part.trim()).filter(Boolean);
    const plain = paragraphs.filter((part) => !/^\s*(?:>?\s*\d+\||.*:\d+:\d+\n)/.test(part));
    return (plain[0] ?? message).split('\n')[0];
}

/**
 * Whatever a compiler threw, as problems.
 * @param {string} app @param {any} error @param {string} [file] that was compiled
 * @returns {Problem[]}
 */
export function problemsOf(app, error, file) {
    if (Array.isArray(error?.errors) && error.errors[0]?.text !== undefined) {
        return error.errors.map((/** @type {any} */ one) => ofEsbuild(app, one));
    }
    if (error instanceof PackError) {
        return [problem(app, { file, ...error.where, message: error.message })];
    }
    const raw = { file: error?.filename ?? file, message: String(error?.message ?? error) };
    if (error?.location?.first_line !== undefined) { // CoffeeScript, from 0
        const { first_line: line, first_column: column } = error.location;
        return [problem(app, { ...raw, file: file ?? raw.file, line: line + 1, column: column + 1, text: error.code })]; // its file name is only the last part
    }
    const line = Number(error?.lineno ?? error?.line) || 0; // Stylus; Pug and Less
    const column = Number(error?.column) || 0;
    const message = error?.msg ?? (line ? essence(raw.message) : raw.message);
    return [problem(app, { ...raw, message, line, column: error?.type ? column + 1 : column })];
}

/** @param {string} app @param {any} one a message of esbuild */
function ofEsbuild(app, one) {
    if (one.detail && Array.isArray(one.detail.problems)) { // from a plug-in of ours
        return one.detail.problems[0];
    }
    const place = one.location;
    return problem(app, {
        file: place?.file,
        line: place?.line ?? 0,
        column: place ? place.column + 1 : 0,
        message: one.text + (one.notes ?? []).map((/** @type {any} */ note) => `; ${note.text}`).join(''),
    });
}

/** One problem as lines of a log. @param {Problem} one */
export function describe({ file, line, column, message, frame }) {
    const place = file && `${file}${line ? `:${line}` : ''}${column ? `:${column}` : ''}: `;
    return `${place}${message}${frame && `\n${frame}`}`;
}
