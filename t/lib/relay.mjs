// SPDX-License-Identifier: MIT
//
// A TCP relay between a browser and nginx, which does what networks do.

import { once } from 'node:events';
import { connect, createServer } from 'node:net';

/** @param {number} port where nginx listens */
export async function startRelay(port) {
  /** @type {Set<{swallow: boolean, sockets: import('node:net').Socket[]}>} */
  const pairs = new Set();
  let noWebSockets = false;
  let swallowing = false;

  const server = createServer((client) => {
    const upstream = connect(port, '127.0.0.1');
    const pair = { swallow: swallowing, sockets: [client, upstream] };
    pairs.add(pair);
    for (const [from, to] of [[client, upstream], [upstream, client]]) {
      from.on('error', () => {});
      from.on('data', (data) => {
        if (pair.swallow) return;
        if (noWebSockets && from === client && /^upgrade: *websocket/im.test(data.toString('latin1'))) {
          client.destroy();
          upstream.destroy();
        } else {
          to.write(data);
        }
      });
      from.on('close', () => {
        // What is swallowed is told nothing, not even the end.
        if (!pair.swallow) to.destroy();
      });
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const end = () => {
    for (const { sockets } of pairs) sockets.forEach((socket) => socket.destroy());
    pairs.clear();
  };
  return {
    port: /** @type {import('node:net').AddressInfo} */ (server.address()).port,
    /** From now on no byte passes and no end is told, on these connections and on new ones. */
    cut() {
      swallowing = true;
      for (const pair of pairs) pair.swallow = true;
    },
    /** New connections work again; the old ones stay as dead as they are. */
    mend() { swallowing = false; },
    /** WebSocket handshakes are cut off. @param {boolean} block */
    blockWebSockets(block) { noWebSockets = block; },
    async stop() {
      end();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
