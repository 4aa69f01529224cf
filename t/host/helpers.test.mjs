// SPDX-License-Identifier: MIT
//
// The helpers of 2011, as the server and as a browser gets them.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import vm from 'node:vm';
import { load, root } from './loading.mjs';

const source = fs.readFileSync(path.join(root, 'host/helpers.mjs'), 'utf8');

/** A world with the helpers in it, run as a plain script. @param {any} [globals] @returns {(code: string) => any} */
function world(globals = {}) {
    const context = vm.createContext(globals);
    vm.runInContext(source, context);
    return (code) => JSON.parse(vm.runInContext(`JSON.stringify((${code}) ?? null)`, context));
}

describe('helpers', () => {
    const run = world();
    for (const [code, result] of /** @type {[string, any][]} */ ([
        ['[3, 1, 3, 2, 1].unique()', [3, 1, 2]],
        ['"hello".unique()', 'helo'],
        ['[[1, 2, 3].last(), [].last(), [1, 2, 3].last(2), [1].last(5), [1].last(0)]', [3, null, [2, 3], [1], []]],
        ['["abc".last(), "abc".last(2), "abc".last(0), "".last()]', ['c', 'bc', '', '']],
        ['["x".repeat(30).truncate().length, "x".repeat(31).truncate(), "abcdef".truncate(5), "abcdef".truncate(5, "…"), "abcdef".truncate(2)]',
            [30, `${'x'.repeat(27)}...`, 'ab...', 'abcd…', '..']],
        ['[[1, 2, 3].truncate(2), [1].truncate(2), [1].truncate(-1)]', [[1, 2], [1], []]],
        ['[[7].random(), "a".random(), [].random()]', [7, 'a', null]],
        ['[[1, 2].include(2), [1, 2].contains(3), "abc".include("bc"), "abc".contains("x")]', [true, false, true, false]],
        ['[[].any(), [0].any(), [1, 2].any(function (x) { return x > 2; })]', [false, true, false]],
        ['[1, 2, 2, 3].intersect([2, 3, 4])', [2, 3]],
        ['(function (a) { return [a.delete(2), a.delete(9), a]; })([1, 2, 3, 2])', [2, null, [1, 3]]],
        ['"hello world".capitalized() + "".capitalized()', 'Hello world'],
        ['"<a href=\\"x\\" title=\'y\'>&</a>".sanitize()', '&lt;a href=&quot;x&quot; title=&#39;y&#39;&gt;&amp;&lt;/a&gt;'],
        ['[Object.extend({a: 1}, {b: 2}, {a: 3}), Object.keys({x: 1})]', [{ a: 3, b: 2 }, ['x']]],
        ['(function () { var seen = []; for (var k in [1]) seen.push(k); for (var s in "x") seen.push(s); return seen; })()', ['0', '0']],
        ['[typeof setCookie, typeof Function.prototype.bind]', ['undefined', 'function']],
    ])) {
        it(`${code} is ${JSON.stringify(result)}`, () => assert.deepEqual(run(code), result));
    }

    it('leave what is there', () => {
        const context = vm.createContext({});
        vm.runInContext('Array.prototype.last = function () { return "mine"; };', context);
        vm.runInContext(source, context);
        assert.equal(vm.runInContext('[1].last()', context), 'mine');
    });

    it('in a browser know cookies', () => {
        const jar = { cookie: 'other=1; a%20b=x%3By' };
        const browser = world({ document: jar });
        assert.deepEqual(browser('[getCookie("a b"), getCookie("a"), getCookie("none")]'), ['x;y', null, null]);
        browser('setCookie("n", "v;1", 2)');
        assert.equal(jar.cookie, 'n=v%3B1; max-age=172800; path=/; samesite=lax');
    });

    it('are on the server when the browser has them, or the configuration says so', async () => {
        const files = { 'app/server/a.coffee': 'exports.actions = {has: (cb) -> cb [].last?}\n' };
        const browser = { 'lib/client/3.helpers.js': '' };
        const has = async (/** @type {any} */ more, /** @type {any} */ config) =>
            (await load({ ...files, ...more }, 'return call("a.has");', config)).value;
        assert.deepEqual(
            await Promise.all([has({}, {}), has(browser, {}), has(browser, { helpers: false }), has({}, { helpers: true })]),
            [false, true, false, true],
        );
    });
});
