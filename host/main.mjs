// SPDX-License-Identifier: MIT
//
// The JavaScript action host, a process of the sidecar's: `node main.mjs`, with the link on the file
// descriptor that SS_HOST_FD names.  docs/ACTION_HOSTS.md is the contract.
//
// Owns the process: its beginning, its signals, and its end, which is that of the link.

import { DRAIN_GRACE_MS } from './bounds.mjs';
import { createEarly } from './early.mjs';
import { code as errorCode } from './errors.mjs';
import { decodeHello, encodeHello } from './hello.mjs';
import { Link, op, ProtocolError, str16 } from './link.mjs';

const DRAIN_LOOK_MS = 10; // how often a leaving process looks whether it may
const REDIS_QUIT_MS = 500;

/** @type {import('./host.mjs').ActionHost | undefined} */
let host;
/** @type {{timeoutMs: number, maxMessage: number} | undefined} */
let hello;
let setUp = false; // by SETUP, which comes once
let ready = false;
let draining = false;
let reason = ''; // to be replaced, once the sidecar knows us
const early = createEarly();

/** @param {Buffer} bytes @param {number} at @param {number} end */
const json = (bytes, at, end) => JSON.parse(bytes.toString('utf8', at, end));

/** @type {import('./link.mjs').Receive} */
function receive(code, low, high, number, bytes, at, end) {
    if (code === op.CALL && host && ready) {
        host.dispatch.receive(low, high, bytes, at, end);
    } else if (code === op.ANSWER && host) {
        host.asks.answered(number, bytes, at, end);
    } else if (code === op.CALL || code === op.EVENT || code === op.ACTIONS) {
        receiveOther(code, low, high, number, bytes, at, end);
    } else if (code === op.HELLO) {
        hello = decodeHello(bytes.subarray(at, end));
    } else if (code === op.SETUP && hello && !setUp) {
        setUp = true;
        start(json(bytes, at, end), hello);
    } else if (code === op.SERVE && ready) {
        host?.http?.serve();
    } else if (code === op.DRAIN) {
        drain();
    } else if (code !== op.PONG && code !== op.GOODBYE) {
        throw new ProtocolError(`operation ${code} is none for a host, or came out of turn`);
    }
}

/** @type {import('./link.mjs').Receive} */
function receiveOther(code, low, high, number, bytes, at, end) {
    if (host && ready) {
        const told = json(bytes, at, end);
        if (code === op.EVENT) {
            host.event(told);
        } else {
            host.learn(told);
        }
    } else if (!early.keep(code, low, high, number, bytes, at, end) && code === op.CALL) {
        const failure = { code: errorCode.UNAVAILABLE, message: 'the application is still loading', data: { retryable: true } };
        link.sendText(op.FAIL, low, high, JSON.stringify(failure));
    }
}

/** @param {any} setup @param {{timeoutMs: number, maxMessage: number}} greeted */
async function start(setup, greeted) {
    process.title = `socketstream ${setup.name}`;
    const { createHost } = await hostModule;
    host = createHost({ link, setup, hello: greeted, retire, httpFd });
    host.failures.watchProcess();
    const offer = await host.load();
    link.send(op.READY, 0, 0, 0, Buffer.from(JSON.stringify(offer)));
    ready = true;
    if (reason !== '') {
        retire(reason);
    }
    early.release(receive);
}

/** Asks to be replaced.  @param {string} why */
function retire(why) {
    if (ready) {
        link.send(op.RETIRE, 0, 0, 0, str16(why.slice(0, 300)));
    } else {
        reason = why;
    }
}

/** Leaves, once all calls and requests are answered whose time is not over. */
function drain() {
    if (draining) {
        return;
    }
    draining = true;
    host?.http?.drain();
    const last = Date.now() + (hello?.timeoutMs ?? 0) + DRAIN_GRACE_MS;
    const look = () => {
        if (host && (host.inflight.open > 0 || (host.http?.open ?? 0) > 0) && Date.now() < last) {
            setTimeout(look, DRAIN_LOOK_MS);
        } else {
            leave();
        }
    };
    look();
}

/** What was sent to Redis shall arrive. */
async function leave() {
    const R = host?.usedR();
    const late = new Promise((resolve) => setTimeout(resolve, REDIS_QUIT_MS));
    await Promise.race([late, Promise.resolve(R?.quit?.()).catch(() => {})]);
    link.goodbye('drained', () => process.exit(0));
}

const fd = Number(process.env.SS_HOST_FD);
const httpFd = process.env.SS_HTTP_FD === undefined ? undefined : Number(process.env.SS_HTTP_FD);
if (!Number.isInteger(fd) || fd < 3) {
    process.stderr.write('host/main.mjs is run by the sidecar, with SS_HOST_FD the number of its link; see docs/ACTION_HOSTS.md\n');
    process.exit(2);
}

const link = new Link(fd, {
    receive,
    broken(error) {
        process.stderr.write(`the link is broken: ${error.message}\n`);
        link.goodbye(error.message, () => process.exit(1));
    },
    closed: () => process.exit(0), // the sidecar is gone, and so are we
});
process.on('SIGINT', () => {}); // a Ctrl-C is for the sidecar, which tells us
process.on('SIGTERM', drain);
link.send(op.HELLO, 0, 0, 0, encodeHello('socketstream-host/1'));

/** The rest is loaded while the sidecar answers. */
const hostModule = import('./host.mjs');
