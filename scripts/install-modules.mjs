// SPDX-License-Identifier: MIT
//
// Copies the npm packages that run with an application into DIR/node_modules: what package.json's
// dependencies need by package-lock.json, from node_modules here.
//
//   node scripts/install-modules.mjs DIR
//
// Nothing is fetched: what is installed is what was tested.

import { cpSync, existsSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** @typedef {{dependencies?: Record<string, string>, optionalDependencies?: Record<string, string>}} Package */

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const [target] = process.argv.slice(2);
if (!target) {
    process.stderr.write('usage: node scripts/install-modules.mjs DIR\n');
    process.exit(2);
}

/**
 * Not their tests and their authors' tools; and what is nested in a package is wanted, or not, by
 * itself.
 * @param {string} file within a package
 */
const runs = (file) => !/^tests?(?:\/|$)|(?:^|\/)(?:node_modules(?:\/|$)|\.[^/])/.test(file);

/** By their places: '' is ours, then node_modules/pug and so on. @type {{packages: Record<string, Package>}} */
const { packages } = JSON.parse(readFileSync(path.join(root, 'package-lock.json'), 'utf8'));

/** Where Node finds `name` when the package at `place` asks for it. @param {string} place @param {string} name */
function resolve(place, name) {
    for (let at = place; ; at = at.slice(0, Math.max(0, at.lastIndexOf('/node_modules/')))) {
        const found = `${at ? `${at}/` : ''}node_modules/${name}`;
        if (packages[found] || !at) {
            return found;
        }
    }
}

/** Their places, and whether they may be absent, as those for other machines are. @type {Map<string, boolean>} */
const wanted = new Map();

/** @param {string} place @param {boolean} [optional] as all of what only an optional one needs */
function want(place, optional = false) {
    const { dependencies = {}, optionalDependencies = {} } = packages[place] ?? {};
    for (const name of [...Object.keys(dependencies), ...Object.keys(optionalDependencies)]) {
        const at = resolve(place, name);
        if (!wanted.has(at)) {
            wanted.set(at, optional || name in optionalDependencies);
            want(at, optional || name in optionalDependencies);
        }
    }
}

want('');
rmSync(path.join(target, 'node_modules'), { recursive: true, force: true });
for (const [place, optional] of wanted) {
    const from = path.join(root, place);
    if (existsSync(from)) {
        cpSync(from, path.join(target, place), {
            recursive: true,
            filter: (file) => runs(path.relative(from, file)),
        });
    } else if (!optional) {
        process.stderr.write(`${place} is missing: run npm ci\n`);
        process.exit(1);
    }
}
