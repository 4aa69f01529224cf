// SPDX-License-Identifier: MIT
//
// A visitor of an application under test: one WebSocket, with the cookie of its session.
//
// Unlike the browser library it never connects again, and keeps every event until a test asks for
// it, so that no test depends on who is quicker.

import { once } from 'node:events';
import { WebSocket } from 'ws';

export const EVENTS_MAX = 10000; // that nobody asked for; the oldest go first
const WAIT_MS = 5000;

/** What the server answered instead of a result. */
export class CallError extends Error {
    /** @param {{code: number, message: string, data?: any}} error */
    constructor({ code, message, data }) {
        super(message);
        this.name = 'CallError';
        this.code = code;
        this.data = data;
    }
}

/**
 * The cookies of a session, for any number of clients.
 * @typedef {object} Session
 * @property {Map<string, string>} cookies
 * @property {Promise<void>} settled  once the session's last new id has its cookie
 */

/** @returns {Session} */
export const createSession = () => ({ cookies: new Map(), settled: Promise.resolve() });

/** @param {Session} session @param {string[] | undefined} headers of Set-Cookie */
function remember(session, headers) {
    for (const header of headers ?? []) {
        const [pair] = header.split(';');
        const at = pair.indexOf('=');
        session.cookies.set(pair.slice(0, at).trim(), pair.slice(at + 1).trim());
    }
}

/** @param {Session} session */
const cookieHeader = (session) => [...session.cookies].map(([name, value]) => `${name}=${value}`).join('; ');

/** The server has given the session another id. @param {string} url @param {Session} session
 *  @param {string} ticket */
async function exchange(url, session, ticket) {
    const response = await fetch(url, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', Cookie: cookieHeader(session) },
        body: JSON.stringify({ ticket }),
    });
    const header = response.headers.get('set-cookie');
    if (!response.ok) {
        throw new Error(`no cookie for the session's new id (status ${response.status})`);
    }
    remember(session, header ? [header] : []);
}

/**
 * @typedef {object} Client
 * @property {Session} session   give it to another client, and both are tabs of one browser
 * @property {{version: string, env: string, config: any, api: string[]}} server  what it said of itself
 * @property {(name: string, ...params: any[]) => Promise<any>} call
 *   the action's result; rejects with a CallError
 * @property {{event: string, params: any, channel?: string}[]} events  those not asked for yet
 * @property {(name: string, options?: {within?: number}) => Promise<any>} event
 *   the params of the oldest event of that name that was not asked for yet, once there is one;
 *   rejects when none comes `within` milliseconds, 5000 unless given
 * @property {() => Promise<void>} close
 */

/** @param {{socketUrl: string, session?: Session}} options @returns {Promise<Client>} */
export async function openClient({ socketUrl, session = createSession() }) {
    await session.settled;
    const headers = session.cookies.size > 0 ? { Cookie: cookieHeader(session) } : {};
    const socket = new WebSocket(socketUrl, 'socketstream', { headers });
    socket.on('upgrade', (response) => remember(session, response.headers['set-cookie']));
    socket.on('error', () => {}); // 'close' follows, and who waits for 'open' hears it too

    /** @type {Map<number, {resolve: (value: any) => void, reject: (error: Error) => void}>} */
    const calls = new Map();
    /** @type {{name: string, resolve: (params: any) => void}[]} */
    const waiting = [];
    let lastId = 0;

    /** @param {any[]} params */
    const takeEvent = ([event, params, channel]) => {
        const at = waiting.findIndex(({ name }) => name === event);
        if (at >= 0) {
            waiting.splice(at, 1)[0].resolve(params);
            return;
        }
        client.events.push(channel === undefined ? { event, params } : { event, params, channel });
        if (client.events.length > EVENTS_MAX) {
            client.events.shift();
        }
    };

    /** @type {Client} */
    const client = {
        session,
        server: { version: '', env: '', config: {}, api: [] },
        events: [],

        async call(name, ...params) {
            await session.settled;
            return new Promise((resolve, reject) => {
                if (socket.readyState !== WebSocket.OPEN) {
                    reject(new CallError({ code: -32003, message: 'the client is closed' }));
                    return;
                }
                const id = ++lastId;
                calls.set(id, { resolve, reject });
                socket.send(JSON.stringify({ jsonrpc: '2.0', id, method: name, params }));
            });
        },

        event(name, { within = WAIT_MS } = {}) {
            const at = client.events.findIndex(({ event }) => event === name);
            if (at >= 0) {
                return Promise.resolve(client.events.splice(at, 1)[0].params);
            }
            return new Promise((resolve, reject) => {
                const entry = { name, resolve: (/** @type {any} */ params) => { clearTimeout(timer); resolve(params); } };
                const timer = setTimeout(() => {
                    waiting.splice(waiting.indexOf(entry), 1);
                    reject(new Error(`no event '${name}' came within ${within} ms`));
                }, within);
                waiting.push(entry);
            });
        },

        async close() {
            if (socket.readyState !== WebSocket.CLOSED) {
                const closed = once(socket, 'close');
                socket.close(1000);
                await closed;
            }
        },
    };

    const ready = new Promise((resolve, reject) => {
        socket.on('message', (/** @type {Buffer} */ data) => {
            const message = JSON.parse(String(data));
            if (message.method === 'event') {
                takeEvent(message.params);
            } else if (message.method === 'system.init') {
                client.server = message.params;
                resolve(undefined);
            } else if (message.method === 'system.session') {
                session.settled = session.settled.then(() => exchange(socketUrl.replace(/^ws/, 'http'), session, message.params.ticket));
                session.settled.catch(() => {}); // the next call tells
            } else if (calls.has(message.id)) {
                const { resolve: give, reject: fail } = /** @type {any} */ (calls.get(message.id));
                calls.delete(message.id);
                message.error ? fail(new CallError(message.error)) : give(message.result);
            }
        });
        socket.on('close', (code) => {
            const error = new CallError({ code: -32003, message: `the connection was closed (${code})` });
            reject(error);
            for (const call of calls.values()) {
                call.reject(error);
            }
            calls.clear();
        });
    });
    await ready;
    return client;
}
