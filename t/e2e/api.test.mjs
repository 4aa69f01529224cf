// SPDX-License-Identifier: MIT
//
// The HTTP API on the real stack, by curl: bodies at their limit, Basic Auth by a module in
// JavaScript, foreign origins, and what Redocly thinks of the OpenAPI document.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { CLEAN, root, runCommand, startApp } from './app.mjs';

const LIMIT = 8192 * 1024; // api.post_max_size_kb
const PASSWORD = 'corr:ect hörse';
const dir = mkdtempSync(path.join(tmpdir(), 'ss-e2e-'));

const files = {
    'app/server/app.js': `
        exports.actions = {
            square: (n, cb) => cb(n * n),
            length: (list, cb) => cb(list.length),
            headers(cb) { cb(Object.keys(this.request.headers).sort()); },
        };`,
    'app/server/vault.js': `
        exports.authenticate = true;
        exports.actions = {
            who(cb) {
                const { session } = this;
                session.attributes.seen = true;
                session.save((error) => cb([session.user_id, session.user.loggedIn(), session.id ?? null, error,
                    'authorization' in this.request.headers]));
            },
        };`,
    'lib/server/gate.js': `
        exports.authenticate = ({ username, password }, cb) => {
            if (username === 'broken') throw new Error('no directory');
            cb({ success: SS.secureEquals(password, ${JSON.stringify(PASSWORD)}), user_id: username });
        };`,
    'config/app.json': JSON.stringify({
        api: { auth: { basic: { module_name: 'gate', allow_http: true } } },
        nginx: { origins: ['https://friend.example'] },
        log: { level: 4 },
    }),
    'public/index.html': '<!doctype html><title>API</title>',
    'package.json': JSON.stringify({ name: 'vault', version: '2.0.1', description: 'Keeps things' }),
};
for (const [name, text] of Object.entries(files)) {
    mkdirSync(path.join(dir, path.dirname(name)), { recursive: true });
    writeFileSync(path.join(dir, name), text);
}

/** @type {Awaited<ReturnType<typeof startApp>>} */
let app;
before(async () => {
    app = await startApp({ dir });
});
after(async () => {
    assert.deepEqual(await app.stop(), CLEAN);
});

/** @param {string} where @param {string[]} args */
async function curl(where, ...args) {
    const { stdout } = await promisify(execFile)('curl',
        ['-sS', '--max-time', '30', '-i', ...args, `${app.url}${where}`], { maxBuffer: 1 << 26 });
    const [head, ...body] = stdout.replace(/^HTTP\/1.1 100 .*\r\n\r\n/, '').split('\r\n\r\n');
    const [status, ...lines] = head.split('\r\n');
    /** @type {Record<string, string>} */
    const headers = Object.fromEntries(lines.map((line) => line.split(/: (.*)/s)).map(([name, value]) => [name.toLowerCase(), value]));
    return { status: Number(status.split(' ')[1]), headers, body: body.join('\r\n\r\n') };
}

/** @param {Awaited<ReturnType<typeof curl>>} answer */
const error = ({ status, headers, body }) => [status, headers['content-type'], JSON.parse(body).error.code];

describe('a body', () => {
    /** An array of one text, so many bytes long in all. @param {number} bytes */
    const write = (bytes) => {
        const file = path.join(dir, `body-${bytes}`);
        writeFileSync(file, `["${'x'.repeat(bytes - 4)}"]`);
        return file;
    };
    const send = (/** @type {number} */ bytes, /** @type {string[]} */ ...args) => curl('api/app/length', '-H', 'Content-Type: application/json', '--data-binary', `@${write(bytes)}`, ...args);

    test('of as many bytes as api.post_max_size_kb says goes through', async () => {
        const { status, body } = await send(LIMIT);
        assert.deepEqual([status, body], [200, String(LIMIT - 4)]);
    });

    test('of one byte more is 413, as JSON, whether its length is told or not', async () => {
        const refused = [413, 'application/json', -32005];
        const told = await send(LIMIT + 1);
        assert.deepEqual(error(told), refused);
        assert.deepEqual([told.headers['cache-control'], told.headers['x-content-type-options']], ['no-store', 'nosniff']);
        assert.deepEqual(error(await send(LIMIT + 1, '-H', 'Transfer-Encoding: chunked')), refused);
    });
});

describe('Basic Auth', () => {
    test('asks for a password where a user is needed, and nowhere else', async () => {
        const { headers, ...answer } = await curl('api/vault/who');
        assert.equal(headers['www-authenticate'], 'Basic realm="Secure API", charset="UTF-8"');
        assert.deepEqual(error({ headers, ...answer }), [401, 'application/json', -32001]);
        assert.equal((await curl('api/app/square?25', '-u', 'ann:wrong')).body, '625');
    });

    test('the module says who it is; the action sees no password, and what it saves is nowhere', async () => {
        const { status, body } = await curl('api/vault/who', '-u', `änn:${PASSWORD}`);
        assert.deepEqual([status, JSON.parse(body)], [200, ['änn', true, null, null, false]]);
    });

    test('a wrong password is 401, a module that throws 503, and no log has a password', async () => {
        assert.equal((await curl('api/vault/who', '-u', 'ann:tr0ub4dor')).status, 401);
        assert.deepEqual(error(await curl('api/vault/who', '-u', 'broken:tr0ub4dor')), [503, 'application/json', -32003]);
        const logs = ['sidecar', 'error', 'access'].map((name) => app.log(name)).join('') + app.output.stdout + app.output.stderr;
        for (const secret of ['tr0ub4dor', PASSWORD, Buffer.from('ann:tr0ub4dor').toString('base64')]) {
            assert.ok(!logs.includes(secret), secret);
        }
        assert.match(logs, /vault\.who: gate does not let in 'ann' from 127\.0\.0\.1/);
    });
});

describe('a page of another origin', () => {
    const post = ['-H', 'Content-Type: application/json', '-d', '[3]'];

    test('may not change anything; one that is listed may, and is told so', async () => {
        const foreign = await curl('api/app/square', ...post, '-H', 'Origin: https://evil.example');
        assert.deepEqual(error(foreign), [403, 'application/json', -32600]);
        const { status, headers } = await curl('api/app/square', ...post, '-H', 'Origin: https://friend.example');
        assert.deepEqual([status, headers['access-control-allow-origin']], [200, 'https://friend.example']);
        assert.equal((await curl('api/app/square', ...post, '-H', `Origin: http://127.0.0.1:${app.port}`)).body, '9');
    });
});

describe('the root', () => {
    test('is a page at /api and /api/, and a document for programs', async () => {
        for (const where of ['api', 'api/']) {
            const { status, headers, body } = await curl(where);
            assert.deepEqual([status, headers['content-type']], [200, 'text/html; charset=utf-8']);
            assert.ok(body.includes(`curl -u NAME -H &#39;Content-Type: application/json&#39; -d &#39;[]&#39; ${app.url}api/vault/who`), body);
        }
        assert.equal(JSON.parse((await curl('api', '-H', 'Accept: application/json')).body).openapi, '3.1.0');
    });

    test('its document has no problem that Redocly knows of', async () => {
        const document = path.join(dir, 'openapi.json');
        const rules = path.join(dir, 'redocly.yaml');
        writeFileSync(document, (await curl('api/openapi.json')).body);
        // The licence of an application is its author's to say, in package.json.
        writeFileSync(rules, 'extends: [recommended]\nrules:\n  info-license: off\n');
        const { stdout } = await promisify(execFile)(process.execPath, [
            path.join(root, 'node_modules/@redocly/cli/bin/cli.js'), 'lint', '--format=json', '--config', rules, document,
        ], { cwd: dir, env: { ...process.env, REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' } });
        const { totals, problems } = JSON.parse(stdout);
        assert.deepEqual([problems, totals.errors, totals.warnings], [[], 0, 0]);
    });
});

test('a prefix that is taken ends the start with one line', async () => {
    const { code, stderr } = await runCommand(['start', '--app', dir], { env: { SS__api__prefix: 'socketstream' } });
    assert.deepEqual([code, stderr], [1, 'socketstream: api.prefix must be another path than /socketstream and /assets, but is "socketstream"\n']);
});
