// SPDX-License-Identifier: MIT
//
// The asset packer's command: packs an application once, or goes on packing as its files change.
//
//   node packer/main.mjs --app DIR [--env ENV] [--csp POLICY] [--base PATH]
//       [--strict] [--watch --socket PATH … --ready FILE]
//
// `socketstream pack` and `socketstream start` run it.  It exits with 1 when the application has
// mistakes; while it watches these are told to pages, and it ends only when it is told to.

import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { isBase } from './base.mjs';
import { describe } from './problems.mjs';
import { isPacked } from './scan.mjs';

const usage = 'usage: node packer/main.mjs --app DIR [--env ENV] [--csp POLICY] [--base PATH]\n'
    + '                            [--strict] [--watch --socket PATH … --ready FILE]\n';

const say = (/** @type {string} */ text) => process.stdout.write(`${text}\n`);
const complain = (/** @type {string} */ text) => process.stderr.write(`${text}\n`);

/** Loaded late: without its npm packages we can still say so. */
async function loadPacker() {
    try {
        return await import('./pack.mjs');
    } catch (error) {
        const { code, message } = /** @type {NodeJS.ErrnoException} */ (error);
        if (code !== 'ERR_MODULE_NOT_FOUND') {
            throw error;
        }
        const missing = /'([^']+)'/.exec(message)?.[1];
        complain(`the packer needs the npm package ${missing}: run \`npm ci --omit=dev\` in `
            + fileURLToPath(new URL('..', import.meta.url)));
        return process.exit(1);
    }
}

function parse() {
    try {
        const { values } = parseArgs({
            options: {
                app: { type: 'string' },
                env: { type: 'string', default: process.env.SS_ENV ?? 'development' },
                csp: { type: 'string', default: '' },
                base: { type: 'string', default: '/' },
                strict: { type: 'boolean', default: false },
                watch: { type: 'boolean', default: false },
                socket: { type: 'string', multiple: true },
                ready: { type: 'string' },
                help: { type: 'boolean', short: 'h', default: false },
            },
        });
        if (values.help) {
            process.stdout.write(usage);
            process.exit(0);
        }
        if (!isBase(values.base ?? '/')) {
            complain(`http.base: "${values.base}" is no path: it begins and ends with a slash, and has `
                + 'letters, digits and -._~ between them, as "/shop/"');
            process.exit(1);
        }
        if (values.app) {
            return { ...values, app: path.resolve(values.app), env: values.env ?? 'development' };
        }
    } catch (error) {
        complain(`${/** @type {Error} */ (error).message}`);
    }
    process.stderr.write(usage);
    return process.exit(2);
}

/** Notes are said once, however often we pack. @type {Set<string>} */
const said = new Set();

/** @param {import('./pack.mjs').Result} result @param {number} started */
function report({ problems, notes, sizes }, started) {
    for (const note of notes.filter((one) => !said.has(one))) {
        said.add(note);
        say(`note: ${note}`);
    }
    for (const one of problems) {
        complain(describe(one));
    }
    if (sizes.length) {
        say(`packed in ${Math.round(performance.now() - started)} ms: ${sizes.join(', ')}`);
    }
}

/** What to do about it, of what writing fails with. @type {Record<string, string>} */
const remedies = {
    ENOSPC: 'make room there', EDQUOT: 'make room there', ENOTDIR: 'remove what is in the way',
    EISDIR: 'remove it', EROFS: 'put the application where files can be written',
};

/** Packs once, and gives the status to end with. */
async function packOnce() {
    try {
        const result = await packer.pack();
        report(result, started);
        return result.problems.length ? 1 : 0;
    } catch (error) {
        const { code = '', syscall, message } = /** @type {NodeJS.ErrnoException} */ (error);
        if (!syscall) {
            throw error;
        }
        complain(`cannot pack: ${message}: ${remedies[code] ?? 'give yourself access to it'}`);
        return 1;
    } finally {
        await packer.dispose();
    }
}

const options = parse();
const { app, env } = options;
const started = performance.now();
if (!isPacked(app)) {
    say(`${app} has neither app/client nor app/views: there is nothing to pack`);
    process.exit(0);
}
const { createPacker, versionOf } = await loadPacker();
const packer = createPacker({
    app, env, csp: options.csp, base: options.base, version: versionOf(),
    development: options.watch, strict: options.strict,
});
if (options.watch) {
    const { keepPacked } = await import('./keep.mjs');
    const end = await keepPacked({ ...options, packer, report, complain });
    for (const signal of ['SIGINT', 'SIGTERM']) {
        process.once(signal, end);
    }
} else {
    process.exitCode = await packOnce();
}
