// SPDX-License-Identifier: MIT
//
// Which transport the next attempt takes.
//
// The WebSocket, unless the page says otherwise or it cannot be opened: then every third attempt
// is the fallback's, until one of them succeeds.  That may mean only that the server was away till
// then, so the WebSocket is tried once more beside the stream; when that fails too, it is blocked,
// which is remembered for the session.

const TRIES = 2; // of the WebSocket before one of the fallback
const KEY = 'socketstream.transport';

/** @typedef {'websocket' | 'sse'} Kind */

/** @param {Kind} [kind] to remember @returns {string | null | undefined} what is remembered */
function remember(kind) {
    try {
        if (kind) {
            sessionStorage.setItem(KEY, kind);
        }
        return sessionStorage.getItem(KEY);
    } catch {
        return null; // none in Node; forbidden by the user; full
    }
}

/** @param {unknown} name @returns {name is Kind} */
const isKind = (name) => name === 'sse' || name === 'websocket';

/**
 * @param {string | undefined} transport that the page wants
 * @param {boolean} hasWebSocket
 */
export function createChooser(transport, hasWebSocket) {
    const { search } = globalThis.location || {};
    /** @type {Kind | undefined} */
    let fixed = [transport, (/[?&]transport=(\w+)/.exec(/** @type {string} */ (search)) || [])[1], remember()].find(isKind);
    if (!fixed && !hasWebSocket) {
        fixed = 'sse';
    }
    let failed = 0;
    let doubt = false; // the fallback works; whether the WebSocket does is tried once more

    return {
        /** @returns {Kind} */
        next: () => fixed || (!doubt && failed % (TRIES + 1) === TRIES ? 'sse' : 'websocket'),

        /** @param {Kind} kind @returns {boolean} whether a better one is to be tried beside it */
        opened(kind) {
            if (!fixed && kind === 'sse') {
                return (doubt = true);
            }
            fixed = kind;
            return false;
        },

        failed() {
            failed++;
            if (doubt && !fixed) {
                fixed = 'sse';
                remember(fixed);
            }
        },
    };
}
