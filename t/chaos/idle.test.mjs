// SPDX-License-Identifier: MIT
//
// The memory budget of an idle WebSocket, with as many of them as the limit on open files allows;
// also when each is a session of its own that holds channels, and when it is an event stream.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';

import { clientsAllowed, measureIdle, SLOT, TOTAL_MAX, WORKER_MAX } from '../../bench/idle.mjs';
import { sanitized } from '../../bench/servers.mjs';
import { pss, startStack } from '../lib/stack.mjs';

/** Bytes in the worker for an event stream over HTTP/1.1, whose request nginx keeps. */
const STREAM_MAX = 11 * 1024;

test('10,000 idle clients stay open, answer, and keep to the memory budget', async (t) => {
  const idle = await measureIdle(clientsAllowed(10_000));
  t.diagnostic(
    `${idle.clients} clients, bytes each: worker ${idle.worker.toFixed(0)} (nginx's slot of ${SLOT} ` +
      `apart), sidecar ${idle.sidecar.toFixed(0)}, together ${idle.total.toFixed(0)}`,
  );
  assert.deepEqual(idle.complaints, []);
  // A sanitizer's red zones and quarantine are no measure of anything.
  if (!sanitized()) {
    assert.ok(idle.worker <= WORKER_MAX, `the worker takes ${idle.worker} bytes`);
    assert.ok(idle.total <= TOTAL_MAX, `worker and sidecar take ${idle.total} bytes`);
  }
});

test('10,000 sessions with three channels each keep to the budget', async (t) => {
  const idle = await measureIdle(clientsAllowed(10_000), 3);
  t.diagnostic(
    `${idle.clients} clients, bytes each: worker ${idle.worker.toFixed(0)} (nginx's slot of ${SLOT} ` +
      `apart), sidecar ${idle.sidecar.toFixed(0)}, together ${idle.total.toFixed(0)}; ` +
      `redis ${idle.redis.toFixed(0)}`,
  );
  assert.deepEqual(idle.complaints, []);
  if (!sanitized()) {
    assert.ok(idle.total <= TOTAL_MAX, `worker and sidecar take ${idle.total} bytes`);
  }
});

/** Opens streams and waits until each has begun. @param {number} port @param {number} n */
async function openStreams(port, n) {
  /** @type {import('node:net').Socket[]} */
  const sockets = [];
  while (sockets.length < n) {
    sockets.push(...await Promise.all(Array.from({ length: Math.min(32, n - sockets.length) }, async () => {
      const socket = connect(port, '127.0.0.1');
      socket.write('GET /socketstream HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n');
      const [data] = await once(socket, 'data');
      assert.match(String(data), /^HTTP\/1\.1 200 OK\r\n/);
      return socket;
    })));
  }
  return sockets;
}

test('3,000 idle event streams keep to the budget', async (t) => {
  const stack = await startStack();
  const [worker] = stack.workers();
  const sockets = await openStreams(stack.port, 16);
  const [before, sidecarBefore] = [pss(worker), pss(stack.sidecar())];
  sockets.push(...await openStreams(stack.port, 3000));
  const each = (/** @type {number} */ kib) => (kib * 1024) / 3000;
  const bytes = each(pss(worker) - before);
  t.diagnostic(`bytes each: worker ${bytes.toFixed(0)}, sidecar ${each(pss(stack.sidecar()) - sidecarBefore).toFixed(0)}`);
  assert.equal(JSON.parse((await stack.get('/status')).body).streams, 3016);
  for (const socket of sockets) socket.destroy();
  assert.deepEqual(await stack.stop(), []);
  if (!sanitized()) assert.ok(bytes <= STREAM_MAX, `the worker takes ${bytes} bytes`);
});
