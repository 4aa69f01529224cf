// SPDX-License-Identifier: MIT
//
// `socketstream console`: within an application that runs, and one that does not.

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import { ask, CLEAN, environment, openSocket, pidIn, runCommand, startApp, until } from './app.mjs';

/** @type {string[]} */
const dirs = [];
after(() => dirs.forEach((dir) => rmSync(dir, { recursive: true, force: true })));

/** An application with actions in two languages. */
function makeApp() {
    const dir = mkdtempSync(path.join(tmpdir(), 'ss-console-'));
    dirs.push(dir);
    for (const [name, text] of Object.entries({
        'app/server/app.coffee': 'count = 0\nexports.actions =\n  square: (n, cb) -> cb n * n\n  live: (n, cb) -> Live.server.native.twice n, {silent: true}, (m) -> SS.server.app.square m, cb\n  count: (cb) -> cb ++count\n  fail: (cb) -> throw new Error "no such luck"\n',
        'app/server/native.c': '#include <socketstream.h>\nstatic void twice(ss_req *req, json_t *params) { ss_reply(req, json_integer(2 * json_integer_value(json_array_get(params, 0)))); }\nSS_ACTIONS = { { "twice", twice } };\n',
        'config/app.json': '{"ss_var": "Live"}',
        'app/shared/calculate.js': 'exports.half = (n) => n / 2;\n',
    })) {
        mkdirSync(path.dirname(path.join(dir, name)), { recursive: true });
        writeFileSync(path.join(dir, name), text);
    }
    return dir;
}

/** @param {string} dir @param {string} expression */
const evaluate = (dir, expression) => runCommand(['console', '--app', dir, '-e', expression], { env: environment() });

describe('socketstream console', () => {
    it('is within the application that runs: actions, shared code, events, Redis', async () => {
        const app = await startApp({ dir: makeApp() });
        for (const [expression, printed] of [
            ['SS.server.app.square(25)', '625\n'],
            ['SS.server.native.twice(21)', '42\n'],
            ['[await SS.server.app.count(), await SS.server.app.count()]', '[ 1, 2 ]\n'],
            ['SS.shared.calculate.half(9)', '4.5\n'],
            ['[await Live.server.app.live(3), Live === SS]', '[ 36, true ]\n'],
            ['SS.server.app.square(7, {silent: true})', '49\n'],
            ['SS.escapeHTML("<b>")', '&lt;b&gt;\n'],
            ['Object.keys(SS.server).join()', 'app,native\n'],
            ['SS.env', 'development\n'],
            ['SS.users.online.now()', '[]\n'],
            ['await R.set("k", "v"); return R.get("k")', 'v\n'],
        ]) {
            const { code, stdout, stderr } = await evaluate(app.dir, expression);
            assert.deepEqual([code, stdout, stderr], [0, printed, ''], expression);
        }

        const socket = await openSocket(app.socketUrl);
        assert.equal(JSON.parse(await ask(socket, { jsonrpc: '2.0', id: 1, method: 'app.count' })).result, 3);
        const heard = new Promise((resolve) => socket.once('message', (/** @type {Buffer} */ data) => resolve(JSON.parse(String(data)).params)));
        assert.equal((await evaluate(app.dir, 'SS.publish.broadcast("news", {a: 1})')).code, 0);
        assert.deepEqual(await heard, ['news', { a: 1 }]);
        socket.close();

        const { code, stdout, stderr } = await evaluate(app.dir, 'SS.server.app.fail()');
        assert.deepEqual([code, stdout], [1, '']);
        assert.match(stderr, /^CallError -32000: .*no such luck/);

        const logged = (/** @type {string} */ action) => app.log('sidecar').split(`"action":"${action}"`).length - 1;
        assert.deepEqual(['app.live', 'app.square', 'native.twice', 'app.count'].map(logged), [1, 1, 1, 3],
            'neither what was called silently, nor what stayed within the host');
        assert.deepEqual(await app.stop(), CLEAN);
    });

    it('lets a debugger attach to a host, by a signal', async () => {
        const app = await startApp({ dir: makeApp(), env: { NODE_OPTIONS: '--inspect-port=0' } });
        process.kill(pidIn(app.dir, 'host-0'), 'SIGUSR1');
        assert.ok(await until(() => /host 0: Debugger listening on ws:/.test(app.log('sidecar'))), app.log('sidecar'));
        assert.deepEqual(await app.stop(), CLEAN);
    });

    it('starts an application that does not run, and ends it again', async () => {
        const dir = makeApp();
        const { code, stdout, stderr } = await evaluate(dir, 'SS.server.app.square(4)');
        assert.deepEqual([code, stdout], [0, '16\n']);
        assert.match(stderr, /the application does not run: starting it for this console/);
        assert.equal(existsSync(path.join(dir, '.socketstream/state.json')), false);
    });

    it('says why it cannot start one', async () => {
        const dir = makeApp();
        writeFileSync(path.join(dir, 'app/server/native.c'), 'this is no C\n');
        const { code, stdout, stderr } = await evaluate(dir, '1');
        assert.deepEqual([code, stdout], [1, '']);
        assert.match(stderr, /the sidecar .* before it was ready/);
    });

    it('knows its options', async () => {
        assert.match((await runCommand(['c', '--help'])).stdout, /usage: socketstream console/);
        assert.equal((await runCommand(['console', '--none'])).code, 2);
        assert.equal((await runCommand(['console', 'word'])).code, 2);
        assert.match((await runCommand(['console', '--app', '/none'])).stderr, /\/none: No such file/);
        assert.match((await runCommand(['console', '--app', makeApp(), '--socket', '/none.sock', '-e', '1'])).stderr, /no sidecar answers at \/none\.sock/);
    });
});
