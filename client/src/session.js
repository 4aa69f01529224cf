// SPDX-License-Identifier: MIT
//
// The browser's share of a session's new id.
//
// The session's cookie is HttpOnly, and only an HTTP answer can set such a one.  So when the id
// changes at a login, the server sends a ticket that is good for one use and a minute, and it is
// exchanged for the cookie by a POST to the socket's own URL.  The ticket is a secret: it goes
// there and nowhere else, and into no message of ours.

const RETRY_DELAY = 1000;

/**
 * @param {string} url of the WebSocket
 * @param {typeof globalThis.fetch} [fetch] none where nothing keeps cookies: tickets expire unused
 */
export function createExchange(url, fetch) {
    const target = url.replace(/^ws/i, 'http');
    let last = Promise.resolve();

    /** @returns {Promise<number>} the status, 0 when there was no answer */
    async function post(/** @type {string} */ ticket) {
        try {
            const response = await /** @type {typeof globalThis.fetch} */ (fetch)(target, {
                method: 'POST',
                headers: { 'Content-Type': 'application/json' },
                body: JSON.stringify({ ticket }),
                credentials: 'include',
                keepalive: true, // a page that is left for another right after the login
                redirect: 'error',
            });
            return response.status;
        } catch {
            return 0;
        }
    }

    async function exchange(/** @type {string} */ ticket) {
        let status = await post(ticket);
        if (!status || status >= 500) {
            await new Promise((resolve) => setTimeout(resolve, RETRY_DELAY));
            status = await post(ticket);
        }
        if (status < 200 || status > 299) {
            console.warn(`SocketStream: no cookie for the session's new id (status ${status})`);
        }
    }

    /** One after the other, so that the cookie of the last ticket is the one that stays. */
    return (/** @type {any} */ ticket) => {
        if (fetch && typeof ticket === 'string') {
            last = last.then(() => exchange(ticket));
        }
    };
}
