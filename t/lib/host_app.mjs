// SPDX-License-Identifier: MIT
//
// Applications whose actions are in fake hosts.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const fake = fileURLToPath(new URL('fake_host.mjs', import.meta.url));

/**
 * A name of a file that is one word, as host.commands wants it: where its folder has spaces, by a link.
 * @param {string} file
 */
export function oneWord(file) {
  if (!/\s/.test(file)) return file;
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'ss-word-'));
  process.on('exit', () => fs.rmSync(dir, { recursive: true, force: true }));
  fs.symlinkSync(path.dirname(file), path.join(dir, 'l'));
  return path.join(dir, 'l', path.basename(file));
}

/**
 * An application's folder with fake hosts, whose plan (fake_host.mjs) can be changed.
 * @param {{plan?: object, config?: object, commands?: string[]}} [options]
 */
export function hostApp({ plan = {}, config = {}, commands = [`node ${oneWord(fake)}`] } = {}) {
  const dir = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'ss-hosts-')));
  const write = (/** @type {string} */ name, /** @type {object} */ json) => {
    fs.mkdirSync(path.dirname(path.join(dir, name)), { recursive: true });
    fs.writeFileSync(path.join(dir, name), JSON.stringify(json));
  };
  fs.mkdirSync(path.join(dir, 'app/server'), { recursive: true });
  write('config/app.json', { ...config, host: { commands, .../** @type {any} */ (config).host } });
  write('host.json', plan);
  return {
    dir,
    /** For the sidecar. @type {Record<string, string>} */
    env: {},
    /** What hosts that start from now on do. @param {object} next */
    plan: (next) => write('host.json', next),
    /** Something that a watcher has to see. */
    touch: (name = 'app/server/code.txt') => write(name, {}),
    remove: () => fs.rmSync(dir, { recursive: true, force: true }),
  };
}

/**
 * Waits until `look` gives something true, and gives that.
 * @template T
 * @param {() => T | Promise<T>} look @param {string} what @param {number} [ms]
 * @returns {Promise<Awaited<T>>}
 */
export async function until(look, what, ms = 15000) {
  for (const limit = Date.now() + ms; ;) {
    const got = await look();
    if (got) return got;
    if (Date.now() > limit) throw new Error(`waited ${ms} ms for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Whether a process is there, and no zombie. @param {number} pid */
export function alive(pid) {
  try {
    return !/^\d+ \(.*\) Z/.test(fs.readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

/**
 * The same with an application of JavaScript, which so many processes of a fake host/main.mjs run.
 * @param {number} count @param {Parameters<typeof hostApp>[0]} [options]
 */
export function scriptApp(count, options = {}) {
  const app = hostApp({ ...options, commands: [], config: { ...options.config, hosts: count } });
  const share = path.join(app.dir, 'share');
  fs.mkdirSync(path.join(share, 'host'), { recursive: true });
  fs.writeFileSync(path.join(share, 'host/main.mjs'), `import ${JSON.stringify(fake)};\n`);
  app.touch('app/server/code.js');
  return { ...app, env: { SS_SHARE_DIR: share } };
}
