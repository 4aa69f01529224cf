// SPDX-License-Identifier: MIT
//
// One of the threads of coffee.mjs: compiles what it was started with, and ends.

import { parentPort, workerData } from 'node:worker_threads';
import { compileCoffee } from './compile.mjs';

/** @param {import('./coffee.mjs').Source} source undefined: the main thread finds the mistake again */
function attempt(source) {
    try {
        return compileCoffee(source.text, source);
    } catch {
        return undefined;
    }
}

/** @type {import('./coffee.mjs').Source[]} */ (workerData).forEach((source, index) => {
    parentPort?.postMessage({ index, result: attempt(source) });
});
