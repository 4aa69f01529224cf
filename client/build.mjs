// SPDX-License-Identifier: MIT
//
// Builds the browser library into the folder given: the npm package as it is published, and
// compressed siblings for nginx.  Fails when the library has become larger than it may be.
//
//   node client/build.mjs build/client

import { build } from 'esbuild';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const LIMIT = 6 * 1024; // bytes, gzipped

// Properties that only our own files know of: they get short names.  None may be on the wire, in
// the types, or something of the platform's; t/client/package.test.mjs looks.
export const INTERNAL = [
    'answer', 'calls', 'callback', 'chooser', 'fail', 'failed', 'former', 'fullName', 'heard', 'held',
    'interval', 'kind', 'learn', 'leaveIfDone', 'leaving', 'limit', 'logged', 'lost', 'make', 'moving',
    'onMessage', 'onNotification', 'onState', 'opened', 'peer', 'peers', 'ping', 'pong', 'pump', 'ready',
    'repeated', 'seek', 'seen', 'sent', 'settled', 'sign', 'stopped', 'takeOver', 'timer', 'told',
];

const source = (/** @type {string} */ name) => fileURLToPath(new URL(name, import.meta.url));

/** @param {string} out */
async function bundle(out) {
    /** @type {[string, string, import('esbuild').Format][]} */
    const entries = [
        ['global.js', 'socketstream.min.js', 'iife'],
        ['index.js', 'socketstream.mjs', 'esm'],
        ['react.js', 'react.mjs', 'esm'],
        ['develop.js', 'develop.mjs', 'esm'],
    ];
    for (const [from, to, format] of entries) {
        await build({
            entryPoints: [source(`src/${from}`)],
            outfile: join(out, to),
            format,
            bundle: true,
            minify: true,
            mangleProps: new RegExp(`^(?:${INTERNAL.join('|')})$`),
            target: 'es2018',
            external: ['react'],
            banner: { js: '/* SocketStream, MIT licence */' },
            legalComments: 'none',
            charset: 'utf8',
            logLevel: 'warning',
        });
    }
}

/** @param {string} out @returns {boolean} whether all are as small as they have to be */
export function compress(out) {
    let small = true;
    for (const name of ['socketstream.min.js', 'socketstream.mjs']) {
        const text = readFileSync(join(out, name));
        const gz = gzipSync(text, { level: 9 });
        const br = brotliCompressSync(text, {
            params: { [constants.BROTLI_PARAM_SIZE_HINT]: text.length },
        });
        writeFileSync(join(out, `${name}.gz`), gz);
        writeFileSync(join(out, `${name}.br`), br);
        console.log(`${name}: ${text.length} bytes, ${gz.length} gzipped, ${br.length} brotli`);
        if (gz.length > LIMIT) {
            console.error(`${name}: may have ${LIMIT} bytes gzipped`);
            small = false;
        }
    }
    return small;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
    const out = process.argv[2] ?? 'build/client';
    mkdirSync(out, { recursive: true });
    await bundle(out);
    for (const name of ['socketstream.d.ts', 'react.d.ts', 'develop.d.ts']) {
        copyFileSync(source(`types/${name}`), join(out, name));
    }
    copyFileSync(source('package.json'), join(out, 'package.json'));
    copyFileSync(source('../docs/CLIENT.md'), join(out, 'README.md'));
    process.exitCode = compress(out) ? 0 : 1;
}
