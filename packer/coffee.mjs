// SPDX-License-Identifier: MIT
//
// CoffeeScript of an application, each text compiled once: what was compiled stays in
// .socketstream/cache, and many files at a time are compiled beside each other and beside all else.
//
// The compiler is most of what a first pack costs, and slow until the engine has warmed to it: so
// it gets threads, and the main thread, which answers esbuild, only what they leave.

import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { Worker } from 'node:worker_threads';
import { createCache } from '../host/cache.mjs';
import { compileCoffee } from './compile.mjs';

const require = createRequire(import.meta.url);

const FORM = '1'; // of what is cached; another number forgets all
export const THREADS_MAX = 4;
/** Files for which a thread is worth its start. */
export const FILES_A_THREAD = 8;
/** Room for the young: syntax trees live as long as their file is compiled, and die together. */
const YOUNG_MIB = 64;

// The engine would optimize the compiler's largest functions just when a pack is done with them: a
// quarter of all its work.  Small ones are worth it.
setFlagsFromString('--max-optimized-bytecode-size=2000');

/** @typedef {{text: string, file: string, bare: boolean}} Source see compileCoffee */
/** @typedef {{code: string, note: string}} Made */

/** @param {string} name of a package */
const versionOf = (name) => `${name} ${require(`${name}/package.json`).version}`;

/** @param {{app: string}} options */
export function createCoffee({ app }) {
    const cache = createCache(app);
    const made = ['coffeescript', 'coffee-script'].map(versionOf);
    /** What threads compile; undefined is what they could not. @type {Map<string, Promise<Made | undefined>>} */
    const running = new Map();

    const keyOf = (/** @type {Source} */ { text, file, bare }) =>
        cache.key([FORM, 'client', ...made, path.basename(file), String(bare), text]);

    /** @param {{source: Source, done: (result?: Made) => void}[]} tasks */
    function startThread(tasks) {
        const worker = new Worker(new URL('coffee_thread.mjs', import.meta.url), {
            workerData: tasks.map(({ source }) => source),
            resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MIB },
        });
        worker.on('message', (/** @type {{index: number, result?: Made}} */ { index, result }) => tasks[index].done(result));
        // One that died left the rest to us: the compiler says what is wrong when a file's turn comes.
        worker.on('error', () => {});
        worker.on('exit', () => tasks.forEach(({ done }) => done()));
    }

    return {
        /** Begins with what will be asked for. @param {Source[]} sources */
        prepare(sources) {
            const wanted = sources.map((source) => ({ source, key: keyOf(source) }))
                .filter(({ key }) => !running.has(key) && !cache.has(key));
            const cores = Math.max(1, os.cpus().length - 1); // one is the main thread's, and esbuild's
            const threads = Math.min(cores, THREADS_MAX, Math.floor(wanted.length / FILES_A_THREAD));
            if (threads < 1) {
                return;
            }
            const tasks = wanted.map(({ source, key }) => {
                /** @type {(result?: Made) => void} */
                let done = () => {};
                running.set(key, new Promise((resolve) => {
                    done = resolve;
                }));
                return { source, done };
            });
            for (let n = 0; n < threads; n++) {
                startThread(tasks.filter((_, i) => i % threads === n));
            }
        },

        /** @param {Source} source @returns {Promise<Made>} rejects with a SourceError */
        async compile(source) {
            const key = keyOf(source);
            const known = await running.get(key) ?? cache.get(key);
            const result = known ?? compileCoffee(source.text, source);
            if (running.delete(key) || !known) {
                cache.put(key, result);
            }
            return result;
        },

        /** When nothing more is asked for until files change. */
        finish() {
            cache.prune();
        },
    };
}
/** @typedef {ReturnType<typeof createCoffee>} Coffee */
