// SPDX-License-Identifier: MIT
//
// scripts/build-module, with a stand-in for nginx's source that says what it is given.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { root } from '../lib/stack.mjs';

const dir = mkdtempSync(path.join(tmpdir(), 'ss-build-'));
after(() => rmSync(dir, { recursive: true, force: true }));

/** As nginx's own: writes a Makefile where it is told, and looks for the add-on. */
const configure = `#!/bin/sh
for one; do
    case $one in
    --builddir=*) out=\${one#*=} ;;
    --add-dynamic-module=*) addon=\${one#*=} ;;
    esac
done
echo "$out" "$addon"
test -f $addon/config || exit 1
mkdir -p $out
printf 'modules:\\n\\ttouch %s/ngx_http_socketstream_module.so\\n' $out >$out/Makefile
`;

test('a checkout whose path has spaces is configured by names without any', () => {
    const checkout = path.join(dir, 'two words', 'check out');
    const source = path.join(dir, 'nginx');
    for (const folder of [path.join(checkout, 'scripts'), source]) mkdirSync(folder, { recursive: true });
    for (const name of ['config', 'scripts/build-module']) copyFileSync(path.join(root, name), path.join(checkout, name));
    writeFileSync(path.join(source, 'configure'), configure);
    chmodSync(path.join(source, 'configure'), 0o755);
    const module = path.join(checkout, 'build/module.so');
    const env = { ...process.env, NGINX_SRC: source, BUILD: 'release' };
    execFileSync('bash', [path.join(checkout, 'scripts/build-module'), module], { env, stdio: 'pipe' });
    assert.ok(existsSync(module));
    assert.doesNotMatch(readFileSync(path.join(checkout, 'build/nginx-release/configure.log'), 'utf8'), /words/);
});
