// SPDX-License-Identifier: MIT
//
// `socketstream sidecar` as its user meets it: options, the socket, compiling and loading actions.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { connect, spawnSidecar, startSidecar, testApp, within } from '../lib/fake_worker.mjs';

/** @type {string} */
let dir;
before(() => { dir = fs.mkdtempSync(path.join(os.tmpdir(), 'ss-')); });
after(() => fs.rmSync(dir, { recursive: true, force: true }));

/** File times have the grain of the kernel's tick; what changed in the tick of a compilation is
 *  compiled again. */
const tick = () => new Promise((resolve) => setTimeout(resolve, 30));

let apps = 0;

/** An application with these files below app/server. @param {Record<string, string>} files */
function makeApp(files) {
  const app = path.join(dir, `app${apps++}`);
  fs.mkdirSync(path.join(app, 'app/server'), { recursive: true });
  for (const [name, text] of Object.entries(files)) {
    const file = path.join(app, 'app/server', name);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, text);
  }
  return app;
}

/** A module whose one action answers with `value`. */
const answering = (/** @type {string} */ value, name = 'it') => `#include <socketstream.h>
static void it(ss_req *req, json_t *params) { (void)params; ss_reply(req, json_string(${value})); }
SS_ACTIONS = { { "${name}", it } };
`;

/** Runs the command to its end.
 *  @param {string[]} args @param {Parameters<typeof spawnSidecar>[1]} [options] */
async function fails(args, options) {
  const sidecar = spawnSidecar(args, options);
  const { code } = await within(sidecar.exit, 'the command to fail', 30000);
  await sidecar.stop();
  return { code, said: sidecar.log };
}

/** What one action of an app answers. @param {string} app @param {string} [method]
 *  @param {Record<string, string>} [env] */
async function answerOf(app, method = 'main.it', env = {}) {
  const sidecar = await startSidecar(['--log-level', '1'], { app, env });
  const worker = await sidecar.worker();
  const { result } = await worker.call(await worker.open(), method, []);
  await sidecar.stop();
  return { result, log: sidecar.log };
}

describe('the command line', () => {
  it('--help shows every option and an example', () => {
    const program = process.env.SS_BIN ?? fileURLToPath(new URL('../../build/bin/socketstream', import.meta.url));
    const { status, stdout } = spawnSync(program, ['sidecar', '--help'], { encoding: 'utf8' });
    assert.equal(status, 0);
    for (const word of ['--app', '--listen', '--workers-uid', '--workers-group', '--log', '--log-level',
      '--action-timeout-ms', '--max-message', 'Examples:']) assert.ok(stdout.includes(word), word);
  });

  for (const [args, said] of /** @type {[string[], RegExp][]} */ ([
    [['--nonsense'], /there is no option "--nonsense"; `socketstream sidecar --help` lists them/],
    [['--log-level', 'x'], /sidecar: --log-level must be a number from 0 to 4, but is "x"/],
    [['--log-level', '9'], /sidecar: --log-level must be a number from 0 to 4, but is "9"/],
    [['--log-level', ' 1'], /sidecar: --log-level must be a number from 0 to 4, but is " 1"/],
    [['--log-level=+1'], /sidecar: --log-level must be a number from 0 to 4, but is "\+1"/],
    [['--log-level='], /sidecar: --log-level must be a number from 0 to 4, but is ""/],
    [['--action-timeout-ms', '0'], /sidecar: --action-timeout-ms must be a number from 1 to 3600000, but is "0"/],
    [['--max-message', '67108865'], /sidecar: --max-message must be a number from 1024 to 67108864, but is "67108865"/],
    [['--workers-uid', 'no-such-user'], /there is no user 'no-such-user'/],
    [['--workers-group', 'no-such-group'], /there is no group 'no-such-group'/],
    [['--log-format', 'xml'], /'xml' is neither pretty nor json/],
    [['stray'], /"stray" is one argument too many; usage: socketstream sidecar --listen PATH/],
  ])) {
    it(`refuses ${args.join(' ')} with 2`, async () => {
      const { code, said: text } = await fails(args);
      assert.equal(code, 2);
      assert.match(text, said);
    });
  }

  it('counts more than the configuration', async () => {
    const env = { SS__action_timeout: '7' };
    for (const [args, ms] of /** @type {[string[], number][]} */ ([
      [[], 7000], [['--action-timeout-ms', '1234'], 1234]])) {
      const sidecar = await startSidecar(args, { env });
      const link = await connect(sidecar.path);
      assert.equal((await link.hello()).timeoutMs, ms);
      link.close();
      await sidecar.stop();
    }
  });

  it('reports a broken configuration', async () => {
    const { code, said } = await fails([], { env: { SS__action_timeout: '"soon"' } });
    assert.equal(code, 1);
    assert.match(said, /action_timeout/);
  });

  it('reports a name that no cookie may have', async () => {
    const { code, said } = await fails([], { env: { SS__session__cookie: '"a b"' } });
    assert.equal(code, 1);
    assert.match(said, /session\.cookie: "a b" is no name for a cookie: take 1 to 32 letters/);
  });
});

describe('a start that is interrupted', () => {
  it('by SIGTERM ends at once, and well, though Redis has not answered yet', async () => {
    const silent = net.createServer();
    await new Promise((resolve) => silent.listen(0, '127.0.0.1', () => resolve(undefined)));
    const { port } = /** @type {net.AddressInfo} */ (silent.address());
    const asked = new Promise((resolve) => silent.once('connection', resolve));
    const sidecar = spawnSidecar([], { env: { SS__redis__url: `redis://127.0.0.1:${port}` } });
    await within(asked, 'the question for Redis', 20000);
    sidecar.child.kill('SIGTERM');
    const { code } = await within(sidecar.exit, 'the end', 20000);
    assert.equal(code, 0, sidecar.log);
    assert.doesNotMatch(sidecar.log, /listening|"level":"error"/);
    await sidecar.stop();
    silent.close();
  });
});

describe('the socket', () => {
  it('may have 107 bytes of path, not 108', async () => {
    const long = (/** @type {number} */ n) => path.join(dir, 'x'.repeat(n - dir.length - 1));
    const sidecar = await startSidecar([], { listen: long(107) });
    await sidecar.stop();
    const { code, said } = await fails([], { listen: long(108) });
    assert.equal(code, 1);
    assert.match(said, /path has 108 bytes, allowed are 1 to 107/);
  });

  it('that another process listens on is left to it', async () => {
    const first = await startSidecar([]);
    const { code, said } = await fails([], { listen: first.path });
    assert.equal(code, 1);
    assert.match(said, /another process listens on/);
    const worker = await first.worker();
    assert.equal((await worker.call(await worker.open(), 'app.square', [3])).result, 9);
    await first.stop();
  });

  it('that a killed process left behind is replaced', async () => {
    const first = await startSidecar([]);
    first.child.kill('SIGKILL');
    await within(first.exit, 'the kill');
    assert.ok(fs.existsSync(first.path));
    const second = await startSidecar([], { listen: first.path });
    await second.stop();
    await first.stop();
  });

  it('is not put in place of a file', async () => {
    const file = path.join(dir, 'precious');
    fs.writeFileSync(file, 'data');
    const { code, said } = await fails([], { listen: file });
    assert.equal(code, 1);
    assert.match(said, /exists and is not a socket/);
    assert.equal(fs.readFileSync(file, 'utf8'), 'data');
  });

  it('in a folder that is not there is a clear error', async () => {
    const { code, said } = await fails([], { listen: path.join(dir, 'none/s.sock') });
    assert.equal(code, 1);
    assert.match(said, /cannot listen on .*none\/s\.sock: No such file or directory/);
  });

  it('goes with the process, unless it is another\'s by then', async () => {
    const where = path.join(dir, 'turn.sock');
    const first = await startSidecar([], { listen: where });
    await first.stop();
    assert.ok(!fs.existsSync(where));
    const second = await startSidecar([], { listen: where });
    fs.unlinkSync(where);
    const other = net.createServer().listen(where);
    await second.stop();
    assert.ok(fs.existsSync(where));
    other.close();
  });
});

describe('actions in C', () => {
  it('that do not compile stop the start with the compiler\'s words', async () => {
    const app = makeApp({ 'deep/broken.c': '#include <socketstream.h>\nint f(void) { return undeclared; }\n' });
    const { code, said } = await fails([], { app });
    assert.equal(code, 1);
    assert.match(said, /deep\/broken\.c does not compile/);
    assert.match(said, /broken\.c:2:\d+: error: .undeclared. undeclared/);
    assert.ok(!fs.existsSync(path.join(app, '.socketstream/build/deep/broken.so')));
  });

  it('that compile with warnings run, and the warnings are told', async () => {
    const app = makeApp({ 'main.c': `${answering('"x"')}static int unused;\n` });
    const { result, log } = await answerOf(app);
    assert.equal(result, 'x');
    assert.match(log, /compiles with warnings/);
    assert.match(log, /unused/);
  });

  it('are compiled only when something they are made of has changed', async () => {
    const app = makeApp({ 'main.c': answering('VALUE').replace('\n', '\n#include "value.h"\n'),
      'value.h': '#define VALUE "one"\n', 'bystander.txt': '' });
    const object = path.join(app, '.socketstream/build/main.so');
    await tick();
    assert.equal((await answerOf(app)).result, 'one');
    const { ino } = fs.statSync(object);
    assert.equal((await answerOf(app)).result, 'one');
    assert.equal(fs.statSync(object).ino, ino, 'was compiled again for nothing');

    fs.writeFileSync(path.join(app, 'app/server/value.h'), '#define VALUE "two"\n');
    assert.equal((await answerOf(app)).result, 'two');

    fs.writeFileSync(path.join(app, 'app/server/main.c'), answering('"three"'));
    assert.equal((await answerOf(app)).result, 'three');

    const compiled = fs.statSync(object).ino;
    await answerOf(app, 'main.it', { SS_CFLAGS: '-DSOMETHING -O1' });
    assert.notEqual(fs.statSync(object).ino, compiled, 'other flags make another object');
  });

  it('get the words of SS_CFLAGS and SS_LIBS', async () => {
    const app = makeApp({ 'main.c': `#include <math.h>\n#include <stdlib.h>\n${
      answering('floor(atof("2.5")) == TWO ? "yes" : "no"')}` });
    const env = { SS_CFLAGS: '-DTWO=2.0  -fno-builtin', SS_LIBS: '-lm' };
    assert.equal((await answerOf(app, 'main.it', env)).result, 'yes');
  });

  it('a compiler that is not there is named', async () => {
    const { code, said } = await fails([], { app: makeApp({ 'a.c': answering('""') }), env: { CC: 'no-such-cc' } });
    assert.equal(code, 1);
    assert.match(said, /cannot run the C compiler 'no-such-cc'/);
  });

  it('in folders and files with spaces in the way of the application compile too', async () => {
    const app = path.join(dir, 'my  app $HOME `x` #1');
    fs.cpSync(makeApp({ 'main.c': answering('"x"') }), app, { recursive: true });
    await tick();
    assert.equal((await answerOf(app)).result, 'x');
    const { ino } = fs.statSync(path.join(app, '.socketstream/build/main.so'));
    await answerOf(app);
    assert.equal(fs.statSync(path.join(app, '.socketstream/build/main.so')).ino, ino);
  });

  it('compiled beforehand are loaded as they are', async () => {
    const app = makeApp({ 'main.c': answering('"from an object"') });
    await answerOf(app);
    const object = path.join(app, '.socketstream/build/main.so');
    fs.mkdirSync(path.join(app, 'app/server/sub'));
    fs.renameSync(object, path.join(app, 'app/server/sub/ready.so'));
    fs.unlinkSync(path.join(app, 'app/server/main.c'));
    assert.equal((await answerOf(app, 'sub.ready.it')).result, 'from an object');
  });

  it('as in docs/ACTIONS_C.md work as it says', async () => {
    const docs = fs.readFileSync(new URL('../../docs/ACTIONS_C.md', import.meta.url), 'utf8');
    const example = /```c\n([^]*?)```/.exec(docs)?.[1] ?? '';
    const sidecar = await startSidecar(['--log-level', '1'], { app: makeApp({ 'shop.c': example }) });
    const worker = await sidecar.worker();
    const client = await worker.open();
    const call = async (/** @type {string} */ action, /** @type {unknown} */ params) => {
      const { result, error } = await worker.call(client, `shop.${action}`, params);
      return error?.code ?? result;
    };
    assert.deepEqual(await call('price', ['apple']), { name: 'apple', price: 0.35 });
    assert.equal(await call('price', ['pear']), -32000);
    assert.equal(await call('price', [1]), -32602);
    assert.equal(await call('deliver', { seconds: 0.05 }), 'at your door');
    assert.equal(await call('deliver', [{ seconds: 21 }]), -32602);
    assert.equal(await call('count', [100]), 25);
    assert.equal((await worker.http({ path: 'shop/price', args: 'apple' })).body, '{"name":"apple","price":0.35}');
    assert.doesNotMatch(sidecar.log, /warning/);
    await sidecar.stop();
  });

  it('none at all is fine', async () => {
    const app = path.join(dir, 'empty');
    fs.mkdirSync(path.join(app, 'app'), { recursive: true });
    const sidecar = await startSidecar(['--log-level', '1'], { app });
    await sidecar.logged(/0 actions/);
    await sidecar.stop();
  });

  const good = answering('"x"');
  const header = '#include <socketstream.h>\n';
  const so = '\x7fELF and no more';
  /** @type {[string, Record<string, string>, RegExp][]} */
  const refused = [
    ['a file and a folder of one name', { 'chat.c': good, 'chat/room.c': good },
      /Unable to load the \S*app\/server\/chat directory[^]*It conflicts with a file of the same name, \S*app\/server\/chat\.c:/],
    ['a source and an object of one name', { 'chat.c': good, 'chat.so': so },
      /chat\.c file[^]*It conflicts with a file of the same name, \S*chat\.so:/],
    ['a source in C and one in CoffeeScript of one name', { 'chat.c': good, 'chat.coffee': '' },
      /chat\.c file[^]*It conflicts with a file of the same name, \S*chat\.coffee:/],
    ['a conflict deeper down', { 'a/b/x.c': good, 'a/b/x/y.c': good }, 
      /a\/b\/x directory[^]*a file of the same name, \S*a\/b\/x\.c:/],
    ['a file name with a dot', { 'chat.room.c': good }, /chat\.room\.c: names of modules/],
    ['a folder name with a space', { 'my chat/room.c': good }, /my chat\/room\.c: names of modules/],
    ['a name of the protocol', { 'system.c': good }, /'system' is a name of the protocol/],
    ['a folder of the protocol', { 'rpc/x.c': good }, /'rpc' is a name of the protocol/],
    ['a module without actions', { 'a.c': 'int x;\n' }, /a\.c exports no actions/],
    ['a module for another version', { 'a.c': `#include <stdint.h>\nconst uint32_t ss_module_abi = 99;
      const void *const ss_module_actions[2] = {0, 0};\n` }, /compiled for version 99 .* this is version \d+:/],
    ['two actions of one name', { 'a.c': `${header}static void f(ss_req *r, json_t *p) { (void)p; ss_reply(r, json_null()); }
      SS_ACTIONS = { { "x", f }, { "x", f } };\n` }, /two actions of the name a\.x/],
    ['an action without a function', { 'a.c': `${header}SS_ACTIONS = { { "x", NULL } };\n` }, /'x' is no good action/],
    ['an action with a bad name', { 'a.c': answering('""', 'a b') }, /'a b' is no good action/],
    ['an action with an empty name', { 'a.c': answering('""', '') }, /'' is no good action/],
    ['an action with a name too long', { 'a.c': answering('""', 'x'.repeat(255)) }, /no good action/],
    ['an object that is none', { 'a.so': so }, /a\.so cannot be loaded/],
    ['an unknown function', { 'a.c': `${header}void nowhere(void);
      static void f(ss_req *r, json_t *p) { (void)r; (void)p; nowhere(); }
      SS_ACTIONS = { { "x", f } };\n` }, /a\.c cannot be loaded: .*nowhere/],
    ['a module that refuses to start', { 'a.c': `${good}int ss_module_start(void) { return 3; }\n` },
      /a\.c: ss_module_start\(\) refused with 3/],
  ];
  for (const [name, files, said] of refused) {
    it(`stops the start for ${name}`, async () => {
      const { code, said: text } = await fails([], { app: makeApp(files) });
      assert.equal(code, 1, text);
      assert.match(text, said);
    });
  }

  it('256 of them fit one module, 257 stop the start', async () => {
    const app = (/** @type {number} */ n) => makeApp({ 'main.c': `${header}
      static void f(ss_req *r, json_t *p) { (void)p; ss_reply(r, json_string("x")); }
      SS_ACTIONS = { ${Array.from({ length: n }, (_, i) => `{ "a${i}", f },`).join('')} };\n` });
    assert.equal((await answerOf(app(256), 'main.a255')).result, 'x');
    for (const n of [257, 258, 300]) {
      const { code, said } = await fails([], { app: app(n) });
      assert.equal(code, 1);
      assert.match(said, /more than 256 actions/);
    }
  });

  it('files that begin with _ or . or end in ~ are not looked at', async () => {
    const app = makeApp({ 'main.c': good, '_draft.c': '!', '.hidden.c': '!', 'main.c~': '!', '_more/x.c': '!',
      'notes.txt': '!', 'main.json': '!' });
    assert.equal((await answerOf(app)).result, 'x');
  });

  it('hear of the end once the last call is answered', async () => {
    const app = makeApp({ 'main.c': `${answering('"x"')}
      void ss_module_stop(void) { ss_log(SS_LOG_WARNING, "the module stops"); }\n` });
    assert.match((await answerOf(app)).log, /the module stops/);
  });
});

describe('the process', () => {
  it('tells whoever set NOTIFY_SOCKET that it is ready, and that it stops', async () => {
    const where = path.join(dir, 'notify.sock');
    const perl = spawn('perl', ['-MIO::Socket::UNIX', '-e', `$| = 1;
      my $s = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => $ARGV[0]) or die $!;
      print "listening\\n"; for (1, 2) { $s->recv(my $m, 1000); print "$m\\n"; }`, where]);
    let said = '';
    perl.stdout.on('data', (piece) => { said += piece; });
    const saying = async (/** @type {RegExp} */ what) => {
      for (let i = 0; i < 500 && !what.test(said); i++) await new Promise((r) => setTimeout(r, 10));
      assert.match(said, what);
    };
    await saying(/listening/);
    const sidecar = await startSidecar([], { env: { NOTIFY_SOCKET: where } });
    await saying(/^READY=1$/m);
    await sidecar.stop();
    await saying(/^STOPPING=1$/m);
  });

  it('logs to a file, and opens it anew on SIGUSR1', async () => {
    const log = path.join(dir, 'sidecar.log');
    const sidecar = await startSidecar(['--log', log, '--log-level', '1']);
    fs.renameSync(log, `${log}.1`);
    sidecar.child.kill('SIGUSR1');
    for (let i = 0; i < 200 && !fs.existsSync(log); i++) await new Promise((r) => setTimeout(r, 10));
    await sidecar.stop();
    assert.match(fs.readFileSync(`${log}.1`, 'utf8'), /listening on/);
    assert.match(fs.readFileSync(log, 'utf8'), /log opened anew.*\n.*leaving/);
    assert.equal(sidecar.log, '');
  });

  it('a log that cannot be written is a clear error', async () => {
    const { code, said } = await fails(['--log', path.join(dir, 'none/x.log')]);
    assert.equal(code, 1);
    assert.match(said, /cannot write the log .*none\/x\.log/);
  });

  it('leaves in time though a thread of the pool is busy', async () => {
    const app = makeApp({ 'main.c': `#include <socketstream.h>
      #include <unistd.h>
      static void work(void *arg) { (void)arg; sleep(100); }
      static void done(ss_req *req, void *arg) { (void)arg; ss_reply(req, json_null()); }
      static void it(ss_req *req, json_t *params) { (void)params; ss_work(req, work, done, NULL); }
      SS_ACTIONS = { { "it", it } };\n` });
    const sidecar = await startSidecar(['--action-timeout-ms', '200'], { app });
    const worker = await sidecar.worker();
    assert.equal((await worker.call(await worker.open(), 'main.it', [])).error.code, -32004);
    sidecar.child.kill('SIGTERM');
    assert.deepEqual(await within(sidecar.exit, 'the exit', 3000), { code: 0, signal: null });
    assert.ok(!fs.existsSync(sidecar.path));
    await sidecar.stop();
  });

  it('uses no processor time while nothing happens', async () => {
    const sidecar = await startSidecar([], { app: testApp });
    await sidecar.worker();
    await new Promise((r) => setTimeout(r, 300));
    const start = sidecar.cpu();
    await new Promise((r) => setTimeout(r, 2000));
    assert.ok(sidecar.cpu() - start <= 20000, `${sidecar.cpu() - start} µs in 2 s`);
    await sidecar.stop();
  });
});
