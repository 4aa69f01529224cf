// SPDX-License-Identifier: MIT
//
// A console: an action host without actions, attached to a running sidecar, that asks whatever it is
// told to.  The codec is written from docs/ACTION_HOSTS.md's tables alone.

import { chunks, connect, frame, str16 } from './fake_worker.mjs';

export const op = Object.freeze({
  SETUP: 0x50, READY: 0x51, CALL: 0x53, RETURN: 0x54, FAIL: 0x55, ASK: 0x56, ANSWER: 0x57, EVENT: 0x58,
});
const ROLE_HOST = 3;

/** @typedef {import('./fake_worker.mjs').Worker} Link */

/** A uint32 and the bytes. @param {string | Buffer} text */
function str32(text) {
  const bytes = Buffer.from(text);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/** @param {string} what @param {string} args @param {string | Buffer} body */
export const askPayload = (what, args, body = '') =>
  Buffer.concat([str16(what), str32(args), Buffer.from(body)]);

export class Console {
  /** @param {Link} link */
  constructor(link) {
    this.link = link;
    this.nextNumber = 1;
  }

  /**
   * Asks, and gives the answer; an error is thrown, with its code and data.
   * @param {string} what
   * @param {unknown} [args]  an object, or the text itself
   * @param {string | Buffer} [body]
   * @param {{slot: number, generation: number}} [handle]  of the call in whose course it is asked
   * @returns {Promise<any>}
   */
  async ask(what, args, body, handle) {
    return JSON.parse(await this.askText(what, args, body, handle));
  }

  /** The same, the answer as it was written. @param {string} what @param {unknown} [args]
   *  @param {string | Buffer} [body] @param {{slot: number, generation: number}} [handle] */
  async askText(what, args = {}, body = '', handle) {
    const call = this.nextNumber++;
    this.tell(what, args, body, call, handle);
    const { payload } = await this.link.next((f) => f.op === op.ANSWER && f.call === call, `the answer to ${what}`);
    const text = payload.toString('utf8', 1);
    if (payload[0] === 1) return text;
    const { message, ...rest } = JSON.parse(text);
    throw Object.assign(new Error(message), rest);
  }

  /** Asks without wanting an answer. @param {string} what @param {unknown} args
   *  @param {string | Buffer} [body] @param {number} [call]
   *  @param {{slot: number, generation: number}} [handle] */
  tell(what, args, body = '', call = 0, handle = { slot: 0, generation: 0 }) {
    const text = typeof args === 'string' ? args : JSON.stringify(args);
    this.link.send(chunks(op.ASK, { ...handle, call }, askPayload(what, text, body)));
  }

  /** The next event of a name; taken. @param {string} name */
  async event(name) {
    const { payload } = await this.link.next((f) => f.op === op.EVENT &&
      JSON.parse(f.payload.toString()).event === name, name);
    return JSON.parse(payload.toString());
  }

  /** The names of all events that came and nobody has taken. */
  events() {
    return this.link.frames.filter((f) => f.op === op.EVENT).map((f) => JSON.parse(f.payload.toString()).event);
  }

  close() {
    this.link.close();
  }
}

/** @param {string} where the sidecar's socket */
export async function attachConsole(where) {
  const link = await connect(where);
  await link.hello({ role: ROLE_HOST });
  link.send(frame(op.READY, {}, '{"actions":[]}'));
  return new Console(link);
}
