// SPDX-License-Identifier: MIT
//
// What the chat's actions do, with the application as a whole: `node --test examples/chat/test`.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startApp } from 'socketstream/test';

/** @type {import('socketstream/test').App} */
let app;
before(async () => { app = await startApp({ dir: fileURLToPath(new URL('..', import.meta.url)) }); });
after(() => app?.stop());

/** A visitor who has signed in. @param {string} name */
async function person(name) {
    const client = await app.client();
    await client.call('people.signIn', name);
    return client;
}

test('who has not signed in can neither join nor speak', async () => {
    const stranger = await app.client();
    assert.equal(await stranger.call('people.me'), null);
    await assert.rejects(stranger.call('chat.join', 'den'), { code: -32001 });
    await assert.rejects(stranger.call('chat.say', 'den', 'hello'), { code: -32001 });
});

test('what is said in a room is heard there, and read by who comes later', async () => {
    const [ann, bob] = [await person('ann'), await person('bob')];
    await ann.call('chat.join', 'den');
    await bob.call('chat.join', 'den');
    await bob.call('chat.say', 'den', ' hello ');
    const { room, from, text } = await ann.event('message');
    assert.deepEqual({ room, from, text }, { room: 'den', from: 'bob', text: 'hello' });

    const late = await person('late');
    await late.call('chat.join', 'den');
    assert.deepEqual((await late.call('chat.history', 'den')).map((/** @type {any} */ one) => one.text), ['hello']);
});

test('a room is for those who are in it', async () => {
    const carl = await person('carl');
    await assert.rejects(carl.call('chat.history', 'attic'), { message: 'You are not in #attic' });
    await carl.call('chat.join', 'attic');
    assert.deepEqual(await carl.call('chat.rooms'), ['attic']);
    await carl.call('chat.leave', 'attic');
    await assert.rejects(carl.call('chat.say', 'attic', 'hello'), { message: 'You are not in #attic' });
});

test('a whisper reaches one person, in each tab', async () => {
    const [dora, emil] = [await person('dora'), await person('emil')];
    const tab = await app.client({ session: emil.session });
    await dora.call('chat.tell', 'emil', 'psst');
    assert.deepEqual((await Promise.all([emil, tab].map((one) => one.event('whisper')))).map(({ text }) => text), ['psst', 'psst']);
    assert.equal(dora.events.some(({ event }) => event === 'whisper'), false);
});

test('names and messages are checked', async () => {
    const stranger = await app.client();
    for (const name of ['', ' ', 'x'.repeat(33), 'two\nlines', 7]) {
        await assert.rejects(stranger.call('people.signIn', name), { code: -32602 }, JSON.stringify(name));
    }
    const fay = await person('fay');
    await fay.call('chat.join', 'den');
    await assert.rejects(fay.call('chat.say', 'den', 'x'.repeat(2001)), { code: -32602 });
});
