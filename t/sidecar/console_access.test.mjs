// SPDX-License-Identifier: MIT
//
// Who may attach a console: whoever may pass on calls as a worker may not call, as a console may,
// whatever action it likes.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { hello, op, startSidecar } from '../lib/fake_worker.mjs';

const NOBODY = 65534;
const skip = process.getuid?.() === 0 ? false : 'needs root, to become another user';

/** Says HELLO, as whoever it runs as, and prints in hex what comes back until the end or GOODBYE. */
const program = `
const [path, hello, role] = process.argv.slice(1);
const socket = require('net').connect(path, () => socket.write(Buffer.from(hello, 'hex')));
let got = Buffer.alloc(0);
socket.on('data', (data) => {
  got = Buffer.concat([got, data]);
  if (got.length > 24) socket.end();
});
socket.on('error', (error) => { console.log(error.code); });
socket.on('close', () => console.log(got.toString('hex')));
`;

/** Others have to get there, which they do not in a test's own temporary folder. */
let dir = '';
let socket = '';
/** @type {import('../lib/fake_worker.mjs').Sidecar} */
let sidecar;

/** The first frame it is answered with. @param {number} role @param {number} uid */
async function greet(role, uid) {
  const bytes = hello({ role }).toString('hex');
  const child = spawn(process.execPath, ['-e', program, socket, bytes], { uid, gid: uid, cwd: '/' });
  let text = '';
  child.stdout.on('data', (data) => { text += data; });
  await once(child, 'close');
  const answer = Buffer.from(text.trim(), 'hex');
  assert.ok(answer.length > 20, `an answer, not ${text}`);
  return { code: answer[4], reason: answer.toString('utf8', 22, 20 + answer.readUInt32LE(0)) };
}

before(async () => {
  if (skip) return;
  dir = fs.mkdtempSync('/tmp/ss-console-');
  fs.chmodSync(dir, 0o711);
  socket = path.join(dir, 's.sock');
  const args = ['--workers-uid', String(NOBODY), '--workers-group', String(NOBODY)];
  sidecar = await startSidecar(args, { listen: socket });
});
after(async () => {
  if (skip) return;
  await sidecar.stop();
  fs.rmSync(dir, { recursive: true, force: true });
});

describe('a user of --workers-uid', { skip }, () => {
  it('may connect as a worker', async () => {
    assert.equal((await greet(1, NOBODY)).code, op.HELLO);
  });

  it('may not attach a console, and is told why', async () => {
    const { code, reason } = await greet(3, NOBODY);
    assert.equal(code, op.GOODBYE);
    assert.equal(reason, "a console must run as the sidecar's own user, or as root");
  });
});

describe('the own user', { skip }, () => {
  it('may attach a console', async () => {
    assert.equal((await greet(3, 0)).code, op.HELLO);
  });
});
