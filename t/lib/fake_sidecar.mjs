// SPDX-License-Identifier: MIT
//
// A fake sidecar: runs the JavaScript action host and says to it, over the link, whatever a test
// wants.
//
// The codec is the fake worker's, and the payloads are written from docs/ACTION_HOSTS.md, so that an
// error in host/ shows.  Questions of the host are answered by `answers`, a function for each.

import { spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { chunks, frame, op as common, str16, within } from './fake_worker.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const HEADER = 20;

export const op = Object.freeze({
    ...common,
    SETUP: 0x50,
    READY: 0x51,
    RETIRE: 0x52,
    CALL: 0x53,
    RETURN: 0x54,
    FAIL: 0x55,
    ASK: 0x56,
    ANSWER: 0x57,
    EVENT: 0x58,
    ACTIONS: 0x59,
    SERVE: 0x5a,
});
export const SILENT = 1;

/** @typedef {{op: number, flags: number, handle: number, generation: number, number: number, payload: Buffer}} Message */
/** @typedef {{what: string, args: any, body: any, handle: number, number: number}} Ask */
/** @typedef {{result?: any, error?: any}} Answer */

/** A session that the host asks about, as the sidecar would keep it. */
export const emptySession = () => ({ id: 's1', created_at: 1321000000000 });

/** @param {string} action @param {string | Buffer} params JSON @param {any} [facts]
 *  @param {number} [flags] */
export function callPayload(action, params, facts = { id: 'r1', transport: 'websocket', address: '192.0.2.1', socket: 'n-1-1', session: emptySession() }, flags = 0) {
    const text = Buffer.from(typeof facts === 'string' ? facts : JSON.stringify(facts));
    const length = Buffer.alloc(4);
    length.writeUInt32LE(text.length);
    return Buffer.concat([Buffer.from([flags]), str16(action), length, text, Buffer.from(params)]);
}

/** @param {Buffer} payload */
function readAsk(payload) {
    const whatEnd = 2 + payload.readUInt16LE(0);
    const argsEnd = whatEnd + 4 + payload.readUInt32LE(whatEnd);
    const body = payload.toString('utf8', argsEnd);
    return {
        what: payload.toString('utf8', 2, whatEnd),
        args: JSON.parse(payload.toString('utf8', whatEnd + 4, argsEnd)),
        body: body === '' ? undefined : JSON.parse(body),
    };
}

/** @param {{version?: number, role?: number, timeoutMs?: number, maxMessage?: number}} hello */
export function helloPayload({ version = 1, role = 2, timeoutMs = 30000, maxMessage = 16 << 20 }) {
    const fixed = Buffer.alloc(24);
    fixed.writeUInt16LE(version, 0);
    fixed.writeUInt16LE(role, 2);
    fixed.writeUInt32LE(process.pid, 4);
    fixed.writeUInt32LE(timeoutMs, 16);
    fixed.writeUInt32LE(maxMessage, 20);
    return Buffer.concat([fixed, str16('fake-sidecar/1')]);
}

export class FakeSidecar {
    /** @param {import('node:child_process').ChildProcess} child @param {net.Socket} socket */
    constructor(child, socket) {
        this.child = child;
        this.socket = socket;
        /** What the host wrote to its standard output and error. */
        this.output = '';
        /** Lines of the log, "level message". @type {string[]} */
        this.log = [];
        /** @type {Ask[]} */
        this.asked = [];
        /** @type {Record<string, (ask: Ask) => Answer | Promise<Answer> | undefined>} */
        this.answers = {};
        /** @type {Message[]} */
        this.messages = [];
        /** Writes of the host, and the frames in them. */
        this.chunksRead = 0;
        this.framesRead = 0;
        /** @type {any} */
        this.ready = undefined;
        this.nextHandle = 1;
        /** @type {Map<number, (answer: any) => void>} */
        this.calls = new Map();
        /** @type {Set<() => void>} */
        this.listeners = new Set();
        this.exit = new Promise((resolve) => child.on('exit', (code, signal) => resolve({ code, signal })));
        const take = (/** @type {Buffer} */ data) => {
            this.output += data;
            for (const listener of this.listeners) listener();
        };
        child.stdout?.on('data', take);
        child.stderr?.on('data', take);
        socket.on('error', () => {});
        this.#read();
    }

    #read() {
        /** @type {Buffer} */
        let rest = Buffer.alloc(0);
        /** @type {Buffer[]} */
        let pieces = [];
        this.socket.on('data', (data) => {
            this.chunksRead++;
            rest = rest.length ? Buffer.concat([rest, data]) : data;
            let at = 0;
            while (rest.length - at >= HEADER && rest.length - at >= HEADER + rest.readUInt32LE(at)) {
                const length = rest.readUInt32LE(at);
                const payload = rest.subarray(at + HEADER, at + HEADER + length);
                this.framesRead++;
                pieces.push(payload);
                if (!(rest[at + 5] & 1)) {
                    this.receive({
                        op: rest[at + 4], flags: rest[at + 5], handle: rest.readUInt32LE(at + 8),
                        generation: rest.readUInt32LE(at + 12), number: rest.readUInt32LE(at + 16),
                        payload: Buffer.concat(pieces),
                    });
                    pieces = [];
                }
                at += HEADER + length;
            }
            rest = rest.subarray(at);
            for (const listener of this.listeners) listener();
        });
    }

    /** @param {Message} message */
    receive(message) {
        if (message.op === op.ASK) {
            const asked = { ...readAsk(message.payload), handle: message.handle, number: message.number };
            if (asked.what === 'log') this.log.push(`${asked.args.level} ${asked.args.message}`);
            else this.answer(asked);
            return;
        }
        if (message.op === op.READY) {
            this.ready = JSON.parse(String(message.payload));
            return;
        }
        const waiting = this.calls.get(message.handle);
        if ((message.op === op.RETURN || message.op === op.FAIL) && waiting) {
            this.calls.delete(message.handle);
            const value = JSON.parse(String(message.payload));
            waiting(message.op === op.RETURN ? { result: value } : { error: value });
            return;
        }
        this.messages.push(message);
    }

    /** @param {Ask} asked */
    async answer(asked) {
        this.asked.push(asked);
        const answer = await (this.answers[asked.what]?.(asked) ?? { result: null });
        if (asked.number !== 0) {
            const text = Buffer.from(JSON.stringify(answer.error ?? answer.result));
            this.send(op.ANSWER, Buffer.concat([Buffer.from([answer.error ? 0 : 1]), text]), { number: asked.number });
        }
    }

    /** @param {number} code @param {Buffer | string} [payload]
     *  @param {{handle?: number, generation?: number, number?: number}} [fields] */
    send(code, payload = '', { handle = 0, generation = 0, number = 0 } = {}) {
        this.socket.write(chunks(code, { slot: handle, generation, call: number }, payload));
    }

    /** Calls an action: {result} or {error}.  @param {string} action @param {any} [params]
     *  @param {any} [facts] @param {number} [flags] @returns {Promise<any>} */
    call(action, params = [], facts, flags) {
        const handle = this.nextHandle++;
        const answered = new Promise((resolve) => this.calls.set(handle, resolve));
        this.send(op.CALL, callPayload(action, typeof params === 'string' || Buffer.isBuffer(params) ? params : JSON.stringify(params), facts, flags), { handle });
        const gone = this.exit.then(() => { throw new Error(`the host ended before it answered ${action}`); });
        return within(Promise.race([answered, gone]), `the answer of ${action}`, 60_000);
    }

    /** Waits until `ready` gives something.  @template T @param {() => T} ready @param {string} what
     *  @returns {Promise<NonNullable<T>>} */
    async until(ready, what) {
        /** @type {() => void} */
        let listener = () => {};
        try {
            return await within(new Promise((resolve) => {
                listener = () => {
                    const got = ready();
                    if (got) resolve(got);
                };
                this.listeners.add(listener);
                listener();
            }), `${what}; the host said: ${this.output} ${this.log.join('\n')}`, 15000);
        } finally {
            this.listeners.delete(listener);
        }
    }

    /** A message of that operation, taken.  @param {number} code @param {string} what */
    next(code, what) {
        return this.until(() => {
            const i = this.messages.findIndex((message) => message.op === code);
            return i < 0 ? null : this.messages.splice(i, 1)[0];
        }, what);
    }

    /** The next question of that name, taken.  @param {string} what */
    nextAsk(what) {
        return this.until(() => {
            const i = this.asked.findIndex((asked) => asked.what === what);
            return i < 0 ? null : this.asked.splice(i, 1)[0];
        }, `the host to ask ${what}`);
    }

    /** A line of the log.  @param {RegExp} pattern */
    logged(pattern) {
        return this.until(() => this.log.find((line) => pattern.test(line)), `${pattern} in the log`);
    }

    /** @param {any} event */
    event(event) {
        this.send(op.EVENT, JSON.stringify(event));
    }

    /** Waits until all that was sent has been handled, and its microtasks with it. */
    async handled() {
        this.send(op.PING, 'handled!');
        await this.next(op.PONG, 'PONG');
    }

    async stop() {
        this.socket.destroy();
        const timer = setTimeout(() => this.child.kill('SIGKILL'), 5000);
        const end = await this.exit;
        clearTimeout(timer);
        return end;
    }
}

/** Writes an application's files into a folder of its own.  @param {Record<string, string>} files */
export function writeApp(files) {
    const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'ss-host-'));
    process.on('exit', () => fs.rmSync(dir, { recursive: true, force: true }));
    for (const [name, text] of Object.entries(files)) {
        fs.mkdirSync(path.dirname(path.join(dir, name)), { recursive: true });
        fs.writeFileSync(path.join(dir, name), text);
    }
    return dir;
}

/** Two ends of a Unix stream socket: ours, and one as a file descriptor for a child.
 *  @returns {Promise<{ours: net.Socket, theirs: net.Socket}>} */
async function socketPair() {
    const where = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'ss-pair-')), 's');
    const server = net.createServer();
    await new Promise((resolve) => server.listen(where, () => resolve(undefined)));
    const theirs = net.connect(where);
    const ours = await new Promise((resolve) => server.once('connection', resolve));
    server.close();
    fs.rmSync(path.dirname(where), { recursive: true });
    return { ours, theirs };
}

/** Runs a host and says HELLO and SETUP; does not wait for READY.
 *  @param {string} app  its folder
 *  @param {{env?: string, config?: any, setup?: any, hello?: Parameters<typeof helloPayload>[0],
 *           nodeArguments?: string[]}} [options] */
export async function spawnHost(app, { env = 'production', config = {}, setup = {}, hello = {}, nodeArguments = [] } = {}) {
    const { ours, theirs } = await socketPair();
    const child = spawn(process.execPath, [...nodeArguments, path.join(root, 'host/main.mjs')], {
        cwd: app,
        env: { ...process.env, SS_HOST_FD: '3', SS_ENV: env },
        stdio: ['ignore', 'pipe', 'pipe', theirs],
    });
    theirs.destroy(); // the child has its own copy
    const sidecar = new FakeSidecar(child, ours);
    process.on('exit', () => child.kill('SIGKILL'));
    await sidecar.next(op.HELLO, 'HELLO');
    sidecar.send(op.HELLO, helloPayload(hello));
    sidecar.send(op.SETUP, JSON.stringify({
        app, env, version: '0.1.0', root, name: 'host 0', index: 0, count: 1,
        config: { ss_var: 'SS', redis: {}, client: {}, ...config }, actions: [], ...setup,
    }));
    return sidecar;
}

/** The same, and waits until it is ready.  @param {Record<string, string> | string} files or a folder
 *  @param {Parameters<typeof spawnHost>[1]} [options] */
export async function startHost(files, options) {
    const sidecar = await spawnHost(typeof files === 'string' ? files : writeApp(files), options);
    await sidecar.until(() => sidecar.ready, 'READY');
    return sidecar;
}

export { frame, within };
