// SPDX-License-Identifier: MIT
//
// Loading an application: its tree of actions, its modules, shared code, and what is wrong with it.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { load, makeApp } from './loading.mjs';

/** The lines of a problem that say what and where. @param {any} problem */
const brief = ({ file, line, column, message, module }) => ({ file, line, column, message, module });

describe('the tree of actions', () => {
    it('has folders, files and objects as namespaces, and only what exports.actions holds', async () => {
        const { actions, problems } = await load({
            'app/server/app.js': 'exports.secret = () => {}; exports.actions = { square(n, cb) { cb(n * n); }, text: "no action", list: [() => {}] };',
            'app/server/users/online.coffee': 'exports.actions =\n  now: (cb) -> cb 1\n  deep: {er: {est: -> 2}}\n',
            'app/server/users/typed.ts': 'export const actions = { add: (a: number, b: number): number => a + b };\nexport const helper = () => 1;',
            'app/server/modern.mjs': 'export default { actions: { one() {} } };',
            'app/server/classic.cjs': 'class Calls { ping() {} }; exports.actions = new Calls();',
            'app/server/nothing.js': '// only for others to require\nexports.x = 1;',
        });
        assert.deepEqual(problems, []);
        assert.deepEqual(actions, {
            'app.square': 'app/server/app.js',
            'classic.ping': 'app/server/classic.cjs',
            'modern.one': 'app/server/modern.mjs',
            'users.online.now': 'app/server/users/online.coffee',
            'users.online.deep.er.est': 'app/server/users/online.coffee',
            'users.typed.add': 'app/server/users/typed.ts',
        });
    });

    it('skips names that begin with . or _ or end in ~, other extensions, and leaves C alone', async () => {
        const text = 'exports.actions = { x() {} };';
        const { actions, problems } = await load({
            'app/server/app.js': text, 'app/server/_draft.js': text, 'app/server/.hidden.js': text, 'app/server/old.js~': text,
            'app/server/_parts/a.js': text, 'app/server/notes.txt': text, 'app/server/types.d.ts': 'export type A = 1;',
            'app/server/native.c': 'int x;', 'app/server/odd name.txt': text,
        });
        assert.deepEqual([actions, problems], [{ 'app.x': 'app/server/app.js' }, []]);
    });

    it('guards a file by exports.authenticate, unless that is a function', async () => {
        const { actions } = await load({
            'app/server/a.js': 'exports.authenticate = true; exports.actions = { x() {}, n: { y() {} } };',
            'app/server/b.js': 'exports.authenticate = function () {}; exports.actions = { x() {} };',
            'app/server/c.js': 'exports.authenticate = false; exports.actions = { x() {} };',
            'app/server/d.mjs': 'export const authenticate = true; export const actions = { x() {} };',
        });
        assert.deepEqual(actions, {
            'a.x': 'app/server/a.js guarded', 'a.n.y': 'app/server/a.js guarded', 'b.x': 'app/server/b.js',
            'c.x': 'app/server/c.js', 'd.x': 'app/server/d.mjs guarded',
        });
    });

    it('reports a file and a folder of one name with both names, and loads the rest', async () => {
        const text = 'exports.actions = { x() {} };';
        const { actions, problems } = await load({
            'app/server/app.js': text, 'app/server/users.js': text, 'app/server/users/online.js': text,
            'app/server/twice.js': text, 'app/server/twice.coffee': 'exports.actions = {y: ->}', 'app/server/n.c': '', 'app/server/n.js': text,
        });
        assert.deepEqual(actions, { 'app.x': 'app/server/app.js' });
        assert.deepEqual(problems.map(({ message, module }) => [module, message]), [
            ['n', 'Unable to load app/server/n.c: it conflicts with app/server/n.js; rename one'],
            ['twice', 'Unable to load app/server/twice.coffee: it conflicts with app/server/twice.js; rename one'],
            ['users', 'Unable to load the app/server/users/ directory: it conflicts with a file of the same name, app/server/users.js; rename one'],
        ]);
    });

    it('warns of the reserved names session and user', async () => {
        const { actions, warnings } = await load({ 'app/server/a.js': 'exports.actions = { session() {}, user() {}, n: { user() {} } };' });
        assert.deepEqual(actions, { 'a.n.user': 'app/server/a.js' });
        assert.deepEqual(warnings, ['session', 'user'].map((name) => `app/server/a.js: a.${name} cannot be called: '${name}' is a reserved word; rename it`));
    });

    it('takes names of 256 bytes and no more', async () => {
        const { actions, problems } = await load({
            'app/server/a.js': 'exports.actions = { ["x".repeat(254)]() {} };',
            'app/server/b.js': 'exports.actions = { ["x".repeat(255)]() {}, fine() {} };',
        });
        assert.deepEqual(Object.keys(actions), [`a.${'x'.repeat(254)}`, 'b.fine']);
        assert.deepEqual(problems.map(({ module, message }) => [module, message]),
            [['b', `the name of 'b.${'x'.repeat(62)}…' is longer than 256 bytes`]]);
    });

    it('has nothing of what actions keep for themselves: pools, Maps, and other objects of a class', async () => {
        const { actions, warnings } = await load({
            'app/server/notes.js': `class Pool { query() {} }
                class Notes { constructor() { this.pool = new Pool(); this.n = { x() {} }; } list() {} }
                exports.actions = new Notes();`,
            'app/server/plain.js': `const { EventEmitter } = require('events');
                exports.actions = { bus: new EventEmitter(), seen: new Map(), since: new Date(), list() {},
                    bare: Object.assign(Object.create(null), { x() {} }), more: Object.create({ y() {} }) };`,
            'app/server/spaces.mjs': 'import * as all from "./_part.mjs"; export const actions = { all };',
            'app/server/_part.mjs': 'export function z() {}',
        });
        assert.deepEqual(Object.keys(actions).sort(), ['notes.list', 'notes.n.x', 'plain.bare.x', 'plain.list', 'plain.more.y', 'spaces.all.z']);
        assert.equal(warnings.length, 4);
        assert.match(warnings[0], /^app\/server\/notes\.js: notes\.pool is an object of a class, so its methods are not public/);
    });

    it('takes objects 1000 levels deep and no more, and objects that hold themselves', async () => {
        const nest = (/** @type {number} */ levels) => `let at = exports.actions = {}; for (let i = 1; i < ${levels}; i++) at = at[''+i%10] = {}; at.x = 1;`;
        const { actions, problems } = await load({
            'app/server/cycle.js': 'const a = { x() {} }; a.self = a; a.n = { up: a, y() {} }; exports.actions = a;',
            'app/server/deep.js': nest(1000),
            'app/server/deeper.js': nest(1001),
        });
        assert.deepEqual(Object.keys(actions), ['cycle.x', 'cycle.n.y']);
        assert.deepEqual(problems.map(({ module }) => module), ['deeper']);
        assert.match(problems[0].message, /objects more than 1000 levels deep/);
    });

    it('reports what cannot be a name, an action twice, getters that throw, actions that are none', async () => {
        const { actions, problems } = await load({
            'app/server/a.js': 'exports.actions = { "odd name"() {}, fine() {} };',
            'app/server/b.js': 'exports.actions = { "n.x"() {}, n: { x() {} } };',
            'app/server/c.js': 'exports.actions = { get bad() { throw new Error("no"); } };',
            'app/server/d.js': 'exports.actions = function () {};',
            'app/server/e.js': 'throw null;',
            'app/server/f.js': 'throw { toString() { throw 1; } };',
            'app/server/system.js': '', 'app/server/odd name.js': '',
        });
        assert.deepEqual(Object.keys(actions), ['a.fine', 'b.n.x']);
        assert.deepEqual(problems.map(({ file, message }) => `${path.basename(file)}: ${message}`).sort(), [
            "a.js: 'a.odd name' is no good name for an action: it may hold letters, digits, _ $ - and dots",
            'b.js: there are two actions of the name b.n.x',
            'c.js: no',
            'd.js: exports.actions must be an object with functions in it',
            'e.js: null',
            'f.js: something was thrown that has no text',
            'odd name.js: names of files and folders may hold letters, digits, _ $ and -',
            "system.js: 'system' is a name of the protocol; take another",
        ]);
    });

    it('stops at 32 folders', async () => {
        const folders = (/** @type {number} */ n) => Array.from({ length: n }, () => 'd').join('/');
        const app = makeApp({ [`app/server/${folders(32)}/a.js`]: 'exports.actions = { x() {} };' });
        fs.symlinkSync('..', path.join(app, 'app/server/loop'));
        const { actions, problems } = await load(app);
        assert.ok(Object.keys(actions).includes(`${folders(32).replaceAll('/', '.')}.a.x`));
        assert.match(problems[0].message, /more than 32 folders deep; does a link point upwards\?/);
    });

    it('is empty for an application without app/server', async () => {
        assert.deepEqual((await load({ 'config/app.json': '{}' })).actions, {});
    });
});

describe('a broken file', () => {
    it('is a problem with its place and a frame, and costs its own actions only', async () => {
        const { actions, problems } = await load({
            'app/server/app.js': 'exports.actions = { x() {} };',
            'app/server/b/coffee.coffee': 'exports.actions =\n  a: ->\n    b = (\n  c: 1\n',
            'app/server/b/early.js': 'exports.actions = {\n  a(',
            'app/server/b/js.js': 'exports.actions = {\n  a: 1,,\n};\n',
            'app/server/b/mjs.mjs': 'export const actions = {\n\ta( };\n',
            'app/server/b/missing.coffee': 'x = 1\ny = require "no-such"\n',
            'app/server/b/throws.ts': 'interface A {\n  a: number;\n}\nconst a: A = undefined as any;\na.a;\nexport {};\n',
            'app/server/b/ts.ts': 'let a: number = ;\n',
        });
        assert.deepEqual(actions, { 'app.x': 'app/server/app.js' });
        assert.deepEqual(problems.map(brief), [
            { file: 'app/server/b/coffee.coffee', line: 3, column: 10, message: 'unmatched OUTDENT', module: 'b.coffee' },
            { file: 'app/server/b/early.js', line: 2, column: undefined, message: 'Unexpected end of input', module: 'b.early' },
            { file: 'app/server/b/js.js', line: 2, column: 8, message: "Unexpected token ','", module: 'b.js' },
            { file: 'app/server/b/missing.coffee', line: 2, column: 5, message: "Cannot find module 'no-such'", module: 'b.missing' },
            { file: 'app/server/b/mjs.mjs', line: 2, column: 5, message: 'Expected identifier but found "}"', module: 'b.mjs' },
            { file: 'app/server/b/throws.ts', line: 5, column: 3, message: "Cannot read properties of undefined (reading 'a')", module: 'b.throws' },
            { file: 'app/server/b/ts.ts', line: 1, column: 17, message: 'Unexpected ";"', module: 'b.ts' },
        ]);
        assert.equal(problems[0].frame, '  1 | exports.actions =\n  2 |   a: ->\n> 3 |     b = (\n    |          ^\n  4 |   c: 1\n  5 |');
        assert.equal(problems[4].frame, '  1 | export const actions = {\n> 2 | \ta( };\n    | \t   ^\n  3 |');
    });

    it('is named even when another requires it', async () => {
        const { problems } = await load({
            'app/server/app.js': 'require("auth");\nexports.actions = { x() {} };',
            'lib/server/auth.coffee': 'a: (\n',
        });
        assert.deepEqual(problems.map(({ file, line, module }) => [file, line, module]), [['lib/server/auth.coffee', 1, 'app']]);
    });
});

describe('modules', () => {
    const files = {
        'lib/server/custom_auth.coffee': 'exports.authenticate = (params, cb) -> cb {success: true, user_id: params}\n',
        'lib/server/sub/index.js': 'exports.from = "sub/index";',
        'app/shared/calculate.coffee': 'exports.two = 2\n',
        'vendor/clock/lib/clock.ts': 'export const tick: string = "tock";',
        'lib/server/modern.js': 'import os from "node:os";\nexport const modern = typeof os.hostname;\n',
        'node_modules/calculate/index.js': 'exports.two = "node_modules";',
        'node_modules/npm-one/index.js': 'let own; try { own = require("custom_auth"); } catch { own = "hidden"; } module.exports = own;',
        'node_modules/only-esm/package.json': '{"type":"module","exports":"./index.js"}',
        'node_modules/only-esm/index.js': 'export default "esm";',
        'lib/server/url.js': 'module.exports = "mine";',
    };
    const seen = '["function","sub/index",2,"tock","function","hidden","function"]';

    it('are found by require under bare names, ahead of node_modules, behind Node\'s own', async () => {
        const { value, problems } = await load({
            ...files,
            'app/server/app.js': `exports.actions = { all(cb) { cb([typeof require('custom_auth').authenticate, require('sub').from,
                require('calculate').two, require('clock').tick, require('modern').modern, require('npm-one'), typeof require('url').parse]); } };`,
        }, 'return JSON.stringify(await call("app.all"));');
        assert.deepEqual(problems, []);
        assert.equal(value, seen);
    });

    it('are found by import under bare names, with await at the top', async () => {
        const { value, problems, error } = await load({
            ...files,
            'lib/server/late.mjs': 'export const late = await Promise.resolve("late");',
            'app/server/app.js': `import { authenticate } from 'custom_auth';
                import sub from 'sub'; import { two } from 'calculate'; import { tick } from 'clock'; import { modern } from 'modern';
                import one from 'npm-one'; import url from 'url'; import esm from 'only-esm'; import { late } from '../../lib/server/late.mjs';
                import * as here from './_beside';
                const { default: again } = await import('./_beside.ts');
                export const actions = { all(cb) { cb([typeof authenticate, sub.from, two, tick, modern, one, typeof url.parse]); },
                    more: (cb) => cb([esm, late, here.default, again]) };`,
            'app/server/_beside.ts': 'const x: number = 7; export default x;',
        }, 'return [JSON.stringify(await call("app.all")), await call("app.more")];');
        assert.deepEqual([problems, error], [[], undefined]);
        assert.deepEqual(value, [seen, ['esm', 'late', 7, 7]]);
    });

    it('are one instance for all who require, and for import of what is a script', async () => {
        const { value } = await load({
            'lib/server/counter.js': 'let n = 0; exports.next = () => ++n;',
            'app/server/a.js': 'const { next } = require("counter"); exports.actions = { n: (cb) => cb(next()) };',
            'app/server/b.coffee': 'counter = require "../../lib/server/counter"\nexports.actions = n: (cb) -> cb counter.next()\n',
            'app/server/c.mjs': 'import { next } from "counter"; export const actions = { n: (cb) => cb(next()) };',
        }, 'return [await call("a.n"), await call("b.n"), await call("c.n")];');
        assert.deepEqual(value, [1, 2, 3]);
    });

    it('may be imported later, from a script', async () => {
        const { value, error } = await load({
            'lib/server/late.mjs': 'export default await Promise.resolve("late");',
            'app/server/a.js': 'exports.actions = { n: (cb) => import("late").then((m) => cb(m.default)) };',
        }, 'return call("a.n");');
        assert.deepEqual([value, error], ['late', undefined]);
    });

    it('cannot be required when they wait at their top level, and say so', async () => {
        const { problems } = await load({
            'lib/server/late.mjs': 'export default await Promise.resolve("late");',
            'app/server/a.js': 'require("late");',
        });
        assert.deepEqual(problems.map(brief), [{
            file: 'lib/server/late.mjs', line: 1, column: 16, module: 'a',
            message: 'a module with await at its top level cannot be required, only imported',
        }]);
    });

    it('of a package that calls itself a module may still be scripts', async () => {
        const { actions, problems } = await load({
            'package.json': '{"type":"module"}',
            'app/server/old.js': 'exports.actions = { x() {} };',
            'app/server/new.js': 'export const actions = { x() {} };',
        });
        assert.deepEqual(problems, []);
        assert.deepEqual(Object.keys(actions), ['new.x', 'old.x']);
    });

    it('for authentication are loaded by their bare name', async () => {
        const { value } = await load({ ...files, 'app/server/a.js': '' },
            'return [typeof requireByName("custom_auth").authenticate, requireByName("npm-one"), (() => { try { requireByName("none"); } catch (e) { return e.code; } })()];');
        assert.deepEqual(value, ['function', 'hidden', 'MODULE_NOT_FOUND']);
    });
});

describe('stacks', () => {
    it('name the lines of CoffeeScript and TypeScript', async () => {
        const { value } = await load({
            'app/server/a.coffee': '\n\nexports.actions =\n  x: ->\n    y = 1\n    throw new Error "from coffee"\n',
            'app/server/b.ts': 'interface A { a: number }\n\n\nexport const actions = { x(): A { throw new Error("from ts"); } };\n',
        }, 'return ["a.x", "b.x"].map((name) => { try { loaded.actions.get(name).fn(); } catch (e) { return e.stack.split("\\n").find((l) => l.includes(" at ")); } });');
        assert.match(value[0], /app\/server\/a\.coffee:6:11\)$/);
        assert.match(value[1], /app\/server\/b\.ts:4:41\)$/);
    });

    it('do so also in the run that had to load the compilers', async () => {
        const { value, log } = await load({
            'app/server/a.coffee': 'exports.actions =\n  x: ->\n    y = 1\n    throw new Error "x"\n',
            'app/server/b.coffee': 'class A\nclass B extends A\n  constructor: (@x) ->\nexports.actions = {}\n',
        }, 'try { loaded.actions.get("a.x").fn(); } catch (e) { return e.stack; }');
        assert.match(value, /app\/server\/a\.coffee:4:11\)/);
        assert.match(log, /^app\/server\/b\.coffee: CoffeeScript 2 refuses line 3 .*, compiled as CoffeeScript 1$/m);
    });
});

describe('shared code', () => {
    it('is a tree of what its files export, by folders, there before app/server is loaded', async () => {
        const { value, shared, problems } = await load({
            'app/shared/calculate.coffee': 'hidden = 3\nexports.circumference = (r) -> r * hidden\nexports.Circle = class Circle\n  constructor: (@r) ->\n  area: -> @r\nexports.unit = {name: "cm"}\n',
            'app/shared/geo/lines.mjs': 'export const length = 5; export default 1;',
            'app/shared/geo/main.mjs': 'export default function main() { return "main"; }',
            'app/shared/_private.js': 'exports.x = 1;',
            'app/server/app.js': 'const early = SS.shared.calculate.circumference(2); exports.actions = { x: (cb) => cb(early) };',
        }, 'return [await call("app.x"), new SS.shared.calculate.Circle(4).area(), SS.shared.geo.main()];');
        assert.deepEqual(problems, []);
        assert.deepEqual(value, [6, 4, 'main']);
        assert.deepEqual(shared, { calculate: { unit: { name: 'cm' } }, geo: { lines: { length: 5, default: 1 } } });
    });

    it('reports conflicts and broken files, without the name of a module', async () => {
        const { problems } = await load({ 'app/shared/a.js': '', 'app/shared/a.coffee': '', 'app/shared/b.js': 'throw new Error("no");' });
        assert.deepEqual(problems.map(({ file, message, module }) => [file, message, module]), [
            ['app/shared/a.js', 'Unable to load app/shared/a.coffee: it conflicts with app/shared/a.js; rename one', undefined],
            ['app/shared/b.js', 'no', undefined],
        ]);
    });
});

describe('config/db', () => {
    it('runs before the rest, sees the configuration, and sets globals', async () => {
        const { value } = await load({
            'config/db.coffee': 'global.M = {where: SS.config.db.host}\n',
            'app/server/app.js': 'const where = M.where; exports.actions = { x: (cb) => cb(where) };',
        }, 'return call("app.x");', { db: { host: 'there' } });
        assert.equal(value, 'there');
    });

    for (const [what, file, text] of [
        ['a promise', 'config/db.js', 'module.exports = new Promise((go) => setTimeout(go, 20)).then(() => { global.M = 1; });'],
        ['an async function', 'config/db.js', 'module.exports = async () => { await 1; global.M = 1; };'],
        ['a module that waits', 'config/db.mjs', 'await 1; globalThis.M = 1;'],
        ['a module\'s function', 'config/db.ts', 'export default async function (): Promise<void> { await 1; (globalThis as any).M = 1; }'],
    ]) {
        it(`is waited for: ${what}`, async () => {
            const { value, problems } = await load({ [file]: text, 'app/server/app.js': 'const m = M; exports.actions = { x: (cb) => cb(m) };' },
                'return call("app.x");');
            assert.deepEqual([value, problems], [1, []]);
        });
    }

    it('that fails is a problem, and the rest is loaded', async () => {
        const { actions, problems } = await load({
            'config/db.js': 'exports = module.exports = async () => {\n  throw new Error("no database");\n};',
            'app/server/app.js': 'exports.actions = { x() {} };',
        });
        assert.deepEqual(Object.keys(actions), ['app.x']);
        assert.deepEqual(problems.map(brief), [{ file: 'config/db.js', line: 2, column: 9, message: 'no database', module: undefined }]);
    });
});
