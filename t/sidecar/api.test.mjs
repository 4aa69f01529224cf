// SPDX-License-Identifier: MIT
//
// The HTTP API: from REQUEST to RESPONSE.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { CHUNK, MORE, chunks, frame, op, request, startSidecar } from '../lib/fake_worker.mjs';
import { hostApp } from '../lib/host_app.mjs';

/** @type {import('../lib/fake_worker.mjs').Sidecar} */
let sidecar;
/** @type {import('../lib/fake_worker.mjs').Worker} */
let worker;

before(async () => {
  sidecar = await startSidecar(['--action-timeout-ms', '500', '--log-level', '0',
    '--max-message', String(1 << 20)]);
  worker = await sidecar.worker();
});
after(() => sidecar.stop());

/** @type {Record<string, string>} */
const json = { 'content-type': 'application/json' };
const get = (/** @type {string} */ path, args = '') => worker.http({ path, args });
const post = (/** @type {string} */ path, /** @type {string | Buffer} */ body, headers = json) => (
  worker.http({ method: 'POST', path, body, headers }));

describe('a GET', () => {
  /** @type {[string, string, unknown[]][]} */
  const queries = [
    ['nothing', '', []],
    ['a number', '25', [25]],
    ['a negative real', '-15e2', [-1500]],
    ['a real in its shortest form', '0.1', [0.1]],
    ['a large real', '1.7976931348623157e308', [Number.MAX_VALUE]],
    ['true', 'true', [true]],
    ['null', 'null', [null]],
    ['a word', 'hello', ['hello']],
    ['a JSON string', '%22a%20b%22', ['a b']],
    ['plus signs', 'a+b', ['a b']],
    ['an escaped plus', 'a%2Bb', ['a+b']],
    ['what is almost a number', '025', ['025']],
    ['a number with a space', '+25', [' 25']],
    ['JSON of an array, as text', '[1,2]', ['[1,2]']],
    ['JSON of an object, as text', '%7B%22a%22:1%7D', ['{"a":1}']],
    ['an escaped equals sign', 'a%3Db', ['a=b']],
    ['a NUL in a value', 'a%00b', ['a\u0000b']],
    ['UTF-8', '%C3%A9%F0%9D%84%9E', ['é𝄞']],
    ['one pair', 'a=1', [{ a: 1 }]],
    ['pairs', 'a=1&b=two&c=true&d=null&e=%22x%22', [{ a: 1, b: 'two', c: true, d: null, e: 'x' }]],
    ['a value with an equals sign', 'a=b=c', [{ a: 'b=c' }]],
    ['an empty value', 'a=', [{ a: '' }]],
    ['a name without a value', 'a&b=1', [{ a: '', b: 1 }]],
    ['an empty name', '=1', [{ '': 1 }]],
    ['empty pairs', '&&a=1&&', [{ a: 1 }]],
    ['a name twice: the last one', 'a=1&a=2', [{ a: 2 }]],
    ['escaped names', '%61+b=1', [{ 'a b': 1 }]],
    ['__proto__', '__proto__=1', [JSON.parse('{"__proto__":1}')]],
  ];
  for (const [name, args, params] of queries) {
    it(`gives ${name}`, async () => {
      const { status, body } = await get('app/params', args);
      assert.equal(status, 200, body);
      assert.equal(body, JSON.stringify(params));
    });
  }

  for (const [name, args] of [['a lone percent sign', '%'], ['half an escape', '%2'],
    ['no hexadecimal', '%zz'], ['bytes that are no UTF-8', '%ff%fe'], ['an overlong form', '%c0%80'],
    ['a surrogate', '%ed%a0%80'], ['a NUL in a name', 'a%00=1'], ['a bad name', '%zz=1'],
    ['a bad value', 'a=%ff'], ['an integer of 70 bits', '999999999999999999999'],
    ['1,001 names', Array.from({ length: 1001 }, (_, i) => `a${i}=1`).join('&')]]) {
    it(`refuses ${name} with 400`, async () => {
      const { status, body } = await get('app/params', args);
      assert.equal(status, 400);
      const { error } = JSON.parse(body);
      assert.equal(error.code, -32602);
      assert.match(error.message, /^Invalid params: /);
    });
  }

  it('takes 1,000 names', async () => {
    const { body } = await get('app/params', Array.from({ length: 1000 }, (_, i) => `a${i}=1`).join('&'));
    assert.equal(Object.keys(JSON.parse(body)[0]).length, 1000);
  });

  it('answers with the result alone, and headers that keep it from caches and sniffers', async () => {
    assert.deepEqual(await get('app/square', '25'), {
      status: 200, body: '625', headers: {
        'Content-Type': 'application/json', 'Cache-Control': 'no-store',
        'X-Content-Type-Options': 'nosniff',
      },
    });
  });

  it('answers HEAD like GET', async () => {
    const answer = await worker.http({ method: 'HEAD', path: 'app/square', args: '25' });
    assert.deepEqual([answer.status, answer.body], [200, '625']);
  });

  it('with .json is a download of the action\'s name', async () => {
    const { status, headers, body } = await get('app/square.json', '3');
    assert.deepEqual([status, body], [200, '9']);
    assert.equal(headers['Content-Disposition'], 'attachment; filename="square.json"');
    assert.equal((await get('app/deep/er.json')).headers['Content-Disposition'],
      'attachment; filename="er.json"');
  });

  it('finds nested actions by their path', async () => {
    assert.equal((await get('nested/users/yesterday')).body, '["alice","bob"]');
    assert.equal((await get('app/deep/er', '1')).body, '[1]');
  });

  it('tells the action who calls', async () => {
    assert.deepEqual(JSON.parse((await get('app/facts')).body), {
      address: '192.0.2.7', transport: 'http', action: 'app.facts', pending: true, started: true,
    });
  });
});

describe('a path that names no action', () => {
  for (const path of ['.json', 'app', 'app/', '/app/square', 'app//square', 'app.square',
    'app/square/', 'app/square.xml', 'app/square.json.json', 'app/deep.er', 'nested', 'app/__proto__',
    'constructor', '../app/square', 'app/square\u0000', 'x'.repeat(300), 'x/'.repeat(20000), '\n', 'é']) {
    it(JSON.stringify(path.slice(0, 30)), async () => {
      const { status, body, headers } = await get(path, '25');
      assert.equal(status, 404);
      const { error } = JSON.parse(body);
      assert.equal(error.code, -32601);
      assert.match(error.message, /^(Method not found|Unable to find the .{1,300})$/);
      assert.equal(headers['Cache-Control'], 'no-store');
    });
  }

  it('is told in the same words as over the WebSocket', async () => {
    for (const [path, message] of [
      ['app/nothing', "Unable to find the 'nothing' action in /app/server/app. Action names are case sensitive"],
      ['no/where.json', 'Unable to find the /app/server/no module. Does the file exist?'],
      ['app/user', "Unable to call the 'user' action as this is a reserved word"],
      ['app.square', 'Method not found'],
    ]) assert.equal(JSON.parse((await get(path)).body).error.message, message);
  });
});

describe('a POST', () => {
  /** @type {[string, string, unknown[]][]} */
  const bodies = [
    ['an array as the list', '[1,"b",{"c":2}]', [1, 'b', { c: 2 }]],
    ['an object as the one parameter', '{"a":1}', [{ a: 1 }]],
    ['a number', '25', [25]],
    ['a string', ' "x" ', ['x']],
    ['null', 'null', [null]],
    ['an empty array as no parameters', '[]', []],
    ['nothing as no parameters', '', []],
  ];
  for (const [name, body, params] of bodies) {
    it(`gives ${name}`, async () => {
      const answer = await post('app/params', body);
      assert.deepEqual([answer.status, JSON.parse(answer.body)], [200, params]);
    });
  }

  it('knows application/json in any case and with parameters', async () => {
    for (const type of ['application/json; charset=utf-8', 'Application/JSON', 'application/json ;a=b']) {
      assert.equal((await post('app/square', '[3]', { 'Content-Type': type })).body, '9', type);
    }
  });

  it('refuses any other type with 415, and a body without type', async () => {
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/jsonx',
      'multipart/form-data; x=application/json', '', 'json']) {
      const { status, body } = await post('app/square', '[3]', { 'content-type': type });
      assert.deepEqual([status, JSON.parse(body).error.code], [415, -32600], type);
    }
    assert.equal((await post('app/square', '[3]', /** @type {any} */ ({}))).status, 415);
    assert.equal((await post('app/params', '', /** @type {any} */ ({}))).status, 200);
  });

  it('refuses a body that is compressed with 415, and says so', async () => {
    const headers = { 'Content-Type': 'application/json' };
    for (const coding of ['gzip', 'br', 'identity, gzip']) {
      const { status, body, headers: told } = await post('app/square', gzipSync('[3]'), { ...headers, 'Content-Encoding': coding });
      assert.deepEqual([status, JSON.parse(body).error.code, told['Accept-Encoding']], [415, -32600, 'identity'], coding);
      assert.match(JSON.parse(body).error.message, /without Content-Encoding/);
    }
    assert.equal((await post('app/square', '[3]', { ...headers, 'Content-Encoding': 'Identity' })).body, '9');
  });

  it('answers what is not JSON with 400 and -32700', async () => {
    for (const body of ['{', '[1,]', '{"a":1}x', '\u0000', 'undefined', Buffer.from('"\xff"', 'latin1')]) {
      const { status, body: text } = await post('app/params', body);
      assert.equal(status, 400);
      assert.deepEqual(JSON.parse(text), { error: { code: -32700, message: 'Parse error' } });
    }
  });

  it('answers JSON that no action can get with 400 and -32602', async () => {
    const { status, body } = await post('app/params', '[123456789012345678901234567890]');
    assert.deepEqual([status, JSON.parse(body).error.code], [400, -32602]);
    assert.equal((await post('app/params', '['.repeat(100000))).status, 400);
  });

  it('arrives whole in chunks, up to max_message', async () => {
    for (const n of [CHUNK, 3 * CHUNK, (1 << 20) - 200]) {
      const { status, body } = await post('app/params', JSON.stringify(['x'.repeat(n)]));
      assert.deepEqual([status, JSON.parse(body)[0].length], [200, n]);
    }
  });

  it('past max_message is 413', async () => {
    const { status, body } = await post('app/params', JSON.stringify(['x'.repeat(1 << 20)]));
    assert.deepEqual([status, JSON.parse(body).error.code], [413, -32005]);
  });
});

describe('errors', () => {
  /** @type {[number, number, Record<string, string>][]} */
  const table = [
    [-32700, 400, {}], [-32600, 400, {}], [-32602, 400, {}], [-32601, 404, {}], [-32603, 500, {}],
    [-32000, 500, {}], [-32001, 401, {}], [-32002, 429, { 'Retry-After': '1' }],
    [-32003, 503, { 'Retry-After': '1' }], [-32004, 504, {}], [-32005, 413, {}],
    [-32006, 429, { 'Retry-After': '1' }], [-5, 500, {}], [7, 500, {}],
  ];
  for (const [code, status, extra] of table) {
    it(`${code} is ${status}`, async () => {
      const answer = await post('app/fail', JSON.stringify([code, 'why']));
      assert.equal(answer.status, status);
      const { error } = JSON.parse(answer.body);
      assert.deepEqual([error.code, error.message], [code, 'why']);
      assert.deepEqual(answer.headers, {
        'Content-Type': 'application/json', 'Cache-Control': 'no-store',
        'X-Content-Type-Options': 'nosniff', ...extra,
      });
    });
  }

  it('Retry-After follows retry_after_ms, rounded up', async () => {
    for (const [ms, seconds] of [[1, '1'], [1000, '1'], [1001, '2'], [90000, '90'], [-5, '1'],
      [1e12, '1'], ['x', '1']]) {
      const { headers } = await post('app/fail', JSON.stringify([-32002, 'slow down', { retry_after_ms: ms }]));
      assert.equal(headers['Retry-After'], seconds, String(ms));
    }
  });

  it('other methods are 405, with those that are allowed', async () => {
    for (const method of ['PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE', 'BREW', 'GE', '']) {
      const { status, headers, body } = await worker.http({ method, path: 'app/square', args: '3' });
      assert.deepEqual([status, headers.Allow], [405, 'GET, HEAD, POST'], method);
      assert.equal(JSON.parse(body).error.code, -32600);
    }
  });

  it('a call that never answers is 504', async () => {
    assert.equal((await get('bad/never')).status, 504);
  });

  it('a result that cannot be serialized, or is larger than the worker takes, is 500', async () => {
    assert.equal((await get('bad/brokenReply')).status, 500);
    const link = await sidecar.worker({ maxMessage: 1000 });
    assert.equal((await link.http({ path: 'app/text', args: '998' })).status, 200);
    assert.equal((await link.http({ path: 'app/text', args: '999' })).status, 500);
    link.close();
  });
});

describe('answers', () => {
  it('of a megabyte come in chunks', async () => {
    const { body } = await get('app/text', '1000000');
    assert.equal(JSON.parse(body).length, 1000000);
  });

  it('to a request that was cancelled are dropped', async () => {
    const where = { slot: 5000, generation: 1 };
    worker.send(chunks(op.REQUEST, where, request({ path: 'app/later', args: '50' })));
    worker.send(frame(op.CANCEL, where));
    // The slot is free for the next one at once, also before its old answer would come.
    worker.send(chunks(op.REQUEST, { slot: 5000, generation: 2 }, request({ path: 'app/square', args: '4' })));
    assert.equal((await worker.response(5000, 2)).body, '16');
    await new Promise((resolve) => setTimeout(resolve, 150));
    assert.deepEqual(worker.frames, []);
  });

  it('a request cancelled between its chunks leaves nothing', async () => {
    const where = { slot: 5001, generation: 1 };
    const bytes = request({ method: 'POST', path: 'app/square', headers: json, body: '[5]' });
    worker.send(frame(op.REQUEST, { ...where, flags: MORE }, bytes.subarray(0, 20)));
    worker.send(frame(op.CANCEL, where));
    worker.send(frame(op.REQUEST, { ...where, flags: MORE }, bytes.subarray(0, 20)));
    worker.send(frame(op.REQUEST, where, bytes.subarray(20)));
    assert.equal((await worker.response(5001, 1)).body, '25');
    await worker.sync();
    assert.deepEqual(worker.frames, []);
  });

  it('10,000 requests leave no memory behind', async () => {
    const round = () => Promise.all(Array.from({ length: 5000 }, () => get('app/square', '3')));
    await round();
    await round();
    const before_ = sidecar.memory();
    await round();
    await round();
    const grown = sidecar.memory() - before_;
    assert.ok(grown <= (process.env.BUILD === 'sanitize' ? 20000 : 300), `${grown} KiB`);
  });
});

describe('a body for an action of a host', () => {
  it('is in its call twice, which may have 32 MiB', async () => {
    const app = hostApp({ config: { api: { post_max_size_kb: 24 << 10 } } });
    const hosted = await startSidecar([], { app: app.dir });
    const link = await hosted.worker();
    const send = (/** @type {number} */ bytes) => link.http({
      method: 'POST', path: 'fake/flags', headers: json, body: `["${'x'.repeat(bytes - 4)}"]`,
    });
    const half = 16 << 20; // of SS_HOST_CALL_MAX
    const rest = 500; // more than the facts of the call have besides
    assert.deepEqual([(await send(half - rest)).status, (await send(half)).status], [200, 413]);
    link.close();
    await hosted.stop();
    app.remove();
  });
});
