// SPDX-License-Identifier: MIT
//
// Calls of actions that a host runs, as the clients of a worker see them.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { attachConsole } from '../lib/console.mjs';
import { chunks, connect, frame, op, startSidecar, within } from '../lib/fake_worker.mjs';
import { alive, hostApp, until } from '../lib/host_app.mjs';

/** @typedef {import('../lib/fake_worker.mjs').Sidecar} Sidecar */
/** @typedef {import('../lib/fake_worker.mjs').Worker} Worker */

const base64 = (/** @type {string | Buffer | number[]} */ bytes) => Buffer.from(/** @type {any} */ (bytes)).toString('base64');

describe('a call of a host\'s action', () => {
  const app = hostApp();
  /** @type {Sidecar} */
  let sidecar;
  /** @type {Worker} */
  let worker;
  /** @type {Awaited<ReturnType<Worker['open']>>} */
  let client;
  const raw = async (/** @type {string | Buffer | number[]} */ bytes) => {
    const call = worker.nextCall++;
    const { slot, generation } = client;
    worker.send(chunks(op.MESSAGE, { slot, generation, call },
      JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'fake.raw', params: [base64(bytes)] })));
    return (await worker.next((f) => f.op === op.REPLY && f.call === call, 'REPLY')).payload.toString();
  };

  before(async () => {
    sidecar = await startSidecar(['--log-level', '3'], { app: app.dir });
    worker = await sidecar.worker();
    client = await worker.open({ system: true });
  });
  after(async () => {
    await sidecar.stop();
    app.remove();
  });

  it('is told to browsers with all others', async () => {
    const { api } = await worker.event(client, 'system.init');
    assert.ok(api.includes('fake.echo') && api.includes('fake.guarded'));
    assert.deepEqual(api, [...api].sort());
  });

  it('passes params and result byte for byte', async () => {
    for (const params of ['[1.0, 99999999999999999999,"\\ud800", {"a" : 1,"a":2}]', ' [ ]', '["é\\u00e9"]']) {
      const text = `{"jsonrpc":"2.0","id":"x","method":"fake.echo","params":${params}}`;
      assert.equal(await worker.ask(client, text), `{"jsonrpc":"2.0","id":"x","result":${params.trim()}}`);
    }
  });

  it('has an object as its single parameter, and none as an empty list', async () => {
    assert.equal(await worker.ask(client, '{"jsonrpc":"2.0","id":1,"method":"fake.echo","params":{"a" :1}}'),
      '{"jsonrpc":"2.0","id":1,"result":[{"a" :1}]}');
    assert.deepEqual((await worker.call(client, 'fake.echo')).result, []);
  });

  it('comes with facts about who calls', async () => {
    const { result } = await worker.call(client, 'fake.fact');
    assert.match(result.id, /^[0-9a-f]+$/);
    assert.equal(result.transport, 'websocket');
    assert.equal(result.address, '192.0.2.1');
    assert.match(result.socket, /^\w+-\w+-\w+$/);
    assert.ok(result.session.id.length > 20 && result.session.created_at > 1.6e12 && result.session.new);
    assert.deepEqual(Object.keys(result).sort(), ['address', 'id', 'session', 'socket', 'transport']);
    assert.notEqual((await worker.call(client, 'fake.fact')).result.id, result.id);
  });

  it('over HTTP has its query, headers and body', async () => {
    const get = await worker.http({ path: 'fake/echo', args: 'a=1&b=x' });
    assert.deepEqual([get.status, get.body], [200, '[{"a":1,"b":"x"}]']);
    const post = await worker.http({
      method: 'POST', path: 'fake/fact', body: '[ 1.0 ]',
      headers: { 'Content-Type': 'application/json', 'X-Two': 'a', 'x-two': 'b' },
    });
    const facts = JSON.parse(post.body);
    assert.equal(facts.transport, 'http');
    assert.equal(facts.post, '[ 1.0 ]');
    assert.deepEqual(facts.headers, { 'content-type': 'application/json', 'x-two': 'a, b' });
    assert.ok(!('session' in facts) && !('socket' in facts));
    const echo = await worker.http({
      method: 'POST', path: 'fake/echo', body: '{"n":1.0}', headers: { 'content-type': 'application/json' },
    });
    assert.equal(echo.body, '[{"n":1.0}]');
    const saved = await worker.http({ path: 'fake/echo.json', args: '7' });
    assert.match(saved.headers['Content-Disposition'], /echo\.json/);
  });

  it('with a body that is no JSON in UTF-8 is refused before it gets there', async () => {
    for (const body of ['[1', Buffer.from('"\xff"', 'latin1')]) {
      const answer = await worker.http({
        method: 'POST', path: 'fake/echo', body, headers: { 'content-type': 'application/json' },
      });
      assert.deepEqual([answer.status, JSON.parse(answer.body).error.code], [400, -32700]);
    }
  });

  it('may be longer than a frame, both ways', async () => {
    // What stands beside the text: in CALL flags, name, facts, brackets and quotes; in RETURN quotes.
    const facts = JSON.stringify((await worker.call(client, 'fake.fact')).result).length;
    const call = 1 + 2 + 'fake.echo'.length + 4 + facts + 4;
    for (const n of [65534, 65535, 65536, 65537, 65538, 300000]) {
      const text = 'y'.repeat(n - call);
      assert.equal((await worker.call(client, 'fake.echo', [text])).result[0], text);
      assert.equal((await worker.call(client, 'fake.big', [n - 2])).result.length, n - 2);
    }
  });

  it('from a console may be, too', async () => {
    const console = await attachConsole(sidecar.path);
    // In ASK what, arguments and their lengths, in ANSWER a byte, brackets and quotes.
    const ask = 2 + 'call'.length + 4 + JSON.stringify({ method: 'fake.echo' }).length + 4;
    for (const n of [65535, 65536, 65537, 300000]) {
      for (const beside of [ask, 5]) {
        const text = 'z'.repeat(n - beside);
        assert.deepEqual(await console.ask('call', { method: 'fake.echo' }, JSON.stringify([text])), [text]);
      }
    }
    console.close();
  });

  it('gets -32603 for a result that is no JSON, or no UTF-8', async () => {
    for (const bytes of ['{"a":}', '', 'undefined', '1 2', [0x22, 0xff, 0x22], [0x22, 0xed, 0xa0, 0x80, 0x22]]) {
      assert.equal(JSON.parse(await raw(bytes)).error.code, -32603, String(bytes));
    }
    assert.equal(await raw(' {"é": 1.50 }\n'), '{"jsonrpc":"2.0","id":1,"result": {"é": 1.50 }\n}');
    await sidecar.logged(/fake\.raw: its result is not valid JSON/);
  });

  it('gets -32005 for a result that is larger than its worker or we take', async () => {
    const small = await sidecar.worker({ maxMessage: 5000 });
    const c = await small.open();
    assert.equal((await small.call(c, 'fake.big', [4000])).result.length, 4000);
    assert.equal((await small.call(c, 'fake.big', [5000])).error.code, -32005);
    assert.equal((await worker.call(client, 'fake.big', [17 << 20], 20000)).error.code, -32005);
    await sidecar.logged(/fake\.big: its result is longer than \d+ bytes/);
    assert.equal((await worker.call(client, 'fake.big', [1])).result, 'x');
  });

  it('gets the error that its action gave, data and all', async () => {
    const failed = async (/** @type {unknown} */ error) => (
      await worker.call(client, 'fake.fail', [typeof error === 'string' ? error : JSON.stringify(error)])).error;
    assert.deepEqual(await failed({ code: -32000, message: 'no', data: { why: [1] } }),
      { code: -32000, message: 'no', data: { why: [1] } });
    assert.deepEqual(await failed({ code: 7, message: 'own' }), { code: 7, message: 'own' });
    assert.equal((await failed({ code: -32000, message: 'x'.repeat(2000) })).message.length, 1023);
    for (const bad of ['', '[]', '{"code":"7"}', '{"code":1e99,"message":"m"}', '{"code":7,"message":8}', '{']) {
      assert.equal((await failed(bad)).code, -32603, bad);
    }
    await sidecar.logged(/fake\.fail: its error is not/);
  });

  it('counts once, whatever its host answers later', async () => {
    assert.equal((await worker.call(client, 'fake.twice')).result, 1);
    await sidecar.logged(/fake\.twice answered a call twice; ignored/);
    await worker.sync();
    assert.deepEqual(worker.frames.filter((f) => f.op === op.REPLY), []);
  });

  it('may be one of a batch, and a notification says that nobody waits', async () => {
    const replies = JSON.parse(await worker.ask(client, [
      { jsonrpc: '2.0', id: 1, method: 'fake.wait', params: [50] },
      { jsonrpc: '2.0', method: 'fake.flags' },
      { jsonrpc: '2.0', id: 2, method: 'fake.flags', silent: true },
      { jsonrpc: '2.0', id: 3, method: 'fake.flags' }]));
    assert.deepEqual(Object.fromEntries(replies.map((/** @type {any} */ r) => [r.id, r.result])), { 1: 50, 2: 1, 3: 0 });
  });

  it('of a guarded action is for those who are signed in', async () => {
    assert.equal((await worker.call(client, 'fake.guarded')).error.code, -32001);
    assert.equal((await worker.http({ path: 'fake/guarded' })).status, 401);
  });

  it('is logged as any other', () => sidecar.logged(/"action":"fake\.echo","transport":"websocket"/));

  it('finds SETUP and ACTIONS right', async () => {
    const { result: setup } = await worker.call(client, 'fake.setup');
    assert.deepEqual([setup.app, setup.env, setup.name, setup.index, setup.count], [app.dir, 'development', 'host 0', 0, 1]);
    assert.equal(setup.config.http.port, 3000);
    assert.deepEqual(setup.actions, []);
    assert.ok((await worker.call(client, 'fake.actions')).result.includes('fake.echo'));
  });

  it('may come from a console, which cannot have actions of its own', async () => {
    const console = await attachConsole(sidecar.path);
    assert.deepEqual(await console.ask('call', { method: 'fake.echo' }, '[1.0]'), [1]);
    await assert.rejects(console.ask('call', { method: 'fake.fail' }, '["{\\"code\\":9,\\"message\\":\\"m\\"}"]'), { code: 9 });
    console.close();
    const link = await connect(sidecar.path);
    await link.hello({ role: 3 });
    link.send(frame(0x51, {}, '{"actions":[{"name":"a.b"}]}'));
    assert.match(await link.goodbye(), /a console has no actions/);
  });

  it('is not answered by a console', async () => {
    const held = worker.call(client, 'fake.hold');
    await until(async () => (await worker.call(client, 'fake.echo')).result, 'the call before to be there');
    const { result } = await worker.call(client, 'fake.fact');
    const handle = BigInt(`0x${result.id}`);
    const link = await connect(sidecar.path);
    await link.hello({ role: 3 });
    for (let back = 1n; back < 4n; back++) {
      const near = handle - (back << 28n);
      link.send(frame(0x54, { slot: Number(near & 0xffffffffn), generation: Number(near >> 32n) }, '"forged"'));
    }
    await link.sync();
    link.close();
    assert.equal((await worker.call(client, 'fake.release')).result, true);
    assert.equal((await held).result, 'released');
  });

  it('logs what the host prints, by line and whole', async () => {
    await worker.call(client, 'fake.print');
    await sidecar.logged(/"notice","message":"host 0: to stdout"/);
    await sidecar.logged(/"warning","message":"host 0: e{500}"/);
    assert.equal([...sidecar.log.matchAll(/host 0: (e+)"/g)].map(([, e]) => e.length).reduce((a, b) => a + b), 4500);
  });
});

describe('a host that breaks the rules of the link', () => {
  const cases = {
    'an unknown operation': frame(0x5f, {}),
    'an operation of ours': frame(0x53, { slot: 1, generation: 1 }),
    'an operation of workers': frame(op.MESSAGE, { slot: 1, generation: 1 }, '{}'),
    'HELLO again': frame(op.HELLO, {}, Buffer.alloc(26)),
    'READY again': frame(0x51, {}, '{"actions":[]}'),
    'a malformed RETIRE': frame(0x52, {}, 'xx'),
    'a malformed ASK': frame(0x56, {}, 'x'),
    'flags it does not have': frame(0x54, { flags: 2 }, '1'),
    'a number where there is none': frame(0x54, { call: 1 }, '1'),
    'a chunk of another message between chunks': Buffer.concat([
      frame(0x54, { flags: 1, slot: 1 }, '1'), frame(0x54, { flags: 1, slot: 2 }, '2')]),
    'a length past the limit': frame(0x54, { length: 65537 }),
  };
  const app = hostApp();
  /** @type {Sidecar} */
  let sidecar;
  before(async () => { sidecar = await startSidecar(['--log-level', '1'], { app: app.dir }); });
  after(async () => {
    await sidecar.stop();
    app.remove();
  });

  for (const [what, bytes] of Object.entries(cases)) {
    it(`by ${what} is replaced, and its calls are answered`, async () => {
      const worker = await sidecar.worker();
      const client = await worker.open();
      const never = worker.call(client, 'fake.never');
      const broken = worker.call(client, 'fake.bytes', [base64(bytes)]);
      assert.equal((await never).error.code, -32003);
      assert.equal((await broken).error.code, -32003);
      await until(async () => (await worker.call(client, 'fake.echo', [1])).result, 'the next host');
      worker.close();
    });
  }
});

describe('with a deadline of 300 ms', () => {
  const app = hostApp();
  /** @type {Sidecar} */
  let sidecar;
  /** @type {Worker} */
  let worker;
  /** @type {Awaited<ReturnType<Worker['open']>>} */
  let client;
  before(async () => {
    sidecar = await startSidecar(['--log-level', '1', '--action-timeout-ms', '300'], { app: app.dir });
    worker = await sidecar.worker();
    client = await worker.open();
  });
  after(async () => {
    await sidecar.stop();
    app.remove();
  });

  it('a call that is not answered gets -32004, and its late answer is ignored', async () => {
    const { result: pid } = await worker.call(client, 'fake.pid');
    assert.equal((await worker.call(client, 'fake.wait', [500])).error.code, -32004);
    await sidecar.logged(/fake\.wait did not answer within 300 ms/);
    await sidecar.logged(/fake\.wait answered after its deadline; ignored/);
    assert.equal((await worker.call(client, 'fake.pid')).result, pid);
  });

  it('a host that hangs is killed, its calls get -32004, and the next one serves', async () => {
    const { result: pid } = await worker.call(client, 'fake.pid');
    const hung = worker.call(client, 'fake.hang');
    assert.equal((await hung).error.code, -32004);
    await sidecar.logged(/host 0 hangs: it is killed/);
    const next = await until(async () => (await worker.call(client, 'fake.pid')).result, 'the next host');
    assert.notEqual(next, pid);
    await within(until(() => !alive(pid), 'the end of the first'), 'its end');
  });
});
