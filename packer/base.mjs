// SPDX-License-Identifier: MIT
//
// The path below which an application is served: '/', or '/shop/' where several share a host.

/** Nothing in it needs to be escaped anywhere. @param {string} text */
export const isBase = (text) => /^\/(?:[\w.~-]+\/)*$/.test(text) && !/\/\.\.?\//.test(text);

/** What the browser library, in the first script, has to know when it is not the root. @param {string} base */
export const optionsFor = (base) => (base === '/' ? '' : ` data-options='{"url":"${base}socketstream"}'`);
