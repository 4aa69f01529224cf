// SPDX-License-Identifier: MIT
//
// socketstream/test: an application as a whole, for tests in node's own runner.
//
// startApp() runs `socketstream start` on a free port, in a copy of the application, with a Redis of
// its own whatever the configuration says.  So tests leave nothing in the application, and may run
// beside it and beside each other.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { openClient } from './client.mjs';

export { CallError, createSession } from './client.mjs';

const READY_MS = 60000; // C actions may have to be compiled
const STOP_MS = 10000;
const LOG_MAX = 1 << 20; // characters of output that are kept

/** The program: in a checkout, beside an installation, or wherever the shell finds it. */
function findCommand() {
    const here = path.dirname(fileURLToPath(import.meta.url));
    const places = ['../build/bin/socketstream', '../../../bin/socketstream'].map((place) => path.resolve(here, place));
    return process.env.SOCKETSTREAM_COMMAND ?? places.find((place) => fs.existsSync(place)) ?? 'socketstream';
}

/** @returns {Promise<number>} */
async function freePort() {
    const server = net.createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = /** @type {net.AddressInfo} */ (server.address());
    server.close();
    await once(server, 'close');
    return port;
}

/** A copy of the application, with the same packages and without its state; what was compiled
 *  before is used. @param {string} dir */
function copyApp(dir) {
    const copy = fs.mkdtempSync(path.join(os.tmpdir(), 'ss-test-'));
    const linked = ['node_modules', '.socketstream/cache'].filter((name) => fs.existsSync(path.join(dir, name)));
    const left = ['node_modules', '.socketstream', '.git'].map((name) => path.join(dir, name));
    fs.cpSync(dir, copy, { recursive: true, filter: (source) => !left.includes(source) });
    fs.mkdirSync(path.join(copy, '.socketstream'), { mode: 0o700 });
    for (const name of linked) {
        fs.symlinkSync(path.join(dir, name), path.join(copy, name));
    }
    return copy;
}

/** No Redis of the configuration's, so a private one. */
const PRIVATE_REDIS = {
    SS__redis__url: '', SS__redis__host: '', SS__redis__socket: '', SS__redis__sentinels: '[]',
};

/**
 * @typedef {object} App
 * @property {string} url        where its pages are
 * @property {string} socketUrl  of its WebSocket
 * @property {number} port
 * @property {string} dir        where this run has its state, .socketstream/logs among it
 * @property {(name: string, ...params: any[]) => Promise<any>} call
 *   calls an action as one and the same visitor; rejects with a CallError
 * @property {(options?: {session?: import('./client.mjs').Session}) => Promise<import('./client.mjs').Client>} client
 *   another visitor, or another tab of one
 * @property {() => string} log   what the sidecar, and with it the actions, logged so far
 * @property {() => Promise<void>} stop  closes all clients, ends the application, removes its state
 */

/**
 * Starts an application and resolves when it answers; rejects with what it said when it does not.
 * @param {{dir?: string, env?: string | Record<string, string>}} [options] `dir`: the application,
 *   the working folder unless given; `env`: the environment, `test` unless given, or variables
 * @returns {Promise<App>}
 */
export async function startApp({ dir = '.', env = {} } = {}) {
    const port = await freePort();
    const copy = copyApp(fs.realpathSync(dir));
    const variables = typeof env === 'string' ? { SS_ENV: env } : { SS_ENV: 'test', ...env };
    const child = spawn(findCommand(), ['start', '--app', copy, '--port', String(port), '--with-parent'], {
        env: { ...process.env, SS__http__hostname: '127.0.0.1', ...PRIVATE_REDIS, ...variables },
        stdio: ['ignore', 'pipe', 'pipe'],
    });
    const ended = new Promise((resolve) => {
        child.once('error', (error) => resolve((said += error.message)));
        child.once('close', resolve);
    });
    let said = '';
    const keep = (/** @type {Buffer} */ data) => { said = (said + data).slice(-LOG_MAX); };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);

    const log = () => {
        try {
            return fs.readFileSync(path.join(copy, '.socketstream/logs/sidecar.log'), 'utf8');
        } catch {
            return '';
        }
    };
    const end = async () => {
        child.kill('SIGTERM');
        const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
        await ended;
        clearTimeout(timer);
        fs.rmSync(copy, { recursive: true, force: true });
    };

    if (!(await isReady(child, ended))) {
        const reason = `${said}\n${log()}`.trim();
        await end();
        throw new Error(`the application does not start:\n${reason}`);
    }

    /** @type {Promise<import('./client.mjs').Client>[]} */
    const clients = [];
    /** @type {Promise<import('./client.mjs').Client> | undefined} */
    let own;
    /** @type {App} */
    const app = {
        url: `http://127.0.0.1:${port}/`,
        socketUrl: `ws://127.0.0.1:${port}/socketstream`,
        port,
        dir: copy,
        log,
        client({ session } = {}) {
            const client = openClient({ socketUrl: app.socketUrl, session });
            clients.push(client);
            return client;
        },
        async call(name, ...params) {
            own ??= app.client();
            return (await own).call(name, ...params);
        },
        async stop() {
            await Promise.allSettled(clients.map(async (client) => (await client).close()));
            await end();
        },
    };
    return app;
}

/** @param {import('node:child_process').ChildProcessByStdio<null, any, any>} child
 *  @param {Promise<any>} ended */
async function isReady(child, ended) {
    /** @type {NodeJS.Timeout | undefined} */
    let timer;
    const ready = new Promise((resolve) => {
        let line = '';
        child.stdout.on('data', (/** @type {Buffer} */ data) => {
            line = (line + data).slice(-4096);
            if (/^ready: /m.test(line)) {
                resolve(true);
            }
        });
        timer = setTimeout(() => resolve(false), READY_MS);
    });
    const won = await Promise.race([ready, ended.then(() => false)]);
    clearTimeout(timer);
    return won;
}
