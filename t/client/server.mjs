// SPDX-License-Identifier: MIT
//
// A server for the tests of the browser library: does nothing by itself but greet.

import { once } from 'node:events';
import { createServer } from 'node:http';
import { WebSocketServer } from 'ws';

export const API = ['app.square', 'app.slow', 'users.online.now', 'user.name'];

/** A port that no other start of this process has had. */
export async function startServer({ port = 0, greet = true, init = {} } = {}) {
    /** @type {{url?: string, type?: string, body: any}[]} */
    const posts = [];
    /** @type {() => number} */
    let statusOfPost = () => 204;
    const http = createServer(async (request, response) => {
        let text = '';
        for await (const chunk of request) {
            text += chunk;
        }
        const { url, headers } = request;
        posts.push({ url, type: headers['content-type'], body: JSON.parse(text) });
        const status = statusOfPost();
        if (status) {
            response.writeHead(status).end();
        } else {
            request.socket.destroy();
        }
    });
    const server = new WebSocketServer({ server: http });
    http.listen(port, '127.0.0.1');
    await once(http, 'listening');
    /** @type {import('ws').WebSocket[]} */
    const sockets = [];
    /** @type {any[]} */
    const received = [];
    /** @type {(message: any, socket: import('ws').WebSocket) => void} */
    let onCall = () => {};
    server.on('connection', (socket) => {
        sockets.push(socket);
        socket.on('message', (data) => {
            const message = JSON.parse(String(data));
            received.push(message);
            onCall(message, socket);
        });
        if (greet) {
            notify(socket, 'system.init', {
                version: '0.1.0',
                env: 'test',
                api: API,
                config: { log: { level: 2 } },
                ...init,
            });
        }
    });
    const { port: actual } = /** @type {import('node:net').AddressInfo} */ (http.address());
    return {
        port: actual,
        url: `ws://127.0.0.1:${actual}/socketstream`,
        sockets,
        received,
        posts,
        /** @param {typeof statusOfPost} fn 0: the connection is cut instead */
        answerPostsWith(fn) {
            statusOfPost = fn;
        },
        /** @param {typeof onCall} fn */
        answerWith(fn) {
            onCall = fn;
        },
        stop() {
            for (const socket of server.clients) {
                socket.terminate();
            }
            http.closeAllConnections();
            return new Promise((resolve) => http.close(resolve));
        },
    };
}

/** @param {import('ws').WebSocket} socket @param {string} method @param {any} params */
export function notify(socket, method, params) {
    socket.send(JSON.stringify({ jsonrpc: '2.0', method, params }));
}

/** @param {import('ws').WebSocket} socket @param {any} fields */
export function answer(socket, fields) {
    socket.send(JSON.stringify({ jsonrpc: '2.0', ...fields }));
}

/**
 * Resolves once `test` holds; fails after `ms`, whatever Date says.
 * @param {() => any} test @param {number} [ms]
 */
export async function until(test, ms = 20_000) {
    const end = performance.now() + ms;
    while (!test()) {
        if (performance.now() > end) {
            throw new Error(`never became true: ${test}`);
        }
        await new Promise((resolve) => setTimeout(resolve, 5));
    }
}
