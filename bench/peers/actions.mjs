// SPDX-License-Identifier: MIT
//
// What the JavaScript peers answer: the same JSON-RPC calls as ours, really parsed, looked up by
// name and serialized.

/** @type {Map<string, (params: any[], channels?: Channels) => unknown>} */
const actions = new Map([
  ['bench.square', ([n]) => n * n],
  ['bench.join', ([name], channels) => channels?.join(name)],
]);

/**
 * What a server that has channels can do for one client.
 *
 * @typedef {object} Channels
 * @property {(name: string) => boolean} join
 * @property {(name: string, text: string) => void} publish
 */

/**
 * The answer to one JSON-RPC request; null to an event, a notification, which is published as it
 * is on the channel that it names.
 *
 * @param {string} text
 * @param {Channels} [channels]
 * @returns {string | null}
 */
export function answer(text, channels) {
  const { id, method, params } = JSON.parse(text);
  if (method === 'event' && channels !== undefined) {
    channels.publish(params[2], text);
    return null;
  }
  const action = actions.get(method);
  if (action === undefined) {
    const error = { code: -32601, message: 'Method not found' };
    return JSON.stringify({ jsonrpc: '2.0', id, error });
  }
  return JSON.stringify({ jsonrpc: '2.0', id, result: action(params, channels) });
}
