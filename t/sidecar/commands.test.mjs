// SPDX-License-Identifier: MIT
//
// The command line of every command: what is said of it, and to what is wrong with it.  All follows
// from the commands' rows, so what is not about one of them is tried with all.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startSidecar, testApp } from '../lib/fake_worker.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const program = process.env.SS_BIN ?? path.join(root, 'build/bin/socketstream');

/** A shell warns of a locale that the machine has not. */
const plain = { ...process.env, LC_ALL: 'C' };

/** @param {string[]} args @param {string} [cwd] */
function run(args, cwd) {
  const { status, stdout, stderr } = spawnSync(program, args, { cwd, encoding: 'utf8' });
  return { status, stdout, stderr };
}

/** A command that fails with one line. @param {string[]} args @param {string} [cwd] */
function refused(args, cwd) {
  const { status, stdout, stderr } = run(args, cwd);
  assert.equal(stdout, '', args.join(' '));
  assert.match(stderr, /^[^\n]+\n$/, args.join(' '));
  return { status, line: stderr.slice(0, -1) };
}

/** @type {string} */
let dir;
before(() => { dir = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'ss-commands-'))); });
after(() => fs.rmSync(dir, { recursive: true, force: true }));

const overview = run(['help']).stdout;
const commands = [...overview.matchAll(/^ {2}([a-z]+) +(?:([a-z]) )? *\S/gm)].map(([, name, alias]) => {
  const { stdout } = run([name, '--help']);
  const [, usage] = /^usage: (socketstream .*)$/m.exec(stdout) ?? [];
  const options = [...stdout.matchAll(/^ {2}(?:-([a-z]), )?--([a-z-]+)(?: (\S+))?/gm)]
    .map(([, letter, long, argument]) => ({ letter, long, argument }));
  return { name, alias, help: stdout, usage, options, inApp: / --app DIR/.test(stdout) };
});

describe('the list of commands', () => {
  it('has them all, with their aliases', () => {
    const names = commands.map(({ name, alias }) => (alias ? `${name}/${alias}` : name));
    for (const wanted of ['new/n', 'start/s', 'sidecar', 'pack/p', 'console/c', 'config', 'routes', 'types/t', 'doctor', 'version/v', 'help/h']) {
      assert.ok(names.includes(wanted), `${wanted} in ${names}`);
    }
  });

  it('tells what the exit status means', () => assert.match(overview, /Exit status:\n {2}0 .*\n {2}1 .*\n {2}2 /));

  it('is what is said to no command at all, with 2', () => {
    assert.deepEqual(run([]), { status: 2, stdout: '', stderr: overview });
    for (const word of ['--help', '-h', 'h']) assert.deepEqual(run([word]), { status: 0, stdout: overview, stderr: '' });
  });

  it('new says why it cannot write', () => {
    for (const blocks of [0, 1]) {
      const { status, stderr } = spawnSync('sh', ['-c', `trap '' XFSZ; ulimit -f ${blocks}; exec "$0" new full${blocks}`, program], { cwd: dir, encoding: 'utf8' });
      assert.equal(status, 1);
      assert.match(stderr, /^socketstream: full\d\/\S+: File too large\n$/);
    }
  });

  it('need no standard files: what they open does not get what they print', () => {
    const app = path.join(dir, 'closed');
    fs.mkdirSync(path.join(app, 'app'), { recursive: true });
    fs.mkdirSync(path.join(app, 'config'));
    fs.writeFileSync(path.join(app, 'config/app.js'), 'exports.config = { motto: 1 };');
    assert.equal(spawnSync('sh', ['-c', 'exec "$0" config motto <&- >&- 2>&-', program], { cwd: app }).status, 0);
  });

  it('has none that is like an unknown word, or the nearest', () => {
    assert.deepEqual(refused(['confg']), { status: 2, line: 'socketstream: there is no command "confg"; did you mean "config"?' });
    assert.deepEqual(refused(['help', 'confg']), { status: 2, line: 'socketstream: there is no command "confg"; did you mean "config"?' });
    assert.deepEqual(refused(['xyzzy']), { status: 2, line: 'socketstream: there is no command "xyzzy"; `socketstream help` lists them' });
  });
});

/** What a command must be told beside the application. @param {string} name @param {string} usage */
function needed(name, usage) {
  const word = new RegExp(`^socketstream ${name} ([a-z]+)\\|`).exec(usage)?.[1];
  return [name, ...(word ? [word] : []), ...(usage.includes(' --listen') ? ['--listen', '/nowhere/s.sock'] : [])];
}

for (const { name, alias, help, usage, options, inApp } of commands) {
  describe(`socketstream ${name}`, () => {
    it('explains itself, with examples', () => {
      assert.match(help, new RegExp(`^usage: socketstream ${name}\\b`));
      assert.match(help, /\nOptions:\n(?: +\S.*\n)*\nExamples:\n {2}\S*.*socketstream .*\n {6}\S/);
      assert.ok(help.split('\n').every((line) => line.length <= 80 || /^(?: {2}\S|usage: )/.test(line)), 'lines fit a terminal');
      assert.equal(run(['help', name]).stdout, help);
      assert.equal(run([name, '--nonsense-behind', '--help']).status, 2);
      if (alias) assert.equal(run([alias, '-h']).stdout, help);
    });

    it('knows which option was meant', () => {
      assert.deepEqual(refused([name, '--hepl']), { status: 2, line: `socketstream ${name}: there is no option "--hepl"; did you mean "--help"?` });
      assert.deepEqual(refused([name, '--no-such-thing=1']),
        { status: 2, line: `socketstream ${name}: there is no option "--no-such-thing"; \`socketstream ${name} --help\` lists them` });
      assert.match(refused([name, '-?']).line, /there is no option "-\?"/);
      for (const { long } of options) {
        assert.deepEqual(refused([name, `--${long}x`]),
          { status: 2, line: `socketstream ${name}: there is no option "--${long}x"; did you mean "--${long}"?` });
      }
    });

    it('says which value is missing, or too many', () => {
      for (const { letter, long, argument } of options.filter(({ long }) => long !== 'help')) {
        if (argument) {
          for (const word of letter ? [`--${long}`, `-${letter}`] : [`--${long}`]) {
            assert.deepEqual(refused([name, word]), { status: 2, line: `socketstream ${name}: ${word} needs a value: ${word} ${argument}` });
          }
        } else {
          assert.deepEqual(refused([name, `--${long}=1`]), { status: 2, line: `socketstream ${name}: --${long} takes no value, but got "1"` });
        }
      }
    });

    it('says which argument is missing, or too many', () => {
      const operand = usage.slice(`socketstream ${name}`.length).split(/ \[?--| \[OPTIONS\]/)[0].trim();
      const words = [...Array(operand.includes('...') ? 200 : operand ? 1 : 0).fill('one'), 'stray'];
      assert.match(refused([name, ...words]).line, /: "(?:stray|one)" is one argument too many; usage: /);
      const { status, line } = refused([name, ...words.slice(1), '--', '--stray']);
      assert.ok(status === 2 && line.endsWith(` is one argument too many; usage: ${usage}`), line);
      const required = /^socketstream \w+ ((?:--[a-z]+ )?[A-Z]+)/.exec(usage)?.[1];
      if (required) assert.deepEqual(refused([name]), { status: 2, line: `socketstream ${name}: ${required} is missing; usage: ${usage}` });
    });

    if (inApp) it('runs in an application alone, and finds the one around', () => {
      const args = needed(name, usage);
      const [out, app] = [path.join(dir, 'none'), path.join(dir, 'one')];
      for (const folder of [out, path.join(app, 'app/server/deep')]) fs.mkdirSync(folder, { recursive: true });
      const no = (/** @type {string} */ place) => `socketstream: ${place} is no SocketStream application, it has no folder app/: `;
      assert.deepEqual(refused(args, out), { status: 1,
        line: `${no(out)}make one with \`socketstream new\`, go to the folder of one, or name it with --app` });
      assert.deepEqual(refused(args, path.join(app, 'app')), { status: 1, line: `${no(`${app}/app`)}did you mean --app ..?` });
      assert.deepEqual(refused([...args, '--app', 'one/app/server'], dir),
        { status: 1, line: `${no(`${app}/app/server`)}did you mean --app one/app/server/../..?` });
      assert.deepEqual(refused([...args, '--app', '/none']), { status: 1, line: 'socketstream: /none: No such file or directory: name the folder of an application with --app' });
    });

    // doctor looks at it all the same, and says so: t/e2e/doctor.test.mjs.
    if (inApp && name !== 'doctor') it('refuses an application that last ran with a newer version', () => {
      const args = needed(name, usage);
      const app = path.join(dir, 'newer');
      fs.mkdirSync(path.join(app, 'app'), { recursive: true });
      fs.mkdirSync(path.join(app, '.socketstream'), { recursive: true });
      fs.writeFileSync(path.join(app, '.socketstream/version'), '99.1.0-rc.1\n');
      const { status, line } = refused(args, app);
      assert.equal(status, 1);
      assert.match(line, /^socketstream: \S+\/newer last ran with SocketStream 99\.1\.0-rc\.1, and this is \d+\.\d+\.\d+\S*, which is older: upgrade SocketStream, or remove \S+\/newer\/\.socketstream\/version to run it all the same$/);
    });
  });
}

describe('an application that may not be entered', () => {
  it('is told with the remedy', () => {
    // Root becomes nobody, whom permissions concern, and who need not reach this checkout or TMPDIR.
    const uid = process.getuid?.() === 0 ? 65534 : undefined;
    const place = fs.realpathSync(fs.mkdtempSync('/tmp/ss-closed-'));
    const [app, reached] = [path.join(place, 'closed'), path.join(place, 'socketstream')];
    fs.mkdirSync(path.join(app, 'app'), { recursive: true });
    fs.copyFileSync(program, reached);
    for (const one of [place, reached]) fs.chmodSync(one, 0o755);
    fs.chmodSync(app, 0);
    const { status, stderr } = spawnSync(reached, ['config', '--app', app], { uid, cwd: place, encoding: 'utf8' });
    fs.rmSync(place, { recursive: true });
    assert.equal(stderr, `socketstream: ${app}: Permission denied: give yourself access to it\n`);
    assert.equal(status, 1);
  });
});

describe('an option', () => {
  it('has its value behind a space or =, in any order, and the last of two counts', () => {
    const app = path.join(dir, 'options');
    fs.mkdirSync(path.join(app, 'app'), { recursive: true });
    for (const args of [['--app', app, 'http.port'], [`--app=${app}`, 'http.port'], ['http.port', '--app', app],
      ['--app', '/none', '--app', app, '--', 'http.port']]) {
      assert.deepEqual(run(['config', ...args]), { status: 0, stdout: '3000\n', stderr: '' }, args.join(' '));
    }
  });
});

describe('the version an application ran with', () => {
  /** @type {[string, string | undefined][]} */
  const cases = [['none', undefined], ['an older one', '0.0.1\n'], ['what is no version', 'yesterday\n']];
  for (const [what, kept] of cases) {
    it(`is kept by what runs it, in place of ${what}`, async () => {
      const app = path.join(dir, what);
      fs.mkdirSync(path.join(app, 'app'), { recursive: true });
      const file = path.join(app, '.socketstream/version');
      if (kept !== undefined) {
        fs.mkdirSync(path.dirname(file));
        fs.writeFileSync(file, kept);
      }
      assert.equal(run(['config', '--app', app]).status, 0);
      assert.equal(fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : undefined, kept, 'a question changes nothing');
      const sidecar = await startSidecar([], { app });
      await sidecar.worker();
      await sidecar.stop();
      assert.equal(`socketstream ${fs.readFileSync(file, 'utf8')}`, run(['version']).stdout.split(/(?<=\n)/)[0]);
    });
  }
});

describe('socketstream version', () => {
  it('names the libraries, as lines and as JSON', () => {
    const { stdout } = run(['version']);
    const [first, ...libraries] = stdout.trimEnd().split('\n').map((line) => line.split(/ +/));
    assert.match(first.join(' '), /^socketstream \d+\.\d+\.\d+\S*$/);
    assert.deepEqual(libraries.map(([name]) => name), ['libuv', 'hiredis', 'jansson', 'PCRE2', 'OpenSSL']);
    for (const [name, version] of libraries) assert.match(version, /^\d+\.\d+/, name);
    assert.deepEqual(JSON.parse(run(['version', '--json']).stdout), Object.fromEntries([first, ...libraries]));
    assert.equal(run(['--version']).stdout, stdout);
    assert.equal(run(['-v']).stdout, stdout);
  });
});

describe('socketstream routes', () => {
  it('asks any sidecar, and has no paths where HTTP has none', async () => {
    const sidecar = await startSidecar([], { env: { SS__api__enabled: 'false' } });
    const { status, stdout, stderr } = run(['routes', '--app', testApp, '--socket', sidecar.path]);
    assert.deepEqual([status, stderr], [0, '']);
    const [head, ...rows] = stdout.trimEnd().split('\n').map((line) => line.split(/ {2,}/));
    assert.deepEqual(head, ['ACTION', 'HTTP', 'RUNS IN', 'FOR', 'FILE']);
    assert.ok(rows.length > 3 && rows.every(([, http, runs, who]) => http === '-' && runs === 'C' && ['all', 'signed in'].includes(who)), stdout);
    await sidecar.stop();
    const { status: late, stderr: why } = run(['routes', '--app', testApp, '--socket', sidecar.path]);
    assert.equal(late, 1);
    assert.match(why, /^socketstream: no sidecar answers at /);
  });
});

describe('socketstream help', () => {
  it('gives one form at a time', () => {
    assert.equal(refused(['help', '--man', 'start']).status, 2);
    assert.equal(refused(['help', '--man', '--markdown']).status, 2);
    assert.match(refused(['help', '--completion', 'fish']).line, /--completion must be bash or zsh, but is "fish"/);
  });

  it('--markdown is docs/COMMANDS.md: write it anew when a row has changed', () => {
    assert.equal(fs.readFileSync(path.join(root, 'docs/COMMANDS.md'), 'utf8'), run(['help', '--markdown']).stdout);
  });

  it('--man has every command, option and example, and roff takes it', () => {
    const { stdout } = run(['help', '--man']);
    for (const section of ['NAME', 'SYNOPSIS', 'DESCRIPTION', 'COMMANDS', 'EXIT STATUS', 'ENVIRONMENT', 'FILES', 'SEE ALSO']) {
      assert.match(stdout, new RegExp(`^\\.SH ${section}$`, 'm'));
    }
    assert.ok(stdout.startsWith('.\\" ') && /^\.TH SOCKETSTREAM 1 /m.test(stdout));
    for (const { name, options, help } of commands) {
      const [, section] = stdout.split(new RegExp(`^\\.SS ${name}(?:, [a-z])?$`, 'm'));
      const own = section.split(/^\.S[SH] /m)[0];
      for (const { long } of options.filter(({ long }) => long !== 'help')) {
        assert.ok(own.includes(`\\-\\-${long.replaceAll('-', '\\-')}`), `${name} --${long}`);
      }
      assert.equal(own.split('.EX\n').length, 1 + (help.split('Examples:\n')[1].match(/^ {2}\S/gm) ?? []).length);
    }
    // Lines that begin with a dot are requests that we know.
    for (const [line] of stdout.matchAll(/^[.'].*$/gm)) assert.match(line, /^\.(?:\\" |TH |S[HS] |B |BR |I |RI |TP$|PP$|RS 4$|RE$|EX$|EE$)/);
    const roff = spawnSync('groff', ['-man', '-Tutf8', '-Kutf8', '-ww', '-z'], { input: stdout, encoding: 'utf8' });
    if (!roff.error) assert.deepEqual([roff.status, roff.stderr], [0, '']);
  });
});

describe('completion', () => {
  it('in bash: commands, options, files, folders and words', () => {
    const names = commands.map(({ name }) => name);
    const folder = path.join(dir, 'complete');
    for (const one of ['my app', 'other']) fs.mkdirSync(path.join(folder, one), { recursive: true });
    fs.writeFileSync(path.join(folder, 'my.sock'), '');
    const optionsOf = (/** @type {string} */ name) => commands.find((one) => one.name === name)?.options.map(({ long }) => `--${long}`) ?? [];
    /** @type {[string[], string[]][]} */
    const cases = [
      [[''], names],
      [['st'], ['start']],
      [['--v'], ['--version']],
      [['start', '--'], optionsOf('start')],
      [['s', '--po'], ['--port']],
      [['start', '--port', ''], []],
      [['start', ''], []],
      [['start', '--port', '3000', '--no'], ['--nodes']],
      [['start', '--app', ''], ['my app', 'other']],
      [['start', '--app', '=', 'o'], ['other']],
      [['start', '--app', '='], ['my app', 'other']],
      [['new', 'm'], ['my app']],
      [['sidecar', '--listen', 'my.'], ['my.sock']],
      [['sidecar', '--log-format', ''], ['pretty', 'json']],
      [['console', '-e', ''], []],
      [['help', 'co'], names.filter((name) => name.startsWith('co'))],
      [['h', '--completion', 'z'], ['zsh']],
      [['unknown', '--'], []],
    ];
    const script = [run(['help', '--completion', 'bash']).stdout, ...cases.map(([words]) => `
COMP_WORDS=(socketstream ${words.map((word) => `'${word}'`).join(' ')})
COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
_socketstream
printf '%s\\n' "\${COMPREPLY[@]}" .`)].join('\n');
    const { stdout, stderr } = spawnSync('bash', ['--norc', '-s'], { input: script, cwd: folder, encoding: 'utf8', env: plain });
    assert.equal(stderr, '');
    const answers = stdout.split('.\n').filter((_, i) => i < cases.length)
      .map((text) => text.split('\n').filter(Boolean).sort());
    assert.deepEqual(answers, cases.map(([, wanted]) => [...wanted].sort()));
  });

  it('in zsh has every command and option', () => {
    const { stdout } = run(['help', '--completion', 'zsh']);
    assert.ok(stdout.startsWith('#compdef socketstream\n'));
    for (const { name, alias, options } of commands) {
      assert.match(stdout, new RegExp(`^ +'${name}:[^']+'$`, 'm'));
      const [, own] = stdout.split(new RegExp(`^    ${name}${alias ? ` \\| ${alias}` : ''}\\)$`, 'm'));
      for (const { long } of options) assert.match(own.split(';;')[0], new RegExp(`'--${long}=?\\[|,--${long}=?}'\\[`));
    }
    // Its quotes and brackets are the same in both shells.
    const zsh = spawnSync('zsh', ['-n'], { input: stdout, encoding: 'utf8' });
    const { status, stderr } = zsh.error ? spawnSync('bash', ['-n'], { input: stdout, encoding: 'utf8', env: plain }) : zsh;
    assert.deepEqual([status, stderr], [0, '']);
  });
});
