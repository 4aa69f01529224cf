// SPDX-License-Identifier: MIT
//
// The rest of SS: trees that the packer fills, helpers, what the server says anew.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { develop } from '../../client/src/develop.js';
import { escapeHTML } from '../../client/src/index.js';
import { connect, serve, settled } from './client.mjs';
import { notify, until } from './server.mjs';

const read = (/** @type {string} */ name) => readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8');

test('modules that are registered stand at their place in SS.client and SS.shared', () => {
    const { SS } = connect('ws://127.0.0.1:1/', { connect: false });
    const online = { yesterday: () => 'bob' };
    SS.register('client', 'users/online', online);
    SS.register('client', 'users/list', { all: () => [] });
    SS.register('shared', 'calculate', { circumference: (/** @type {number} */ r) => 2 * Math.PI * r });
    assert.equal(SS.client.users.online, online);
    assert.deepEqual(Object.keys(SS.client.users), ['online', 'list']);
    assert.equal(SS.shared.calculate.circumference(20).toFixed(2), '125.66');
});

test('SS.client.app.init() is called once, when the connection is there', async () => {
    const server = await serve();
    const { SS, states } = connect(server.url, { connect: false });
    /** @type {any[]} */
    const seen = [];
    SS.register('client', 'app', { init: () => seen.push([SS.started, SS.env, SS.socket.state]) });
    assert.equal(SS.started, false);
    assert.deepEqual(seen, []);
    SS.socket.connect();
    await until(() => states[0] === 'connect');
    server.sockets[0].close(1012);
    await until(() => states.length === 4);
    assert.deepEqual(seen, [[true, 'test', 'connected']]);
});

test('SS.client.app.init() of code that comes after the connection is called then', async () => {
    const server = await serve();
    const { SS, states } = connect(server.url);
    await until(() => states[0] === 'connect');
    let called = 0;
    SS.register('client', 'app', { init: () => called++ });
    SS.register('client', 'other', {});
    assert.equal(called, 1);
});

test('an init() that throws does not keep "connect" from being told', async (t) => {
    const server = await serve();
    const { SS, states } = connect(server.url, { connect: false });
    /** @type {(() => void)[]} */
    const thrown = [];
    SS.register('client', 'app', { init: () => { throw new Error('oops'); } });
    t.mock.method(globalThis, 'queueMicrotask', (/** @type {() => void} */ fn) => thrown.push(fn));
    SS.socket.connect();
    await until(() => states[0] === 'connect');
    assert.throws(thrown[0], { message: 'oops' });
});

test('SS.client.version is that of package.json and of the server', () => {
    const { SS } = connect('ws://127.0.0.1:1/', { connect: false });
    assert.equal(SS.client.version, JSON.parse(read('client/package.json')).version);
    assert.match(read('sidecar/include/socketstream.h'), new RegExp(`#define SS_VERSION "${SS.client.version}"`));
});

test('escapeHTML leaves nothing that a browser takes for markup', () => {
    const { SS } = connect('ws://127.0.0.1:1/', { connect: false });
    assert.equal(SS.escapeHTML, escapeHTML);
    assert.equal(
        escapeHTML(`<a href="x" onclick='y'>&amp;`),
        '&lt;a href=&quot;x&quot; onclick=&#39;y&#39;&gt;&amp;amp;',
    );
    assert.deepEqual([null, undefined, 0, false].map(escapeHTML), ['', '', '0', 'false']);
});

test('once() calls a handler for one event only, and off() takes it back', () => {
    const { SS } = connect('ws://127.0.0.1:1/', { connect: false });
    /** @type {any[]} */
    const seen = [];
    const never = () => seen.push('never');
    SS.events.once('a', (n) => {
        seen.push(n);
        SS.events.emit('a', 2);
    });
    SS.events.once('a', never);
    SS.events.off('a', never);
    assert.equal(SS.events.emit('a', 1), true);
    assert.equal(SS.events.emit('a', 3), false);
    assert.deepEqual(seen, [1]);
});

test('system.init that comes again teaches the new actions, and "connect" is not told again', async () => {
    const server = await serve();
    const { SS, actions, states } = connect(server.url);
    await until(() => states[0] === 'connect');
    const before = actions.app.square;
    let told = 0;
    SS.socket.on('init', () => told++);
    notify(server.sockets[0], 'system.init', {
        version: '0.1.0', env: 'test', api: ['app.cube', 'app.square'], config: { title: 'new' },
    });
    await until(() => told === 1);
    assert.deepEqual(Object.keys(SS.server.app), ['cube', 'square']);
    assert.equal(actions.app.square, before);
    assert.equal(SS.config.title, 'new');
    assert.deepEqual(states, ['connect']);
});

test('develop() writes problems to the console with as much of their place as is known', (t) => {
    const logged = t.mock.method(console, 'error', () => {});
    /** @type {Record<string, (params: any) => void>} */
    const handlers = {};
    develop(/** @type {any} */ ({ socket: { on: (/** @type {string} */ name, /** @type {any} */ handler) => (handlers[name] = handler) } }));
    handlers.problems({ source: 'packer', problems: [
        { file: 'app/client/app.js', line: 3, column: 7, message: 'a', frame: '> 3 | b' },
        { file: 'app/client', line: 0, column: 0, message: 'c', frame: '' },
        { file: '', line: 0, column: 0, message: 'd', frame: '' },
    ] });
    assert.deepEqual(logged.mock.calls.map((call) => call.arguments[0]), ['app/client/app.js:3:7: a\n> 3 | b', 'app/client: c', 'd']);
});

test('problems and reloads reach who listens, and problems else the console', async (t) => {
    const server = await serve();
    const { SS, states } = connect(server.url);
    await until(() => states[0] === 'connect');
    const logged = t.mock.method(console, 'error', () => {});
    const problems = [{ file: 'app/client/app.js', line: 3, column: 1, message: 'Unexpected }' }];
    notify(server.sockets[0], 'system.problems', { source: 'packer', problems });
    notify(server.sockets[0], 'system.reload', { what: 'page' }); // there is no page here
    await until(() => logged.mock.callCount());
    await settled();
    assert.deepEqual(logged.mock.calls[0].arguments, [problems]);
    /** @type {any[]} */
    const seen = [];
    SS.socket.on('problems', (params) => seen.push(params.problems.length));
    SS.socket.on('reload', (params) => seen.push(params.what));
    notify(server.sockets[0], 'system.problems', { source: 'packer', problems: [] });
    notify(server.sockets[0], 'system.reload', { what: 'css', files: ['/assets/app-1.css'] });
    await until(() => seen.length === 2);
    assert.deepEqual(seen, [0, 'css']);
    assert.equal(logged.mock.callCount(), 1);
});
