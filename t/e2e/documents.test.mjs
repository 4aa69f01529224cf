// SPDX-License-Identifier: MIT
//
// What the documents list is what there is.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { copyNative, root, runCommand } from './app.mjs';

const text = readFileSync(path.join(root, 'docs/CONFIGURATION.md'), 'utf8');
const table = /^<!-- the keys: .*\n([\s\S]*)<!-- end of the keys -->$/m.exec(text)?.[1] ?? '';

test('the keys in docs/CONFIGURATION.md are those of the source, as scripts/config-docs writes them', async () => {
    const { stdout } = await runCommand(['config', '--markdown']);
    assert.equal(table, stdout, 'docs/CONFIGURATION.md is stale: run `scripts/config-docs`, and commit it');
});

test('docs/CONFIGURATION.md lists every key, with its default', async () => {
    const listed = [...table.matchAll(/^\| `([\w.]+)` \| `(.*?)`/gm)].map(([, key, value]) => [key, value]);
    assert.ok(listed.length > 10);

    const source = readFileSync(path.join(root, 'sidecar/config_keys.h'), 'utf8');
    const keys = [...source.matchAll(/X\("([\w.]+)", (T_\w+), .*?, (".*"), (?:\\\n *)?(""|".)/g)]
        .filter(([, , , , meaning]) => meaning !== '""')
        .map(([, key, , value]) => [key, JSON.parse(value)]);
    assert.deepEqual(listed, keys);

    const dir = copyNative();
    rmSync(path.join(dir, 'config'), { recursive: true });
    const env = { SS_ENV: 'documented', SS__http__hostname: '0.0.0.0', SS__nginx__binary: 'nginx' };
    const all = JSON.parse((await runCommand(['config', '--app', dir, '--json'], { env })).stdout);
    for (const [key, value] of listed) {
        const wanted = key === 'client' ? { heartbeat_interval: 30, log: { level: 2 }, remote_prefix: '' } : JSON.parse(value);
        assert.deepEqual(key.split('.').reduce((at, name) => at[name], all), wanted, key);
    }
    rmSync(dir, { recursive: true });
});

test('docs/CONFIGURATION.md lists every directive, with its default', () => {
    const source = readFileSync(path.join(root, 'ngx_module/ngx_http_socketstream_module.c'), 'utf8');
    const rows = new Map([...text.matchAll(/^\| `(socketstream_\w+).*?` \|(?: (?:`(.*?)`)? ?\| )?/gm)].map(([, name, value]) => [name, value]));
    assert.deepEqual([...rows.keys()].sort(), [...source.matchAll(/\{ ngx_string\("(socketstream_\w+)"\)/g)].map(([, name]) => name).sort());
    const units = /** @type {Record<string, number>} */ ({ m: 1048576, s: 1000, '': 1 });
    const defaults = [...source.matchAll(/merge_(?:size|uint|msec)_value\(conf->(\w+), prev->\w+,\s*([\d *]+)\)/g)];
    assert.ok(defaults.length >= 7);
    for (const [, name, value] of defaults) {
        const [, amount, unit] = /^(\d+)([ms]?)$/.exec(rows.get(`socketstream_${name}`) ?? '') ?? [];
        assert.equal(Number(amount) * units[unit], value.split('*').reduce((product, factor) => product * Number(factor), 1), name);
    }
});

test('what docs/OPERATIONS.md says of a restore brings a dump back into a Redis with an append-only file', async () => {
    const page = readFileSync(path.join(root, 'docs/OPERATIONS.md'), 'utf8');
    const [, recipe] = /** @type {RegExpExecArray} */ (/### Restore\n[^]*?```sh\n([^]*?)```/.exec(page));
    const dir = mkdtempSync(path.join(tmpdir(), 'ss-restore-'));
    const conf = path.join(dir, 'redis.conf');
    const here = `${recipe.replaceAll('/backup/', `${dir}/backup/`).replaceAll('/etc/redis/redis.conf', conf).replaceAll('sleep 1', 'sleep 0.1')}`;
    assert.notEqual(here, recipe);
    writeFileSync(conf, `port 0\nunixsocket ${dir}/sock\ndir ${dir}\npidfile ${dir}/pid\nlogfile ${dir}/log\ndaemonize yes\nappendonly yes\n`);
    const wait = 'until redis-cli PING | grep -q PONG; do sleep 0.1; done';
    /** @param {string} script */
    const sh = async (script) => (await promisify(execFile)('sh', ['-c', script.replaceAll('redis-cli ', `redis-cli -s ${dir}/sock `)], { cwd: dir, timeout: 60000 })).stdout;
    try {
        await sh(`redis-server ${conf}\n${wait}\nredis-cli SET ss:secret kept\nredis-cli SAVE`);
        mkdirSync(path.join(dir, 'backup'));
        copyFileSync(path.join(dir, 'dump.rdb'), path.join(dir, 'backup/dump.rdb'));
        await sh('redis-cli FLUSHALL; redis-cli SHUTDOWN');
        await sh(here);
        assert.equal((await sh(`redis-server ${conf} >/dev/null\n${wait}\nredis-cli GET ss:secret`)).trim(), 'kept');
    } finally {
        await sh('redis-cli SHUTDOWN NOSAVE').catch(() => {});
        rmSync(dir, { recursive: true });
    }
});
