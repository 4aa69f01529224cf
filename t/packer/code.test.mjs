// SPDX-License-Identifier: MIT
//
// app/client and app/shared: the trees, the order, the languages.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CLIENT, LAYOUT, asset, makeApp, manifestOf, packed, packerOf, read, run, write } from './app.mjs';

test('what a file exports is in the tree at its path, what it does not is nowhere', async () => {
    const { app } = await packed({
        'app/client/app.js': 'var hidden = 1; exports.open = function () { return hidden; };',
        'app/client/users/online/list.js': 'exports.all = [1, 2];',
        'app/shared/calculate.js': 'exports.circumference = function (r) { return 6 * r; };',
    });
    const { SS, hidden } = run(app);
    assert.equal(SS.client.app.open(), 1);
    assert.deepEqual([...SS.client.users.online.list.all], [1, 2]);
    assert.equal(SS.shared.calculate.circumference(2), 12);
    assert.equal(hidden, undefined);
    assert.deepEqual(Object.keys(SS.client.app), ['open']);
});

test('shared code runs first, then app, then the others by name', async () => {
    const line = (/** @type {string} */ name) => `order.push('${name}'); exports.name = '${name}';`;
    const { app } = await packed({
        'app/client/app.js': line('app'),
        'app/client/aaa.js': line('aaa'),
        'app/client/a/b.js': line('a/b'),
        'app/client/zzz.js': line('zzz'),
        'app/shared/zz.js': line('shared'),
    });
    assert.deepEqual([...run(app).order], ['shared', 'app', 'aaa', 'zzz', 'a/b']);
});

test('JavaScript, CoffeeScript, TypeScript and modules see each other', async () => {
    const { app } = await packed({
        'app/client/main.coffee': "class Base\n  name: -> 'base'\nclass exports.Child extends Base\nexports.ts = require('./typed').twice 4",
        'app/client/typed.ts': 'export const twice = (n: number): number => SS_shared(n) * 2;\nimport { one } from "./modern.mjs";\nconst SS_shared = (n: number) => n + one;',
        'app/client/modern.mjs': 'export const one = 1; export default class Thing {}',
    });
    const { SS } = run(app);
    assert.equal(new SS.client.main.Child().name(), 'base');
    assert.equal(SS.client.main.ts, 10);
    assert.equal(SS.client.modern.one, 1);
    assert.equal(SS.client.typed.twice(1), 4);
});

test('CoffeeScript of 2011 that version 2 refuses is compiled all the same, with a note', async () => {
    const { app, result } = await packed({ 'app/client/old.coffee': "exports.text = 'a\\041'" });
    assert.equal(run(app).SS.client.old.text, 'a!');
    assert.match(result.notes.join(), /app\/client\/old\.coffee: CoffeeScript 2 refuses it/);
});

test('a file is in the tree before its first line runs', async () => {
    const { app } = await packed({
        'app/client/app.js': '"use strict";\nexports.now = function () { return 7; };\nexports.got = SS.client.app.now();',
    });
    assert.equal(run(app).SS.client.app.got, 7);
});

test('dashes in names are kept', async () => {
    const { app } = await packed({ 'app/client/nav-bar/sub-menu.js': 'exports.x = 1;' });
    assert.equal(run(app).SS.client['nav-bar']['sub-menu'].x, 1);
});

test('code of 2011 may define globals without var, and be strict when it says so', async () => {
    const { app } = await packed({
        'app/client/app.js': 'loose = 5; exports.strict = (function () { return this === undefined; })();',
        'app/client/tight.js': '"use strict"; exports.strict = (function () { return this === undefined; })();',
    });
    const page = run(app);
    assert.equal(page.loose, 5);
    assert.equal(page.SS.client.app.strict, false);
});

test('npm packages can be imported and required', async () => {
    const { app } = await packed({
        'app/client/app.js': 'exports.one = require("small").name;',
        'app/client/b.mjs': 'import { name } from "small"; export const two = name;',
        'node_modules/small/package.json': '{"name":"small","main":"lib/main.js"}',
        'node_modules/small/lib/main.js': 'exports.name = "small " + process.env.NODE_ENV;',
    });
    const { SS } = run(app);
    assert.equal(SS.client.app.one, 'small production');
    assert.equal(SS.client.b.two, 'small production');
});

for (const [what, files, words] of /** @type {[string, Record<string, string>, RegExp][]} */ ([
    ['a file and a folder', { 'app/client/nav.js': '', 'app/client/nav/x.js': '' },
        /^Unable to load the app\/client\/nav directory\nIt conflicts with a file of the same name, app\/client\/nav\.js/],
    ['two files', { 'app/shared/sum.js': '', 'app/shared/sum.coffee': '' },
        /^Unable to load app\/shared\/sum\.js\nIt conflicts with a file of the same name, app\/shared\/sum\.coffee/],
])) {
    test(`${what} of one name are refused`, async () => {
        const app = makeApp({ ...LAYOUT, ...CLIENT, ...files });
        const { problems } = await packerOf(app).pack();
        assert.match(problems[0].message, words);
    });
}

test('editors\' files, hidden files and declarations are not packed', async () => {
    const bad = 'throw new Error("packed");';
    const { app } = await packed({
        'app/client/app.js~': bad, 'app/client/_draft.js': bad, 'app/client/.#app.js': bad,
        'app/client/types.d.ts': 'declare const x: number;', 'app/client/note.txt': bad,
    });
    assert.deepEqual(Object.keys(run(app).SS.client), ['app']);
});

test('without app/client/app there is a clear error', async () => {
    const app = makeApp({ ...LAYOUT, 'app/client/other.js': '' });
    const { problems } = await packerOf(app).pack();
    assert.match(problems[0].message, /app\/client\/app\.js, \.coffee or \.ts is missing/);
});

for (const [file, text, place] of /** @type {[string, string, [number, number]][]} */ ([
    ['app/client/bad.coffee', 'x = 1\ny = (', [2, 5]],
    ['app/client/bad.js', 'var a = ;', [1, 9]],
    ['app/client/bad.js', 'var a;\nvar b = ;', [2, 9]],
    ['app/client/bad.ts', 'const a: = 1', [1, 10]],
    ['app/client/away.coffee', 'class A\n  constructor: (@x) ->\n\nb = require "./nowhere"', [4, 13]],
    ['app/client/away.js', "'ä€😀'; require('./nowhere')", [1, 17]],
])) {
    test(`a mistake in ${file} is told with its place: line ${place[0]}`, async () => {
        const app = makeApp({ ...LAYOUT, ...CLIENT, [file]: text });
        const { problems: [problem] } = await packerOf(app).pack();
        assert.equal(problem.file, file);
        assert.deepEqual([problem.line, problem.column], place);
        assert.match(problem.frame, new RegExp(`^> +${place[0]} \\| `, 'm'));
    });
}

test('in production a mistake leaves what is there as it is', async () => {
    const { app } = await packed({});
    const before = read(app, 'public/index.html');
    const manifest = manifestOf(app);
    write(app, { 'app/client/bad.js': 'var = 1' });
    const { problems } = await packerOf(app).pack();
    assert.equal(problems.length, 1);
    assert.equal(read(app, 'public/index.html'), before);
    assert.deepEqual(manifestOf(app), manifest);
});

test('in development the last good code is served beside a mistake, and the fix is seen', async () => {
    const app = makeApp({ ...LAYOUT, ...CLIENT });
    const packer = packerOf(app, { development: true });
    await packer.pack();
    const good = asset(app, 'app.js');
    write(app, { 'app/client/app.js': 'exports.init = ' });
    assert.equal((await packer.pack(['code'])).problems.length, 1);
    assert.equal(asset(app, 'app.js'), good);
    write(app, { 'app/client/app.js': 'exports.fixed = 1;' });
    assert.deepEqual((await packer.pack(['code'])).problems, []);
    assert.equal(run(app).SS.client.app.fixed, 1);
});

test('the source map has the sources as they were written', async () => {
    const coffee = 'exports.square = (n) -> n * n\n';
    const { app } = await packed({ 'app/client/x.coffee': coffee, 'app/client/b.js': 'exports.b = 1;' });
    const [, name] = /sourceMappingURL=(\S+)/.exec(asset(app, 'app.js')) ?? [];
    const map = JSON.parse(read(app, `public/assets/${name}`));
    const sources = Object.fromEntries(map.sources.map((/** @type {string} */ source, /** @type {number} */ i) =>
        [source, map.sourcesContent[i]]));
    assert.equal(sources['../../app/client/x.coffee'], coffee);
    assert.equal(sources['../../app/client/b.js'], 'exports.b = 1;');
    assert.equal(JSON.stringify(map).includes(app), false, 'no path of this machine');
});
