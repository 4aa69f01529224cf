// SPDX-License-Identifier: MIT
//
// What the browser's console is told.
//
// `client.log.level` of the server's configuration says how much: 0 nothing, 1 calls and events,
// 2 their params too, 3 results too, 4 what the server says of itself and the connection, 5 each
// message as it is.  Whatever the level, a server's stack is shown, which only development sends.

/** @param {() => number} level @param {(name: string, detail: any) => void} tell those who listen on SS.socket */
export function createLog(level, tell) {
    /** @param {number} from the least level @param {any[]} parts */
    function line(from, ...parts) {
        if (level() >= from) {
            console.log(...parts);
        }
    }
    const brief = (/** @type {any[]} */ params) => (level() > 1 ? params : []);

    return {
        line,

        /** @param {import('./calls.js').Call} call that is sent */
        call({ name, params, options }) {
            if (!options.silent) {
                line(1, `→ ${name}`, ...brief(params));
            }
        },

        /** @param {import('./calls.js').Call} call @param {any} error @param {any} result */
        answer({ name, options, logged, sent }, error, result) {
            const data = error && error.data;
            if (data && data.stack) {
                console.error(`SS.server.${name}:`, data.stack);
                tell('exception', { ...data, name });
            }
            if (!options.silent && sent) {
                line(logged ? 1 : 3, `← ${name} (${Date.now() - sent} ms)`, error ? error.message : result);
            }
        },

        /** @param {string} name @param {any[]} params */
        event: (name, params) => line(1, `⇠ ${name}`, ...brief(params)),
    };
}
