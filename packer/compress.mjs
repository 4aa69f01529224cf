// SPDX-License-Identifier: MIT
//
// The compressed siblings of a file, as nginx serves them: .br, .zst where this Node has it, .gz.

import { promisify } from 'node:util';
import * as zlib from 'node:zlib';

const SMALLEST = 256; // bytes below which it is not worth a file
/** Brotli's levels, and the bytes up to which each is worth its time: 11 takes six times as long as
 *  10 for 3 % less. */
const BROTLI = [{ upTo: 1 << 16, level: 11 }, { upTo: 1 << 21, level: 10 }, { upTo: Infinity, level: 9 }];
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
    const level = BROTLI.find(({ upTo }) => bytes.length <= upTo)?.level ?? 0;
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
