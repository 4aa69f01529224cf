// SPDX-License-Identifier: MIT
//
// Finds the sidecar of an application that runs, and has one started where none does: for commands
// that are written in JavaScript.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { startCommand } from './starting.mjs';

/** The socket of the application that `socketstream start` runs; undefined when none does.
 *  @param {string} app @returns {string | undefined} */
function findSocket(app) {
    try {
        const { pid, socket } = JSON.parse(readFileSync(path.join(app, '.socketstream/state.json'), 'utf8'));
        process.kill(pid, 0);
        return socket;
    } catch {
        return undefined;
    }
}

/** What `stop` ends is what was started here, if anything was.
 *  @param {string} app @param {string} command @param {string} given  a socket, or ''
 *  @param {string} purpose
 *  @returns {Promise<{socket: string, stop: () => Promise<void>}>} */
export async function reach(app, command, given, purpose) {
    const socket = given || findSocket(app);
    if (socket) {
        return { socket, stop: async () => {} };
    }
    process.stderr.write(`the application does not run: starting it for ${purpose}\n`);
    const { stop } = await startCommand(command, app);
    return { socket: findSocket(app) ?? '', stop };
}
