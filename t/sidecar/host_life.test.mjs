// SPDX-License-Identifier: MIT
//
// Action hosts that come and go: death, memory, replacement, reload, the sidecar's own end.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { op, spawnSidecar, startSidecar, within } from '../lib/fake_worker.mjs';
import { alive, hostApp, scriptApp, until } from '../lib/host_app.mjs';

/** @typedef {import('../lib/fake_worker.mjs').Sidecar} Sidecar */
/** @typedef {import('../lib/fake_worker.mjs').Worker} Worker */
/** @typedef {Awaited<ReturnType<Worker['open']>>} Client */

/**
 * Runs a test with a sidecar, a worker and a client.
 * @param {Parameters<typeof hostApp>[0] & {args?: string[], env?: Record<string, string>, scripts?: number}} options
 * @param {(all: {app: ReturnType<typeof hostApp>, sidecar: Sidecar, worker: Worker, client: Client,
 *                call: (method: string, ...params: unknown[]) => Promise<any>}) => Promise<void>} body
 */
const using = ({ args = [], env = {}, scripts = 0, ...options }, body) => async () => {
  const app = scripts ? scriptApp(scripts, options) : hostApp(options);
  const sidecar = await startSidecar(['--log-level', '3', ...args], { app: app.dir, env: { ...app.env, ...env } });
  try {
    const worker = await sidecar.worker();
    const client = await worker.open({ system: true });
    await body({
      app, sidecar, worker, client,
      call: (method, ...params) => worker.call(client, `fake.${method}`, params, 15000),
    });
  } finally {
    await sidecar.stop();
    app.remove();
  }
};

/** Calls until it is answered by a host that is not `pid`. */
const another = (/** @type {(method: string) => Promise<any>} */ call, /** @type {number} */ pid) => until(async () => {
  const { result } = await call('pid');
  return result !== pid && result;
}, 'another process');

/** What `system.health` tells of hosts who asks from this machine. @param {Worker} worker */
async function healthOf(worker) {
  const { body } = await worker.http({ path: 'system/health', address: '127.0.0.1' });
  const state = JSON.parse(body);
  return (state.error?.data ?? state).hosts;
}

/** The end of a sidecar that shall not start, with its log. @param {ReturnType<typeof hostApp>} app
 *  @param {Record<string, string>} env */
async function failedStart(app, env) {
  const sidecar = spawnSidecar(['--log-level', '1'], { app: app.dir, env: { ...app.env, ...env } });
  const { code } = await within(sidecar.exit, 'the sidecar to end', 20000);
  await sidecar.stop();
  app.remove();
  return { code, log: sidecar.log };
}

const production = { SS_ENV: 'production' };
const broken = {
  file: 'app/server/broken.coffee', line: 3, column: 7, message: 'unexpected indentation', frame: '  a b\n    ^', module: 'broken',
};

describe('a host that dies', () => {
  it('gives its calls -32003 at once, and another one serves', using({}, async ({ call, sidecar }) => {
    const { result: pid } = await call('pid');
    const start = Date.now();
    const never = call('never');
    assert.deepEqual((await call('die', 3)).error, { code: -32003, message: 'Unavailable', data: { retryable: true } });
    assert.equal((await never).error.code, -32003);
    assert.ok(Date.now() - start < 5000);
    await another(call, pid);
    await sidecar.logged(/host 0 \(process \d+\) ended with status 3/);
  }));

  it('by a signal is named', using({}, async ({ call, sidecar }) => {
    const { result: pid } = await call('pid');
    process.kill(pid, 'SIGKILL');
    await another(call, pid);
    await sidecar.logged(/host 0 \(process \d+\) was ended by signal 9/);
  }));

  it('takes what it started along', using({}, async ({ call }) => {
    const { result: child } = await call('parent');
    assert.ok(alive(child));
    await call('die', 0);
    await until(() => !alive(child), 'the end of its child');
  }));

  it('holds nobody up by what it left behind out of reach, which writes without end',
    using({}, async ({ call, sidecar }) => {
      const { result: pid } = await call('pid');
      const { result: child } = await call('runaway');
      await sidecar.logged(/"message":"host 0: y"/, 15000);
      await call('die', 0);
      await another(call, pid);
      await until(() => !alive(child), 'the end of its writing');
    }));

  it('again and again is started with pauses, and still is in the end', using({}, async ({ app, call, sidecar, worker }) => {
    const { result: pid } = await call('pid');
    app.plan({ start: 'exit' });
    await call('die', 1);
    await sidecar.logged(/ended with status 3 before it was ready: cannot go on/);
    const starts = () => [...sidecar.log.matchAll(/host 0 is process/g)].length;
    await until(() => starts() >= 4, 'some starts');
    assert.ok(starts() < 20);
    assert.equal((await call('pid')).error.code, -32003);
    assert.deepEqual((await healthOf(worker))[0].state, 'down');
    app.plan({});
    await another(call, pid);
  }));

  it('has the calls that come meanwhile wait for the next, so many and no more',
    using({ plan: { delay: 0 } }, async ({ app, call, worker }) => {
      const { result: pid } = await call('pid');
      app.plan({ delay: 2000 });
      await call('die', 1);
      const first = call('pid');
      const rest = Array.from({ length: 1024 }, () => call('echo'));
      assert.notEqual((await first).result, pid);
      const codes = (await Promise.all(rest)).map(({ error }) => error?.code);
      assert.deepEqual(codes.filter(Boolean), [-32003]);
      await worker.sync();
    }));
});

describe('memory', () => {
  it('over host.memory_limit and its headroom ends a host, not before', using({ config: { host: { memory_limit: 100 } } },
    async ({ call, sidecar }) => {
      const { result: pid } = await call('pid');
      assert.equal((await call('grow', 20)).result, 1);
      assert.equal((await call('pid')).result, pid);
      const never = call('never');
      await call('grow', 150);
      assert.equal((await never).error.code, -32003);
      await sidecar.logged(/host 0 uses \d+ MiB, more than host\.memory_limit \(100\) allows: it is killed/);
      await another(call, pid);
    }));
});

describe('several processes', () => {
  it('are told by system.health, to this machine only', using({ scripts: 2 }, async ({ call, worker }) => {
    const never = call('never');
    const { result: pid } = await call('pid');
    const hosts = await healthOf(worker);
    assert.deepEqual(hosts.map((/** @type {any} */ host) => [host.name, host.state]), [['host 0', 'ready'], ['host 1', 'ready']]);
    const busy = hosts.find((/** @type {any} */ host) => host.pid === pid);
    assert.equal(busy.calls, 1);
    assert.ok(hosts.every((/** @type {any} */ host) => alive(host.pid) && host.memory_mib > 5 && host.memory_mib < 1000));
    const { body } = await worker.http({ path: 'system/health', address: '192.0.2.1' });
    assert.ok(!body.includes('hosts'));
    process.kill(pid, 'SIGKILL');
    assert.equal((await never).error.code, -32003);
  }));

  it('share sessions, each of which stays with one, and HTTP', using({ scripts: 3 }, async ({ worker, app }) => {
    const seen = new Map();
    for (let i = 0; i < 40; i++) {
      const client = await worker.open();
      const pids = new Set();
      for (let k = 0; k < 5; k++) pids.add((await worker.call(client, 'fake.pid')).result);
      assert.equal(pids.size, 1);
      const [pid] = pids;
      seen.set(pid, (seen.get(pid) ?? 0) + 1);
    }
    assert.equal(seen.size, 3);
    const held = Array.from({ length: 6 }, () => worker.http({ path: 'fake/wait', args: '300' }));
    // One that has answered before the next comes may get that one, too.
    const busy = new Set();
    await until(async () => {
      const answers = await Promise.all(Array.from({ length: 3 }, () => worker.http({ path: 'fake/pid' })));
      for (const { body } of answers) busy.add(body);
      return busy.size >= 2;
    }, 'a second process to answer over HTTP');
    for (const { status } of await Promise.all(held)) assert.equal(status, 200);
    assert.match(app.dir, /ss-/);
  }));

  it('serve on for a session whose own has died', using({ scripts: 2, args: ['--action-timeout-ms', '5000'] },
    async ({ app, call, worker, client }) => {
      const { result: pid } = await call('pid');
      app.plan({ start: 'exit' });
      process.kill(pid, 'SIGKILL');
      const next = await another(call, pid);
      assert.ok(alive(next));
      app.plan({});
      await until(async () => ![pid, next].includes((await worker.call(client, 'fake.pid')).result), 'its own again');
    }));
});

describe('a host that asks to be replaced', () => {
  it('is, and no call is lost', using({}, async ({ call, sidecar }) => {
    const { result: pid } = await call('pid');
    const slow = call('wait', 700);
    let stop = false;
    const flood = (async () => {
      let n = 0;
      for (; !stop; n++) assert.equal((await call('echo', n)).result[0], n);
      return n;
    })();
    assert.equal((await call('retire')).result, pid);
    await sidecar.logged(/host 0 wants to be replaced: asked to/);
    await another(call, pid);
    assert.equal((await slow).result, 700);
    stop = true;
    assert.ok(await flood > 5);
    await until(() => !alive(pid), 'the end of the old one');
    await sidecar.logged(new RegExp(`"info","message":"host 0 \\(process ${pid}\\) ended with status 0`));
  }));

  it('and does not leave then is killed in time', using({ plan: { leave: 'never' }, args: ['--action-timeout-ms', '500'] },
    async ({ call, sidecar }) => {
      const { result: pid } = await call('retire');
      await another(call, pid);
      await sidecar.logged(/host 0 does not leave: it is killed/);
      await until(() => !alive(pid), 'its end');
    }));

  it('leaves its pid file to the next one, if that stays', async () => {
    const app = hostApp();
    const sidecar = await startSidecar(['--log-level', '3', '--pid-dir', app.dir], { app: app.dir, env: production });
    const worker = await sidecar.worker();
    const client = await worker.open();
    const call = async (/** @type {string} */ method) => worker.call(client, `fake.${method}`);
    const named = () => Number(fs.readFileSync(path.join(app.dir, 'host-0.pid'), 'utf8'));
    const { result: first } = await call('retire');
    const second = await another(call, first);
    await sidecar.logged(new RegExp(`process ${first}\\) ended`), 15000);
    await call('pid');
    assert.equal(named(), second);
    app.plan({ problems: [broken] });
    await call('retire');
    await sidecar.logged(/the old goes on/, 15000);
    const third = [...sidecar.log.matchAll(/host 0 is process (\d+)/g)].at(-1)?.[1];
    await sidecar.logged(new RegExp(`process ${third}\\) was ended`));
    await call('pid');
    assert.equal(named(), second);
    await sidecar.stop();
    app.remove();
  });

  it('as does each that takes its place is replaced with pauses, and serves meanwhile', using({}, async ({ app, call, sidecar }) => {
    const { result: pid } = await call('pid');
    app.plan({ start: 'retire' });
    await call('retire');
    const starts = () => [...sidecar.log.matchAll(/host 0 is process/g)].length;
    await until(() => starts() >= 5, 'some starts');
    const begun = Date.now();
    let served = 0;
    for (const before = starts(); starts() < before + 2; served++) assert.equal((await call('pid')).error, undefined);
    assert.ok(Date.now() - begun > 400, `two more after ${Date.now() - begun} ms`);
    assert.ok(served > 0);
    app.plan({});
    await sidecar.logged(/sick from the start[^]*sick from the start/);
    const last = await another(call, pid);
    assert.ok(alive(last));
  }));

  it('is in the end, though no process could be started beside it at first', using({}, async ({ call, sidecar }) => {
    const { result: pid } = await call('pid');
    const limit = (/** @type {number | string} */ files) => execFileSync('prlimit', ['--pid', String(sidecar.child.pid), `--nofile=${files}:`]);
    const [, before] = /^Max open files +(\d+)/m.exec(fs.readFileSync(`/proc/${sidecar.child.pid}/limits`, 'utf8')) ?? [];
    limit(3);
    await call('retire');
    await sidecar.logged(/host 0: cannot make a link: Too many open files[^]*host 0: cannot make a link/);
    assert.equal((await call('pid')).result, pid, 'it serves meanwhile');
    limit(String(before));
    await another(call, pid);
    await until(() => !alive(pid), 'the end of the old one');
  }));

  it('stays where the next one has problems, in production', using({ env: production }, async ({ app, call, sidecar }) => {
    const { result: pid } = await call('pid');
    app.plan({ problems: [broken] });
    await call('retire');
    await sidecar.logged(/app\/server\/broken\.coffee:3:7: unexpected indentation/);
    await sidecar.logged(/host 0: the new code is dropped, the old goes on/);
    assert.equal((await call('pid')).result, pid);
  }));
});

describe('a change of files in development', () => {
  it('brings new code, without a lost call, and new actions to clients and hosts',
    using({ plan: { version: 1 } }, async ({ app, call, worker, client }) => {
      await worker.event(client, 'system.init');
      const { result: pid } = await call('pid');
      const slow = call('wait', 700);
      app.plan({ version: 2, prefix: 'fake', actions: ['pid', 'version', 'actions'].map((name) => ({ name: `fake.${name}` })) });
      app.touch();
      assert.deepEqual((await worker.event(client, 'system.init', 15000)).api, ['fake.actions', 'fake.pid', 'fake.version']);
      assert.notEqual((await call('pid')).result, pid);
      assert.equal((await call('version')).result, 2);
      assert.equal((await call('echo')).error.code, -32601);
      assert.equal((await slow).result, 700);
      assert.deepEqual((await call('actions')).result, ['fake.actions', 'fake.pid', 'fake.version']);
    }));

  it('in folders that did not exist before is noticed', using({ plan: { version: 1 } }, async ({ app, call }) => {
    for (const [i, name] of ['lib/server/deep/a.js', 'app/shared/b.js', 'vendor/c/d.js', 'config/e.json', 'vendor/c/f.js'].entries()) {
      app.plan({ version: i + 2 });
      app.touch(name);
      await until(async () => (await call('version')).result === i + 2, name);
    }
  }));

  it('in a folder that has taken the place of another is noticed', using({ plan: { version: 1 } }, async ({ app, call }) => {
    const serves = (/** @type {number} */ n) => until(async () => (await call('version')).result === n, `version ${n}`);
    app.plan({ version: 2 });
    app.touch('lib/server/deep/a.js');
    await serves(2);
    app.plan({ version: 3 });
    fs.renameSync(path.join(app.dir, 'lib'), path.join(app.dir, 'former'));
    app.touch('lib/server/deep/a.js');
    await serves(3);
    app.plan({ version: 4 });
    app.touch('lib/server/deep/b.js');
    await serves(4);
  }));

  it('changes all processes or none', using({ scripts: 2, plan: { version: 1 } }, async ({ app, call, sidecar, worker }) => {
    const versions = async () => {
      const answers = await Promise.all(Array.from({ length: 6 }, () => worker.http({ path: 'fake/version' })));
      return [...new Set(answers.map(({ body }) => body))];
    };
    const files = new Set(fs.readdirSync(`/proc/${sidecar.child.pid}/fd`).map(Number));
    const free = Array.from({ length: 100 }, (_, i) => i).filter((fd) => !files.has(fd));
    // A start takes eight at a time, of which three stay: enough for one, not for two.
    execFileSync('prlimit', ['--pid', String(sidecar.child.pid), `--nofile=${free[8]}:`]);
    app.plan({ version: 2 });
    app.touch();
    await sidecar.logged(/cannot (?:make a link|start a process)/, 15000);
    await sidecar.logged(/the new code is dropped, the old goes on/);
    execFileSync('prlimit', ['--pid', String(sidecar.child.pid), '--nofile=1024:']);
    assert.deepEqual(await versions(), ['1']);
    app.plan({ version: 3 });
    app.touch();
    await until(async () => (await call('version')).result === 3, 'the next version');
    assert.deepEqual(await versions(), ['3']);
  }));

  it('of C, or one that an editor makes on its way, is none', using({}, async ({ app, call }) => {
    const { result: pid } = await call('pid');
    for (const name of ['a.c', 'a.h', '.a.js.swp', 'a.js~', '#a.js#', '4913']) app.touch(`app/server/${name}`);
    await new Promise((resolve) => setTimeout(resolve, 400)); // nothing is to happen
    assert.equal((await call('pid')).result, pid);
    app.touch('app/server/a.js');
    await another(call, pid);
  }));

  it('that brings problems is told to browsers, and the old code goes on until they are solved',
    using({ plan: { version: 1 } }, async ({ app, call, worker, client, sidecar }) => {
      const { result: pid } = await call('pid');
      app.plan({ version: 2, problems: [broken] });
      app.touch();
      const told = await worker.event(client, 'system.problems', 15000);
      assert.deepEqual(told, { source: 'host', problems: [broken] });
      assert.equal((await call('pid')).result, pid);
      await sidecar.logged(/app\/server\/broken\.coffee:3:7: unexpected indentation/);
      const late = await worker.open({ system: true });
      assert.deepEqual(await worker.event(late, 'system.problems'), told);

      app.plan({ start: 'exit' });
      app.touch();
      const { problems } = await worker.event(client, 'system.problems', 15000);
      assert.match(problems[0].message, /host 0 ended with status 3 before it was ready: cannot go on/);
      app.plan({ start: 'garbage' });
      app.touch();
      await sidecar.logged(/malformed READY: 'actions' is no array/, 15000);
      assert.equal((await call('version')).result, 1);

      app.plan({ version: 3 });
      app.touch();
      await until(async () => (await worker.event(client, 'system.problems', 15000)).problems.length === 0, 'no problems');
      assert.equal((await call('version')).result, 3);
    }));
});

describe('a start with problems', () => {
  it('serves what could be loaded in development, and says why the rest is missing',
    using({ plan: { problems: [broken] } }, async ({ app, call, worker, client, sidecar }) => {
      await sidecar.logged(/app\/server\/broken\.coffee:3:7: unexpected indentation/);
      assert.deepEqual((await worker.event(client, 'system.problems')).problems, [broken]);
      assert.deepEqual((await call('echo', 1)).result, [1]);
      assert.deepEqual((await worker.call(client, 'broken.any')).error, { code: -32603, message: 'app/server/broken.coffee:3:7: unexpected indentation' });
      assert.equal((await worker.http({ path: 'broken/any' })).status, 500);
      assert.equal((await worker.call(client, 'brokenhearted.any')).error.code, -32601);
      app.plan({ problems: [{ ...broken, message: 'still wrong' }], version: 2 });
      app.touch();
      await until(async () => (await call('version')).result === 2, 'the newer code, which is no worse');
    }));

  it('ends in production, with the place and what is wrong', async () => {
    const { code, log } = await failedStart(hostApp({ plan: { problems: [broken] } }), production);
    assert.equal(code, 1);
    assert.match(log, /app\/server\/broken\.coffee:3:7: unexpected indentation/);
    assert.match(log, /" {2}a b"/);
  });

  for (const [what, plan, line] of /** @type {[string, object, RegExp][]} */ ([
    ['that ends', { start: 'exit' }, /host 0 ended with status 3 before it was ready: cannot go on/],
    ['whose READY is malformed', { start: 'garbage' }, /malformed READY: 'actions' is no array/],
    ['with a name that is none', { actions: [{ name: 'a..b' }] }, /'a\.\.b' is no good name/],
    ['with a name of the protocol', { actions: [{ name: 'system.x' }] }, /'system\.x' begins with a name of the protocol/],
    ['with a name that is too long', { actions: [{ name: 'x'.repeat(257) }] }, /is no good name/],
    ['with too many actions', { actions: Array.from({ length: 4097 }, (_, i) => ({ name: `a${i}` })) }, /more than 4096 actions/],
  ])) {
    it(`in production by a host ${what} ends`, async () => {
      const { code, log } = await failedStart(hostApp({ plan }), production);
      assert.equal(code, 1);
      assert.match(log, line);
    });
  }

  it('for an action that two hosts have ends', async () => {
    const app = hostApp();
    const [command] = JSON.parse(fs.readFileSync(path.join(app.dir, 'config/app.json'), 'utf8')).host.commands;
    const { code, log } = await failedStart(app, { ...production, SS__host__commands: JSON.stringify([command, command]) });
    assert.equal(code, 1);
    assert.match(log, /the action 'fake\.\w+' is there twice/);
  });

  for (const [what, commands, line] of /** @type {[string, string[], RegExp][]} */ ([
    ['129 hosts', Array(128).fill('true'), /more than 128 hosts/],
    ['a command of 33 words', ['true' + ' x'.repeat(32)], /host\.commands: more than 32 words/],
    ['an empty command', [' '], /host\.commands: a command is empty/],
  ])) {
    it(`with ${what} ends before anything runs`, async () => {
      const { code, log } = await failedStart(hostApp({ commands }), production);
      assert.equal(code, 1);
      assert.match(log, line);
      assert.doesNotMatch(log, /host 0/);
    });
  }

  it('for a command that does not exist ends', async () => {
    const { code, log } = await failedStart(hostApp({ commands: ['no-such-program --x'] }), production);
    assert.equal(code, 1);
    assert.match(log, /no-such-program: No such file/);
  });
});

describe('the end of the sidecar', () => {
  it('waits for calls in flight, and takes its hosts along', using({}, async ({ call, sidecar, worker }) => {
    const { result: pid } = await call('pid');
    const { result: child } = await call('parent');
    const slow = call('wait', 500);
    await call('echo');
    sidecar.child.kill('SIGTERM');
    await worker.next((f) => f.op === op.DRAIN, 'DRAIN');
    assert.equal((await slow).result, 500);
    assert.deepEqual(await within(sidecar.exit, 'its end', 10000), { code: 0, signal: null });
    await until(() => !alive(pid) && !alive(child), 'the end of the host and its child');
  }));

  it('kills a host that does not leave', using({ plan: { leave: 'never' } }, async ({ call, sidecar }) => {
    const { result: pid } = await call('pid');
    sidecar.child.kill('SIGTERM');
    assert.equal((await within(sidecar.exit, 'its end', 10000)).code, 0);
    assert.ok(!alive(pid));
  }));

  it('by SIGKILL leaves no host behind, not even one that hangs', async () => {
    for (const what of ['pid', 'hang']) {
      const app = hostApp();
      const sidecar = await startSidecar([], { app: app.dir });
      const worker = await sidecar.worker();
      const client = await worker.open();
      const { result: pid } = await worker.call(client, 'fake.pid');
      worker.call(client, `fake.${what}`).catch(() => {});
      await worker.sync();
      sidecar.child.kill('SIGKILL');
      await within(sidecar.exit, 'its end');
      await until(() => !alive(pid), `the end of its host, ${what}`);
      await sidecar.stop();
      app.remove();
    }
  });

  it('removes the pid files that --pid-dir asked for', async () => {
    const app = hostApp();
    const sidecar = await startSidecar(['--pid-dir', app.dir], { app: app.dir });
    const worker = await sidecar.worker();
    const client = await worker.open();
    const file = path.join(app.dir, 'host-0.pid');
    assert.equal((await worker.call(client, 'fake.pid')).result, Number(fs.readFileSync(file, 'utf8')));
    await sidecar.stop();
    assert.ok(!fs.existsSync(file));
    app.remove();
  });
});

describe('an application', () => {
  it('without a file for a host starts none', async () => {
    const app = hostApp({ commands: [] });
    const sidecar = await startSidecar(['--log-level', '3'], { app: app.dir });
    const worker = await sidecar.worker();
    assert.equal((await worker.call(await worker.open(), 'a.b')).error.code, -32601);
    assert.doesNotMatch(sidecar.log, /host 0/);
    await sidecar.stop();
    app.remove();
  });

  it('whose first such file appears in development gets its host then', async () => {
    const app = scriptApp(1);
    fs.rmSync(path.join(app.dir, 'app/server/code.js'));
    const sidecar = await startSidecar(['--log-level', '3'], { app: app.dir, env: app.env });
    const worker = await sidecar.worker();
    const client = await worker.open();
    assert.equal((await worker.call(client, 'fake.pid')).error.code, -32601);
    app.touch('app/server/code.js');
    await until(async () => (await worker.call(client, 'fake.pid')).result, 'its host');
    assert.doesNotMatch(sidecar.log, /is of no use/);
    await sidecar.stop();
    app.remove();
  });
});
