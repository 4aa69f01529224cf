// SPDX-License-Identifier: MIT
//
// The example's chat, with several people in Chromium.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch, skip, watch } from './chromium.mjs';
import { CLEAN, copyExample, startApp, until } from './app.mjs';

/** @typedef {import('playwright-core').Page} Page */

/** @type {Awaited<ReturnType<typeof startApp>>} */
let app;
/** @type {import('playwright-core').Browser} */
let browser;
/** @type {string[]} what no page may have */
const problems = [];
/** @type {Page} */
let ann;
/** @type {Page} */
let bob;

before(async () => {
    if (skip) {
        return;
    }
    app = await startApp({ dir: copyExample(), env: { SS__nginx__drain_time: '2' } });
    browser = await launch();
    ann = await visit();
    bob = await visit();
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

/**
 * A page of a browser of its own, or of one that has visited already.
 * @param {import('playwright-core').BrowserContext} [context]
 */
async function visit(context) {
    const where = context ?? (await browser.newContext({ viewport: { width: 1000, height: 640 } }));
    const page = await where.newPage();
    page.setDefaultTimeout(60000);
    watch(page, problems);
    await page.goto(app.url);
    await page.waitForSelector('#state:text-is("connected")');
    return page;
}

/** @param {Page} page @param {string} name */
async function signIn(page, name) {
    await page.fill('#name', name);
    await page.press('#name', 'Enter');
    await page.waitForSelector(`#me:text-is("${name}")`);
    await page.waitForSelector('#rooms button[aria-current="true"]');
}

/** @param {Page} page @param {string} text */
async function say(page, text) {
    await page.fill('#message', text);
    await page.press('#message', 'Enter');
}

/** @param {Page} page @param {string} text as the conversation shown has it */
const hears = (page, text) => page.waitForSelector(`#talks ol:not([hidden]) p:text-is(${JSON.stringify(text)})`);

/** All that is said in the conversation shown. @param {Page} page */
const heard = (page) => page.locator('#talks ol:not([hidden]) p').allTextContents();

/** @param {Page} page @param {string} list */
const items = (page, list) => page.locator(`#${list} span`).allTextContents();

/** Calls an action of the chat, and gives its result or its error's code. @param {Page} page @param {any[]} call */
const ask = (page, ...call) =>
    page.evaluate(async ([action, ...args]) => {
        const { chat, people } = /** @type {any} */ (window).SS.server;
        try {
            return await (chat[action] ?? people[action])(...args);
        } catch (error) {
            return /** @type {any} */ (error).code;
        }
    }, call);

/** The value of the session's cookie. @param {Page} page */
async function cookie(page) {
    const found = (await page.context().cookies()).find(({ name }) => name === 'ss_session');
    assert.equal(found?.httpOnly, true);
    assert.equal(found?.sameSite, 'Lax');
    return String(found?.value);
}

test('a page whose own scripts are slow misses nothing', { skip }, async () => {
    const context = await browser.newContext();
    await context.route('**/assets/app-*.js', async (route) => {
        await new Promise((resolve) => setTimeout(resolve, 500));
        await route.continue();
    });
    const page = await visit(context);
    await page.waitForSelector('#sign-in', { state: 'visible' });
    await context.close();
});

test('who is not signed in can neither say nor tell', { skip }, async () => {
    await ann.waitForSelector('#sign-in');
    assert.equal(await ann.isVisible('#chat'), false);
    assert.equal(await ask(ann, 'say', 'lobby', 'hello'), -32001);
    assert.equal(await ask(ann, 'tell', 'Bob', 'hello'), -32001);
});

test('at the sign-in the browser gets a new cookie, out of reach of scripts', { skip }, async () => {
    const former = await cookie(ann);
    const posted = ann.waitForResponse((response) => response.request().method() === 'POST');
    await signIn(ann, 'Ann');
    assert.equal((await posted).status(), 204);
    assert.equal(new URL((await posted).url()).pathname, '/socketstream');
    const now = await cookie(ann);
    assert.notEqual(now, former);
    assert.equal(await ann.evaluate(() => document.cookie), '');
});

test('two people hear each other in the lobby, each thing once', { skip }, async () => {
    await signIn(bob, 'Bob');
    assert.equal(await bob.textContent('#talk'), '#lobby');
    await say(ann, 'Hello, Bob');
    await hears(bob, 'Hello, Bob');
    await say(bob, 'Hello, Ann');
    await hears(ann, 'Hello, Ann');
    assert.deepEqual(await heard(ann), ['Hello, Bob', 'Hello, Ann']);
    assert.deepEqual(await heard(bob), ['Hello, Bob', 'Hello, Ann']);
});

test('the people online are listed, oneself first', { skip }, async () => {
    await ann.waitForSelector('#people :text-is("Bob")');
    await bob.waitForSelector('#people :text-is("Ann")');
    assert.deepEqual(await items(ann, 'people'), ['Ann', 'Bob']);
    assert.deepEqual(await items(bob, 'people'), ['Bob', 'Ann']);
});

test('what looks like markup is text', { skip }, async () => {
    const text = '<img src=x onerror="alert(1)"> <b>&amp;</b>';
    await say(ann, text);
    await hears(bob, text);
    assert.equal(await bob.locator('#talks img').count(), 0);
});

test('a private message reaches its addressee, and nobody else', { skip }, async () => {
    const eve = await visit();
    await signIn(eve, 'Eve');
    await ann.click('#people button:has-text("Bob")');
    assert.equal(await ann.textContent('#talk'), '@Bob');
    await say(ann, 'between us');
    await hears(ann, 'between us');
    await bob.waitForSelector('#private button:has-text("@Ann") b:text-is("1")');
    assert.match(await bob.title(), /^\(1\) /);
    await bob.click('#private button:has-text("@Ann")');
    await hears(bob, 'between us');
    assert.doesNotMatch(await bob.title(), /^\(/);
    await say(bob, 'of course');
    await hears(ann, 'of course');
    assert.deepEqual(await items(eve, 'private'), []);
    const lobby = await heard(eve);
    assert.ok(lobby.includes('Hello, Bob'), 'who comes later finds what was said');
    assert.ok(!lobby.includes('between us') && !lobby.includes('of course'));
    await eve.context().close();
});

test('who writes is seen to, in that conversation only, until it is said', { skip }, async () => {
    await ann.click('#rooms button:has-text("#lobby")');
    await bob.click('#rooms button:has-text("#lobby")');
    await bob.type('#message', 'wait');
    await ann.waitForSelector('#typing:text-is("Bob is typing …")');
    assert.equal(await bob.textContent('#typing'), '');
    await ann.click('#private button:has-text("@Bob")');
    assert.equal(await ann.textContent('#typing'), '');
    await ann.click('#rooms button:has-text("#lobby")');
    await bob.press('#message', 'Enter');
    await hears(ann, 'wait');
    await ann.waitForSelector('#typing:text-is("")', { state: 'attached' });
    await bob.click('#private button:has-text("@Ann")');
    await ann.click('#private button:has-text("@Bob")');
    await bob.type('#message', '?');
    await ann.waitForSelector('#typing:text-is("Bob is typing …")');
    await bob.fill('#message', '');
    await ann.waitForSelector('#typing:text-is("")', { state: 'attached' });
});

test('a room is for those who joined it, until they leave', { skip }, async () => {
    await ann.fill('#room', 'tea');
    await ann.press('#room', 'Enter');
    await ann.waitForSelector('#talk:text-is("#tea")');
    await say(ann, 'milk?');
    await hears(ann, 'milk?');
    assert.deepEqual(await items(bob, 'rooms'), ['#lobby']);

    await bob.fill('#room', 'tea');
    await bob.press('#room', 'Enter');
    await bob.waitForSelector('#talk:text-is("#tea")');
    await say(ann, 'sugar?');
    await hears(bob, 'sugar?');
    assert.deepEqual(await heard(bob), ['milk?', 'sugar?']);

    await bob.click('#leave');
    await bob.waitForFunction(() => document.querySelectorAll('#rooms li').length === 1);
    await say(ann, 'gone');
    await hears(ann, 'gone');
    assert.deepEqual(await items(bob, 'rooms'), ['#lobby']);
});

test('what is said in a room is for its members to hear, and to say', { skip }, async () => {
    assert.equal(await ask(bob, 'history', 'tea'), -32000);
    assert.equal(await ask(bob, 'say', 'tea', 'from outside'), -32000);
    assert.equal(await ask(bob, 'typing', { room: 'tea' }), -32000);
    const said = await ask(ann, 'history', 'tea');
    assert.deepEqual(said.map((/** @type {any} */ { text }) => text), ['milk?', 'sugar?', 'gone']);
});

test('calls with bad arguments are refused', { skip }, async () => {
    assert.equal(await ask(ann, 'join', ''), -32602);
    assert.equal(await ask(ann, 'join', 7), -32602);
    assert.equal(await ask(ann, 'say', 'lobby'), -32602);
    assert.equal(await ask(ann, 'tell', 'Bob', null), -32602);
});

test('the keyboard is enough', { skip }, async () => {
    await ann.focus('#sign-out');
    await ann.keyboard.press('Escape');
    await ann.keyboard.press('Alt+ArrowDown');
    assert.equal(await ann.textContent('#talk'), '@Bob');
    await ann.keyboard.press('Alt+ArrowDown');
    assert.equal(await ann.textContent('#talk'), '#lobby');
    await ann.keyboard.type('typed');
    await ann.keyboard.press('Enter');
    await bob.click('#rooms button:has-text("#lobby")');
    await hears(bob, 'typed');
});

test('on a small screen everything is there, and nothing beside it', { skip }, async () => {
    await bob.setViewportSize({ width: 360, height: 640 });
    for (const id of ['state', 'rooms', 'message', 'people', 'square', 'sign-out']) {
        await bob.locator(`#${id}`).scrollIntoViewIfNeeded();
        assert.equal(await bob.isVisible(`#${id}`), true, id);
    }
    assert.equal(await bob.evaluate(() => document.documentElement.scrollWidth), 360);
    await bob.setViewportSize({ width: 1000, height: 640 });
});

test('a reload of the page keeps user and rooms', { skip }, async () => {
    await ann.reload();
    await ann.waitForSelector('#me:text-is("Ann")');
    await ann.waitForSelector('#rooms :text-is("#tea")');
    assert.deepEqual((await items(ann, 'rooms')).sort(), ['#lobby', '#tea']);
    await ann.click('#rooms button:has-text("#lobby")');
    await say(bob, 'there you are');
    await hears(ann, 'there you are');
});

test('what was said while one was away is there when one is back, once and in its order', { skip }, async () => {
    const before = await heard(ann);
    await ann.evaluate(() => /** @type {any} */ (window).SS.socket.disconnect());
    await ann.waitForSelector('#state:text-is("disconnected")');
    for (const text of ['one', 'two', 'three']) {
        assert.equal(await ask(bob, 'say', 'lobby', text), true);
    }
    await ann.evaluate(() => /** @type {any} */ (window).SS.socket.connect());
    await hears(ann, 'three');
    await say(bob, 'four');
    await hears(ann, 'four');
    assert.deepEqual(await heard(ann), [...before, 'one', 'two', 'three', 'four']);
});

test('the last hundred messages of a room are kept', { skip }, async () => {
    assert.equal(await ask(ann, 'join', 'attic'), true);
    await ann.evaluate(async () => {
        const { chat } = /** @type {any} */ (window).SS.server;
        for (let n = 0; n < 103; n++) {
            await chat.say('attic', `word ${n}`);
        }
    });
    const kept = (await ask(ann, 'history', 'attic')).map((/** @type {any} */ { text }) => text);
    assert.deepEqual(kept, Array.from({ length: 100 }, (_, n) => `word ${n + 3}`));
    assert.equal(await ask(ann, 'leave', 'attic'), true);
    await ann.reload();
    await ann.waitForSelector('#rooms button[aria-current="true"]');
    await ann.click('#rooms button:has-text("#lobby")');
});

test('signing out in one tab ends it in the other, and for others', { skip }, async () => {
    const tab = await visit(ann.context());
    await tab.waitForSelector('#me:text-is("Ann")');
    await ann.click('#sign-out');
    await ann.waitForSelector('#sign-in', { state: 'visible' });
    const end = Date.now() + 1000;
    while ((await ask(tab, 'say', 'lobby', 'still here?')) !== -32001) {
        assert.ok(Date.now() < end, 'the other tab is still signed in after a second');
    }
    // The page notices by itself, when it looks who is online or when it is told so.
    await tab.waitForSelector('#sign-in', { state: 'visible' });
    await bob.waitForFunction(
        () => ![...document.querySelectorAll('#people span')].some((e) => e.textContent === 'Ann'),
    );
    await ann.reload();
    await ann.waitForSelector('#sign-in', { state: 'visible' });
    await tab.close();
    await signIn(ann, 'Ann');
});

test('a reload of nginx in the middle of a conversation loses and doubles nothing', { skip }, async () => {
    /** @type {string[]} */
    const lines = [];
    const start = (await heard(ann)).length;
    for (let n = 0; n < 40; n++) {
        if (n === 10) {
            process.kill(app.nginx(), 'SIGHUP');
        }
        lines.push(`line ${n}`);
        assert.equal(await ask(bob, 'say', 'lobby', lines[n]), true);
        await new Promise((resolve) => setTimeout(resolve, 50));
    }
    await hears(ann, 'line 39');
    assert.deepEqual((await heard(ann)).slice(start), lines);
    assert.equal(await ann.locator('#talks .note').count(), 0);
});

test('the sidecar is killed: the sockets stay open, and the chat goes on', { skip }, async () => {
    for (const page of [ann, bob]) {
        await page.evaluate(() => {
            const w = /** @type {any} */ (window);
            w.closed = false;
            w.SS.socket.on('disconnect', () => (w.closed = true));
        });
    }
    const pid = app.sidecar();
    process.kill(pid, 'SIGKILL');
    assert.ok(await until(() => app.sidecar() !== pid && app.sidecar() !== 0), app.output.stderr);
    // The page asks what it may have missed, once it has heard from the new sidecar, and tells where
    // it cannot know: private messages are not kept.
    await bob.waitForSelector('#talks .note', { state: 'attached' });
    // On a busy machine one of them may be known again later than the other: until then its calls fail.
    for (const page of [ann, bob]) {
        assert.ok(await until(async () => Array.isArray(await ask(page, 'history', 'lobby')), 60000), app.log('sidecar'));
    }
    await say(bob, 'after the crash');
    await hears(ann, 'after the crash');
    await say(ann, 'as before');
    await hears(bob, 'as before');
    for (const page of [ann, bob]) {
        assert.equal(await page.evaluate(() => /** @type {any} */ (window).closed), false);
    }
});
