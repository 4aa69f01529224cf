// SPDX-License-Identifier: MIT
//
// The samples in the documents are in the language that stands at their fence: each compiles, or
// is read by the program that it is for.  What runs besides is run by other tests.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { transformSync } from 'esbuild';
import { build, root } from './app.mjs';

const coffee = createRequire(import.meta.url)('coffeescript');
const dir = mkdtempSync(path.join(tmpdir(), 'ss-samples-'));
after(() => rmSync(dir, { recursive: true }));

/** Text that no program reads: parts of a file in a language that has no checker here. */
const unchecked = ['ini'];

/**
 * @param {string} program @param {string[]} args @param {string} [input]
 * @returns {string} what it has to say, nothing when all is well
 */
function complaint(program, args, input) {
    const { status, stdout, stderr, error } = spawnSync(program, args, { input, encoding: 'utf8', cwd: dir });
    if (error) throw error;
    return status === 0 ? '' : `${stdout}${stderr}`.trim() || `status ${status}`;
}

/** @param {'js' | 'jsx' | 'ts'} loader @returns {(text: string) => void} */
const script = (loader) => (text) => { transformSync(text, { loader, logLevel: 'silent' }); };

/** @param {string} text directives of http{} and locations, each at the begin of its line */
function nginxConf(text) {
    const parts = text.split(/^(?=\w)/m);
    const locations = parts.filter((part) => part.startsWith('location'));
    const upstream = /^upstream /m.test(text) ? '' : 'upstream sidecars { server unix:/run/socketstream/sidecar.sock; }';
    return `load_module "${build}/ngx_http_socketstream_module.so";
        error_log ${dir}/error.log; pid ${dir}/nginx.pid;
        events { }
        http {
            access_log off;
            ${['client_body', 'proxy', 'fastcgi', 'scgi', 'uwsgi'].map((kind) => `${kind}_temp_path ${dir}/${kind};`).join(' ')}
            ${upstream}
            ${parts.filter((part) => !part.startsWith('location')).join('')}
            server { listen unix:${dir}/nginx.sock; ${locations.join('')} }
        }`;
}

/** What checks a sample: it throws, or gives what is wrong. @type {Record<string, (text: string) => string | void>} */
const checks = {
    js: script('js'),
    jsx: script('jsx'),
    ts: script('ts'),
    html: (text) => {
        for (const [, code] of text.matchAll(/<script[^>]*>([^]*?)<\/script>/g)) script('js')(code);
    },
    coffee: (text) => { coffee.compile(text); },
    // Several values, each from the begin of a line.
    json: (text) => { for (const value of text.split(/^(?=\{)/m).filter(Boolean)) JSON.parse(value); },
    sh: (text) => complaint('bash', ['-n'], text),
    // A module without SS_ACTIONS compiles, but is refused.
    c: (text) => (text.includes('\nSS_ACTIONS = ') ? '' : 'SS_ACTIONS is missing') || complaint(
        process.env.CC || 'cc',
        ['-std=gnu11', '-fsyntax-only', '-Wall', '-Werror', `-I${root}/sidecar/include`, '-xc', '-'],
        text,
    ),
    nginx: (text) => {
        writeFileSync(path.join(dir, 'nginx.conf'), nginxConf(text));
        return complaint(path.join(root, 't/lib/nginx'), ['-t', '-q', '-p', dir, '-c', path.join(dir, 'nginx.conf')]);
    },
};

const documents = ['README.md', 'CONTRIBUTING.md', ...readdirSync(path.join(root, 'docs'))
    .filter((name) => name.endsWith('.md')).map((name) => path.join('docs', name))];
let samples = 0;

for (const document of documents) {
    const text = readFileSync(path.join(root, document), 'utf8');
    const fences = [...text.matchAll(/^```(\w*)\n([^]*?)^```$/gm)];
    if (fences.length === 0) continue;
    samples += fences.length;

    test(`${document}: its samples compile`, () => {
        for (const [, language, sample] of fences) {
            const where = `${language}: ${sample}`;
            if (unchecked.includes(language)) continue;
            assert.ok(checks[language], `no check for ${where}`);
            try {
                assert.equal(checks[language](sample) ?? '', '', where);
            } catch (error) {
                assert.fail(`${where}\n${error}`);
            }
        }
    });

    test(`${document}: code stands in fences, which say its language`, () => {
        const indented = [...text.replace(/^```[^]*?^```$/gm, '').matchAll(/\n\n {4}(\S.*)/g)].map(([, line]) => line);
        assert.deepEqual(indented.filter((line) => /^(?:exports\.|import |const |location |#include)/.test(line)), []);
    });
}

test('there are samples', () => assert.ok(samples > 40, `${samples}`));
