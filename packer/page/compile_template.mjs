// SPDX-License-Identifier: MIT
//
// Templates in the language of the jQuery templates of 2011, compiled to the source of a function.
//
// The packer compiles an application's templates with it, so that a page needs no eval and a strict
// Content-Security-Policy holds; the page has it too, for templates that it makes up itself.
//
//   ${x}  {{= x}}            a value, as text
//   {{html x}}               a value, as HTML
//   {{if x}} {{else y}} {{else}} {{/if}}
//   {{each list}} ${$index} ${$value} {{/each}}      {{each(i, v) list}}
//   {{tmpl "#id"}}  {{tmpl(data) "#id"}}             another template, here
//   {{! comment }}
//
// Expressions are JavaScript; the data's properties are in scope, with $data and $item.

/** @typedef {{text: string, at: number} | {tag: string, args: string, rest: string, at: number}} Token */

const ENTITIES = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'", apos: "'" };

/** Pug writes `&` as `&amp;` in attributes, also within an expression. @param {string} text */
function decode(text) {
    return text.replace(
        /&(amp|lt|gt|quot|#39|apos);/g,
        (_, name) => /** @type {any} */ (ENTITIES)[name],
    );
}

/**
 * Where the bracket that is open at `from` closes; strings may hold brackets. -1: nowhere.
 * @param {string} text @param {number} from behind the opening one @param {string} open @param {string} close
 */
function closing(text, from, open, close) {
    let depth = 1;
    for (let i = from; i < text.length; i++) {
        const c = text[i];
        if (c === '"' || c === "'") {
            const end = text.indexOf(c, i + 1);
            i = end < 0 ? i : end;
        } else if (c === open) {
            depth++;
        } else if (c === close && --depth === 0) {
            return i;
        }
    }
    return -1;
}

/** @param {string} message @param {string} text @param {number} at */
function mistake(message, text, at) {
    const before = text.slice(0, at).split('\n');
    return Object.assign(new SyntaxError(message), {
        line: before.length,
        column: before[before.length - 1].length + 1,
    });
}

/** What stands between {{ and }}. @param {string} inner @param {number} at @returns {Token} */
function tagOf(inner, at) {
    const [, slash, name, behind] = /** @type {RegExpExecArray} */ (
        /^\s*(\/?)(\w+|.)([\s\S]*)$/.exec(inner)
    );
    let rest = behind;
    let args = '';
    if (rest[0] === '(' && (name === 'each' || name === 'tmpl')) {
        const end = closing(rest, 1, '(', ')');
        if (end > 0) {
            args = rest.slice(1, end);
            rest = rest.slice(end + 1);
        }
    }
    return { tag: slash + name, args: decode(args).trim(), rest: decode(rest).trim(), at };
}

/** @param {string} text @returns {Token[]} */
function tokens(text) {
    /** @type {Token[]} */
    const found = [];
    let done = 0;
    const start = /\$\{|\{\{/g;
    for (let match; (match = start.exec(text)); start.lastIndex = done) {
        const at = match.index;
        const inside = at + 2;
        const end = match[0] === '${' ? closing(text, inside, '{', '}') : text.indexOf('}}', inside);
        if (end < 0 || !text.slice(inside, end).trim()) {
            throw mistake(`"${match[0]}" is ${end < 0 ? 'not closed' : 'empty'}`, text, at);
        }
        found.push({ text: text.slice(done, at), at: done });
        const inner = text.slice(inside, end);
        found.push(match[0] === '${' ? { tag: '=', args: '', rest: decode(inner).trim(), at } : tagOf(inner, at));
        done = end + (match[0] === '${' ? 1 : 2);
    }
    found.push({ text: text.slice(done), at: done });
    return found;
}

/** A name that is nowhere is no error but nothing, and a function is asked. @param {string} code */
const value = (code) => `$t.value(typeof (${code}) === "undefined" ? undefined : (${code}), $item)`;

/** @type {Record<string, (token: {args: string, rest: string}) => string>} */
const writers = {
    '=': ({ rest }) => `$out += $t.escape(${value(rest)});`,
    html: ({ rest }) => `$out += $t.html(${value(rest)});`,
    if: ({ rest }) => `if (${value(rest)}) {`,
    '/if': () => '}',
    else: ({ rest }) => (rest ? `} else if (${value(rest)}) {` : '} else {'),
    each: ({ args, rest }) => `$t.each(${value(rest)}, function (${args || '$index, $value'}) {`,
    '/each': () => '});',
    tmpl: ({ args, rest }) => `$out += $t.nested(${rest}, ${args || '$data'}, $item);`,
    '!': () => '',
};

/**
 * The body of `function ($data, $item, $t)`, which returns HTML.
 * @param {string} text of the template
 */
export default function compileTemplate(text) {
    /** @type {string[]} */
    const open = [];
    let code = 'var $out = ""; with ($data || {}) {';
    for (const token of tokens(text)) {
        if ('text' in token) {
            code += token.text && `$out += ${JSON.stringify(token.text)};`;
            continue;
        }
        const { tag, at } = token;
        const write = writers[tag];
        if (!write) {
            throw mistake(`{{${tag}}} is unknown`, text, at);
        }
        if (!token.rest && ['=', 'html', 'if', 'each', 'tmpl'].includes(tag)) {
            throw mistake(`{{${tag}}} wants a value`, text, at);
        }
        if (tag === 'if' || tag === 'each') {
            open.push(tag);
        } else if (tag === 'else' && open[open.length - 1] !== 'if') {
            throw mistake('{{else}} is not within {{if}}', text, at);
        } else if (tag[0] === '/' && open.pop() !== tag.slice(1)) {
            throw mistake(`{{${tag}}} ends what did not begin`, text, at);
        }
        code += write(token);
    }
    if (open.length) {
        throw mistake(`{{${open[open.length - 1]}}} is not ended`, text, text.length);
    }
    return `${code}} return $out;`;
}
