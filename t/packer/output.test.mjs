// SPDX-License-Identifier: MIT
//
// public/: names, siblings, what stays and what goes, and that nobody sees half a pack.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, utimesSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import zlib from 'node:zlib';
import { compressed } from '../../packer/compress.mjs';
import { hashOf, KEEP_MS } from '../../packer/output.mjs';
import { CLIENT, LAYOUT, asset, makeApp, manifestOf, outputs, packed, packerOf, read, write } from './app.mjs';

const BIG = { 'app/client/big.js': `exports.text = ${JSON.stringify('word '.repeat(200))};` };

test('assets are named by their content, as nginx knows hashes', async () => {
    const { app } = await packed({ 'app/css/app.css': 'a{top:0}', 'lib/css/a.css': 'b{top:0}' });
    const names = outputs(app).filter((name) => /assets\/[^/]+\.(?:js|css)$/.test(name));
    assert.equal(names.length, 4);
    for (const name of names) {
        assert.match(name, /^public\/assets\/(?:app|lib)-(?=.*[0-9])(?=.*[a-f])[0-9a-f]{16,64}\.(?:js|css)$/);
    }
});

test('the hash has figures and letters, whatever the content', () => {
    for (let i = 0; i < 3000; i++) {
        assert.match(hashOf(String(i)), /^(?=.*\d)(?=.*[a-f])[0-9a-f]{16,64}$/);
    }
    assert.notEqual(hashOf('a', 'b'), hashOf('a', 'c'));
});

test('the same sources give the same names and the same page', async () => {
    const files = { ...BIG, 'app/css/app.styl': 'a\n  top 0', 'app/views/x.jade': 'p x' };
    const [one, two] = [await packed(files), await packed(files)];
    assert.equal(read(one.app, 'public/index.html'), read(two.app, 'public/index.html'));
});

test('siblings have the same content, compressed', async () => {
    const { app } = await packed(BIG);
    const { file } = manifestOf(app).files['app.js'];
    for (const [name, text] of [[`assets/${file}`, asset(app, 'app.js')], ['index.html', read(app, 'public/index.html')]]) {
        const sibling = (/** @type {string} */ ext) => path.join(app, 'public', `${name}.${ext}`);
        assert.equal(zlib.gunzipSync(readFileSync(sibling('gz'))).toString(), text);
        assert.equal(zlib.brotliDecompressSync(readFileSync(sibling('br'))).toString(), text);
        assert.equal(existsSync(sibling('zst')), 'zstdCompressSync' in zlib);
    }
});

test('what is small or does not shrink gets no sibling', async () => {
    assert.deepEqual(await compressed('short'), []);
    assert.deepEqual(await compressed(randomBytes(2000)), []);
});

test('an asset that no page names any more stays for a day, then goes with its siblings', async () => {
    let time = Date.now();
    const { app } = await packed(BIG, { now: () => time });
    const { file } = manifestOf(app).files['app.js'];
    const family = outputs(app).filter((name) => name.includes(file));
    assert.equal(family.length >= 4, true, 'itself, .map, .br, .gz');

    write(app, { 'app/client/big.js': 'exports.text = 2;' });
    const packer = packerOf(app, { now: () => time });
    await packer.pack();
    time += KEEP_MS.production - 1;
    await packer.pack();
    assert.deepEqual(outputs(app).filter((name) => name.includes(file)), family);
    time += 1;
    await packer.pack();
    assert.deepEqual(outputs(app).filter((name) => name.includes(file)), []);
    assert.deepEqual(manifestOf(app).old, {});
});

test('an asset that a page names again is no old one', async () => {
    let time = Date.now();
    const { app } = await packed({}, { now: () => time });
    const { file } = manifestOf(app).files['app.js'];
    const packer = packerOf(app, { now: () => time });
    write(app, { 'app/client/app.js': 'exports.other = 1;' });
    await packer.pack();
    write(app, CLIENT);
    time += KEEP_MS.production + 1;
    await packer.pack();
    assert.equal(manifestOf(app).files['app.js'].file, file);
    assert.equal(existsSync(path.join(app, 'public/assets', file)), true);
});

test('what others put into public/ stays', async () => {
    const foreign = {
        'public/assets/lib_1319712345678.js': 'old', 'public/assets/app-0123456789abcdef.js': 'theirs', 'public/images/a b.png': 'x',
    };
    let time = Date.now();
    const { app } = await packed(foreign, { now: () => time });
    time += 10 * KEEP_MS.production;
    await packerOf(app, { now: () => time }).pack();
    for (const [name, text] of Object.entries(foreign)) {
        assert.equal(read(app, name), text);
    }
});

test('a page that the packer did not write is kept, once, and said', async () => {
    const { app, result } = await packed({ 'public/index.html': '<p>by hand' });
    assert.match(result.notes.join(), /was not written by the packer; its copy is \.socketstream\/index\.html\.before/);
    assert.equal(read(app, '.socketstream/index.html.before'), '<p>by hand');
    const again = await packerOf(app).pack();
    assert.deepEqual(again.notes, []);
});

test('a manifest that names files elsewhere removes nothing there', async () => {
    const { app } = await packed({ 'precious.js': 'x' });
    const manifest = manifestOf(app);
    manifest.old = { '../../precious.js': 1, 'gone.js': 1 };
    manifest.files = { 'app.js': { file: '../../precious.js' } };
    write(app, { 'public/assets/manifest.json': JSON.stringify(manifest) });
    await packerOf(app).pack();
    assert.equal(read(app, 'precious.js'), 'x');
});

test('a broken manifest is written anew', async () => {
    const { app } = await packed({ 'public/assets/manifest.json': '{"files":' });
    assert.equal(manifestOf(app).version, '1.2.3');
});

test('temporary files of a packer that was killed go, those of one at work stay', async () => {
    const { app } = await packed({});
    write(app, { 'public/assets/.packing-old': 'x', 'public/assets/.packing-new': 'x' });
    utimesSync(path.join(app, 'public/assets/.packing-old'), 1, 1);
    await packerOf(app).pack();
    const left = readdirSync(path.join(app, 'public/assets')).filter((name) => name.startsWith('.'));
    assert.deepEqual(left, ['.packing-new']);
});

test('in development nothing is compressed, and no older sibling is served in its place', async () => {
    const { app } = await packed(BIG);
    assert.equal(existsSync(path.join(app, 'public/index.html.br')), true);
    await packerOf(app, { development: true }).pack();
    assert.deepEqual(outputs(app).filter((name) => /index\.html\./.test(name)), []);
    assert.equal(manifestOf(app).development, true);
    assert.match(read(app, 'public/index.html'), /\/assets\/develop-/);
    await packerOf(app).pack();
    assert.doesNotMatch(read(app, 'public/index.html'), /\/assets\/develop-/);
});

test('at every moment of many packs each asset that the page names is there', async () => {
    const app = makeApp({ ...LAYOUT, ...CLIENT, ...BIG, 'app/css/app.css': 'a{top:0}' });
    const packer = packerOf(app);
    await packer.pack();
    let done = false;
    let looks = 0;
    const look = async () => {
        while (!done) {
            const page = read(app, 'public/index.html');
            for (const [, name] of page.matchAll(/"\/assets\/([^"]+)"/g)) {
                assert.equal(statSync(path.join(app, 'public/assets', name)).size > 0, true, name);
            }
            const br = zlib.brotliDecompressSync(readFileSync(path.join(app, 'public/index.html.br')));
            for (const [, name] of br.toString().matchAll(/"\/assets\/([^"]+)"/g)) {
                assert.equal(existsSync(path.join(app, 'public/assets', name)), true, name);
            }
            looks++;
            await new Promise((resolve) => setImmediate(resolve));
        }
    };
    const looking = look();
    for (let i = 0; i < 8; i++) {
        write(app, { 'app/client/app.js': `exports.n = ${i};`, 'app/css/app.css': `a{top:${i}px}` });
        await packer.pack();
    }
    done = true;
    await looking;
    assert.equal(looks > 8, true);
});

test('pages of one second have different times, siblings too: nginx takes time and size for the version', async () => {
    const { app } = await packed(BIG);
    const packer = packerOf(app);
    const times = new Set();
    for (let i = 0; i < 4; i++) {
        write(app, { 'app/client/app.js': `exports.n = ${i};` });
        await packer.pack();
        const [page, sibling] = ['index.html', 'index.html.br'].map((name) => Math.floor(statSync(path.join(app, 'public', name)).mtimeMs / 1000));
        assert.equal(page, sibling);
        times.add(page);
    }
    assert.equal(times.size, 4);
});

test('an application that cannot be written to says so', async () => {
    const app = makeApp({ ...LAYOUT, ...CLIENT, 'public/assets': 'a file where a folder must be' });
    await assert.rejects(packerOf(app).pack(), /EEXIST|ENOTDIR/);
    rmSync(path.join(app, 'public/assets'));
    assert.deepEqual((await packerOf(app).pack()).problems, []);
});

test('an open page is told what it has to do', async () => {
    const app = makeApp({ ...LAYOUT, ...CLIENT, 'app/css/app.css': 'a{top:0}' });
    const packer = packerOf(app, { development: true });
    assert.equal((await packer.pack()).reload, null, 'there can be none');
    assert.equal((await packer.pack()).reload, null);
    write(app, { 'app/css/app.css': 'a{top:1px}' });
    const css = await packer.pack(['styles']);
    assert.deepEqual([css.reload, css.files], ['css', [`/assets/${manifestOf(app).files['app.css'].file}`]]);
    write(app, { 'app/client/app.js': 'exports.x = 1;' });
    assert.equal((await packer.pack(['code'])).reload, 'page');
    write(app, { 'lib/css/new.css': 'b{top:0}' });
    assert.equal((await packer.pack(['styles'])).reload, 'page', 'a sheet that no page has yet');
    const next = packerOf(app, { development: true });
    assert.equal((await next.pack()).reload, null, 'those from before have what there is');
    write(app, { 'app/client/app.js': 'exports.x = 2;' });
    assert.equal((await packerOf(app, { development: true }).pack()).reload, 'page', 'those from before are old');
});
