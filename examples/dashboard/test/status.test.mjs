// SPDX-License-Identifier: MIT
//
// What the dashboard's actions do: `node --test examples/dashboard/test`.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
// `socketstream/test` to an application of its own; this one has a package.json within ours.
import { startApp } from '../../../testing/index.mjs';

/** @type {import('../../../testing/index.mjs').App} */
let app;
before(async () => { app = await startApp({ dir: fileURLToPath(new URL('..', import.meta.url)) }); });
after(() => app?.stop());

test('who watches has the samples so far, and hears of each further one', async () => {
    const client = await app.client();
    const samples = await client.call('status.watch');
    const [next, following] = [await client.event('sample'), await client.event('sample')];
    assert.deepEqual(Object.keys(following), Object.keys(next));
    for (const one of [...samples, next]) {
        assert.ok(one.at < following.at, `${one.at} is before ${following.at}`);
    }
});

test('who does not watch hears nothing', async () => {
    const [watcher, other] = [await app.client(), await app.client()];
    await watcher.call('status.watch');
    await watcher.event('sample');
    assert.equal(await other.call('status.ping'), null);
    assert.deepEqual(other.events, []);
});
