// SPDX-License-Identifier: MIT
//
// Applications as they were written in 2011, one for each way in which they used the server (A18 of
// the seed): their files are run as they are, by `socketstream start`.

import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import { CLEAN, openSocket, root, startApp, until } from './app.mjs';

/** @type {(() => Promise<void>)[]} */
const ends = [];
after(async () => {
    for (const end of ends.reverse()) {
        await end();
    }
});

/**
 * Runs an application of t/e2e/seed; npm packages of its own are installed beside its files, as its
 * user would.
 * @param {string} name @param {Record<string, string>} [env]
 */
async function run(name, env) {
    const dir = mkdtempSync(path.join(tmpdir(), 'ss-seed-'));
    const source = path.join(root, 't/e2e/seed', name);
    cpSync(source, dir, { recursive: true, filter: (file) => path.basename(file) !== 'packages' });
    if (existsSync(path.join(source, 'packages'))) {
        cpSync(path.join(source, 'packages'), path.join(dir, 'node_modules'), { recursive: true });
    }
    const app = await startApp({ dir, env });
    ends.push(async () => {
        assert.deepEqual(await app.stop(), CLEAN);
    });
    return app;
}

/** A visitor: calls actions, and remembers events. @param {{socketUrl: string}} app */
async function visit(app) {
    const socket = await openSocket(app.socketUrl);
    /** @type {Map<number, (message: any) => void>} */
    const waiting = new Map();
    /** @type {any[]} */
    const events = [];
    let lastId = 0;
    socket.on('message', (/** @type {Buffer} */ data) => {
        const message = JSON.parse(String(data));
        if (message.method === 'event') {
            events.push(message.params);
        } else {
            waiting.get(message.id)?.(message);
        }
    });
    return {
        events,
        close: () => socket.close(),
        /** The result, or the error. @param {string} method @param {any[]} params @returns {Promise<any>} */
        call(method, ...params) {
            const id = ++lastId;
            socket.send(JSON.stringify({ jsonrpc: '2.0', id, method, params }));
            return new Promise((resolve) => {
                waiting.set(id, ({ result, error }) => resolve(error ?? result));
            });
        },
        /** Sends without waiting, for actions that never call back. @param {string} method @param {any[]} params */
        tell(method, ...params) {
            socket.send(JSON.stringify({ jsonrpc: '2.0', method, params }));
        },
        /** The params of the event of that name, once it has come. @param {string} name */
        async event(name) {
            await until(() => events.some((event) => event[0] === name));
            return events.find((event) => event[0] === name)?.[1];
        },
    };
}

describe('an application of 2011', () => {
    it('knows who is present, by objects of its module and by session.on disconnect', async () => {
        const app = await run('presence');
        const ann = await visit(app);
        const bob = await visit(app);
        assert.deepEqual(await ann.call('app.init'), { visits: 1, user: null });
        assert.deepEqual(await bob.call('app.init'), { visits: 2, user: null });
        assert.equal(await ann.call('app.signIn', 'Ann'), true);
        assert.equal(await bob.event('joined'), 'Ann');
        assert.deepEqual(await bob.call('app.present'), ['Ann']);
        await until(async () => await ann.call('app.loggedIn'));
        assert.equal(await ann.call('app.loggedIn'), true);
        assert.equal(await bob.call('app.loggedIn'), false);
        ann.close();
        assert.equal(await bob.event('left'), 'Ann');
        assert.deepEqual(await bob.call('app.present'), []);
    });

    it('publishes without callbacks, and answers from a callback of Redis', async () => {
        const app = await run('publish');
        const ann = await visit(app);
        await ann.call('app.enter', 'disney');
        await until(async () => (await ann.call('app.rooms')).length === 1);
        assert.equal(await ann.call('app.count'), 1);
        assert.equal(await ann.call('app.count'), 2);
        await ann.call('app.all', 'hello');
        ann.tell('app.whisper', 'psst');
        await ann.call('app.say', { room: 'disney', text: 'quack' });
        assert.deepEqual(await ann.event('news'), { text: 'hello' });
        assert.deepEqual(await ann.event('whisper'), { text: 'psst' });
        assert.deepEqual(await ann.event('message'), { room: 'disney', text: 'quack' });
        assert.equal(ann.events.find(([name]) => name === 'message')[2], 'disney');
        await ann.call('app.leave', 'disney');
        await until(async () => (await ann.call('app.rooms')).length === 0);
        assert.deepEqual(await ann.call('app.rooms'), []);
    });

    it('keeps its data in Redis by R, in the database of its configuration', async () => {
        const app = await run('redis');
        const one = await visit(app);
        assert.equal(await one.call('app.keep', { key: 'a', value: 'b' }), 'OK');
        assert.equal(await one.call('app.fetch', 'a'), 'b');
        assert.equal(await one.call('app.fetch', 'nothing'), null);
        assert.deepEqual(await one.call('app.several', ['a', 'nothing']), ['b', null]);
        assert.equal(await one.call('app.forget', 'a'), 1);
        assert.deepEqual(await one.call('app.list', ['x', 'y']), ['y', 'x']);
        assert.deepEqual(await one.call('app.set', ['m', 'n', 'm']), ['m', 'n']);
        assert.deepEqual(await one.call('app.both'), ['OK', 2, null]);
        assert.deepEqual(await one.call('app.expiry'), [1, true]);
    });

    it('calls siblings by @, other files by SS.server, and keeps its helpers private', async () => {
        const app = await run('siblings');
        const ann = await visit(app);
        const bob = await visit(app);
        assert.equal(await ann.call('app.join', 'ann'), 'ann has 0 laps');
        await until(async () => (await ann.call('app.whoami')) === 'ann');
        assert.equal(await ann.call('app.lap'), 'ann has 1 lap');
        await until(() => bob.events.length === 2);
        assert.deepEqual(bob.events.map((event) => event[1].laps), [0, 1]);
        assert.equal(await bob.call('app.twice', 20), 41);
        assert.equal(await bob.call('tools.maths.more.deeper.still.here'), 'yes');
        assert.equal(await bob.call('app.me'), true);
        for (const name of ['app.describe', 'app.cars', '_draft.x', 'app.actions.lap']) {
            assert.equal((await bob.call(name)).code, -32601, name);
        }
    });

    it('requires modules of Node, of npm, of its own by path and by bare name', async () => {
        const app = await run('modules');
        const ann = await visit(app);
        assert.equal(await ann.call('app.hello', 'you'), 'HELLO YOU');
        const [own, shared] = await ann.call('app.circumference', 20);
        assert.deepEqual([Math.round(own), Math.round(shared)], [126, 126]);
        assert.deepEqual(await ann.call('app.node'), {
            emitter: 'function',
            md5: '900150983cd24fb0d6963f7d28e17f72',
            path: '/a',
            servers: ['function', 'function'],
        });
        assert.equal(await ann.call('app.stamp'), 'letter stamped');
        assert.equal(await ann.call('app.tiny'), 'tiny');
        assert.equal(await ann.call('app.private'), false);
    });

    it('signs in by a module of lib/server, and guards a file by exports.authenticate', async () => {
        const app = await run('modules');
        const ann = await visit(app);
        assert.equal((await ann.call('members.secret')).code, -32001);
        assert.deepEqual(
            await ann.call('app.signIn', { username: 'ann', password: 'coffee' }),
            { success: false, info: { num_retries: 2 } },
        );
        assert.deepEqual(
            await ann.call('app.signIn', { username: 'ann', password: 'tea' }),
            { success: true, user_id: 'ann', info: { drinks: 'tea' } },
        );
        await until(async () => (await ann.call('members.secret')) === 'for ann only');
        assert.equal(await ann.call('members.secret'), 'for ann only');
        assert.equal(await ann.call('app.signOut'), null);
        assert.equal((await ann.call('members.secret')).code, -32001);
    });

    it('is configured by CoffeeScript for each environment, and opens its database in config/db', async () => {
        const app = await run('config', { SS_ENV: 'staging' });
        const one = await visit(app);
        assert.equal(await one.call('app.where'), 'localhost/demo_staging');
        assert.deepEqual(await one.call('app.find', 7), { id: 7, from: 'demo_staging' });
        assert.deepEqual(await one.call('app.settings'), {
            map: { zoom: 3 },
            env: 'staging',
            client: 'carpe diem',
        });
    });

    it('has files of all sorts beside its code: names with spaces, certificates, what 0.1.4 has packed', async () => {
        const app = await run('config');
        for (const [name, text] of [
            ['images/our%20logo.svg', /<svg /],
            ['assets/lib_1321000000000.js', /packed by SocketStream 0\.1\.4/],
        ]) {
            const response = await fetch(app.url + name);
            assert.equal(response.status, 200, String(name));
            assert.match(await response.text(), /** @type {RegExp} */ (text));
        }
        for (const name of ['config/ssl_certs/site.cert.pem', 'static/incompatible_browsers/index.html', 'app/server/app.coffee']) {
            assert.equal((await fetch(app.url + name)).status, 404, name);
        }
        assert.equal(await (await fetch(`${app.url}api/app/where`)).json(), 'localhost/demo');
    });

    it('logs the User-Agent of each request by config/http, with a function of lib/server', async () => {
        const app = await run('config');
        for (const where of ['images/our%20logo.svg', 'api/app/where']) {
            const response = await fetch(app.url + where, { headers: { 'User-Agent': `Mosaic of ${where}` } });
            assert.equal(response.status, 200);
            await response.arrayBuffer();
            assert.ok(await until(() => app.log('sidecar').includes(`User-Agent is:  Mosaic of ${where}`)), where);
        }
    });

    it('may hold CoffeeScript that version 2 refuses', async () => {
        const app = await run('coffee1');
        const one = await visit(app);
        assert.equal(await one.call('app.square', 25), 625);
        assert.equal(await one.call('app.named'), 'triangle');
        assert.match(app.log('sidecar'), /app\/server\/app\.coffee.*CoffeeScript 1/);
    });
});
