// SPDX-License-Identifier: MIT
//
// What the console is told.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect, serve, settled } from './client.mjs';
import { answer, notify, until } from './server.mjs';

/** @param {any} t @param {any} [client] @param {string} [env] */
async function logging(t, client = {}, env = 'test') {
    /** @type {any[][]} */
    const lines = [];
    /** @type {any[][]} */
    const errors = [];
    t.mock.method(console, 'log', (/** @type {any[]} */ ...args) => lines.push(args));
    t.mock.method(console, 'error', (/** @type {any[]} */ ...args) => errors.push(args));
    const server = await serve(/** @type {any} */ ({ init: { env } }));
    const all = connect(server.url, client);
    await until(() => all.states[0] === 'connect');
    return { ...all, server, lines, errors };
}

/** Without the milliseconds. @param {any[][]} lines */
const shown = (lines) => lines.map(([first, ...rest]) => [String(first).replace(/ \(\d+ ms\)/, ''), ...rest]);

for (const [level, expected] of /** @type {[number, any[]][]} */ ([
    [0, []],
    [1, [['→ app.square'], ['⇠ hello']]],
    [2, [['→ app.square', 2], ['⇠ hello', { a: 1 }]]],
    [3, [['→ app.square', 2], ['← app.square', 4], ['⇠ hello', { a: 1 }]]],
])) {
    test(`level ${level}`, async (t) => {
        const { SS, actions, server, lines } = await logging(t, { log: level });
        let heard = false;
        SS.events.on('hello', () => (heard = true));
        await actions.app.square(2);
        await actions.app.square(3, { silent: true });
        notify(server.sockets[0], 'event', ['hello', { a: 1 }]);
        await until(() => heard);
        assert.deepEqual(shown(lines), expected);
    });
}

test('level 4 shows the connection, level 5 each message', async (t) => {
    const { server, lines } = await logging(t, { log: 4 });
    assert.deepEqual(shown(lines).map(([first]) => first), ['• connecting', '⇠ system.init', '• connect']);
    const { actions, lines: raw } = await logging(t, { log: 5 });
    await actions.app.square(2);
    assert.ok(raw.some(([text]) => text === '» {"jsonrpc":"2.0","id":1,"method":"app.square","params":[2]}'));
    assert.ok(raw.some(([text]) => text === '« {"jsonrpc":"2.0","id":1,"result":4}'));
    assert.ok(server);
});

test('the level is that of the server where the page does not say', async (t) => {
    const { actions, lines } = await logging(t, { log: undefined });
    await actions.app.square(2);
    assert.deepEqual(shown(lines), [['→ app.square', 2]]); // the server says 2
});

test('in development the answer of a call without a callback is shown', async (t) => {
    const { actions, lines } = await logging(t, { log: 1 }, 'development');
    await actions.app.square(2);
    actions.app.square(3, () => {});
    await settled();
    assert.deepEqual(shown(lines), [['→ app.square'], ['← app.square', 4], ['→ app.square']]);
});

test('an event that nobody listens to is said once', async (t) => {
    const { server, lines } = await logging(t, { log: 1 });
    notify(server.sockets[0], 'event', ['nobody', 1]);
    notify(server.sockets[0], 'event', ['nobody', 2]);
    await until(() => lines.length >= 3);
    assert.deepEqual(shown(lines), [
        ['⇠ nobody'],
        ['Nobody listens to the event "nobody"'],
        ['⇠ nobody'],
    ]);
});

test("the stack of the server's exception is shown, whoever handles the error", async (t) => {
    const { SS, actions, server, errors } = await logging(t);
    server.answerWith((call, socket) => answer(socket, {
        id: call.id,
        error: { code: -32000, message: 'oops', data: { stack: 'Error: oops\n    at app/server/app.js:3:9' } },
    }));
    /** @type {any[]} */
    const told = [];
    SS.socket.on('exception', (detail) => told.push(detail));
    await assert.rejects(actions.app.square(1));
    assert.deepEqual(told, [{ name: 'app.square', stack: 'Error: oops\n    at app/server/app.js:3:9' }]);
    assert.deepEqual(errors, [
        ['SS.server.app.square:', 'Error: oops\n    at app/server/app.js:3:9'],
    ]);
});
