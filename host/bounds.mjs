// SPDX-License-Identifier: MIT
//
// Every bound of the action host while it runs.  What it may load is bounded where it is loaded.

/** Longest message that we take; what the sidecar takes stands in its HELLO. */
export const MESSAGE_MAX = 64 << 20;

/** Bytes that wait for the sidecar: over the first we read no more calls, over the second
 *  questions fail and log lines are dropped. */
export const OUTPUT_SOFT = 1 << 20;
export const OUTPUT_HARD = 64 << 20;

/** Questions to the sidecar without an answer yet; further ones fail. */
export const ASKS_MAX = 65536;

/** Sessions whose disconnect handlers are kept, and handlers of each; the oldest go first. */
export const DISCONNECT_SESSIONS_MAX = 10000;
export const DISCONNECT_HANDLERS_MAX = 32;

/** Names, in bytes, as the sidecar has them in sidecar/bounds.h. */
export const NAME_MAX = 256;
export const PUBLISH_CHANNELS_MAX = 128;

/** Characters of one line of the log, of an error's message, of its stack. */
export const LOG_TEXT_MAX = 16384;
export const ERROR_MESSAGE_MAX = 4096;
export const ERROR_STACK_MAX = 8192;

/** Failures outside of any call that are logged by a process that is to be replaced. */
export const FAILURES_LOGGED_MAX = 100;

/** Bytes of a request's headers: more than nginx takes by default. */
export const HTTP_HEADERS_MAX = 65536;

/** Those of an answer: nginx takes no more of them, HEADERS_K in sidecar/nginx_middleware.c. */
export const HTTP_ANSWER_HEADERS_MAX = 16384;

/** What a process that is told to go waits for beyond the action timeout. */
export const DRAIN_GRACE_MS = 1000;
