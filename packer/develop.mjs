// SPDX-License-Identifier: MIT
//
// The packer's word to the sidecar: pages have to load again, and these are the problems.
//
// A link like a console's (docs/ACTION_HOSTS.md).  While the sidecar is away the news gather, and
// are told when it is back, with those that it did not confirm: it forgets problems when it
// restarts, so these are told each time.

import { encodeAsk } from '../host/asks.mjs';
import { Link, op, str16 } from '../host/link.mjs';

const PROTOCOL_VERSION = 1;
const ROLE_HOST = 3;
const RETRY_MS = 100; // the sidecar is on this machine, and starts within that
const HELLO_SIZE = 24;

/**
 * @typedef {object} News
 * @property {'page' | 'css' | null} reload
 * @property {string[]} files addresses of new style sheets
 * @property {import('./problems.mjs').Problem[]} problems
 */

function hello() {
    const head = Buffer.alloc(HELLO_SIZE);
    head.writeUInt16LE(PROTOCOL_VERSION, 0);
    head.writeUInt16LE(ROLE_HOST, 2);
    head.writeUInt32LE(process.pid, 4);
    head.writeBigUInt64LE(process.hrtime.bigint(), 8);
    return Buffer.concat([head, str16('socketstream packer')]);
}

/**
 * Both at once: a page that loads again has the new style sheets, too.
 * @param {News} before @param {News} now @returns {News}
 */
function together(before, now) {
    const reload = [before.reload, now.reload].includes('page') ? 'page' : now.reload ?? before.reload;
    return {
        reload,
        files: reload === 'css' ? [...new Set([...before.files, ...now.files])] : [],
        problems: now.problems,
    };
}

/** @param {{socket: string, complain: (text: string) => void}} options */
export function createDevelopLink({ socket, complain }) {
    /** @type {News} */
    let news = { reload: null, files: [], problems: [] };
    /** @type {Link | null} */
    let link = null;
    /** @type {NodeJS.Timeout | undefined} */
    let timer;
    let ready = false;
    let closed = false;
    /** @type {News | null} told and not confirmed */
    let sent = null;
    let number = 0;

    function send() {
        if (!ready || !link) {
            return;
        }
        number = (number % 0xffffffff) + 1;
        link.send(op.ASK, 0, 0, number, encodeAsk('develop', JSON.stringify(news)));
        sent = sent ? together(sent, news) : news;
        news = { ...news, reload: null, files: [] };
    }

    /** @param {string} answer JSON behind a byte that is 1, or 0 before an error */
    function onAnswer(answer) {
        sent = null;
        if (answer.charCodeAt(0) === 0) {
            complain(`the sidecar does not tell pages: ${answer.slice(1)}`);
        }
    }

    function lost() {
        link?.socket.destroy();
        link = null;
        ready = false;
        news = sent ? together(sent, news) : news;
        sent = null;
        clearTimeout(timer);
        if (!closed) {
            timer = setTimeout(connect, RETRY_MS);
        }
    }

    function connect() {
        /** @type {Link} */
        const mine = new Link(socket, {
            receive(code, low, high, asked, bytes, at, end) {
                if (mine !== link) {
                    return;
                }
                if (code === op.ANSWER && asked === number) {
                    onAnswer(bytes.toString('utf8', at, end));
                } else if (code === op.SETUP) {
                    mine.send(op.READY, 0, 0, 0, Buffer.from('{"actions":[]}'));
                    ready = true;
                    send();
                }
            },
            broken(error) {
                complain(`the sidecar's link: ${error.message}`);
                lost();
            },
            closed() {
                if (mine === link) {
                    lost();
                }
            },
        });
        link = mine;
        mine.send(op.HELLO, 0, 0, 0, hello());
    }

    connect();
    return {
        /** @param {News} now */
        tell(now) {
            news = together(news, now);
            send();
        },
        close() {
            closed = true;
            clearTimeout(timer);
            link?.goodbye('the packer ends');
        },
    };
}
