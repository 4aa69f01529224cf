// SPDX-License-Identifier: MIT
//
// What the documents refer to is there: files, functions, tests by their names, bounds with their
// values, and each other.

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { startSidecar } from '../lib/fake_worker.mjs';
import { root } from './app.mjs';

const folders = ['bench', 'client', 'conf_examples', 'docs', 'examples', 'host', 'ngx_module', 'packer', 'scripts', 'shared', 'sidecar', 't', 'testing'];

/** @param {string} dir @returns {string[]} files below it, as paths from the root */
function filesBelow(dir) {
    return readdirSync(path.join(root, dir), { withFileTypes: true })
        .filter(({ name }) => name !== 'node_modules' && name !== '.socketstream')
        .flatMap((entry) => {
            const name = path.join(dir, entry.name);
            return entry.isDirectory() ? filesBelow(name) : entry.isFile() ? [name] : [];
        });
}

const files = folders.flatMap(filesBelow);
const names = new Set(files.map((file) => path.basename(file)));
/** @param {string} file */
const read = (file) => readFileSync(path.join(root, file), 'utf8');
const source = files.filter((file) => /\.(?:[ch]|js)$/.test(file)).map(read).join('\n');
const documents = ['README.md', 'CHANGELOG.md', ...files.filter((file) => /^docs\/.*\.md$/.test(file))]
    .filter((file) => existsSync(path.join(root, file)));

const ours = ['docs/ARCHITECTURE.md', 'docs/FILES.md', 'docs/PROTOCOL.md', 'docs/SEED.md'];

for (const document of documents) {
    const text = read(document);
    // Within fences and indented blocks stands code, which is another thing.
    const prose = text.replace(/^```[\s\S]*?^```$/gm, '').replace(/^ {4}.*$/gm, '');
    const words = [...prose.matchAll(/`([^`\n]+)`/g)].map(([, word]) => word);

    test(`${document}: its links lead to files`, () => {
        const missing = [...prose.matchAll(/\]\(([^)#\s]+)[^)]*\)/g)].map(([, to]) => to)
            .filter((to) => !/^https?:/.test(to))
            .filter((to) => !existsSync(path.join(root, path.dirname(document), to)));
        assert.deepEqual(missing, []);
    });

    // Elsewhere files of an application are meant.
    if (ours.includes(document)) test(`${document}: the source files it names are there`, () => {
        const missing = words.filter((word) => /^[\w.-]+(?:\/[\w.-]+)*\.(?:[ch]|t|m?js)$/.test(word))
            .filter((word) => (word.includes('/') ? !files.some((file) => file.endsWith(word)) : !names.has(word)));
        assert.deepEqual(missing, []);
    });

    test(`${document}: the functions, constants and directives it names are there`, () => {
        const missing = words.filter((word) => /^(?:ngx_http_ss|NGX_HTTP_SS|ss|SS|socketstream)_\w*[A-Za-z]$/.test(word))
            .filter((word) => !/^SS__|^SS_ENV$|^SS_TEST/.test(word))
            .filter((word) => !new RegExp(`\\b${word}\\b`).test(source) && !source.includes(`#${word}`));
        assert.deepEqual(missing, []);
    });

    test(`${document}: the tests it names are there`, () => {
        const missing = [...text.matchAll(/`(t\/[\w./-]+)`((?:(?:: |, )"[^"]+")*)/g)]
            .filter(([, file, quoted]) => !existsSync(path.join(root, file))
                || [...quoted.matchAll(/"([^"]+)"/g)].some(([, name]) => !read(file).includes(name)))
            .map(([all]) => all);
        assert.deepEqual(missing, []);
    });
}

test('docs/FILES.md: every source file is named once, in the table of its folder', () => {
    // Test programs are named by what they test, and say so themselves.
    const trivial = ['t/lib/tap.test.mjs', 't/lib/nginx.test.mjs', 't/lib/ports.test.mjs'];
    const listed = read('docs/FILES.md').split(/^## /m).slice(1).flatMap((section) => {
        const folder = /^`([\w/]+)\/`/.exec(section)?.[1] ?? '';
        const below = folder === 't' ? 't/lib' : folder;
        const cells = [...section.matchAll(/^\| (`.*?) \|/gm)].map(([, cell]) => cell).join(' ');
        return [...cells.matchAll(/`([\w./-]+\.(?:c|h|m?js))`/g)].map(([, name]) => `${below}/${name}`);
    });
    const there = ['ngx_module', 'shared', 'sidecar', 'host', 'packer', 'client/src', 'testing', 'scripts', 'bench', 't/lib']
        .flatMap(filesBelow)
        .filter((file) => /\.(?:c|h|m?js)$/.test(file) && !/\/app(?:-js)?\//.test(file) && !trivial.includes(file))
        .filter((file) => !file.endsWith('.h') || !existsSync(path.join(root, file.replace(/h$/, 'c'))));
    assert.deepEqual(listed.sort(), there.sort());
});

/** @param {string} text "1,000", "64 MiB", "256u << 10", "65536" */
function amount(text) {
    const shifted = /(\d+)u? << (\d+)/.exec(text);
    if (shifted) return Number(shifted[1]) * 2 ** Number(shifted[2]);
    const product = /\(?(\d+)u? \* (\d+)(?: \* (\d+))?/.exec(text);
    if (product) return Number(product[1]) * Number(product[2]) * Number(product[3] ?? 1);
    const plain = /^(\d+)(?: ([KM])iB)?/.exec(text.replaceAll(',', '').trim());
    return plain ? Number(plain[1]) * ({ K: 1024, M: 1048576 }[plain[2] ?? ''] ?? 1) : NaN;
}

test('docs/ARCHITECTURE.md: the limits have the values of the code, and none of sidecar/bounds.h is missing', () => {
    let checked = 0;
    for (const [, keys, values] of read('docs/ARCHITECTURE.md').matchAll(/^\| ((?:`\w+`,? ?)+(?:\([^)]*\) )?)\| ([^|]*) \|/gm)) {
        const listed = [...keys.matchAll(/`((?:SS|NGX_HTTP_SS|MAX)_\w+)`/g)].map(([, key]) => key);
        const written = values.split(', ');
        listed.forEach((key, i) => {
            const found = new RegExp(`(?:#define|const) ${key} +(?:= )?(.*)`).exec(source);
            assert.ok(found, key);
            assert.equal(amount(written[i]), amount(found[1]), `${key}: ${written[i]}, but ${found[1]}`);
            checked++;
        });
    }
    assert.ok(checked >= 30, `${checked} limits`);
    const bounds = [...read('sidecar/bounds.h').matchAll(/^#define (\w+) +\S/gm)].map(([, name]) => name);
    assert.deepEqual(bounds.filter((name) => !read('docs/ARCHITECTURE.md').includes(`\`${name}\``)), []);
    assert.ok(read('docs/ARCHITECTURE.md').split('\n').length <= 401);
});

test('docs/SEED.md: every promise has a state, and what is done names a test', () => {
    const rows = read('docs/SEED.md').split('\n').filter((line) => /^\| S\d/.test(line));
    assert.deepEqual(rows.map((row) => row.split(' ')[1]), Array.from({ length: 113 }, (_, i) => `S${i + 1}`));
    for (const row of rows) {
        assert.match(row.split(' | ')[2], /^(?:done|part|open)\b/, row);
        assert.ok(!row.includes(' | done') || /`t\/[^`]+`: "/.test(row), row);
    }
});

test('README.md: its nginx lines are those of conf_examples/existing-site.conf', () => {
    const lines = (/```nginx\n([\s\S]*?)```/.exec(read('README.md'))?.[1] ?? '').split('\n').filter(Boolean);
    const site = new Set(read('conf_examples/existing-site.conf').split('\n').map((line) => line.trim()));
    assert.equal(lines.length, 5);
    assert.deepEqual(lines.filter((line) => !site.has(line)), []);
});

test('README.md: its actions load and compile without a warning, and answer', async () => {
    const app = mkdtempSync(path.join(tmpdir(), 'ss-readme-'));
    after(() => rmSync(app, { recursive: true }));
    mkdirSync(path.join(app, 'app/server'), { recursive: true });
    for (const [name, language] of [['app.js', 'js'], ['native.c', 'c']]) {
        const text = new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``).exec(read('README.md'))?.[1];
        writeFileSync(path.join(app, 'app/server', name), text ?? '');
    }
    const sidecar = await startSidecar(['--log-level', '1'], { app });
    try {
        const worker = await sidecar.worker();
        const client = await worker.open();
        assert.equal((await worker.call(client, 'app.square', [25])).result, 625);
        assert.equal((await worker.call(client, 'native.square', [25])).result, 625);
        assert.equal((await worker.call(client, 'native.square', [1000001])).error.message, '1000001 is too large');
        assert.doesNotMatch(sidecar.log, /warning/);
    } finally {
        await sidecar.stop();
    }
});
