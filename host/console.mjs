// SPDX-License-Identifier: MIT
//
// `socketstream console`: JavaScript within a running application.
//
//     node host/console.mjs <app> <command> <socket, or ''> [expression]
//
// Attaches to the application when it runs, else starts it and ends it again.  What the console
// evaluates runs here, in a process of its own; what it calls runs where it always runs.

import { mkdirSync, realpathSync } from 'node:fs';
import Module from 'node:module';
import path from 'node:path';
import readline from 'node:readline';
import repl from 'node:repl';
import { PassThrough } from 'node:stream';
import util from 'node:util';
import vm from 'node:vm';
import { attach } from './attach.mjs';
import { CallError, messageOf } from './errors.mjs';
import { createEvents } from './events.mjs';
import { loadShared } from './load.mjs';
import { createLog } from './log.mjs';
import { createPublish } from './publish.mjs';
import { reach } from './reach.mjs';
import { createRedis } from './redis.mjs';
import { createServerTree } from './server_tree.mjs';
import { createSS } from './ss.mjs';

const HISTORY = '.socketstream/console_history';

/** What a console's user should see of anything. @param {string} level @param {string} message */
const say = (level, message) => process.stderr.write(`${level}: ${message}\n`);

/** @param {Function} fn @param {any[]} args */
function callBack(fn, ...args) {
    try {
        fn(...args);
    } catch (error) {
        say('error', `a callback: ${messageOf(error)}`);
    }
}

/** What a file in the application's folder sees: its `require`, and an evaluation in which `import()`
 *  starts from there.  @param {string} app
 *  @returns {{require: NodeRequire, evaluate: (code: string) => any}} */
function inFolder(app) {
    const file = path.join(realpathSync(app), 'console.js'); // there is none; what counts is where
    /** @type {any} */
    const module = new Module(file);
    module.filename = file;
    module.paths = /** @type {any} */ (Module)._nodeModulePaths(path.dirname(file));
    module._compile('exports.require = require; exports.evaluate = (code) => (0, eval)(code);', file);
    return module.exports;
}

/** Makes SS and R global, under the names that the application gives them.
 *  @param {string} app @param {string} socket */
async function enter(app, socket) {
    /** @type {string[]} */
    let names = [];
    /** @type {ReturnType<typeof createServerTree> | undefined} */
    let tree;
    const { setup, asks, close, lost } = await attach(socket, (all) => {
        names = all;
        tree?.learn(names);
    });
    const ask = (/** @type {string} */ what, /** @type {any} */ args, /** @type {any} */ body = undefined) => asks.ask(what, args, body);
    tree = createServerTree({
        isLocal: () => false, local: () => Promise.reject(), ask, log: say, callBack,
    });
    tree.learn(names.length > 0 ? names : setup.actions);
    const SS = createSS({
        setup,
        server: tree.root,
        publish: createPublish({ ask, log: say, callBack }),
        log: createLog(say),
        events: createEvents({ ask, failed: (error, where) => say('error', `${where}: ${messageOf(error)}`) }),
        ask,
        callBack,
    });
    const variable = setup.config.ss_var || 'SS';
    Object.assign(globalThis, { SS, [variable]: SS });
    /** @type {any} */
    let redis;
    Object.defineProperty(globalThis, 'R', {
        get: () => (redis ??= createRedis(setup.config.redis ?? {}, { log: say, callBack })),
        enumerable: true,
        configurable: true,
    });
    const { problems } = await loadShared({ app, config: setup.config, ss: SS });
    for (const { file, line, message } of problems) {
        say('warning', `${file}${line ? `:${line}` : ''}: ${message}`);
    }
    const { require, evaluate } = inFolder(app);
    return { setup, close, lost, variable, require, evaluate };
}

/** What failed elsewhere has its stack there, if anywhere; the one it has here tells nothing.
 *  @param {any} error */
function shown(error) {
    if (error instanceof CallError) {
        error.stack = `${error.name} ${error.code}: ${error.data?.stack ?? error.message}`;
        Object.defineProperties(error, { code: { enumerable: false }, data: { enumerable: false } });
    }
    return error;
}

/**
 * The REPL's own evaluation, after which promises are waited for; Ctrl-C ends the waiting.
 * @param {import('node:repl').REPLServer} server
 */
function awaitPromises(server) {
    const evaluate = server.eval;
    /** @type {any} */ (server).eval = (/** @type {string} */ code, /** @type {any} */ context, /** @type {string} */ file, /** @type {Function} */ done) => {
        evaluate.call(server, code, context, file, async (error, value) => {
            if (error || typeof value?.then !== 'function') {
                done(error && shown(error), value);
                return;
            }
            /** @type {() => void} */
            let stop = () => {};
            const interrupted = new Promise((_, reject) => {
                stop = () => reject(new Error('not waited for'));
                server.once('SIGINT', stop);
            });
            try {
                done(null, await Promise.race([value, interrupted]));
            } catch (failure) {
                done(shown(failure));
            } finally {
                server.off('SIGINT', stop);
            }
        });
    };
}

/** Gives the REPL what is piped in line by line, each when the one before it has its answer: by itself
 *  it would go on, and end before the last.
 *  @param {import('node:repl').REPLServer} server @param {PassThrough} input the REPL's */
function feed(server, input) {
    const lines = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();
    const next = async () => {
        const { value, done } = await lines.next();
        if (done) {
            input.end();
        } else {
            input.write(`${value}\n`);
        }
    };
    const { displayPrompt } = server;
    server.displayPrompt = (...args) => {
        displayPrompt.apply(server, args);
        next();
    };
    next();
}

/** @param {string} app @param {{variable: string, setup: any, lost: Promise<Error>, require: NodeRequire}} entered */
async function converse(app, { variable, setup, lost, require }) {
    process.stdout.write(`SocketStream ${setup.version}, ${setup.env}: ${variable}, R; Tab completes, Ctrl-D ends\n`);
    const piped = process.stdin.isTTY ? undefined : new PassThrough();
    const server = repl.start({
        prompt: `${variable}> `, useGlobal: true, ignoreUndefined: true, ...(piped && { input: piped, output: process.stdout, terminal: false }),
    });
    server.context.require = require; // the REPL's own knows nothing of lib/server
    awaitPromises(server);
    if (piped) {
        feed(server, piped);
    }
    try {
        mkdirSync(path.join(app, '.socketstream'), { recursive: true, mode: 0o700 });
        server.setupHistory(path.join(app, HISTORY), () => {});
    } catch {
        // It may be somebody else's folder: then there is no history.
    }
    let status = 0;
    lost.then((error) => {
        process.stderr.write(`\n${error.message}\n`);
        status = 1;
        server.close();
    });
    await new Promise((resolve) => server.on('exit', resolve));
    return status;
}

/** The first form of an expression that is JavaScript: as it is, or what waits, or statements that
 *  wait, which give nothing unless they return it. @param {string} expression */
function codeOf(expression) {
    /** @type {unknown} */
    let wrong;
    for (const code of [expression, `(async () => (${expression}\n))()`, `(async () => { ${expression}\n })()`]) {
        try {
            new vm.Script(code, { filename: 'expression' });
            return `${code}\n//# sourceURL=expression`;
        } catch (error) {
            wrong ??= error;
        }
    }
    throw wrong;
}

/** @param {string} expression
 *  @param {{lost: Promise<Error>, require: NodeRequire, evaluate: (code: string) => any}} entered */
async function printOnce(expression, { lost, require, evaluate }) {
    Object.assign(globalThis, { require });
    try {
        const value = await Promise.race([evaluate(codeOf(expression)), lost.then((error) => Promise.reject(error))]);
        if (value !== undefined) {
            process.stdout.write(`${typeof value === 'string' ? value : util.inspect(value, { depth: 6, colors: process.stdout.isTTY })}\n`);
        }
        return 0;
    } catch (error) {
        process.stderr.write(`${error instanceof Error ? shown(error).stack : util.inspect(error)}\n`);
        return 1;
    }
}

/** Whole, before the process ends. @param {NodeJS.WriteStream} stream @returns {Promise<void>} */
const drain = (stream) => new Promise((resolve) => { stream.write('', () => resolve()); });

/** @param {string} app @param {string} command @param {string} socket @param {string} [expression] */
async function main(app, command, socket, expression) {
    let stop = async () => {};
    let status = 1;
    try {
        const reached = await reach(app, command, socket, 'this console');
        stop = reached.stop;
        const entered = await enter(app, reached.socket);
        status = expression === undefined ? await converse(app, entered) : await printOnce(expression, entered);
        entered.close();
    } catch (error) {
        process.stderr.write(`socketstream: ${messageOf(error)}\n`);
    }
    await stop();
    await Promise.all([drain(process.stdout), drain(process.stderr)]);
    process.exit(status);
}

const [app, command, socket, expression] = process.argv.slice(2);
await main(app, command, socket, expression);
