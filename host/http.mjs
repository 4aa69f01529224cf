// SPDX-License-Identifier: MIT
//
// HTTP for middleware: Node's own server on the socket that the sidecar listens on, where nginx asks
// about each request.
//
// Owns what becomes of a request behind the last function: it is nginx's again, by X-Accel-Redirect
// to a location of that name, with the headers that middleware has set and the URL it made
// (ngx_http_ss_middleware.c); or an error.  Invariant: no connection is closed from here but one
// whose last answer said so, since a request may be on its way on an idle one.

import http from 'node:http';
import net from 'node:net';
import { HTTP_ANSWER_HEADERS_MAX, HTTP_HEADERS_MAX } from './bounds.mjs';
import { stackOf } from './errors.mjs';
import { runMiddleware } from './middleware.mjs';

const API = '@socketstream_api';
const ASSETS = '@socketstream_assets';

/** What belongs to a body, and so not to an answer that somebody else gives. */
const OF_BODY = new Set(['content-type', 'content-length', 'content-encoding', 'content-range', 'accept-ranges',
    'etag', 'last-modified', 'transfer-encoding', 'trailer']);
/** What belongs to the connection, or is nginx's. */
const OF_HOP = new Set(['connection', 'keep-alive', 'upgrade', 'date', 'server', 'location']);

/** A path as nginx sees it: decoded, each slash once, no part of it a dot.  @param {string} url */
function pathOf(url) {
    const path = url.split(/[?#]/, 1)[0];
    if (!/%|\/[/.]/.test(path)) {
        return path;
    }
    /** @type {string[]} */
    const parts = [];
    for (const part of path.replace(/%([0-9a-f]{2})/gi, (_, hex) => String.fromCharCode(parseInt(hex, 16))).split('/')) {
        if (part === '..') {
            parts.pop();
        } else if (part !== '' && part !== '.') {
            parts.push(part);
        }
    }
    return `/${parts.join('/')}${/\/$/.test(path) ? '/' : ''}`;
}

/** @param {string} url @param {string} prefix */
function isApi(url, prefix) {
    const path = pathOf(url);
    return path.startsWith(`/${prefix}`) && (path.length === prefix.length + 1 || path[prefix.length + 1] === '/');
}

/** @param {any} error @returns {number} what it says of itself, as http-errors do */
function statusOf(error) {
    const status = error?.status ?? error?.statusCode;
    return Number.isInteger(status) && status >= 400 && status <= 599 ? status : 500;
}

/** Node writes none of itself once one was removed, and a client would wait for the connection's end.
 *  @param {http.ServerResponse} response @param {number} bytes */
const setLength = (response, bytes) => response.setHeader('Content-Length', bytes);

/** The answer that gives a request back to nginx.  Called when nothing can be added any more.
 *  @param {http.ServerResponse} response @param {string} where @param {string | undefined} url */
function writePass(response, where, url) {
    // Older types of Node do not know it; Node has it since 15.4.
    const names = /** @type {any} */ (response).getRawHeaderNames();
    for (const name of names) {
        const value = /** @type {any} */ (response.getHeader(name));
        const lower = name.toLowerCase();
        response.removeHeader(name);
        if (!OF_BODY.has(lower) && !OF_HOP.has(lower) && !lower.startsWith('x-accel-')) {
            response.setHeader(`SocketStream-Set-${name}`, value);
        }
    }
    setLength(response, 0);
    response.setHeader('X-Accel-Redirect', where);
    if (url !== undefined) {
        response.setHeader('SocketStream-Url', url);
    }
}

/** Bytes of the headers that have been set, with room for those that Node adds.  @param {http.ServerResponse} response */
function headBytes(response) {
    let bytes = 128;
    for (const [name, value] of Object.entries(response.getHeaders())) {
        for (const one of [value].flat()) {
            bytes += name.length + String(one).length + 4;
        }
    }
    return bytes;
}

/** @param {any} url that middleware made */
function checkUrl(url) {
    if (typeof url !== 'string' || url[0] !== '/') {
        throw new Error(`middleware made ${JSON.stringify(url)} of request.url, which must begin with a slash`);
    }
    return url.replace(/[^\x21-\x7e]/gu, encodeURIComponent);
}

/** Who asks, as nginx tells it: to middleware the connection is the client's, not that of nginx.  One request after
 *  the other is on it, so that it is the request's as long as that lasts.  @param {http.IncomingMessage} request */
function tellClient(request) {
    const { 'x-forwarded-for': address, 'x-forwarded-proto': scheme } = request.headers;
    Object.defineProperty(request.socket, 'remoteAddress', { value: address, configurable: true, enumerable: true });
    /** @type {any} */ (request.socket).encrypted = scheme === 'https';
}

/** What comes before an answer (100, 102, 103) is an answer to nginx, and the real one behind it would be lost.
 *  @param {http.ServerResponse} response */
function dropInterim(response) {
    const drop = (/** @type {any[]} */ ...args) => {
        const called = args.find((one) => typeof one === 'function');
        if (called) {
            process.nextTick(called);
        }
    };
    Object.assign(response, { writeContinue: drop, writeProcessing: drop, writeEarlyHints: drop });
}

/** @typedef {ReturnType<typeof createHttp>} HttpServer */

/**
 * @param {object} given
 * @param {number} given.fd  of the socket
 * @param {import('./middleware.mjs').Middleware[]} given.chain
 * @param {string | undefined} given.apiPrefix  undefined: there is no HTTP API
 * @param {boolean} given.development
 * @param {(level: string, message: string) => void} given.log
 * @param {(error: any) => void} given.exception  tells the application
 */
export function createHttp({ fd, chain, apiPrefix, development, log, exception }) {
    let draining = false;
    let open = 0;

    /** @param {http.IncomingMessage} request @param {any} error */
    const tell = (request, error) => {
        log('error', `middleware: ${request.method} ${request.url}: ${stackOf(error)}`);
        exception(error);
    };

    /** @param {http.IncomingMessage} request @param {http.ServerResponse} response @param {any} error */
    const fail = (request, response, error) => {
        const status = statusOf(error);
        if (status >= 500) {
            tell(request, error);
        }
        if (response.headersSent) {
            if (!response.writableEnded) {
                response.destroy(); // half an answer must not look like a whole one
            }
            return;
        }
        for (const name of [...OF_BODY, 'cache-control', 'expires']) {
            response.removeHeader(name);
        }
        const text = `${development ? stackOf(error) : http.STATUS_CODES[status] ?? 'Error'}\n`;
        response.statusCode = status;
        response.setHeader('Content-Type', 'text/plain; charset=utf-8');
        setLength(response, Buffer.byteLength(text));
        response.end(text);
    };

    /** @param {http.IncomingMessage} request @param {http.ServerResponse} response */
    const handle = (request, response) => {
        const asked = request.url;
        /** @type {(() => void) | undefined} */
        let pass;
        const writeHead = response.writeHead;
        response.sendDate = false; // nginx's has it
        tellClient(request);
        dropInterim(response);
        // What is written behind the end; nobody listening, it would be an exception, and the process replaced.
        response.on('error', (error) => tell(request, error));
        // Innermost, below what middleware wraps around it: there a header may come at the last moment.
        /** @type {any} */ (response).writeHead = (/** @type {any[]} */ ...args) => {
            if (draining) {
                response.shouldKeepAlive = false;
            }
            pass?.();
            const bytes = headBytes(response);
            if (bytes > HTTP_ANSWER_HEADERS_MAX) {
                log('error', `middleware: ${request.method} ${request.url}: the headers of the answer have ${bytes} bytes, `
                    + `of which nginx takes ${HTTP_ANSWER_HEADERS_MAX}`);
            }
            if (pass && bytes > HTTP_ANSWER_HEADERS_MAX) {
                response.getHeaderNames().forEach((name) => response.removeHeader(name));
                setLength(response, 0);
                return writeHead.call(response, 500);
            }
            return pass ? writeHead.call(response, 200) : /** @type {any} */ (writeHead).apply(response, args);
        };
        const done = (/** @type {any} */ error) => {
            if (error) {
                fail(request, response, error);
                return;
            }
            if (response.headersSent || response.writableEnded) {
                log('warning', `middleware: ${request.method} ${request.url}: next() was called after an answer`);
                return;
            }
            try {
                const url = request.url === asked ? undefined : checkUrl(request.url);
                const where = apiPrefix !== undefined && isApi(request.url ?? '/', apiPrefix) ? API : ASSETS;
                pass = () => writePass(response, where, url);
            } catch (failure) {
                fail(request, response, failure);
                return;
            }
            response.end();
        };
        runMiddleware(chain, request, response, done, (error) => tell(request, error));
    };

    // How long anything may take is nginx's to say, which has read the request before it asks.
    const server = http.createServer({
        keepAliveTimeout: 0,
        requestTimeout: 0,
        headersTimeout: 0,
        maxHeaderSize: HTTP_HEADERS_MAX,
        .../** @type {any} */ ({ requireHostHeader: false }),
    }, handle);
    server.on('connection', (socket) => {
        open++;
        socket.on('close', () => open--);
    });
    server.on('error', (error) => log('error', `middleware: cannot accept connections: ${error.message}`));

    return {
        serve: () => server.listen({ fd }),
        /** Accepts no more, and goes on with what is there. */
        drain() {
            draining = true;
            if (server.listening) {
                // http.Server's own close would hang up on idle connections.
                net.Server.prototype.close.call(server);
            }
        },
        /** Connections that nginx has not closed yet. */
        get open() {
            return open;
        },
    };
}
