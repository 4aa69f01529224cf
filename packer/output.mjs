// SPDX-License-Identifier: MIT
//
// public/assets and public/index.html: what a pack leaves behind.
//
// The invariant: at every moment each page that is there finds each asset that it names.  So files
// are written under another name and renamed, assets carry the hash of their content, the page is
// the last to be renamed, and what an older page names stays for a day.  Only names that the
// manifest lists are ever removed: what others put into public/assets stays.

import { createHash, randomBytes } from 'node:crypto';
import {
    copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync,
    utimesSync, writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { compressed, ENCODINGS } from './compress.mjs';

const HASH_CHARS = 16;
const DAY_MS = 24 * 3600 * 1000;
/** For which an asset stays that no page names any more. */
export const KEEP_MS = { production: DAY_MS, development: 60 * 1000 };
const GENERATOR = '<meta name="generator" content="SocketStream">';
const TEMPORARY = '.packing-';

/**
 * @typedef {object} Manifest
 * @property {string} version     of SocketStream
 * @property {string} env
 * @property {boolean} development whether it is a pack that must not go into production
 * @property {number} packed_at   ms since 1970
 * @property {Record<string, {file: string, integrity: string}>} files by their name without hash
 * @property {Record<string, number>} old     names, and since when no page names them
 * @property {{script: string[], style: string[]}} csp hashes of what stands in the page itself
 */

/**
 * As many hex digits of the content's SHA-256 as nginx takes for a hash: figures and letters.
 * @param {(string | Uint8Array)[]} parts
 */
export function hashOf(...parts) {
    const hash = createHash('sha256');
    for (const part of parts) {
        hash.update(part);
    }
    const hex = hash.digest('hex');
    const name = hex.slice(0, HASH_CHARS);
    return /\d/.test(name) && /[a-f]/.test(name) ? name : hex;
}

/** @param {string | Uint8Array} content */
export const integrityOf = (content) =>
    `sha384-${createHash('sha384').update(content).digest('base64')}`;

/**
 * All at once, or not at all.
 * @param {string} file @param {string | Uint8Array} content @param {number} [seconds] its time
 */
function replace(file, content, seconds) {
    const temporary = path.join(path.dirname(file), TEMPORARY + randomBytes(6).toString('hex'));
    writeFileSync(temporary, content);
    if (seconds !== undefined) {
        utimesSync(temporary, seconds, seconds);
    }
    renameSync(temporary, file);
}

/**
 * The time for a page: a second that no page before it had.  nginx makes an ETag of time and size,
 * and two pages of one second and one size would be one page to browsers.
 * @param {string} page
 */
function timeFor(page) {
    const last = statSync(page, { throwIfNoEntry: false })?.mtimeMs ?? 0;
    return Math.max(Math.floor(Date.now() / 1000), Math.floor(last / 1000) + 1);
}

/** @param {string} file @returns {any} */
function readJson(file) {
    try {
        return JSON.parse(readFileSync(file, 'utf8'));
    } catch {
        return {};
    }
}

/** A file and its compressed siblings. @param {string} file */
const family = (file) => [file, ...ENCODINGS.map((ext) => `${file}.${ext}`)];

/**
 * @param {{app: string, env: string, development: boolean, version: string, now?: () => number}} options
 */
export function createOutput({ app, env, development, version, now = Date.now }) {
    const publicDir = path.join(app, 'public');
    const assets = path.join(publicDir, 'assets');
    const manifestFile = path.join(assets, 'manifest.json');
    const page = path.join(publicDir, 'index.html');
    const keep = development ? KEEP_MS.development : KEEP_MS.production;

    /** Compressed siblings come before the file itself, so that none is ever older than it. */
    async function writeAsset(/** @type {string} */ file, /** @type {string | Uint8Array} */ content) {
        if (existsSync(file)) {
            return;
        }
        if (!development && !file.endsWith('.map')) {
            for (const [ext, bytes] of await compressed(content)) {
                replace(`${file}.${ext}`, bytes);
            }
        }
        replace(file, content);
    }

    /** A page that we did not write is kept beside our own state, once. */
    function saveForeignPage() {
        if (!existsSync(page) || readFileSync(page, 'utf8').includes(GENERATOR)) {
            return '';
        }
        const saved = path.join(app, '.socketstream/index.html.before');
        mkdirSync(path.dirname(saved), { recursive: true, mode: 0o700 });
        if (!existsSync(saved)) {
            copyFileSync(page, saved);
        }
        return `public/index.html was not written by the packer; its copy is ${path.relative(app, saved)}`;
    }

    async function writePage(/** @type {string} */ html) {
        const time = timeFor(page);
        const siblings = development ? [] : await compressed(html);
        const exts = siblings.map(([ext]) => ext);
        for (const ext of ENCODINGS.filter((one) => !exts.includes(one))) {
            rmSync(`${page}.${ext}`, { force: true });
        }
        for (const [ext, bytes] of siblings) {
            replace(`${page}.${ext}`, bytes, time);
        }
        if (siblings.length || !existsSync(page) || readFileSync(page, 'utf8') !== html) {
            replace(page, html, time);
        }
    }

    /** @param {Set<string>} current @param {Manifest} before */
    function removeOld(current, before) {
        /** @type {Record<string, number>} */
        const old = {};
        const known = { ...before.old };
        for (const { file } of Object.values(before.files ?? {})) {
            known[file] ??= now();
        }
        for (const [file, since] of Object.entries(known)) {
            if (current.has(file) || path.basename(file) !== file) {
                continue;
            }
            if (now() - since < keep) {
                old[file] = since;
                continue;
            }
            for (const name of [...family(file), `${file}.map`]) {
                rmSync(path.join(assets, name), { force: true });
            }
        }
        for (const name of readdirSync(assets).filter((one) => one.startsWith(TEMPORARY))) {
            const stat = statSync(path.join(assets, name), { throwIfNoEntry: false });
            if (stat && now() - stat.mtimeMs > KEEP_MS.development) { // of a packer that was killed
                rmSync(path.join(assets, name), { force: true });
            }
        }
        return old;
    }

    return {
        /**
         * @param {Map<string, {file: string, content: string | Uint8Array, map: string, integrity: string}>} files
         * @param {string} html
         * @param {Manifest['csp']} csp
         * @returns {Promise<{notes: string[], before: string[]}>} `before`: what the last page named
         */
        async write(files, html, csp) {
            mkdirSync(assets, { recursive: true });
            const before = /** @type {Manifest} */ (readJson(manifestFile));
            await Promise.all([...files.values()].map(async ({ file, content, map }) => {
                if (map) {
                    await writeAsset(path.join(assets, `${file}.map`), map);
                }
                await writeAsset(path.join(assets, file), content);
            }));
            const note = saveForeignPage();
            await writePage(html);
            const current = new Set([...files.values()].map(({ file }) => file));
            const old = removeOld(current, before);
            /** @type {Manifest} */
            const manifest = {
                version,
                env,
                development,
                packed_at: now(),
                files: Object.fromEntries([...files].map(([name, { file, integrity }]) => [name, { file, integrity }])),
                old,
                csp,
            };
            replace(manifestFile, `${JSON.stringify(manifest, null, 2)}\n`);
            return {
                notes: note ? [note] : [],
                before: Object.values(before.files ?? {}).map((one) => one.file),
            };
        },
    };
}

export { GENERATOR };
