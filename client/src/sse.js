// SPDX-License-Identifier: MIT
//
// The transport for where WebSockets are blocked: server-sent events down, POST up, on one URL.
//
// One POST is under way at a time, and carries all that waits.  It has a number, so that it can be
// sent again when nobody knows whether it was taken: the server takes each number once.  fetch()
// reads the stream, not EventSource, which hides the heartbeats and Node does not have.

const RETRY_DELAY = 500; // ms before a POST that was not taken is sent again
const MAX_BODY = 21000; // characters, of 3 bytes each in the worst case, in a POST of several messages: nginx takes 64 KiB
const POST_TIME = 60000; // for an answer; the stream may live while what carries POSTs is dead
const LOST = 1006;
const MESSAGE_TOO_BIG = 1009;

/**
 * Takes a stream of server-sent events apart, as our server writes them: one line of data each.
 * Nothing but \n ends a line: JSON may hold U+2028, which is the end of one to `.` and `^` too.
 * @param {(event: string | undefined, data: string) => void} onEvent
 * @returns {(text: string) => void} takes the next piece
 */
export function eventParser(onEvent) {
    let rest = '';
    return (text) => {
        const blocks = (rest + text).split('\n\n');
        rest = /** @type {string} */ (blocks.pop());
        for (const block of blocks) {
            const [, event, data] = /^(?:event: ?([^\n]*)\n)?data: ?([^\n]*)/.exec(block) || [];
            if (data) {
                onEvent(event, data);
            }
        }
    };
}

/**
 * @param {typeof globalThis.fetch} fetch
 * @param {string} url of the WebSocket
 * @param {import('./websocket.js').Handlers} handlers
 * @returns {import('./websocket.js').Transport}
 */
export function openStream(fetch, url, handlers) {
    const target = url.replace(/^ws/i, 'http') + (url.includes('?') ? '&' : '?') + 'protocol=socketstream';
    const controller = new AbortController();
    const { signal } = controller;
    /** @type {string[]} */
    const waiting = [];
    let body = ''; // of the POST under way
    let seq = 0;
    let secret = '';
    let over = false;

    function end(/** @type {number} */ code, /** @type {string} */ reason) {
        if (!over) {
            over = true;
            controller.abort();
            handlers.close(code, reason);
        }
    }

    /** @param {RequestInit} options */
    const ask = (options) =>
        fetch(target, { ...options, signal, cache: 'no-store', credentials: 'include' });

    function next() {
        if (body || !secret || !waiting.length || over) {
            return;
        }
        do {
            body += `${waiting.shift()}\n`;
        } while (waiting.length && body.length + waiting[0].length < MAX_BODY);
        seq++;
        post();
    }

    async function post() {
        const late = setTimeout(end, POST_TIME, LOST, 'a message got no answer');
        const { status } = await ask({
            method: 'POST',
            body,
            headers: {
                'Content-Type': 'application/x-ndjson',
                'SocketStream-Stream': secret,
                'SocketStream-Seq': `${seq}`,
            },
        }).catch(() => ({ status: 503 }));
        clearTimeout(late);
        if (status === 204) {
            body = '';
            next();
        } else if (status >= 502 && status <= 504) {
            setTimeout(() => over || post(), RETRY_DELAY);
        } else {
            end(status === 413 ? MESSAGE_TOO_BIG : LOST, `a message got status ${status}`);
        }
    }

    const parse = eventParser((event, data) => {
        if (over) {
            return;
        }
        if (!event) {
            handlers.message(data);
        } else if (event === 'open') {
            secret = JSON.parse(data).secret;
            next();
        } else if (event === 'close') {
            const { code, reason } = JSON.parse(data);
            end(code, reason);
        }
    });

    async function read() {
        const response = await ask({ headers: { Accept: 'text/event-stream' } });
        if (!response.ok || !/^text\/event-stream/.test(`${response.headers.get('content-type')}`)) {
            throw Error(`status ${response.status}`);
        }
        const reader = /** @type {ReadableStream} */ (response.body).getReader();
        const decoder = new TextDecoder();
        for (;;) {
            const { done, value } = await reader.read();
            if (done) {
                break;
            }
            handlers.sign();
            parse(decoder.decode(value, { stream: true }));
        }
    }
    read().then(
        () => end(LOST, 'the stream has ended'),
        (error) => end(LOST, `${error}`),
    );

    return {
        send(text) {
            waiting.push(text);
            next();
        },
        close() {
            over = true;
            controller.abort();
        },
    };
}
