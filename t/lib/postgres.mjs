// SPDX-License-Identifier: MIT
//
// A PostgreSQL of a test's own, on a Unix socket and nothing else.  It refuses to run as root, so
// for root it is another user's.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';

const INSTALLED = '/usr/lib/postgresql';
const START_MS = 30000;

/** The folder of its programs; undefined when it is not installed. */
export function findPostgres() {
    const versions = fs.existsSync(INSTALLED) ? fs.readdirSync(INSTALLED).sort((a, b) => Number(b) - Number(a)) : [];
    return versions.map((version) => path.join(INSTALLED, version, 'bin')).find((bin) => fs.existsSync(path.join(bin, 'initdb')));
}

/** Whom to run it as. @returns {{uid: number, gid: number} | {}} */
function unprivileged() {
    if (process.getuid?.() !== 0) {
        return {};
    }
    const id = (/** @type {string} */ what) => Number(spawnSync('id', [what, 'nobody'], { encoding: 'utf8' }).stdout);
    return { uid: id('-u'), gid: id('-g') };
}

/**
 * @param {string} bin its folder of programs
 * @returns {Promise<{env: Record<string, string>, stop: () => Promise<void>}>}
 *   `env` tells clients where it is
 */
export async function startPostgres(bin) {
    // Short, since the path of a socket is; and not below a TMPDIR that only we may enter.
    const dir = fs.mkdtempSync(path.join('/tmp', 'ss-pg-'));
    const user = /** @type {{uid?: number, gid?: number}} */ (unprivileged());
    if (user.uid !== undefined && user.gid !== undefined) {
        fs.chownSync(dir, user.uid, user.gid);
    }
    const remove = () => fs.rmSync(dir, { recursive: true, force: true });
    const data = path.join(dir, 'data');
    const env = { PATH: process.env.PATH ?? '', HOME: dir, LC_ALL: 'C' };
    const made = spawnSync(path.join(bin, 'initdb'), ['-D', data, '-U', 'tester', '--auth=trust', '--encoding=UTF8', '--no-sync', '--no-instructions'],
        { ...user, env, cwd: dir, encoding: 'utf8' });
    if (made.status !== 0) {
        remove();
        throw new Error(`initdb: ${made.error?.message ?? ''}${made.stderr}`);
    }

    const server = spawn(path.join(bin, 'postgres'), ['-D', data, '-k', dir, '-c', 'listen_addresses=', '-c', 'fsync=off', '-c', 'shared_buffers=1MB'],
        { ...user, env, cwd: dir, stdio: ['ignore', 'ignore', 'pipe'] });
    const kill = () => server.kill('SIGKILL');
    process.on('exit', kill);
    let said = '';
    const ended = once(server, 'close');
    await new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`PostgreSQL does not start: ${said}`)), START_MS);
        server.stderr.on('data', (data) => {
            said += data;
            if (said.includes('ready to accept connections')) {
                clearTimeout(timer);
                resolve(undefined);
            }
        });
        server.on('close', () => reject(new Error(`PostgreSQL does not start: ${said}`)));
    });
    return {
        env: { PGHOST: dir, PGUSER: 'tester', PGDATABASE: 'postgres' },
        async stop() {
            server.kill('SIGINT'); // its fast shutdown: does not wait for clients
            await ended;
            process.off('exit', kill);
            remove();
        },
    };
}
