// SPDX-License-Identifier: MIT
//
// Development: what changes is seen, packed, and told to the sidecar.

import assert from 'node:assert/strict';
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { after, test } from 'node:test';
import { createDevelopLink } from '../../packer/develop.mjs';
import { keepPacked } from '../../packer/keep.mjs';
import { createWatch } from '../../packer/watch.mjs';
import { until } from '../lib/stack.mjs';
import { CLIENT, LAYOUT, asset, makeApp, manifestOf, packerOf, read, run, write } from './app.mjs';

/** A watched application, with what has been told of it. @param {Record<string, string>} [files] */
function watched(files = {}) {
    const app = makeApp({ ...LAYOUT, ...CLIENT, ...files });
    /** @type {Set<string>} */
    const told = new Set();
    /** @type {string[]} */
    const failures = [];
    const watch = createWatch(app, {
        changed: (kinds) => kinds.forEach((kind) => told.add(kind)),
        failed: (message) => failures.push(message),
    });
    after(() => watch.close());
    /** Does something, and waits until it is told to be of a kind. */
    const tells = async (/** @type {string} */ kind, /** @type {() => void} */ change) => {
        told.clear();
        change();
        assert.equal(await until(() => told.has(kind)), true, `${kind} after ${change}`);
    };
    const remove = (/** @type {string} */ name) => rmSync(path.join(app, name), { recursive: true });
    return { app, told, failures, tells, remove, watch };
}

test('files that change, come and go are told, each as what it is', async () => {
    const { app, tells, remove } = watched({ 'lib/client/1.js': '', 'lib/css/a.css': '', 'app/css/app.css': '', 'app/shared/x.js': '' });
    await tells('code', () => write(app, { 'app/client/app.js': 'exports.a = 1;' }));
    await tells('code', () => write(app, { 'app/shared/x.js': 'exports.a = 1;' }));
    await tells('code', () => write(app, { 'app/client/new.js': '' }));
    await tells('code', () => remove('app/client/new.js'));
    await tells('views', () => write(app, { 'app/views/x.html': '' }));
    await tells('styles', () => write(app, { 'app/css/app.css': 'a{}' }));
    await tells('styles', () => write(app, { 'lib/css/b.css': 'a{}' }));
    await tells('libs', () => write(app, { 'lib/client/2.js': 'a{}' }));
    await tells('libs', () => remove('lib/client/1.js'));
});

test('folders that come and go are told, and what happens in them later', async () => {
    const { app, tells, remove } = watched();
    await tells('code', () => write(app, { 'app/client/deep/er/file.js': '' }));
    await tells('code', () => write(app, { 'app/client/deep/er/file.js': 'exports.x = 1;' }));
    await tells('code', () => renameSync(path.join(app, 'app/client/deep'), path.join(app, 'app/client/other')));
    await tells('code', () => write(app, { 'app/client/other/er/file.js': 'exports.x = 2;' }));
    await tells('code', () => remove('app/client/other'));
    await tells('code', () => write(app, { 'app/client/other/er/again.js': 'exports.x = 3;' }));
    await tells('code', () => write(app, { 'app/client/other/er/again.js': 'exports.x = 4;' }));
});

test('files that others import by a name that begins with _ are told', async () => {
    const { app, tells } = watched({ 'app/css/_mixins.styl': '', 'app/views/_parts/nav.jade': '' });
    await tells('styles', () => write(app, { 'app/css/_mixins.styl': 'a()\n  top 0' }));
    await tells('views', () => write(app, { 'app/views/_parts/nav.jade': 'p' }));
});

test('a whole tree that was not there at the start is told', async () => {
    const { app, tells } = watched();
    await tells('libs', () => write(app, { 'lib/client/1.first.js': '' }));
    await tells('libs', () => write(app, { 'lib/client/1.first.js': 'var x;' }));
    await tells('styles', () => write(app, { 'app/css/app.styl': '' }));
    await tells('styles', () => write(app, { 'app/css/app.styl': 'a\n  top 0' }));
});

test('a folder in the place of another of its name is watched anew', async () => {
    const { app, tells } = watched({ 'app/client/sub/a.js': '' });
    await tells('code', () => {
        renameSync(path.join(app, 'app/client/sub'), path.join(app, 'sub'));
        mkdirSync(path.join(app, 'app/client/sub'));
    });
    await tells('code', () => write(app, { 'app/client/sub/b.js': 'exports.b = 1;' }));
});

test('what editors leave is not told', async () => {
    const { app, told, tells } = watched();
    write(app, { 'app/client/.app.js.swp': 'x', 'app/client/app.js~': 'x', 'app/server/x.js': 'x', 'config/x.json': '1' });
    await tells('styles', () => write(app, { 'app/css/app.css': 'x' }));
    assert.deepEqual([...told], ['styles']);
});

/** A sidecar as far as the packer knows one. */
async function fakeSidecar({ refuse = false } = {}) {
    const app = makeApp();
    const where = path.join(app, 's.sock');
    /** @type {any[]} */
    const asked = [];
    /** @type {{op: number, payload: Buffer}[]} */
    const frames = [];
    /** @type {Set<import('node:net').Socket>} */
    const sockets = new Set();
    const frame = (/** @type {number} */ op, /** @type {string | Buffer} */ text) => {
        const payload = Buffer.from(text);
        const head = Buffer.alloc(20);
        head.writeUInt32LE(payload.length, 0);
        head[4] = op;
        return Buffer.concat([head, payload]);
    };
    const server = createServer((socket) => {
        sockets.add(socket);
        let rest = Buffer.alloc(0);
        socket.on('error', () => {});
        socket.on('data', (piece) => {
            rest = Buffer.concat([rest, piece]);
            while (rest.length >= 20 && rest.length >= 20 + rest.readUInt32LE(0)) {
                const end = 20 + rest.readUInt32LE(0);
                const [op, number, payload] = [rest[4], rest.readUInt32LE(16), rest.subarray(20, end)];
                frames.push({ op, payload });
                rest = rest.subarray(end);
                if (op === 0x01) {
                    socket.write(Buffer.concat([frame(0x01, Buffer.from([1, 0, 2, 0, ...new Array(22).fill(0)])), frame(0x50, '{"app":"x"}'), frame(0x02, '12345678')]));
                } else if (op === 0x56) {
                    const name = payload.toString('utf8', 2, 2 + payload.readUInt16LE(0));
                    asked.push({ name, ...JSON.parse(payload.toString('utf8', 6 + name.length)) });
                    const answer = frame(0x57, refuse ? '\0{"code":-32601,"message":"not in production"}' : '\x01null');
                    answer.writeUInt32LE(number, 16);
                    socket.write(answer);
                }
            }
        });
    });
    await new Promise((resolve) => server.listen(where, () => resolve(null)));
    after(() => {
        sockets.forEach((socket) => socket.destroy());
        server.close();
    });
    return { where, asked, frames, drop: () => sockets.forEach((socket) => socket.destroy()) };
}

const problem = { file: 'a', line: 1, column: 1, message: 'x', frame: '' };

test('the link says who it is, answers pings, and asks `develop`', async () => {
    const { where, asked, frames } = await fakeSidecar();
    const link = createDevelopLink({ socket: where, complain: assert.fail });
    link.tell({ reload: 'css', files: ['/assets/app-1.css'], problems: [problem] });
    await until(() => asked.length);
    assert.deepEqual(asked[0], { name: 'develop', reload: 'css', files: ['/assets/app-1.css'], problems: [problem] });
    const [hello, ready] = [frames.find(({ op }) => op === 0x01), frames.find(({ op }) => op === 0x51)];
    assert.equal(hello?.payload.readUInt16LE(0), 1);
    assert.equal(hello?.payload.readUInt16LE(2), 3);
    assert.equal(hello?.payload.readUInt32LE(4), process.pid);
    assert.deepEqual(JSON.parse(String(ready?.payload)), { actions: [] });
    await until(() => frames.some(({ op }) => op === 0x03));
    assert.equal(String(frames.find(({ op }) => op === 0x03)?.payload), '12345678');
    link.close();
    assert.equal(await until(() => frames.some(({ op }) => op === 0x04)), true, 'GOODBYE');
});

test('what happens while the sidecar is away is told when it is back, problems in any case', async () => {
    const { where, asked, drop } = await fakeSidecar();
    const link = createDevelopLink({ socket: where, complain: assert.fail });
    after(() => link.close());
    link.tell({ reload: null, files: [], problems: [problem] });
    await until(() => asked.length === 1);
    drop();
    await until(() => asked.length === 2);
    assert.deepEqual(asked[1], { name: 'develop', reload: null, files: [], problems: [problem] });
    drop();
    link.tell({ reload: 'css', files: ['/a.css'], problems: [] });
    link.tell({ reload: 'page', files: [], problems: [] });
    assert.equal(await until(() => asked.some(({ reload }) => reload === 'page')), true);
    assert.deepEqual(asked.at(-1), { name: 'develop', reload: 'page', files: [], problems: [] });
});

test('news that the sidecar did not confirm are told again, confirmed ones are not', async () => {
    const { where, asked, drop } = await fakeSidecar();
    const link = createDevelopLink({ socket: where, complain: assert.fail });
    after(() => link.close());
    link.tell({ reload: 'page', files: [], problems: [] });
    await until(() => asked.length === 1);
    link.tell({ reload: null, files: [], problems: [problem] }); // behind the first one's answer
    await until(() => asked.length === 2);
    drop();
    await until(() => asked.length === 3);
    assert.deepEqual(asked[2], { name: 'develop', reload: null, files: [], problems: [problem] });
});

test('a sidecar that refuses is said', async () => {
    const { where } = await fakeSidecar({ refuse: true });
    /** @type {string[]} */
    const said = [];
    const link = createDevelopLink({ socket: where, complain: (text) => said.push(text) });
    after(() => link.close());
    link.tell({ reload: 'page', files: [], problems: [] });
    await until(() => said.length);
    assert.match(said[0], /does not tell pages: not in production/);
});

test('saved, packed, told: code, style, a mistake, its end', async () => {
    const { where, asked } = await fakeSidecar();
    const app = makeApp({ ...LAYOUT, ...CLIENT, 'app/css/app.css': 'a{top:0}' });
    const packer = packerOf(app, { development: true });
    const ready = path.join(app, 'ready');
    const quiet = () => {};
    const end = await keepPacked({ app, packer, report: quiet, complain: quiet, socket: [where], ready });
    after(end);
    assert.equal(read(app, 'ready'), '');
    await until(() => asked.length);

    write(app, { 'app/css/app.css': 'a{top:7px}' });
    await until(() => asked.some(({ reload }) => reload === 'css'));
    assert.deepEqual(asked.at(-1).files, [`/assets/${manifestOf(app).files['app.css'].file}`]);
    assert.match(asset(app, 'app.css'), /7px/);

    write(app, { 'app/client/app.js': 'exports.x = ' });
    await until(() => asked.at(-1).problems.length);
    assert.deepEqual([asked.at(-1).problems[0].file, asked.at(-1).reload], ['app/client/app.js', null]);

    write(app, { 'app/client/app.js': 'exports.x = 5;' });
    await until(() => asked.at(-1).problems.length === 0 && asked.at(-1).reload === 'page');
    assert.equal(run(app).SS.client.app.x, 5);
});

test('an application that begins with a mistake gets a page that can show it', async () => {
    const app = makeApp({ ...CLIENT, 'app/views/app.jade': 'html\n  head(' });
    const { problems } = await packerOf(app, { development: true }).pack();
    assert.equal(problems[0].file, 'app/views/app.jade');
    assert.match(read(app, 'public/index.html'), /\/assets\/lib-[\s\S]*\/assets\/develop-/);
});

test('a save by renaming is seen', async () => {
    const { app, tells } = watched();
    await tells('code', () => {
        writeFileSync(path.join(app, 'app/client/.tmp'), 'exports.renamed = 1;');
        renameSync(path.join(app, 'app/client/.tmp'), path.join(app, 'app/client/app.js'));
    });
});
