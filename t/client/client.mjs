// SPDX-License-Identifier: MIT
//
// A client and its server for one test, at whose end both are gone.

import { afterEach } from 'node:test';
import { WebSocket } from 'ws';
import { createClient } from '../../client/src/index.js';
import { answer, startServer } from './server.mjs';

export { WebSocket as Socket };

/** @type {(() => any)[]} */
let cleanups = [];

afterEach(async () => {
    for (const cleanup of cleanups.reverse()) {
        await cleanup();
    }
    cleanups = [];
});

/** @param {() => any} cleanup */
export const atEnd = (cleanup) => cleanups.push(cleanup);

/** Answers each call with the square of its first param. @param {Parameters<typeof startServer>[0]} [options] */
export async function serve(options) {
    const server = await startServer(options);
    server.answerWith((call, socket) => answer(socket, { id: call.id, result: call.params?.[0] ** 2 }));
    atEnd(server.stop);
    return server;
}

/** @param {string} url @param {any} [options] */
export function connect(url, options = {}) {
    const SS = createClient({ url, WebSocket, random: () => 0.1, log: 0, ...options });
    /** @type {string[]} */
    const states = [];
    /** @type {any[]} */
    const details = [];
    for (const name of /** @type {const} */ (['connect', 'disconnect', 'reconnecting'])) {
        SS.socket.on(name, (/** @type {any} */ detail) => {
            states.push(name);
            details.push(detail);
        });
    }
    atEnd(() => SS.socket.disconnect());
    /** @type {any} actions of any name */
    const actions = SS.server;
    return { SS, actions, states, details };
}

export const settled = () => new Promise((resolve) => setTimeout(resolve, 100));
