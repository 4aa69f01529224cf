// SPDX-License-Identifier: MIT
//
// A session's attributes: an object of the application's, and what the sidecar has of it.
//
// Each name counts by itself, so that two calls which change different ones lose nothing.  What the
// application has not touched follows the sidecar.

import { CallError, code, messageOf } from './errors.mjs';
import { toJson } from './json.mjs';

/** @typedef {Record<string, any>} Values */

/** @param {Values} object @param {string} name @param {any} value */
function put(object, name, value) {
    // An assignment to '__proto__' would not set a member.
    Object.defineProperty(object, name, { value, writable: true, enumerable: true, configurable: true });
}

/** Null is nothing: the sidecar keeps no such attribute.  @param {string} text */
const something = (text) => (text === 'null' ? undefined : text);

/** @param {Values} values */
function textsOf(values) {
    /** @type {Map<string, string>} */
    const texts = new Map();
    for (const name of Object.keys(values)) {
        const text = something(toJson(values[name]));
        if (text !== undefined) {
            texts.set(name, text);
        }
    }
    return texts;
}

export class Attributes {
    /** @type {Values} */ #values;
    /** What the sidecar has, as JSON. @type {Map<string, string>} */ #saved;

    /** @param {Values | undefined} known */
    constructor(known) {
        this.#values = known ?? {};
        this.#saved = textsOf(this.#values);
    }

    get values() {
        return this.#values;
    }

    set values(values) {
        if (typeof values !== 'object' || values === null || Array.isArray(values)) {
            throw new CallError(code.INVALID_PARAMS, 'session.attributes must be an object');
        }
        this.#values = values;
    }

    /** What differs from what the sidecar has; undefined when nothing does. */
    changes() {
        let now;
        try {
            now = textsOf(this.#values);
        } catch (error) {
            throw new CallError(code.INVALID_PARAMS, `session.attributes cannot be saved: ${messageOf(error)}`);
        }
        /** @type {Values} */
        const set = {};
        for (const [name, text] of now) {
            if (this.#saved.get(name) !== text) {
                put(set, name, JSON.parse(text));
            }
        }
        const remove = [...this.#saved.keys()].filter((name) => !now.has(name));
        return Object.keys(set).length > 0 || remove.length > 0 ? { set, remove } : undefined;
    }

    /** @param {Values | undefined} known what the sidecar has now */
    learn(known = {}) {
        const next = textsOf(known);
        for (const name of new Set([...next.keys(), ...this.#saved.keys()])) {
            const own = Object.hasOwn(this.#values, name) ? textOf(this.#values[name]) : undefined;
            if (own !== this.#saved.get(name) || own === next.get(name)) {
                continue; // changed since, or the same
            }
            if (next.has(name)) {
                put(this.#values, name, known[name]);
            } else {
                delete this.#values[name];
            }
        }
        this.#saved = next;
    }
}

/** A value that JSON cannot express was certainly changed by the application.  @param {any} value */
function textOf(value) {
    try {
        return something(toJson(value));
    } catch {
        return '';
    }
}
