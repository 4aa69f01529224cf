// SPDX-License-Identifier: MIT
//
// The life of a call: answered exactly once, in time or not; and what hostile calls may not do.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { chunks, connect, frame, op, startSidecar, within } from '../lib/fake_worker.mjs';
import { stopwatch } from '../lib/stack.mjs';

const sanitize = process.env.BUILD === 'sanitize';
const later = (/** @type {number} */ ms) => new Promise((resolve) => setTimeout(resolve, ms));
const message = (/** @type {string} */ method, /** @type {unknown} */ params) => (
  JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }));

describe('with a deadline of 300 ms', () => {
  /** @type {import('../lib/fake_worker.mjs').Sidecar} */
  let sidecar;
  /** @type {import('../lib/fake_worker.mjs').Worker} */
  let worker;
  /** @type {{slot: number, generation: number}} */
  let client;

  before(async () => {
    sidecar = await startSidecar(['--action-timeout-ms', '300', '--log-level', '1']);
    worker = await sidecar.worker();
    client = await worker.open();
  });
  after(() => sidecar.stop());

  it('HELLO tells the worker', async () => {
    const link = await connect(sidecar.path);
    assert.equal((await link.hello()).timeoutMs, 300);
    link.close();
  });

  it('an action that never answers is timed out by name', async () => {
    const start = Date.now();
    const passed = stopwatch();
    assert.deepEqual((await worker.call(client, 'bad.never')).error,
      { code: -32004, message: 'Timeout' });
    const ms = Date.now() - start;
    assert.ok(ms >= 295 && await passed() < 800, `${ms} ms`);
    await sidecar.logged(/bad\.never did not answer within 300 ms/);
  });

  it('its late answer is ignored, and so is one long after', async () => {
    await worker.call(client, 'bad.never');
    for (let i = 0; i < 3; i++) {
      assert.deepEqual((await worker.call(client, 'bad.answerRemembered')).result, [false, '']);
    }
    await sidecar.logged(/bad\.never answered after its deadline; ignored/);
    await worker.sync();
    assert.deepEqual(worker.frames, []);
  });

  it('an answer in time from another call\'s turn arrives', async () => {
    const never = worker.call(client, 'bad.never');
    await worker.call(client, 'bad.answerRemembered');
    assert.equal((await never).result, 'late');
  });

  it('ss_after() past the deadline still calls back, in vain', async () => {
    assert.equal((await worker.call(client, 'app.later', [500, 'x'])).error.code, -32004);
    await sidecar.logged(/app\.later answered after its deadline/);
  });

  it('each of many calls has its own deadline', async () => {
    const times = await Promise.all([0, 100, 200].map(async (ms) => {
      await later(ms);
      const start = Date.now();
      const passed = stopwatch();
      assert.equal((await worker.call(client, 'bad.never')).error.code, -32004);
      return [Date.now() - start, await passed()];
    }));
    for (const [ms, paced] of times) assert.ok(ms >= 295 && paced < 800, `${ms} ms`);
  });

  it('a batch is answered when its slowest call has timed out', async () => {
    const replies = JSON.parse(await worker.ask(client, [
      { jsonrpc: '2.0', id: 1, method: 'bad.never' },
      { jsonrpc: '2.0', id: 2, method: 'app.square', params: [2] }]));
    assert.deepEqual(replies.map((/** @type {any} */ r) => r.result ?? r.error.code), [4, -32004]);
  });

  it('only the first of several answers counts; the others are named', async () => {
    sidecar.log = '';
    assert.equal((await worker.call(client, 'bad.twice')).result, 1);
    await sidecar.logged(/bad\.twice answered a call twice; ignored/);
    await worker.sync();
    assert.deepEqual(worker.frames, []);
  });

  it('a call whose link is lost is forgotten in peace', async () => {
    const link = await sidecar.worker();
    const c = await link.open();
    const { slot, generation } = c;
    link.send(chunks(op.MESSAGE, { slot, generation, call: 1 }, message('app.later', [100, 'x'])));
    link.send(chunks(op.MESSAGE, { slot, generation, call: 2 }, JSON.stringify([
      { jsonrpc: '2.0', id: 1, method: 'app.later', params: [100, 'x'] },
      { jsonrpc: '2.0', id: 2, method: 'bad.never' }])));
    await link.sync();
    link.close();
    await later(450);
    assert.equal((await worker.call(client, 'app.square', [3])).result, 9);
  });
});

describe('with a deadline that nothing reaches while calls are sent', () => {
  it('65,536 calls may be in flight, not one more; then there is room again', async () => {
    const n = 65536;
    const place = { slot: 7, generation: 1 };
    const call = message('bad.never', []);
    // Made before the link is there, which would be given up if this process were silent for long.
    const calls = Buffer.concat(Array.from({ length: n + 1 }, (_, i) => (
      chunks(op.MESSAGE, { ...place, call: 100000 + i }, call))));
    const sidecar = await startSidecar(['--action-timeout-ms', '10000', '--log-level', '1']);
    const worker = await sidecar.worker();
    const client = await worker.open(place);
    worker.send(calls);
    const refused = await worker.next((f) => f.op === op.REPLY, 'a refusal', 60_000);
    assert.equal(refused.call, 100000 + n);
    assert.deepEqual(JSON.parse(refused.payload.toString()).error,
      { code: -32006, message: 'Too many calls in flight', data: { retryable: true } });
    await worker.next((f) => f.op === op.REPLY && f.call === 100000 + n - 1, 'the last', 60_000);
    worker.frames.length = 0;
    worker.nextCall = 900000;
    assert.equal((await worker.call(client, 'app.square', [3])).result, 9);
    await sidecar.stop();
  });
});

describe('deferred answers', () => {
  /** @type {import('../lib/fake_worker.mjs').Sidecar} */
  let sidecar;
  /** @type {import('../lib/fake_worker.mjs').Worker} */
  let worker;
  /** @type {{slot: number, generation: number}} */
  let client;

  before(async () => {
    sidecar = await startSidecar(['--log-level', '1']);
    worker = await sidecar.worker();
    client = await worker.open();
  });
  after(() => sidecar.stop());

  it('from ss_after() come when they should, and hold up nobody', async () => {
    const start = Date.now();
    const passed = stopwatch();
    const slow = worker.call(client, 'app.later', [250, 'slow']);
    assert.equal((await worker.call(client, 'app.square', [3])).result, 9);
    assert.ok(await passed() < 200);
    assert.equal((await slow).result, 'slow');
    assert.ok(Date.now() - start >= 245);
  });

  it('from ss_work() come from the loop', async () => {
    assert.equal((await worker.call(client, 'app.sum', [100000])).result, 5000050000);
    await sidecar.logged(/added up to 100000/);
  });

  it('from a thread of the pool are refused, and said', async () => {
    assert.equal((await worker.call(client, 'bad.wrongThread')).result, 'from the loop');
    await sidecar.logged(/bad\.wrongThread answered on a thread of the pool/);
  });

  it('1,000 at a time all arrive, each at its call', async () => {
    const results = await Promise.all(Array.from({ length: 1000 }, (_, i) => (
      worker.call(client, i % 2 ? 'app.later' : 'app.sum', i % 2 ? [i % 50, i] : [i]))));
    results.forEach((r, i) => assert.equal(r.result, i % 2 ? i : i * (i + 1) / 2));
  });

  it('the demo\'s native.slow answers after its time, native.square and native.echo at once', async () => {
    const demo = await startSidecar(['--log-level', '0'],
      { app: fileURLToPath(new URL('../../examples/chat', import.meta.url)) });
    try {
      const link = await demo.worker();
      const c = await link.open();
      const start = Date.now();
      const slow = link.call(c, 'native.slow', [300]);
      assert.equal((await link.call(c, 'native.square', [25])).result, 625);
      assert.equal((await link.call(c, 'native.square', [1.5])).result, 2.25);
      assert.equal((await link.call(c, 'native.square', [4294967296])).result, 2 ** 64);
      for (const params of [['25'], [], [null], [1e300]]) {
        assert.equal((await link.call(c, 'native.square', params)).error.code, -32602);
      }
      assert.deepEqual((await link.call(c, 'native.echo', [{ a: 1 }])).result, { a: 1 });
      assert.deepEqual((await link.call(c, 'native.echo', [1, 2])).result, [1, 2]);
      assert.equal((await link.call(c, 'native.echo', [])).result, null);
      assert.equal((await link.call(c, 'native.slow', ['x'])).error.code, -32602);
      assert.equal((await slow).result, 300);
      assert.ok(Date.now() - start >= 295);
    } finally {
      await demo.stop();
    }
  });
});

describe('hostile calls', () => {
  it('10,000 action names are unknown, clearly, and memory stays flat', async () => {
    const sidecar = await startSidecar(['--log-level', '1']);
    const worker = await sidecar.worker();
    const client = await worker.open();
    const names = ['', '.', '..', 'app', 'app.', '.square', 'app..square', 'app.square.', 'app.Square',
      'App.square', '__proto__', 'constructor', 'app.__proto__', 'app.constructor', 'toString',
      'app.square\u0000', 'app\u0000.square', '\u0000', 'app.square ', ' app.square', 'app/square',
      '../app.square', 'system.init', 'event', 'rpc.discover', 'ss_module_start', 'app.deep',
      '%s%s%s%n', '\'; DROP TABLE', '𝄞', '\uffff', 'app．square', 'a'.repeat(256), 'a'.repeat(257),
      'a'.repeat(65536), 'app.' + 'x'.repeat(65000), 'é'.repeat(128), '\u0001'.repeat(42)];
    for (let i = names.length; i < 10000; i++) {
      names.push(i % 3 ? `app.square${i}` : `${'x'.repeat(i % 300)}.${i}`);
    }
    let at = 0;
    const round = async () => {
      await Promise.all(Array.from({ length: 50 }, async () => {
        while (at < names.length) {
          const name = names[at++];
          const { error, result } = await worker.call(client, name, [25]);
          assert.equal(result, undefined, name);
          // No name, or one past 256 bytes of text, makes no call.
          const bytes = Buffer.byteLength(JSON.stringify(name)) - 2;
          assert.equal(error.code, bytes === 0 || bytes > 256 ? -32600 : -32601, name);
        }
      }));
      at = 0;
    };
    await round();
    const first = sidecar.memory();
    await round();
    await round();
    assert.ok(sidecar.memory() - first <= (sanitize ? 20000 : 256), `${first} ${sidecar.memory()}`);
    assert.equal((await worker.call(client, 'app.square', [25])).result, 625);
    assert.ok(sidecar.log.length < 2000, 'they must not fill the log');
    await sidecar.stop();
  });

  it('cannot forge or break log lines', async () => {
    for (const format of ['json', 'pretty']) {
      const sidecar = await startSidecar(['--log-level', '4', '--log-format', format]);
      const worker = await sidecar.worker();
      const client = await worker.open({ address: '1.2.3.4"\n\u001b[2J\\' });
      const text = 'x\n{"level":"error"}\r\u001b[31m\u009b\u0000"\\\u202e';
      await worker.call(client, 'bad.log', [text]);
      await worker.call(client, 'app.params', [text]);
      worker.send(frame(op.GOODBYE, {}, Buffer.concat([Buffer.from([4, 0]), Buffer.from('\n\u001b\xff', 'latin1'), Buffer.from('x')])));
      await worker.end;
      await sidecar.stop();
      const lines = sidecar.log.split('\n').slice(0, -1);
      assert.ok(lines.length > 8);
      for (const line of lines) {
        assert.doesNotMatch(line, /[\u0000-\u001f\u007f-\u009f]/, JSON.stringify(line));
        if (format === 'json') assert.ok(JSON.parse(line).time, line);
        else assert.match(line, /^\d\d:\d\d:\d\d\.\d{3} (error|warning|notice|info|debug|call)\s/);
      }
      assert.ok(lines.some((line) => line.includes('app says x')));
    }
  });

  it('show neither params nor results in JSON lines below level 4', async () => {
    for (const [level, shown] of [['3', false], ['4', true]]) {
      const sidecar = await startSidecar(['--log-level', String(level)]);
      const worker = await sidecar.worker();
      await worker.call(await worker.open(), 'app.params', ['a secret']);
      await sidecar.stop();
      assert.equal(sidecar.log.includes('a secret'), shown);
      assert.match(sidecar.log, /"action":"app\.params","transport":"websocket"/);
    }
  });
});

describe('a silent call', () => {
  it('leaves no line, neither of params nor of its outcome; others do', async () => {
    const sidecar = await startSidecar(['--log-level', '4', '--log-format', 'json']);
    const worker = await sidecar.worker();
    const client = await worker.open();
    const call = (/** @type {string} */ rest) => worker.ask(client, `{"jsonrpc":"2.0","id":1,${rest}}`);
    await call('"method":"app.params","params":["unheard"],"silent":true');
    await call('"method":"app.fail","params":[-5,"unheard"],"silent":true');
    await call('"method":"app.params","params":["heard"],"silent":false');
    await worker.ask(client, '[{"jsonrpc":"2.0","id":1,"method":"app.square","params":[2],"silent":true},' +
      '{"jsonrpc":"2.0","id":2,"method":"app.params","params":["of a batch"]}]');
    await sidecar.stop();
    assert.doesNotMatch(sidecar.log, /unheard|app\.fail|app\.square/);
    assert.match(sidecar.log, /heard/);
    assert.match(sidecar.log, /of a batch/);
    assert.equal(sidecar.log.split('"transport":"websocket"').length - 1, 2);
  });
});

describe('the end', () => {
  it('SIGTERM: DRAIN, calls in flight are answered, new links are not taken, exit 0', async () => {
    for (const signal of /** @type {const} */ (['SIGTERM', 'SIGINT'])) {
      const sidecar = await startSidecar(['--log-level', '1']);
      const worker = await sidecar.worker();
      const client = await worker.open();
      const slow = worker.call(client, 'app.later', [400, 'in flight']);
      const work = worker.call(client, 'app.sum', [10]);
      const answered = worker.http({ path: 'app/later', args: '300' });
      await worker.sync();
      sidecar.child.kill(signal);
      await worker.next((f) => f.op === op.DRAIN, 'DRAIN');
      sidecar.child.kill(signal); // a second one changes nothing
      await assert.rejects(connect(sidecar.path));
      // What crosses DRAIN on its way is answered too.
      assert.equal((await worker.call(client, 'app.square', [7])).result, 49);
      assert.equal((await slow).result, 'in flight');
      assert.equal((await work).result, 55);
      assert.equal((await answered).status, 200);
      assert.match(await worker.goodbye(), /leaving/);
      assert.deepEqual(await within(sidecar.exit, 'the exit', 2000), { code: 0, signal: null });
      await sidecar.stop();
    }
  });

  it('without links it leaves at once', async () => {
    const sidecar = await startSidecar([]);
    const passed = stopwatch();
    await sidecar.stop();
    assert.ok(await passed() < (sanitize ? 2000 : 500));
  });

  it('waits no longer than the deadline for what never answers', async () => {
    const sidecar = await startSidecar(['--action-timeout-ms', '600']);
    const worker = await sidecar.worker();
    const client = await worker.open();
    const never = worker.call(client, 'bad.never');
    await worker.sync();
    sidecar.child.kill('SIGTERM');
    assert.equal((await never).error.code, -32004);
    assert.deepEqual(await within(sidecar.exit, 'the exit', 2500), { code: 0, signal: null });
    await sidecar.stop();
  });

  it('waits no longer than the deadline for a worker that does not hear', async () => {
    const sidecar = await startSidecar(['--action-timeout-ms', '500']);
    const worker = await sidecar.worker();
    worker.mute = true;
    worker.socket.pause();
    sidecar.child.kill('SIGTERM');
    assert.deepEqual(await within(sidecar.exit, 'the exit', 6000), { code: 0, signal: null });
    await sidecar.stop();
  });

  it('a crash of an action is a crash of the sidecar; the next one starts on the same path', async () => {
    const sidecar = await startSidecar(['--log-level', '1']);
    const worker = await sidecar.worker();
    const client = await worker.open();
    const { state } = await worker.open({ slot: 40 });
    worker.send(chunks(op.MESSAGE, { ...client, call: 1 }, message('bad.crash', [])));
    await within(worker.end, 'the end of the link');
    const end = await within(sidecar.exit, 'the crash');
    assert.ok(end.signal === 'SIGSEGV' || (sanitize && end.code !== 0), JSON.stringify(end));
    const next = await startSidecar(['--log-level', '1'], { listen: sidecar.path });
    const link = await connect(sidecar.path);
    await link.hello();
    link.send(frame(op.REBIND, { slot: 40, generation: 1 }, state));
    assert.equal((await link.call({ slot: 40, generation: 1 }, 'app.square', [25])).result, 625);
    link.close();
    await next.stop();
    sidecar.log = ''; // under a sanitizer it holds the report that was wanted
    await sidecar.stop();
  });
});
