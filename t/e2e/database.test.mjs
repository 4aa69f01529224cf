// SPDX-License-Identifier: MIT
//
// examples/notes: an application on a real PostgreSQL, opened by config/db.

import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { startApp } from 'socketstream/test';
import { findPostgres, startPostgres } from '../lib/postgres.mjs';
import { environment, root } from './app.mjs';

const bin = findPostgres();
const dir = path.join(root, 'examples/notes');
const { SS__nginx__binary } = /** @type {Record<string, string>} */ (environment());

describe('examples/notes', { skip: bin ? false : 'needs postgresql, which is not installed' }, () => {
    /** @type {Awaited<ReturnType<typeof startPostgres>>} */
    let postgres;
    /** @type {import('../../testing/index.mjs').App} */
    let app;
    before(async () => {
        postgres = await startPostgres(/** @type {string} */ (bin));
        app = await startApp({ dir, env: { SS__nginx__binary, ...postgres.env } });
    });
    after(async () => {
        await app?.stop();
        await postgres?.stop();
    });

    it('makes its table before the first call, and keeps notes in it', async () => {
        assert.deepEqual(await app.call('notes.list'), []);
        const first = await app.call('notes.add', 'milk');
        const second = await app.call('notes.add', "Robert'); DROP TABLE notes;--");
        assert.deepEqual(await app.call('notes.list'), [
            { id: second, text: "Robert'); DROP TABLE notes;--" }, { id: first, text: 'milk' },
        ]);
        assert.equal(await app.call('notes.remove', first), true);
        assert.equal(await app.call('notes.remove', first), false);
        assert.equal(await app.call('notes.count'), 1);
    });

    it('tells everybody of a note', async () => {
        const ann = await app.client();
        const id = await app.call('notes.add', 'bread');
        assert.deepEqual(await ann.event('note'), { id, text: 'bread' });
    });

    it('answers with what was wrong', async () => {
        await assert.rejects(app.call('notes.add', ' '), { code: -32000, message: 'a note is a text of 1 to 1000 characters' });
        await assert.rejects(app.call('notes.remove', 'x'), { code: -32000, message: /invalid input syntax for type integer/ });
    });

    it('has its notes over HTTP, too', async () => {
        const answer = await fetch(`${app.url}api/notes/list`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '[]' });
        assert.equal(answer.status, 200);
        assert.equal((await answer.json())[0].text, 'bread');
    });

    it('does not start without its database, and says why', async () => {
        await assert.rejects(startApp({ dir, env: { SS__nginx__binary, PGHOST: '/nowhere', PGUSER: 'tester' } }), /config\/db\.coffee: .*ENOENT \/nowhere/);
    });
});
