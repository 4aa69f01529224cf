// SPDX-License-Identifier: MIT
//
// What a developer sees of the server's code, in Chromium: mistakes and exceptions, and new code
// while the page stays; and what nobody sees of them in production.

import assert from 'node:assert/strict';
import { cpSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { CLEAN, root, runCommand, startApp, until } from './app.mjs';
import { launch, skip } from './chromium.mjs';

const timeout = 120000;
const SERVER = `exports.actions = {
    square(n, cb) { cb(n * n); },
    breaks(cb) {
        throw new Error('the kettle is empty');
    },
};
`;

/** @type {import('playwright-core').Browser} */
let browser;
before(async () => {
    browser = skip ? browser : await launch();
});
after(() => browser?.close());

function makeApp() {
    const dir = mkdtempSync(path.join(tmpdir(), 'ss-develop-'));
    for (const part of ['base', 'js']) {
        cpSync(path.join(root, 'new_project', part), dir, { recursive: true });
    }
    mkdirSync(path.join(dir, 'app/shared'));
    writeFileSync(path.join(dir, 'app/server/app.js'), SERVER);
    writeFileSync(path.join(dir, 'app/shared/tag.js'), 'exports.bold = (text) => `<b>${SS.escapeHTML(text)}</b>`;');
    return dir;
}

/**
 * Runs it and opens its page; at the test's end both are gone, and were well until then.
 * @param {import('node:test').TestContext} t @param {Parameters<typeof startApp>[0]} options
 */
async function run(t, options) {
    const app = await startApp(options);
    const page = await browser.newPage();
    t.after(async () => {
        await page.close();
        assert.deepEqual(await app.stop(), CLEAN);
    });
    page.setDefaultTimeout(30000);
    /** @type {string[]} what its console says */
    const said = [];
    page.on('console', (message) => said.push(message.text()));
    await page.goto(new URL(options?.env?.SS__http__base ?? '/', app.url).href);
    await page.waitForSelector('#state:text-is("connected")');
    return { app, page, said };
}

/** The end of `SS.server.app.breaks()`. @param {import('playwright-core').Page} page */
const breaks = (page) => page.evaluate(() => /** @type {any} */ (window).SS.server.app.breaks().catch(
    (/** @type {any} */ error) => ({ code: error.code, message: error.message, data: error.data }),
));

test("a mistake in the server's code is shown above the page, which stays, until it is gone", { skip, timeout }, async (t) => {
    const dir = makeApp();
    const file = path.join(dir, 'app/server/app.js');
    const { page } = await run(t, { dir });
    await page.evaluate(() => { /** @type {any} */ (window).kept = true; });
    const call = () => page.evaluate(() => /** @type {any} */ (window).SS.server.app.square(3));

    writeFileSync(file, SERVER.replace('cb(n * n);', 'cb(n * ;'));
    const overlay = page.locator('socketstream-problems [role=alertdialog]');
    await overlay.waitFor();
    assert.match(await overlay.innerText(), /There is a mistake[\s\S]*app\/server\/app\.js:2[\s\S]*2 \|     square\(n, cb\) \{ cb\(n \* ;/);
    assert.equal(await call(), 9, 'the last good code goes on');

    writeFileSync(file, SERVER.replace('n * n', 'n * n * n'));
    await overlay.waitFor({ state: 'detached' });
    assert.ok(await until(async () => await call() === 27));
    assert.equal(await page.evaluate(() => /** @type {any} */ (window).kept), true, 'the page was not loaded again');
});

test('an exception shows its stack in the console and its place above the page until the code is new, and shared code is the same on both sides', { skip, timeout }, async (t) => {
    const dir = makeApp();
    writeFileSync(
        path.join(dir, 'app/server/tag.js'),
        'exports.actions = { bold(text, cb) { cb(SS.shared.tag.bold(text)); } };',
    );
    const { page, said } = await run(t, { dir });
    const { code, message } = await breaks(page);
    assert.deepEqual([code, message], [-32000, 'the kettle is empty']);
    assert.ok(await until(() => said.some((line) => /the kettle is empty\n +at .*app\/server\/app\.js:4:15/.test(line))), said.join('\n'));
    const overlay = page.locator('socketstream-problems [role=alertdialog]');
    assert.match(await overlay.innerText(), /app\/server\/app\.js:4:15[\s\S]*app\.breaks: Error: the kettle is empty[\s\S]*> 4 \|         throw new Error/);
    const both = await page.evaluate(async () => {
        const { SS } = /** @type {any} */ (window);
        return [await SS.server.tag.bold('a < b'), SS.shared.tag.bold('a < b')];
    });
    assert.deepEqual(both, ['<b>a &lt; b</b>', '<b>a &lt; b</b>']);
    writeFileSync(path.join(dir, 'app/server/app.js'), SERVER.replace('throw new Error', 'cb'));
    await overlay.waitFor({ state: 'detached' });
});

test('below a base all is as at the root: page, calls, HTTP API, style sheets that are swapped', { skip, timeout }, async (t) => {
    const dir = makeApp();
    const { app, page } = await run(t, { dir, env: { SS__http__base: '/shop/' } });
    await page.evaluate(() => { /** @type {any} */ (window).kept = true; });
    assert.equal(await page.evaluate(() => /** @type {any} */ (window).SS.server.app.square(3)), 9);
    assert.equal(await (await fetch(`${app.url}shop/api/app/square?25`)).text(), '625');
    writeFileSync(path.join(dir, 'app/css/app.css'), 'h1 { color: rgb(1, 2, 3); }');
    await page.waitForFunction("getComputedStyle(document.querySelector('h1')).color === 'rgb(1, 2, 3)'");
    assert.match(String(await page.getAttribute('link[rel=stylesheet]', 'href')), /^\/shop\/assets\/app-\w+\.css$/);
    assert.equal(await page.evaluate(() => /** @type {any} */ (window).kept), true, 'the page was not loaded again');
});

test('in production the stack stays on the server, and silent calls are in no log', { skip, timeout }, async (t) => {
    const dir = makeApp();
    const env = {
        SS_ENV: 'production', SS__log__level: '4', SS__pack__csp: "default-src 'self'",
        SS__browser_check__strict: 'true', SS__browser_check__rules: '[{"allow":"HeadlessChrome"}]',
    };
    assert.equal((await runCommand(['pack', '--app', dir], { env })).code, 0);
    const { app, page, said } = await run(t, { dir, env });
    assert.deepEqual(await breaks(page), { code: -32000, message: 'the kettle is empty', data: undefined });
    assert.equal(await page.evaluate(() => /** @type {any} */ (window).SS.server.app.square(4321, { silent: true })), 4321 ** 2);
    assert.equal(await page.evaluate(() => /** @type {any} */ (window).SS.server.app.square(1234)), 1234 ** 2);
    const log = () => app.log('sidecar') + app.output.stdout + app.output.stderr;
    assert.ok(await until(() => log().includes('1234')), log());
    assert.doesNotMatch(log(), /4321|18671041/);
    assert.ok(await until(() => log().includes('app.js:4')), 'the log has the stack');
    assert.doesNotMatch(said.join('\n'), /app\/server/);

    await t.test('and a strict page sends a browser without WebSocket away, whatever it says it is', async () => {
        const other = await browser.newPage();
        await other.addInitScript('delete window.WebSocket');
        await other.goto(app.url);
        await other.waitForURL(`${app.url}socketstream/incompatible`);
        assert.equal(await other.textContent('h1'), 'This browser is too old');
        assert.equal((await fetch(other.url())).status, 403);
        await other.close();
    });
});
