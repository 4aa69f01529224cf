// SPDX-License-Identifier: MIT
//
// Nothing of the server reaches a browser: a secret is planted in each place that is the server's,
// every way to it is tried, and every output is searched for it.

import assert from 'node:assert/strict';
import { symlinkSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { CLIENT, LAYOUT, makeApp, outputs, packerOf, read } from './app.mjs';

const SECRET = 'planted-secret-7c1f';

const SERVER = {
    'app/server/secret.js': `exports.key = '${SECRET}';`,
    'app/server/secret.styl': `.x { content: '${SECRET}' }`,
    'app/server/secret.css': `.x { content: '${SECRET}' }`,
    'app/server/secret.less': `.x { content: '${SECRET}' }`,
    'app/server/secret.jade': `p ${SECRET}`,
    'app/server/secret.html': `<p>${SECRET}</p>`,
    'config/app.json': `{"password": "${SECRET}"}`,
    'config/app.coffee': `exports.config = password: '${SECRET}'`,
    'lib/server/auth.js': `exports.key = '${SECRET}';`,
    'lib/server/node_modules/inner/index.js': `exports.key = '${SECRET}';`,
    '.env': `SECRET=${SECRET}`,
    'secret.json': `{"key": "${SECRET}"}`,
};

/** @param {string} app @returns {string[]} */
const leaks = (app) => outputs(app).filter((name) => read(app, name).includes(SECRET));

/** @type {[string, Record<string, string>][]} what a careless file may do */
const WAYS = [
    ['require from a client file', { 'app/client/x.js': "require('../server/secret')" }],
    ['require from CoffeeScript', { 'app/client/x.coffee': "x = require '../../config/app'" }],
    ['import of a configuration', { 'app/client/x.ts': "import c from '../../config/app.json'; console.log(c)" }],
    ['a pattern in require', { 'app/client/x.js': "var n = 'app'; require('../../config/' + n + '.json')" }],
    ['a pattern in import', { 'app/client/x.mjs': 'const n = "app"; export default () => import(`../../config/${n}.json`)' }],
    ['shared code', { 'app/shared/x.js': "exports.k = require('../../lib/server/auth').key" }],
    ['a package of the server\'s', { 'app/client/x.js': "require('../../lib/server/node_modules/inner')" }],
    ['a file beside app/', { 'app/client/x.js': "require('../../secret.json')" }],
    ['an import of CSS', { 'app/css/app.css': "@import '../server/secret.css';" }],
    ['an import of Stylus', { 'app/css/app.styl': "@import '../server/secret'" }],
    ['json() of Stylus', { 'app/css/app.styl': "json('../../config/app.json')\n.x\n  content password" }],
    ['an import of Less', { 'app/css/app.less': "@import '../server/secret';" }],
    ['an inline import of Less', { 'app/css/app.less': "@import (inline) '../../config/app.json';" }],
    ['data-uri() of Less', { 'app/css/app.less': ".x { background: data-uri('text/plain', '../../.env'); }" }],
    ['an include of Jade', { 'app/views/people.jade': 'include ../server/secret' }],
    ['an include of text', { 'app/views/people.jade': 'pre\n  include ../../config/app.json' }],
    ['an extended view', { 'app/views/people.jade': 'extends ../server/secret' }],
    ['CSS that code imports', { 'app/client/x.js': "require('../server/secret.css')" }],
];

for (const [name, files] of WAYS) {
    test(`${name} is refused, with the file that wants it`, async () => {
        const app = makeApp({ ...LAYOUT, ...CLIENT, ...SERVER, ...files });
        const { problems } = await packerOf(app).pack();
        assert.equal(problems.length > 0, true);
        assert.match(problems[0].message, /not for browsers|json\(\) is not there|data-uri\(\)/);
        assert.equal(problems[0].file, Object.keys(files)[0]);
        const develop = packerOf(app, { development: true });
        await develop.pack();
        assert.deepEqual(leaks(app), []);
    });
}

for (const [link, target] of [
    ['app/client/link.js', 'app/server/secret.js'], ['app/client/linked', 'app/server'],
    ['lib/client/1.link.js', 'lib/server/auth.js'], ['lib/css/link.css', 'app/server/secret.css'],
    ['app/views/link.html', 'app/server/secret.html'], ['app/css/app.css', 'app/server/secret.css'],
]) {
    test(`a symbolic link ${link} to ${target} is refused`, async () => {
        const app = makeApp({
            ...LAYOUT, ...CLIENT, ...SERVER, 'lib/client/.keep': '', 'lib/css/.keep': '', 'app/css/.keep': '',
        });
        symlinkSync(path.join(app, target), path.join(app, link));
        const { problems } = await packerOf(app, { development: true }).pack();
        assert.match(problems[0].message, /is not for browsers/);
        assert.deepEqual(leaks(app), []);
    });
}

test('an application whose server has secrets packs without them, maps and siblings included', async () => {
    process.env.PLANTED = SECRET;
    const app = makeApp({
        ...LAYOUT, ...CLIENT, ...SERVER,
        'app/client/env.js': 'exports.env = typeof process === "undefined" ? 0 : process.env.PLANTED;',
        'app/views/people.jade': 'p= typeof process === "undefined" ? "" : 1',
        'app/shared/a.js': 'exports.a = 1;',
        'lib/client/1.lib.js': 'var lib = 1;',
    });
    const { problems } = await packerOf(app).pack();
    delete process.env.PLANTED;
    assert.deepEqual(problems, []);
    assert.equal(outputs(app).length > 5, true);
    assert.deepEqual(leaks(app), []);
});
