// SPDX-License-Identifier: MIT
//
// JSON for the link.  What JavaScript can say and JSON cannot is null where it is nothing at all, and
// an error otherwise; the text is always valid Unicode.

/** A lone surrogate is no text that others could read: JSON.stringify() writes it as an escape.
 *  @param {string} text as JSON.stringify() made it */
function withoutLoneSurrogates(text) {
    return text.replace(/\\(?:u(d[89a-f][0-9a-f]{2})|.)/g, (all, lone) => (lone ? '\ufffd' : all));
}

/** JSON of any value; what JSON has no word for is null.  Throws what JSON.stringify() throws.
 *  @param {any} value @returns {string} */
export function toJson(value) {
    if (typeof value === 'number') {
        return Number.isFinite(value) ? String(value) : 'null'; // the same, for less
    }
    const text = JSON.stringify(value);
    if (text === undefined) {
        return 'null';
    }
    return text.includes('\\ud') ? withoutLoneSurrogates(text) : text;
}
