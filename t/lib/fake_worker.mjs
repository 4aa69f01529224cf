// SPDX-License-Identifier: MIT
//
// A fake nginx worker: speaks the link protocol to a real sidecar, well or badly on purpose.
//
// The codec here is written from docs/PROTOCOL.md's tables alone, not from shared/, so that an
// error in one of them shows.

import { spawn } from 'node:child_process';
import crypto from 'node:crypto';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');

export const VERSION = 1;
export const HEADER = 20;
export const CHUNK = 65536;
export const MORE = 1;
export const BINARY = 2;

export const op = Object.freeze({
  HELLO: 0x01, PING: 0x02, PONG: 0x03, GOODBYE: 0x04, DRAIN: 0x05, HEALTH: 0x06,
  OPEN: 0x10, ACCEPT: 0x11, REJECT: 0x12, REBIND: 0x13, CLOSED: 0x14, CLOSE: 0x15,
  STATE: 0x16, RATE_KEYS: 0x17, MESSAGE: 0x20, REPLY: 0x21, SEND: 0x22, REQUEST: 0x30, RESPONSE: 0x31,
  CANCEL: 0x32, JOIN: 0x40, LEAVE: 0x41, PUBLISH: 0x42,
  NODE: 0x44, DELIVER: 0x45, DELIVERED: 0x46,
});

export const ALL = 1;
export const SYSTEM = 2;

/**
 * @typedef {object} Frame
 * @property {number} op
 * @property {number} flags
 * @property {number} slot
 * @property {number} generation
 * @property {number} call
 * @property {Buffer} payload
 */

/**
 * One frame's bytes.  Everything may be wrong if a test wants it so.
 * @param {number} code
 * @param {{flags?: number, reserved?: number, slot?: number, generation?: number, call?: number,
 *          length?: number}} [fields]
 * @param {Buffer | string} [payload]
 */
export function frame(code, fields = {}, payload = '') {
  const body = Buffer.from(payload);
  const head = Buffer.alloc(HEADER);
  head.writeUInt32LE(fields.length ?? body.length, 0);
  head.writeUInt8(code, 4);
  head.writeUInt8(fields.flags ?? 0, 5);
  head.writeUInt16LE(fields.reserved ?? 0, 6);
  head.writeUInt32LE(fields.slot ?? 0, 8);
  head.writeUInt32LE(fields.generation ?? 0, 12);
  head.writeUInt32LE(fields.call ?? 0, 16);
  return Buffer.concat([head, body]);
}

/** @param {string | Buffer} text */
export function str16(text) {
  const bytes = Buffer.from(text);
  const length = Buffer.alloc(2);
  length.writeUInt16LE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/** @param {Record<string, string>} headers */
function pairs(headers) {
  const list = Object.entries(headers);
  return Buffer.concat([Buffer.from([list.length]),
    ...list.flatMap(([name, value]) => [str16(name), str16(value)])]);
}

/** @param {Buffer} bytes @param {number} at */
function readPairs(bytes, at) {
  /** @type {Record<string, string>} */
  const headers = {};
  let count = bytes[at++];
  const string = () => {
    const length = bytes.readUInt16LE(at);
    at += 2 + length;
    return bytes.toString('utf8', at - length, at);
  };
  for (; count > 0; count--) {
    const name = string();
    headers[name] = string();
  }
  return { headers, at };
}

/** @typedef {{version?: number, role?: number, maxMessage?: number, identity?: bigint, rate?: boolean}} Hello */

/** What tells one run of a worker from all others. */
export const newIdentity = () => crypto.randomBytes(8).readBigUInt64LE();

/** @param {Hello} [fields] */
export function hello({ version = VERSION, role = 1, maxMessage = 64 << 20,
  identity = newIdentity(), rate = false } = {}) {
  const fixed = Buffer.alloc(24);
  fixed.writeUInt16LE(version, 0);
  fixed.writeUInt16LE(role, 2);
  fixed.writeUInt32LE(process.pid, 4);
  fixed.writeBigUInt64LE(identity, 8);
  fixed.writeUInt32LE(0, 16);
  fixed.writeUInt32LE(maxMessage, 20);
  return frame(op.HELLO, {}, Buffer.concat([fixed, str16('fake-worker/1'), Buffer.from(rate ? [1] : [])]));
}

/**
 * A REQUEST's payload.
 * @param {{method?: string, path: string, args?: string, address?: string, flags?: number,
 *          headers?: Record<string, string>, body?: string | Buffer}} request
 */
export function request({ method = 'GET', path: where, args = '', address = '192.0.2.7',
  flags = 0, headers = {}, body = '' }) {
  return Buffer.concat([Buffer.from([flags]), str16(method), str16(where), str16(args),
    str16(address), pairs(headers), Buffer.from(body)]);
}

/**
 * Cuts a message into frames as a worker does.
 * @param {number} code
 * @param {{slot: number, generation: number, call?: number, flags?: number}} fields
 * @param {Buffer | string} payload
 */
export function chunks(code, fields, payload) {
  const bytes = Buffer.from(payload);
  const out = [];
  for (let at = 0; at === 0 || at < bytes.length; at += CHUNK) {
    const more = at + CHUNK < bytes.length ? MORE : 0;
    out.push(frame(code, { ...fields, flags: (fields.flags ?? 0) | more },
      bytes.subarray(at, at + CHUNK)));
  }
  return Buffer.concat(out);
}

/** Fails a promise that takes too long. @template T @param {Promise<T>} promise
 *  @param {string} what @param {number} ms @returns {Promise<T>} */
export async function within(promise, what, ms = 20_000) {
  /** @type {NodeJS.Timeout | undefined} */
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${ms} ms for ${what}`)), ms);
  });
  try {
    return await Promise.race([promise, /** @type {Promise<never>} */ (late)]);
  } finally {
    clearTimeout(timer);
  }
}

/** @typedef {{slot: number, generation: number}} Client */

/**
 * What a worker knows of a client.
 * @typedef {object} Place
 * @property {boolean} system      it understands system.*
 * @property {Buffer} state        for REBIND
 * @property {Set<string>} topics
 * @property {string[]} inbox      the texts sent to it that no reply is
 */

/** One link.  Answers PING by itself unless `mute`, spreads what is published, and keeps what HEALTH
 *  said last in `health`, and what NODE said in `node`. */
export class Worker {
  /** @param {net.Socket} socket */
  constructor(socket) {
    this.socket = socket;
    /** @type {Frame[]} */
    this.frames = [];
    /** @type {{match: (f: Frame) => boolean, resolve: (f: Frame) => void}[]} */
    this.waiting = [];
    /** The first byte of the last HEALTH. @type {number | undefined} */
    this.health = undefined;
    /** What the sidecar calls itself. */
    this.node = '';
    this.mute = false;
    this.closed = false;
    this.nextCall = 1;
    this.nextSlot = 1;
    this.identity = newIdentity();
    /** @type {Map<string, Place>} */
    this.places = new Map();
    /** @type {Set<() => void>} */
    this.listeners = new Set();
    /** @type {Map<string, Buffer[]>} */
    this.partial = new Map();
    /** @type {Buffer} */
    let rest = Buffer.alloc(0);
    socket.on('data', (piece) => {
      rest = rest.length ? Buffer.concat([rest, piece]) : piece;
      let at = 0;
      while (rest.length - at >= HEADER && rest.length - at >= HEADER + rest.readUInt32LE(at)) {
        const length = rest.readUInt32LE(at);
        this.receive({
          op: rest[at + 4], flags: rest[at + 5], slot: rest.readUInt32LE(at + 8),
          generation: rest.readUInt32LE(at + 12), call: rest.readUInt32LE(at + 16),
          payload: rest.subarray(at + HEADER, at + HEADER + length),
        });
        at += HEADER + length;
      }
      rest = rest.subarray(at);
    });
    socket.on('error', () => {});
    this.end = new Promise((resolve) => socket.on('close', () => {
      this.closed = true;
      resolve(undefined);
    }));
  }

  /** @param {Frame} f */
  receive(f) {
    if (f.op === op.PING && !this.mute) this.send(frame(op.PONG, {}, f.payload));
    if (f.op === op.PING) return;
    if (f.op === op.HEALTH) {
      [this.health] = f.payload;
      return;
    }
    if (f.op === op.NODE) {
      this.node = f.payload.toString();
      return;
    }
    const key = `${f.op}/${f.slot}`;
    const before = this.partial.get(key) ?? [];
    if (f.flags & MORE) {
      this.partial.set(key, [...before, f.payload]);
      return;
    }
    if (before.length) {
      f.payload = Buffer.concat([...before, f.payload]);
      this.partial.delete(key);
    }
    if (this.spread(f)) return;
    const i = this.waiting.findIndex((w) => w.match(f));
    if (i >= 0) this.waiting.splice(i, 1)[0].resolve(f);
    else this.frames.push(f);
  }

  /** What there is to know of a client. @param {Client} client */
  place({ slot, generation }) {
    const key = `${slot}/${generation}`;
    let place = this.places.get(key);
    if (!place) {
      place = { system: false, state: Buffer.alloc(0), topics: new Set(), inbox: [] };
      this.places.set(key, place);
    }
    return place;
  }

  /**
   * Does what an nginx worker does with topics; true when nobody else has to see the frame.
   * @param {Frame} f
   */
  spread(f) {
    const text = () => f.payload.toString();
    switch (f.op) {
      case op.JOIN: this.place(f).topics.add(text()); break;
      case op.LEAVE: this.place(f).topics.delete(text()); break;
      case op.STATE: this.place(f).state = Buffer.from(f.payload); break;
      case op.SEND: this.place(f).inbox.push(text()); break;
      case op.PUBLISH: this.publish(f.payload); break;
      default: return false;
    }
    for (const listener of this.listeners) listener();
    return f.op !== op.SEND;
  }

  /** @param {Buffer} payload */
  publish(payload) {
    const flags = payload[0];
    /** @type {[string, Buffer][]} */
    const list = [];
    let at = 2;
    const string = () => {
      const length = payload.readUInt16LE(at);
      at += 2 + length;
      return payload.subarray(at - length, at);
    };
    for (let i = 0; i < payload[1]; i++) list.push([string().toString(), string()]);
    const body = payload.subarray(at);
    for (const place of this.places.values()) {
      const hit = list.find(([topic]) => place.topics.has(topic));
      if (flags & SYSTEM && !place.system) continue;
      if (flags & ALL || hit) {
        place.inbox.push(Buffer.concat([body, hit ? hit[1] : Buffer.alloc(0)]).toString());
      }
    }
  }

  /**
   * Waits until `ready` gives something, looked at whenever anything was sent to a client.
   * @template T
   * @param {() => T} ready
   * @param {string} what
   * @param {number} [ms]
   * @returns {Promise<NonNullable<T>>}
   */
  async until(ready, what, ms) {
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
      }), what, ms);
    } finally {
      this.listeners.delete(listener);
    }
  }

  /**
   * The next event sent to a client, its params as a list; taken, with all before it.
   * @param {Client} client
   * @param {string} name
   * @param {number} [ms]
   */
  event(client, name, ms) {
    const { inbox } = this.place(client);
    return this.until(() => {
      for (const [i, text] of inbox.entries()) {
        const { method, params } = JSON.parse(text);
        if (method === name || (method === 'event' && params[0] === name)) {
          inbox.splice(0, i + 1);
          return /** @type {any} */ (params);
        }
      }
      return null;
    }, `${name} for ${client.slot}`, ms);
  }

  /** All events a client was sent and nobody has taken. @param {Client} client */
  events(client) {
    return this.place(client).inbox.splice(0).map((text) => JSON.parse(text))
      .filter(({ method }) => method === 'event').map(({ params }) => params);
  }

  /** Tells a sidecar of a client of another link. @param {Client} client @param {Place} from */
  rebind({ slot, generation }, from) {
    const place = this.place({ slot, generation });
    place.system = from.system;
    place.state = from.state;
    this.send(frame(op.REBIND, { slot, generation }, from.state));
  }

  /** @param {Client} client @param {number} [code] */
  leave({ slot, generation }, code = 1001) {
    const payload = Buffer.alloc(2);
    payload.writeUInt16LE(code);
    this.places.delete(`${slot}/${generation}`);
    this.send(frame(op.CLOSED, { slot, generation }, payload));
  }

  /** @param {Buffer} bytes */
  send(bytes) {
    if (!this.closed) this.socket.write(bytes);
  }

  /**
   * The next frame, received already or not, that matches; it is taken.
   * @param {(f: Frame) => boolean} match
   * @param {string} what
   * @param {number} [ms]
   */
  next(match, what, ms) {
    const i = this.frames.findIndex(match);
    if (i >= 0) return Promise.resolve(this.frames.splice(i, 1)[0]);
    /** @type {Promise<Frame>} */
    const promise = new Promise((resolve) => this.waiting.push({ match, resolve }));
    return within(promise, what, ms);
  }

  /** @param {Hello} [fields] */
  async hello(fields) {
    this.identity = fields?.identity ?? this.identity;
    this.send(hello({ ...fields, identity: this.identity }));
    const { payload } = await this.next((f) => f.op === op.HELLO, 'HELLO');
    return {
      version: payload.readUInt16LE(0), role: payload.readUInt16LE(2),
      pid: payload.readUInt32LE(4), generation: payload.readBigUInt64LE(8),
      timeoutMs: payload.readUInt32LE(16), maxMessage: payload.readUInt32LE(20),
      software: payload.toString('utf8', 26),
    };
  }

  /** Waits for GOODBYE and the end; gives its reason. */
  async goodbye() {
    const { payload } = await this.next((f) => f.op === op.GOODBYE, 'GOODBYE');
    await within(this.end, 'the end of the link');
    return payload.toString('utf8', 2);
  }

  /**
   * Opens a client.  `cookie` in the answer is what a browser would send next time.
   * @param {{slot?: number, generation?: number, system?: boolean, tls?: boolean,
   *          address?: string, headers?: Record<string, string>, cookie?: string}} [options]
   */
  async open({ slot = this.nextSlot++, generation = 1, system = false, tls = false,
    address = '192.0.2.1', cookie, headers = { 'user-agent': 'test' } } = {}) {
    const all = cookie === undefined ? headers : { ...headers, cookie };
    const place = this.place({ slot, generation });
    place.system = system;
    this.send(frame(op.OPEN, { slot, generation }, Buffer.concat([
      Buffer.from([(system ? 2 : 0) | (tls ? 1 : 0)]), str16('/socketstream'), str16(address),
      pairs(all)])));
    const answer = await this.next((f) => f.slot === slot && f.generation === generation &&
      (f.op === op.ACCEPT || f.op === op.REJECT), 'ACCEPT');
    if (answer.op !== op.ACCEPT) {
      return {
        slot, generation, accepted: false, state: Buffer.alloc(0), cookie,
        headers: /** @type {Record<string, string>} */ ({}),
      };
    }
    const length = answer.payload.readUInt16LE(0);
    const state = answer.payload.subarray(2, 2 + length);
    const got = readPairs(answer.payload, 2 + length).headers;
    place.state = Buffer.from(state);
    return {
      slot, generation, accepted: true, state, headers: got,
      cookie: got['Set-Cookie']?.split(';')[0] ?? cookie,
    };
  }

  /**
   * Sends a message that wants a reply, and gives the reply's text.
   * @param {{slot: number, generation: number}} client
   * @param {unknown} message  an object to serialize, or the text itself
   * @param {number} [ms]
   */
  async ask(client, message, ms) {
    const call = this.nextCall++;
    const text = typeof message === 'string' ? message : JSON.stringify(message);
    const { slot, generation } = client;
    this.send(chunks(op.MESSAGE, { slot, generation, call }, text));
    const reply = await this.next((f) => f.op === op.REPLY && f.call === call,
      `the reply to ${text.slice(0, 80)}`, ms);
    return reply.payload.toString();
  }

  /**
   * Calls an action; gives the reply as an object.
   * @param {{slot: number, generation: number}} client
   * @param {string} method
   * @param {unknown} [params]
   * @param {number} [ms]
   */
  async call(client, method, params, ms) {
    const id = this.nextCall;
    return JSON.parse(await this.ask(client, { jsonrpc: '2.0', id, method, params }, ms));
  }

  /**
   * One HTTP request.
   * @param {Parameters<typeof request>[0]} what
   */
  async http(what) {
    const slot = this.nextSlot++;
    this.send(chunks(op.REQUEST, { slot, generation: 1 }, request(what)));
    return this.response(slot, 1);
  }

  /** @param {number} slot @param {number} generation */
  async response(slot, generation) {
    const { payload } = await this.next((f) => f.op === op.RESPONSE && f.slot === slot &&
      f.generation === generation, 'RESPONSE');
    const { headers, at } = readPairs(payload, 2);
    return { status: payload.readUInt16LE(0), headers, body: payload.toString('utf8', at) };
  }

  /** Returns once everything sent before has been handled. */
  async sync() {
    const mark = Buffer.alloc(8);
    mark.writeUInt32LE(this.nextCall++);
    this.send(frame(op.PING, {}, mark));
    await this.next((f) => f.op === op.PONG && f.payload.equals(mark), 'PONG');
  }

  close() {
    this.socket.destroy();
  }
}

/** Connects without a word. @param {string} where */
export async function connect(where) {
  const socket = net.connect(where);
  await within(once(socket, 'connect'), 'the connection');
  return new Worker(socket);
}

/** A running sidecar. */
export class Sidecar {
  /** @param {string} dir @param {import('node:child_process').ChildProcess} child */
  constructor(dir, child) {
    this.dir = dir;
    this.path = path.join(dir, 's.sock');
    this.child = child;
    this.log = '';
    /** @type {Worker[]} */
    this.workers = [];
    child.stderr?.on('data', (piece) => { this.log += piece; });
    // A test that failed half-way does not stop its sidecar: the end of the process does.
    child.unref();
    /** @type {any} */ (child.stderr)?.unref();
    const kill = () => child.kill('SIGKILL');
    process.on('exit', kill);
    /** @type {Promise<{code: number | null, signal: string | null}>} */
    this.exit = new Promise((resolve) => child.on('close', (code, signal) => {
      process.off('exit', kill);
      resolve({ code, signal });
    }));
  }

  /** Waits for a line of the log. @param {RegExp} pattern @param {number} [ms] */
  async logged(pattern, ms = 20_000) {
    const end = Date.now() + ms;
    while (!pattern.test(this.log)) {
      if (Date.now() > end) throw new Error(`no ${pattern} in the log:\n${this.log}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    return this.log;
  }

  /** A link that has said HELLO. @param {Hello} [fields] */
  async worker(fields) {
    const worker = await connect(this.path);
    this.workers.push(worker);
    await worker.hello(fields);
    return worker;
  }

  /** A figure of /proc/PID/status, in KiB. @param {string} name */
  memory(name = 'VmRSS') {
    const status = fs.readFileSync(`/proc/${this.child.pid}/status`, 'utf8');
    return Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1]);
  }

  /** User and system time in µs. */
  cpu() {
    const stat = fs.readFileSync(`/proc/${this.child.pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) * 10000;
  }

  /** Ends it, if it has not ended, and removes its folder.  Its log must hold no report. */
  async stop() {
    for (const worker of this.workers) worker.close();
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill('SIGTERM');
    const end = await within(this.exit, 'the sidecar to leave', 15000);
    fs.rmSync(this.dir, { recursive: true, force: true });
    if (/Sanitizer|runtime error:/.test(this.log)) throw new Error(this.log);
    return end;
  }
}

export const testApp = path.join(root, 't/sidecar/app');

/**
 * Starts a sidecar on a socket of its own, without waiting for it.
 * @param {string[]} [args]
 * @param {{app?: string, env?: Record<string, string>, listen?: string}} [options]
 */
export function spawnSidecar(args = [], { app = testApp, env = {}, listen } = {}) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'ss-'));
  // What a sanitizer holds back of freed memory would hide growth that is real.
  const asan = [process.env.ASAN_OPTIONS, 'quarantine_size_mb=4'].filter(Boolean).join(':');
  const program = process.env.SS_BIN ?? path.join(root, 'build/bin/socketstream');
  const child = spawn(program, ['sidecar', '--app', app, '--listen',
    listen ?? path.join(dir, 's.sock'), ...args], {
    stdio: ['ignore', 'inherit', 'pipe'],
    env: {
      SS_INCLUDE_DIR: path.join(root, 'sidecar/include'), ...process.env, ASAN_OPTIONS: asan, ...env,
    },
  });
  return new Sidecar(dir, child);
}

/**
 * Starts a sidecar and waits until it listens.
 * @param {string[]} [args]
 * @param {Parameters<typeof spawnSidecar>[1]} [options]
 */
export async function startSidecar(args, options) {
  const sidecar = spawnSidecar(args, options);
  /** @type {Error | undefined} */
  let ended;
  sidecar.exit.then(({ code }) => {
    ended = new Error(`the sidecar ended with ${code}:\n${sidecar.log}`);
  });
  for (const limit = Date.now() + 30000; ;) {
    try {
      (await connect(options?.listen ?? sidecar.path)).close();
      return sidecar;
    } catch (error) {
      if (ended || Date.now() > limit) throw ended ?? error;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}
