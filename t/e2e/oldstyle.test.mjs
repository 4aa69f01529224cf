// SPDX-License-Identifier: MIT
//
// An application as they were written in 2011 (its files unchanged: Jade, Stylus, CoffeeScript,
// jQuery and its templates), packed, in Chromium; and what a developer sees of it.

import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { chromium } from 'playwright-core';
import { CLEAN, read, root, runCommand, startApp } from './app.mjs';

const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
const timeout = 60000;
const skip = existsSync(executablePath) ? false : `${executablePath} is missing`;

/** @type {import('playwright-core').Browser} */
let browser;

function copyOldstyle() {
    const dir = mkdtempSync(path.join(tmpdir(), 'ss-old-'));
    cpSync(path.join(root, 't/e2e/apps/oldstyle'), dir, { recursive: true });
    return dir;
}

before(async () => {
    if (!skip) {
        browser = await chromium.launch({
            executablePath,
            args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
                '--disable-background-networking', '--disable-component-update', '--disable-sync'],
        });
    }
});
after(() => browser?.close());

/** A page, and what went wrong in it. @param {string} url */
async function open(url) {
    const page = await browser.newPage();
    /** @type {string[]} */
    const problems = [];
    page.on('pageerror', (error) => problems.push(String(error)));
    // Failed responses are looked at below; jQuery 1 tries out whether there are inline handlers.
    page.on('console', (message) => message.type() === 'error'
        && !/^Failed to load resource|^Executing inline event handler/.test(message.text())
        && problems.push(message.text()));
    page.on('requestfailed', (request) => problems.push(`failed: ${request.url()}`));
    page.on('response', (response) => response.status() >= 400 && !response.url().endsWith('/favicon.ico')
        && problems.push(`${response.status()}: ${response.url()}`));
    page.setDefaultTimeout(30000);
    await page.goto(url);
    return { page, problems };
}

/** What the page of the old application is when all of it works. @param {import('playwright-core').Page} page */
async function looksRight(page) {
    await page.waitForSelector('#people .customer');
    return page.evaluate(() => {
        const window_ = /** @type {any} */ (window);
        const text = (/** @type {string} */ selector) => document.querySelector(selector)?.textContent?.trim();
        const style = (/** @type {string} */ selector) => getComputedStyle(/** @type {Element} */ (document.querySelector(selector)));
        return {
            seen: window_.seen.slice(0, 3),
            first: text('#messages .text'),
            escaped: document.querySelector('#messages .message')?.getAttribute('id'),
            tags: [...document.querySelectorAll('#messages .tag')].map((tag) => tag.textContent),
            people: [...document.querySelectorAll('#people .customer')].map((li) => li.textContent),
            strong: document.querySelectorAll('#people strong').length,
            circumference: text('#circumference'),
            dashed: text('#dashed'),
            nested: text('#nested'),
            literal: text('.literal'),
            atLoad: document.body.classList.contains('jquery-at-load'),
            navbar: window_.navbar,
            order: window_.libraryOrder,
            root: window_.libraryRoot,
            color: style('#header').color,
            spacing: style('.literal').letterSpacing,
            radius: style('a.button').borderTopLeftRadius,
            margin: style('body').marginTop,
            width: style('body').maxWidth,
            klass: window_.SS.client.people.list.last(),
            private: Object.keys(window_.SS.client.app).sort(),
        };
    });
}

const RIGHT = {
    seen: ['app', 'people/list', 'init true string'],
    first: 'Hello <world>', escaped: 'from-ann', tags: ['0:a', '1:b'],
    people: ['Bob VIP', 'Eve'], strong: 1,
    circumference: '125.66', dashed: 'Navigation old!', nested: '2',
    literal: '${not a template, only text}', atLoad: true, navbar: { loaded: true },
    order: ['2.first', '10.last'], root: true,
    color: 'rgb(170, 51, 17)', spacing: '1px', radius: '5px', margin: '0px', width: '700px',
    klass: 'bob!', private: ['init', 'name'],
};

for (const csp of ['', "default-src 'self'; object-src 'none'; base-uri 'self'"]) {
    test(`packed for production${csp && ', under a strict policy'}: everything of 2011 works`, { skip, timeout }, async () => {
        const dir = copyOldstyle();
        const env = { SS_ENV: 'production', SS__pack__csp: csp };
        assert.equal((await runCommand(['pack', '--app', dir], { env })).code, 0);
        const app = await startApp({ dir, env });
        const { page, problems } = await open(app.url);
        assert.deepEqual(await looksRight(page), RIGHT);
        assert.deepEqual(problems, []);
        const headers = await page.evaluate(async () => {
            const [script] = [...document.querySelectorAll('script[src]')];
            const answer = await fetch(/** @type {any} */ (script).src, { cache: 'no-store' });
            return [answer.headers.get('cache-control'), answer.headers.get('content-encoding')];
        });
        assert.match(headers[0] ?? '', /immutable/);
        assert.match(headers[1] ?? '', /^(?:br|gzip|zstd)$/);
        await page.close();
        assert.deepEqual(await app.stop(), CLEAN);
    });
}

test('SS.client.app.init() is called once, also when the connection comes back', { skip, timeout }, async () => {
    const dir = copyOldstyle();
    const env = { SS_ENV: 'production' };
    await runCommand(['pack', '--app', dir], { env });
    const app = await startApp({ dir, env });
    const { page } = await open(app.url);
    await looksRight(page);
    await page.evaluate(() => new Promise((resolve) => {
        const { SS } = /** @type {any} */ (window);
        SS.socket.on('connect', resolve);
        SS.socket.disconnect();
        SS.socket.connect();
    }));
    assert.equal(await page.evaluate(() => document.querySelectorAll('#people .customer').length), 2);
    await page.close();
    assert.deepEqual(await app.stop(), CLEAN);
});

test('in development a change of style is swapped, of code loads the page, a mistake is shown until it is gone', { skip, timeout }, async () => {
    const dir = copyOldstyle();
    const app = await startApp({ dir });
    const { page } = await open(app.url);
    await looksRight(page);
    await page.evaluate(() => { /** @type {any} */ (window).kept = true; });

    const header = path.join(dir, 'app/css/header.styl');
    writeFileSync(header, '#header\n  color #123456\n');
    await page.waitForFunction(() => getComputedStyle(/** @type {any} */ (document.querySelector('#header'))).color === 'rgb(18, 52, 86)');
    assert.equal(await page.evaluate(() => /** @type {any} */ (window).kept), true, 'without loading the page');

    const list = path.join(dir, 'app/client/people/list.coffee');
    const good = read(list);
    writeFileSync(list, 'exports.count = -> (');
    const overlay = page.locator('socketstream-problems [role=alertdialog]');
    await overlay.waitFor();
    assert.match(await overlay.innerText(), /app\/client\/people\/list\.coffee:1:\d+[\s\S]*missing \)[\s\S]*> 1 \| exports\.count/);
    await page.keyboard.press('Escape');
    await overlay.waitFor({ state: 'detached' });

    writeFileSync(list, 'exports.count = -> ((');
    await overlay.waitFor();
    writeFileSync(list, good.replace('people.length', '40 + people.length'));
    await page.waitForFunction(() => document.querySelector('#nested')?.textContent === '42');
    assert.equal(await overlay.count(), 0);

    writeFileSync(path.join(dir, 'app/views/people/customers/new.html'), '<b>${x}</b>');
    await page.waitForFunction(() => document.getElementById('people-customers-new'));
    await page.close();
    assert.deepEqual(await app.stop(), CLEAN);
    rmSync(dir, { recursive: true, force: true });
});
