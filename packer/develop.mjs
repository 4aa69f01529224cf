// SPDX-License-Identifier: MIT
//
// The packer's word to the sidecar: pages have to load again, and these are the problems.
//
// A link like a console's.  While the sidecar is away the news gather, and are told when it is back,
// with those that it did not confirm: it forgets problems when it restarts, so these are told each
// time.

import { attach } from '../host/attach.mjs';

const RETRY_MS = 100; // the sidecar is on this machine, and starts within that

/**
 * @typedef {object} News
 * @property {'page' | 'css' | null} reload
 * @property {string[]} files addresses of new style sheets
 * @property {import('./problems.mjs').Problem[]} problems
 */

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
    /** @type {News | null} told and not confirmed */
    let sent = null;
    /** @type {import('../host/attach.mjs').Attached | null} */
    let link = null;
    /** @type {NodeJS.Timeout | undefined} */
    let timer;
    let closed = false;

    function send() {
        if (!link) {
            return;
        }
        const mine = news;
        sent = sent ? together(sent, mine) : mine;
        const all = sent;
        news = { ...mine, reload: null, files: [] };
        link.asks.ask('develop', mine).then(
            () => {
                sent = sent === all ? null : sent; // else there are newer ones to wait for
            },
            (error) => {
                sent = sent === all ? null : sent;
                complain(`the sidecar does not tell pages: ${error.message}`);
            },
        );
    }

    function lost() {
        link = null;
        news = sent ? together(sent, news) : news;
        sent = null;
        if (!closed) {
            timer = setTimeout(connect, RETRY_MS);
        }
    }

    function connect() {
        attach(socket, () => {}).then((attached) => {
            if (closed) {
                attached.close();
                return;
            }
            link = attached;
            attached.lost.then(lost);
            send();
        }, lost);
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
            link?.close();
        },
    };
}
