// SPDX-License-Identifier: MIT
//
// SS.client and SS.shared: the trees of the page's own code, which the packer's bundle fills.

/**
 * Puts a module's exports at their place: `users/online` is SS.client.users.online.  Members of a
 * folder go into what there is, so that their order does not matter.
 * @param {any} root @param {string} path of the file, without its extension @param {any} exports
 */
export function register(root, path, exports) {
    const names = path.split('/');
    const last = /** @type {string} */ (names.pop());
    const parent = names.reduce((node, name) => (node[name] = node[name] || {}), root);
    parent[last] = exports;
}
