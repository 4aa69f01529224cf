// SPDX-License-Identifier: MIT
//
// A WebSocket client for tests that need thousands of them, or need to break the rules: frames are
// written as told, and everything that comes is kept.  Well-behaved clients use npm ws.

import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';

const OPCODE = { cont: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 };
const MASK = Buffer.from([0x37, 0xfa, 0x21, 0x3d]);

/** @param {string} [path] @param {string[]} [headers] */
export function handshake(path = '/socketstream', headers = []) {
  const lines = [
    `GET ${path} HTTP/1.1`, 'Host: localhost', 'Upgrade: websocket', 'Connection: Upgrade',
    'Sec-WebSocket-Version: 13', `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
    ...headers, '', '',
  ];
  return Buffer.from(lines.join('\r\n'), 'latin1');
}

/** @param {keyof typeof OPCODE} type @param {string | Buffer} payload */
export function frame(type, payload) {
  const data = Buffer.from(payload);
  const n = data.length;
  const extra = n < 126 ? 0 : n < 65536 ? 2 : 8;
  const out = Buffer.alloc(2 + extra + 4 + n);
  out[0] = 0x80 | OPCODE[type];
  out[1] = 0x80 | (n < 126 ? n : n < 65536 ? 126 : 127);
  if (extra === 2) out.writeUInt16BE(n, 2);
  if (extra === 8) out.writeBigUInt64BE(BigInt(n), 2);
  MASK.copy(out, 2 + extra);
  for (let i = 0; i < n; i++) out[6 + extra + i] = data[i] ^ MASK[i & 3];
  return out;
}

/**
 * @typedef {object} Client
 * @property {import('node:net').Socket} socket
 * @property {number} status        of the handshake; 0 until it is answered
 * @property {string} head          of the handshake's answer
 * @property {number | null} code   the server's close code; 1005 when it gave none
 * @property {boolean} ended        the connection is gone
 * @property {Map<number, {resolve: (answer: any) => void, at: number}>} pending
 * @property {any[]} other          messages that answer no call
 * @property {(method: string, params?: any) => Promise<any>} call
 *   the answer, an object with result or error; null when the connection ended without one
 * @property {(bytes: Buffer) => void} write
 * @property {() => Promise<void>} closed
 */

/**
 * Connects, shakes hands, and resolves when that is answered or the connection ended.
 * @param {number} port
 * @param {{path?: string, headers?: string[], address?: string, take?: (text: Buffer) => boolean}} [options]
 *   `take` is shown each message first, and says whether it keeps it
 * @returns {Promise<Client>}
 */
export function open(port, options = {}) {
  const socket = connect({ port, host: '127.0.0.1', localAddress: options.address });
  socket.setNoDelay(true);
  /** @type {Buffer} */
  let buffer = Buffer.alloc(0);
  let nextId = 1;
  /** @type {(() => void)[]} */
  const waiting = [];

  /** @type {Client} */
  const client = {
    socket, status: 0, head: '', code: null, ended: false, pending: new Map(), other: [],
    call(method, params = []) {
      const id = nextId++;
      return new Promise((resolve) => {
        if (client.ended) return resolve(null);
        client.pending.set(id, { resolve, at: Date.now() });
        socket.write(frame('text', JSON.stringify({ jsonrpc: '2.0', id, method, params })));
      });
    },
    write(bytes) { socket.write(bytes); },
    closed() {
      return new Promise((resolve) => { if (client.ended) resolve(); else waiting.push(resolve); });
    },
  };

  /** @param {Buffer} payload */
  const message = (payload) => {
    if (options.take?.(payload)) return;
    const answer = JSON.parse(payload.toString('utf8'));
    const call = client.pending.get(answer.id);
    if (!call) return void client.other.push(answer);
    client.pending.delete(answer.id);
    call.resolve(answer);
  };

  // One whole frame off the front of the buffer, or false.
  const takeFrame = () => {
    if (buffer.length < 2) return false;
    let length = buffer[1] & 0x7f;
    let at = 2;
    if (length === 126) {
      if (buffer.length < 4) return false;
      length = buffer.readUInt16BE(2);
      at = 4;
    } else if (length === 127) {
      if (buffer.length < 10) return false;
      length = Number(buffer.readBigUInt64BE(2));
      at = 10;
    }
    if (buffer.length < at + length) return false;
    const payload = buffer.subarray(at, at + length);
    const opcode = buffer[0] & 15;
    buffer = buffer.subarray(at + length);
    if (opcode === 1) message(payload);
    else if (opcode === 9) socket.write(frame('pong', payload));
    else if (opcode === 8) {
      client.code = length < 2 ? 1005 : payload.readUInt16BE(0);
      socket.end(frame('close', payload.subarray(0, 2)));
    }
    return true;
  };

  return new Promise((resolve) => {
    socket.on('connect', () => socket.write(handshake(options.path, options.headers)));
    socket.on('data', (data) => {
      buffer = buffer.length ? Buffer.concat([buffer, data]) : data;
      if (client.status === 0) {
        const end = buffer.indexOf('\r\n\r\n');
        if (end < 0) return;
        client.head = buffer.toString('latin1', 0, end);
        client.status = Number(client.head.slice(9, 12));
        buffer = buffer.subarray(end + 4);
        resolve(client);
      }
      if (client.status === 101) while (takeFrame());
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      client.ended = true;
      for (const { resolve: give } of client.pending.values()) give(null);
      client.pending.clear();
      for (const wake of waiting) wake();
      resolve(client);
    });
  });
}


/** @param {number} n @param {number} port @param {Parameters<typeof open>[1]} [options] */
export async function openMany(n, port, options) {
  /** @type {Client[]} */
  const clients = [];
  while (clients.length < n) {
    const batch = Math.min(50, n - clients.length);
    clients.push(...await Promise.all(Array.from({ length: batch }, () => open(port, options))));
  }
  return clients;
}
