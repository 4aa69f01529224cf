// SPDX-License-Identifier: MIT
//
// Builds the browser library into the folder given, with compressed siblings, and fails when it has
// become larger than it may be.
//
//   node client/build.mjs build/client

import { build } from 'esbuild';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const LIMIT = 6 * 1024; // bytes, gzipped
const out = process.argv[2] ?? 'build/client';
const source = (/** @type {string} */ name) => fileURLToPath(new URL(name, import.meta.url));

/** @type {import('esbuild').BuildOptions} */
const common = {
    bundle: true,
    minify: true,
    target: 'es2020',
    banner: { js: '/* SocketStream, MIT licence */' },
    legalComments: 'none',
    charset: 'utf8',
};

mkdirSync(out, { recursive: true });
await build({
    ...common,
    entryPoints: [source('src/global.js')],
    format: 'iife',
    outfile: join(out, 'socketstream.min.js'),
});
await build({
    ...common,
    entryPoints: [source('src/index.js')],
    format: 'esm',
    outfile: join(out, 'socketstream.mjs'),
});
copyFileSync(source('types/socketstream.d.ts'), join(out, 'socketstream.d.mts'));

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
        process.exitCode = 1;
    }
}
