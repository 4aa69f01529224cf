// SPDX-License-Identifier: MIT
//
// The nginx of the tests under BUILD=sanitize: t/run finds what a sanitizer says of it.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const nginx = fileURLToPath(new URL('nginx', import.meta.url));

test('reports of sanitizers have a name that t/run looks for', () => {
  const env = { ...process.env, NGINX: 'printenv', SS_TEST_PRELOAD: 'libc.so.6', SS_TEST_REPORTS: '/reports' };
  for (const name of ['ASAN_OPTIONS', 'UBSAN_OPTIONS']) {
    assert.match(execFileSync(nginx, [name], { env, encoding: 'utf8' }), /:log_path=\/reports\/report-nginx$/m, name);
  }
});
