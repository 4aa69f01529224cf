// SPDX-License-Identifier: MIT
//
// What the JavaScript peers answer: the same JSON-RPC calls as ours, really parsed, looked up by
// name and serialized.

/** @type {Map<string, (params: any[]) => unknown>} */
const actions = new Map([['native.square', ([n]) => n * n]]);

/**
 * The answer to one JSON-RPC request.
 *
 * @param {string} text
 * @returns {string}
 */
export function answer(text) {
  const { id, method, params } = JSON.parse(text);
  const action = actions.get(method);
  if (action === undefined) {
    const error = { code: -32601, message: 'Method not found' };
    return JSON.stringify({ jsonrpc: '2.0', id, error });
  }
  return JSON.stringify({ jsonrpc: '2.0', id, result: action(params) });
}
