// SPDX-License-Identifier: MIT
//
// What may go to browsers: of the application only the folders that are meant for them, of all
// else only npm packages.
//
// Every file that is read into an output passes here, whichever compiler asked for it, under its
// real path: a link out of app/client into config is a way to config all the same.

import { realpathSync } from 'node:fs';
import path from 'node:path';
import { PackError } from './problems.mjs';
import { FOLDERS } from './scan.mjs';

const PUBLIC = [...Object.keys(FOLDERS), 'public'];

/** @param {string} file @param {string} folder */
const isBelow = (file, folder) => file.startsWith(folder + path.sep);

/** @param {string} file */
function real(file) {
    try {
        return realpathSync.native(file);
    } catch {
        return path.resolve(file); // whoever reads it will say that it is not there
    }
}

/**
 * @param {string} app
 * @param {string[]} [trusted] folders of our own
 */
export function createGuard(app, trusted = []) {
    const home = real(app);
    const open = [...PUBLIC.map((dir) => path.join(home, dir)), ...trusted.map(real)];

    /** @param {string} file absolute */
    function isPublic(file) {
        const name = real(file);
        if (open.some((dir) => isBelow(name, dir))) {
            return true;
        }
        // A package below lib/server would be the server's.
        const where = isBelow(name, home) ? path.relative(home, name) : name;
        return isBelow(name, home)
            ? where.startsWith(`node_modules${path.sep}`)
            : name.includes(`${path.sep}node_modules${path.sep}`);
    }

    return {
        isPublic,
        /** @param {string} file @param {string} [from] the file that wants it */
        check(file, from) {
            if (!isPublic(file)) {
                throw new PackError(
                    `${path.relative(home, real(file))} is not for browsers: what they get is in `
                    + 'app/client, app/shared, app/css, app/views, lib/client, lib/css, or an npm '
                    + 'package; put it there, or let an action of app/server answer for it',
                    { file: from ?? file },
                );
            }
        },
    };
}
/** @typedef {ReturnType<typeof createGuard>} Guard */
