// SPDX-License-Identifier: MIT
//
// A fake action host, well or badly behaved on purpose: what it offers stands in host.json of the
// application's folder, what it does in the names of its actions.
//
// The codec here is written from docs/ACTION_HOSTS.md's tables alone.

import { spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import { CHUNK, HEADER, MORE, hello, str16 } from './fake_worker.mjs';

const op = Object.freeze({
  HELLO: 0x01, PING: 0x02, PONG: 0x03, GOODBYE: 0x04, DRAIN: 0x05, SETUP: 0x50, READY: 0x51,
  RETIRE: 0x52, CALL: 0x53, RETURN: 0x54, FAIL: 0x55, ACTIONS: 0x59,
});

const names = ['actions', 'big', 'bytes', 'die', 'echo', 'fact', 'fail', 'flags', 'grow', 'hang', 'hold',
  'never', 'parent', 'pid', 'print', 'raw', 'release', 'retire', 'runaway', 'setup', 'twice', 'version',
  'wait'];

/** Writers that only a closed end stops: of lines to the output, of PONGs to the link. */
const runaway = `yes & exec node -e '
  const pongs = Buffer.alloc(28 * 2048);
  for (let at = 0; at < pongs.length; at += 28) { pongs[at] = 8; pongs[at + 4] = ${op.PONG}; }
  for (;;) {
    try { fs.writeSync(3, pongs); } catch ({ code }) { if (code !== "EAGAIN") process.exit(); }
  }'`;

/**
 * @type {{actions?: any[], problems?: any[], prefix?: string, version?: number, start?: string,
 *           leave?: string, delay?: number}}
 */
const plan = JSON.parse(fs.readFileSync('host.json', 'utf8'));
const prefix = plan.prefix ?? 'fake';
const link = new net.Socket({ fd: Number(process.env.SS_HOST_FD), readable: true, writable: true });

/** @param {number} code @param {bigint} handle @param {Buffer | string} payload @param {number} [flags] */
function frame(code, handle, payload, flags = 0) {
  const body = Buffer.from(payload);
  const head = Buffer.alloc(HEADER);
  head.writeUInt32LE(body.length, 0);
  head[4] = code;
  head[5] = flags;
  head.writeBigUInt64LE(handle, 8);
  return Buffer.concat([head, body]);
}

/** @param {number} code @param {bigint} handle @param {Buffer | string} payload */
function send(code, handle, payload) {
  const bytes = Buffer.from(payload);
  for (let at = 0; at === 0 || at < bytes.length; at += CHUNK) {
    link.write(frame(code, handle, bytes.subarray(at, at + CHUNK), at + CHUNK < bytes.length ? MORE : 0));
  }
}

/** @type {any} */
let setup;
/** @type {any} */
let actions;
/** @type {any[]} */
const kept = [];
let held = 0n;
let open = 0;
let draining = false;

/** @param {number} code @param {bigint} handle @param {Buffer | string} payload */
function answer(code, handle, payload) {
  send(code, handle, payload);
  open--;
  leave();
}

function leave() {
  if (!draining || open !== 0) return;
  link.end(frame(op.GOODBYE, 0n, str16('drained')), () => process.exit(0));
}

/** @param {bigint} handle @param {Buffer} payload */
function call(handle, payload) {
  const length = payload.readUInt16LE(1);
  const name = payload.toString('utf8', 3, 3 + length).split('.').at(-1);
  const at = 3 + length + 4;
  const facts = payload.subarray(at, at + payload.readUInt32LE(at - 4));
  const params = payload.subarray(at + facts.length);
  const [first] = JSON.parse(params.toString());
  const json = (/** @type {unknown} */ value) => answer(op.RETURN, handle, JSON.stringify(value) ?? 'null');
  open++;
  switch (name) {
    case 'openapi':
    case 'echo': answer(op.RETURN, handle, params); break;
    case 'fact': answer(op.RETURN, handle, facts); break;
    case 'flags': json(payload[0]); break;
    case 'raw': answer(op.RETURN, handle, Buffer.from(first, 'base64')); break;
    case 'fail': answer(op.FAIL, handle, first); break;
    case 'big': answer(op.RETURN, handle, `"${'x'.repeat(first)}"`); break;
    case 'bytes': link.write(Buffer.from(first, 'base64')); break;
    case 'twice': json(1); send(op.RETURN, handle, '2'); break;
    case 'wait': setTimeout(() => json(first), first); break;
    case 'hold': held = handle; break;
    case 'release': answer(op.RETURN, held, '"released"'); json(true); break;
    case 'die': process.exit(first); break;
    case 'hang': for (;;);
    case 'grow': kept.push(Buffer.alloc(first << 20, 1)); json(kept.length); break;
    case 'retire': send(op.RETIRE, 0n, str16('asked to')); json(process.pid); break;
    case 'pid': json(process.pid); break;
    case 'version': json(plan.version); break;
    case 'setup': json(setup); break;
    case 'actions': json(actions); break;
    case 'print':
      process.stdout.write('to stdout\n');
      process.stderr.write(`${'e'.repeat(4500)}\nno newline`);
      json(null);
      break;
    case 'parent': {
      const child = spawn('sleep', ['600'], { stdio: 'ignore' });
      json(child.pid);
      break;
    }
    case 'runaway': {
      const child = spawn('sh', ['-c', runaway], { detached: true, stdio: ['ignore', 'inherit', 'ignore', Number(process.env.SS_HOST_FD)] });
      child.unref();
      json(child.pid);
      break;
    }
    default: break; // never
  }
}

/** @param {number} code @param {bigint} handle @param {Buffer} payload */
function take(code, handle, payload) {
  switch (code) {
    case op.PING: link.write(frame(op.PONG, 0n, payload)); break;
    case op.SETUP:
      setup = JSON.parse(payload.toString());
      if (plan.start !== 'mute') {
        send(op.READY, 0n, plan.start === 'garbage' ? '{"actions":7}' : JSON.stringify({
          actions: plan.actions ?? [...names.map((name) => ({ name: `${prefix}.${name}` })),
            { name: `${prefix}.guarded`, authenticated: true }],
          problems: plan.problems,
        }));
        if (plan.start === 'retire') send(op.RETIRE, 0n, str16('sick from the start'));
      }
      break;
    case op.ACTIONS: actions = JSON.parse(payload.toString()); break;
    case op.CALL: call(handle, payload); break;
    case op.DRAIN:
      draining = plan.leave !== 'never';
      leave();
      break;
    default: break;
  }
}

if (plan.start === 'exit') {
  process.stderr.write('cannot go on\n');
  process.exit(3);
}
setTimeout(() => link.write(hello({ role: 3 })), plan.delay ?? 0);
/** @type {Buffer} */
let rest = Buffer.alloc(0);
/** @type {Buffer[]} */
let parts = [];
link.on('data', (piece) => {
  rest = Buffer.concat([rest, piece]);
  while (rest.length >= HEADER && rest.length >= HEADER + rest.readUInt32LE(0)) {
    const length = rest.readUInt32LE(0);
    parts.push(rest.subarray(HEADER, HEADER + length));
    if ((rest[5] & MORE) === 0) {
      take(rest[4], rest.readBigUInt64LE(8), Buffer.concat(parts));
      parts = [];
    }
    rest = rest.subarray(HEADER + length);
  }
});
link.on('error', (error) => process.stderr.write(`${error}\n`));
link.on('close', () => process.exit(0));
