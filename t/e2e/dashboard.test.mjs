// SPDX-License-Identifier: MIT
//
// The dashboard example in Chromium: what its C actions measure, as its page draws it.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { CLEAN, copyExample, openSocket, startApp, until } from './app.mjs';
import { launch, skip, watch } from './chromium.mjs';

/** @type {Awaited<ReturnType<typeof startApp>>} */
let app;
/** @type {import('playwright-core').Browser} */
let browser;
/** @type {import('playwright-core').Page} */
let page;
/** @type {string[]} */
const problems = [];

before(async () => {
    if (skip) {
        return;
    }
    app = await startApp({ dir: copyExample('dashboard') });
    browser = await launch();
    page = await browser.newPage({ viewport: { width: 1100, height: 760 }, colorScheme: 'light' });
    page.setDefaultTimeout(30000);
    watch(page, problems);
    await page.goto(app.url);
    await page.waitForSelector('#state:text-is("connected")');
});
after(async () => {
    if (skip) {
        return;
    }
    await browser.close();
    const end = await app.stop();
    assert.deepEqual(problems, []);
    assert.deepEqual(end, CLEAN);
});

/** Colours of the style sheet, as pixels have them when it is light. */
const LINES = ['11,122,117', '180,83,9', '109,40,217', '190,24,93'];

/** The page's figure. @param {string} id */
const figure = async (id) => Number(await page.textContent(`#${id}`));

/** Colours that a chart is drawn in. @param {number} at */
const colours = (at) => page.locator('figure canvas').nth(at).evaluate((canvas) => {
    const { width, height } = /** @type {HTMLCanvasElement} */ (canvas);
    const context = /** @type {CanvasRenderingContext2D} */ (/** @type {HTMLCanvasElement} */ (canvas).getContext('2d'));
    const { data } = context.getImageData(0, 0, width, height);
    const found = new Set();
    for (let i = 0; i < data.length; i += 4) {
        if (data[i + 3] === 255) {
            found.add(`${data[i]},${data[i + 1]},${data[i + 2]}`);
        }
    }
    return [...found];
});

test('clients, CPU and memory are those of this server', { skip }, async () => {
    await page.waitForSelector('#clients:text-is("1")');
    assert.ok(await figure('memory') > 5, 'nginx, sidecar and Redis take some');
    const socket = await openSocket(app.socketUrl);
    await page.waitForSelector('#clients:text-is("2")');
    socket.terminate();
    await page.waitForSelector('#clients:text-is("1")');
});

test('calls are counted, those of the page itself, which the keyboard can ask for', { skip }, async () => {
    await page.focus('#rate');
    await page.keyboard.press('End');
    assert.equal(await page.textContent('#rate-shown'), '2000 calls/s');
    assert.ok(await until(async () => await figure('calls') > 200, 15000));
    assert.ok(await until(async () => await figure('cpu') > 0, 15000));
    await page.keyboard.press('Home');
    assert.ok(await until(async () => await figure('calls') < 200, 15000));
});

test('each chart has its lines, and the keyboard goes through their time', { skip }, async () => {
    assert.equal(await page.locator('figure canvas').count(), 4);
    for (let at = 0; at < 4; at++) {
        const drawn = await colours(at); // the last line of those that are one behind the other, at least
        assert.ok(LINES.some((colour) => drawn.includes(colour)), `chart ${at}`);
    }
    const time = page.locator('figure').first().locator('.u-series .u-value').first();
    const last = await time.textContent();
    await page.locator('figure').first().focus();
    await page.keyboard.press('ArrowLeft');
    await page.keyboard.press('ArrowLeft');
    await until(async () => (await time.textContent()) !== last);
    const earlier = await time.textContent();
    assert.match(String(earlier), /^\d\d:\d\d:\d\d$/);
    await page.keyboard.press('Escape');
    assert.ok(await until(async () => String(await time.textContent()) > String(earlier)));
});

test('it is dark or light as one likes, and charts follow', { skip }, async () => {
    const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const light = await background();
    await page.click('#theme');
    assert.notEqual(await background(), light);
    assert.ok(await until(async () => (await colours(1)).includes('63,193,184')));
    await page.click('#theme');
    assert.equal(await background(), light);
});

test('a small screen has it all, one below the other', { skip }, async () => {
    await page.setViewportSize({ width: 360, height: 700 });
    await page.waitForFunction(() => document.documentElement.scrollWidth === 360
        && [...document.querySelectorAll('figure canvas')].every((one) => one.clientWidth < 360));
    await page.setViewportSize({ width: 1100, height: 760 });
});

test('a sidecar that is started again is watched again', { skip }, async () => {
    const pid = app.sidecar();
    process.kill(pid, 'SIGKILL');
    assert.ok(await until(() => app.sidecar() !== pid && app.sidecar() !== 0));
    const heard = page.evaluate(() => new Promise((resolve) => {
        /** @type {any} */ (window).SS.events.once('sample', resolve);
    }));
    assert.equal(/** @type {any} */ (await heard).clients, 1);
});
