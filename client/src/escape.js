// SPDX-License-Identifier: MIT
//
// Text of users within HTML: the one thing to do with it where it is not made a text node.

/** @type {Record<string, string>} */
const ENTITIES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

/** @param {unknown} text @returns {string} that is safe between tags and within quoted attributes */
export function escapeHTML(text) {
    return String(text == null ? '' : text).replace(/[&<>"']/g, (one) => ENTITIES[one]);
}
