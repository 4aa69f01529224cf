// SPDX-License-Identifier: MIT
//
// The server's side of the fallback for the tests of the browser library: streams and POSTs as
// docs/PROTOCOL.md has them, on the URL of a WebSocket that may be refused.

import { once } from 'node:events';
import { createServer } from 'node:http';
import { WebSocketServer } from 'ws';
import { atEnd } from './client.mjs';

/**
 * @typedef {object} Stream
 * @property {import('node:http').ServerResponse} response
 * @property {number} seq of the last POST that was taken
 * @property {boolean} closed by the client
 */

/** @param {{webSocket?: boolean, heartbeat?: number}} [options] */
export async function serveStreams({ webSocket = false } = {}) {
    /** @type {Stream[]} */
    const streams = [];
    /** @type {any[]} */
    const received = [];
    /** @type {{seq: number, status: number}[]} */
    const posts = [];
    const accept = { webSocket };
    /** What becomes of a POST: taken and said so, not taken (503), cut before or behind, or nothing. @type {(length: number) => string} */
    let fate = () => 'take';

    const send = (/** @type {Stream} */ stream, /** @type {any} */ message) => {
        stream.response.write(`data: ${JSON.stringify({ jsonrpc: '2.0', ...message })}\n\n`);
    };

    /** @type {(stream: Stream, message: any) => void} */
    let onMessage = (stream, message) => send(stream, { id: message.id, result: (message.params?.[0] ?? 0) ** 2 });

    const init = { method: 'system.init', params: { version: '0.1.0', env: 'test', api: ['app.square', 'app.slow'], config: {} } };

    const http = createServer(async (request, response) => {
        if (request.method === 'GET') {
            /** @type {Stream} */
            const stream = { response, seq: 0, closed: false };
            streams.push(stream);
            response.on('close', () => (stream.closed = true));
            response.writeHead(200, { 'Content-Type': 'text/event-stream' });
            response.write(`event: open\ndata: {"secret":"s${streams.length - 1}"}\n\n`);
            send(stream, init);
            return;
        }
        let body = '';
        for await (const piece of request) {
            body += piece;
        }
        const stream = streams[Number(String(request.headers['socketstream-stream']).slice(1))];
        const seq = Number(request.headers['socketstream-seq']);
        const how = fate(Buffer.byteLength(body));
        if (how === 'swallow') {
            return;
        }
        let status = 204;
        if (how === 'refuse') {
            status = 503;
        } else if (how === 'cut before') {
            status = 0;
        } else if (!stream || stream.closed || stream.response.writableEnded) {
            status = 404;
        } else if (seq > stream.seq + 1) {
            status = 409;
        } else if (seq === stream.seq + 1) {
            stream.seq = seq;
            for (const line of body.trim().split('\n')) {
                const message = JSON.parse(line);
                received.push(message);
                onMessage(stream, message);
            }
        }
        posts.push({ seq, status });
        if (status === 0 || how === 'cut behind') {
            request.socket.destroy();
        } else {
            response.writeHead(status).end();
        }
    });
    const sockets = new WebSocketServer({ noServer: true });
    let upgrades = 0;
    http.on('upgrade', (request, socket, head) => {
        upgrades++;
        if (!accept.webSocket) {
            socket.destroy();
            return;
        }
        sockets.handleUpgrade(request, socket, head, (ws) => {
            ws.send(JSON.stringify({ jsonrpc: '2.0', ...init }));
            ws.on('message', (data) => {
                const message = JSON.parse(String(data));
                received.push(message);
                ws.send(JSON.stringify({ jsonrpc: '2.0', id: message.id, result: message.params[0] ** 2 }));
            });
        });
    });
    http.listen(0, '127.0.0.1');
    await once(http, 'listening');
    atEnd(() => {
        for (const ws of sockets.clients) {
            ws.terminate();
        }
        http.closeAllConnections();
        return new Promise((resolve) => http.close(resolve));
    });
    const { port } = /** @type {import('node:net').AddressInfo} */ (http.address());
    return {
        url: `ws://127.0.0.1:${port}/socketstream`,
        streams, received, posts, accept, send,
        upgrades: () => upgrades,
        /** @param {typeof fate} fn */
        decide: (fn) => (fate = fn),
        /** @param {typeof onMessage} fn */
        answerWith: (fn) => (onMessage = fn),
    };
}
