// SPDX-License-Identifier: MIT
//
// app/css, lib/css and lib/client.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import vm from 'node:vm';
import { CLIENT, LAYOUT, asset, makeApp, manifestOf, packed, packerOf, run } from './app.mjs';

test('Stylus of 2011: imports of siblings, mixins, an import of plain CSS', async () => {
    const { app } = await packed({
        'app/css/app.styl': "@import 'helpers'\n@import 'nested/more'\n@import 'plain.css'\nbody\n  radius 5px\n",
        'app/css/helpers.styl': 'radius(n)\n  -webkit-border-radius n\n  border-radius n\n',
        'app/css/nested/more.styl': '.more\n  color #ABC\n',
        'app/css/plain.css': '.plain { top: 0 }',
    });
    assert.match(asset(app, 'app.css'),
        /^\.more\{color:#abc\}\.plain\{top:0\}body\{-webkit-border-radius:5px;border-radius:5px\}/);
});

test('Less, with an import', async () => {
    const { app } = await packed({
        'app/css/app.less': '@import "colors";\na { b { color: @main; } }', 'app/css/colors.less': '@main: #f00;',
    });
    assert.match(asset(app, 'app.css'), /^a b\{color:red\}/);
});

test('plain CSS, with an import; addresses stay as they are written', async () => {
    const { app } = await packed({
        'app/css/app.css': '@import "./a.css"; b { background: url(/images/x y.png) }', 'app/css/a.css': 'a { background: url("../up.png") }',
    });
    assert.match(asset(app, 'app.css'), /^a\{background:url\(\.\.\/up\.png\)\}b\{background:url\("?\/images\/x\\? y\.png"?\)\}/);
});

test('CSS that code imports is part of the style sheet', async () => {
    const { app } = await packed({
        'app/client/app.js': 'require("widget/style.css");', 'app/css/app.css': 'a{top:0}',
        'node_modules/widget/style.css': '.widget { top: 1px }', 'node_modules/widget/package.json': '{"name":"widget"}',
    });
    assert.match(asset(app, 'app.css'), /a\{top:0\}[\s\S]*\.widget\{top:1px\}/);
});

for (const [file, text, place] of /** @type {[string, string, [number, number]][]} */ ([
    ['app/css/app.styl', 'a\n  b(', [2, 5]],
    ['app/css/app.less', 'a {}\nb { c: @d }', [2, 8]],
])) {
    test(`a mistake in ${file} is told with its place`, async () => {
        const app = makeApp({ ...LAYOUT, ...CLIENT, [file]: text });
        const { problems: [problem] } = await packerOf(app).pack();
        assert.deepEqual([problem.file, problem.line, problem.column], [file, ...place]);
    });
}

test('a byte order mark is no part of a file, wherever it comes to stand', async () => {
    const { app } = await packed({
        'lib/css/1.a.min.css': '\uFEFF.a{top:0}', 'lib/css/2.b.min.css': '\uFEFF.b{top:0}\n/*# sourceMappingURL=b.css.map */',
        'app/css/app.styl': '\uFEFF@import "_part"\r\n.c\r\n  top 1px\r\n', 'app/css/_part.styl': '.d\r\n  top 2px\r\n',
        'lib/client/1.js': '\uFEFFwindow.one = 1', 'lib/client/2.min.js': '\uFEFFwindow.two = 2',
        'app/client/app.js': '\uFEFFimport { three } from "three"; export const four = three + 1;', 'app/shared/three.js': '\uFEFFexports.three = 3;',
    });
    assert.equal(asset(app, 'lib.css').trim(), '.a{top:0}\n.b{top:0}');
    assert.match(asset(app, 'app.css'), /^\.d\{top:2px\}\.c\{top:1px\}/);
    assert.doesNotMatch(['app.css', 'lib.js', 'app.js'].map((name) => asset(app, name)).join(), /\uFEFF/);
    assert.equal(run(app).SS.client.app.four, 4);
});

test('what browsers would skip in a style sheet is a note with its place in the source', async () => {
    for (const [file, text, line] of /** @type {[string, string, number][]} */ ([
        ['app.css', 'a {}\n\nb { *zoom: 1 }', 3], ['app.styl', 'a\n  top 0\n\nb\n  *zoom 1\n', 5], ['app.less', 'a {}\nb { *zoom: 1 }', 0],
    ])) {
        const { result: { notes: [note] } } = await packed({ [`app/css/${file}`]: text });
        assert.ok(note.startsWith(`app/css/${file}${line ? `:${line}:` : ': '}`), note);
        assert.match(note, /Expected identifier but found "\*"/);
    }
});

test('style sheets of libraries are in the order of their numbers, .min ones as they are', async () => {
    const { app } = await packed({
        'lib/css/10.last.css': '.last { top: 10px; }', 'lib/css/2.grid.min.css': '.grid { top:  2px }', 'lib/css/reset.css': '.reset { top: 0 }',
    });
    assert.equal(asset(app, 'lib.css').replace(/\n/g, ''), '.grid { top:  2px }.last{top:10px}.reset{top:0}');
});

test('libraries are one script in the order of their numbers, a semicolon between them', async () => {
    const { app } = await packed({
        'lib/client/1.first.js': 'var order = ["1"]; var longName = 1',
        'lib/client/2.second.js': '(function (root) { root.order.push("2"); root.isPage = root === window; })(this)',
        'lib/client/10.tenth.coffee': 'order.push "10"\nhidden = 1',
        'lib/client/3.ready.min.js': 'order . push ( "3" )',
        'lib/client/helpers.js': 'String.prototype.shout = function () { return this + "!" }\norder.push("helpers")',
    });
    const code = asset(app, 'lib.js').replace(/^[\s\S]*?\n;\n(?=var order)/, '');
    /** @type {any} */
    const page = {};
    page.window = page;
    vm.runInContext(`window = this; ${code}`, vm.createContext(page));
    assert.deepEqual([...page.order], ['1', '2', '3', '10', 'helpers']);
    assert.equal(page.isPage, true);
    assert.equal(page.longName, 1);
    assert.equal(page.hidden, undefined);
    assert.match(code, /order \. push \( "3" \)/, 'one that is minified stays as it is');
    assert.match(code, /var order=\["1"\]/, 'others are made smaller');
});

test('a library that cannot be minified is kept as it is, with a note', async () => {
    const { app, result } = await packed({ 'lib/client/odd.js': 'var a = 1 @ 2;' });
    assert.match(asset(app, 'lib.js'), /var a = 1 @ 2;/);
    assert.match(result.notes.join(), /lib\/client\/odd\.js: kept as it is/);
});

test('the browser library is the first of the libraries', async () => {
    const { app } = await packed({ 'lib/client/1.js': 'var mark;' });
    assert.match(asset(app, 'lib.js'), /^\/\* SocketStream/);
    assert.equal(manifestOf(app).files['develop.js'], undefined);
});
