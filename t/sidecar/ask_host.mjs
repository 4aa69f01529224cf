// SPDX-License-Identifier: MIT
//
// A host whose actions ask the sidecar what their caller tells them to ask:
// `asker.ask` with [what, args, body], in the name of the call and its session; `asker.die` likewise,
// but ends before the answer.

import net from 'node:net';
import { Console, op } from '../lib/console.mjs';
import { frame, Worker } from '../lib/fake_worker.mjs';

const link = new Worker(new net.Socket({ fd: Number(process.env.SS_HOST_FD), readable: true, writable: true }));
const asker = new Console(link);
await link.hello({ role: 3 });
link.send(frame(op.READY, {}, JSON.stringify({ actions: [{ name: 'asker.ask' }, { name: 'asker.die' }] })));
link.end.then(() => process.exit());

/** @param {Buffer} payload */
function readCall(payload) {
  const name = payload.toString('utf8', 3, 3 + payload.readUInt16LE(1));
  const at = 3 + Buffer.byteLength(name);
  const end = at + 4 + payload.readUInt32LE(at);
  return { name, facts: JSON.parse(payload.toString('utf8', at + 4, end)), params: JSON.parse(payload.toString('utf8', end)) };
}

for (;;) {
  const { slot, generation, payload } = await link.next((f) => f.op === op.CALL, 'a call', 2 ** 31 - 1);
  const { name, facts, params: [what, args, body] } = readCall(payload);
  const named = { session: facts.session?.id, socket: facts.socket, ...args };
  const answer = asker.ask(what, named, body, { slot, generation });
  if (name === 'asker.die') process.exit(1);
  answer.then(
    (result) => link.send(frame(op.RETURN, { slot, generation }, JSON.stringify(result))),
    ({ code, message }) => link.send(frame(op.FAIL, { slot, generation }, JSON.stringify({ code, message }))));
}
