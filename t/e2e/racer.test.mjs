// SPDX-License-Identifier: MIT
//
// The racer example: its TypeScript by itself, and two drivers in Chromium.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { CLEAN, copyExample, root, startApp, until } from './app.mjs';
import { launch, skip, watch } from './chromium.mjs';

const out = mkdtempSync(path.join(tmpdir(), 'ss-racer-'));
after(() => rmSync(out, { recursive: true }));

/** A file of the example as a module. @param {string} name */
async function load(name) {
    const outfile = path.join(out, `${path.basename(name)}.mjs`);
    await build({
        entryPoints: [path.join(root, 'examples/racer/app', name)], outfile, bundle: true, format: 'esm', logLevel: 'silent',
    });
    return import(pathToFileURL(outfile).href);
}

describe('the track', () => {
    test('a car gains speed on the road, no more than it can, and loses it on the grass', async () => {
        const { drive, start, MAX_SPEED, middle } = await load('shared/track.ts');
        let car = { ...middle[120], angle: 0, speed: 0 };
        car = drive(car, { gas: 1, steer: 0 }, 0.1);
        assert.ok(car.speed > 0 && car.x > middle[120].x);
        let fast = { ...start(0), speed: MAX_SPEED };
        for (let n = 0; n < 50; n++) {
            fast = { ...drive(fast, { gas: 1, steer: 0 }, 0.02), x: 800, y: 500 }; // in the middle of the grass
        }
        assert.ok(fast.speed < MAX_SPEED / 3, `${fast.speed}`);
    });
});

describe('others', () => {
    test('are shown between two places they were at, and turn the short way', async () => {
        const { hear, at } = await load('client/others.ts');
        const car = { id: 'a', name: 'Ann', hue: 1, laps: 0, best: 0, speed: 0, y: 0 };
        hear({ at: 1000, cars: [{ ...car, x: 0, angle: 3 }] }, 5000);
        hear({ at: 1033, cars: [{ ...car, x: 33, angle: -3 }] }, 5090); // it came late
        hear({ at: 1066, cars: [{ ...car, x: 66, angle: -3 }] }, 5091);
        const x = (/** @type {number} */ now) => at(now)[0].x;
        assert.equal(x(5100), 0);
        assert.equal(x(5110), 10);
        assert.equal(x(5133), 33);
        assert.equal(x(5150), 50);
        assert.equal(x(6000), 66);
        const { angle } = at(5116)[0];
        assert.ok(angle > 3 && angle < 3.3, `${angle}`);
    });

    test('are gone when the server has not told of them for two seconds', async () => {
        const { hear, all } = await load('client/others.ts');
        hear({ at: 2000, cars: [{ id: 'b' }] }, 5000);
        hear({ at: 4100, cars: [{ id: 'c' }] }, 7100);
        assert.deepEqual(all().map((/** @type {any} */ { id }) => id), ['c']);
    });
});

describe('the server', () => {
    test('counts laps that were driven, and no leaps, and tells of it', async () => {
        /** @type {any[]} */
        const told = [];
        /** @type {any} */ (globalThis).SS = { publish: { channel: async (/** @type {any} */ ...event) => told.push(event) } };
        const { actions } = await load('server/race.ts');
        const { middle } = await load('shared/track.ts');
        const real = Date.now;
        let now = real();
        Date.now = () => now;
        try {
            const caller = { request: { socket_id: 'me' }, session: { channel: { subscribe: async () => null } } };
            const call = (/** @type {string} */ name, /** @type {any} */ param) => actions[name].call(caller, param);
            assert.equal(await call('move', { ...middle[0], angle: 0, speed: 0 }), false);
            const racer = await call('join', ' Ann ');
            assert.equal(racer.name, 'Ann');
            const goTo = async (/** @type {any} */ point, /** @type {number} */ ms) => {
                now += ms;
                return call('move', { ...point, angle: 0, speed: 1 });
            };
            assert.equal(await goTo(middle[120], 33), false, 'that far in 33 ms');
            await goTo(racer, 1000);
            for (let n = 0; n < 2 * middle.length + 20; n++) {
                assert.equal(await goTo(middle[(235 + n) % middle.length], 50), true, `point ${n}`);
            }
            assert.equal(racer.laps, 2);
            assert.equal(racer.best, 50 * middle.length);
            assert.ok(await until(() => told.length > 0));
            assert.deepEqual(told[0].slice(0, 2), ['race', 'cars']);
            assert.equal(told.at(-1)[2].cars[0].name, 'Ann');
            for (const wrong of [undefined, null, 7, {}, { x: 1, y: 1, angle: 0, speed: NaN }]) {
                await assert.rejects(call('move', wrong), { code: -32602 });
            }
            for (const name of [undefined, '', ' ', 'x'.repeat(17), 7]) {
                await assert.rejects(call('join', name), { code: -32602 });
            }
        } finally {
            Date.now = real;
        }
    });
});

describe('two drivers', { skip }, () => {
    /** @type {Awaited<ReturnType<typeof startApp>>} */
    let app;
    /** @type {import('playwright-core').Browser} */
    let browser;
    /** @type {import('playwright-core').Page} */
    let ann;
    /** @type {import('playwright-core').Page} */
    let bob;
    /** @type {string[]} */
    const problems = [];

    before(async () => {
        app = await startApp({ dir: copyExample('racer') });
        browser = await launch();
        ann = await visit({ viewport: { width: 1100, height: 700 } });
        bob = await visit({ viewport: { width: 360, height: 640 }, hasTouch: true, isMobile: true });
    });
    after(async () => {
        await browser.close();
        const end = await app.stop();
        assert.deepEqual(problems, []);
        assert.deepEqual(end, CLEAN);
    });

    /** @param {import('playwright-core').BrowserContextOptions} options */
    async function visit(options) {
        const page = await (await browser.newContext(options)).newPage();
        page.setDefaultTimeout(30000);
        watch(page, problems);
        await page.goto(app.url);
        await page.waitForSelector('#state:text-is("connected")');
        return page;
    }

    /** @param {import('playwright-core').Page} page @param {string} name */
    async function join(page, name) {
        await page.fill('#name', name);
        await page.press('#name', 'Enter');
        await page.waitForSelector('#start', { state: 'hidden' });
    }

    /** Where a page hears that a driver is. @param {import('playwright-core').Page} page @param {string} name */
    const heard = (page, name) => page.evaluate((who) => new Promise((resolve) => {
        const { events } = /** @type {any} */ (window).SS;
        events.on('cars', function look(/** @type {any} */ { cars }) {
            const car = cars.find((/** @type {any} */ one) => one.name === who);
            if (car) {
                events.off('cars', look);
                resolve(car);
            }
        });
    }), name);

    test('see each other in the list', async () => {
        await join(ann, 'Ann');
        await join(bob, 'Bob');
        for (const page of [ann, bob]) {
            await page.waitForSelector('#board li:has-text("Ann")');
            await page.waitForSelector('#board li:has-text("Bob")');
        }
    });

    test('one drives by keyboard, and the other sees it, many times a second', async () => {
        const from = /** @type {any} */ (await heard(bob, 'Ann'));
        await bob.evaluate(() => {
            const w = /** @type {any} */ (window);
            w.places = new Set();
            w.SS.events.on('cars', (/** @type {any} */ { cars }) => {
                const car = cars.find((/** @type {any} */ { name }) => name === 'Ann');
                w.places.add(`${car?.x} ${car?.y}`);
            });
        });
        await ann.focus('#canvas');
        await ann.keyboard.down('ArrowUp');
        await bob.waitForFunction(() => /** @type {any} */ (window).places.size > 20);
        await ann.keyboard.up('ArrowUp');
        const to = /** @type {any} */ (await heard(bob, 'Ann'));
        assert.ok(Math.hypot(to.x - from.x, to.y - from.y) > 20);
    });

    test('the other by touch', async () => {
        const from = /** @type {any} */ (await heard(ann, 'Bob'));
        const gas = bob.locator('[data-control="gas"]');
        await gas.dispatchEvent('pointerdown', { pointerId: 1, isPrimary: true });
        const moved = async () => {
            const { x, y } = /** @type {any} */ (await heard(ann, 'Bob'));
            return Math.hypot(x - from.x, y - from.y) > 20;
        };
        assert.ok(await until(moved));
        await gas.dispatchEvent('pointerup', { pointerId: 1, isPrimary: true });
    });

    test('moves are in no log', () => {
        assert.match(app.log('sidecar'), /race\.join/);
        assert.doesNotMatch(app.log('sidecar'), /race\.move/);
    });

    test('the picture shows road and cars, and nothing beside it', async () => {
        for (const page of [ann, bob]) {
            const found = await page.evaluate(() => {
                const canvas = /** @type {HTMLCanvasElement} */ (document.getElementById('canvas'));
                const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
                const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
                const colours = new Set();
                for (let i = 0; i < data.length; i += 4) {
                    colours.add((data[i] << 16) | (data[i + 1] << 8) | data[i + 2]);
                }
                const { scrollWidth, clientWidth } = document.documentElement;
                return { colours: colours.size, wider: scrollWidth - clientWidth };
            });
            assert.ok(found.colours > 10, `${found.colours} colours`);
            assert.equal(found.wider, 0);
        }
    });

    test('who leaves is gone for the others', async () => {
        await ann.context().close();
        await bob.waitForFunction(() => !document.getElementById('board')?.textContent?.includes('Ann'));
    });
});
