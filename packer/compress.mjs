// SPDX-License-Identifier: MIT
//
// The compressed siblings of a file, as nginx serves them: .br, .zst where this Node has it, .gz.

import { promisify } from 'node:util';
import * as zlib from 'node:zlib';

const SMALLEST = 256; // bytes below which it is not worth a file
const QUICK = 1 << 20; // bytes above which brotli's last level takes seconds
const BROTLI = { small: 11, large: 9 };
const ZSTD_LEVEL = 19;

export const ENCODINGS = ['br', 'zst', 'gz'];

const gzip = promisify(zlib.gzip);
const brotli = promisify(zlib.brotliCompress);

/** Node 22.15 and newer. @type {any} */
const { zstdCompress } = zlib;
const zstd = zstdCompress ? promisify(zstdCompress) : null;

/**
 * @param {string | Uint8Array} content
 * @returns {Promise<[string, Uint8Array][]>} extensions and contents
 */
export async function compressed(content) {
    const bytes = Buffer.from(content);
    if (bytes.length < SMALLEST) {
        return [];
    }
    const { constants } = zlib;
    const level = bytes.length > QUICK ? BROTLI.large : BROTLI.small;
    const [br, gz, zst] = await Promise.all([
        brotli(bytes, {
            params: {
                [constants.BROTLI_PARAM_QUALITY]: level,
                [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
                [constants.BROTLI_PARAM_MODE]: constants.BROTLI_MODE_TEXT,
            },
        }),
        gzip(bytes, { level: 9 }),
        zstd?.(bytes, { params: { [/** @type {any} */ (constants).ZSTD_c_compressionLevel]: ZSTD_LEVEL } }),
    ]);
    /** @type {[string, any][]} */
    const all = [['br', br], ['zst', zst], ['gz', gz]];
    return all.filter(([, result]) => result && result.length < bytes.length);
}
