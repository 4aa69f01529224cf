// SPDX-License-Identifier: MIT
//
// The demo's page in Chromium: calls of actions in JavaScript and in C.

import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { launch, skip, watch } from './chromium.mjs';
import { CLEAN, copyExample, root, runCommand, startApp, until } from './app.mjs';

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
    app = await startApp({ dir: copyExample() });
    browser = await launch();
    page = await browser.newPage({ viewport: { width: 760, height: 720 } });
    watch(page, problems);
    page.on('requestfailed', (request) => problems.push(`failed: ${request.url()}`));
    page.on('websocket', (socket) => {
        sockets.push(socket);
    });
});
after(async () => {
    if (skip) {
        return;
    }
    await browser.close();
    assert.deepEqual(await app.stop(), CLEAN);
});

/** @type {import('playwright-core').WebSocket[]} all that the page opened */
const sockets = [];

/** @param {string} id @param {string} text */
async function shows(id, text) {
    await page.waitForFunction(
        ([where, what]) => document.getElementById(where)?.textContent === what,
        [id, text],
        { timeout: 30000 },
    );
}

test('the page shows 625 from app.square in JavaScript, native.square in C, and a file that calls both', { skip }, async () => {
    await page.goto(app.url);
    await shows('square-js', '625');
    await shows('square', '625');
    await shows('both', '{"javascript":625,"c":625}');
    await shows('echo', '"hello"');
    await shows('state', 'connected');
    assert.deepEqual(problems, []);
    if (process.env.SCREENSHOT) {
        await screenshot();
    }
});

/** What docs/screenshot.png shows: two people on the page. */
async function screenshot() {
    const other = await (await browser.newContext()).newPage();
    await page.setViewportSize({ width: 1000, height: 680 });
    for (const [where, name] of /** @type {[typeof page, string][]} */ ([[other, 'Bob'], [page, 'Ann']])) {
        await where.goto(app.url);
        await where.fill('#name', name);
        await where.press('#name', 'Enter');
        await where.waitForSelector('#rooms button[aria-current="true"]');
    }
    const say = async (/** @type {typeof page} */ where, /** @type {string} */ text) => {
        await where.fill('#message', text);
        await where.press('#message', 'Enter');
        await page.waitForTimeout(200);
    };
    await page.fill('#room', 'release');
    await page.press('#room', 'Enter');
    await page.waitForSelector('#rooms button:has-text("#release")');
    await page.click('#rooms button:has-text("#lobby")');
    await say(page, 'Hello! How did the night go?');
    await say(other, '10,000 sockets, and none was closed.');
    await say(other, 'I killed the sidecar twice while they were talking.');
    await say(page, 'And Redis?');
    await say(other, 'Once. Everybody is still signed in.');
    await say(page, 'Then it is ready, I think.');
    await other.click('#people button:has-text("Ann")');
    await say(other, 'coffee?');
    await page.waitForSelector('#private b:text-is("1")');
    await page.fill('#number', '25'); // called once more, now that nothing else is going on
    await page.mouse.move(0, 0);
    await page.waitForTimeout(500);
    await page.screenshot({ path: path.join(root, 'docs/screenshot.png') });
    await other.context().close();
}

test('the same answers come over HTTP, and in the console', { skip }, async () => {
    for (const id of ['api-js', 'api']) {
        const url = new URL(String(await page.getAttribute(`#${id}`, 'href')), app.url);
        assert.equal(await (await fetch(url)).text(), '625', url.pathname);
    }
    assert.deepEqual(await (await fetch(`${app.url}api/both/square?25`)).json(), { javascript: 625, c: 625 });
    for (const [call, answer] of [
        ['app.square', '625'], ['native.square', '625'], ['both.square', '{ javascript: 625, c: 625 }'],
    ]) {
        const run = await runCommand(['console', '--app', app.dir, '-e', `SS.server.${call}(25)`]);
        assert.equal(run.stdout, `${answer}\n`, run.stderr);
    }
});

test('the page calls as its fields change', { skip }, async () => {
    await page.fill('#number', '12');
    await shows('square', '144');
    await shows('square-js', '144');
    assert.equal(await page.getAttribute('#api-js', 'href'), '/api/app/square?12');
    await page.click('#more summary');
    await page.fill('#text', 'wörld');
    await shows('echo', '"wörld"');
    await page.fill('#delay', '100');
    await page.click('#start');
    await page.waitForSelector('#slow i:text("100 ms")');
});

test('SS is there for the console, with the tree', { skip }, async () => {
    assert.deepEqual(
        await page.evaluate(async () => {
            const SS = /** @type {any} */ (window).SS;
            return {
                groups: Object.keys(SS.server).sort(),
                actions: Object.keys(SS.server.native).sort(),
                missing: SS.server.native.cube,
                title: SS.config.title,
                result: await new Promise((resolve) => {
                    SS.server.native.square(25, resolve);
                }),
            };
        }),
        {
            groups: ['app', 'both', 'chat', 'native', 'people'],
            actions: ['echo', 'slow', 'square'],
            missing: undefined,
            title: 'SocketStream chat',
            result: 625,
        },
    );
});

test('the sidecar is killed: the socket stays open, and calls work again', { skip }, async () => {
    const before = sockets.length;
    const pid = app.sidecar();
    process.kill(pid, 'SIGKILL');
    await until(() => app.sidecar() !== pid && app.sidecar() !== 0);
    const result = await page.evaluate(async () => {
        const SS = /** @type {any} */ (window).SS;
        for (;;) {
            try {
                return await SS.server.native.square(9);
            } catch (error) {
                if (!(/** @type {any} */ (error).data?.retryable)) {
                    throw error;
                }
            }
        }
    });
    assert.equal(result, 81);
    assert.equal(sockets.length, before);
    assert.equal(sockets.at(-1)?.isClosed(), false);
});

test('nginx reloads: the page connects again by itself', { skip }, async () => {
    const before = sockets.length;
    process.kill(app.nginx(), 'SIGHUP');
    await until(() => sockets.length > before && sockets[before - 1].isClosed());
    await shows('state', 'connected');
    await page.fill('#number', '7');
    await shows('square', '49');
});

test('nginx is killed: the page says so, and comes back', { skip }, async () => {
    await page.evaluate(() => {
        const seen = /** @type {any} */ (window).seen = /** @type {string[]} */ ([]);
        for (const name of ['disconnect', 'connect']) {
            /** @type {any} */ (window).SS.socket.on(name, () => seen.push(name));
        }
    });
    process.kill(app.nginx(), 'SIGKILL');
    await page.waitForFunction(() => /** @type {any} */ (window).seen.includes('connect'));
    assert.deepEqual(await page.evaluate(() => /** @type {any} */ (window).seen), [
        'disconnect', 'connect',
    ]);
    await page.fill('#number', '6');
    await shows('square', '36');
});
