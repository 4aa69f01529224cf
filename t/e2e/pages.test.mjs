// SPDX-License-Identifier: MIT
//
// The pages that every new application begins with, in Chromium, light and dark.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { CLEAN, root, runCommand, startApp, until } from './app.mjs';
import { launch, openPage, skip } from './chromium.mjs';

const template = path.join(root, 'new_project/base');

/** @type {import('playwright-core').Browser} */
let browser;
before(async () => {
    browser = skip ? browser : await launch();
});
after(() => browser?.close());

/** @param {'light' | 'dark'} colorScheme @param {string[]} problems @param {number} [width] */
async function open(colorScheme, problems, width) {
    const page = await openPage(browser, colorScheme, problems, width);
    page.on('request', (request) => requests.push(request.url()));
    return page;
}
/** @type {string[]} */
const requests = [];

/** How light the page is, and whether its text can be read on that: contrast as WCAG has it.
 *  @param {import('playwright-core').Page} page @param {string} selector */
const contrast = (page, selector) => page.locator(selector).first().evaluate((element) => {
    const light = (/** @type {string} */ colour) => {
        const [r, g, b] = (/** @type {RegExpMatchArray} */ (colour.match(/[\d.]+/g))).slice(0, 3).map((part) => {
            const c = Number(part) / 255;
            return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
        });
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const back = light(getComputedStyle(document.body).backgroundColor);
    const ink = light(getComputedStyle(element).color);
    return { back, ratio: (Math.max(back, ink) + 0.05) / (Math.min(back, ink) + 0.05) };
});

/** @param {import('playwright-core').Page} page @param {string} scheme @param {string[]} texts */
async function isReadable(page, scheme, texts) {
    for (const text of texts) {
        const { back, ratio } = await contrast(page, text);
        assert.equal(back > 0.5, scheme === 'light', `${text}: ${scheme}`);
        assert.ok(ratio >= 4.5, `${text}: contrast ${ratio.toFixed(1)}`);
    }
    const { scrollWidth, clientWidth } = await page.evaluate(() => document.documentElement);
    assert.equal(scrollWidth, clientWidth);
    assert.ok((await page.screenshot()).length > 5000, 'there is a picture');
}

for (const [name, says] of Object.entries({
    error: 'Something went wrong',
    incompatible_browsers: 'This browser is too old',
    offline: 'Back in a moment',
})) {
    test(`the page for ${name} is all in one file, light and dark, wide and small`, { skip }, async () => {
        for (const [scheme, width] of /** @type {const} */ ([['light', 800], ['dark', 320]])) {
            /** @type {string[]} */
            const problems = [];
            requests.length = 0;
            const page = await open(scheme, problems, width);
            const url = pathToFileURL(path.join(template, 'static', name, 'index.html')).href;
            await page.goto(url);
            assert.equal(await page.textContent('h1'), says);
            assert.equal(await page.title(), says);
            await isReadable(page, scheme, ['h1', 'p', 'a']);
            assert.deepEqual(problems, []);
            assert.deepEqual(requests, [url]);
            await page.close();
        }
    });
}

for (const language of ['js', 'coffee', 'ts', 'c']) {
    test(`a new application in ${language} starts, calls, hears, and is readable, light and dark`, { skip }, async (t) => {
        const dir = mkdtempSync(path.join(tmpdir(), 'ss-e2e-'));
        const made = await runCommand(['new', dir, `--${language}`]);
        assert.equal(made.stderr, '');
        assert.equal(made.stdout, `${dir} is ready: cd ${dir} && socketstream start\n`);
        const app = await startApp({ dir });
        /** @type {string[]} */
        const problems = [];
        const pages = await Promise.all([open('light', problems), open('dark', problems, 360)]);
        for (const page of pages) {
            await page.goto(app.url);
            await page.waitForSelector('#square:text-is("625")');
            await page.waitForSelector('#state:text-is("connected")');
        }
        await pages[0].fill('#number', '12');
        await pages[0].waitForSelector('#square:text-is("144")');
        await pages[0].click('#wave');
        for (const [at, scheme] of ['light', 'dark'].entries()) {
            await pages[at].waitForSelector('#waves li:has-text("Somebody waved")');
            await isReadable(pages[at], scheme, ['h1', 'p', '.note']);
        }
        assert.deepEqual(problems, []);
        await Promise.all(pages.map((page) => page.close()));
        if (language === 'js') {
            await t.test('and its assets are refused by Chromium when somebody has changed them on the way', () => refusesChanged(app));
        }
        assert.deepEqual(await app.stop(), CLEAN);
    });
}

/** One more byte in the script, then in the style sheet, and all else as it was. @param {Awaited<ReturnType<typeof startApp>>} app */
async function refusesChanged(app) {
    const assets = path.join(app.dir, 'public/assets');
    for (const [ext, works] of /** @type {const} */ ([['js', false], ['css', true]])) {
        const name = /** @type {string} */ (readdirSync(assets).find((one) => one.startsWith('app-') && one.endsWith(`.${ext}`)));
        const text = readFileSync(path.join(assets, name), 'utf8');
        writeFileSync(path.join(assets, name), `${text} `);
        const context = await browser.newContext(); // with a cache of its own
        const page = await context.newPage();
        /** @type {string[]} */
        const errors = [];
        page.on('console', (message) => message.type() === 'error' && errors.push(message.text()));
        await page.goto(app.url);
        assert.ok(await until(() => errors.some((one) => one.includes('integrity') && one.includes(name))), `${name}: ${errors}`);
        await page.waitForFunction(() => /** @type {any} */ (window).SS.socket.connected);
        assert.equal(await page.evaluate(() => Boolean(/** @type {any} */ (window).SS.client.app)), works, name);
        const [sheet] = await page.evaluate(() => [...document.styleSheets].map((one) => one.href ?? ''));
        assert.equal(sheet?.endsWith('.css') ?? false, ext !== 'css');
        await context.close();
        writeFileSync(path.join(assets, name), text);
    }
}
