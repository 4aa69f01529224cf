// SPDX-License-Identifier: MIT
//
// Who I am.  The server knows; the page only shows it, and hears of a sign-out elsewhere from the
// next call that is refused.

const NOT_SIGNED_IN = -32001;

export const me = { name: null };
let changed = () => {};

/** Has `fn` called whenever somebody else is signed in, or nobody. */
export const onChange = (fn) => (changed = fn);

export function become(name) {
    if (name !== me.name) {
        me.name = name;
        changed();
    }
}

/** Calls an action; whoever turns out to be signed out is shown the door. */
export async function ask(action, ...args) {
    try {
        return await action(...args);
    } catch (error) {
        if (error.code === NOT_SIGNED_IN) {
            become(null);
        }
        throw error;
    }
}

export const isSignedOut = (error) => error.code === NOT_SIGNED_IN;
