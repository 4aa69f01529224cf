// SPDX-License-Identifier: MIT
//
// Reads TAP as cmocka, Test::More and node:test write it.  Counts leaves: a line that sums up the
// subtests before it is no test of its own, unless it failed and they did not.

/**
 * @param {string} text
 * @param {string} [file]  node:test reports a file without tests as one test of this name
 */
export function readTap(text, file) {
  /** @type {{passed: number, failures: string[], skips: {name: string, reason: string}[]}} */
  const result = { passed: 0, failures: [], skips: [] };
  /** @type {number[]} per depth, failures so far when its present subtest began; absent: none */
  const open = [];
  const counted = [0];
  const lines = text.split('\n');
  let plan = -1;

  for (let i = 0; i < lines.length; i++) {
    const bail = /^\s*Bail out!\s*(.*)/.exec(lines[i]);
    if (bail) {
      result.failures.push(`bailed out: ${bail[1]}`);
      continue;
    }
    const planned = /^1\.\.(\d+)/.exec(lines[i]);
    if (planned) plan = Number(planned[1]);

    const m = /^(\s*)(not )?ok\b\s*(\d*)\s*(?:-\s*)?(.*)$/.exec(lines[i]);
    if (!m) continue;
    const depth = Math.floor(m[1].length / 4);
    const directive = /(?<!\\)#\s*(skip|todo)\b:?\s*(.*)$/i.exec(m[4]);
    const name = (directive ? m[4].slice(0, directive.index) : m[4]).trim();

    const before = open[depth + 1];
    const isParent = before !== undefined;
    open.length = depth + 1;
    open[depth] ??= before ?? result.failures.length;
    counted[depth] = (counted[depth] ?? 0) + 1;

    const detail = readDetail(lines, i + 1);
    i += detail.length;

    if (m[2]) {
      if (!isParent || before === result.failures.length) {
        result.failures.push([`not ok: ${name}`, ...detail].join('\n'));
      }
    } else if (directive) {
      result.skips.push({ name, reason: directive[2] });
    } else if (!isParent && !(file && name === file)) {
      result.passed++;
    }
  }

  if (plan >= 0 && (counted[0] ?? 0) !== plan) {
    result.failures.push(`planned ${plan} tests, ran ${counted[0] ?? 0}`);
  }
  return result;
}

/** The YAML block after a test line, at most 60 lines of it. @param {string[]} lines @param {number} from */
function readDetail(lines, from) {
  if (!/^\s+---\s*$/.test(lines[from] ?? '')) return [];
  const end = lines.findIndex((line, i) => i > from && /^\s+\.\.\.\s*$/.test(line));
  return lines.slice(from, end < 0 ? from + 60 : end + 1);
}
