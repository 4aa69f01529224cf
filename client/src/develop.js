// SPDX-License-Identifier: MIT
//
// What development adds to a page: style sheets are swapped without a reload, and the problems of the
// application's files stand in the console with their code frames.  A file of its own, since no
// visitor of a finished page needs it.

/** Without the hash: /assets/app-5f3a.css and /assets/app-9b21.css are one style sheet. */
const stem = (/** @type {string} */ path) => path.replace(/-\w+(?=\.css$)/, '');

/** Each goes when its successor is there, so that nothing flickers. */
function swap(/** @type {string[]} */ files) {
    /** @type {NodeListOf<HTMLLinkElement>} */
    const links = document.querySelectorAll('link[rel=stylesheet]');
    for (const link of links) {
        const file = files.find((one) => stem(one) === stem(new URL(link.href).pathname));
        if (file) {
            const next = /** @type {HTMLLinkElement} */ (link.cloneNode());
            next.removeAttribute('integrity');
            next.onload = next.onerror = () => link.remove();
            next.href = file;
            link.after(next);
        }
    }
}

/** @param {import('../types/socketstream.js').Client} SS */
export function develop(SS) {
    SS.socket.on('reload', ({ what, files = [] }) => {
        if (what === 'css') {
            swap(files);
        } else {
            location.reload();
        }
    });
    SS.socket.on('problems', ({ problems }) => {
        for (const { file, line, column, message, frame } of problems) {
            const place = [file, line, column].filter(Boolean).concat('').join(':');
            console.error(`${place && `${place} `}${message}${frame ? `\n${frame}` : ''}`);
        }
    });
}
