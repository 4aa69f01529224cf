// SPDX-License-Identifier: MIT

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { readTap } from './tap.mjs';

const names = (/** @type {string[]} */ failures) => failures.map((text) => text.split('\n')[0]);

test('counts what passed and names what failed', () => {
  const tap = readTap('ok 1 - one\nnot ok 2 - two\nok 3\n1..3\n');
  assert.equal(tap.passed, 2);
  assert.deepEqual(tap.failures, ['not ok: two']);
});

test('a test with subtests is not counted beside them', () => {
  const tap = readTap('# Subtest: a\n    ok 1 - x\n    ok 2 - y\n    1..2\nok 1 - a\n1..1\n');
  assert.equal(tap.passed, 2);
  assert.deepEqual(tap.failures, []);
});

test('a failed subtest is counted once, at any depth', () => {
  const tap = readTap('        not ok 1 - z\n        1..1\n    not ok 1 - y\n    1..1\nnot ok 1 - x\n1..1\n');
  assert.deepEqual(names(tap.failures), ['not ok: z']);
});

test('a test that fails although its subtests passed is a failure', () => {
  const tap = readTap('    ok 1 - y\n    1..1\nnot ok 1 - x\n1..1\n');
  assert.equal(tap.passed, 1);
  assert.deepEqual(names(tap.failures), ['not ok: x']);
});

test('a passing test behind one with subtests is counted', () => {
  const tap = readTap('    ok 1 - y\n    1..1\nok 1 - x\nok 2 - z\n1..2\n');
  assert.equal(tap.passed, 2);
});

test('a short run is a failure', () => {
  assert.deepEqual(readTap('1..3\nok 1\nok 2\n').failures, ['planned 3 tests, ran 2']);
});

test('a bail-out is a failure', () => {
  assert.deepEqual(readTap('ok 1\nBail out!  no nginx\n').failures, ['bailed out: no nginx']);
});

test('skips keep their reason', () => {
  const tap = readTap('ok 1 - a # SKIP chromium is missing\nok 2 # skip\n1..2\n');
  assert.equal(tap.passed, 0);
  assert.deepEqual(tap.skips, [
    { name: 'a', reason: 'chromium is missing' }, { name: '', reason: '' },
  ]);
});

test('the details of a failure go with it, and hold no tests', () => {
  const tap = readTap("not ok 1 - a\n  ---\n  error: |-\n    ok 1 - no test\n  ...\nok 2 - b\n1..2\n");
  assert.equal(tap.passed, 1);
  assert.match(tap.failures[0], /no test/);
});

test('a file without tests has none', () => {
  assert.equal(readTap('ok 1 - /x/empty.test.mjs\n1..1\n', '/x/empty.test.mjs').passed, 0);
});
