// SPDX-License-Identifier: MIT
//
// The table of disconnect handlers at its bounds.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DISCONNECT_HANDLERS_MAX, DISCONNECT_SESSIONS_MAX } from '../../host/bounds.mjs';
import { createDisconnects } from '../../host/disconnects.mjs';

const table = () => createDisconnects({ listen: () => {}, failed: (error) => { throw error; } });
/** @param {string} id */
const ending = (id) => /** @type {any} */ ({ id });

describe('disconnect handlers', () => {
    it('of sessions not used for longest are forgotten past the bound', () => {
        const disconnects = table();
        /** @type {string[]} */
        const told = [];
        const fn = (/** @type {any} */ session) => { told.push(session.id); };
        for (let i = 0; i < DISCONNECT_SESSIONS_MAX; i++) {
            disconnects.add(`s${i}`, fn);
        }
        assert.equal(disconnects.size, DISCONNECT_SESSIONS_MAX);
        disconnects.add('s0', fn); // used again
        disconnects.add('one more', fn);
        assert.equal(disconnects.size, DISCONNECT_SESSIONS_MAX);
        for (const id of ['s0', 's1', 's2', 'one more']) {
            disconnects.ended(ending(id));
        }
        assert.deepEqual(told, ['s0', 's2', 'one more']);
    });

    it('of one session are bounded too', () => {
        const disconnects = table();
        let count = 0;
        const fns = Array.from({ length: DISCONNECT_HANDLERS_MAX + 1 }, (_, i) => new Function('count', `return () => count(${i});`)(() => { count++; }));
        for (const fn of fns) {
            disconnects.add('s', fn);
        }
        disconnects.ended(ending('s'));
        assert.equal(count, DISCONNECT_HANDLERS_MAX);
    });
});
