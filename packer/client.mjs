// SPDX-License-Identifier: MIT
//
// Where the built browser library is: in client/ of an installation, in build/client where it
// is built.

import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { PackError } from './problems.mjs';

const PLACES = ['../build/client/', '../client/'];

/** @param {string} name @returns {string} its path */
export function clientFile(name) {
    const found = PLACES.map((place) => fileURLToPath(new URL(place + name, import.meta.url))).find(existsSync);
    if (!found) {
        throw new PackError(`${name}, a part of the browser library, is missing: build it (make client)`);
    }
    return found;
}
