// SPDX-License-Identifier: MIT
//
// Each file of conf_examples/ as it stands, but for paths and ports, run by the nginx of the
// distribution and called.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
    copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync,
} from 'node:fs';
import { get } from 'node:https';
import { createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { write } from '../packer/app.mjs';
import { startRedis } from '../lib/redis.mjs';
import { ask, build, command, copyNative, environment, freePort, openSocket, read, root, runCommand, until } from './app.mjs';
import { launch, skip, watch } from './chromium.mjs';

const square = '{"jsonrpc":"2.0","id":1,"method":"native.square","params":[25]}';
const answer = '{"jsonrpc":"2.0","id":1,"result":625}';

const dir = mkdtempSync(path.join(tmpdir(), 'ss-conf-'));
const app = copyNative();
const socket = path.join(dir, 'sidecar.sock');
const middleware = path.join(dir, 'http.sock');
/** @type {import('node:child_process').ChildProcess} */
let sidecar;

before(async () => {
    writeFileSync(path.join(app, 'config/http.js'), `exports.call = (request, response, next) => {
        response.setHeader('X-Asked', request.url);
        if (request.url === '/guarded.png') response.writeHead(403).end(); else next();
    };`);
    sidecar = spawn(command, ['sidecar', '--app', app, '--listen', socket, '--http-listen', middleware], { stdio: 'ignore' });
    assert.ok(await until(() => existsSync(socket), 10000), 'the sidecar does not listen');
});
after(async () => {
    sidecar.kill('SIGTERM');
    await once(sidecar, 'exit');
    rmSync(dir, { recursive: true });
    rmSync(app, { recursive: true });
});

/** @param {string} text @param {Record<string, string>} changes each of which must be possible */
function change(text, changes) {
    for (const [from, to] of Object.entries(changes)) {
        assert.ok(text.includes(from), `${from} is not in the example any more`);
        text = text.replaceAll(from, to);
    }
    return text;
}

/**
 * Runs nginx with an example while `use` calls it, and looks at its log afterwards.
 * @param {string} name @param {Record<string, string>} changes
 * @param {(port: number, prefix: string) => Promise<void>} use
 */
async function withNginx(name, changes, use) {
    const port = await freePort();
    const prefix = mkdtempSync(path.join(dir, `${name}-`));
    const log = path.join(prefix, 'error.log');
    const temps = ['client_body', 'proxy', 'fastcgi', 'scgi', 'uwsgi']
        .map((kind) => `${kind}_temp_path ${prefix}/${kind};`);
    copyFileSync('/etc/nginx/fastcgi_params', path.join(prefix, 'fastcgi_params'));
    writeFileSync(
        path.join(prefix, 'nginx.conf'),
        change(readFileSync(path.join(root, 'conf_examples', `${name}.conf`), 'utf8'), {
            ...(name === 'load-balancer' ? {} : {
                'modules/ngx_http_socketstream_module.so': `"${build}/ngx_http_socketstream_module.so"`,
            }),
            ...(name === 'load-balancer' || name === 'many-apps' ? {} : {
                '/run/socketstream/sidecar.sock': socket,
                '/srv/app': app,
            }),
            [name === 'node' ? 'listen 8000;' : 'listen 80;']: `listen 127.0.0.1:${port};`,
            'http {': `http {\n    access_log ${prefix}/access.log; ${temps.join(' ')}`,
            ...changes,
        }),
    );
    const user = userInfo().uid === 0 ? 'user root; ' : '';
    const nginx = spawn(
        process.env.TEST_NGINX_BINARY ?? path.join(root, 't/lib/nginx'),
        ['-p', `${prefix}/`, '-c', `${prefix}/nginx.conf`, '-e', log,
            '-g', `${user}daemon off; pid ${prefix}/nginx.pid; error_log ${log} notice;`],
        { stdio: 'ignore' },
    );
    const exited = once(nginx, 'exit');
    try {
        await until(() => existsSync(`${prefix}/nginx.pid`) || nginx.exitCode !== null, 10000);
        assert.equal(nginx.exitCode, null, read(log));
        await use(port, prefix);
    } finally {
        nginx.kill('SIGQUIT');
        const timer = setTimeout(() => nginx.kill('SIGKILL'), 10000);
        await exited;
        clearTimeout(timer);
    }
    const noted = read(log).replace(/^.*\[warn\].* is buffered to a temporary file .*$/gm, ''); // a large body is
    assert.doesNotMatch(noted, /\[(?:alert|emerg|crit|warn)\]|Sanitizer/);
}

/** @param {string} url */
const textOf = async (url) => (await fetch(url)).text();

test('the API at /api/ is at /api too, where its list is', () => {
    for (const name of readdirSync(path.join(root, 'conf_examples'))) {
        const text = readFileSync(path.join(root, 'conf_examples', name), 'utf8');
        for (const [, where, upstream] of text.matchAll(/^ +location (\S+\/api)\/ +\{\s*socketstream_api (\w+);/gm)) {
            assert.match(text, new RegExp(`location = ${where} +\\{ socketstream_api ${upstream}; \\}`), `${name}: ${where}`);
        }
    }
});

test('every example is tested here', () => {
    assert.deepEqual(readdirSync(path.join(root, 'conf_examples')).sort(), [
        'existing-site.conf', 'load-balancer.conf', 'many-apps.conf', 'middleware.conf', 'minimal.conf', 'node.conf', 'tls.conf',
    ]);
});

test('minimal.conf', async () => {
    await withNginx('minimal', {}, async (port) => {
        const url = `http://127.0.0.1:${port}`;
        const client = await openSocket(`ws://127.0.0.1:${port}/socketstream`);
        assert.equal(await ask(client, square), answer);
        client.terminate();
        assert.equal(await textOf(`${url}/api/native/square?25`), '625');
        assert.match(await textOf(`${url}/api`), /api\/native\/square/);
        assert.match(await textOf(`${url}/`), /<h1>SocketStream/);
        assert.match(await textOf(`${url}/some/route`), /<h1>SocketStream/);
        assert.equal((await fetch(`${url}/missing.png`)).status, 404);
    });
});

test('middleware.conf', async () => {
    await withNginx('middleware', { '/run/socketstream/http.sock': middleware }, async (port) => {
        const url = `http://127.0.0.1:${port}`;
        const client = await openSocket(`ws://127.0.0.1:${port}/socketstream`);
        assert.equal(await ask(client, square), answer);
        client.terminate();
        const page = await fetch(`${url}/some/route?x=1`);
        assert.equal(page.headers.get('x-asked'), '/some/route?x=1');
        assert.match(await page.text(), /<h1>SocketStream/);
        const api = await fetch(`${url}/api/native/square?25`);
        assert.deepEqual([api.headers.get('x-asked'), await api.text()], ['/api/native/square?25', '625']);
        assert.equal((await fetch(`${url}//guarded%2epng`)).status, 403);
    });
});

test('load-balancer.conf, in front of two of node.conf', async () => {
    const trust = { 'set_real_ip_from 10.0.0.1;': 'set_real_ip_from 127.0.0.1;' };
    await withNginx('node', trust, (one, folder1) => withNginx('node', trust, async (two, folder2) => {
        const nodes = {
            'server 10.0.0.11:8000;': `server 127.0.0.1:${one};`,
            'server 10.0.0.12:8000;': `server 127.0.0.1:${two};`,
        };
        await withNginx('load-balancer', nodes, async (port) => {
            const url = `http://127.0.0.1:${port}`;
            const clients = await Promise.all([1, 2, 3, 4].map(() => openSocket(
                `ws://127.0.0.1:${port}/socketstream`,
                { localAddress: '127.0.0.7', origin: url, headers: { 'X-Forwarded-For': '10.9.9.9' } },
            )));
            for (const client of clients) {
                assert.equal(await ask(client, square), answer);
            }
            assert.equal(await textOf(`${url}/api/native/square?25`), '625');
            const large = { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: `[${' '.repeat(1060 << 10)}25]` };
            assert.equal(await (await fetch(`${url}/api/native/square`, large)).text(), '625');
            assert.match(await textOf(`${url}/`), /<h1>SocketStream/);
            assert.equal((await fetch(`${url}/socketstream/status`)).status, 200);
            const closed = Promise.all(clients.map((client) => once(client, 'close')));
            clients.forEach((client) => client.close());
            await closed;
        });
        // Both had clients, whose address is their own, not the balancer's, nor what they claim.
        for (const folder of [folder1, folder2]) {
            assert.match(read(path.join(folder, 'access.log')), /^127\.0\.0\.7 .*\/socketstream/m);
            assert.doesNotMatch(read(path.join(folder, 'access.log')), /10\.9\.9\.9/);
        }
    }));
});

/** @param {string} name of a host */
function makeCertificate(name) {
    const key = path.join(dir, `${name}.key`);
    const certificate = path.join(dir, `${name}.pem`);
    execFileSync('openssl', [
        'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes',
        '-days', '2', '-subj', `/CN=${name}`, '-addext', `subjectAltName=DNS:${name}`,
        '-keyout', key, '-out', certificate,
    ], { stdio: 'pipe' });
    return { key, certificate };
}

test('tls.conf', async () => {
    const tls = await freePort();
    const { key, certificate } = makeCertificate('localhost');
    const ca = readFileSync(certificate);
    const changes = {
        'listen 443 ssl http2;': `listen 127.0.0.1:${tls} ssl http2;`,
        '/etc/ssl/site.pem': certificate,
        '/etc/ssl/site.key': key,
    };
    /** @param {string} where @returns {Promise<{headers: import('node:http').IncomingHttpHeaders, text: string}>} */
    const secure = (where) => new Promise((resolve, reject) => {
        const request = get(`https://localhost:${tls}${where}`, { ca, family: 4 }, async (response) => {
            let text = '';
            for await (const piece of response) {
                text += piece;
            }
            resolve({ headers: response.headers, text });
        });
        request.on('error', reject);
    });
    await withNginx('tls', changes, async (port) => {
        const client = await openSocket(`wss://localhost:${tls}/socketstream`, { ca, family: 4 });
        assert.equal(await ask(client, square), answer);
        const long = 'x'.repeat(200000);
        const call = { jsonrpc: '2.0', id: 2, method: 'native.echo', params: [long] };
        assert.equal(JSON.parse(await ask(client, call)).result, long);
        client.terminate();
        assert.equal((await secure('/api/native/square?25')).text, '625');
        const page = await secure('/');
        assert.match(page.text, /<h1>SocketStream/);
        assert.match(String(page.headers['strict-transport-security']), /max-age/);
        const plain = await fetch(`http://127.0.0.1:${port}/a?b=c`, { redirect: 'manual' });
        assert.equal(plain.status, 308);
        assert.equal(plain.headers.get('location'), 'https://127.0.0.1/a?b=c');
    });
});

/** The least of a FastCGI application: answers each request with the name of the script. */
function startFastCgi(/** @type {string} */ where) {
    const server = createServer((connection) => {
        let input = Buffer.alloc(0);
        connection.on('data', (data) => {
            input = Buffer.concat([input, data]);
            // Records are 8 bytes of header, the content and padding; STDIN (5) ends empty.
            for (let at = 0; at + 8 <= input.length;) {
                const length = input.readUInt16BE(at + 4);
                if (input[at + 1] === 5 && length === 0) {
                    const script = /SCRIPT_FILENAME([^\0]*?\.php)/.exec(input.toString('latin1'))?.[1];
                    const body = Buffer.from(`Content-Type: text/plain\r\n\r\nran ${script}`);
                    const header = Buffer.from([1, 6, 0, 1, 0, 0, 0, 0]);
                    header.writeUInt16BE(body.length, 4);
                    connection.end(Buffer.concat([
                        header, body, Buffer.from([1, 3, 0, 1, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
                    ]));
                }
                at += 8 + length + input[at + 6];
            }
        });
        connection.on('error', () => {});
    });
    return new Promise((resolve) => server.listen(where, () => resolve(server)));
}

test('existing-site.conf', async () => {
    const site = path.join(dir, 'site');
    const php = path.join(dir, 'php.sock');
    mkdirSync(site);
    writeFileSync(path.join(site, 'about.html'), 'about us');
    writeFileSync(path.join(site, 'index.php'), '<?php');
    const server = await startFastCgi(php);
    const changes = { '/srv/site': site, '/run/php/php-fpm.sock': php };
    await withNginx('existing-site', changes, async (port) => {
        const url = `http://127.0.0.1:${port}`;
        const client = await openSocket(`ws://127.0.0.1:${port}/socketstream`);
        assert.equal(await ask(client, square), answer);
        client.terminate();
        assert.equal(await textOf(`${url}/realtime/native/square?25`), '625');
        assert.match(await textOf(`${url}/socketstream/socketstream.min.js`), /SocketStream/);
        assert.equal(typeof JSON.parse(await textOf(`${url}/socketstream/status`)).workers, 'number');
        assert.equal(await textOf(`${url}/about.html`), 'about us');
        assert.equal(await textOf(`${url}/`), `ran ${site}/index.php`);
        assert.equal(await textOf(`${url}/shop/1?x=2`), `ran ${site}/index.php`);
        assert.equal((await fetch(`${url}/.env`)).status, 403);
    });
    server.close();
});

/**
 * An application whose page shows what its session holds and who answers, packed for production.
 * @param {string} name @param {Record<string, any>} config
 */
async function makeNamedApp(name, config) {
    const folder = path.join(dir, name);
    write(folder, {
        'config/app.json': JSON.stringify({ hosts: 1, ...config }),
        'app/server/app.js': `exports.actions = {
            who: (cb) => cb('${name}'),
            note(text, cb) {
                this.session.attributes.note = text;
                this.session.save(() => cb(true));
            },
            noted() { return this.getSession().then((session) => session.attributes.note ?? null); },
        };`,
        'app/client/app.js': `export async function init() {
            document.title = await SS.server.app.who() + ': ' + await SS.server.app.noted();
        }`,
        'app/views/app.html': '<!doctype html><html><head><SocketStream></head><body><h1>App</h1></body></html>',
        'app/css/app.css': 'h1 { color: rgb(1, 2, 3); }',
    });
    const { code, stderr } = await runCommand(['pack', '--app', folder], { env: { SS_ENV: 'production' } });
    assert.equal(code, 0, stderr);
    return folder;
}

/** One of its two sidecars is enough here. @param {string} name @param {string} folder @param {string} redis */
async function startSidecar(name, folder, redis) {
    const where = path.join(dir, `${name}.sock`);
    const child = spawn(
        command, ['sidecar', '--app', folder, '--listen', where],
        { stdio: 'ignore', env: environment({ SS_ENV: 'production', SS__redis__url: `unix://${redis}` }) },
    );
    assert.ok(await until(() => existsSync(where), 20000), `${name}: no sidecar listens`);
    return { where, child };
}

test('many-apps.conf: one by its name, two by their paths, each with its own sessions', { skip }, async () => {
    const redis = await startRedis();
    const byPath = (/** @type {string} */ name) => ({
        http: { base: `/${name}/` }, session: { cookie: `${name}_session` }, redis: { key_prefix: name },
    });
    const names = ['news', 'shop', 'desk'];
    const folders = await Promise.all(names.map((name) =>
        makeNamedApp(name, name === 'news' ? { redis: { key_prefix: name } } : byPath(name))));
    const running = await Promise.all(names.map((name, i) => startSidecar(name, folders[i], redis.path)));
    const browser = await launch();
    const tls = await freePort();
    const site = path.join(dir, 'many');
    write(site, { 'about.html': 'about us' });
    const [news, www] = ['news.localhost', 'localhost'].map(makeCertificate);
    try {
        await withNginx('many-apps', {
            ...Object.fromEntries(names.flatMap((name, i) => [
                [`/srv/${name}/`, `${folders[i]}/`],
                [`server unix:/run/socketstream/${name}/a.sock;`, `server unix:${running[i].where};`],
                [`server unix:/run/socketstream/${name}/b.sock;`, ''],
            ])),
            'listen 443 ssl;': `listen 127.0.0.1:${tls} ssl;`,
            '/etc/ssl/news.key': news.key,
            '/etc/ssl/news.pem': news.certificate,
            '/etc/ssl/www.key': www.key,
            '/etc/ssl/www.pem': www.certificate,
            'news.example.com': 'news.localhost',
            'www.example.com': 'localhost',
            '/srv/site': site,
        }, async (port) => {
            const where = {
                news: `https://news.localhost:${tls}/`, shop: `https://localhost:${tls}/shop/`, desk: `https://localhost:${tls}/desk/`,
            };
            const context = await browser.newContext({ ignoreHTTPSErrors: true });
            const page = await context.newPage();
            /** @type {string[]} */
            const problems = [];
            watch(page, problems);
            // Each has a note in its session, and none has another's: after a reload, by its cookie.
            for (const round of ['null', 'set']) {
                for (const [name, url] of Object.entries(where)) {
                    await page.goto(url);
                    await page.waitForFunction("document.title !== ''");
                    assert.equal(await page.title(), `${name}: ${round === 'null' ? 'null' : `of ${name}`}`);
                    assert.equal(await page.evaluate("getComputedStyle(document.querySelector('h1')).color"), 'rgb(1, 2, 3)');
                    await page.evaluate(`SS.server.app.note('of ${name}')`);
                    const api = await page.evaluate(`fetch('${new URL(url).pathname}api/app/who').then((one) => one.text())`);
                    assert.equal(api, `"${name}"`);
                }
            }
            const cookies = (await context.cookies()).map(({ name, domain }) => `${domain} ${name}`);
            assert.deepEqual(cookies.sort(), [
                'localhost __Host-desk_session', 'localhost __Host-shop_session', 'news.localhost __Host-ss_session',
            ]);
            await page.goto(`https://localhost:${tls}/shop`);
            assert.equal(page.url(), where.shop);
            await page.goto(`https://localhost:${tls}/about.html`);
            assert.equal(await page.textContent('body'), 'about us');
            assert.deepEqual(problems, []);
            assert.equal((await fetch(`http://127.0.0.1:${port}/shop/`, { redirect: 'manual' })).status, 308);
        });
    } finally {
        await browser.close();
        const children = running.map(({ child }) => child);
        children.forEach((child) => child.kill('SIGTERM'));
        await Promise.all(children.map((child) => child.exitCode ?? once(child, 'exit')));
        await redis.stop();
    }
});
