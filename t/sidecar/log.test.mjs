// SPDX-License-Identifier: MIT
//
// What the sidecar's log tells at each level: to people in columns, to programs as JSON, and what it
// keeps to itself.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startSidecar } from '../lib/fake_worker.mjs';
import { startRedis } from '../lib/redis.mjs';

/** @typedef {import('../lib/fake_worker.mjs').Sidecar} Sidecar */

const app = path.join(path.dirname(fileURLToPath(import.meta.url)), 'session_app');
const HOSTILE = 'x\n{"level":"error"}\r\u001b[2J\u009b31m"\\';
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;

/** @type {import('../lib/redis.mjs').Redis} */
let redis;
before(async () => { redis = await startRedis(); });
after(() => redis.stop());

/** A sidecar that has found Redis, without a line of that being asked. @param {string[]} args */
async function start(...args) {
  const sidecar = await startSidecar(args, { app, env: { SS__redis__url: redis.url } });
  const worker = await sidecar.worker();
  const client = await worker.open({ address: '192.0.2.250' });
  const healthy = async () => JSON.parse(await worker.ask(client, '{"jsonrpc":"2.0","id":1,"method":"system.health","silent":true}')).result?.healthy;
  for (const limit = Date.now() + 20000; !await healthy();) {
    assert.ok(Date.now() < limit, 'Redis is not found');
  }
  return sidecar;
}

/** @param {Sidecar} sidecar */
const lines = (sidecar) => sidecar.log.split('\n').filter(Boolean);

/** @param {Sidecar} sidecar @returns {any[]} */
const objects = (sidecar) => lines(sidecar).map((line) => JSON.parse(line));

/**
 * A session that does a bit of everything, with a mark on all that is nobody's business.
 * @param {Sidecar} sidecar
 * @returns {Promise<Record<string, string>>} what must not be told
 */
async function beBusy(sidecar) {
  const worker = await sidecar.worker();
  const client = await worker.open({ system: true, headers: { 'user-agent': 'agent-mark', origin: 'origin-mark' } });
  const call = (/** @type {string} */ name, /** @type {any[]} */ ...params) => worker.call(client, `app.${name}`, params);
  const { id: provisional } = (await call('info')).result;
  await call('login', 'alice');
  const [, ticket] = /"ticket":"([^"]+)"/.exec(worker.place(client).inbox.join()) ?? [];
  const { id } = (await call('info')).result;
  await call('set', 'key', 'param-mark');
  assert.equal((await call('get', 'key')).result, 'param-mark'); // a result, too
  await call('subscribe', 'room');
  await call('publish.channel', 'room', 'news', 'event-mark');
  await call('publish.user', 'alice', 'news', 'event-mark');
  await call('publish.broadcast', 'news', 'event-mark');
  await worker.event(client, 'news');
  await worker.call(client, 'app.missing', ['param-mark']);
  await worker.http({ path: 'app/quick', args: 'param-mark' });
  await worker.http({ method: 'POST', path: 'app/quick', headers: { 'content-type': 'application/json' }, body: '["param-mark"]' });
  const cookie = String(client.cookie).split('=')[1];
  const again = await worker.open({ cookie: client.cookie });
  await worker.call(again, 'app.info');
  worker.leave(again);
  worker.leave(client);
  await worker.sync();
  await sidecar.stop();
  return { provisional, ticket: String(ticket), id, cookie, params: 'param-mark', event: 'event-mark', agent: 'agent-mark', origin: 'origin-mark' };
}

describe('JSON lines of a busy session', () => {
  for (const level of [0, 1, 2, 3]) {
    it(`hold no id of a session, cookie, params or result at level ${level}`, async () => {
      const sidecar = await start('--log-level', String(level), '--log-format', 'json');
      const secrets = await beBusy(sidecar);
      for (const [what, secret] of Object.entries(secrets)) {
        assert.ok(secret.length > 5, what);
        assert.ok(!sidecar.log.includes(secret), `${what} is in the log`);
      }
      const all = objects(sidecar);
      const calls = all.filter(({ message }) => message === 'call');
      assert.equal(calls.length, level === 0 ? 0 : 12);
      assert.equal(all.some(({ message }) => message === 'publish news to channel room'), level === 3);
      assert.equal(all.filter(({ message }) => /^client (connected|gone) from 192\.0\.2\.1$/.test(message)).length, level === 3 ? 4 : 0);
    });
  }

  it('hold the id of the session, and what is sent, at level 4, but no cookie and no ticket', async () => {
    const sidecar = await start('--log-level', '4', '--log-format', 'json');
    const { id, params, event, cookie, ticket } = await beBusy(sidecar);
    assert.ok([cookie, ticket].every((secret) => !sidecar.log.includes(secret)));
    assert.ok(objects(sidecar).some(({ session, action }) => session === id && action === 'app.get'));
    assert.ok([params, event].every((mark) => sidecar.log.includes(mark)));
  });

  it('tell of each call who, what, whence, how long and how it ended', async () => {
    const sidecar = await start('--log-level', '1', '--log-format', 'json');
    const worker = await sidecar.worker();
    const client = await worker.open();
    await worker.call(client, 'app.secret');
    await worker.call(client, 'app.login', ['alice']);
    await worker.call(client, 'app.secret');
    await worker.call(client, 'app.login', ['']); // its id is no good
    await worker.http({ path: 'app/quick' });
    await sidecar.stop();
    const calls = objects(sidecar).filter(({ message }) => message === 'call');
    const requests = new Set(calls.map(({ request }) => request));
    assert.equal(requests.size, calls.length, 'each has a number of its own');
    for (const { time, ms, request } of calls) {
      assert.match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
      assert.equal(typeof ms, 'number');
      assert.match(request, new RegExp(`^${sidecar.child.pid}-\\d+$`));
    }
    assert.deepEqual(calls.map(({ time, ms, request, ...rest }) => rest), [
      ['app.login', 'websocket', '192.0.2.1', 'alice', 'ok', 0],
      ['app.secret', 'websocket', '192.0.2.1', 'alice', 'ok', 0],
      ['app.login', 'websocket', '192.0.2.1', 'alice', 'error', -32602],
      ['app.quick', 'http', '192.0.2.7', undefined, 'ok', 0],
    ].map(([action, transport, address, user, outcome, code]) => ({
      level: 'info', message: 'call', action, transport, address, ...(user ? { user } : {}), outcome, code,
    })));
  });
});

describe('lines for people', () => {
  it('stand in columns: action, who, milliseconds, outcome', async () => {
    const sidecar = await start('--log-level', '3', '--log-format', 'pretty');
    const worker = await sidecar.worker();
    const client = await worker.open();
    const { id } = JSON.parse(await worker.ask(client, { jsonrpc: '2.0', id: 1, method: 'app.info', silent: true })).result;
    await worker.call(client, 'app.quick');
    await worker.call(client, 'app.login', ['zoë']);
    await worker.call(client, 'app.login', ['']);
    await worker.call(client, 'app.set', ['key', 'ä'.repeat(300)]);
    await worker.http({ path: 'app/quick' });
    await sidecar.stop();
    const calls = lines(sidecar).filter((line) => / call {4}/.test(line)).map((line) => line.slice(13));
    const at = calls.map((line) => line.indexOf(' ms  '));
    assert.deepEqual(new Set(at).size, 1, calls.join('\n'));
    const shown = calls.map((line) => line.replace(/ +\d+\.\d{3} ms {2}/, ' … ').replace(', slow', ''));
    const action = (/** @type {string} */ name) => name.padEnd(24);
    assert.deepEqual(shown, [
      `call    ${action('app.quick')} #${id.slice(0, 6)}  … ok`,
      `call    ${action('app.login')} zoë … ok`,
      `call    ${action('app.login')} zoë … error -32602 Invalid params`,
      `call    ${action('app.set')} zoë … ok`,
      `call    ${action('app.quick')} 192.0.2.7 … ok, http`,
    ].map((line) => line.replace(/ {2}…/, ' …')));
    assert.doesNotMatch(sidecar.log, new RegExp(id), 'a session is not told whole');
    assert.match(sidecar.log, /info {4}app\.set params \["key","ä{96}… \(610 bytes\)$/m);
    assert.match(sidecar.log, /info {4}app\.quick result 1$/m);
    assert.match(sidecar.log, new RegExp(`info {4}client connected from 192\\.0\\.2\\.1, session #${id.slice(0, 6)}$`, 'm'));
    assert.doesNotMatch(sidecar.log, /\u001b/);
  });

  it('tell of calls at level 1, of their params at 2, of their results at 3', async () => {
    const seen = await Promise.all([0, 1, 2, 3].map(async (level) => {
      const sidecar = await start('--log-level', String(level), '--log-format', 'pretty');
      const worker = await sidecar.worker();
      const client = await worker.open();
      await worker.call(client, 'app.get', ['key-mark']);
      await worker.call(client, 'app.publish.broadcast', ['event-mark', 'x']);
      await sidecar.stop();
      return [/ call {4}app\.get /, / app\.get params \["key-mark"\]$/m, / app\.get result null$/m,
        / publish event-mark to all "x"$/m, / client connected from 192\.0\.2\.1,/].map((line) => line.test(sidecar.log));
    }));
    assert.deepEqual(seen, [
      [false, false, false, false, false],
      [true, false, false, false, false],
      [true, true, false, false, false],
      [true, true, true, true, true],
    ]);
  });

  it('are coloured when told to, slow calls and errors most', async () => {
    const sidecar = await startSidecar(['--log-level', '1', '--log-format', 'pretty', '--log-color']);
    const worker = await sidecar.worker();
    const client = await worker.open();
    await worker.call(client, 'app.square', [2]);
    await worker.call(client, 'app.later', [101, 1]);
    await worker.call(client, 'app.fail', [-5, 'told in results']);
    await sidecar.stop();
    const [quick, slow, failed] = lines(sidecar).filter((line) => / call {4}/.test(line));
    assert.match(quick, /\u001b\[32mok\u001b\[0m$/);
    assert.match(slow, /\u001b\[3[13]m\d+\.\d{3} ms\u001b\[0m {2}\u001b\[32mok\u001b\[0m, slow$/);
    assert.match(failed, /\u001b\[31merror -5 Application error\u001b\[0m/);
  });
});

describe('what comes from outside', () => {
  for (const format of ['json', 'pretty']) {
    it(`cannot break or forge a line: agent, address, action, user, event (${format})`, async () => {
      const sidecar = await start('--log-level', '4', '--log-format', format);
      const worker = await sidecar.worker();
      const client = await worker.open({ address: HOSTILE, headers: { 'user-agent': HOSTILE, cookie: HOSTILE } });
      await worker.call(client, HOSTILE, [HOSTILE]);
      await worker.call(client, `app.${HOSTILE}`, []);
      const login = await worker.call(client, 'app.login', [HOSTILE]);
      await worker.call(client, 'app.info', []);
      await worker.call(client, 'app.publish.channel', [HOSTILE, HOSTILE, HOSTILE]);
      await worker.http({ path: `app/${HOSTILE}`, args: HOSTILE, address: HOSTILE });
      await worker.http({ path: 'app/quick', args: HOSTILE, address: HOSTILE });
      worker.leave(client);
      await worker.sync();
      await sidecar.stop();
      assert.equal(login.result, true, 'such a user may be');
      const all = lines(sidecar);
      for (const line of all) {
        assert.doesNotMatch(line, CONTROL, JSON.stringify(line));
        if (format === 'json') assert.equal(typeof JSON.parse(line).message, 'string', line);
        else assert.match(line, /^\d\d:\d\d:\d\d\.\d{3} (error|warning|notice|info|debug|call)\s/);
      }
      const user = /** @type {string} */ (all.find((line) => line.includes('app.info') && line.includes('call')));
      assert.ok(format === 'json' ? JSON.parse(user).user.startsWith('x\\x0a{"level"') : user.includes('x\\x0a{"level"'), user);
    });
  }
});

describe('SIGUSR1', () => {
  it('opens the log anew', async () => {
    const file = path.join(redis.dir, 'sidecar.log');
    const sidecar = await start('--log-level', '1', '--log', file);
    const worker = await sidecar.worker();
    const client = await worker.open();
    await worker.call(client, 'app.quick');
    fs.renameSync(file, `${file}.1`);
    sidecar.child.kill('SIGUSR1');
    for (const limit = Date.now() + 20000; !fs.existsSync(file) && Date.now() < limit;) await worker.sync();
    await worker.call(client, 'app.info');
    await sidecar.stop();
    assert.match(fs.readFileSync(`${file}.1`, 'utf8'), /"action":"app\.quick"/);
    const next = fs.readFileSync(file, 'utf8');
    assert.match(next, /"message":"log opened anew"/);
    assert.match(next, /"action":"app\.info"/);
  });
});

describe('log.format', () => {
  it('of the configuration counts, that of the command line more', async () => {
    const env = { SS__log__format: 'pretty' };
    const configured = await startSidecar(['--log-level', '1'], { env });
    await configured.stop();
    assert.match(configured.log, /^\d\d:\d\d:\d\d\.\d{3} notice /m);
    const told = await startSidecar(['--log-level', '1', '--log-format', 'json'], { env });
    await told.stop();
    assert.equal(objects(told)[0].level, 'notice');
  });
});
