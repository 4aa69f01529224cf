// SPDX-License-Identifier: MIT
//
// JSON-RPC 2.0 between a worker and the sidecar.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { BINARY, CHUNK, MORE, chunks, frame, op, startSidecar } from '../lib/fake_worker.mjs';

/** @type {import('../lib/fake_worker.mjs').Sidecar} */
let sidecar;
/** @type {import('../lib/fake_worker.mjs').Worker} */
let worker;
/** @type {{slot: number, generation: number}} */
let client;

before(async () => {
  sidecar = await startSidecar(['--log-level', '0']);
  worker = await sidecar.worker();
  client = await worker.open();
});
after(() => sidecar.stop());

const error = (/** @type {unknown} */ id, /** @type {number} */ code,
  /** @type {string} */ message) => ({ jsonrpc: '2.0', id, error: { code, message } });

describe('a single call', () => {
  it('is answered byte for byte as the documentation says', async () => {
    assert.equal(await worker.ask(client,
      '{"jsonrpc":"2.0","id":1,"method":"app.square","params":[25]}'),
    '{"jsonrpc":"2.0","id":1,"result":625}');
  });

  it('gets its id back as it was written', async () => {
    for (const id of ['"a b"', '"\\u0061\\""', '1.50', '-0', '1e3', 'null', `"${'x'.repeat(126)}"`]) {
      assert.equal(await worker.ask(client, `{"jsonrpc":"2.0","id":${id},"method":"app.params"}`),
        `{"jsonrpc":"2.0","id":${id},"result":[]}`);
    }
  });

  it('gives an array as the list, an object as the one parameter, nothing as no parameters', async () => {
    assert.deepEqual((await worker.call(client, 'app.params', [1, 'b', null])).result, [1, 'b', null]);
    assert.deepEqual((await worker.call(client, 'app.params', { a: [1] })).result, [{ a: [1] }]);
    assert.deepEqual((await worker.call(client, 'app.params')).result, []);
  });

  it('carries any string, NUL included', async () => {
    const text = '\u0000 \u001f "\\ é 𝄞 \u2028';
    assert.deepEqual((await worker.call(client, 'app.params', [text])).result, [text]);
  });

  it('finds nested files and dotted actions', async () => {
    assert.deepEqual((await worker.call(client, 'nested.users.yesterday')).result, ['alice', 'bob']);
    assert.deepEqual((await worker.call(client, 'app.deep.er', [1])).result, [1]);
  });

  it('answers system.ping, which clients send that cannot see pings', async () => {
    assert.equal((await worker.call(client, 'system.ping')).result, true);
  });

  it('finds an action whose name is written with escapes', async () => {
    assert.match(await worker.ask(client,
      '{"jsonrpc":"2.0","id":1,"method":"app\\u002esquare","params":[3]}'), /"result":9/);
  });

  it('answers with integers to the edges of 64 bits', async () => {
    for (const n of ['9223372036854775807', '-9223372036854775808', '0', '-1']) {
      assert.equal(await worker.ask(client,
        `{"jsonrpc":"2.0","id":1,"method":"app.later","params":[0,${n}]}`),
      `{"jsonrpc":"2.0","id":1,"result":${n}}`);
    }
  });

  it('tells the action who calls', async () => {
    const other = await worker.open({ address: '2001:db8::7' });
    assert.deepEqual((await worker.call(other, 'app.facts')).result, {
      address: '2001:db8::7', transport: 'websocket', action: 'app.facts', pending: true,
      started: true,
    });
  });
});

describe('errors', () => {
  it('answers what is not JSON with -32700 and id null', async () => {
    for (const text of ['', '{', '{"jsonrpc":"2.0",}', 'nope', '[1,', '\u0000', '{"a":"\n"}']) {
      assert.deepEqual(JSON.parse(await worker.ask(client, text)),
        error(null, -32700, 'Parse error'), text);
    }
  });

  it('answers what is JSON but no call with -32600', async () => {
    for (const text of ['1', 'null', '"x"', '[]', '{"jsonrpc":"2.0","id":null}']) {
      assert.deepEqual(JSON.parse(await worker.ask(client, text)),
        error(null, -32600, 'Invalid request'), text);
    }
    assert.deepEqual(JSON.parse(await worker.ask(client, '{"jsonrpc":"1.0","id":4,"method":"a"}')),
      error(4, -32600, 'Invalid request'));
  });

  it('answers an unknown action with -32601', async () => {
    for (const [name, message] of [
      ['app.nothing', "Unable to find the 'nothing' action in /app/server/app. Action names are case sensitive"],
      ['nested.nobody.x', 'Unable to find the /app/server/nested/nobody module. Does the file exist?'],
      ['app.session', "Unable to call the 'session' action as this is a reserved word"],
      ['a"b<.\u{1f600}', 'Unable to find the /app/server/a"b< module. Does the file exist?'],
      ['a\u0000\n.b', 'Unable to find the /app/server/a?? module. Does the file exist?'],
    ]) assert.deepEqual((await worker.call(client, name)).error, { code: -32601, message });
  });

  it('says what is wrong with params that no action can get', async () => {
    const huge = await worker.ask(client,
      '{"jsonrpc":"2.0","id":1,"method":"app.params","params":[99999999999999999999]}');
    assert.deepEqual(JSON.parse(huge), error(1, -32602, 'Invalid params: too big integer'));
    const name = await worker.ask(client,
      '{"jsonrpc":"2.0","id":1,"method":"app.params","params":{"a\\u0000b":1}}');
    assert.equal(JSON.parse(name).error.code, -32602);
  });

  it('passes an action\'s own code, message and data on', async () => {
    assert.deepEqual((await worker.call(client, 'app.fail', [-5, 'no "way"', { a: 1 }])).error,
      { code: -5, message: 'no "way"', data: { a: 1 } });
    assert.deepEqual((await worker.call(client, 'app.fail', [-32000])).error,
      { code: -32000, message: 'Application error' });
  });

  it('marks what may be tried again', async () => {
    assert.deepEqual((await worker.call(client, 'app.fail', [-32003])).error,
      { code: -32003, message: 'Unavailable', data: { retryable: true } });
  });

  it('makes UTF-8 of an action\'s message', async () => {
    assert.equal((await worker.call(client, 'bad.brokenMessage')).error.message,
      'caf? "quoted"\n');
  });

  it('turns a result that cannot be serialized into -32603', async () => {
    assert.equal((await worker.call(client, 'bad.brokenReply')).error.code, -32603);
    assert.equal((await worker.call(client, 'bad.nullReply')).error.code, -32603);
  });
});

describe('notifications', () => {
  it('are run and never answered', async () => {
    const { slot, generation } = client;
    const calls = ['app.square', 'app.nothing', 'app.fail', 'app.later', 'bad.twice'];
    for (const method of calls) {
      worker.send(chunks(op.MESSAGE, { slot, generation },
        JSON.stringify({ jsonrpc: '2.0', method, params: [1] })));
    }
    await worker.sync();
    await worker.call(client, 'app.later', [20]);
    assert.deepEqual(worker.frames, []);
    await sidecar.logged(/bad\.twice answered a call twice/);
  });

  it('a message without a call number is never answered, whatever is in it', async () => {
    const { slot, generation } = client;
    for (const text of ['{', '[]', '[1]', '{"jsonrpc":"2.0","id":1,"method":"app.square","params":[2]}',
      '[{"jsonrpc":"2.0","id":1,"method":"app.square","params":[2]}]',
      '{"jsonrpc":"2.0","id":1,"result":5}']) {
      worker.send(chunks(op.MESSAGE, { slot, generation }, text));
    }
    await worker.sync();
    assert.deepEqual(worker.frames, []);
  });

  it('a message with a call number is answered once, even if nothing in it asks for that', async () => {
    for (const text of ['{"jsonrpc":"2.0","method":"app.square","params":[2]}',
      '[{"jsonrpc":"2.0","method":"app.square","params":[2]}]',
      '{"jsonrpc":"2.0","id":1,"result":5}', '[{"jsonrpc":"2.0","id":1,"result":5}]']) {
      assert.equal(JSON.parse(await worker.ask(client, text)).error.code, -32600, text);
    }
    await worker.sync();
    assert.deepEqual(worker.frames, []);
  });
});

describe('batches', () => {
  const call = (/** @type {unknown} */ id, /** @type {string} */ method,
    /** @type {unknown} */ params) => ({ jsonrpc: '2.0', id, method, params });

  it('are answered in one array, without the notifications', async () => {
    const replies = JSON.parse(await worker.ask(client, [
      call(1, 'app.square', [3]), call(undefined, 'app.square', [4]), call('x', 'app.nothing', []),
      7, call(2, 'app.later', [30, 'late']), { jsonrpc: '2.0', id: 9, result: 1 },
    ]));
    const byId = (/** @type {unknown} */ id) => replies.find((/** @type {any} */ r) => r.id === id);
    assert.equal(replies.length, 4);
    assert.equal(byId(1).result, 9);
    assert.equal(byId('x').error.code, -32601);
    assert.equal(byId(null).error.code, -32600);
    assert.equal(byId(2).result, 'late');
  });

  it('may hold 32 calls, not 33', async () => {
    const calls = Array.from({ length: 33 }, (_, i) => call(i, 'app.square', [i]));
    const replies = JSON.parse(await worker.ask(client, calls.slice(0, 32)));
    assert.deepEqual(replies.map((/** @type {any} */ r) => r.result),
      calls.slice(0, 32).map((_, i) => i * i));
    assert.deepEqual(JSON.parse(await worker.ask(client, calls)),
      error(null, -32600, 'Invalid request'));
  });

  it('do not mix with what else is in flight', async () => {
    const [slow, quick] = await Promise.all([
      worker.ask(client, [call(1, 'app.later', [40, 'a']), call(2, 'app.later', [10, 'b'])]),
      worker.ask(client, call(1, 'app.square', [5])),
    ]);
    assert.deepEqual(JSON.parse(slow).map((/** @type {any} */ r) => r.result), ['b', 'a']);
    assert.equal(JSON.parse(quick).result, 25);
  });
});

describe('large messages', () => {
  for (const size of [CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 1 << 20]) {
    it(`carries ${size} bytes there and back`, async () => {
      const wrapping = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'app.params', params: [''] });
      const text = 'x'.repeat(size - wrapping.length);
      const reply = await worker.ask(client,
        JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'app.params', params: [text] }));
      assert.equal(JSON.parse(reply).result[0], text);
    });
  }

  it('takes the chunks of several clients in turns', async () => {
    const clients = await Promise.all([1, 2, 3].map(() => worker.open()));
    const texts = clients.map((_, i) => JSON.stringify({
      jsonrpc: '2.0', id: 1, method: 'app.params', params: [String(i).repeat(4 * CHUNK)] }));
    for (let at = 0; at < texts[0].length; at += CHUNK) {
      clients.forEach(({ slot, generation }, i) => worker.send(frame(op.MESSAGE, {
        slot, generation, call: 9000 + i, flags: at + CHUNK < texts[i].length ? MORE : 0,
      }, texts[i].slice(at, at + CHUNK))));
    }
    for (let i = 0; i < 3; i++) {
      const reply = await worker.next((f) => f.op === op.REPLY && f.call === 9000 + i, 'a reply');
      assert.equal(JSON.parse(reply.payload.toString()).result[0][0], String(i));
    }
  });

  it('answers while another client\'s message is still arriving', async () => {
    const slow = await worker.open();
    worker.send(frame(op.MESSAGE, { ...slow, call: 8000, flags: MORE }, 'x'.repeat(CHUNK)));
    assert.equal((await worker.call(client, 'app.square', [2])).result, 4);
    worker.send(frame(op.CLOSED, slow, Buffer.from([0xe8, 0x03])));
    await worker.sync();
  });

  it('refuses one past max_message with -32005, and goes on', async () => {
    const small = await startSidecar(['--max-message', '100000', '--log-level', '0']);
    try {
      const link = await small.worker();
      const c = await link.open();
      const text = (/** @type {number} */ n) => {
        const head = '{"jsonrpc":"2.0","id":1,"method":"app.params","params":["';
        return `${head}${'x'.repeat(n - head.length - 3)}"]}`;
      };
      assert.equal(JSON.parse(await link.ask(c, text(100000))).result[0].length, 100000 - 60);
      assert.deepEqual(JSON.parse(await link.ask(c, text(100001))), error(null, -32005, 'Too large'));
      assert.equal((await link.call(c, 'app.square', [2])).result, 4);
    } finally {
      await small.stop();
    }
  });

  it('never answers with more than the worker takes', async () => {
    const link = await sidecar.worker({ maxMessage: 70000 });
    const c = await link.open();
    assert.equal((await link.call(c, 'app.text', [69000])).result.length, 69000);
    assert.equal((await link.call(c, 'app.text', [70000])).error.code, -32005);
    const batch = JSON.parse(await link.ask(c, [1, 2, 3].map((id) => (
      { jsonrpc: '2.0', id, method: 'app.text', params: [30000] }))));
    assert.deepEqual(batch.map((/** @type {any} */ r) => r.error?.code), [undefined, undefined, -32005]);
    assert.ok(JSON.stringify(batch).length <= 70000);
  });
});

describe('binary messages', () => {
  it('close the client with 1003', async () => {
    const c = await worker.open();
    worker.send(frame(op.MESSAGE, { slot: c.slot, generation: c.generation, flags: BINARY }, '{}'));
    const close = await worker.next((f) => f.op === op.CLOSE && f.slot === c.slot, 'CLOSE');
    assert.equal(close.payload.readUInt16LE(0), 1003);
    assert.ok(close.payload.length > 2);
  });
});
