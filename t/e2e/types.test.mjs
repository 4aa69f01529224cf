// SPDX-License-Identifier: MIT
//
// `socketstream types`: what TypeScript then lets pass, and what not.

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { command, environment, root } from './app.mjs';

const dir = mkdtempSync(path.join(tmpdir(), 'ss-types-'));
after(() => rmSync(dir, { recursive: true }));

/** @param {string} file @param {string} text */
function write(file, text) {
    mkdirSync(path.dirname(path.join(dir, file)), { recursive: true });
    writeFileSync(path.join(dir, file), text);
}

const SOURCES = {
    'app/server/app.ts': `
        import type { User } from './_model';
        export const actions = {
            square(n: number, cb: (result: number) => void) { cb(n * n); },
            async find(name: string, exact = false): Promise<User | null> { return null; },
            save(user: User, options?: { force: boolean }): Promise<'saved' | 'same'> { return Promise.resolve('saved'); },
            sum: async (...numbers: number[]) => numbers.length,
            nested: { pair: async (): Promise<[number, string]> => [1, 'a'] },
        };`,
    'app/server/_model.ts': `
        export interface User { name: string; born: Date; friends: User[]; tags?: Map<string, string>; greet(): void }`,
    'app/server/users/list.js': `
        exports.actions = {
            /** @param {number} limit @param {(users: string[]) => void} cb */
            first(limit, cb) { cb([]); },
            plain(a, b, cb) { cb(a); },
            later: async (id) => id,
        };`,
    'app/server/old.coffee': `
exports.actions =
  hello: (name, cb) -> cb "Hello #{name}"
  init: (cb) -> cb true
`,
    'app/server/native.c': `
        #include <socketstream.h>
        SS_ACTIONS = {{"square", square}, {"deep.er", deeper}};`,
};

const RIGHT = `
        const area: number = await SS.server.app.square(25);
        SS.server.app.square(25, (n) => n.toFixed());
        SS.server.app.square(25, { silent: true }, (n: number) => n);
        SS.server.app.square(25, { timeout: 100 });
        const user = await SS.server.app.find('ann');
        user?.born.slice(0, 4);
        SS.server.app.find('ann', true);
        SS.server.app.save(user!, undefined);
        SS.server.app.sum(1, 2, 3);
        const [n, s] = await SS.server.app.nested.pair();
        n.toFixed() + s.trim();
        SS.server.users.list.first(3, (users) => users.map((name) => name.trim()));
        SS.server.users.list.plain(1, { a: 2 }, (any) => any.thing);
        SS.server.old.hello('Bob');
        SS.server.old.hello({ any: 'thing' }, (text: string) => text);
        SS.server.native.square(1, 2, 3);
        SS.server.native.deep.er();
        SS.events.on('a', (params, channel) => channel?.trim());
        SS.socket.on('disconnect', ({ code, reason }) => [code, reason]);
        SS.escapeHTML('<');
        document.body.append(SS.tmpl('people-info', [{ name: 'Ann' }])); SS.tmpl.attach({});
        SS.client.app.init(); SS.shared.calculate.area(1);
    `;

/** @type {[string, string, RegExp][]} */
const WRONG = [
    ['a group that is not there', 'SS.server.ap.square(25)', /TS2551|TS2339/],
    ['an action that is not there', 'SS.server.app.squares(25)', /TS2551|TS2339/],
    ['an argument of another type', "SS.server.app.square('25')", /TS2769|TS2345/],
    ['an argument too few', 'SS.server.app.square()', /TS2769|TS2554/],
    ['an argument too many', 'SS.server.app.square(1, 2)', /TS2769|TS2554/],
    ['an argument left out that is optional without a default', "SS.server.app.save((await SS.server.app.find('a'))!)", /TS2769|TS2554/],
    ['an option that is none', 'SS.server.app.square(1, { quiet: true })', /TS2769|TS2353/],
    ['a result taken for another', 'const s: string = await SS.server.app.square(1)', /TS2322/],
    ['a member that does not travel', "(await SS.server.app.find('a'))?.greet()", /TS2339/],
    ['an argument too many for JavaScript', 'SS.server.users.list.later(1, 2)', /TS2769|TS2554/],
    ['a wrong argument by JSDoc', "SS.server.users.list.first('a')", /TS2769|TS2345/],
    ['a template that is no text', 'SS.tmpl(1)', /TS2345/],
    ['an event of the socket that is none', "SS.socket.on('conect', () => {})", /TS2345|TS2769/],
];

/** @type {string[]} what tsc says, one line for each error */
let errors = [];

before(async () => {
    for (const [file, text] of Object.entries(SOURCES)) {
        write(file, text);
    }
    write('config/app.json', '{}');
    const options = { encoding: /** @type {const} */ ('utf8'), env: environment() };
    assert.equal(execFileSync(command, ['types', '--app', dir], options), 'app/socketstream.d.ts\n');
    write('app/client/right.ts', RIGHT);
    WRONG.forEach(([, code], i) => write(`app/client/wrong${i}.ts`, `${code};\n`));
    write('tsconfig.json', JSON.stringify({
        compilerOptions: { strict: true, noEmit: true, target: 'ES2022', lib: ['ES2022', 'DOM'], types: [], module: 'ES2022', moduleResolution: 'bundler', moduleDetection: 'force' },
        include: ['app/socketstream.d.ts', 'app/client/*.ts'],
    }));
    const tsc = spawnSync(path.join(root, 'node_modules/.bin/tsc'), ['-p', '.', '--pretty', 'false'], { cwd: dir, encoding: 'utf8' });
    errors = tsc.stdout.split('\n').filter((line) => line.includes('error TS'));
});

/** @param {string} file of app/client */
const errorsOf = (file) => errors.filter((line) => line.startsWith(`app/client/${file}(`));

test('the file says what there is', () => {
    const text = readFileSync(path.join(dir, 'app/socketstream.d.ts'), 'utf8');
    const tree = /interface SocketStreamServer \{\n([\s\S]*?)^\}/m.exec(text)?.[1];
    const user = (/** @type {string} */ friends) => `{ name: string; born: string; friends: ${friends}[]; tags?: `;
    assert.match(tree ?? '', /^ {4}app: \{\n {8}square: SocketStream\.Call<\[n: number\], number>;$/m);
    assert.match(tree ?? '', /find: SocketStream\.Call<\[name: string, exact\?: boolean\], null \| \{ name: string; born: string; friends: any\[\]/);
    assert.ok(tree?.includes(user('any')));
    assert.match(tree ?? '', /save: .*"saved" \| "same">;$/m);
    assert.match(tree ?? '', /sum: SocketStream\.Call<\[\.\.\.numbers: number\[\]\], number>;/);
    assert.match(tree ?? '', /nested: \{\n {12}pair: SocketStream\.Call<\[\], \[number, string\]>;/);
    assert.match(tree ?? '', /first: SocketStream\.Call<\[limit: number\], string\[\]>;/);
    assert.match(tree ?? '', /plain: SocketStream\.Call<\[a\?: any, b\?: any\], any>;/);
    assert.match(tree ?? '', /hello: SocketStream\.Call<\[name\?: any\], any>;/);
    assert.match(tree ?? '', /init: SocketStream\.Call<\[\], any>;/);
    assert.match(tree ?? '', /native: \{\n {8}square: SocketStream\.Action;\n {8}deep: \{\n {12}er: SocketStream\.Action;/);
});

test('what is right passes', () => {
    assert.deepEqual(errorsOf('right.ts'), []);
    assert.deepEqual(errors.filter((line) => !line.startsWith('app/client/')), []);
});

WRONG.forEach(([what, , expected], i) => {
    test(`${what} fails`, () => {
        const [first, ...more] = errorsOf(`wrong${i}.ts`);
        assert.match(first ?? '', expected);
        assert.deepEqual(more, []);
    });
});

test('without TypeScript it says what to do', () => {
    // A copy of what it needs, with nothing beside it.
    const bare = mkdtempSync(path.join(tmpdir(), 'ss-bare-'));
    after(() => rmSync(bare, { recursive: true }));
    cpSync(path.join(root, 'host'), path.join(bare, 'host'), { recursive: true });
    try {
        execFileSync('node', [path.join(bare, 'host/types.mjs'), bare], { encoding: 'utf8', stdio: 'pipe' });
        assert.fail('it ran');
    } catch (error) {
        const { status, stderr } = /** @type {any} */ (error);
        assert.equal(status, 1, stderr);
        assert.match(stderr, /^socketstream: types needs TypeScript: npm install --save-dev typescript, in \S+\n$/);
    }
});
