// SPDX-License-Identifier: MIT
//
// What the tables of make bench are made of.

/** @param {number[]} values */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Median, lowest and highest. @param {number[]} values */
export function spread(values) {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  return `${median(values).toFixed(2)} (${low.toFixed(2)}–${high.toFixed(2)})`;
}

/** An action host is a child of the sidecar. @param {any} process */
const partOf = ({ label, comm }) => (label === 'sidecar' && comm !== 'socketstream' ? 'host' : label);

/**
 * What one part of a server took in a run.
 *
 * @param {any} run
 * @param {string} label
 * @param {string} unit  as the generator names it: call, delivery, cycle
 */
export const cpuOf = (run, label, unit) =>
  run.processes
    .filter((/** @type {any} */ p) => partOf(p) === label)
    .reduce((/** @type {number} */ sum, /** @type {any} */ p) => sum + p[`cpu_us_per_${unit}`], 0);

/** @param {string[][]} rows  the first column to the left, the others to the right */
export function printTable(rows) {
  const widths = rows[0].map((_, i) => Math.max(...rows.map((row) => row[i].length)));
  for (const row of rows) {
    const cells = row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i])));
    console.log(cells.join('   ').trimEnd());
  }
}
