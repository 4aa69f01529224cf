// SPDX-License-Identifier: MIT
//
// Jade of 2011 as Pug of today.
//
// Works on lines, and changes only what Pug would refuse: `!!! 5`, lines that are no tag and were
// taken for text (`{{if x}}`, `${name}`), with what is nested below such a line moved to its place,
// `script` and `style` whose block is text, and #{x} within attributes.  A line stays a line, so
// that a mistake is told with its place.

const DOCTYPES = {
    '': 'html', 5: 'html', html: 'html', xml: 'xml', default: 'html', transitional: 'transitional',
    strict: 'strict', frameset: 'frameset', 1.1: '1.1', basic: 'basic', mobile: 'mobile',
};

/** What a line of Pug can begin with. */
const TAG = /^(?:[\w#.|<=!+\-:]|\/\/|&attributes)/;
/** Tags whose block was text before a dot had to say so. */
const TEXT_TAG = /^(?:script|style|textarea)(?:[#.][\w-]+)*(?:\([^)]*\))?$/;
const ATTRIBUTES = /^[\w#.-]*\(/;
const TEXT_BLOCK = /^(?:[^\s(]*(?:\(.*\))?\.|\/\/.*|:.*)$/;

/** @param {string} line */
const indentOf = (line) => /^[ \t]*/.exec(line)?.[0].length ?? 0;

/** `!!! 5`. @param {string} line */
function doctype(line) {
    return line.replace(/^!!![ \t]*(\S*)[ \t]*$/, (_, name) =>
        `doctype ${/** @type {any} */ (DOCTYPES)[name.toLowerCase()] ?? name}`);
}

/**
 * `a(href='/x/#{id}')`: what stands in the quotes becomes a template literal.
 * @param {string} line
 */
function interpolate(line) {
    if (!ATTRIBUTES.test(line) || !line.includes('#{')) {
        return line;
    }
    const end = line.lastIndexOf(')');
    const quoted = /(=\s*)(['"])((?:(?!\2)[^\\]|\\.)*?#\{(?:(?!\2)[^\\]|\\.)*?)\2/g;
    const inside = line.slice(0, end).replace(quoted, (_, equals, __, text) =>
        `${equals}\`${text.replace(/[`]|\$(?=\{)/g, '\\$&').replaceAll('#{', '${')}\``);
    return inside + line.slice(end);
}

/** Brackets that a line opens and does not close; quoted ones are none. @param {string} text */
function unclosed(text) {
    const brackets = text.replace(/(['"]).*?\1/g, '').match(/[()]/g) ?? [];
    return brackets.reduce((sum, bracket) => sum + (bracket === '(' ? 1 : -1), 0);
}

/** Whether a line with `text` begins a block of text, with no dot to say so. */
function isTextTag(/** @type {string} */ text, /** @type {string | undefined} */ next, /** @type {number} */ indent) {
    return TEXT_TAG.test(text) && next !== undefined && indentOf(next) > indent
        && !/^\s*\|/.test(next);
}

/** @param {string} source @returns {string} with as many lines */
export function pugOfJade(source) {
    const lines = source.split(/\r?\n/);
    /** @type {string[]} */
    const out = [];
    /** @type {{indent: number, shift: number}[]} text lines that we are nested below */
    const above = [];
    let textBlock = -1; // the indent of a tag in whose text we are
    let brackets = 0; // of attributes that go on in the next line

    lines.forEach((line, number) => {
        const indent = indentOf(line);
        const text = line.trim();
        if (!text || brackets > 0 || (textBlock >= 0 && indent > textBlock)) {
            out.push(text ? line.slice(Math.min(indent, shiftOf(above))) : '');
            brackets += brackets > 0 ? unclosed(text) : 0;
            return;
        }
        textBlock = -1;
        while (above.length && indent <= above[above.length - 1].indent) {
            above.pop();
        }
        const last = above[above.length - 1];
        if (last && last.shift < 0) {
            last.shift = indent - last.indent;
        }
        const place = line.slice(0, indent - shiftOf(above));
        if (!TAG.test(text)) {
            above.push({ indent, shift: -1 });
            out.push(`${place}| ${text}`);
            return;
        }
        const next = lines.slice(number + 1).find((one) => one.trim());
        const dot = isTextTag(text, next, indent) ? '.' : '';
        if (dot || TEXT_BLOCK.test(text)) {
            textBlock = indent;
        }
        brackets = ATTRIBUTES.test(text) ? Math.max(0, unclosed(text)) : 0;
        out.push(place + interpolate(doctype(text)) + dot);
    });
    return out.join('\n');
}

/** By how much lines are moved to the left. @param {{shift: number}[]} above */
const shiftOf = (above) => above.reduce((sum, { shift }) => sum + Math.max(shift, 0), 0);
