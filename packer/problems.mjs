// SPDX-License-Identifier: MIT
//
// What is wrong with an application's files, in the one form in which it is logged, sent to pages
// and shown: file (from the application's folder), line, column, message, and the code around it.
// Every compiler has a form of its own; all of them end here.

import path from 'node:path';
import { codeFrame, SourceError } from '../host/problems.mjs';
import { columnOf, readText } from './text.mjs';

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
        return readText(path.resolve(app, file));
    } catch {
        return '';
    }
}

/**
 * @param {string} app
 * @param {{file?: string, line?: number, column?: number, message: string}} raw
 * @returns {Problem}
 */
export function problem(app, { file = '', line = 0, column = 0, message }) {
    return {
        file: file && inside(app, file),
        line,
        column,
        message: message.slice(0, MESSAGE_MAX),
        frame: line && file ? codeFrame(readQuietly(app, file), line, column || undefined) : '',
    };
}

/** What Stylus says, and Pug of what goes wrong while it renders: place, frame, message. */
const FRAMED = /^(\/.+?):(\d+)(?::(\d+))?\n(?:[ >]*\d+\|.*\n|-+\^\n)+\s*([^\n]*)/;

/** What Pug adds to the error of a file that it could not include. */
const AT_LINE = /\n +at (\/.+) line (\d+)$/;

/**
 * Whatever a compiler threw, as problems.
 * @param {string} app @param {any} error @param {string} [file] that was compiled
 * @returns {Problem[]}
 */
export function problemsOf(app, error, file) {
    if (Array.isArray(error?.errors) && error.errors[0]?.text !== undefined) {
        return error.errors.map((/** @type {any} */ one) => ofEsbuild(app, one));
    }
    const included = AT_LINE.exec(error?.message);
    if (included) {
        const [all, name, line] = included;
        return [problem(app, { file: name, line: Number(line), message: error.message.replace(all, '') })];
    }
    if (error instanceof PackError) {
        return [problem(app, { file, ...error.where, message: error.message })];
    }
    if (error instanceof SourceError) {
        const { message, line, column } = error;
        return [problem(app, { file: error.file, message, line, column })];
    }
    const raw = { file: error?.filename ?? file, message: String(error?.message ?? error) };
    const told = FRAMED.exec(raw.message);
    if (told) {
        const [, name, line, column, message] = told;
        return [problem(app, { file: name, line: Number(line), column: Number(column ?? 0), message: message.trim() })];
    }
    const line = Number(error?.line) || 0; // Pug and Less
    const column = Number(error?.column) || 0;
    const message = error?.msg ?? raw.message;
    return [problem(app, { ...raw, message, line, column: error?.type ? column + 1 : column })];
}

/** @param {string} app @param {any} one a message of esbuild @returns {Problem} */
export function ofEsbuild(app, one) {
    const place = one.location;
    const [ours] = one.detail?.problems ?? []; // from a plug-in of ours, which may know more
    if (ours && (ours.line || !place)) {
        return ours;
    }
    return problem(app, {
        file: place?.file,
        line: place?.line ?? 0,
        column: place?.line ? columnOf(place) + 1 : 0,
        message: one.text + (one.notes ?? []).map((/** @type {any} */ note) => `; ${note.text}`).join(''),
    });
}

/** One problem as lines of a log. @param {Problem} one */
export function describe({ file, line, column, message, frame }) {
    const place = file && `${file}${line ? `:${line}` : ''}${column ? `:${column}` : ''}: `;
    return `${place}${message}${frame && `\n${frame}`}`;
}
