// SPDX-License-Identifier: MIT
//
// Applications in a temporary folder, run by `socketstream start` as a user runs them: a copy of an
// example, or the least there is.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
    chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { WebSocket } from 'ws';
import { build, freePort, root, running, stopwatch, until } from '../lib/stack.mjs';

export { build, freePort, root, running, stopwatch, until };
export const command = path.join(build, 'bin/socketstream');

/** Where the tests' own nginx is; SS__ variables so that `start` needs no options for it. */
export const environment = (/** @type {Record<string, string>} */ more = {}) => ({
    ...process.env,
    SS_ENV: 'development',
    SS__http__hostname: '127.0.0.1',
    SS__nginx__binary: process.env.TEST_NGINX_BINARY ?? path.join(root, 't/lib/nginx'),
    ...more,
});

/** A port with two free ones behind it. */
export const freePorts = () => freePort(3);

/** A copy of an example, without what a run of it left there, and with the npm packages it imports. */
export function copyExample(name = 'chat') {
    const from = path.join(root, 'examples', name);
    const dir = mkdtempSync(path.join(tmpdir(), 'ss-e2e-'));
    const left = ['.socketstream', 'public/assets', 'public/index.html'].map((one) => path.join(from, one));
    cpSync(from, dir, {
        recursive: true,
        filter: (source) => !left.some((one) => source.startsWith(one)),
    });
    if (existsSync(path.join(dir, 'package.json'))) {
        symlinkSync(path.join(root, 'node_modules'), path.join(dir, 'node_modules'));
    }
    return dir;
}

/** An application of the chat's C actions, and a page that nothing packs: it needs no Node. */
export function copyNative() {
    const dir = mkdtempSync(path.join(tmpdir(), 'ss-e2e-'));
    for (const folder of ['app/server', 'config', 'public/assets']) {
        mkdirSync(path.join(dir, folder), { recursive: true });
    }
    for (const name of ['app/server/native.c', 'config/app.json']) {
        cpSync(path.join(root, 'examples/chat', name), path.join(dir, name));
    }
    cpSync(path.join(build, 'client/socketstream.min.js'), path.join(dir, 'public/assets/socketstream.min.js'));
    writeFileSync(path.join(dir, 'public/index.html'), '<!doctype html>\n<title>Native</title>\n<h1>SocketStream</h1>\n');
    return dir;
}

/** @param {string} file @returns {string} '' when there is none */
export function read(file) {
    try {
        return readFileSync(file, 'utf8');
    } catch {
        return '';
    }
}

/**
 * All names below a folder.  Node 18's own `recursive` takes sockets for folders.
 * @param {string} dir @param {string} [below] @returns {string[]}
 */
export const namesIn = (dir, below = '') => readdirSync(path.join(dir, below), { withFileTypes: true })
    .flatMap((one) => {
        const name = path.join(below, one.name);
        return one.isDirectory() ? [name, ...namesIn(dir, name)] : [name];
    });

/** @param {string} dir @param {string} name */
export const pidIn = (dir, name) => Number(read(path.join(dir, '.socketstream', `${name}.pid`)));

/**
 * Runs the command and gives what it wrote and how it ended.
 * @param {string[]} args @param {{cwd?: string, env?: Record<string, string>, uid?: number}} [options]
 */
export async function runCommand(args, options = {}) {
    const child = spawn(command, args, { cwd: options.cwd, env: environment(options.env), uid: options.uid });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (data) => (stdout += data));
    child.stderr.on('data', (data) => (stderr += data));
    const timer = setTimeout(() => child.kill('SIGKILL'), 60000);
    const [code, signal] = await once(child, 'close');
    clearTimeout(timer);
    return { code, signal, stdout, stderr };
}

/**
 * @param {{dir?: string, port?: number, env?: Record<string, string>, args?: string[]}} [options]
 */
export async function startApp(options = {}) {
    const dir = options.dir ?? copyNative();
    const port = options.port ?? (await freePort());
    const child = spawn(
        command,
        ['start', '--app', dir, '--port', String(port), ...(options.args ?? [])],
        { env: environment(options.env) },
    );
    const output = { stdout: '', stderr: '' };
    child.stdout.on('data', (data) => (output.stdout += data));
    child.stderr.on('data', (data) => (output.stderr += data));
    const exited = once(child, 'exit');
    const app = {
        dir,
        port,
        child,
        output,
        url: `http://127.0.0.1:${port}/`,
        socketUrl: `ws://127.0.0.1:${port}/socketstream`,
        nginx: () => pidIn(dir, 'nginx'),
        sidecar: () => pidIn(dir, 'sidecar'),
        redis: () => pidIn(dir, 'redis'),
        /** @param {string} name of a log */
        log: (name) => read(path.join(dir, '.socketstream/logs', `${name}.log`)),
        /** Ends it as Ctrl-C does, and gives how it ended and what its logs are alarming with. */
        async stop(/** @type {NodeJS.Signals} */ signal = 'SIGINT') {
            if (child.exitCode === null && child.signalCode === null) {
                child.kill(signal);
            }
            const timer = setTimeout(() => child.kill('SIGKILL'), 10000);
            const [code, killed] = await exited;
            clearTimeout(timer);
            const alarms = (app.log('error') + app.log('sidecar') + output.stderr)
                .split('\n')
                .filter((line) => /\[(?:alert|emerg)\]|Sanitizer|runtime error:/.test(line));
            rmSync(dir, { recursive: true, force: true });
            return { code, signal: killed, alarms };
        },
    };
    const up = await until(() => /^ready: /m.test(output.stdout) || child.exitCode !== null, 60000);
    if (!up || child.exitCode !== null) {
        await app.stop();
        throw new Error(`it does not start:\n${output.stdout}${output.stderr}`);
    }
    return app;
}

/** Every test's end: it ran cleanly and ended cleanly. */
export const CLEAN = { code: 0, signal: null, alarms: [] };

/** An open WebSocket; npm's ws. @param {string} url @param {any} [options] */
export async function openSocket(url, options = {}) {
    const socket = new WebSocket(url, options);
    await once(socket, 'open');
    return socket;
}

/** Sends a text and gives the next. @param {WebSocket} socket @param {any} message */
export async function ask(socket, message) {
    const answer = once(socket, 'message');
    socket.send(typeof message === 'string' ? message : JSON.stringify(message));
    return String((await answer)[0]);
}

/**
 * A user whom permissions concern: root becomes nobody.
 * @param {string} dir is opened to that one, with the way to it
 * @returns {number | undefined} to run commands as
 */
export function somebody(dir) {
    for (let at = dir; at.startsWith('/tmp/'); at = path.dirname(at)) {
        chmodSync(at, 0o755);
    }
    return process.getuid?.() === 0 ? 65534 : undefined;
}
