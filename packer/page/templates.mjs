// SPDX-License-Identifier: MIT
//
// In pages with templates: `$('#people-info').tmpl(data)` and `$.tmpl(…)` as the jQuery templates of
// 2011 had them, and `SS.tmpl(id, data)` for pages without jQuery.
//
// An application that brings jQuery templates of its own keeps those.

import compile from './compile_template.mjs';

/** @typedef {(data: any, item: any, tools: any) => string} Render */
/** @type {Record<string, Render>} by id */
const known = Object.create(null);

const UNSAFE = /[&<>"']/g;
const SAFE = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&#34;', "'": '&#39;' };

const tools = {
    value: (/** @type {any} */ value, /** @type {any} */ item) =>
        (typeof value === 'function' ? value.call(item) : value),
    html: (/** @type {any} */ value) => (value === undefined || value === null ? '' : String(value)),
    escape: (/** @type {any} */ value) =>
        tools.html(value).replace(UNSAFE, (c) => /** @type {any} */ (SAFE)[c]),
    each(/** @type {any} */ list, /** @type {(key: any, value: any) => void} */ fn) {
        if (list && typeof list.length === 'number') {
            for (let i = 0; i < list.length; i++) {
                fn(i, list[i]);
            }
        } else {
            for (const key of Object.keys(list ?? {})) {
                fn(key, list[key]);
            }
        }
    },
    nested: (/** @type {any} */ what, /** @type {any} */ data, /** @type {any} */ item) =>
        html(find(what), data, item),
};

/** @param {string} text @returns {Render} */
function make(text) {
    try {
        return /** @type {Render} */ (new Function('$data', '$item', '$t', compile(text)));
    } catch (error) {
        if (error instanceof EvalError) {
            error.message = 'Content-Security-Policy forbids to compile templates in the page: put '
                + 'them into app/views, where the packer compiles them';
        }
        throw error;
    }
}

/** A template by its name, its selector, its element, or its text. @param {any} what @returns {Render} */
function find(what) {
    if (typeof what === 'function') {
        return what;
    }
    if (typeof what !== 'string') {
        const element = what?.nodeType ? what : what?.[0];
        return known[element?.id] ?? make(element?.innerHTML ?? '');
    }
    const id = what.replace(/^#/, '');
    if (known[id]) {
        return known[id];
    }
    const element = /^#[\w-]+$/.test(what) && document.getElementById(id);
    return make(element ? element.innerHTML : what);
}

/** One text for one thing, or for each of a list. @param {Render} render @param {any} data @param {any} options */
function html(render, data, options) {
    const list = Array.isArray(data) ? data : [data];
    return list.map((one) => render(one, { ...options, data: one }, tools)).join('');
}

/** @param {string} text @returns {Node[]} */
function nodes(text) {
    const holder = document.createElement('template');
    holder.innerHTML = text.trim();
    return [...holder.content.childNodes];
}

/** Gives a jQuery its `tmpl`. @param {any} $ */
function attach($) {
    if (!$?.fn || $.fn.tmpl) {
        return;
    }
    $.tmpl = (/** @type {any} */ what, /** @type {any} */ data, /** @type {any} */ options) =>
        $(nodes(html(find(what), data, options)));
    $.template = (/** @type {string} */ name, /** @type {any} */ what) => {
        if (what !== undefined) {
            known[name] = find(what);
        }
        return known[name];
    };
    $.fn.tmpl = function tmpl(/** @type {any} */ data, /** @type {any} */ options) {
        return $.tmpl(this[0], data, options);
    };
}

/** @type {any} */
const page = window;
page.SS.tmpl = Object.assign(
    (/** @type {any} */ what, /** @type {any} */ data) => {
        const fragment = document.createDocumentFragment();
        fragment.append(...nodes(html(find(what), data, {})));
        return fragment;
    },
    {
        attach,
        add(/** @type {string} */ id, /** @type {Render} */ render) {
            known[id] = render;
        },
    },
);
attach(page.jQuery);
