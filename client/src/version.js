// SPDX-License-Identifier: MIT

/** Of this library; SS.version is the server's. */
export const VERSION = '0.1.0';
