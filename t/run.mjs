// SPDX-License-Identifier: MIT
//
// Runs every test of the project, reads their TAP, and adds it up.
//
// A suite is a set of files that are run in one way; those of all suites share one pool, but for the
// suites that measure time, which run alone behind it.  Each file is a process of its own with a
// TMPDIR of its own, and has failed when a test of it has, when it died, when it ran no test, when
// it left a sanitizer's report or an [alert] in a log, or when it skipped a test without naming
// the optional part that is missing.  The last line is `N passed, M failed`.

import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { portRanges } from './lib/ports.mjs';
import { readTap } from './lib/tap.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const build = process.env.BUILD || 'release';
const sanitize = build === 'sanitize';
const LIMIT_S = 300; // a file may take so long: many times what it does, for the busiest of machines
// Files at a time: more than cores, since tests wait much.
const JOBS = 1 + Math.max(2, os.availableParallelism?.() ?? os.cpus().length);
const nodeTest = ['node', '--test', '--test-reporter=tap'];

/**
 * @typedef {object} Suite
 * @property {string} name
 * @property {string} dir      below the root; one part of it may be * for every folder
 * @property {RegExp} match    file names that are tests
 * @property {string[]} run    what goes before the file's name
 * @property {boolean} [alone] one file at a time, and nothing beside it: they measure time
 * @property {boolean} [long]  only with --long: it takes minutes
 * @property {Record<string, string>} [env]
 */

/** @type {Suite[]} */
const suites = [
  { name: 'harness', dir: 't/lib', match: /\.test\.mjs$/, run: nodeTest },
  {
    name: 'unit', dir: `build/obj-${build}/unit`, match: /^test_[a-z0-9_]+$/, run: [],
    env: { CMOCKA_MESSAGE_OUTPUT: 'TAP' },
  },
  { name: 'nginx', dir: 't', match: /\.t$/, run: ['perl'] },
  { name: 'sidecar', dir: 't/sidecar', match: /\.test\.mjs$/, run: nodeTest },
  { name: 'client', dir: 't/client', match: /\.test\.mjs$/, run: nodeTest },
  { name: 'packer', dir: 't/packer', match: /\.test\.mjs$/, run: nodeTest },
  { name: 'host', dir: 't/host', match: /\.test\.mjs$/, run: nodeTest },
  { name: 'e2e', dir: 't/e2e', match: /\.test\.mjs$/, run: nodeTest },
  { name: 'packages', dir: 't/packages', match: /\.test\.mjs$/, run: nodeTest },
  { name: 'debian', dir: 't/debian', match: /\.test\.mjs$/, run: nodeTest, long: true },
  {
    name: 'examples', dir: 'examples/*/test', match: /\.test\.mjs$/, run: nodeTest,
    env: { SS__nginx__binary: path.join(root, 't/lib/nginx') },
  },
  { name: 'chaos', dir: 't/chaos', match: /\.test\.mjs$/, run: nodeTest, alone: true },
];

// These take longest, and start first: else one of them would be left to run by itself at the end.
const longest = [
  'test_redis_sentinel', 'test_redis', '03-frames.t', '06-link.t', 'library.test.mjs', 'host_life.test.mjs',
];

const usage = `usage: t/run [--only PATTERN] [--long] [--verbose] [--list]

  --only PATTERN   files or suites whose name matches this regular expression
  --long           the full sizes of tests that are scaled down by default
  --verbose        what the tests print, too
  --list           the files, without running them
BUILD=release|debug|sanitize chooses the build that is tested, as with make.
`;

/** @param {string[]} argv */
function parseArguments(argv) {
  const options = { only: /./, all: true, long: false, verbose: false, list: false };
  for (let i = 0; i < argv.length; i++) {
    if (argv[i] === '--only' && argv[i + 1]) {
      options.only = new RegExp(argv[++i]);
      options.all = false;
    } else if (argv[i] === '--long') options.long = true;
    else if (argv[i] === '--verbose') options.verbose = true;
    else if (argv[i] === '--list') options.list = true;
    else {
      const asked = argv[i] === '--help' || argv[i] === '-h';
      (asked ? process.stdout : process.stderr).write(usage);
      process.exit(asked ? 0 : 2);
    }
  }
  return options;
}

const options = parseArguments(process.argv.slice(2));
const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'ss-'));
/** @type {Set<number>} */
const groups = new Set();

/** @param {number | undefined} pid */
function killGroup(pid) {
  if (!pid) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // Gone already, which is what was wanted.
  }
  groups.delete(pid);
}

function cleanUp() {
  for (const pid of groups) killGroup(pid);
  fs.rmSync(scratch, { recursive: true, force: true });
}
process.on('exit', cleanUp);
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(130));

/** @param {string} dir of a suite @returns {string[]} those that are there */
function foldersOf(dir) {
  const [above, below] = dir.split('/*/');
  const all = below === undefined ? [dir]
    : fs.readdirSync(path.join(root, above)).sort().map((name) => path.join(above, name, below));
  return all.filter((one) => fs.existsSync(path.join(root, one)));
}

/** @param {Suite} suite */
function filesOf(suite) {
  return foldersOf(suite.dir)
    .flatMap((dir) => fs.readdirSync(path.join(root, dir)).filter((name) => suite.match.test(name)).sort()
      .map((name) => path.join(dir, name)))
    .filter((file) => options.only.test(file) || options.only.test(suite.name));
}

/** Where a compiler keeps a library that must be loaded before all others. @param {string} name */
async function compilerLibrary(name) {
  const cc = spawn(process.env.CC || 'cc', [`-print-file-name=${name}`]);
  let out = '';
  for await (const piece of cc.stdout) out += piece;
  return out.trim();
}

/** @param {string} dir @returns {string[]} */
function tree(dir) {
  return fs.readdirSync(dir, { withFileTypes: true }).flatMap((entry) => {
    const name = path.join(dir, entry.name);
    return entry.isDirectory() ? tree(name) : entry.isFile() ? [name] : [];
  });
}

const alarming = /\[(?:alert|emerg)\]|(?:Address|Leak|UndefinedBehavior)Sanitizer|: runtime error: /;

/**
 * Reports that a file's processes left behind: those of sanitizers, and logs that a test did not
 * remove.  Tests look through the logs that they do remove.
 * @param {string} dir
 */
function findReports(dir) {
  const found = [];
  for (const file of tree(dir)) {
    if (!/(?:report|log)/.test(path.basename(file))) continue;
    const text = fs.readFileSync(file, 'latin1').slice(0, 4 << 20);
    const lines = text.split('\n');
    const at = lines.findIndex((line) => alarming.test(line));
    if (at >= 0) found.push(`${path.basename(file)}:\n${lines.slice(at, at + 25).join('\n')}`);
  }
  return found;
}

/**
 * Ends every nginx that a file left behind: as a daemon it is out of the file's process group.
 * @param {string} dir
 */
function findDaemons(dir) {
  const found = [];
  for (const file of tree(dir)) {
    if (path.basename(file) !== 'nginx.pid') continue;
    const pid = Number(fs.readFileSync(file, 'latin1'));
    const command = pid > 0 && fs.existsSync(`/proc/${pid}`)
      ? fs.readFileSync(`/proc/${pid}/cmdline`, 'latin1') : '';
    if (!command.startsWith('nginx: ') && !command.includes(dir)) continue;
    process.kill(pid, 'SIGTERM');
    found.push(`left nginx running: ${command.replaceAll('\0', ' ').trim()}`);
  }
  return found;
}

/**
 * @param {Suite} suite @param {string} file @param {Record<string, string>} common
 * @returns {Promise<{file: string, seconds: number, passed: number, skipped: number, failures: string[]}>}
 */
async function runFile(suite, file, common) {
  const dir = fs.mkdtempSync(path.join(scratch, 't'));
  const report = `log_path=${dir}/report:exitcode=99`;
  const env = {
    ...process.env, ...common, ...suite.env, TMPDIR: dir, BUILD: build, SS_TEST_REPORTS: dir,
    ASAN_OPTIONS: report, UBSAN_OPTIONS: `print_stacktrace=1:${report}`, LSAN_OPTIONS: report,
  };
  const [command, ...args] = [...suite.run, path.join(root, file)];
  const start = Date.now();
  const child = spawn(command, args, { cwd: root, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  if (child.pid) groups.add(child.pid);

  let out = '';
  let err = '';
  let late = false;
  child.stdout.on('data', (data) => { out += data; if (options.verbose) process.stdout.write(data); });
  child.stderr.on('data', (data) => { err += data; if (options.verbose) process.stderr.write(data); });
  const stretch = (sanitize ? 2 : 1) * (options.long ? 5 : 1);
  const timer = setTimeout(() => { late = true; killGroup(child.pid); }, LIMIT_S * stretch * 1000);

  const [code, signal] = await new Promise((resolve) => {
    child.on('error', (error) => { err += error.message; resolve([127, null]); });
    child.on('exit', () => setTimeout(() => killGroup(child.pid), 200));
    child.on('close', (...end) => resolve(end));
  });
  clearTimeout(timer);
  killGroup(child.pid);

  const tap = readTap(out, path.join(root, file));
  const failures = [...tap.failures];
  if (late) failures.push(`still running after ${LIMIT_S * stretch} s, killed`);
  else if (signal) failures.push(`died of ${signal}`);
  else if (code !== 0 && failures.length === 0) failures.push(`ended with exit code ${code}`);
  if (tap.passed + tap.skips.length + tap.failures.length === 0) failures.push('ran no test');
  for (const { name, reason } of tap.skips) {
    if (!/\b(missing|not installed|needs)\b/i.test(reason)) {
      failures.push(`skipped without naming a missing part: ${name} # SKIP ${reason}`);
    }
  }
  failures.push(...findDaemons(dir), ...findReports(dir));
  if (failures.length > 0 && err) failures.push(`standard error:\n${err.split('\n').slice(-80).join('\n')}`);
  fs.rmSync(dir, { recursive: true, force: true });

  return {
    file, seconds: (Date.now() - start) / 1000, passed: tap.passed, skipped: tap.skips.length,
    failures,
  };
}

/** @typedef {{passed: number, failed: number, skipped: number, seconds: number, left: number}} Total */

/** @param {Awaited<ReturnType<typeof runFile>>} result @param {Total} total of its suite */
function tell(result, total) {
  // Standard error explains failures, but is none.
  const failed = result.failures.filter((text) => !text.startsWith('standard error:')).length;
  total.passed += result.passed;
  total.skipped += result.skipped;
  total.failed += failed;
  total.seconds += result.seconds;
  total.left--;
  const tests = `${result.passed} passed${failed ? `, ${failed} failed` : ''}`
    + `${result.skipped ? `, ${result.skipped} skipped` : ''}`;
  console.log(`${failed ? 'FAIL' : 'ok  '}  ${result.file}: ${tests} (${result.seconds.toFixed(1)} s)`);
  for (const text of result.failures) console.log(text.replace(/^/gm, '      '));
}

/**
 * Runs the files of some suites, so many at a time.  A suite's seconds are those of its files.
 * @param {Suite[]} some @param {number} jobs @param {Record<string, string>} common
 * @returns {Promise<Total[]>}
 */
async function runSuites(some, jobs, common) {
  const totals = some.map(() => ({ passed: 0, failed: 0, skipped: 0, seconds: 0, left: 0 }));
  const queue = some.flatMap((suite, i) => {
    const files = filesOf(suite);
    totals[i].left = files.length;
    if (files.length === 0 && options.all) {
      console.log(`FAIL  ${suite.name}: no test in ${suite.dir}`);
      totals[i].failed++;
    }
    return files.map((file) => ({ suite, file, total: totals[i] }));
  });
  const isLong = (/** @type {{file: string}} */ { file }) => Number(longest.includes(path.basename(file)));
  queue.sort((a, b) => isLong(b) - isLong(a));

  const worker = async (/** @type {string} */ ports) => {
    for (let next = queue.shift(); next; next = queue.shift()) {
      const { suite, total } = next;
      tell(await runFile(suite, next.file, { ...common, SS_TEST_PORTS: ports }), total);
      if (total.left === 0) {
        console.log(`----  ${suite.name}: ${total.passed} passed, ${total.failed} failed (${total.seconds.toFixed(1)} s)`);
      }
    }
  };
  await Promise.all(portRanges(jobs).map(worker));
  return totals;
}

async function main() {
  if (options.list) {
    for (const suite of suites) for (const file of filesOf(suite)) console.log(file);
    return 0;
  }

  /** @type {Record<string, string>} */
  const common = { TEST_NGINX_BINARY: path.join(root, 't/lib/nginx') };
  if (options.long) common.SS_TEST_LONG = '1';
  if (sanitize) {
    const libraries = await Promise.all(['libasan.so', 'libubsan.so'].map(compilerLibrary));
    common.SS_TEST_PRELOAD = libraries.join(' ');
  }

  const sum = { passed: 0, failed: 0, skipped: 0 };
  const wanted = suites.filter(({ long }) => !long || options.long);
  const together = await runSuites(wanted.filter(({ alone }) => !alone), JOBS, common);
  for (const total of [...together, ...await runSuites(wanted.filter(({ alone }) => alone), 1, common)]) {
    sum.passed += total.passed;
    sum.failed += total.failed;
    sum.skipped += total.skipped;
  }
  if (sum.passed + sum.failed + sum.skipped === 0) {
    console.log('no test matches');
    return 1;
  }
  console.log(`${sum.passed} passed, ${sum.failed} failed${sum.skipped ? `, ${sum.skipped} skipped` : ''}`);
  return sum.failed ? 1 : 0;
}

process.exitCode = await main();
