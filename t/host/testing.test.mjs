// SPDX-License-Identifier: MIT
//
// socketstream/test, tried on actions in C.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { CallError, startApp } from 'socketstream/test';
import { WebSocket } from 'ws';
import { createClient } from '../../client/src/index.js';
import { makeApp, root } from './loading.mjs';

const nginx = { SS__nginx__binary: process.env.TEST_NGINX_BINARY ?? path.join(root, 't/lib/nginx') };
const dir = makeApp({ 'config/app.json': '{}' });
for (const file of ['t/sidecar/chat_app/app/server/chat.c', 'examples/chat/app/server/native.c']) {
    fs.cpSync(path.join(root, file), path.join(dir, 'app/server', path.basename(file)));
}

/** Its folders of state and of links. */
const ours = () => fs.readdirSync(os.tmpdir()).filter((name) => name.startsWith('ss-test-'));

describe('an application under test', () => {
    /** @type {import('../../testing/index.mjs').App} */
    let app;
    const before0 = ours();
    const inApp = fs.existsSync(path.join(dir, '.socketstream')) ? fs.readdirSync(path.join(dir, '.socketstream')) : null;
    before(async () => { app = await startApp({ dir, env: nginx }); });
    after(() => app.stop());

    it('is called, and its errors have codes', async () => {
        assert.equal(await app.call('native.square', 25), 625);
        await assert.rejects(app.call('no.such'), (error) => error instanceof CallError && error.code === -32601);
        await assert.rejects(app.call('chat.say', {}), { name: 'CallError', code: -32001 });
    });

    it('tells clients of itself', async () => {
        const client = await app.client();
        assert.equal(client.server.env, 'test');
        assert.ok(client.server.api.includes('native.square'));
    });

    it('has visitors with events, each with a session', async () => {
        const ann = await app.client();
        const bob = await app.client();
        await ann.call('chat.signIn', 'ann');
        await bob.call('chat.signIn', 'bob');
        await ann.call('chat.join', 'den');
        await bob.call('chat.join', 'den');
        await bob.call('chat.say', 'den', 'hello');
        assert.equal((await ann.event('message')).text, 'hello');
        await assert.rejects(ann.event('message', { within: 20 }), { message: "no event 'message' came within 20 ms" });
    });

    it('has tabs of one visitor, also after the session\'s id has changed', async () => {
        const first = await app.client();
        await first.call('chat.signIn', 'carl');
        const second = await app.client({ session: first.session });
        assert.deepEqual(await second.call('chat.me'), await first.call('chat.me'));
        await first.close();
        await assert.rejects(first.call('chat.me'), { code: -32003 });
        assert.equal(await second.call('native.square', 3), 9);
    });

    it('serves the browser library, too', async () => {
        const SS = createClient({ url: app.socketUrl, WebSocket, log: 0 });
        assert.equal(await SS.server.native.square(4), 16);
        SS.socket.disconnect();
    });

    it('runs beside another with a Redis of its own, and leaves nothing behind', async () => {
        const elsewhere = makeApp({ 'config/app.json': '{"redis":{"url":"redis://127.0.0.1:1/3"}}' });
        fs.cpSync(path.join(dir, 'app'), path.join(elsewhere, 'app'), { recursive: true });
        const other = await startApp({ dir: elsewhere, env: nginx });
        const client = await other.client();
        await client.call('chat.signIn', 'dora');
        assert.notEqual(other.port, app.port);
        assert.equal((await (await app.client()).call('chat.online')).includes('dora'), false);
        await other.stop();
        assert.deepEqual(ours().filter((name) => !before0.includes(name)), [path.basename(app.dir)]);
        assert.deepEqual(fs.existsSync(path.join(dir, '.socketstream')) ? fs.readdirSync(path.join(dir, '.socketstream')) : null, inApp);
    });
});

describe('an application that does not start', () => {
    it('is told with its own words', async () => {
        const broken = makeApp({ 'app/server/a.c': 'this is no C\n', 'config/app.json': '{}' });
        await assert.rejects(startApp({ dir: broken, env: nginx }), /the application does not start:[^]*app\/server\/a\.c/);
    });
});
