// SPDX-License-Identifier: MIT
//
// The package as it is built: its size, its form, its types.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { transform } from 'esbuild';
import { publint } from 'publint';
import { INTERNAL } from '../../client/build.mjs';

const root = fileURLToPath(new URL('../../', import.meta.url));
const read = (/** @type {string[]} */ ...parts) => readFileSync(path.join(...parts), 'utf8');
const dir = mkdtempSync(path.join(tmpdir(), 'ss-package-'));

before(() => {
    execFileSync('node', [path.join(root, 'client/build.mjs'), dir]);
});
after(() => rmSync(dir, { recursive: true }));

const gzipped = () => gzipSync(readFileSync(path.join(dir, 'socketstream.min.js')), { level: 9 }).length;

test('6 KB gzipped are the limit, and the figure of README.md and docs/CLIENT.md is that of the build', () => {
    assert.ok(gzipped() <= 6 * 1024);
    const figure = (gzipped() / 1024).toFixed(1);
    assert.match(read(root, 'README.md'), new RegExp(`browser library has ${figure} KB gzipped`));
    assert.match(read(root, 'docs/CLIENT.md'), new RegExp(`^${figure} KB of JavaScript`, 'm'));
});

test('a larger library fails the build', () => {
    const child = execFileSync('node', ['-e', `
        const { compress } = await import(${JSON.stringify(path.join(root, 'client/build.mjs'))});
        const { writeFileSync } = await import('node:fs');
        const { randomBytes } = await import('node:crypto');
        for (const name of ['socketstream.min.js', 'socketstream.mjs']) {
            writeFileSync(name, randomBytes(6145));
        }
        console.log(compress('.'));
    `, '--input-type=module'], { cwd: mkdtempSync(path.join(dir, 'large-')), stdio: ['ignore', 'pipe', 'ignore'] });
    assert.match(String(child), /false$/m);
});

test('publint has nothing to say', async () => {
    const { messages } = await publint({ pkgDir: dir, strict: true });
    assert.deepEqual(messages, []);
});

test('it needs nothing but the platform, and React for the hooks', () => {
    const { dependencies } = JSON.parse(read(dir, 'package.json'));
    assert.equal(dependencies, undefined);
    const imports = (/** @type {string} */ name) => [...read(dir, name).matchAll(/from\s*"([^"]+)"/g)].map(([, from]) => from);
    assert.deepEqual(imports('socketstream.mjs'), []);
    assert.deepEqual(imports('develop.mjs'), []);
    assert.deepEqual([...new Set(imports('react.mjs'))], ['react']);
});

test('its syntax is that of ES2018', async () => {
    for (const name of ['socketstream.min.js', 'socketstream.mjs', 'react.mjs', 'develop.mjs']) {
        const [as, lowered] = await Promise.all(['esnext', 'es2018'].map((target) =>
            transform(read(dir, name), { target })));
        assert.equal(as.code, lowered.code, name);
    }
});

test('no property with a short name is public, on the wire, or of the platform', () => {
    const types = ['socketstream', 'react', 'develop'].map((name) => read(root, 'client/types', `${name}.d.ts`)).join('\n');
    const wire = read(root, 'docs/PROTOCOL.md');
    const platform = read(root, 'node_modules/typescript/lib/lib.dom.d.ts');
    const used = ['WebSocket ', 'Response ', 'RequestInit ', 'Location ', 'Storage ', 'AbortController ', 'HTMLLinkElement '];
    const interfaces = used.map((name) => new RegExp(`^interface ${name}[\\s\\S]*?^}`, 'm').exec(platform)?.[0]);
    for (const name of INTERNAL) {
        assert.ok(!new RegExp(`^\\s+(?:readonly )?${name}\\??[:(<]`, 'm').test(types), name);
        assert.ok(!wire.includes(`"${name}":`), name);
        assert.ok(!interfaces.some((text) => new RegExp(`^\\s+(?:readonly )?${name}\\??[:(]`, 'm').test(text ?? '')), name);
    }
    assert.ok(interfaces.every(Boolean));
});
