// SPDX-License-Identifier: MIT
//
// Foreign clients: whoever speaks JSON-RPC 2.0 over WebSocket, or HTTP, can call an action.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { JSONRPCClient } from 'json-rpc-2.0';
import { Client } from 'rpc-websockets';
import { CLEAN, ask, copyExample, openSocket, startApp, until } from './app.mjs';

/** @type {Awaited<ReturnType<typeof startApp>>} */
let app;
before(async () => {
    app = await startApp({ dir: copyExample() });
});
after(async () => {
    assert.deepEqual(await app.stop(), CLEAN);
});

/** @param {string[]} args */
async function curl(...args) {
    return (await promisify(execFile)('curl', ['-sS', '--max-time', '10', ...args])).stdout;
}

test('npm ws: a call gets exactly its answer', async () => {
    const socket = await openSocket(app.socketUrl);
    assert.equal(
        await ask(socket, '{"jsonrpc":"2.0","id":1,"method":"native.square","params":[25]}'),
        '{"jsonrpc":"2.0","id":1,"result":625}',
    );
    socket.close();
});

test('npm ws: a client that did not ask for the subprotocol gets only answers', async () => {
    const socket = await openSocket(app.socketUrl);
    /** @type {string[]} */
    const received = [];
    socket.on('message', (data) => received.push(String(data)));
    socket.send('{"jsonrpc":"2.0","method":"native.square","params":[1]}');
    await ask(socket, '{"jsonrpc":"2.0","id":"x","method":"native.echo","params":["y"]}');
    assert.deepEqual(received, ['{"jsonrpc":"2.0","id":"x","result":"y"}']);
    socket.close();
});

test('npm ws: a batch gets one answer', async () => {
    const socket = await openSocket(app.socketUrl);
    const batch = [3, 4].map((n) => ({ jsonrpc: '2.0', id: n, method: 'native.square', params: [n] }));
    /** @type {any[]} */
    const answers = JSON.parse(await ask(socket, batch));
    assert.deepEqual(
        answers.sort((a, b) => a.id - b.id).map(({ id, result }) => [id, result]),
        [[3, 9], [4, 16]],
    );
    socket.close();
});

test('npm ws: with the subprotocol socketstream, system.init comes first', async () => {
    const { WebSocket } = await import('ws');
    const socket = new WebSocket(app.socketUrl, 'socketstream');
    const [data] = await new Promise((resolve) => socket.on('message', (...args) => resolve(args)));
    const { method, params } = JSON.parse(String(data));
    assert.equal(socket.protocol, 'socketstream');
    assert.equal(method, 'system.init');
    assert.equal(params.env, 'development');
    assert.deepEqual(params.config, { log: { level: 2 }, heartbeat_interval: 30, remote_prefix: '', title: 'SocketStream chat' });
    for (const name of ['chat.say', 'native.echo', 'native.slow', 'native.square']) {
        assert.ok(params.api.includes(name), name);
    }
    assert.ok(!params.api.some((/** @type {string} */ name) => name.startsWith('system.')), 'nothing of our own');
    socket.close();
});

test('npm json-rpc-2.0', async () => {
    const socket = await openSocket(app.socketUrl);
    const client = new JSONRPCClient((request) => socket.send(JSON.stringify(request)));
    socket.on('message', (data) => client.receive(JSON.parse(String(data))));
    assert.equal(await client.request('native.square', [25]), 625);
    assert.deepEqual(await client.request('native.echo', { a: [1] }), { a: [1] });
    await assert.rejects(Promise.resolve(client.request('native.cube', [1])), { code: -32601 });
    assert.deepEqual(
        await Promise.all([client.request('native.slow', [50]), client.request('native.square', [2])]),
        [50, 4],
    );
    socket.close();
});

test('npm rpc-websockets', async () => {
    const client = new Client(app.socketUrl, { reconnect: false });
    await new Promise((resolve) => client.on('open', () => resolve(null)));
    assert.equal(await client.call('native.square', [25]), 625);
    await assert.rejects(client.call('native.cube', [1]), { code: -32601 });
    client.close();
});

test('our own library, in Node, from the build', async () => {
    const { WebSocket } = await import('ws');
    /** @type {typeof import('../../client/types/socketstream.js')} */
    const library = await import(new URL('../../build/client/socketstream.mjs', import.meta.url).href);
    const SS = library.createClient({ url: app.socketUrl, WebSocket });
    assert.equal(await SS.server.native.square(25), 625);
    await until(() => SS.version);
    assert.deepEqual(Object.keys(SS.server.native).sort(), ['echo', 'slow', 'square']);
    await assert.rejects(SS.server.native.square('x'), { code: -32602 });
    SS.socket.disconnect();
});

test('curl: GET with a value', async () => {
    assert.equal(await curl(`${app.url}api/native/square?25`), '625');
});

test('curl: GET with names makes one object', async () => {
    assert.deepEqual(JSON.parse(await curl(`${app.url}api/native/echo?a=1&b=two`)), { a: 1, b: 'two' });
});

test('curl: POST with a JSON body', async () => {
    const json = ['-H', 'Content-Type: application/json', '-d'];
    assert.equal(await curl(...json, '[25]', `${app.url}api/native/square`), '625');
    assert.equal(await curl(...json, '{"a":1}', `${app.url}api/native/echo`), '{"a":1}');
});

test('curl: .json downloads', async () => {
    const answer = await curl('-i', `${app.url}api/native/square.json?25`);
    assert.match(answer, /^HTTP\/1.1 200 /);
    assert.match(answer, /^content-disposition: attachment/im);
    assert.match(answer, /\r\n\r\n625$/);
});

test('curl: an unknown action is 404, with the error as JSON', async () => {
    const answer = await curl('-i', `${app.url}api/native/cube?1`);
    assert.match(answer, /^HTTP\/1.1 404 /);
    assert.match(answer, /"code":\s*-32601/);
});

test('a page of another origin is refused', async () => {
    await assert.rejects(openSocket(app.socketUrl, { origin: 'http://evil.example' }), /403/);
    const socket = await openSocket(app.socketUrl, { origin: `http://127.0.0.1:${app.port}` });
    socket.close();
});
