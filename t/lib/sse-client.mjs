// SPDX-License-Identifier: MIT
//
// The fallback transport from a client's side, as docs/PROTOCOL.md has it: an event stream down,
// POSTs up, one at a time, repeated under their number until they are answered.

import { request } from 'node:http';
import { sleep } from './stack.mjs';

/** @typedef {{event: string, data: string}} Event */

/**
 * @typedef {object} Post
 * @property {number} status  0 when the connection broke
 */

/**
 * One POST on a connection of its own.
 * @param {number} port @param {Record<string, string>} headers @param {string | Buffer} body
 * @param {string} [path]
 * @returns {Promise<Post>}
 */
export const post = (port, headers, body, path = '/socketstream') => new Promise((resolve) => {
  const asked = request({ host: '127.0.0.1', port, path, method: 'POST', agent: false, headers: {
    'content-type': 'application/x-ndjson', 'content-length': Buffer.byteLength(body), ...headers,
  } }, (response) => {
    response.resume();
    response.on('close', () => resolve({ status: response.statusCode ?? 0 }));
  });
  asked.on('error', () => resolve({ status: 0 }));
  asked.end(body);
});

export class EventStream {
  /** @param {number} port @param {{path?: string, headers?: Record<string, string>}} [options] */
  constructor(port, { path = '/socketstream', headers = {} } = {}) {
    this.port = port;
    this.path = path.replace(/\?.*/, '');
    this.status = 0;
    this.secret = '';
    this.seq = 0;
    this.ended = false;
    /** @type {number | null} */
    this.code = null;
    /** Messages that answer no call. @type {any[]} */
    this.other = [];
    /** How often a POST was answered with what. @type {Record<number, number>} */
    this.answers = {};
    /** @type {Map<number, (answer: any) => void>} */
    this.pending = new Map();
    this.nextId = 1;
    /** The last POST. @type {Promise<unknown>} */
    this.sent = Promise.resolve();
    this.open = new Promise((resolve) => {
      this.request = request({ host: '127.0.0.1', port, path, agent: false,
        headers: { accept: 'text/event-stream', ...headers } }, (response) => {
        this.status = response.statusCode ?? 0;
        this.headers = response.headers;
        if (this.status !== 200) resolve(this);
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (piece) => {
          text += piece;
          for (let end; (end = text.indexOf('\n\n')) >= 0; text = text.slice(end + 2)) {
            this.take(text.slice(0, end));
            if (this.secret) resolve(this);
          }
        });
        response.on('close', () => this.end());
      });
      this.request.on('error', () => { this.end(); resolve(this); });
      this.request.end();
    });
  }

  /** @param {string} block of lines */
  take(block) {
    const fields = Object.fromEntries(block.split('\n').map((line) => {
      const at = line.indexOf(': ');
      return [line.slice(0, at), line.slice(at + 2)];
    }));
    if (fields.event === 'open') this.secret = JSON.parse(fields.data).secret;
    else if (fields.event === 'close') ({ code: this.code } = JSON.parse(fields.data));
    else if (fields.data !== undefined) this.message(JSON.parse(fields.data));
  }

  /** @param {any} message */
  message(message) {
    const answer = this.pending.get(message.id);
    if (!answer) return void this.other.push(message);
    this.pending.delete(message.id);
    answer(message);
  }

  end() {
    this.ended = true;
    for (const answer of this.pending.values()) answer(null);
    this.pending.clear();
  }

  /** @param {string} text @param {number} [seq] @param {number} [port] where it lands */
  async post(text, seq = this.seq + 1, port = this.port) {
    const { status } = await post(port,
      { 'socketstream-stream': this.secret, 'socketstream-seq': String(seq) }, text, this.path);
    this.answers[status] = (this.answers[status] ?? 0) + 1;
    if (status === 204) this.seq = Math.max(this.seq, seq);
    return status;
  }

  /** Sends it after what was sent before, until it is taken or the stream has ended.
   *  @param {string} text @param {number} [times] that it is posted in any case */
  send(text, times = 1) {
    this.sent = this.sent.then(async () => {
      const seq = this.seq + 1;
      for (let left = times; left > 0 && !this.ended;) {
        const status = await this.post(text, seq);
        if (status === 204) left--;
        else if (status !== 0 && status < 500) return; // a proxy's 502 says as little as a broken connection
        else await sleep(20);
      }
    });
    return this.sent;
  }

  /** The answer, an object with result or error; null when the stream ended without one.
   *  @param {string} method @param {any} [params] @param {number} [times] that it is posted */
  call(method, params = [], times) {
    const id = this.nextId++;
    return new Promise((resolve) => {
      if (this.ended) return resolve(null);
      this.pending.set(id, resolve);
      this.send(JSON.stringify({ jsonrpc: '2.0', id, method, params }), times);
    });
  }

  close() { this.request?.destroy(); }
}

/** @param {number} port @param {ConstructorParameters<typeof EventStream>[1]} [options]
 *  @returns {Promise<EventStream>} */
export const openStream = async (port, options) => {
  const stream = new EventStream(port, options);
  await stream.open;
  return stream;
};
