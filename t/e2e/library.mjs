// SPDX-License-Identifier: MIT
//
// A page with the browser library as it is built, in Chromium, on nginx, sidecar, Redis and a relay
// in front of them.

import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { chromium } from 'playwright-core';
import { startRedis } from '../lib/redis.mjs';
import { startRelay } from '../lib/relay.mjs';
import { build, startStack } from '../lib/stack.mjs';

const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
export const skip = existsSync(executablePath) ? false : `${executablePath} is missing`;

// library.count(n): notes that it ran, and squares.
const ACTIONS = `
#include <socketstream.h>
#include <stdio.h>
#include <stdlib.h>

static void count(ss_req *req, json_t *params) {
    json_int_t n = json_integer_value(json_array_get(params, 0));
    FILE *f = fopen(getenv("SS_TEST_COUNTED"), "a");
    fprintf(f, "%lld\\n", (long long)n);
    fclose(f);
    ss_reply(req, json_integer(n * n));
}

SS_ACTIONS = {{"count", count}};
`.replaceAll('\\\\', '\\');

/** @param {Record<string, string>} [files] more of them for public/ */
export async function startLibrary(files = {}) {
    const app = mkdtempSync(path.join(tmpdir(), 'ss-library-'));
    const counted = path.join(app, 'counted');
    for (const folder of ['app/server', 'config', 'public']) {
        mkdirSync(path.join(app, folder), { recursive: true });
    }
    writeFileSync(counted, '');
    writeFileSync(path.join(app, 'app/server/library.c'), ACTIONS);
    writeFileSync(path.join(app, 'config/app.json'), JSON.stringify({
        client: { heartbeat_interval: 1, log: { level: 0 } },
    }));
    cpSync(path.join(build, 'client/socketstream.min.js'), path.join(app, 'public/socketstream.min.js'));
    const page = '<!doctype html><title>t</title><div id="root"></div><script src="/socketstream.min.js" data-options=\'{"queue":20000}\'></script>';
    for (const [name, text] of Object.entries({ 'index.html': page, ...files })) {
        writeFileSync(path.join(app, 'public', name), text);
    }
    const redis = await startRedis();
    const stack = await startStack({
        app,
        env: { SS__redis__socket: redis.path, SS_TEST_COUNTED: counted },
        server: `location = /socketstream { socketstream_pass unix:$socket; socketstream_drain_time 2s; }
            location = /elsewhere { socketstream_pass unix:$socket; socketstream_origins any; }
            location / { socketstream_assets ${app}/public; }`,
    });
    const relay = await startRelay(stack.port);
    const browser = await chromium.launch({
        executablePath,
        args: [
            '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
            '--disable-background-networking', '--disable-component-update', '--disable-sync',
        ],
    });
    return {
        stack, relay, redis, browser,
        url: `http://127.0.0.1:${relay.port}/`,
        /** What ran, in its order. */
        counted: () => readFileSync(counted, 'utf8').split('\n').filter(Boolean).map(Number),
        async stop() {
            await browser.close();
            await relay.stop();
            assert.deepEqual(await stack.stop(), []);
            await redis.stop();
            rmSync(app, { recursive: true });
        },
    };
}
