// SPDX-License-Identifier: MIT
//
// Which params an action takes, and whether its answer comes by a callback.
//
// A function says how many parameters it has, but not whether the last of them is a callback, nor
// that it reads more of them by a default, `...rest` or `arguments`.  Its source does.  Being wrong
// here costs a clear error only, never an answer: see dispatch.mjs.

/**
 * @typedef {object} Arity
 * @property {number} length     parameters, as the language counts them
 * @property {boolean} async     what it returns is its answer, a promise: it is an AsyncFunction, or
 *   its last parameter has a default and is none for a callback, which must not take its place
 * @property {boolean} callback  its last parameter is used, or named, like a callback
 * @property {boolean} flexible  it may take more than `length`
 */

const CALLBACK_NAME = /^_?(?:cb|callback|done|next|fn|respond|reply)$/i;
const AsyncFunction = (async () => {}).constructor;

/** The text between the parentheses of a parameter list, and where it ends.
 *  @param {string} source */
function parameterList(source) {
    const bare = /^(?:async\s+)?([\w$]+)\s*=>/.exec(source);
    if (bare) {
        return { text: bare[1], end: bare[0].length };
    }
    const start = source.indexOf('(') + 1;
    let end = start;
    for (let depth = 1; end < source.length; end++) {
        const c = source[end];
        depth += Number('([{'.includes(c)) - Number(')]}'.includes(c));
        if (depth === 0) {
            break;
        }
    }
    return { text: source.slice(start, end), end };
}

/** The last of a list of parameters, with its default.  @param {string} list */
function lastParameter(list) {
    const text = list.replace(/\/\*.*?\*\/|\/\/.*/g, '').replace(/,?\s*$/, '');
    let at = text.length;
    for (let depth = 0; at > 0 && (depth > 0 || text[at - 1] !== ','); at--) {
        const c = text[at - 1];
        depth += Number(')]}'.includes(c)) - Number('([{'.includes(c));
    }
    return text.slice(at).trim();
}

/** @param {string} body @param {string} name */
function isCalled(body, name) {
    const quoted = name.replaceAll('$', '\\$');
    return new RegExp(`(?<![\\w$.])${quoted}\\s*(?:\\(|\\.(?:call|apply|bind)\\b)`).test(body);
}

/** @param {string} source of a function @returns {boolean} whether its last parameter is a callback */
export function takesCallback(source) {
    const { text, end } = parameterList(source);
    const name = /^(?:\.{3})?\s*([\w$]+)/.exec(lastParameter(text))?.[1] ?? '';
    return name !== '' && (CALLBACK_NAME.test(name) || isCalled(source.slice(end), name));
}

/** @param {Function} fn @returns {Arity} */
export function arityOf(fn) {
    const length = fn.length;
    const isAsync = fn instanceof AsyncFunction;
    const source = Function.prototype.toString.call(fn);
    if (source.endsWith('{ [native code] }')) {
        return { length, async: isAsync, callback: false, flexible: true };
    }
    const { text, end } = parameterList(source);
    const body = source.slice(end);
    const callback = takesCallback(source);
    const all = /\.\.\./.test(text) || /\barguments\b/.test(body);
    return {
        length,
        async: isAsync || (!callback && !all && lastParameter(text).includes('=')),
        callback,
        flexible: all || text.includes('='),
    };
}

/** Why so many params do not fit, in the words of 2011; '' when they may.  Decided before the
 *  action runs.  @param {string} name @param {Arity} arity @param {number} sent */
export function misfit(name, arity, sent) {
    const wanted = arity.length - (arity.async && !arity.callback ? 0 : 1);
    if (sent < wanted) {
        const were = sent === 1 ? 'only 1 was sent' : `only ${sent} were sent`;
        return sent === 0 ? `The ${name} action expects params but none were sent`
            : `The ${name} action expects ${wanted} params but ${were}`;
    }
    if (sent > wanted && arity.callback && !arity.flexible && !arity.async) {
        return `The ${name} action was sent params but can't receive them`;
    }
    return '';
}

/** Why an action that has returned nothing to wait for will never answer.
 *  @param {string} name @param {Arity} arity */
export function neverAnswers(name, arity) {
    return arity.length === 0 || arity.async ? `The ${name} action is missing the callback argument`
        : `The ${name} action was sent params but can't receive them`;
}
