// SPDX-License-Identifier: MIT
//
// CoffeeScript in threads and from the cache: the same as on the main thread, mistakes included.

import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { createCoffee, FILES_A_THREAD, THREADS_MAX } from '../../packer/coffee.mjs';
import { compileCoffee } from '../../packer/compile.mjs';
import { LAYOUT, makeApp, packerOf, run } from './app.mjs';

/** @param {number} count */
const sources = (count) => Array.from({ length: count }, (_, n) => ({
    text: `exports.value = -> ${n}\n`, file: `/app/client/file${n}.coffee`, bare: true,
}));

/** @param {string} app */
const cached = (app) => readdirSync(path.join(app, '.socketstream/cache')).length;

for (const count of [FILES_A_THREAD - 1, FILES_A_THREAD, FILES_A_THREAD * (THREADS_MAX + 1)]) {
    test(`${count} files give what the compiler gives, and are kept`, async () => {
        const app = makeApp();
        const coffee = createCoffee({ app });
        const all = sources(count);
        coffee.prepare(all);
        const made = await Promise.all(all.map(coffee.compile));
        assert.deepEqual(made, all.map((source) => compileCoffee(source.text, source)));
        assert.equal(cached(app), count);

        const again = createCoffee({ app }); // another process
        assert.deepEqual(await again.compile(all[0]), made[0]);
        assert.equal(cached(app), count);
    });
}

test('what is compiled anew is what was changed, also in its last letter', async () => {
    const coffee = createCoffee({ app: makeApp() });
    const [source] = sources(1);
    await coffee.compile(source);
    assert.match((await coffee.compile({ ...source, text: 'exports.value = -> 7\n' })).code, /return 7/);
});

test('a mistake in one of many has its place, and the others come with the next pack', async () => {
    const app = makeApp({
        ...LAYOUT, 'app/client/app.js': '',
        ...Object.fromEntries(sources(FILES_A_THREAD * 2).map(({ text }, n) => [`app/client/file${n}.coffee`, text])),
        'app/client/wrong.coffee': 'ok = 1\nfine = )\n',
    });
    const { problems } = await packerOf(app).pack();
    assert.deepEqual(problems.map(({ file, line }) => [file, line]), [['app/client/wrong.coffee', 2]]);
});

test('an application of many files runs as one of few', async () => {
    const files = Object.fromEntries(sources(FILES_A_THREAD * 2).map(({ text }, n) => [`app/client/file${n}.coffee`, text]));
    const app = makeApp({ ...LAYOUT, 'app/client/app.js': '', ...files });
    assert.deepEqual((await packerOf(app).pack()).problems, []);
    const { SS } = run(app);
    assert.equal(SS.client.file15.value(), 15);
});
