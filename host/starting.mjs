// SPDX-License-Identifier: MIT
//
// Runs `socketstream start` on a free port, for as long as this process wants it: for the console,
// and for tests of applications.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';

const READY_MS = 60000; // C actions may have to be compiled
const STOP_MS = 10000;
const OUTPUT_MAX = 1 << 20; // characters that are kept

/**
 * @typedef {object} Running
 * @property {number} port
 * @property {() => Promise<void>} stop
 */

/** @returns {Promise<number>} */
async function freePort() {
    const server = net.createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = /** @type {net.AddressInfo} */ (server.address());
    server.close();
    await once(server, 'close');
    return port;
}

/**
 * Resolves when the application answers; rejects with what it said when it does not.
 * @param {string} command the program @param {string} app
 * @param {Record<string, string>} [env] more variables
 * @returns {Promise<Running>}
 */
export async function startCommand(command, app, env = {}) {
    const port = await freePort();
    const child = spawn(command, ['start', '--app', app, '--port', String(port), '--with-parent'], {
        env: { ...process.env, SS__http__hostname: '127.0.0.1', ...env },
        stdio: ['ignore', 'pipe', 'pipe'],
        detached: true, // Ctrl-C is for who started this
    });
    let said = '';
    const ended = new Promise((resolve) => {
        child.once('error', (error) => resolve((said += error.message)));
        child.once('close', resolve);
    });
    /** @type {NodeJS.Timeout | undefined} */
    let timer;
    const ready = new Promise((resolve) => {
        const keep = (/** @type {Buffer} */ data) => {
            said = (said + data).slice(-OUTPUT_MAX);
            if (/^ready: /m.test(said)) {
                resolve(true);
            }
        };
        child.stdout.on('data', keep);
        child.stderr.on('data', keep);
        timer = setTimeout(() => resolve(false), READY_MS);
    });
    const up = await Promise.race([ready, ended.then(() => false)]);
    clearTimeout(timer);

    const stop = async () => {
        child.kill('SIGTERM');
        const late = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
        await ended;
        clearTimeout(late);
    };
    if (!up) {
        await stop();
        throw new Error(said.trim());
    }
    return { port, stop };
}
