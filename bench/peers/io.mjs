// SPDX-License-Identifier: MIT
//
// socket.io as its documentation shows it: an event with an acknowledgement for each call.  Prints
// its port.

import { createServer } from 'node:http';
import { Server } from 'socket.io';

const http = createServer();
const io = new Server(http, { serveClient: false });

io.on('connection', (socket) => {
  socket.on('bench.square', (n, answer) => answer(n * n));
});

http.listen({ host: '127.0.0.1', port: 0, backlog: 4096 }, () => {
  const { port } = /** @type {import('node:net').AddressInfo} */ (http.address());
  console.log(`port ${port}`);
});
