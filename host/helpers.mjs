// SPDX-License-Identifier: MIT
//
// Methods on strings and arrays that applications of SocketStream expect, here and in browsers.
//
// A plain script, also though its name says module: the browser's lib/client/3.helpers.js is a copy
// of it.  Nothing that exists is replaced, and nothing is enumerable, so `for … in` sees none.

(function (/** @type {any} */ global) {
    /** @param {any} target @param {Record<string, Function>} methods */
    function define(target, methods) {
        Object.keys(methods).forEach(function (name) {
            if (!(name in target)) {
                Object.defineProperty(target, name, { value: methods[name], writable: true, configurable: true });
            }
        });
    }

    /** @type {Record<string, string>} */
    const entities = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

    const ofBoth = {
        /** Whether it holds that. @this {any} @param {any} item */
        include(item) { return this.indexOf(item) >= 0; },
        /** @this {any} @param {any} item */
        contains(item) { return this.indexOf(item) >= 0; },
        /** One of its elements or characters; undefined when there is none. @this {any} */
        random() { return this[Math.floor(Math.random() * this.length)]; },
    };
    define(String.prototype, ofBoth);
    define(Array.prototype, ofBoth);

    define(String.prototype, {
        /** Each character once. @this {string} */
        unique() { return Array.from(new Set(this)).join(''); },
        /** The last character, or as many as are wanted. @this {string} @param {number} [count] */
        last(count) { return count === 0 ? '' : this.slice(-(count || 1)); },
        /** No longer than that, with the ending where something was cut off.
         *  @this {string} @param {number} [length] @param {string} [ending] */
        truncate(length = 30, ending = '...') {
            return this.length <= length ? String(this) : this.slice(0, Math.max(0, length - ending.length)) + ending.slice(0, length);
        },
        /** As text within a page, or within an attribute's quotes. @this {string} */
        sanitize() { return this.replace(/[&<>"']/g, function (c) { return entities[c]; }); },
        /** @this {string} */
        capitalized() { return this.charAt(0).toUpperCase() + this.slice(1); },
    });

    define(Array.prototype, {
        /** Without what came before. @this {any[]} */
        unique() { return Array.from(new Set(this)); },
        /** The last element, or an array of the last. @this {any[]} @param {number} [count] */
        last(count) { return count === undefined ? this[this.length - 1] : this.slice(Math.max(0, this.length - count)); },
        /** The first elements. @this {any[]} @param {number} length */
        truncate(length) { return this.slice(0, Math.max(0, length)); },
        /** Whether there is an element, or one that passes. @this {any[]} @param {(item: any) => unknown} [test] */
        any(test) { return test ? this.some(test) : this.length > 0; },
        /** What both have, once. @this {any[]} @param {any[]} other */
        intersect(other) {
            const there = new Set(other);
            return Array.from(new Set(this)).filter(function (item) { return there.has(item); });
        },
        /** Takes all that equal `item` out, and gives it; undefined when there was none.
         *  @this {any[]} @param {any} item */
        delete(item) {
            const before = this.length;
            for (let at = this.indexOf(item); at >= 0; at = this.indexOf(item, at)) {
                this.splice(at, 1);
            }
            return this.length < before ? item : undefined;
        },
    });

    define(Object, {
        /** Copies what the sources have into the first. @param {any} target @param {any[]} sources */
        extend(target, ...sources) { return Object.assign(target, ...sources); },
    });

    if (typeof global.document !== 'undefined') {
        define(global, {
            /** @param {string} name @param {string} value @param {number} [days] a session's when not given */
            setCookie(name, value, days) {
                const until = days ? '; max-age=' + Math.round(days * 86400) : '';
                global.document.cookie = encodeURIComponent(name) + '=' + encodeURIComponent(value) + until + '; path=/; samesite=lax';
            },
            /** @param {string} name */
            getCookie(name) {
                const start = encodeURIComponent(name) + '=';
                const found = global.document.cookie.split('; ').find(function (/** @type {string} */ one) { return one.indexOf(start) === 0; });
                return found === undefined ? undefined : decodeURIComponent(found.slice(start.length));
            },
        });
    }
})(globalThis);
