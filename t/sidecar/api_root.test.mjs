// SPDX-License-Identifier: MIT
//
// The root of the HTTP API: the page, and the OpenAPI document.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startSidecar } from '../lib/fake_worker.mjs';
import { hostApp } from '../lib/host_app.mjs';

const from = path.join(path.dirname(fileURLToPath(import.meta.url)), 'api_app');
const dir = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'ss-api-')));
fs.cpSync(from, dir, { recursive: true });
fs.writeFileSync(path.join(dir, 'package.json'), JSON.stringify({
  name: '<b>shop</b>', version: '1.2.3', description: 'Sells "tea" & more', license: 'MIT',
}));

/** @type {import('../lib/fake_worker.mjs').Sidecar} */
let sidecar;
/** @type {import('../lib/fake_worker.mjs').Worker} */
let worker;

before(async () => {
  sidecar = await startSidecar([], { app: dir, env: { SS__api__auth__basic__module_name: 'accounts', SS__api__prefix: 'v1/api' } });
  worker = await sidecar.worker();
});
after(async () => {
  await sidecar.stop();
  fs.rmSync(dir, { recursive: true, force: true });
});

const get = (where = '', headers = {}, more = {}) => worker.http({ path: where, headers, ...more });

describe('the page', () => {
  it('lists the actions for everybody\'s eyes, with who may call them and how', async () => {
    const { status, headers, body } = await get('', { Host: 'shop.example:8443' }, { flags: 1 });
    assert.deepEqual([status, headers['Content-Type']], [200, 'text/html; charset=utf-8']);
    const items = body.match(/<li>.*?<\/li>/g) ?? [];
    assert.deepEqual(items.map((one) => [/<b>(.*?)<\/b>/.exec(one)?.[1], one.includes('signed-in users')]), [
      ['/app/deep/er', false], ['/app/echo', false], ['/app/same', false], ['/app/whoami', true]]);
    assert.match(items[3], /<pre>curl -u NAME -H &#39;Content-Type: application\/json&#39; -d &#39;\[\]&#39; https:\/\/shop\.example:8443\/v1\/api\/app\/whoami<\/pre>/);
    assert.deepEqual(body.match(/<h2>.*?<\/h2>/g), ['<h2>app</h2>']);
    assert.ok(!body.includes('/system/'), 'nothing of our own');
    assert.ok(body.includes('href="https://shop.example:8443/v1/api/openapi.json"'));
  });

  it('escapes what comes from the application', async () => {
    const { body } = await get();
    assert.match(body, /<h1>&lt;b&gt;shop&lt;\/b&gt; API<\/h1>\n<p>Version 1\.2\.3: Sells &quot;tea&quot; &amp; more<\/p>/);
  });

  it('shows no Host that is none', async () => {
    for (const Host of ['a"><script>', 'a b', '$(id)', 'x'.repeat(300), '', 'a\0b']) {
      const { body } = await get('', { Host });
      assert.ok(body.includes('http://localhost/v1/api/app/echo'), Host);
    }
  });

  it('allows nothing but its own style, and needs nothing else', async () => {
    const { headers, body } = await get();
    const style = /<style>(.*?)<\/style>/s.exec(body)?.[1] ?? '';
    const digest = createHash('sha256').update(style).digest('base64');
    assert.equal(headers['Content-Security-Policy'],
      `default-src 'none'; style-src 'sha256-${digest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`);
    assert.ok(!/\bstyle=|<script|<link|<img|\bon\w+=/.test(body));
    assert.deepEqual([headers['Cache-Control'], headers.Vary], ['no-store', 'Accept']);
  });

  it('is what browsers get, the document what asks for JSON alone', async () => {
    for (const [accept, type] of [['text/html,application/xhtml+xml,*/*;q=0.8', 'text/html; charset=utf-8'],
      ['*/*', 'text/html; charset=utf-8'], ['application/json', 'application/json'],
      ['application/json, text/html', 'text/html; charset=utf-8']]) {
      assert.equal((await get('', { Accept: accept })).headers['Content-Type'], type, accept);
    }
  });

  it('is read only', async () => {
    for (const where of ['', 'openapi.json']) {
      const { status, headers } = await get(where, {}, { method: 'POST' });
      assert.deepEqual([status, headers.Allow], [405, 'GET, HEAD']);
    }
  });
});

describe('the document', () => {
  it('describes each action twice, under ids of its own', async () => {
    const { status, body } = await get('openapi.json');
    const { openapi, info, servers, paths } = JSON.parse(body);
    assert.deepEqual([status, openapi, servers], [200, '3.1.0', [{ url: '/v1/api' }]]);
    assert.deepEqual(info, { title: '<b>shop</b>', version: '1.2.3', description: 'Sells "tea" & more', license: { name: 'MIT', identifier: 'MIT' } });
    assert.deepEqual(Object.keys(paths), ['/app/deep/er', '/app/echo', '/app/same', '/app/whoami']);
    const operations = Object.values(paths).flatMap((one) => [one.get, one.post]);
    assert.equal(new Set(operations.map(({ operationId }) => operationId)).size, 8);
    assert.equal(paths['/app/echo'].post.operationId, 'app.echo.post');
  });

  it('says who needs a password, and what errors there are', async () => {
    const { paths, components } = JSON.parse((await get('', { accept: 'application/json' })).body);
    assert.deepEqual(paths['/app/whoami'].get.security, [{ basic: [] }]);
    assert.deepEqual([paths['/app/echo'].get.security, paths['/app/echo'].get.responses['401']], [undefined, undefined]);
    assert.deepEqual(components.securitySchemes, { basic: { type: 'http', scheme: 'basic' } });
    assert.deepEqual(Object.keys(paths['/app/whoami'].post.responses), ['200', '400', '401', '413', '429', '500', '503', '504']);
    const { anyOf } = components.schemas.Error.properties.error.properties.code;
    assert.ok(anyOf.some((/** @type {any} */ one) => one.const === -32004 && one.title === 'TIMEOUT'));
  });
});

describe('a format that there is not', () => {
  it('is 404, and told those that there are', async () => {
    for (const [where, format] of [['app/echo.xml', 'xml'], ['app/deep/er.html', 'html'], ['app/echo.', ''],
      [`app/echo.${'x'.repeat(40)}`, 'x'.repeat(20)]]) {
      const { status, body } = await get(where);
      assert.deepEqual([status, JSON.parse(body).error], [404,
        { code: -32601, message: `Unable to find the '${format}' format. There is json alone` }], where);
    }
  });
});

it('the page has what is below no name, too, and nothing that a shell would change', async () => {
  const app = hostApp({ plan: { actions: ['a.b', 'ping', 'pong', 'x.$y'].map((name) => ({ name })) } });
  const named = await startSidecar([], { app: app.dir });
  const link = await named.worker();
  const { body } = await link.http({ path: '' });
  const list = body.slice(body.indexOf('<h2>')).replace(/<li>.*?<b>(.*?)<\/b>.*?<\/li>/g, '$1').replace(/\n/g, '');
  assert.equal(list, '<h2>a</h2><ul>/a/b</ul><ul>/ping/pong</ul><h2>x</h2><ul>/x/$y</ul></html>');
  assert.ok(body.includes(' &#39;http://localhost/api/x/$y&#39;</pre>') && body.includes(' http://localhost/api/ping</pre>'), body);
  link.close();
  await named.stop();
  app.remove();
});

it('an action named openapi is its own, and the document is at the root', async () => {
  const app = hostApp({ plan: { actions: [{ name: 'openapi' }] } });
  const named = await startSidecar([], { app: app.dir });
  const link = await named.worker();
  const { headers, body } = await link.http({ path: 'openapi.json', args: '7' });
  assert.deepEqual([headers['Content-Disposition'], body], ['attachment; filename="openapi.json"', '[7]']);
  const root = JSON.parse((await link.http({ path: '', headers: { accept: 'application/json' } })).body);
  assert.deepEqual(Object.keys(root.paths), ['/openapi']);
  assert.deepEqual([root.info.title, root.info.version], [path.basename(app.dir), '0.0.0']);
  link.close();
  await named.stop();
  app.remove();
});
