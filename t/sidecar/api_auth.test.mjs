// SPDX-License-Identifier: MIT
//
// Basic Auth of the HTTP API: who is asked, who gets in, and what the others are told.

import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { chunks, op, request, startSidecar } from '../lib/fake_worker.mjs';
import { until } from '../lib/host_app.mjs';

const app = path.join(path.dirname(fileURLToPath(import.meta.url)), 'api_app');
const TLS = 1;
const CREDENTIALS_MAX = 1024; // SS_API_CREDENTIALS_MAX
const WAITING_MAX = 1024; // SS_API_AUTHS_MAX
const HELD_MAX = 64 << 20; // SS_API_HELD_MAX
const basic = { SS__api__auth__basic__module_name: 'accounts' };
const json = { 'content-type': 'application/json' };

/** @type {import('../lib/fake_worker.mjs').Sidecar} */
let sidecar;
/** @type {import('../lib/fake_worker.mjs').Worker} */
let worker;

before(async () => {
  sidecar = await startSidecar(['--action-timeout-ms', '500', '--log-level', '4'],
    { app, env: { ...basic, SS__api__auth__basic__realm: 'A "b" \\ c' } });
  worker = await sidecar.worker();
});
after(() => sidecar.stop());

/** @param {string | Buffer} text */
const encode = (text) => `Basic ${Buffer.from(text).toString('base64')}`;
/** @param {string | undefined} authorization */
const ask = (authorization, more = {}) => worker.http({
  path: 'app/whoami', flags: TLS, headers: authorization === undefined ? {} : { authorization }, ...more,
});

describe('an action for signed-in users', () => {
  it('asks for a name and a password, and answers with the code of all transports', async () => {
    for (const none of [undefined, 'Bearer abc', 'Basically x', 'Digest username="ann"']) {
      const { status, headers, body } = await ask(none);
      assert.deepEqual([status, headers['WWW-Authenticate'], JSON.parse(body)], [401,
        'Basic realm="A \\"b\\" \\\\ c", charset="UTF-8"',
        { error: { code: -32001, message: 'Not authenticated' } }]);
    }
  });

  it('runs in the name of the user that the module lets in, without a session', async () => {
    for (const [who, user] of [['ann:se:cret', 'ann'], ['number:se:cret', '7'], ['ä€𝄞:se:cret', 'ä€𝄞']]) {
      const { status, body } = await ask(encode(who), { args: '25' });
      assert.deepEqual([status, JSON.parse(body)],
        [200, { user, session: '', kept: false, params: [25] }]);
    }
  });

  it('knows the scheme in any case, and takes a body with the call', async () => {
    const { body } = await ask(encode('ann:se:cret').replace('Basic', 'bAsIc '), {
      method: 'POST', body: '[1,"x"]',
      headers: { ...json, Authorization: encode('ann:se:cret') },
    });
    assert.deepEqual(JSON.parse(body).params, [1, 'x']);
    assert.equal((await ask(encode('ann:se:cret').replace('Basic', 'bAsIc '))).status, 200);
  });

  it('tells a wrong password and an unknown user in the same words, and asks again', async () => {
    const answers = await Promise.all(['ann:wrong', 'nobody:wrong', 'ann:', ':se:cret '].map((who) => ask(encode(who))));
    for (const one of answers) assert.deepEqual(one, answers[0]);
    assert.equal(answers[0].status, 401);
    assert.match(answers[0].headers['WWW-Authenticate'], /^Basic /);
  });

  it('logs who was not let in, once, and never a password', async () => {
    await ask(encode('eve\u202e:tr0ub4dor'));
    await ask(encode('ann:se:cret'));
    await until(() => sidecar.log.includes('eve'), 'the line of the log');
    assert.equal(sidecar.log.split("does not let in 'eve").length - 1, 1, sidecar.log);
    assert.match(sidecar.log, /app\.whoami: accounts does not let in 'eve.*' from 192\.0\.2\.7/);
    for (const secret of ['tr0ub4dor', 'se:cret', 'c2U6Y3JldA', encode('ann:se:cret').slice(6)]) {
      assert.ok(!sidecar.log.includes(secret), secret);
    }
  });

  /** @type {[string, string][]} */
  const malformed = [
    ['nothing', 'Basic'], ['spaces', 'Basic   '], ['no base64', 'Basic !!!!'], ['a cut group', 'Basic YTpi='],
    ['padding within', 'Basic YTp=iYTp'], ['base64url', 'Basic _-__'], ['padding alone', 'Basic ===='],
    ['no colon', encode('ann')], ['bytes that are no UTF-8', encode(Buffer.from('a:\xff', 'latin1'))],
    ['a line break', encode('a\nb:c')], ['a NUL', encode('a\0b:c')], ['a DEL', encode('a:\x7f')],
    ['too much', encode(`a:${'x'.repeat(CREDENTIALS_MAX / 4 * 3 - 1)}`)],
  ];
  for (const [name, value] of malformed) {
    it(`refuses ${name} with 400`, async () => {
      const { status, headers, body } = await ask(value);
      assert.equal(status, 400, body);
      assert.equal(headers['WWW-Authenticate'], undefined);
      assert.match(JSON.parse(body).error.message, /^The Authorization header is no Basic Auth: /);
    });
  }

  it('takes as much as its bound', async () => {
    const longest = encode(`ann:${'x'.repeat(CREDENTIALS_MAX / 4 * 3 - 4)}`);
    assert.equal(longest.length, 'Basic '.length + CREDENTIALS_MAX);
    assert.equal((await ask(longest)).status, 401);
  });

  it('is 503 when the module fails or says neither yes nor no, 504 when it says nothing', async () => {
    for (const [who, status, code] of /** @type {[string, number, number][]} */ ([
      ['broken', 503, -32003], ['vague', 503, -32003], ['text', 503, -32003], ['slow', 504, -32004]])) {
      const answer = await ask(encode(`${who}:se:cret`));
      assert.deepEqual([answer.status, JSON.parse(answer.body).error.code], [status, code], who);
    }
    await until(() => /authentication module accounts failed with -32000/.test(sidecar.log)
      && /accounts: the authentication module must answer/.test(sidecar.log), 'both reasons');
  });

  it('takes no password without HTTPS, and asks for none', async () => {
    for (const authorization of [undefined, encode('ann:se:cret')]) {
      const { status, headers, body } = await ask(authorization, { flags: 0 });
      assert.deepEqual([status, headers['WWW-Authenticate']], [403, undefined]);
      assert.deepEqual(JSON.parse(body).error, { code: -32001, message: 'Not authenticated: passwords need HTTPS' });
    }
  });
});

it('an action for everybody asks for nothing, and looks at nothing', async () => {
  for (const authorization of ['Basic !', encode('ann:wrong')]) {
    assert.equal((await worker.http({ path: 'app/echo', args: '1', headers: { authorization } })).body, '[1]');
  }
});

it('the question itself is nothing that a client can ask', async () => {
  for (const where of ['system/authenticate', 'accounts/authenticate', 'accounts/ss_module_authenticate']) {
    assert.equal((await worker.http({ path: where, flags: TLS, args: 'ann' })).status, 404);
  }
});

it('ss_equal_secret compares whole texts', async () => {
  for (const [a, b, same] of [['x', 'x', true], ['', '', true], ['x', 'y', false], ['x', 'xx', false],
    ['', 'x', false], [null, null, false], ['x', null, false]]) {
    const { body } = await worker.http({ method: 'POST', path: 'app/same', headers: json, body: JSON.stringify([a, b]) });
    assert.equal(body, String(same), `${a} ${b}`);
  }
});

describe('the configuration', () => {
  /** @param {Record<string, string>} env @param {(w: import('../lib/fake_worker.mjs').Worker, s: import('../lib/fake_worker.mjs').Sidecar) => Promise<void>} use */
  const run = async (env, use, args = ['--log-level', '1']) => {
    const other = await startSidecar(args, { app, env });
    const link = await other.worker();
    await use(link, other);
    link.close();
    await other.stop();
  };

  it('without a module there is no prompt; https_only refuses plain HTTP', () => run(
    { SS__api__https_only: 'true' }, async (w) => {
      const { status, headers } = await w.http({ path: 'app/whoami', flags: TLS });
      assert.deepEqual([status, headers['WWW-Authenticate']], [401, undefined]);
      const plain = await w.http({ path: 'app/echo', args: '1' });
      assert.deepEqual([plain.status, JSON.parse(plain.body)],
        [403, { error: { code: -32600, message: 'The API needs HTTPS' } }]);
      assert.equal((await w.http({ path: 'app/echo', args: '1', flags: TLS })).body, '[1]');
    }));

  it('allow_http takes passwords without HTTPS', () => run(
    { ...basic, SS__api__auth__basic__allow_http: 'true' }, async (w) => {
      const answer = await w.http({ path: 'app/whoami', headers: { authorization: encode('ann:se:cret') } });
      assert.equal(answer.status, 200);
    }));

  it('a module that is nowhere ends the start', () => assert.rejects(
    startSidecar([], { app, env: { SS__api__auth__basic__module_name: 'nowhere' } }),
    /SS__api__auth__basic__module_name: api\.auth\.basic\.module_name is \\"nowhere\\", but there is no JavaScript/));

  /** So many requests whose user is asked about, with bodies of so many bytes; then one more.
   *  @param {number} count @param {number} bytes @param {number} last */
  const fill = (count, bytes, last) => run(basic, async (w) => {
    const what = (/** @type {number} */ length) => ({
      method: 'POST', path: 'app/whoami', flags: TLS, body: ' '.repeat(length),
      headers: { ...json, authorization: encode('slow:x') },
    });
    for (let i = 0; i < count; i++) {
      w.send(chunks(op.REQUEST, { slot: 2000 + i, generation: 1 }, request(what(bytes))));
    }
    const { status, headers } = await w.http(what(last));
    assert.deepEqual([status, headers['Retry-After']], [503, '1']);
    await w.sync();
    assert.deepEqual(w.frames, [], 'the others wait');
  }, ['--action-timeout-ms', '60000']);

  it('1,024 requests wait for the module, one more is 503', () => fill(WAITING_MAX, 1, 1));

  it('they may have 64 MiB, more is 503', () => {
    const head = 200; // at least what a REQUEST has before its body
    return fill(4, HELD_MAX / 4 - head, 4 * head);
  });

  it('enabled: false answers nothing', () => run({ SS__api__enabled: 'false' }, async (w) => {
    for (const where of ['app/echo', '', 'openapi.json', 'system/health']) {
      assert.equal((await w.http({ path: where })).status, 404, where);
    }
  }));
});
