// SPDX-License-Identifier: MIT
//
// How long a developer waits: an application of 200 client files packed for production, from nothing
// and with what was compiled before, beside esbuild alone with the same files in the same run, and the time from saving a file to seeing the change in
// Chromium.
//
//   node bench/pack.mjs [--rounds 20]

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';
import { root, startApp } from '../t/e2e/app.mjs';

const FILES = 200;
const COLD_RUNS = 5;
const { values } = parseArgs({ options: { rounds: { type: 'string', default: '20' } } });

/** @param {number[]} list */
const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];

/** Half of them CoffeeScript, a quarter TypeScript; 20 to 40 lines each. @param {string} app */
function writeApp(app) {
    const body = {
        coffee: (/** @type {number} */ n) => `class Thing${n}\n  constructor: (@name) ->\n  greet: -> "hello #{@name}"\n\n${
            Array.from({ length: 6 }, (_, i) => `exports.method${i} = (a, b) ->\n  list = (x * ${i} for x in [a..b] when x % 2 is 0)\n  new Thing${n}(list.length).greet()\n`).join('\n')}`,
        ts: (/** @type {number} */ n) => `interface Thing${n} { name: string; size?: number }\n${
            Array.from({ length: 10 }, (_, i) => `export function method${i}(thing: Thing${n}): string {\n    return \`\${thing.name} \${(thing.size ?? ${i}) * ${n}}\`;\n}`).join('\n')}\n`,
        js: (/** @type {number} */ n) => Array.from({ length: 10 }, (_, i) =>
            `exports.method${i} = function (a) {\n    var sum = ${n};\n    return a.map(function (x) { return x * sum + ${i}; });\n};`).join('\n'),
    };
    for (let n = 0; n < FILES; n++) {
        const kind = n === 0 ? 'js' : /** @type {const} */ (['coffee', 'js', 'coffee', 'ts'])[n % 4];
        const file = path.join(app, 'app/client', n === 0 ? 'app.js' : `group${n % 10}/file${n}.${kind}`);
        mkdirSync(path.dirname(file), { recursive: true });
        writeFileSync(file, n === 0 ? "document.title = 'v0'; exports.init = function () {};" : body[kind](n));
    }
    for (const dir of ['app/views', 'app/css', 'app/server']) mkdirSync(path.join(app, dir), { recursive: true });
    writeFileSync(path.join(app, 'app/views/app.jade'), '!!! 5\nhtml\n  head\n    != SocketStream\n  body\n    #mark\n');
    writeFileSync(path.join(app, 'app/css/app.styl'), "@import 'more'\n#mark\n  width 1px\n");
    writeFileSync(path.join(app, 'app/css/more.styl'), '.more\n  color red\n');
}

/** What esbuild needs for the same files: CoffeeScript compiled by its own compiler, nothing else. */
const PLAIN = `
import { build } from 'esbuild';
import coffee from 'coffeescript';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
const dir = process.argv[2];
const files = readdirSync(dir, { recursive: true, withFileTypes: true }).filter((one) => one.isFile())
    .map((one) => path.join(one.path ?? one.parentPath, one.name));
await build({ stdin: { contents: files.map((file) => 'require(' + JSON.stringify(file) + ')').join(';'), resolveDir: dir },
    bundle: true, minify: true, sourcemap: true, outfile: process.argv[3], logLevel: 'error',
    plugins: [{ name: 'coffee', setup({ onLoad }) { onLoad({ filter: /coffee$/ }, ({ path: file }) =>
        ({ contents: coffee.compile(readFileSync(file, 'utf8'), { bare: true, inlineMap: true, filename: file }) })); } }] });
`;

/** @param {string[]} args */
function timed(args) {
    const started = performance.now();
    execFileSync(process.execPath, args, { cwd: root, stdio: 'ignore' });
    return performance.now() - started;
}

/** @param {string} app */
function cold(app) {
    const plain = path.join(root, 'build/plain-esbuild.mjs');
    writeFileSync(plain, PLAIN);
    /** `again`: with what was compiled before. @type {Record<'ours' | 'again' | 'esbuild', number[]>} */
    const times = { ours: [], again: [], esbuild: [] };
    for (let i = 0; i < COLD_RUNS; i++) {
        for (const dir of ['public', '.socketstream']) {
            rmSync(path.join(app, dir), { recursive: true, force: true });
        }
        times.ours.push(timed(['packer/main.mjs', '--app', app]));
        rmSync(path.join(app, 'public'), { recursive: true });
        times.again.push(timed(['packer/main.mjs', '--app', app]));
        times.esbuild.push(timed([plain, path.join(app, 'app/client'), path.join(app, 'plain.js')]));
    }
    rmSync(plain);
    const [ours, again, esbuild] = [times.ours, times.again, times.esbuild].map((list) => Math.round(median(list)));
    console.log(`cold pack of ${FILES} files: ${ours} ms, again: ${again} ms; esbuild alone: ${esbuild} ms`);
}

/** @param {string} app @param {number} rounds */
async function saves(app, rounds) {
    const running = await startApp({ dir: app });
    const browser = await chromium.launch({
        executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
        args: ['--headless', '--no-sandbox', '--disable-gpu'],
    });
    try {
        await measure(await browser.newPage(), running.url, app, rounds);
    } finally {
        await browser.close();
        await running.stop();
    }
}

/** Notes the first frame that shows each title or width, by a clock that pages and we share. */
function watchFrames() {
    const shared = /** @type {any} */ (window);
    shared.shown = {};
    (function frame() {
        const mark = document.getElementById('mark');
        const now = performance.timeOrigin + performance.now();
        shared.shown[document.title] ??= now;
        shared.shown[mark ? getComputedStyle(mark).width : ''] ??= now;
        requestAnimationFrame(frame);
    })();
}

/** When the page first showed it, whoever asks later. @param {import('playwright-core').Page} page @param {string} what */
const shownAt = async (page, what) => /** @type {number} */ (await (
    await page.waitForFunction((name) => /** @type {any} */ (window).shown?.[name], what)
).jsonValue());

const now = () => performance.timeOrigin + performance.now();

/** @param {import('playwright-core').Page} page @param {string} url @param {string} app @param {number} rounds */
async function measure(page, url, app, rounds) {
    await page.addInitScript(watchFrames);
    await page.goto(url);
    await page.waitForFunction(() => /** @type {any} */ (window).SS.started);
    /** @type {Record<string, number[]>} */
    const times = { css: [], js: [] };
    for (let i = 1; i <= rounds; i++) {
        let started = now();
        writeFileSync(path.join(app, 'app/css/app.styl'), `@import 'more'\n#mark\n  width ${100 + i}px\n`);
        times.css.push(await shownAt(page, `${100 + i}px`) - started);
        started = now();
        writeFileSync(path.join(app, 'app/client/app.js'), `document.title = 'v${i}'; exports.init = function () {};`);
        times.js.push(await shownAt(page, `v${i}`) - started);
        await page.waitForFunction(() => /** @type {any} */ (window).SS.started);
    }
    for (const [kind, list] of Object.entries(times)) {
        console.log(`save to visible, ${kind}: median of ${list.length} ${Math.round(median(list))} ms, worst ${Math.round(Math.max(...list))} ms`);
    }
}

const app = mkdtempSync(path.join(tmpdir(), 'ss-pack-'));
writeApp(app);
cold(app);
await saves(app, Number(values.rounds));
rmSync(app, { recursive: true, force: true });
