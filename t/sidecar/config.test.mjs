// SPDX-License-Identifier: MIT
//
// Configuration by JavaScript, CoffeeScript and TypeScript files, as `socketstream config` and the
// sidecar see it.  What the child process may do wrong is in t/unit/test_config_eval.c.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { connect, startSidecar } from '../lib/fake_worker.mjs';

const program = process.env.SS_BIN ?? fileURLToPath(new URL('../../build/bin/socketstream', import.meta.url));

/** @type {string} */
let dir;
let apps = 0;
before(() => { dir = fs.mkdtempSync(path.join(os.tmpdir(), 'ss-config-')); });
after(() => fs.rmSync(dir, { recursive: true, force: true }));

/** An application with these files below config. @param {Record<string, string>} files */
function makeApp(files) {
  const app = path.join(dir, `app${apps++}`);
  for (const folder of ['app', 'config/environments']) fs.mkdirSync(path.join(app, folder), { recursive: true });
  for (const [name, text] of Object.entries(files)) fs.writeFileSync(path.join(app, 'config', name), text);
  return app;
}

/** @param {Record<string, string>} files @param {Record<string, string>} [env]
 *  @param {string[]} [args] @returns {Promise<{code: number, value: any, said: string}>} */
async function config(files, env = {}, args = ['--json']) {
  const { code, stdout, said } = await print(files, env, args);
  return { code, value: stdout === '' ? undefined : JSON.parse(stdout), said };
}

/** The same, with what is printed as it is.
 *  @param {Record<string, string>} files @param {Record<string, string>} env
 *  @param {string[]} args @returns {Promise<{code: number, stdout: string, said: string}>} */
function print(files, env, args) {
  const app = makeApp(files);
  return new Promise((resolve) => {
    execFile(program, ['config', '--app', app, ...args], { env: { ...process.env, ...env } }, (error, stdout, said) => {
      resolve({ code: error ? Number(error.code) : 0, stdout, said });
    });
  });
}

const coffee = `# An application of 2011
exports.config =
  http:
    port: 4001
  map:
    key: 'abc', zoom: [1..3]
    place: "#{SS.env} in #{SS.root.split('/').pop().slice(0, 3)}"
`;

describe('a configuration file', () => {
  it('in CoffeeScript may be as SocketStream 0.1.4 had it, with keys of the application', async () => {
    const { code, value, said } = await config({ 'app.coffee': coffee }, { SS_ENV: 'staging' });
    assert.equal(said, '');
    assert.equal(code, 0);
    assert.equal(value.http.port, 4001);
    assert.equal(value.http.hostname, '0.0.0.0');
    assert.deepEqual(value.map, { key: 'abc', zoom: [1, 2, 3], place: 'staging in app' });
  });

  /** @type {[string, string][]} */
  const forms = [
    ['app.js', 'exports.config = { own: { a: 1 } };'],
    ['app.js', 'module.exports = { own: { a: 1 } };'],
    ['app.js', 'export const config = { own: { a: 1 } };'],
    ['app.cjs', 'module.exports = { config: { own: { a: 1 } } };'],
    ['app.mjs', 'export default { own: { a: await 1, gone: undefined } };'],
    ['app.ts', 'interface Own { a: number }\nexport const config: { own: Own } = { own: { a: 1 } };'],
    ['app.json', '{"own":{"a":1}}'],
  ];
  for (const [name, text] of forms) {
    it(`may be ${name}: ${text.replace('\n', ' ')}`, async () => {
      const { value, said } = await config({ [name]: text });
      assert.equal(said, '');
      assert.deepEqual(value.own, { a: 1 });
    });
  }

  it('of the environment counts more than that for all, variables more than both, in any languages', async () => {
    const { value } = await config({
      'app.json': '{"a":{"from":"all","all":true},"http":{"port":1}}',
      'environments/production.coffee': 'exports.config = a: {from: "production", production: yes}, http: {port: 2}',
      'environments/staging.js': 'throw new Error("not of this environment")',
    }, { SS_ENV: 'production', SS__http__port: '3' });
    assert.deepEqual(value.a, { from: 'production', all: true, production: true });
    assert.equal(value.http.port, 3);
    assert.equal(value.log.level, 0); // the preset
  });

  it('may use what the application has, and print', async () => {
    const { value, said } = await config({
      'app.coffee': 'console.log "hello"; exports.config = {secret: require("./secret.json").value}',
      'secret.json': '{"value": 7}',
    });
    assert.equal(value.secret, 7);
    assert.equal(said, 'hello\n');
  });

  it('in JSON needs no Node', async () => {
    const { value } = await config({ 'app.json': '{"a":1}' }, { SS__host__node: '/nowhere/node', PATH: '/nowhere' });
    assert.equal(value.a, 1);
  });

  it('is run by the Node that JSON or a variable names', async () => {
    const files = { 'app.json': '{"host":{"node":"/nowhere/a"}}', 'environments/development.js': 'exports.config = {}' };
    assert.match((await config(files, { SS_ENV: '' })).said, /development\.js: cannot run '\/nowhere\/a'/);
    assert.match((await config(files, { SS_ENV: '', SS__host__node: '/nowhere/b' })).said, /cannot run '\/nowhere\/b'/);
    assert.equal((await config(files, { SS_ENV: '', SS__host__node: process.execPath })).code, 0);
  });

  it('counts for the sidecar', async () => {
    const app = makeApp({ 'app.coffee': 'exports.config = action_timeout: 7' });
    const sidecar = await startSidecar([], { app });
    const link = await connect(sidecar.path);
    assert.equal((await link.hello()).timeoutMs, 7000);
    link.close();
    await sidecar.stop();
  });
});

describe('the configuration is printed', () => {
  const files = {
    'app.json': JSON.stringify({
      http: { port: 4001 },
      redis: { url: 'redis://ann:p%40ss@db.internal:6379/2' },
      db: { password: 'hush', hosts: ['postgres://bob:hush@one/x', 'postgres://two/y'], none: {}, pin_key: 4711, passwords: ['hush'], quoted: 'redis://eve:hus"h@x' },
      '\u001b[2J': 'x'.repeat(60),
    }),
  };
  const env = { SS_ENV: 'production', SS__redis__password: 'hush', SS__client__motto: 'carpe diem' };

  it('as a table with every key, its value, where that came from, and its meaning; passwords are hidden', async () => {
    const { code, stdout } = await print(files, env, []);
    assert.equal(code, 0);
    const lines = stdout.trimEnd().split('\n');
    const starts = ['key', 'value', 'from', 'meaning'].map((name) => lines[0].indexOf(name));
    const rows = new Map(lines.slice(1).map((line) => {
      const [key, ...rest] = starts.map((start, i) => [...line].slice(start, starts[i + 1]).join('').trimEnd());
      return [key, rest];
    }));
    /** @type {[string, string, string, RegExp][]} */
    const wanted = [
      ['http.port', '4001', 'config/app.json', /^where nginx listens$/],
      ['http.hostname', '"0.0.0.0"', 'default', /^and on which address/],
      ['log.level', '0', 'preset production', /^how much the sidecar tells/],
      ['redis.url', '"redis://ann:…@db.internal:6379/2"', 'config/app.json', /see Redis$/],
      ['redis.password', '(hidden)', 'SS__redis__password', /SS__redis__password keeps it out of files$/],
      ['client.motto', '"carpe diem"', 'SS__client__motto', /^of the application$/],
      ['db.password', '(hidden)', 'config/app.json', /^of the application$/],
      ['db.passwords', '(hidden)', 'config/app.json', /^of the application$/],
      ['db.pin_key', '(hidden)', 'config/app.json', /^of the application$/],
      ['db.quoted', '"redis://eve:…@x"', 'config/app.json', /^of the application$/],
      ['db.none', '{}', 'config/app.json', /^of the application$/],
      ['db.hosts', '["postgres://bob:…@one/x","postgres://tw…', 'config/app.json', /^of the application$/],
      ['\\x1b[2J', `"${'x'.repeat(39)}…`, 'config/app.json', /^of the application$/],
    ];
    for (const [key, value, origin, meaning] of wanted) {
      const row = rows.get(key) ?? [];
      assert.deepEqual(row.slice(0, 2), [value, origin], key);
      assert.match(row[2], meaning, key);
    }
    assert.doesNotMatch(stdout, /hush|p%40ss|4711|[`\x1b]/);
    for (const key of ['users.online.enabled', 'nginx.origins', 'pack.csp', 'action_timeout']) assert.ok(rows.has(key), key);
  });

  it('or the value that is asked for, as it is', async () => {
    const { stdout } = await print(files, env, ['redis.password']);
    assert.equal(stdout, '"hush"\n');
    assert.equal((await config(files, env)).value.db.password, 'hush');
  });

  it('or not, and how to ask is said', async () => {
    for (const args of [['--markdown', 'http'], ['--markdown', '--json'], ['a', 'b'], ['--no-such']]) {
      const { code, stdout, said } = await print({}, {}, args);
      assert.equal(code, 2, args.join(' '));
      assert.equal(stdout, '');
      assert.match(said, /^socketstream config: .*(?:--markdown goes with neither|usage: socketstream config|--help)/);
    }
  });
});

describe('what is wrong with a configuration file is told with its place', () => {
  /** Waited for beside the others: one that blocks Node, without keeping a core busy. @type {Promise<{code: number, said: string, ms: number}>} */
  let endless;
  before(() => {
    const start = Date.now();
    endless = config({ 'app.js': 'console.log("round and round"); Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);' })
      .then(({ code, said }) => ({ code, said, ms: Date.now() - start }));
  });

  /** @type {[string, Record<string, string>, RegExp][]} */
  const wrong = [
    ['two files of one layer', { 'app.js': '', 'app.coffee': '' },
      /config\/app\.js and config\/app\.coffee conflict: one file holds all, remove the other/],
    ['JSON beside a program', { 'environments/development.json': '{}', 'environments/development.ts': '' },
      /config\/environments\/development\.json and config\/environments\/development\.ts conflict/],
    ['broken CoffeeScript', { 'app.coffee': 'exports.config =\n  a: 1\n   b: 2\n' },
      /config\/app\.coffee:3:\d+: unexpected indentation\n(.*\n)*> 3 \| {4}b: 2/],
    ['broken JavaScript', { 'app.js': 'exports.config = {\n  a: 1;\n};\n' }, /config\/app\.js:2(:\d+)?: Unexpected token ';'/],
    ['broken TypeScript', { 'app.ts': 'export const config: = {}\n' }, /config\/app\.ts:1:\d+: /],
    ['an exception', { 'app.coffee': 'exports.config =\n  a: foo.bar\n' }, /config\/app\.coffee:2:\d+: foo is not defined/],
    ['a thrown text', { 'app.js': 'throw "sorry"' }, /config\/app\.js.*: sorry/],
    ['a missing module', { 'app.js': 'require("nowhere")' }, /config\/app\.js:1:\d+: Cannot find module 'nowhere'/],
    ['no export', { 'app.js': 'const config = { a: 1 };' }, /config\/app\.js: exports no configuration: exports\.config = {…} is missing/],
    ['a list', { 'app.js': 'exports.config = [1]' }, /config\/app\.js: exports\.config must be an object/],
    ['nothing', { 'app.coffee': 'exports.config = null' }, /config\/app\.coffee: exports\.config must be an object/],
    ['a function', { 'app.coffee': 'exports.config = {a: [b: -> 1]}' }, /config\/app\.coffee: a\.0\.b is a function, but a configuration is JSON/],
    ['a number that is none', { 'app.js': 'exports.config = {a: NaN}' }, /: a is NaN, but/],
    ['a BigInt', { 'app.js': 'exports.config = {a: 1n}' }, /: a is a BigInt, but/],
    ['a regular expression', { 'app.js': 'exports.config = {a: /x/}' }, /: a is a RegExp, but/],
    ['a value that holds itself', { 'app.js': 'exports.config = {a: {}}; exports.config.a.b = exports.config' }, /: a\.b holds itself, but/],
    ['a wrong type', { 'app.coffee': 'exports.config = http: {port: "x"}' },
      /config\/app\.coffee: http\.port must be an integer from 1 to 65535, but is "x"/],
    ['a misspelt key', { 'app.coffee': 'exports.config = http: {prot: 1}' },
      /config\/app\.coffee: there is no key "http\.prot"; did you mean "http\.port"\?/],
    ['a misspelt key in JSON', { 'environments/development.json': '{\n  "limits": {},\n  "sesion": {"ttl": 1}\n}' },
      /config\/environments\/development\.json:3:3: there is no key "sesion"; did you mean "session"\?/],
    ['an early end', { 'app.js': 'console.error("giving up"); process.exit(3)' },
      /config\/app\.js: Node ended with status 3 before it was evaluated\ngiving up/],
    ['a promise that never comes', { 'app.mjs': 'await new Promise(() => {}); export default {}' }, /config\/app\.mjs: Node ended with status 13/],
  ];
  for (const [name, files, expected] of wrong) {
    it(name, async () => {
      const { code, said } = await config(files, { SS_ENV: '' });
      assert.equal(code, 1);
      assert.match(said, expected);
    });
  }

  it('and a file that never ends is given up', { timeout: 60000 }, async () => {
    const { code, said, ms } = await endless;
    assert.equal(code, 1);
    assert.match(said, /config\/app\.js: not done within 30000 ms; Node was killed\nround and round/);
    assert.ok(ms >= 30000);
  });
});
