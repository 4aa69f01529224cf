// SPDX-License-Identifier: MIT
//
// A console's link to a running sidecar: like a host's, but without actions of its own
// (docs/ACTION_HOSTS.md, "Life").
//
// Owns the link until it is closed.  Whoever attached asks; all that comes unasked is the list of
// the application's actions.

import { createAsks } from './asks.mjs';
import { decodeHello, encodeHello } from './hello.mjs';
import { Link, op } from './link.mjs';

const ATTACH_MS = 10000;

/**
 * @typedef {object} Attached
 * @property {any} setup  the sidecar's SETUP
 * @property {import('./asks.mjs').Asks} asks
 * @property {() => void} close
 * @property {Promise<Error>} lost  the link has ended, and why; never while it is there
 */

/**
 * @param {string} socket the path of the sidecar's
 * @param {(names: string[]) => void} learn  called with the names of all actions, whenever they change
 * @returns {Promise<Attached>}
 */
export function attach(socket, learn) {
    return new Promise((resolve, reject) => {
        /** @type {(error: Error) => void} */
        let lose = () => {};
        const lost = new Promise((tell) => { lose = tell; });
        const fail = (/** @type {string} */ reason) => {
            clearTimeout(timer);
            const error = new Error(reason);
            lose(error);
            reject(error);
        };
        let greeted = false;
        const timer = setTimeout(() => fail(`${socket} does not answer`), ATTACH_MS);

        const link = new Link(socket, {
            broken: (error) => fail(`the sidecar's link: ${error.message}`),
            closed: () => fail(greeted ? 'the sidecar has closed the link' : `no sidecar answers at ${socket}: is it running, and may you connect to it?`),
            receive(code, low, high, number, bytes, at, end) {
                const json = () => JSON.parse(bytes.toString('utf8', at, end));
                switch (code) {
                case op.HELLO:
                    decodeHello(bytes.subarray(at, end)); // throws what `broken` tells
                    break;
                case op.SETUP:
                    clearTimeout(timer);
                    greeted = true;
                    link.send(op.READY, 0, 0, 0, Buffer.from('{"actions":[]}'));
                    resolve({ setup: json(), asks, close: () => link.goodbye('the console ends', () => {}), lost });
                    break;
                case op.ACTIONS:
                    learn(json());
                    break;
                case op.ANSWER:
                    asks.answered(number, bytes, at, end);
                    break;
                case op.GOODBYE:
                    fail(`the sidecar: ${bytes.toString('utf8', at + 2, end)}`);
                    break;
                }
            },
        });
        const asks = createAsks(() => link);
        link.send(op.HELLO, 0, 0, 0, encodeHello('socketstream-console/1'));
    });
}
