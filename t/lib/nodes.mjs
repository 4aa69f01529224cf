// SPDX-License-Identifier: MIT
//
// Two nodes behind a balancer on a Redis of the test's own, run by `socketstream start`, with the
// application whose actions are the session, channel and publish functions.

import assert from 'node:assert/strict';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { freePorts, pidIn, read, startApp } from '../e2e/app.mjs';
import { startRedis } from './redis.mjs';
import { childrenOf, root, running, until } from './stack.mjs';
import { open } from './ws-client.mjs';

/** @typedef {import('./ws-client.mjs').Client} Client */

/**
 * Calls an action; its error is thrown.
 * @param {Client} client @param {string} action @param {...any} params
 */
export async function call(client, action, ...params) {
  const answer = await client.call(`app.${action}`, params);
  if (!answer) throw new Error(`the connection ended under ${action}`);
  if (answer.error) throw Object.assign(new Error(answer.error.message), { code: answer.error.code });
  return answer.result;
}

/** The events that came, without their envelope. @param {Client} client @returns {any[][]} */
export const events = (client) =>
  client.other.filter((m) => m.method === 'event').map((m) => m.params);

/** The params of the notifications of a name. @param {Client} client @param {string} name */
export const notified = (client, name) =>
  client.other.filter((m) => m.method === name).map((m) => m.params);

/** A browser, as far as cookies go: all its tabs have one jar. */
export class Browser {
  /** @param {Nodes} nodes */
  constructor(nodes) {
    this.nodes = nodes;
    this.cookie = '';
  }

  /** @param {string[]} lines of an answer's head */
  keep(lines) {
    for (const line of lines) {
      const set = /^(?:set-cookie: )?(ss_session=[^;]*)/i.exec(line);
      if (set) this.cookie = set[1];
    }
  }

  /**
   * A tab on a node, 0 or 1; by the balancer, which takes turns, so that it may have to ask again.
   * @param {number} node
   */
  async open(node) {
    const { sidecar } = this.nodes.pids(node);
    for (let i = 0; i < 20; i++) {
      const client = await open(this.nodes.port, {
        headers: ['Sec-WebSocket-Protocol: socketstream', ...this.cookie ? [`Cookie: ${this.cookie}`] : []],
      });
      assert.equal(client.status, 101);
      this.keep(client.head.split('\r\n'));
      if (await call(client, 'pid') === sidecar) return client;
      client.socket.destroy();
    }
    throw new Error(`the balancer never comes to node ${node}`);
  }

  /** Does what the browser library does with the ticket of a login. @param {Client} client */
  async exchange(client) {
    const ticket = await until(() => notified(client, 'system.session').at(-1));
    assert.ok(ticket, 'a ticket came');
    const before = this.cookie;
    const answer = await fetch(`http://127.0.0.1:${this.nodes.port}/socketstream`, {
      method: 'POST', body: JSON.stringify(ticket),
      headers: { 'content-type': 'application/json', cookie: before },
    });
    assert.equal(answer.status, 204);
    this.keep([answer.headers.get('set-cookie') ?? '']); // the only one; Debian's Node 18 has no getSetCookie()
    assert.notEqual(this.cookie, before, 'the cookie is a new one');
  }
}

export class Nodes {
  /**
   * @param {Awaited<ReturnType<typeof startApp>>} app
   * @param {import('./redis.mjs').Redis} redis
   */
  constructor(app, redis) {
    this.app = app;
    this.redis = redis;
    this.port = app.port;
  }

  /** @param {number} node 0 or 1 */
  pids(node) {
    const pid = (/** @type {string} */ name) => pidIn(this.app.dir, `node${node + 1}/${name}`);
    return { nginx: pid('nginx'), sidecar: pid('sidecar') };
  }

  /** `kill -9` of all processes of a node at once, as when its machine dies. @param {number} node */
  async kill(node) {
    const { nginx, sidecar } = this.pids(node);
    const all = [nginx, ...childrenOf(nginx), sidecar];
    for (const pid of all) process.kill(pid, 'SIGKILL');
    await until(() => !all.some(running));
  }

  async stop() {
    const { dir } = this.app;
    const logs = ['balancer', 'node1', 'node2'].flatMap((name) => ['error', 'sidecar']
      .map((log) => path.join(dir, '.socketstream', name, 'logs', `${log}.log`)));
    this.app.child.kill('SIGINT');
    const ended = await until(() => this.app.child.exitCode !== null, 20_000);
    const alarming = logs.map(read).join('\n').split('\n')
      .filter((line) => /\[(?:alert|emerg)\]|Sanitizer|runtime error:|[Aa]ssertion/.test(line));
    this.app.child.kill('SIGKILL');
    await this.redis.stop();
    rmSync(dir, { recursive: true, force: true });
    assert.ok(ended, 'it ends');
    assert.deepEqual(alarming, []);
  }
}

/** @param {Record<string, string>} [env] configuration */
export async function startNodes(env = {}) {
  const dir = mkdtempSync(path.join(tmpdir(), 'ss-nodes-'));
  const redis = await startRedis();
  cpSync(path.join(root, 't/sidecar/session_app'), dir, { recursive: true });
  mkdirSync(path.join(dir, 'public'));
  writeFileSync(path.join(dir, 'public/index.html'), '');
  const app = await startApp({
    dir, port: await freePorts(), args: ['--nodes', '2'],
    env: { SS__redis__url: redis.url, SS__nginx__workers: '2', SS__log__level: '1', ...env },
  });
  return new Nodes(app, redis);
}
