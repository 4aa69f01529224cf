// SPDX-License-Identifier: MIT
//
// The link itself: who may speak, what is refused, and that one broken link harms no other.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { after, before, describe, it } from 'node:test';
import {
  BINARY, CHUNK, MORE, chunks, connect, frame, hello, op, request, startSidecar, str16, within,
} from '../lib/fake_worker.mjs';

/** @type {import('../lib/fake_worker.mjs').Sidecar} */
let sidecar;

before(async () => { sidecar = await startSidecar(['--log-level', '1']); });
after(() => sidecar.stop());

const later = (/** @type {number} */ ms) => new Promise((resolve) => setTimeout(resolve, ms));
const openPayload = Buffer.concat([Buffer.from([0]), str16('/'), str16('192.0.2.1'), Buffer.from([0])]);
const sanitize = process.env.BUILD === 'sanitize';

describe('HELLO', () => {
  it('is answered with version, role, timeout and the largest message', async () => {
    const link = await connect(sidecar.path);
    const answer = await link.hello();
    assert.deepEqual({ ...answer, generation: typeof answer.generation }, {
      version: 1, role: 2, pid: sidecar.child.pid, generation: 'bigint', timeoutMs: 30000,
      maxMessage: 16 << 20, software: 'socketstream/0.1.0',
    });
    link.close();
  });

  it('of another version ends the link with both versions in the reason', async () => {
    const link = await connect(sidecar.path);
    link.send(hello({ version: 7 }));
    const reason = await link.goodbye();
    assert.match(reason, /worker speaks 7/);
    assert.match(reason, /sidecar .*speaks 1/);
  });

  it('of a later version whose rest looks different is told the same', async () => {
    const link = await connect(sidecar.path);
    link.send(frame(op.HELLO, {}, Buffer.concat([Buffer.from([2, 0]), Buffer.alloc(40, 0xee)])));
    assert.match(await link.goodbye(), /worker speaks 2/);
  });

  it('of neither worker nor host is refused', async () => {
    for (const role of [2, 9]) {
      const link = await connect(sidecar.path);
      link.send(hello({ role }));
      assert.match(await link.goodbye(), /role|HELLO/);
    }
  });

  it('comes first, and once', async () => {
    const early = await connect(sidecar.path);
    early.send(frame(op.OPEN, { slot: 1, generation: 1 }, openPayload));
    assert.match(await early.goodbye(), /HELLO comes first/);
    const again = await sidecar.worker();
    again.send(hello());
    assert.match(await again.goodbye(), /HELLO comes first, and once/);
  });
});

describe('a bad frame ends its link with a reason, and only that one', () => {
  const client = { slot: 1, generation: 1 };
  /** @type {[string, Buffer, RegExp][]} */
  const bad = [
    ['an unknown operation', frame(0x7f), /unknown operation/],
    ['operation 0', frame(0), /unknown operation/],
    ['operation 255', frame(255), /unknown operation/],
    ['ACCEPT', frame(op.ACCEPT, client, '\0\0\0'), /wrong side/],
    ['REPLY', frame(op.REPLY, client, '{}'), /wrong side/],
    ['DRAIN', frame(op.DRAIN), /wrong side/],
    ['a PING too short', frame(op.PING, {}, '1234567'), /length/],
    ['a PING too long', frame(op.PING, {}, '123456789'), /length/],
    ['a payload past the limit', frame(op.MESSAGE, { ...client, length: 65537 }), /length/],
    ['a length of 4 GiB', frame(op.MESSAGE, { ...client, length: 0xffffffff }), /length/],
    ['a state past the limit', frame(op.REBIND, client, Buffer.alloc(1025)), /length/],
    ['MORE on what has no chunks', frame(op.PING, { flags: MORE }, '12345678'), /flags/],
    ['BINARY on a REQUEST', frame(op.REQUEST, { ...client, flags: BINARY }), /flags/],
    ['an unknown flag', frame(op.MESSAGE, { ...client, flags: 0x80 }), /flags/],
    ['reserved bytes', frame(op.MESSAGE, { ...client, reserved: 1 }), /flags/],
    ['a slot on PING', frame(op.PING, { slot: 1 }, '12345678'), /slot/],
    ['a call on CLOSED', frame(op.CLOSED, { ...client, call: 1 }, '\xe8\x03'.slice(0, 1)), /slot|length/],
    ['an OPEN cut short', frame(op.OPEN, { slot: 2, generation: 1 }, openPayload.subarray(0, 8)), /OPEN/],
    ['an OPEN with bytes behind it', frame(op.OPEN, { slot: 2, generation: 1 },
      Buffer.concat([openPayload, Buffer.from([0])])), /OPEN/],
    ['an OPEN with 129 headers', frame(op.OPEN, { slot: 2, generation: 1 }, Buffer.concat([
      openPayload.subarray(0, -1), Buffer.from([129]), Buffer.alloc(129 * 4)])), /OPEN/],
    ['an OPEN of an open client', frame(op.OPEN, client, openPayload), /which is open/],
    ['a malformed REQUEST', frame(op.REQUEST, { slot: 5, generation: 1 }, 'xx'), /REQUEST/],
    ['a REQUEST in a client\'s slot', frame(op.REQUEST, client, request({ path: 'a' })), /taken/],
    ['a REQUEST past the last slot', frame(op.REQUEST, { slot: 1 << 20, generation: 1 },
      request({ path: 'a' })), /past the limit/],
    ['a MESSAGE to an HTTP request', Buffer.concat([
      frame(op.REQUEST, { slot: 6, generation: 1 }, request({ path: 'bad/never' })),
      frame(op.MESSAGE, { slot: 6, generation: 1, call: 1 }, '{}')]), /HTTP request/],
    ['a message between another\'s chunks', Buffer.concat([
      frame(op.MESSAGE, { ...client, call: 5, flags: MORE }, '{'),
      frame(op.MESSAGE, { ...client, call: 6 }, '{}')]), /between the chunks/],
    ['a REQUEST between a message\'s chunks', Buffer.concat([
      frame(op.MESSAGE, { ...client, call: 5, flags: MORE }, '{'),
      frame(op.REQUEST, client, request({ path: 'a' }))]), /taken/],
  ];
  for (const [name, bytes, reason] of bad) {
    it(name, async () => {
      const good = await sidecar.worker();
      const c = await good.open();
      const link = await sidecar.worker();
      await link.open({ slot: 1 });
      link.send(bytes);
      assert.match(await link.goodbye(), reason);
      assert.equal((await good.call(c, 'app.square', [4])).result, 16);
      good.close();
    });
  }

  it('1,000 random streams end with their links and harm no other', async () => {
    const good = await sidecar.worker();
    const c = await good.open();
    let seed = 1;
    const random = () => { seed = (seed * 1103515245 + 12345) & 0x7fffffff; return seed >>> 8; };
    for (let round = 0; round < 50; round++) {
      await Promise.all(Array.from({ length: 20 }, async () => {
        const link = await connect(sidecar.path);
        const noise = Buffer.from(Array.from({ length: 20 + random() % 200 }, () => random() & 255));
        if (random() & 1) noise.writeUInt16LE(random() % 40, 0); // a plausible length…
        if (random() & 1) noise.writeUInt16LE(0, 2);
        link.send(random() & 1 ? Buffer.concat([hello(), noise]) : noise);
        link.socket.end();
        await within(link.end, 'the end of a random link');
      }));
    }
    assert.equal((await good.call(c, 'app.square', [5])).result, 25);
    good.close();
  });
});

describe('frames in pieces', () => {
  it('are understood byte by byte', async () => {
    const link = await sidecar.worker();
    const c = await link.open();
    const bytes = chunks(op.MESSAGE, { slot: c.slot, generation: c.generation, call: 77 },
      '{"jsonrpc":"2.0","id":1,"method":"app.square","params":[6]}');
    for (const byte of bytes) {
      link.send(Buffer.from([byte]));
      await new Promise(setImmediate);
    }
    const reply = await link.next((f) => f.call === 77, 'the reply');
    assert.match(reply.payload.toString(), /"result":36/);
    link.close();
  });

  it('many in one write are answered in few', async () => {
    const link = await sidecar.worker();
    const c = await link.open();
    let pieces = 0;
    const text = '{"jsonrpc":"2.0","id":1,"method":"app.square","params":[6]}';
    link.socket.on('data', () => { pieces++; });
    link.send(Buffer.concat(Array.from({ length: 500 }, (_, i) => chunks(op.MESSAGE,
      { slot: c.slot, generation: c.generation, call: 1000 + i }, text))));
    await link.next((f) => f.call === 1499, 'the last reply');
    assert.ok(pieces < 50, `${pieces} pieces`);
    link.close();
  });
});

describe('clients', () => {
  it('get a state of less than 100 bytes', async () => {
    const link = await sidecar.worker();
    const c = await link.open({ address: '2001:db8:1111:2222:3333:4444:5555:6666' });
    assert.ok(c.state.length > 0 && c.state.length < 100, String(c.state.length));
    link.close();
  });

  it('come back with their state on another link, and are not answered for it', async () => {
    const first = await sidecar.worker();
    const { state } = await first.open({ slot: 3, address: '192.0.2.99' });
    first.close();
    const second = await sidecar.worker();
    const c = { slot: 8, generation: 4 };
    second.send(frame(op.REBIND, c, state));
    assert.equal((await second.call(c, 'app.facts')).result.address, '192.0.2.99');
    assert.deepEqual(second.frames, []);
    second.close();
  });

  it('that understand it are told that they may have missed events', async () => {
    const first = await sidecar.worker();
    const { state } = await first.open({ slot: 3, system: true });
    first.close();
    const second = await sidecar.worker();
    const c = { slot: 8, generation: 4 };
    second.send(frame(op.REBIND, c, state));
    const { payload } = await second.next((f) => f.op === op.SEND, 'SEND');
    assert.deepEqual(JSON.parse(payload.toString()),
      { jsonrpc: '2.0', method: 'system.resync', params: { reason: 'sidecar' } });
    second.close();
  });

  it('of a worker that connects anew come with it, and its older link is closed', async () => {
    const first = await sidecar.worker();
    const c = await first.open({ slot: 3, address: '192.0.2.98' });
    const second = await sidecar.worker({ identity: first.identity });
    await within(first.end, 'the end of the older link');
    second.rebind(c, first.place(c));
    assert.equal((await second.call(c, 'app.facts')).result.address, '192.0.2.98');
    second.close();
  });

  it('with a state of no known form are closed with 1012', async () => {
    const link = await sidecar.worker();
    for (const state of [Buffer.alloc(0), Buffer.from([9, 0]), Buffer.from([1, 0xff]),
      Buffer.concat([Buffer.from([1, 0]), Buffer.alloc(64, 0x61)]), Buffer.alloc(1024, 1)]) {
      const c = { slot: 9, generation: 1 };
      link.send(frame(op.REBIND, c, state));
      const close = await link.next((f) => f.op === op.CLOSE && f.slot === 9, 'CLOSE');
      assert.equal(close.payload.readUInt16LE(0), 1012);
    }
    link.close();
  });

  it('that offered the subprotocol hear system.init first, others nothing', async () => {
    const link = await sidecar.worker();
    const c = await link.open({ system: true });
    const init = await link.next((f) => f.op === op.SEND && f.slot === c.slot, 'system.init');
    const { jsonrpc, method, params } = JSON.parse(init.payload.toString());
    assert.deepEqual([jsonrpc, method], ['2.0', 'system.init']);
    assert.equal(params.version, '0.1.0');
    assert.equal(params.env, process.env.SS_ENV ?? 'development');
    assert.ok(params.api.includes('app.square') && params.api.includes('nested.users.yesterday'));
    assert.deepEqual(params.api, [...params.api].sort());
    assert.deepEqual(params.config.greeting, 'hello');
    assert.equal(params.config.secret, undefined);
    const plain = await link.open();
    assert.equal((await link.call(plain, 'app.square', [2])).result, 4);
    assert.deepEqual(link.frames, []);
    link.close();
  });

  it('that are gone or of an older generation are not answered', async () => {
    const link = await sidecar.worker();
    const c = await link.open({ slot: 4, generation: 1 });
    const text = '{"jsonrpc":"2.0","id":1,"method":"app.later","params":[30]}';
    link.send(chunks(op.MESSAGE, { slot: 4, generation: 1, call: 1 }, text));
    link.send(frame(op.CLOSED, { slot: 4, generation: 1 }, Buffer.from([0xe8, 3])));
    const d = await link.open({ slot: 4, generation: 2 });
    link.send(chunks(op.MESSAGE, { slot: 4, generation: 1, call: 2 }, text));
    link.send(chunks(op.MESSAGE, { slot: 77, generation: 1, call: 3 }, text));
    assert.equal((await link.call(d, 'app.later', [60, 'x'])).result, 'x');
    assert.deepEqual(link.frames, []);
    assert.equal(c.accepted, true);
    link.close();
  });

  it('past the last slot are rejected with 503', async () => {
    const link = await sidecar.worker();
    assert.equal((await link.open({ slot: (1 << 20) - 1 })).accepted, true);
    assert.equal((await link.open({ slot: 1 << 20 })).accepted, false);
    assert.equal((await link.open({ slot: 0xffffffff })).accepted, false);
    assert.equal((await link.open({ slot: 2 })).accepted, true);
    link.close();
  });

  it('cost at most 200 bytes each while idle', async () => {
    const link = await sidecar.worker();
    const n = 10000;
    const one = (/** @type {number} */ slot) => frame(op.OPEN, { slot, generation: 1 }, openPayload);
    const opened = async (/** @type {number} */ from) => {
      link.send(Buffer.concat(Array.from({ length: n }, (_, i) => one(from + i))));
      await link.next((f) => f.op === op.ACCEPT && f.slot === from + n - 1, 'the last ACCEPT', 20000);
      link.frames.length = 0;
      await later(20);
    };
    await opened(0); // buffers are as large as they get
    const before_ = sidecar.memory();
    await opened(n);
    const each = ((sidecar.memory() - before_) * 1024) / n;
    assert.ok(each <= (sanitize ? 1000 : 200), `${each} bytes`);
    link.close();
  });
});

describe('the heartbeat', () => {
  it('answers PING with the same bytes', async () => {
    const link = await sidecar.worker();
    link.send(frame(op.PING, {}, 'abcdefgh'));
    const pong = await link.next((f) => f.op === op.PONG, 'PONG');
    assert.equal(pong.payload.toString(), 'abcdefgh');
    link.close();
  });

  it('says PING every second, and drops a link that is silent for three', async () => {
    const link = await sidecar.worker();
    link.mute = true;
    let pings = 0;
    const receive = link.receive.bind(link);
    link.receive = (f) => { pings += f.op === op.PING ? 1 : 0; receive(f); };
    const start = Date.now();
    await within(link.end, 'the end', 8000);
    const ms = Date.now() - start;
    assert.ok(ms >= 2900 && ms < 5500, `${ms} ms`);
    assert.ok(pings >= 2 && pings <= 5, `${pings} PINGs`);
  });

  it('keeps a link that answers, and one behind an action that blocked the loop for 3.5 s', async () => {
    const [a, b] = [await sidecar.worker(), await sidecar.worker()];
    const [c, d] = [await a.open(), await b.open()];
    assert.equal((await a.call(c, 'bad.block', [3500], 9000)).result, true);
    await later(1500);
    assert.equal((await b.call(d, 'app.square', [3])).result, 9);
    assert.equal((await a.call(c, 'app.square', [3])).result, 9);
    a.close();
    b.close();
  });

  it('drops a connection that never says HELLO', async () => {
    const link = await connect(sidecar.path);
    await within(link.end, 'the end', 8000);
  });
});

describe('a link that does not read', () => {
  it('is not read from either, then lost; memory stays bounded and others go on', async () => {
    const good = await sidecar.worker();
    const c = await good.open();
    const link = await sidecar.worker();
    const d = await link.open();
    const start = sidecar.memory();
    sidecar.log = '';
    link.socket.pause();
    const call = chunks(op.MESSAGE, { slot: d.slot, generation: 1, call: 1 },
      JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'app.text', params: [60000] }));
    let peak = 0;
    const flood = Buffer.concat(Array.from({ length: 20000 }, () => call)); // 1.2 GB of answers
    link.socket.write(flood);
    for (let i = 0; i < 20; i++) {
      await later(100);
      peak = Math.max(peak, sidecar.memory());
      assert.equal((await good.call(c, 'app.square', [i])).result, i * i);
    }
    assert.ok(peak - start < (sanitize ? 200 : 16) * 1024, `${peak - start} KiB`);
    // Node does not look at a socket that is paused; read to see the end.
    await sidecar.logged(/was silent for 3000 ms/, 6000);
    link.socket.resume();
    await within(link.end, 'the end');
    assert.equal((await good.call(c, 'app.square', [4])).result, 16);
    good.close();
  });

  it('is lost once 64 MiB of late answers wait for it', async () => {
    const good = await sidecar.worker();
    const c = await good.open();
    const link = await sidecar.worker();
    const d = await link.open();
    const start = sidecar.memory();
    link.socket.pause();
    sidecar.log = '';
    link.send(Buffer.concat(Array.from({ length: 2000 }, (_, i) => chunks(op.MESSAGE,
      { slot: d.slot, generation: d.generation, call: 1 + i }, JSON.stringify({ jsonrpc: '2.0', id: i, method: 'app.lateText', params: [300, 65000] })))));
    await sidecar.logged(/does not read: 67\d{6} bytes wait for it/);
    assert.equal((await good.call(c, 'app.square', [6])).result, 36);
    assert.ok(sidecar.memory('VmHWM') - start < (sanitize ? 600 : 200) * 1024);
    link.close();
    good.close();
  });

  it('gets all its answers when it reads in time', async () => {
    const link = await sidecar.worker();
    const d = await link.open();
    link.socket.pause();
    link.send(Buffer.concat(Array.from({ length: 200 }, (_, i) => chunks(op.MESSAGE,
      { slot: d.slot, generation: 1, call: 1 + i },
      JSON.stringify({ jsonrpc: '2.0', id: i, method: 'app.text', params: [CHUNK] })))));
    await later(500);
    link.socket.resume();
    for (let i = 0; i < 200; i++) {
      const reply = await link.next((f) => f.op === op.REPLY && f.call === 1 + i, `reply ${i}`);
      assert.equal(JSON.parse(reply.payload.toString()).id, i);
    }
    link.close();
  });
});

describe('who may connect', () => {
  it('512 links, and one more is told so', async () => {
    const own = await startSidecar([]);
    const links = [];
    for (let i = 0; i < 512; i++) links.push(await connect(own.path));
    await links[511].hello();
    const more = await connect(own.path);
    assert.match(await more.goodbye(), /more than 512 links/);
    links[0].close();
    await links[511].sync();
    const next = await connect(own.path);
    await next.hello();
    for (const link of [...links, next]) link.close();
    await own.stop();
  });

  it('the socket is for owner and group alone', () => {
    assert.equal(fs.statSync(sidecar.path).mode & 0o777, 0o660);
  });

  const notRoot = process.getuid?.() === 0 ? false : 'needs the optional part: tests run as root';
  for (const [name, args, expected] of /** @type {[string, string[], string][]} */ ([
    ['another user is refused, though the socket\'s mode would let it in', [], 'ended'],
    ['a user of --workers-uid is let in', ['--workers-uid', '65534'], 'HELLO'],
    ['a group of --workers-group is let in', ['--workers-group', '65534'], 'HELLO'],
  ])) {
    it(name, { skip: notRoot }, async (t) => {
      // TMPDIR may be closed to others.
      const open = fs.mkdtempSync('/tmp/ss-open-');
      t.after(() => fs.rmSync(open, { recursive: true, force: true }));
      fs.chmodSync(open, 0o755);
      const listen = `${open}/s.sock`;
      const own = await startSidecar(args, { listen });
      fs.chmodSync(listen, 0o666);
      const script = `const s = require('net').connect(${JSON.stringify(listen)});
        s.write(Buffer.from('${hello().toString('hex')}', 'hex'));
        s.once('data', (d) => { console.log(d[4] === 1 ? 'HELLO' : 'other'); s.destroy(); });
        s.on('error', () => {}).on('close', () => console.log('ended'));`;
      const child = spawn(process.execPath, ['-e', script], { uid: 65534, gid: 65534, cwd: '/' });
      let said = '';
      child.stdout.on('data', (piece) => { said += piece; });
      await within(once(child, 'close'), 'the other user');
      assert.equal(said.split('\n')[0], expected);
      if (expected === 'ended') await own.logged(/refused a link from process \d+ of user 65534/);
      await own.stop();
    });
  }
});
