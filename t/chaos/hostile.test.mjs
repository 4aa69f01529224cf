// SPDX-License-Identifier: MIT
//
// Hostile clients: names of actions, random bytes, thousands of headers.  All get clear errors,
// nothing crashes, and memory stays where it was.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { posix } from 'node:path';
import { after, before, test } from 'node:test';

import { frame, handshake, open } from '../lib/ws-client.mjs';
import { pss, sanitized, startStack } from '../lib/stack.mjs';

const NAMES = 10_000;
const PATHS = 2_000;
const STREAMS = 1_000;
const GROWTH_MAX = 768; // KiB, for the whole of a repeated round: allocators settle, leaks do not

// SS_TEST_SEED repeats a run that failed.
const seed = Number(process.env.SS_TEST_SEED ?? randomBytes(4).readUInt32LE());
let state = seed >>> 0;

/** mulberry32: an integer below n. @param {number} n */
function random(n) {
  state = (state + 0x6d2b79f5) >>> 0;
  let t = Math.imul(state ^ (state >>> 15), state | 1);
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
  return ((t ^ (t >>> 14)) >>> 0) % n;
}

/** @template T @param {T[]} list */
const oneOf = (list) => list[random(list.length)];

/** @param {number} n */
const bytes = (n) => Buffer.from(Array.from({ length: n }, () => random(256)));

/** @type {import('../lib/stack.mjs').Stack} */
let stack;
before(async () => { stack = await startStack(); });
after(async () => { await stack.stop(); });

/**
 * Does something twice and compares the memory after the first and the second time.
 * @param {import('node:test').TestContext} t @param {() => Promise<void>} round
 */
async function staysFlat(t, round) {
  t.diagnostic(`seed ${seed}`);
  const pids = () => [...stack.workers(), stack.sidecar()];
  const first = pids();
  await round();
  const warm = first.map(pss);
  await round();
  assert.deepEqual(pids(), first, 'no process was replaced');
  const growth = first.map((pid, i) => pss(pid) - warm[i]);
  t.diagnostic(`worker grew by ${growth[0]} KiB, sidecar by ${growth[1]} KiB`);
  if (!sanitized) assert.ok(Math.max(...growth) <= GROWTH_MAX, `grew by ${growth} KiB`);
}

async function stillWorks() {
  const client = await open(stack.port);
  const answer = await client.call('chaos.square', [25]);
  assert.equal(answer.result, 625);
  client.socket.destroy();
}

const fixedNames = [
  '', '.', '..', '...', 'chaos', 'chaos.', '.square', 'chaos..square', 'chaos.square.', ' chaos.square',
  'chaos.square ', 'Chaos.Square', '__proto__', 'chaos.__proto__', 'constructor', 'chaos.constructor',
  'prototype', 'toString', 'hasOwnProperty', 'valueOf', '__defineGetter__', 'chaos.square.call', 'system.init',
  'rpc.discover', 'event', 'chaos/square', 'chaos\\square', '../../etc/passwd', '%s%s%s%n', '${7*7}', "'; DROP",
  '\0', 'chaos\0.square', 'chaos.square\0', '\u0000'.repeat(300), '\ud800', '\udfff\ud800', '\uffff',
  'chaos.squarе', 'ＣＨＡＯＳ.square', 'a'.repeat(256), 'a'.repeat(257), 'a'.repeat(65536), 'a.'.repeat(32768),
  '.'.repeat(65536), '\u{1f4a9}'.repeat(200), '"', '\\', '\n', '{}', '[]', 'null', 'true', '0',
];
const pieces = ['chaos', 'square', '.', '..', '__proto__', 'constructor', '\0', ' ', '\ud83d', 'ä', '%', '"', '\\', '/', '\n', 'x'];

function hostileName() {
  if (random(20) === 0) return oneOf(fixedNames);
  if (random(500) === 0) return oneOf(pieces).repeat(1 + random(65536 / 9));
  return Array.from({ length: 1 + random(8) }, () => oneOf(pieces)).join('');
}

test(`${NAMES} hostile action names get an error each`, async (t) => {
  await staysFlat(t, async () => {
    const clients = await Promise.all(Array.from({ length: 20 }, () => open(stack.port)));
    /** @type {Map<number, number>} */
    const codes = new Map();
    let wrong = '';
    for (let i = 0; i < NAMES; i += 200) {
      const names = Array.from({ length: 200 }, (_, k) => (i === 0 && k < fixedNames.length ? fixedNames[k] : hostileName()));
      await Promise.all(names.map(async (name, k) => {
        const answer = await clients[k % clients.length].call(name, oneOf([[], [1], {}, { a: 1 }]));
        const code = answer?.error?.code;
        codes.set(code, (codes.get(code) ?? 0) + 1);
        if (name !== 'chaos.square' && ![-32601, -32600].includes(code)) {
          wrong ||= `${JSON.stringify(name.slice(0, 100))} got ${JSON.stringify(answer)}`;
        }
      }));
    }
    assert.equal(wrong, '');
    assert.ok((codes.get(-32601) ?? 0) > NAMES / 2, 'most are unknown');
    assert.equal(clients.filter((c) => c.ended).length, 0, 'nobody was thrown out for it');
    for (const client of clients) client.socket.destroy();
  });
  await stillWorks();
});

test(`${PATHS} hostile paths of the HTTP API get an error each`, async (t) => {
  await staysFlat(t, async () => {
    let wrong = '';
    for (let i = 0; i < PATHS; i += 50) {
      await Promise.all(Array.from({ length: 50 }, async () => {
        const name = Buffer.from(hostileName().slice(0, 3000)).toString(); // no lone surrogates
        const where = `/api/${encodeURIComponent(name).replaceAll('.', oneOf(['.', '%2e', '/']))}`;
        const { status, body } = await stack.get(where);
        // nginx merges slashes, and URLs resolve dots: some of them name the action after all, or the root.
        const right = (status >= 400 && status <= 414)
          || (status === 200 && /^<!doctype html>/i.test(body) && !/^\/api\/./s.test(posix.normalize(decodeURIComponent(where))))
          || (status === 200 && body === '0' && /^[./]*chaos[./]+square[./]*$/.test(name));
        if (!right) {
          wrong ||= `${where.slice(0, 200)}: ${status} ${body.slice(0, 100)}`;
        }
      }));
    }
    assert.equal(wrong, '');
  });
  await stillWorks();
});

/**
 * Writes packets, the first of them alone until it is answered if `first` says so, and gives all
 * that came back.  Half-closes once the server has been quiet for a while.
 * @param {Buffer[]} packets @param {boolean} [first]
 * @returns {Promise<Buffer>}
 */
function exchange(packets, first = false) {
  return new Promise((resolve, reject) => {
    const socket = connect(stack.port, '127.0.0.1');
    /** @type {Buffer[]} */
    const got = [];
    let waiting = first;
    const writeAll = () => {
      for (const packet of packets.splice(0, waiting ? 1 : packets.length)) socket.write(packet);
    };
    const late = setTimeout(() => { socket.destroy(); reject(new Error('no end after 20 s')); }, 20_000);
    // A busy server is not quiet, it has not come to it yet.
    const quiet = setTimeout(() => (waiting ? quiet.refresh() : socket.end()), 120);
    socket.on('connect', writeAll);
    socket.on('data', (data) => {
      got.push(data);
      quiet.refresh();
      if (waiting) {
        waiting = false;
        writeAll();
      }
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      clearTimeout(late);
      clearTimeout(quiet);
      resolve(Buffer.concat(got));
    });
  });
}

/** Changes, drops or doubles some bytes. @param {Buffer} data */
function mutate(data) {
  const out = Buffer.from(data);
  for (let n = 1 + random(6); n > 0; n--) out[random(out.length)] = random(256);
  const cut = random(4) === 0 ? random(out.length) : out.length;
  return random(8) === 0 ? Buffer.concat([out, out.subarray(0, cut)]) : out.subarray(0, cut);
}

/** @param {Buffer} data */
function inPieces(data) {
  const packets = [];
  for (let at = 0; at < data.length;) {
    const n = 1 + random(data.length);
    packets.push(data.subarray(at, at + n));
    at += n;
  }
  return packets;
}

test(`${STREAMS} random byte streams in place of a handshake`, async (t) => {
  await staysFlat(t, async () => {
    for (let i = 0; i < STREAMS; i += 25) {
      await Promise.all(Array.from({ length: 25 }, async () => {
        const stream = random(3) === 0 ? bytes(1 + random(4000))
          : Buffer.concat([mutate(handshake()), random(2) ? bytes(random(2000)) : Buffer.alloc(0)]);
        const answer = (await exchange(inPieces(stream))).toString('latin1');
        // A request line without a version is HTTP/0.9, which has no head.
        const good = answer === '' || answer === 'WebSocket needs HTTP/1.1\r\n' || /^HTTP\/1\.[01] (101|200|30\d|4\d\d|50[135]) /.test(answer)
          || answer.startsWith('<html>');
        assert.ok(good, `seed ${seed}: ${JSON.stringify(answer.slice(0, 200))}`);
      }));
    }
  });
  await stillWorks();
});

const call = (/** @type {number} */ id) => frame('text', JSON.stringify({ jsonrpc: '2.0', id, method: 'chaos.square', params: [2] }));

test(`${STREAMS} random byte streams behind a handshake`, async (t) => {
  /** @type {Map<number, number>} */
  const codes = new Map();
  await staysFlat(t, async () => {
    for (let i = 0; i < STREAMS; i += 25) {
      await Promise.all(Array.from({ length: 25 }, async () => {
        const good = [call(1), frame('ping', bytes(random(126))), call(2), frame('binary', bytes(random(300)))];
        const stream = random(3) === 0 ? bytes(1 + random(4000))
          : Buffer.concat([...good.slice(random(4)), mutate(oneOf(good)), mutate(call(3))]);
        const got = await exchange([handshake(), ...inPieces(stream)], true);
        assert.match(got.subarray(0, 13).toString(), /^HTTP\/1\.1 101 /);
        const code = closeCode(got.subarray(got.indexOf('\r\n\r\n') + 4));
        codes.set(code, (codes.get(code) ?? 0) + 1);
      }));
    }
  });
  t.diagnostic(`close codes: ${[...codes].map(([code, n]) => `${code}: ${n}`).join(', ')}`);
  const allowed = new Set([0, 1000, 1002, 1003, 1005, 1007, 1009, ...Array.from({ length: 2000 }, (_, i) => 3000 + i)]);
  assert.deepEqual([...codes.keys()].filter((code) => !allowed.has(code)), []);
  assert.ok((codes.get(1002) ?? 0) > STREAMS / 10, 'many broke the protocol');
  await stillWorks();
});

/**
 * The code of the close frame at the end of what a server sent; 0 for none.  Fails on bytes that
 * are no frames.
 * @param {Buffer} data
 */
function closeCode(data) {
  let at = 0;
  while (at + 2 <= data.length) {
    let length = data[at + 1] & 0x7f;
    let head = 2;
    if (length === 126) { length = data.readUInt16BE(at + 2); head = 4; }
    const opcode = data[at] & 15;
    assert.ok([1, 2, 8, 9, 10].includes(opcode) && (data[at] & 0xf0) === 0x80, `frame ${data.subarray(at, at + 8).toString('hex')}`);
    if (opcode === 8) return length >= 2 ? data.readUInt16BE(at + head) : 1005;
    at += head + length;
  }
  assert.equal(at, data.length, 'whole frames');
  return 0;
}

test('2,000 headers', async (t) => {
  const short = Array.from({ length: 2000 }, (_, i) => `x-${i.toString(36)}: y`);
  const long = Array.from({ length: 2000 }, (_, i) => `x-header-number-${i}: ${'v'.repeat(40)}`);
  await staysFlat(t, async () => {
    for (let i = 0; i < 20; i++) {
      for (const headers of [short, long, ['Host: a', ...short.slice(0, 500)], short.slice(0, 120)]) {
        for (const request of [
          handshake('/socketstream', headers),
          Buffer.from(`GET /api/chaos/square?2 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n${headers.join('\r\n')}\r\n\r\n`),
        ]) {
          const answer = (await exchange([request])).toString('latin1');
          assert.match(answer, /^HTTP\/1\.1 (101|200|400|413|414|431|494) /);
        }
      }
    }
  });
  await stillWorks();
});

test('every process quits, and nothing in the logs is alarming', async () => {
  assert.deepEqual(await stack.stop(), []);
});
