// SPDX-License-Identifier: MIT
//
// The transport that is meant to be used.  What a transport is: the type below.

/**
 * @typedef {object} Handlers
 * @property {(text: string) => void} message
 * @property {(code: number, reason: string) => void} close once, and nothing after it
 * @property {() => void} sign of life that is no message
 */
/**
 * @typedef {object} Transport
 * @property {(text: string) => void} send
 * @property {() => void} close tells the handlers nothing more
 */

/**
 * @param {any} Constructor
 * @param {string} url
 * @param {Handlers} handlers
 * @returns {Transport}
 */
export function openWebSocket(Constructor, url, handlers) {
    /** @type {WebSocket} */
    const socket = new Constructor(url, 'socketstream');
    socket.onmessage = (event) => handlers.message(event.data);
    socket.onclose = (event) => handlers.close(event.code, event.reason);
    // Node 22 says no more of a handshake that failed, and npm's ws throws errors nobody listens to.
    socket.onerror = () => socket.readyState || (socket.onclose && handlers.close(1006, ''));
    return {
        send: (text) => socket.send(text),
        close() {
            socket.onmessage = socket.onclose = null;
            // One that is not open yet fails with a message of the browser's if closed with a code.
            if (socket.readyState) {
                socket.close(1000);
            } else {
                socket.close();
            }
        },
    };
}
