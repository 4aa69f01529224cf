// SPDX-License-Identifier: MIT
//
// socketstream/test: an application as a whole, for tests in node's own runner.
//
// startApp() runs `socketstream start` on a free port, in a copy of the application, with a Redis of
// its own whatever the configuration says.  So tests leave nothing in the application, and may run
// beside it and beside each other.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { startCommand } from '../host/starting.mjs';
import { openClient } from './client.mjs';

export { CallError, createSession } from './client.mjs';

/** The program: in a checkout, beside an installation, or wherever the shell finds it. */
function findCommand() {
    const here = path.dirname(fileURLToPath(import.meta.url));
    const places = ['../build/bin/socketstream', '../../../bin/socketstream'].map((place) => path.resolve(here, place));
    return process.env.SOCKETSTREAM_COMMAND ?? places.find((place) => fs.existsSync(place)) ?? 'socketstream';
}

/** The application's packages, which may be those of a folder above. @param {string} dir
 *  @returns {string | undefined} */
function findPackages(dir) {
    const packages = path.join(dir, 'node_modules');
    const above = path.dirname(dir);
    return fs.existsSync(packages) ? packages : above === dir ? undefined : findPackages(above);
}

/** A copy of the application, with the same packages and without its state; what was compiled
 *  before is used. @param {string} dir */
function copyApp(dir) {
    const copy = fs.mkdtempSync(path.join(os.tmpdir(), 'ss-test-'));
    const left = ['node_modules', '.socketstream', '.git'].map((name) => path.join(dir, name));
    fs.cpSync(dir, copy, { recursive: true, filter: (source) => !left.includes(source) });
    fs.mkdirSync(path.join(copy, '.socketstream'), { mode: 0o700 });
    const packages = findPackages(dir);
    if (packages) {
        fs.symlinkSync(packages, path.join(copy, 'node_modules'));
    }
    const cache = path.join(dir, '.socketstream/cache');
    if (fs.existsSync(cache)) {
        fs.symlinkSync(cache, path.join(copy, '.socketstream/cache'));
    }
    return copy;
}

/** No Redis of the configuration's, so a private one. */
const PRIVATE_REDIS = {
    SS__redis__url: '', SS__redis__host: '', SS__redis__socket: '', SS__redis__sentinels: '[]',
    SS__redis_pubsub__url: '', SS__redis_pubsub__host: '', SS__redis_pubsub__socket: '', SS__redis_pubsub__sentinels: '[]',
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
    const copy = copyApp(fs.realpathSync(dir));
    const variables = typeof env === 'string' ? { SS_ENV: env } : { SS_ENV: 'test', ...env };
    const log = () => {
        try {
            return fs.readFileSync(path.join(copy, '.socketstream/logs/sidecar.log'), 'utf8');
        } catch {
            return '';
        }
    };
    const remove = () => fs.rmSync(copy, { recursive: true, force: true });
    const { port, stop } = await startCommand(findCommand(), copy, { ...PRIVATE_REDIS, ...variables }).catch((error) => {
        const reason = `${error.message}\n${log()}`.trim();
        remove();
        throw new Error(`the application does not start:\n${reason}`);
    });

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
            await stop();
            remove();
        },
    };
    return app;
}
