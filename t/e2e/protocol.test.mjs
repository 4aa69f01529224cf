// SPDX-License-Identifier: MIT
//
// docs/PROTOCOL.md says what the headers say, and its example is what a sidecar really answers.

import assert from 'node:assert/strict';
import { readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { after, test } from 'node:test';
import { op, startSidecar } from '../lib/fake_worker.mjs';
import { startRedis } from '../lib/redis.mjs';
import { copyNative, root } from './app.mjs';

/** @param {string} file */
const read = (file) => readFileSync(path.join(root, file), 'utf8');
const text = read('docs/PROTOCOL.md');

/**
 * The rows of the table whose first column has this title, as arrays of cells.
 * @param {string} title @returns {string[][]}
 */
function table(title) {
    const lines = text.split('\n');
    const start = lines.findIndex((line) => line.startsWith(`| ${title} |`));
    assert.notEqual(start, -1, `a table of ${title}`);
    const rows = [];
    for (let i = start + 2; lines[i]?.startsWith('|'); i++) {
        rows.push(lines[i].split('|').slice(1, -1).map((cell) => cell.trim()));
    }
    return rows;
}

/** @param {string} source @param {string} name the number that a #define gives to it */
function number(source, name) {
    const found = new RegExp(`#define ${name} \\(?(\\d+)u?(?: << (\\d+)\\))?`).exec(source);
    assert.ok(found, name);
    return Number(found[1]) * 2 ** Number(found[2] ?? 0);
}

const link = read('shared/ss_link.h');

test('the operations of the link are those of shared/ss_link.h', () => {
    const limits = /** @param {string} word */ (word) => (/^\d+$/.test(word) ? Number(word) : number(link, word));
    const to = {
        SS_LINK_ALL: 'all', SS_LINK_TO_SIDECAR: 'sidecar', SS_LINK_TO_WORKER: 'worker',
        SS_LINK_FROM_SIDECAR: 'worker, host', SS_LINK_TO_HOST: 'host', SS_LINK_FROM_HOST: 'sidecar',
    };
    const wanted = [...link.matchAll(/X\((0x\w+), (\w+), (SS_LINK_\w+), (\w+), (\w+), (\w+), (\w+)\)/g)]
        .map(([, value, name, direction, min, max, chunked, client]) => [
            value, name, to[/** @type {keyof typeof to} */ (direction)],
            `${limits(min)}–${limits(max)}`,
            chunked === 'true' ? 'yes' : 'no',
            client !== 'true' ? 'link' : direction.endsWith('HOST') ? 'call' : 'client',
        ]);
    assert.ok(wanted.length >= 18);
    assert.deepEqual(table('op').map((row) => row.slice(0, 6)), wanted);
});

test('the limits of the link are those of shared/ss_link.h', () => {
    const of = Object.fromEntries(table('what').map(([what, much]) => [what, much.replaceAll(',', '')]));
    assert.equal(parseInt(of['payload of a frame']), number(link, 'SS_LINK_PAYLOAD_MAX'));
    assert.equal(parseInt(of['a chunked message']) << 20, number(link, 'SS_LINK_MESSAGE_MAX'));
    assert.equal(parseInt(of['state of a client']), number(link, 'SS_LINK_STATE_MAX'));
    assert.equal(parseInt(of.topic), number(link, 'SS_LINK_TOPIC_MAX'));
    assert.equal(parseInt(of.headers), number(link, 'SS_LINK_HEADERS_MAX'));
});

test('the errors are those of shared/ss_errors.h', () => {
    const wanted = [...read('shared/ss_errors.h').matchAll(/X\((-\d+), (\w+), "(.*)", (\d+), (\w+)\)/g)]
        .map(([, code, name, message, status, retryable]) =>
            [code, name, message, status, retryable === 'true' ? 'yes' : 'no']);
    assert.ok(wanted.length >= 12);
    assert.deepEqual(table('code').filter(([code]) => code.startsWith('-')).map((row) => row.slice(0, 5)), wanted);
});

test('the refusals of a handshake and the close codes are those of the module', () => {
    const module = read('ngx_module/ngx_http_socketstream.h');
    const refusals = module.slice(module.indexOf('define NGX_HTTP_SS_REFUSALS'), module.indexOf('ngx_http_ss_refusal_e'));
    const wanted = [...refusals.matchAll(/X\((\w+), (\d+),/g)]
        .map(([, name, status]) => [`\`${name}\``, status === '0' ? 'its own' : status]);
    assert.ok(wanted.length >= 11);
    assert.deepEqual(table('reason').map((row) => row.slice(0, 2)), wanted);

    const codes = module.slice(module.indexOf('define NGX_HTTP_SS_CLOSE_CODES'), module.indexOf('ngx_http_ss_closed_e'));
    const counted = [...codes.matchAll(/X\((\d{4})\)/g)].map(([, code]) => code);
    const closes = [...text.matchAll(/^\| (1\d{3}) \| /gm)].map(([, code]) => code);
    assert.ok(counted.length >= 12);
    assert.deepEqual(closes, counted);
});

/**
 * The names in the first column of a table, and a pattern for each, `<…>` standing for anything.
 * @param {string} title
 */
const patterns = (title) => table(title).map(([cell]) => {
    const name = cell.replaceAll('`', '');
    const escaped = name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
    return { name, pattern: new RegExp(`^${escaped.replace(/<[^>]+>/g, '.+')}$`) };
});

/** Every name has its row, and every row its name. @param {string} title @param {string[]} names */
function covers(title, names) {
    const rows = patterns(title);
    assert.deepEqual(names.filter((name) => !rows.some(({ pattern }) => pattern.test(name))), []);
    assert.deepEqual(rows.filter(({ pattern }) => !names.some((name) => pattern.test(name))).map(({ name }) => name), []);
}

test('Redis: keys, channels, cookie and messages are those of a real sidecar', async () => {
    const redis = await startRedis();
    const sidecar = await startSidecar(['--log-level', '0'], {
        app: path.join(root, 't/sidecar/session_app'),
        env: { SS__redis__url: redis.url, SS__users__online__keep_historic: 'true' },
    });
    try {
        const worker = await sidecar.worker();
        const client = await worker.open({ system: true });
        const secure = await worker.open({ tls: true });
        const cookies = [...text.matchAll(/^ {4}Set-Cookie: (.*)$/gm)]
            .map(([, cookie]) => new RegExp(`^${cookie.replace('<60 characters>', '[\\w-]{60}')}$`));
        assert.match(client.headers['Set-Cookie'], cookies[0]);
        assert.match(secure.headers['Set-Cookie'], cookies[1]);

        for (const [method, params] of [['login', ['alice']], ['subscribe', ['room:7']], ['save', ['k', 1]]]) {
            assert.equal((await worker.call(client, `app.${method}`, params)).error, undefined);
        }
        const gone = await worker.open();
        for (const [method, params] of [['login', ['bob']], ['logout', []]]) {
            assert.equal((await worker.call(gone, `app.${method}`, params)).error, undefined);
        }
        covers('channel', await redis.command('PUBSUB', 'CHANNELS', '*'));
        covers('key', await redis.command('KEYS', '*'));
        const row = table('key').find(([cell]) => cell.startsWith('`ss:session:'))?.[1] ?? '';
        const fields = (await Promise.all((await redis.command('KEYS', 'ss:session:*'))
            .map(async (/** @type {string} */ key) => Object.keys(await redis.hash(key))))).flat();
        assert.equal(new Set(fields).size, 6);
        for (const field of fields) assert.ok(row.includes(`\`${field}\``), field);

        const examples = [...text.matchAll(/^ {4}redis-cli PUBLISH (\S+) '(.*)'$/gm)];
        assert.equal(examples.length, 4);
        for (const [, channel, message] of examples) {
            const { event, params } = JSON.parse(message);
            const name = /channel/.test(channel) ? ['room:7'] : [];
            await redis.command('PUBLISH', channel, message);
            assert.deepEqual(await worker.event(client, event), [event, params, ...name]);
        }
    } finally {
        await redis.stop(); // while the link keeps this process waiting for it
        await sidecar.stop();
    }
});

/** The bytes of the dumps, lines of hex with their text beside them. */
function dumps() {
    return text.split('\n\n')
        .filter((block) => /^ {4}([0-9a-f]{2} ){15}[0-9a-f]{2} {3}/.test(block) && !block.includes('…'))
        .map((block) => Buffer.from(block.split('\n').map((line) => line.slice(4, 52).replaceAll(' ', '')).join(''), 'hex'));
}

test('the example at the beginning is a real one', async () => {
    const [message, reply] = dumps();
    assert.equal(dumps().length, 2);
    assert.deepEqual([message[4], reply[4]], [op.MESSAGE, op.REPLY]);

    const app = copyNative();
    const sidecar = await startSidecar(['--log-level', '0'], { app });
    after(() => rmSync(app, { recursive: true }));
    try {
        const worker = await sidecar.worker();
        await worker.open({ slot: message.readUInt32LE(8), generation: message.readUInt32LE(12) });
        worker.send(message);
        const { payload, ...head } = await worker.next((frame) => frame.op === op.REPLY, 'REPLY');
        assert.deepEqual(head, {
            op: reply[4], flags: reply[5], slot: reply.readUInt32LE(8),
            generation: reply.readUInt32LE(12), call: reply.readUInt32LE(16),
        });
        assert.equal(payload.toString(), reply.toString('utf8', 20));
        assert.equal(reply.readUInt32LE(0), payload.length);
    } finally {
        await sidecar.stop();
    }
});
