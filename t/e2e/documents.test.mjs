// SPDX-License-Identifier: MIT
//
// What the documents list is what there is.

import assert from 'node:assert/strict';
import { readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { copyNative, root, runCommand } from './app.mjs';

test('docs/CONFIGURATION.md lists every key, with its default', async () => {
    const text = readFileSync(path.join(root, 'docs/CONFIGURATION.md'), 'utf8');
    const listed = [...text.matchAll(/^\| `([\w.]+)` \| `(.*?)`/gm)].map(([, key, value]) => [key, value]);
    assert.ok(listed.length > 10);

    const source = readFileSync(path.join(root, 'sidecar/config_keys.h'), 'utf8');
    const keys = [...source.matchAll(/X\("([\w.]+)", (T_\w+), .*?, (".*"),/g)]
        .filter(([, key, type]) => type !== 'T_OBJECT' || key === 'client')
        .map(([, key, , value]) => [key, JSON.parse(value)]);
    assert.deepEqual(listed, keys);

    const dir = copyNative();
    rmSync(path.join(dir, 'config'), { recursive: true });
    for (const [key, value] of listed) {
        const env = { SS_ENV: 'documented', SS__http__hostname: '0.0.0.0', SS__nginx__binary: 'nginx' };
        const run = await runCommand(['config', '--app', dir, key], { env });
        const wanted = key === 'client' ? { heartbeat_interval: 30, log: { level: 2 } } : JSON.parse(value);
        assert.deepEqual(JSON.parse(run.stdout), wanted, key);
    }
    rmSync(dir, { recursive: true });
});
