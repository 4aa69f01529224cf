// SPDX-License-Identifier: MIT
//
// Reload after reload under sockets and load: everybody is told 1012, no call vanishes, and no
// old worker stays.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { open, openMany } from '../lib/ws-client.mjs';
import { long, running, sanitized, sleep, startStack } from '../lib/stack.mjs';

const CLIENTS = 500;
const RELOADS = long ? 20 : 6;

for (const drain of [0, 3]) {
  test(`${RELOADS} reloads under ${CLIENTS} sockets and load, drain time ${drain} s`, async (t) => {
    const stack = await startStack({
      workers: 2,
      server: `location /socketstream { socketstream_pass unix:$socket; socketstream_drain_time ${drain}s; }`,
    });
    t.after(() => stack.stop());

    let over = false;
    let answered = 0;
    let unavailable = 0;
    let cut = 0;
    let silent = 0;
    let reconnects = 0;
    /** @type {Map<number | null, number>} */
    const codes = new Map();

    /**
     * One client: calls, is closed, comes back, until it is over.
     * @param {import('../lib/ws-client.mjs').Client} client
     */
    const live = async (client) => {
      while (!over) {
        const answer = await Promise.race([client.call('chaos.square', [4]), sleep(8000).then(() => 'silence')]);
        if (answer === 'silence') silent++;
        else if (answer === null) cut++;
        else if (answer.result === 16) answered++;
        else unavailable++;
        if (client.code !== null || client.ended) {
          await client.closed();
          codes.set(client.code, (codes.get(client.code) ?? 0) + 1);
          if (over) return;
          do {
            client = await open(stack.port);
            reconnects++;
            if (client.status !== 101) await sleep(50);
          } while (client.status !== 101 && !over);
        }
        await sleep(30 + Math.random() * 30);
      }
      client.socket.destroy();
    };

    const lives = (await openMany(CLIENTS, stack.port)).map(live);

    // Each old worker must be gone by its drain time and a second.
    let oldest = 0;
    const watch = async (/** @type {number[]} */ pids) => {
      const start = Date.now();
      while (pids.some(running)) {
        oldest = Math.max(oldest, Date.now() - start);
        if (Date.now() - start > (drain + 10) * 1000) return;
        await sleep(20);
      }
    };
    /** @type {Promise<void>[]} */
    const watched = [];
    for (let i = 0; i < RELOADS; i++) {
      watched.push(watch(await stack.reload()));
      await sleep(drain ? 1000 : 400);
    }
    await Promise.all(watched);
    await sleep(300);
    over = true;
    await Promise.all(lives);

    t.diagnostic(`${answered} calls answered, ${unavailable} failed with -32003, ${cut} cut by a close, `
      + `${reconnects} reconnects, oldest worker ${oldest} ms`);
    await t.test('every closed client saw 1012', () => {
      assert.deepEqual([...codes.keys()], [1012]);
      assert.ok((codes.get(1012) ?? 0) >= CLIENTS, 'and each was closed at least once');
    });
    await t.test('no call vanished without an answer or a close', () => assert.equal(silent, 0));
    await t.test('calls went on', () => assert.ok(answered > CLIENTS));
    await t.test(`no old worker was older than drain time + 1 s`, () => {
      assert.ok(oldest <= (drain + 1) * 1000 * (sanitized ? 2 : 1), `${oldest} ms`);
    });
    await t.test('nothing in the logs is alarming', async () => {
      assert.deepEqual(await stack.stop(), []);
    });
  });
}
