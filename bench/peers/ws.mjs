// SPDX-License-Identifier: MIT
//
// npm ws as its README shows it, without compression (its default).  Prints its port.

import { WebSocketServer } from 'ws';

import { answer } from './actions.mjs';

const server = new WebSocketServer({ host: '127.0.0.1', port: 0, backlog: 4096 });

server.on('connection', (socket) => {
  socket.on('message', (data) => socket.send(answer(String(data)) ?? ''));
});

server.on('listening', () => {
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  console.log(`port ${port}`);
});
