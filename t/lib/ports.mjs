// SPDX-License-Identifier: MIT
//
// Ports that servers of tests listen on: below the range that connect() takes its own from, since
// those of other tests' clients would come in between.
//
// Between the look whether a port is free and the server's bind another test could take it.  None
// does: of the files that t/run has running, each takes its ports from a range of its own, which
// SS_TEST_PORTS says, and no process takes one twice before it has been through the range.  The
// same rule is in SocketStream/Nginx.pm and ../unit/redis_server.h.

import { createServer } from 'node:net';

const LOWEST = 10_000;
const HIGHEST = 29_999;

/** The one port of them that fetch and browsers refuse (fetch.spec.whatwg.org, bad ports). */
const BAD_PORT = 10_080;

/** SS_TEST_PORTS for each of so many files at a time. @param {number} n */
export function portRanges(n) {
  const size = Math.floor((HIGHEST - LOWEST + 1) / n);
  return Array.from({ length: n }, (_, i) => `${LOWEST + i * size}-${LOWEST + (i + 1) * size - 1}`);
}

const [lowest, highest] = (process.env.SS_TEST_PORTS ?? `${LOWEST}-${HIGHEST}`).split('-').map(Number);

/** Where to look next: at first anywhere, for those who test the same at a time. */
let next = lowest + Math.floor(Math.random() * (highest - lowest + 1));

/** @param {number} port @returns {Promise<boolean>} */
const isFree = (port) => new Promise((resolve) => {
  const server = createServer();
  server.on('error', () => resolve(false));
  server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
});

/** The first of `count` ports in a row that were free just now. */
export async function freePort(count = 1) {
  for (;;) {
    if (next + count - 1 > highest) next = lowest;
    const ports = Array.from({ length: count }, (_, i) => next + i);
    next += count;
    if (!ports.includes(BAD_PORT) && (await Promise.all(ports.map(isFree))).every(Boolean)) return ports[0];
  }
}
