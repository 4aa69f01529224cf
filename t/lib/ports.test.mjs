// SPDX-License-Identifier: MIT
//
// No two tests that run at a time take the same port, in whichever language.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { portRanges } from './ports.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));

test('of files at a time each has a range of its own', () => {
  for (const n of [1, 3, 9, 65]) {
    const ranges = portRanges(n).map((one) => one.split('-').map(Number));
    assert.equal(ranges.length, n);
    assert.equal(ranges[0][0], 10_000);
    for (const [i, [lowest, highest]] of ranges.entries()) {
      assert.ok(highest - lowest >= 255 && highest < 30_000, `${lowest} to ${highest}`);
      assert.ok(i === 0 || lowest > ranges[i - 1][1], `${lowest} is in two`);
    }
  }
});

/** Each takes half of the ports of a range. @type {[string, string, string[]][]} */
const takers = [
  ['JavaScript', process.execPath, ['--input-type=module', '-e',
    `import { freePort } from '${here}ports.mjs'; for (let i = 0; i < 20; i++) console.log(await freePort());`]],
  ['Perl', 'perl', [`-I${here}`, '-MSocketStream::Nginx=free_port', '-e', 'print free_port(), "\\n" for 1 .. 20']],
];
for (const [language, command, args] of takers) {
  test(`${language} takes the ports of its range, and none twice`, () => {
    const [lowest] = (process.env.SS_TEST_PORTS ?? portRanges(1)[0]).split('-').map(Number);
    const env = { ...process.env, SS_TEST_PORTS: `${lowest}-${lowest + 39}` };
    const ports = execFileSync(command, args, { env, encoding: 'utf8' }).trim().split('\n').map(Number);
    assert.equal(new Set(ports).size, 20, `${ports}`);
    assert.ok(ports.every((port) => port >= lowest && port <= lowest + 39), `${ports}`);
  });
}
