// SPDX-License-Identifier: MIT
//
// What events cost: one channel with many subscribers, plain and through TLS; and what it costs
// that clients come and go.  Measures and prints; docs/PERFORMANCE.md tells the method.

import { runLoad } from './servers.mjs';
import { cpuOf, median, printTable, spread } from './table.mjs';

/** @typedef {import('./servers.mjs').Server} Server */

/**
 * @typedef {object} Row
 * @property {string} name   in results.json
 * @property {string} title
 * @property {Server} server
 */

export const FANOUT = [
  { name: '1,000 w1', clients: 1000, depth: 1 },
  { name: '1,000 w16', clients: 1000, depth: 16 },
  { name: '5,000 w1', clients: 5000, depth: 1 },
  { name: '5,000 w16', clients: 5000, depth: 16 },
];

const CHURN = [
  { name: 'connect, close', channels: 0 },
  { name: 'connect, join, close', channels: 1 },
];

const PARTS = ['nginx', 'sidecar', 'redis'];

/**
 * @param {Row[]} rows
 * @param {number} rounds
 * @returns {Promise<any[]>} one object per run
 */
export async function measureFanout(rows, rounds) {
  const runs = [];
  for (let round = 0; round < rounds; round++) {
    for (const { name, clients, depth } of FANOUT) {
      for (const { name: row, server } of rows) {
        const size = ['--clients', `${clients}`, '--depth', `${depth}`, '--seconds', '0.6', '--sources', '8'];
        const redis = server.redis === undefined ? [] : ['--redis', server.redis];
        const result = await runLoad('fanout', server, [...size, ...redis, '--busy']);
        runs.push({ server: row, configuration: name, round, ...result });
        process.stderr.write('.');
      }
    }
  }
  process.stderr.write('\n');
  return runs;
}

/**
 * @param {Row[]} rows
 * @param {number} rounds
 * @returns {Promise<any[]>}
 */
export async function measureChurn(rows, rounds) {
  const runs = [];
  for (let round = 0; round < rounds; round++) {
    for (const { name, channels } of CHURN) {
      for (const { name: row, server } of rows) {
        const size = ['--clients', '16', '--sources', '32', '--channels', `${channels}`, '--seconds', '0.8'];
        const result = await runLoad('churn', server, [...size, '--busy']);
        runs.push({ server: row, configuration: name, round, ...result });
        process.stderr.write('.');
      }
    }
  }
  process.stderr.write('\n');
  return runs;
}

/**
 * @param {string} title
 * @param {'delivery' | 'cycle'} unit
 * @param {{ name: string }[]} configurations
 * @param {any[]} runs
 * @param {Row[]} rows
 */
function report(title, unit, configurations, runs, rows) {
  const table = [[title, ...configurations.map(({ name }) => name)]];
  for (const { name, title: heading, server } of rows) {
    /** @param {(run: any) => number} value @param {(values: number[]) => string} format */
    const cells = (value, format) =>
      configurations.map((configuration) =>
        format(runs.filter((r) => r.server === name && r.configuration === configuration.name).map(value)),
      );
    table.push([heading, ...cells((run) => run[`cpu_us_per_${unit}`], spread)]);
    if (server.redis !== undefined) {
      for (const part of PARTS) {
        const figures = cells((run) => cpuOf(run, part, unit), (all) => median(all).toFixed(3));
        table.push([`  ${part}`, ...figures]);
      }
    }
  }
  console.log();
  printTable(table);
}

/** @param {any[]} runs @param {Row[]} rows */
export const reportFanout = (runs, rows) =>
  report('µs of server CPU per delivery', 'delivery', FANOUT, runs, rows);

/** @param {any[]} runs @param {Row[]} rows */
export const reportChurn = (runs, rows) => report('µs of server CPU per cycle', 'cycle', CHURN, runs, rows);

/**
 * The server's share above the bare send() of the same bytes, in a configuration.
 *
 * @param {any[]} runs
 * @param {string} server
 * @param {string} floor
 * @param {string} configuration
 */
export function ratio(runs, server, floor, configuration) {
  /** @param {string} name */
  const of = (name) =>
    median(
      runs
        .filter((run) => run.server === name && run.configuration === configuration)
        .map((run) => run.cpu_us_per_delivery),
    );
  return of(server) / of(floor);
}
