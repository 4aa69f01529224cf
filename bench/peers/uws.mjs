// SPDX-License-Identifier: MIT
//
// uWebSockets as its README shows it, without compression.  It corks by itself: what one read
// brought is answered in one write.  Prints its port.

import uws from '@trufflesuite/uws-js-unofficial';

import { answer } from './actions.mjs';

// The package falls back to a pure JavaScript imitation where its binary does not load; that
// would not be uWebSockets.
if (typeof uws._cfg !== 'function') {
  throw new Error(`no uWebSockets binary for node ${process.version} on ${process.arch}`);
}

const decoder = new TextDecoder();

const app = uws.App();

app.ws('/*', {
  compression: uws.DISABLED,
  idleTimeout: 0,
  message: (socket, data) => {
    const text = answer(decoder.decode(data), {
      join: (name) => socket.subscribe(name),
      publish: (name, event) => app.publish(name, event, false),
    });
    if (text !== null) {
      socket.send(text, false);
    }
  },
});

app.listen('127.0.0.1', 0, (listening) => {
  if (!listening) {
    throw new Error('cannot listen');
  }
  console.log(`port ${uws.us_socket_local_port(listening)}`);
});
