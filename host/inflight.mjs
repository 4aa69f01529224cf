// SPDX-License-Identifier: MIT
//
// How many calls are still to be answered: what a process that is told to go has to wait for.
//
// Many actions of 2011 never call back, so calls are counted by the second they came in, and what is
// older than the action timeout, to which the sidecar has given its own answer, counts no more.

const SPAN_MS = 1000;

/** Calls that came in one second.  @typedef {{since: number, open: number}} Span */

/** @param {number} limitMs the action timeout */
export function createInflight(limitMs) {
    /** @type {Span[]} oldest first */
    let spans = [{ since: Date.now(), open: 0 }];
    const timer = setInterval(() => {
        spans = spans.filter(({ open }) => open > 0);
        forget();
        inflight.span = { since: Date.now(), open: 0 };
        spans.push(inflight.span);
    }, SPAN_MS);
    timer.unref();

    function forget() {
        const before = Date.now() - limitMs - SPAN_MS;
        spans = spans.filter(({ since }) => since > before);
    }

    const inflight = {
        /** Where calls count that begin now. */
        span: spans[0],
        get open() {
            forget();
            return spans.reduce((sum, { open }) => sum + open, 0);
        },
    };
    return inflight;
}
