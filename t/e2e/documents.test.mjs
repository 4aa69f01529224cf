// SPDX-License-Identifier: MIT
//
// What the documents list is what there is.

import assert from 'node:assert/strict';
import { readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
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
