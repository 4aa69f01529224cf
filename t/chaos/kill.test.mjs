// SPDX-License-Identifier: MIT
//
// `kill -9` of the sidecar under open sockets with calls in flight: clients stay, calls are
// answered, and it all works again when it is back.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { openMany } from '../lib/ws-client.mjs';
import { busyness, sanitized, sleep, startStack, until } from '../lib/stack.mjs';

const CLIENTS = 1000;
const slow = sanitized ? 4 : 1;

test('kill -9 of the sidecar with 1,000 sockets open and calls in flight', async (t) => {
  const stack = await startStack({ workers: 2 });
  t.after(() => stack.stop());
  const clients = await openMany(CLIENTS, stack.port);
  assert.equal(clients.filter((c) => c.status === 101).length, CLIENTS, 'all are connected');

  await t.test('every call in flight fails with -32003 within 500 ms', async () => {
    const calls = clients.map((c) => c.call('chaos.later', [20_000]));
    await until(async () => {
      const { body } = await stack.get('/status');
      return JSON.parse(body).calls_in_flight === CLIENTS;
    });

    const busy = await busyness();
    const start = Date.now();
    await stack.killSidecar();
    const answers = await Promise.all(calls);
    const took = Date.now() - start;
    t.diagnostic(`${CLIENTS} calls failed within ${took} ms`);
    assert.deepEqual([...new Set(answers.map((a) => a?.error?.code))], [-32003]);
    assert.ok(answers.every((a) => a.error.data.retryable === true), 'retryable');
    assert.ok(took <= 500 * slow * Math.max(busy, await busyness()), `took ${took} ms`);
  });

  await t.test('a call while it is away fails at once', async () => {
    const answer = await clients[0].call('chaos.square', [2]);
    assert.equal(answer.error.code, -32003);
  });

  await t.test('calls work within a second of its return', async () => {
    await stack.startSidecar();
    const start = Date.now();
    const answer = await until(async () => {
      const got = await clients[1].call('chaos.square', [25]);
      return got.result === 625 && got;
    });
    const took = Date.now() - start;
    t.diagnostic(`the first call worked ${took} ms after the sidecar listened`);
    assert.ok(answer, 'calls work');
    assert.ok(took <= 1000 * slow * await busyness(), `took ${took} ms`);

    // The other worker has a link of its own.
    await until(async () => (await Promise.all(clients.slice(0, 50).map((c) => c.call('chaos.square', [2]))))
      .every((a) => a.result === 4));
    const all = await Promise.all(clients.map((c, i) => c.call('chaos.square', [i])));
    assert.ok(all.every((a, i) => a.result === i * i), 'for every client');
  });

  await t.test('no socket closed', () => {
    assert.equal(clients.filter((c) => c.ended).length, 0);
  });

  await t.test('ten kills under load leave no call without an answer', async () => {
    let answered = 0;
    let failed = 0;
    const end = Date.now() + 6000 * slow;
    const load = clients.slice(0, 200).map(async (client) => {
      while (Date.now() < end) {
        const answer = await Promise.race([client.call('chaos.square', [3]), sleep(5000).then(() => 'silence')]);
        assert.notEqual(answer, 'silence', 'no answer within 5 s');
        assert.notEqual(answer, null, 'the socket closed');
        if (answer.result === 9) answered++;
        else {
          assert.equal(answer.error.code, -32003);
          failed++;
          await sleep(20);
        }
      }
    });
    for (let i = 0; i < 10; i++) {
      await sleep(200 * slow);
      await stack.killSidecar();
      await sleep(50);
      await stack.startSidecar();
    }
    await Promise.all(load);
    t.diagnostic(`${answered} calls answered, ${failed} failed with -32003`);
    assert.ok(answered > 0 && failed > 0);
    assert.equal(clients.filter((c) => c.ended).length, 0, 'no socket closed');
  });

  for (const client of clients) client.socket.destroy();
  await t.test('every process quits, and nothing in the logs is alarming', async () => {
    assert.deepEqual(await stack.stop(), []);
  });
});
