// SPDX-License-Identifier: MIT
//
// The chat as its visitors see it, run as a whole: `node --test` in this folder's parent.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startApp } from 'socketstream/test';

/** @type {Awaited<ReturnType<typeof startApp>>} */
let app;
before(async () => {
    app = await startApp({ dir: fileURLToPath(new URL('..', import.meta.url)) });
});
after(() => app?.stop());

/** A visitor who has signed in. @param {string} name */
async function person(name) {
    const client = await app.client();
    await client.call('people.signIn', name);
    return client;
}

test('squares are the same in JavaScript, in C, and by way of another file', async () => {
    assert.equal(await app.call('app.square', 25), 625);
    assert.equal(await app.call('native.square', 25), 625);
    assert.deepEqual(await app.call('both.square', 25), { javascript: 625, c: 625 });
});

test('what is said in a room is heard and kept there, and nowhere else', async () => {
    const [ann, bob, eve] = [await person('ann'), await person('bob'), await person('eve')];
    await ann.call('chat.join', 'tea');
    await bob.call('chat.join', 'tea');
    await ann.call('chat.say', 'tea', 'hello');
    const { from, text, room } = await bob.event('message');
    assert.deepEqual({ from, text, room }, { from: 'ann', text: 'hello', room: 'tea' });
    await assert.rejects(eve.call('chat.history', 'tea'), /You are not in #tea/);
    await eve.call('chat.join', 'tea');
    assert.deepEqual((await eve.call('chat.history', 'tea')).map((/** @type {any} */ one) => one.text), ['hello']);
    assert.deepEqual(eve.events.filter(({ event }) => event === 'message'), []);
});

test('a whisper reaches one person, in all tabs', async () => {
    const cem = await person('cem');
    const dan = await person('dan');
    const tab = await app.client({ session: dan.session });
    await cem.call('chat.tell', 'dan', 'psst');
    for (const one of [dan, tab]) {
        assert.equal((await one.event('whisper')).text, 'psst');
    }
});

test('nobody speaks who has not signed in', async () => {
    await assert.rejects(app.call('chat.rooms'), { code: -32001 });
});
