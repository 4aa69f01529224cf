// SPDX-License-Identifier: MIT
//
// What an idle WebSocket costs in memory, as such and as a session that holds channels: opens many
// against our nginx and sidecar and divides.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { runLoad, startOurs } from './servers.mjs';

/** Budgets in bytes for one client: the worker's alone, and with the sidecar. */
export const WORKER_MAX = 1024;
export const TOTAL_MAX = 2048;

/**
 * What nginx itself sets aside for each of worker_connections at its start, used or not, so no
 * client adds to it: a connection and its two events (sizeof on 64 bit Linux, nginx 1.22).
 */
export const SLOT = 240 + 2 * 96;

const RESERVE = 500; // files besides the clients, for the server and for the generator

/**
 * How many clients the limit on open files allows.
 *
 * @param {number} wanted  at most so many
 */
export function clientsAllowed(wanted) {
  const limits = readFileSync('/proc/self/limits', 'utf8');
  const hard = /^Max open files\s+\S+\s+(\S+)/m.exec(limits)?.[1];
  return hard === undefined || hard === 'unlimited' ? wanted : Math.min(wanted, Number(hard) - RESERVE);
}

/**
 * @param {number} clients
 * @param {number} [channels]  that each of them joins
 * @returns {Promise<{ clients: number, channels: number, worker: number, sidecar: number, redis: number,
 *   total: number, complaints: string[] }>}
 *   bytes for one client, Redis not in the total; and what the logs hold that they never should
 */
export async function measureIdle(clients, channels = 0) {
  // With less than a sixteenth of its connections free nginx closes those whose request is still to
  // come (ngx_drain_connections).
  const server = await startOurs({ connections: Math.ceil((clients * 16) / 15) + RESERVE });
  try {
    const result = await runLoad('idle', server, [
      ...['--clients', String(clients), '--sources', '8', '--channels', String(channels)],
    ]);
    /** @param {string} label */
    const sum = (label) =>
      result.processes
        .filter((/** @type {any} */ p) => p.label === label)
        .reduce((/** @type {number} */ total, /** @type {any} */ p) => total + p.bytes_per_client, 0);
    const worker = sum('nginx');
    const sidecar = sum('sidecar');
    const redis = sum('redis');
    const complaints = readFileSync(join(server.dir, 'error.log'), 'utf8')
      .concat(readFileSync(join(server.dir, 'sidecar.log'), 'utf8'))
      .split('\n')
      .filter((line) => /\[(alert|emerg|crit)\]|Sanitizer|runtime error/.test(line));
    return { clients, channels, worker, sidecar, redis, total: worker + sidecar, complaints };
  } finally {
    await server.stop();
  }
}
