// SPDX-License-Identifier: MIT
//
// The memory budget of an idle WebSocket, with as many of them as the limit on open files allows;
// also when each is a session of its own that holds channels.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { clientsAllowed, measureIdle, SLOT, TOTAL_MAX, WORKER_MAX } from '../../bench/idle.mjs';
import { sanitized } from '../../bench/servers.mjs';

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
