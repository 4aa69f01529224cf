// SPDX-License-Identifier: MIT
//
// Compiling source files, what the cache keeps of it, and how errors are shown.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { CACHE_AGE_MS, CACHE_BYTES_MAX, CACHE_ENTRIES_MAX, createCache } from '../../host/cache.mjs';
import { createCompiler } from '../../host/compile.mjs';
import { settle } from '../../host/load.mjs';
import { codeFrame, problemOf, SourceError } from '../../host/problems.mjs';
import { makeApp, root } from './loading.mjs';

/** @param {Record<string, string>} files */
function compilerFor(files) {
    const app = makeApp(files);
    /** @type {string[]} */
    const notes = [];
    const compiler = createCompiler({ app, note: (message) => notes.push(message) });
    return { app, notes, read: (/** @type {string} */ name) => compiler.read(path.join(app, name)), compiler };
}

describe('compiling', () => {
    it('tells modules from scripts by their syntax', () => {
        const sources = {
            'a.js': ['exports.a = 1; // import x from y', 'commonjs'],
            'b.js': ['const x = "export default 1"; import("os");', 'commonjs'],
            'c.js': ['import os from "os";', 'module'],
            'd.js': ['export const a = 1;', 'module'],
            'e.js': ['await 1;', 'module'],
            'f.js': ['const url = import.meta.url;', 'module'],
            'g.js': ['#!/usr/bin/env node\n/* import */ return;', 'commonjs'],
            'h.mjs': ['const a = 1;', 'module'],
            'i.cjs': ['import os from "os";', 'commonjs'],
            'j.js': ['const require = 1; export { require };', 'module'],
            'k.coffee': ['export a = 1', 'module'],
            'm.ts': ['export type A = number; exports.x = 1 as A;', 'commonjs'],
            'n.ts': ['import fs = require("fs"); export = { fs };', 'commonjs'],
        };
        const { read } = compilerFor(Object.fromEntries(Object.entries(sources).map(([name, [text]]) => [name, text])));
        for (const [name, [, format]] of Object.entries(sources)) {
            assert.equal(read(name).format, format, name);
        }
    });

    it('takes CoffeeScript 1 that version 2 refuses, octal escapes included, and tells so', () => {
        const { read, notes } = compilerFor({
            'a.coffee': 'class A\n  a: -> 1\nclass B extends A\n  constructor: (@x) ->\nexports.b = new B(5).x\n',
            'b.coffee': 'exports.red = "\\033[31m" + \'\\7\' + "\\\\033"\n',
        });
        /** @param {string} code @returns {any} */
        const run = (code) => {
            const exports = {};
            new Function('exports', code)(exports);
            return exports;
        };
        assert.deepEqual(run(read('a.coffee').code), { b: 5 });
        assert.deepEqual(run(read('b.coffee').code), { red: '\x1b[31m\x07\\033' });
        assert.match(notes[0], /^a\.coffee: CoffeeScript 2 refuses line 4 \(.*\), compiled as CoffeeScript 1$/);
        assert.match(notes[1], /^b\.coffee: CoffeeScript 2 refuses line 1 \(octal escape sequences .*\), compiled as CoffeeScript 1$/);
    });

    it('says where a source is wrong, in the words of version 2', () => {
        const { read } = compilerFor({ 'a.coffee': 'a = 1\nb = [1\n', 'b.ts': '\nlet x: = 1;' });
        assert.throws(() => read('a.coffee'), (error) => error instanceof SourceError && error.line === 2 && error.message === 'missing ]');
        assert.throws(() => read('b.ts'), (error) => error instanceof SourceError && error.line === 2 && error.column === 8);
    });

    it('ignores a byte order mark', () => {
        const { read } = compilerFor({ 'a.coffee': '\uFEFFexports.a = 1\n', 'b.js': '\uFEFFexports.a = 1;' });
        assert.match(read('a.coffee').code, /^exports/);
        assert.match(read('b.js').code, /^exports/);
    });

    it('prepares several TypeScript files at once, and leaves what is wrong to their turn', async () => {
        const { app, compiler, read } = compilerFor({ 'a.ts': 'let a: number = 1;', 'b.ts': 'let b: number = 2;', 'c.ts': 'let = ;' });
        await compiler.prepare(['a.ts', 'b.ts', 'c.ts'].map((name) => path.join(app, name)));
        assert.equal(fs.readdirSync(path.join(app, '.socketstream/cache')).length, 2);
        assert.match(read('b.ts').code, /^let b = 2;/);
        assert.throws(() => read('c.ts'), SourceError);
    });
});

describe('the cache', () => {
    const files = { 'a.coffee': 'exports.a = 1\n', 'b.ts': 'export const b: number = 1;\n' };

    it('keeps compilers from being loaded again', () => {
        const app = makeApp(files);
        const script = `
            import { createCompiler } from ${JSON.stringify(path.join(root, 'host/compile.mjs'))};
            import { createRequire } from 'node:module';
            const compiler = createCompiler({ app: ${JSON.stringify(app)} });
            const texts = ['a.coffee', 'b.ts'].map((name) => compiler.read(${JSON.stringify(app)} + '/' + name).code);
            const loaded = Object.keys(createRequire(import.meta.url).cache).filter((file) => /coffee|esbuild/.test(file) && file.endsWith('.js')).length;
            console.log(JSON.stringify({ texts, loaded }));`;
        const run = () => JSON.parse(spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' }).stdout);
        const first = run();
        const second = run();
        assert.ok(first.loaded > 0);
        assert.equal(second.loaded, 0);
        assert.deepEqual(second.texts, first.texts);
    });

    it('holds nothing of a source that was changed', () => {
        const { app, compiler, read } = compilerFor(files);
        assert.match(read('a.coffee').code, /exports\.a = 1/);
        compiler.finish();
        fs.writeFileSync(path.join(app, 'a.coffee'), 'exports.a = 2\n');
        assert.match(read('a.coffee').code, /exports\.a = 2/);
    });

    it('does without entries that were cut short, and without a folder that cannot be written', () => {
        const { app, compiler, read } = compilerFor({ ...files, 'c/.socketstream': '' });
        const { code } = read('a.coffee');
        const folder = path.join(app, '.socketstream/cache');
        for (const length of [0, 1, 20]) {
            compiler.finish();
            const [name] = fs.readdirSync(folder);
            fs.truncateSync(path.join(folder, name), length);
            assert.equal(read('a.coffee').code, code);
        }
        const cache = createCache(path.join(app, 'c')); // .socketstream is a file there
        cache.put('a', 1);
        cache.prune();
        assert.equal(cache.get('a'), undefined);
    });

    it('is right while several processes fill it', async () => {
        const app = makeApp(Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`f${i}.coffee`, `exports.n = ${i}\n`])));
        const script = `
            import { createCompiler } from ${JSON.stringify(path.join(root, 'host/compile.mjs'))};
            const compiler = createCompiler({ app: ${JSON.stringify(app)} });
            let sum = 0;
            for (let i = 0; i < 40; i++) sum += Number(/exports.n = (\\d+)/.exec(compiler.read(${JSON.stringify(app)} + '/f' + i + '.coffee').code)[1]);
            compiler.finish();
            console.log(sum);`;
        const sums = await Promise.all([1, 2, 3].map(() => new Promise((resolve) => {
            let out = '';
            const child = spawn(process.execPath, ['--input-type=module', '-e', script]);
            child.stdout.on('data', (data) => (out += data));
            child.on('close', () => resolve(out.trim()));
        })));
        assert.deepEqual(sums, ['780', '780', '780']);
        assert.ok(fs.readdirSync(path.join(app, '.socketstream/cache')).every((name) => /^[0-9a-f]{40}$/.test(name)));
    });

    it('keeps so many entries, bytes and days, those used last', () => {
        const app = makeApp({});
        const folder = path.join(app, '.socketstream/cache');
        const now = Date.now() / 1000;
        const cache = createCache(app);
        const put = (/** @type {string} */ name, /** @type {number} */ age, bytes = 1) => {
            const file = path.join(folder, name);
            fs.writeFileSync(file, '');
            fs.truncateSync(file, bytes);
            fs.utimesSync(file, now - age, now - age);
        };
        cache.put('newest', 1);
        put('fresh', CACHE_AGE_MS / 1000 - 60);
        put('old', CACHE_AGE_MS / 1000 + 60);
        cache.prune();
        assert.deepEqual(fs.readdirSync(folder).sort(), ['fresh', 'newest']);

        cache.put('newest', 1);
        put('half', 10, CACHE_BYTES_MAX / 2);
        put('more', 20, CACHE_BYTES_MAX / 2);
        cache.prune();
        assert.deepEqual(fs.readdirSync(folder).sort(), ['half', 'newest']);

        for (let i = 0; i < CACHE_ENTRIES_MAX; i++) {
            put(`e${i}`, 100 + i);
        }
        cache.put('newest', 1);
        cache.prune();
        const left = fs.readdirSync(folder);
        assert.equal(left.length, CACHE_ENTRIES_MAX);
        assert.ok(left.includes('newest') && !left.includes(`e${CACHE_ENTRIES_MAX - 1}`));
    });
});

describe('a problem', () => {
    it('has two lines on either side, and its caret below the column', () => {
        const text = '1\n2\n3\n4\n5\n6';
        assert.equal(codeFrame(text, 1, 1), '> 1 | 1\n    | ^\n  2 | 2\n  3 | 3');
        assert.equal(codeFrame(text, 4, 2), '  2 | 2\n  3 | 3\n> 4 | 4\n    |  ^\n  5 | 5\n  6 | 6');
        assert.equal(codeFrame(text, 6), '  4 | 4\n  5 | 5\n> 6 | 6');
        assert.equal(codeFrame(text, 7, 1), '');
        assert.equal(codeFrame(text, 0, 1), '');
        assert.match(codeFrame(`${'x'.repeat(500)}`, 1, 400), /^> 1 \| x{160}$/);
    });

    it('is made of anything that can be thrown', () => {
        const about = { app: '/srv/app', file: '/srv/app/app/server/a.js', module: 'a' };
        const hostile = new Error('x');
        Object.defineProperty(hostile, 'stack', { get() { throw new Error('no'); } });
        for (const [thrown, message] of /** @type {[any, string][]} */ ([
            [undefined, 'undefined'], ['text', 'text'], [Symbol('s'), 'Symbol(s)'], [new TypeError(), 'TypeError'],
            [Object.create(null), 'something was thrown that has no text'], [hostile, 'x'], [new Error('y'.repeat(5000)), 'y'.repeat(2000)],
        ])) {
            assert.deepEqual(problemOf(thrown, about), { file: 'app/server/a.js', message, module: 'a' });
        }
    });
});

describe('config/db', () => {
    it('may take so long and no longer', async () => {
        await settle(new Promise((resolve) => setTimeout(resolve, 5)), 10000);
        await assert.rejects(settle(() => new Promise(() => {}), 20), { message: 'it did not finish within 0.02 s' });
        await assert.rejects(settle(Promise.reject(new Error('no')), 10000), { message: 'no' });
    });
});
