// SPDX-License-Identifier: MIT
//
// `socketstream new`: with --jquery, with --minimal, and what it refuses.  What its pages look like
// is in pages.test.mjs.

import assert from 'node:assert/strict';
import {
    cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { CLEAN, root, runCommand, startApp, until } from './app.mjs';
import { launch, openPage, skip } from './chromium.mjs';

/** @type {import('playwright-core').Browser} */
let browser;
before(async () => {
    browser = skip ? browser : await launch();
});
after(() => browser?.close());

test('with --jquery a new application has jQuery from npm and a template, in each language of the browser', { skip }, async (t) => {
    const made = Object.fromEntries(await Promise.all(['js', 'coffee', 'ts'].map(async (language) => {
        const dir = path.join(mkdtempSync(path.join(tmpdir(), 'ss-e2e-')), 'it');
        return [language, { dir, ...await runCommand(['new', dir, `--${language}`, '--jquery'], { env: { npm_config_prefer_offline: 'true' } }) }];
    })));
    for (const { dir, code, stderr } of Object.values(made)) {
        const jquery = path.join(dir, 'node_modules/jquery');
        if (code !== 0) { // no registry in reach: what it would have installed is here, too
            assert.ok(stderr.endsWith(`socketstream: ${dir} is made, but npm could not install its packages, for the reason above: mend that; then run \`npm install\` in it\n`), stderr);
            mkdirSync(path.dirname(jquery), { recursive: true });
            symlinkSync(path.join(root, 'node_modules/jquery-3'), jquery);
        }
        assert.equal(JSON.parse(readFileSync(path.join(jquery, 'package.json'), 'utf8')).version,
            JSON.parse(readFileSync(path.join(dir, 'package.json'), 'utf8')).dependencies.jquery);
    }
    const app = await startApp({ dir: made.js.dir });
    /** @type {string[]} */
    const problems = [];
    const page = await openPage(browser, 'light', problems);
    t.after(async () => {
        await page.close();
        assert.deepEqual(await app.stop(), CLEAN);
    });
    for (const language of ['js', 'coffee', 'ts']) {
        if (language !== 'js') { // one that runs becomes the next
            const packed = () => JSON.parse(readFileSync(path.join(app.dir, 'public/assets/manifest.json'), 'utf8')).files['app.js'].file;
            const before = packed();
            const client = path.join(app.dir, 'app/client');
            await page.goto('about:blank'); // or it would load anew by itself, too
            cpSync(path.join(made[language].dir, 'app/client'), path.join(app.dir, 'next'), { recursive: true });
            rmSync(client, { recursive: true });
            renameSync(path.join(app.dir, 'next'), client);
            assert.ok(await until(() => packed() !== before), language);
        }
        await page.goto(app.url);
        await page.waitForSelector('#state:text-is("connected")');
        await page.waitForSelector('#square:text-is("625")');
        await page.click('#wave');
        await page.waitForSelector('#waves li:has-text("Somebody waved at")');
    }
    assert.deepEqual(problems, []);
});

test('without npm --jquery makes the application, and says what is missing', async () => {
    const dir = path.join(mkdtempSync(path.join(tmpdir(), 'ss-e2e-')), 'it');
    const { code, stdout, stderr } = await runCommand(['new', dir, '--jquery'], { env: { PATH: '/nowhere' } });
    assert.deepEqual({ code, stdout, stderr }, {
        code: 1, stdout: '', stderr: `socketstream: ${dir} is made, but npm was not found: install it (apt-get install npm); then run \`npm install\` in it\n`,
    });
    assert.ok(existsSync(path.join(dir, 'app/client/app.js')));
});

test('with both --minimal and --jquery there is jQuery, and no page', async () => {
    const dir = path.join(mkdtempSync(path.join(tmpdir(), 'ss-e2e-')), 'it');
    const { stderr } = await runCommand(['new', dir, '--minimal', '--jquery'], { env: { PATH: '/nowhere' } });
    assert.match(stderr, /npm was not found/);
    assert.deepEqual(readdirSync(dir).sort(), ['.gitignore', 'app', 'config', 'package-lock.json', 'package.json']);
    assert.deepEqual(readdirSync(path.join(dir, 'app')), ['server']);
    assert.ok(JSON.parse(readFileSync(path.join(dir, 'package.json'), 'utf8')).dependencies.jquery);
});

test('a minimal application has actions and no page', async () => {
    const dir = path.join(mkdtempSync(path.join(tmpdir(), 'ss-e2e-')), "it's new");
    const { code, stdout } = await runCommand(['new', dir, '--minimal', '--c']);
    assert.deepEqual([code, stdout], [0, `${dir} is ready: cd '${dir.replace("'", "'\\''")}' && socketstream start\n`]);
    const app = await startApp({ dir });
    assert.equal(await (await fetch(`${app.url}api/app/square?25`)).text(), '625');
    assert.deepEqual(await app.stop(), CLEAN);
});

test('new mixes nothing with what is there, and explains itself', async () => {
    const dir = mkdtempSync(path.join(tmpdir(), 'ss-e2e-'));
    writeFileSync(path.join(dir, 'mine'), '');
    const taken = await runCommand(['new', dir]);
    assert.deepEqual([taken.code, taken.stderr], [1, `socketstream: ${dir}: is there already, and not empty; take another name\n`]);
    for (const [args, said] of /** @type {[string[], string][]} */ ([
        [[], 'DIR is missing; usage: socketstream new DIR'],
        [['a', 'b'], '"b" is one argument too many; usage: socketstream new DIR'],
        [['--js', '--c', 'a'], '--js and --c are two languages: name one'],
        [['--cobol', 'a'], 'there is no option "--cobol"; `socketstream new --help` lists them'],
        [[''], 'DIR is empty: name the folder to make'],
    ])) {
        const { code, stderr } = await runCommand(['new', ...args]);
        assert.equal(code, 2, args.join(' '));
        assert.ok(stderr.startsWith(`socketstream new: ${said}`), stderr);
    }
    assert.match((await runCommand(['new', '--help'])).stdout, /--coffee/);
});
