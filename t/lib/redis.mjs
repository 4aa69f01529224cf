// SPDX-License-Identifier: MIT
//
// A redis-server of a test's own on a Unix socket, and a client for it.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { within } from './fake_worker.mjs';

/** Reads one value of RESP2 at `at`; null when it is not there as a whole. @param {Buffer} bytes
 *  @param {number} at @returns {{value: any, at: number} | null} */
function parse(bytes, at) {
  const end = bytes.indexOf('\r\n', at);
  if (end < 0) return null;
  const line = bytes.toString('utf8', at + 1, end);
  const after = end + 2;
  switch (bytes[at]) {
    case 0x2b: return { value: line, at: after };
    case 0x2d: return { value: new Error(line), at: after };
    case 0x3a: return { value: Number(line), at: after };
    case 0x24: {
      const length = Number(line);
      if (length < 0) return { value: null, at: after };
      if (bytes.length < after + length + 2) return null;
      return { value: bytes.toString('utf8', after, after + length), at: after + length + 2 };
    }
    default: {
      const list = [];
      let next = after;
      for (let i = 0; i < Number(line); i++) {
        const item = parse(bytes, next);
        if (!item) return null;
        list.push(item.value);
        next = item.at;
      }
      return { value: list, at: next };
    }
  }
}

/** One connection, as redis-cli has it. */
export class RedisClient {
  /** @param {string} where */
  constructor(where) {
    this.socket = net.connect(where);
    /** @type {((value: any) => void)[]} */
    this.waiting = [];
    /** @type {Buffer} */
    let rest = Buffer.alloc(0);
    this.socket.on('error', () => {});
    this.socket.on('data', (piece) => {
      rest = rest.length ? Buffer.concat([rest, piece]) : piece;
      let at = 0;
      for (let got; (got = parse(rest, at)) !== null; at = got.at) this.waiting.shift()?.(got.value);
      rest = rest.subarray(at);
    });
  }

  /** @param {...(string | number)} words @returns {Promise<any>} */
  async command(...words) {
    const parts = words.map((word) => `$${Buffer.byteLength(String(word))}\r\n${word}\r\n`);
    this.socket.write(`*${words.length}\r\n${parts.join('')}`);
    const answer = await within(new Promise((resolve) => this.waiting.push(resolve)),
      `Redis' answer to ${words[0]}`);
    if (answer instanceof Error) throw answer;
    return answer;
  }

  close() { this.socket.destroy(); }
}

/** A running server, which keeps its data through restart(). */
export class Redis {
  constructor() {
    this.dir = fs.mkdtempSync(path.join(os.tmpdir(), 'ss-redis-'));
    this.path = path.join(this.dir, 'r.sock');
    this.url = `unix://${this.path}`;
    /** @type {import('node:child_process').ChildProcess | undefined} */
    this.child = undefined;
    this.kill = () => this.child?.kill('SIGKILL');
    process.on('exit', this.kill);
  }

  async start() {
    const child = spawn('redis-server', ['--port', '0', '--unixsocket', this.path, '--dir', this.dir,
      '--appendonly', 'yes', '--appendfsync', 'no', '--save', '', '--daemonize', 'no'],
    { stdio: 'ignore' });
    this.child = child;
    child.unref();
    for (const limit = Date.now() + 10000; ;) {
      try {
        const probe = new RedisClient(this.path);
        await once(probe.socket, 'connect');
        const answer = await probe.command('PING').catch(() => null);
        probe.close();
        if (answer === 'PONG') break;
        throw new Error('it is loading');
      } catch (error) {
        if (Date.now() > limit) throw error;
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    }
    this.cli = new RedisClient(this.path);
    return this;
  }

  /** One command. @param {...(string | number)} words */
  command(...words) {
    if (!this.cli) throw new Error('Redis is not running');
    return this.cli.command(...words);
  }

  /** A hash as an object. @param {string} key */
  async hash(key) {
    const list = await this.command('HGETALL', key);
    /** @type {Record<string, string>} */
    const object = {};
    for (let i = 0; i < list.length; i += 2) object[list[i]] = list[i + 1];
    return object;
  }

  /** @param {NodeJS.Signals} name */
  signal(name) { this.child?.kill(name); }

  /** Ends as an operator ends it. */
  async quit() {
    if (!this.child) return;
    this.child.ref(); // a test that waits for nothing else would end here
    const ended = once(this.child, 'close');
    this.command('SHUTDOWN', 'NOSAVE').catch(() => {}); // has no answer
    await ended;
    this.child = undefined;
    await this.shutdown();
  }

  async shutdown() {
    this.cli?.close();
    this.cli = undefined;
    if (!this.child) return;
    this.child.ref(); // a test that waits for nothing else would end here
    const ended = once(this.child, 'close');
    this.child.kill('SIGKILL');
    await ended;
    this.child = undefined;
    fs.rmSync(this.path, { force: true });
  }

  async stop() {
    await this.shutdown();
    process.off('exit', this.kill);
    fs.rmSync(this.dir, { recursive: true, force: true });
  }
}

export const startRedis = () => new Redis().start();
