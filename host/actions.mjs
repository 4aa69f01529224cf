// SPDX-License-Identifier: MIT
//
// From what a file of app/server exports to its public actions.
//
// Owns what is public: the functions in `exports.actions`, those in plain objects within it under
// dotted names.  `exports.actions` may be of a class; what it holds of others, a pool of connections
// or a Map, is not public.  Nothing an application exports makes this fail, not getters that throw and not objects
// that hold themselves; what cannot be an action is told.

/**
 * @typedef {object} Action
 * @property {Function} fn
 * @property {any} actions  the object that holds it, whose other functions are its siblings
 * @property {string} file  relative to the application
 * @property {boolean} authenticate  only for clients that are signed in
 *
 * @typedef {object} Found
 * @property {Map<string, Action>} actions  by full name
 * @property {string[]} wrong     what makes this file a problem
 * @property {string[]} warnings
 */

export const ACTION_DEPTH_MAX = 1000;
export const ACTION_NAME_MAX = 256; // bytes, SS_RPC_METHOD_MAX

const PART = /^[A-Za-z0-9_$-]+(?:\.[A-Za-z0-9_$-]+)*$/;
const RESERVED = ['session', 'user'];

/** @param {any} exported */
const actionsOf = (exported) => exported?.actions ?? exported?.default?.actions;

/** A function is an authentication module's own; anything else that is true guards the file.
 *  @param {any} exported */
function isGuarded(exported) {
    const guard = exported?.authenticate ?? exported?.default?.authenticate;
    return Boolean(guard) && typeof guard !== 'function';
}

/** Own names, and those of a class's methods. @param {any} object */
function namesOf(object) {
    const names = new Set(Object.keys(object));
    for (let at = Object.getPrototypeOf(object); at && at !== Object.prototype; at = Object.getPrototypeOf(at)) {
        for (const name of Object.getOwnPropertyNames(at)) {
            if (name !== 'constructor') {
                names.add(name);
            }
        }
    }
    return names;
}

/** @param {any} value */
const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Of no class; what it inherits, if anything, is of none either.  @param {any} object */
function isPlain(object) {
    for (let at = Object.getPrototypeOf(object); at && at !== Object.prototype; at = Object.getPrototypeOf(at)) {
        if (Object.hasOwn(at, 'constructor')) {
            return false;
        }
    }
    return true;
}

/** @param {any} exported by the file @param {string} file relative to the application
 *  @param {string} prefix the file's name in the tree @returns {Found} */
export function findActions(exported, file, prefix) {
    /** @type {Found} */
    const found = { actions: new Map(), wrong: [], warnings: [] };
    /** @type {Set<any>} */
    const within = new Set();
    const authenticate = isGuarded(exported);

    /** @param {any} object @param {string} name @param {string} at */
    const take = (object, name, at) => {
        const full = `${at}.${name}`;
        const value = object[name];
        if (typeof value !== 'function') {
            if (isObject(value) && isPlain(value)) {
                visit(value, full);
            } else if (isObject(value)) {
                found.warnings.push(`${full} is an object of a class, so its methods are not public; actions are functions in plain objects`);
            }
        } else if (within.size === 1 && RESERVED.includes(name)) {
            found.warnings.push(`${full} cannot be called: '${name}' is a reserved word; rename it`);
        } else if (!PART.test(name)) {
            found.wrong.push(`'${full}' is no good name for an action: it may hold letters, digits, _ $ - and dots`);
        } else if (Buffer.byteLength(full) > ACTION_NAME_MAX) {
            found.wrong.push(`the name of '${full.slice(0, 64)}…' is longer than ${ACTION_NAME_MAX} bytes`);
        } else if (found.actions.has(full)) {
            found.wrong.push(`there are two actions of the name ${full}`);
        } else {
            found.actions.set(full, { fn: value, actions: object, file, authenticate });
        }
    };

    /** @param {any} object @param {string} at */
    const visit = (object, at) => {
        if (within.has(object)) {
            return; // it holds itself
        }
        if (within.size === ACTION_DEPTH_MAX) {
            found.wrong.push(`'${at.slice(0, 64)}…': objects more than ${ACTION_DEPTH_MAX} levels deep`);
            return;
        }
        within.add(object);
        for (const name of namesOf(object)) {
            take(object, name, at);
        }
        within.delete(object);
    };

    const actions = actionsOf(exported);
    if (isObject(actions)) {
        visit(actions, prefix);
    } else if (actions !== undefined) {
        found.wrong.push('exports.actions must be an object with functions in it');
    }
    return found;
}
