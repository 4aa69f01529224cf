// SPDX-License-Identifier: MIT
//
// app/views: Jade of 2011, the page and its tags, templates.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { statSync, utimesSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { test } from 'node:test';
import vm from 'node:vm';
import { pugOfJade } from '../../packer/jade.mjs';
import { assemblePage, hashesOf, policyWith, runsAtOnce } from '../../packer/page.mjs';
import compileTemplate from '../../packer/page/compile_template.mjs';
import { createViews } from '../../packer/views.mjs';
import { CLIENT, LAYOUT, asset, makeApp, manifestOf, packed, packerOf, read, write } from './app.mjs';

const pug = createRequire(import.meta.url)('pug');

/** @param {string} text of 2011 */
const html = (text) => pug.render(pugOfJade(text), { doctype: 'html' });

for (const [what, jade, expected] of /** @type {[string, string, string][]} */ ([
    ['!!! 5', '!!! 5\nhtml', '<!DOCTYPE html><html></html>'],
    ['!!!', '!!!\nhtml', '<!DOCTYPE html><html></html>'],
    ['text behind a bar without a space', 'p\n  |one\n  | two', '<p>one\ntwo</p>'],
    ['attributes with commas', "a(href='x', title='a, b')", '<a href="x" title="a, b"></a>'],
    ['attributes over several lines', "a(href='x',\n  title='(y')\n  b", '<a href="x" title="(y"><b></b></a>'],
    ['id and class behind attributes', "div(a='b')#id.one.two", '<div class="one two" a="b" id="id"></div>'],
    ['a line that is no tag', 'p\n  {{if x}}\n  ${x} and more\n  {{/if}}', '<p>{{if x}}\n${x} and more\n{{/if}}</p>'],
    ['tags below a line that is no tag', 'ul\n  {{each list}}\n    li ${name}\n    li\n      b x\n  {{/each}}\np end',
        '<ul>{{each list}}<li>${name}</li><li><b>x</b></li>{{/each}}</ul><p>end</p>'],
    ['lines that are no tags, nested', 'ul\n  {{each a}}\n      {{if b}}\n        li c\n      {{/if}}\n  {{/each}}',
        '<ul>{{each a}}\n{{if b}}<li>c</li>{{/if}}\n{{/each}}</ul>'],
    ['text of a script without a dot', 'script\n  if (a) { b(); }\n  ${c}\np', '<script>if (a) { b(); }\n${c}</script><p></p>'],
    ['a script behind a bar', 'script\n  | a();', '<script>a();</script>'],
    ['blocks of text', 'p.\n  {{if}}\n  x(\nb', '<p>{{if}}\nx(</p><b></b>'],
    ['a sentence that ends with a dot', 'p One sentence.\nb', '<p>One sentence.</p><b></b>'],
    ['a comment', '//- {{if\n    x\nb', '<b></b>'],
    ['#{} within attributes', "- var n = 3\na(href='/x/#{n}', title=\"#{n + 1}\") #{n}", '<a href="/x/3" title="4">3</a>'],
    ['a symbol that is no letter', 'p\n  © 2011\n  “quoted”', '<p>© 2011\n“quoted”</p>'],
    ['empty lines', 'p\n\n  {{x}}\n\n    b\n\ni', '<p>{{x}}<b></b></p><i></i>'],
])) {
    test(`Jade of 2011: ${what}`, () => {
        assert.equal(html(jade), expected);
        assert.equal(pugOfJade(jade).split('\n').length, jade.split('\n').length);
    });
}

/** @param {string} text @param {any} data */
function render(text, data) {
    const tools = {
        value: (/** @type {any} */ v, /** @type {any} */ item) => (typeof v === 'function' ? v.call(item) : v),
        escape: (/** @type {any} */ v) => String(v ?? '').replace(/</g, '&lt;'),
        html: (/** @type {any} */ v) => String(v ?? ''),
        each: (/** @type {any} */ list, /** @type {any} */ fn) =>
            Object.keys(list ?? {}).forEach((key) => fn(Array.isArray(list) ? Number(key) : key, list[key])),
        nested: (/** @type {any} */ name, /** @type {any} */ one) => `[${name} ${one.n}]`,
    };
    return vm.runInNewContext(`(function ($data, $item, $t) {${compileTemplate(text)}})`)(data, {}, tools);
}

for (const [text, data, expected] of /** @type {[string, any, string][]} */ ([
    ['a ${x} b {{= x}}', { x: '<i>' }, 'a &lt;i> b &lt;i>'],
    ['{{html x}}', { x: '<i>' }, '<i>'],
    ['${missing}', {}, ''],
    ['${x}', { x: () => 'called' }, 'called'],
    ['${ {a: 1}.a + "}" }', {}, '1}'],
    ['{{if a}}A{{else b}}B{{else}}C{{/if}}', { a: 0, b: 1 }, 'B'],
    ['{{if a &amp;&amp; b}}AB{{/if}}', { a: 1, b: 1 }, 'AB'],
    ['{{if missing}}A{{else}}none{{/if}}', {}, 'none'],
    ['{{each list}}${$index}${$value},{{/each}}', { list: ['a', 'b'] }, '0a,1b,'],
    ['{{each(k, v) map}}${k}=${v};{{/each}}', { map: { x: 1 } }, 'x=1;'],
    ['{{each a}}{{each $value}}${$value}{{/each}}|{{/each}}', { a: [[1, 2], [3]] }, '12|3|'],
    ['{{tmpl({n: 2}) "#other"}}', {}, '[#other 2]'],
    ['{{tmpl "#other"}}', { n: 5 }, '[#other 5]'],
    ['a{{! nobody sees it }}b', {}, 'ab'],
    ['\n"\\\' `${x}`', { x: 1 }, '\n"\\\' `1`'],
])) {
    test(`a template: ${JSON.stringify(text)}`, () => assert.equal(render(text, data), expected));
}

for (const [text, words] of /** @type {[string, RegExp][]} */ ([
    ['${x', /not closed/], ['{{if x}', /not closed/], ['${}', /empty/], ['{{if x}}', /\{\{if\}\} is not ended/],
    ['{{/each}}', /ends what did not begin/], ['{{if}}{{/if}}', /wants a value/], ['{{wrap x}}', /unknown/],
    ['{{each x}}{{else}}{{/each}}', /not within/], ['{{if x}}{{each y}}{{/if}}{{/each}}', /ends what did not begin/],
])) {
    test(`a template that is wrong: ${text}`, () => assert.throws(() => compileTemplate(text), words));
}

test('a template\'s mistake is told with its line', () => {
    assert.throws(() => compileTemplate('a\nb ${x'), { line: 2, column: 3 });
});

test('the page has the style sheets, then the templates, then the scripts', async () => {
    const { app } = await packed({
        'app/css/app.css': 'a { color: red }', 'app/views/people/customers/info.html': '<b>${name}</b>',
    });
    const page = read(app, 'public/index.html');
    const order = ['<link rel="stylesheet" href="/assets/app-', '<script type="text/x-jquery-tmpl" id="people-customers-info">',
        'src="/assets/lib-', 'src="/assets/templates-', 'src="/assets/app-', '</head>'].map((text) => page.indexOf(text));
    assert.deepEqual(order.filter((at) => at > 0), [...order].sort((a, b) => a - b));
    assert.match(asset(app, 'templates.js'), /SS\.tmpl\.add\("people-customers-info"/);
    assert.doesNotThrow(() => new vm.Script(asset(app, 'templates.js')));
});

for (const [layout, words] of /** @type {[Record<string, string>, string][]} */ ([
    [{ 'app/views/app.jade': '!!! 5\nhtml\n  head\n    != SocketStream\n    title x' }, 'Jade'],
    [{ 'app/views/app.pug': 'doctype html\nhtml\n  head\n    != SocketStream\n    title x' }, 'Pug'],
    [{ 'app/views/app.html': '<head><socketstream /><title>x</title></head>' }, 'HTML'],
    [{ 'app/views/app.html': '<head><SocketStream></SocketStream><title>x</title></head>' }, 'HTML with an end'],
    [{ 'app/views/app.html': '<head></head><title>x</title>' }, 'none, at the end of the head'],
])) {
    test(`the place for our tags in ${words}`, async () => {
        const app = makeApp({ ...CLIENT, ...layout });
        assert.deepEqual((await packerOf(app).pack()).problems, []);
        assert.match(read(app, 'public/index.html'), /src="\/assets\/app-[0-9a-f]{16,}\.js"[\s\S]*<title>x/);
    });
}

test('without a page there is a clear error', async () => {
    const { problems } = await packerOf(makeApp(CLIENT)).pack();
    assert.match(problems[0].message, /app\/views\/app\.jade, app\.pug or app\.html is missing/);
});

test('a mistake in a view is told with its place', async () => {
    const app = makeApp({ ...CLIENT, ...LAYOUT, 'app/views/people.jade': 'p\n  a(href="x"\n' });
    const { problems: [problem] } = await packerOf(app).pack();
    assert.deepEqual([problem.file, problem.line], ['app/views/people.jade', 3]);
});

test('scripts are deferred, unless the layout has some that run while it is read', () => {
    for (const [layout, expected] of /** @type {[string, boolean][]} */ ([
        ['<script>a()</script>', true], ['<script src="x.js"></script>', true],
        ['<script src="x.js" defer></script>', false], ['<script type="module">a()</script>', false],
        ['<script type="text/x-jquery-tmpl">x</script>', false], ['<script type="text/javascript">a()</script>', true],
        ['<p>no script</p>', false],
    ])) assert.equal(runsAtOnce(layout), expected, layout);
    const parts = { templates: [], styles: [], scripts: [{ file: 'app-1.js', integrity: 'i' }], csp: '' };
    const at = (/** @type {string} */ body) => assemblePage({ ...parts, layout: `<!--SocketStream-->${body}` }).html;
    assert.match(at(''), /defer><\/script>/);
    assert.doesNotMatch(at('<script>$(go)</script>'), /defer/);
});

test('below a base the page finds its assets and its socket there', () => {
    const parts = {
        layout: '<!--SocketStream-->', templates: [], styles: [{ file: 'app-1.css', integrity: 'i' }],
        scripts: [{ file: 'lib-1.js', integrity: 'i' }, { file: 'app-1.js', integrity: 'i' }], csp: '',
    };
    const { html } = assemblePage({ ...parts, base: '/shop/' });
    assert.match(html, /href="\/shop\/assets\/app-1\.css"/);
    assert.match(html, /src="\/shop\/assets\/lib-1\.js" integrity="i" defer data-options='\{"url":"\/shop\/socketstream"\}'>/);
    assert.match(html, /src="\/shop\/assets\/app-1\.js" integrity="i" defer>/);
    assert.doesNotMatch(assemblePage(parts).html, /data-options|shop/);
});

test('a strict page looks for WebSocket before all else, and its policy allows that', async () => {
    const { app } = await packed({}, { strict: true, base: '/shop/', csp: "default-src 'self'" });
    const page = read(app, 'public/index.html');
    const [, code] = /<script>(.*?)<\/script>/.exec(page) ?? [];
    assert.ok(page.indexOf(code) < page.indexOf('<script src'), page);
    assert.ok(page.includes(`'sha256-${createHash('sha256').update(code).digest('base64')}'`), page);
    for (const [window, went] of /** @type {[object, string[]][]} */ ([
        [{ WebSocket() {} }, []], [{}, ['/shop/socketstream/incompatible']],
    ])) {
        /** @type {string[]} */
        const places = [];
        vm.runInNewContext(code, { window, location: { replace: (/** @type {string} */ url) => places.push(url) } });
        assert.deepEqual(places, went);
    }
    assert.doesNotMatch(read((await packed({})).app, 'public/index.html'), /incompatible/);
});

test('a template may hold a script, and the page still ends it where it ends', async () => {
    const { app } = await packed({ 'app/views/x.html': '<script>a()</script><!-- <b> -->' });
    const page = read(app, 'public/index.html');
    assert.match(page, /id="x"><script>a\(\)<\\\/script><\\!-- <b> --><\/script>/);
});

test('each bundle has its integrity, which is right', async () => {
    const { app } = await packed({ 'app/css/app.css': 'a{color:red}' });
    const page = read(app, 'public/index.html');
    const tags = [...page.matchAll(/(?:src|href)="\/assets\/([^"]+)" integrity="sha384-([^"]+)"/g)];
    assert.equal(tags.length, 3);
    for (const [, file, hash] of tags) {
        assert.equal(createHash('sha384').update(read(app, `public/assets/${file}`)).digest('base64'), hash);
    }
});

test('a policy gets the hashes of what stands in the page, and data is none of it', async () => {
    const layout = '<head><SocketStream><script>a()</script><style>b{}</style></head>';
    const { app } = await packed({ 'app/views/app.html': layout, 'app/views/x.html': 'x' },
        { csp: "default-src 'self'; style-src 'none'; img-src *" });
    const { script: [script], style: [style], ...none } = manifestOf(app).csp;
    assert.deepEqual(none, {});
    const [, policy] = /http-equiv="Content-Security-Policy" content="([^"]+)"/.exec(read(app, 'public/index.html')) ?? [];
    assert.equal(policy, `default-src 'self'; style-src ${style}; img-src *; script-src 'self' ${script}`);
    assert.match(script, /^'sha256-[\w+/]{43}='$/);
    assert.deepEqual(hashesOf('<script type="text/x-jquery-tmpl">x</script><script src="a"></script>'), { script: [], style: [] });
    assert.equal(policyWith("script-src 'self'", { script: [], style: [] }), "script-src 'self'");
});

test('an include without extension is Jade or Pug, from wherever it is included', async () => {
    const { app } = await packed({
        'app/views/app.html': '', 'app/views/parts/_nav.jade': 'nav\n  include inner/_one\n', 'app/views/parts/inner/_one.pug': 'b one',
        'app/views/people.jade': '\uFEFFp\r\n  include parts/_nav\r\n',
    });
    assert.match(read(app, 'public/index.html'), /id="people"><p><nav><b>one<\/b><\/nav><\/p><\/script>/);
});

test('an include that is missing, or not for browsers, is told with its place', async () => {
    for (const [name, words] of /** @type {[string, RegExp][]} */ ([
        ['nowhere', /^app\/views\/nowhere\.pug is missing$/], ['../server/secret.js', /^app\/server\/secret\.js is not for browsers/],
    ])) {
        const app = makeApp({ ...LAYOUT, ...CLIENT, 'app/server/secret.js': '', 'app/views/x.jade': `p\n\n  include ${name}\n` });
        const { problems: [{ file, line, message, frame }] } = await packerOf(app).pack();
        assert.deepEqual([file, line], ['app/views/x.jade', 3]);
        assert.match(message, words);
        assert.match(frame, /> 3 \|   include/);
    }
});

test('two templates of one id are refused', async () => {
    const app = makeApp({ ...LAYOUT, ...CLIENT, 'app/views/people/info.html': 'a', 'app/views/people-info.html': 'b' });
    const { problems: [{ message }] } = await packerOf(app).pack();
    assert.equal(message, 'Unable to load app/views/people/info.html\nIts template would be #people-info, as that of '
        + 'app/views/people-info.html is: rename one of them');
});

test('a view that changes while it is read is read again', async () => {
    const app = makeApp({ ...LAYOUT, ...CLIENT, 'app/views/x.jade': 'p one\ninclude y.txt', 'app/views/y.txt': 'y' });
    const file = path.join(app, 'app/views/x.jade');
    const time = statSync(file).mtimeMs / 1000;
    let early = true;
    const views = createViews({ app, env: 'development', guard: {
        isPublic: () => true,
        check(/** @type {string} */ name) { // y.txt is read behind x.jade, and then somebody saves that
            if (early && name.endsWith('y.txt')) {
                write(app, { 'app/views/x.jade': 'p two\ninclude y.txt' });
                utimesSync(file, time + 1, time + 1);
                early = false;
            }
        },
    } });
    assert.match(views.pack().templates[0].html, /one/);
    assert.match(views.pack().templates[0].html, /two/);
});

test('a changed include is seen, an unchanged view is not compiled again', async () => {
    const app = makeApp({ ...CLIENT, 'app/views/app.jade': 'html\n  head\n    != SocketStream\n  body\n    include _nav.jade', 'app/views/_nav.jade': 'b one' });
    const packer = packerOf(app, { development: true });
    await packer.pack();
    assert.match(read(app, 'public/index.html'), /<b>one<\/b>/);
    write(app, { 'app/views/_nav.jade': 'b another' });
    await packer.pack(['views']);
    assert.match(read(app, 'public/index.html'), /<b>another<\/b>/);
});
