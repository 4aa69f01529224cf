/* SPDX-License-Identifier: MIT
 *
 * One bounded scan of a JSON-RPC 2.0 envelope.
 *
 * Finds where `id`, `method` and `params` of each call stand in the text, checking RFC 8259
 * syntax on the way, without building a tree.  nginx uses it for the ids alone, with which it can
 * fail calls in flight; the sidecar for all of it, so that params pass on untouched.  Leaves to
 * the caller: UTF-8 (check first), what a method means, what is inside params.
 */
#ifndef SS_JSONRPC_H
#define SS_JSONRPC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ss_json.h"
#include "ss_wire.h"

#define SS_RPC_BATCH_MAX 32   /* calls in one batch, beyond which the batch is refused whole */
#define SS_RPC_ID_MAX 128     /* bytes of an id's JSON text; longer ids make the call invalid */
#define SS_RPC_METHOD_MAX 256 /* bytes of a method's name, as it stands in the text */

typedef enum {
    SS_RPC_SINGLE,
    SS_RPC_BATCH,
    SS_RPC_MALFORMED, /* not JSON: answer SS_RPC_PARSE with id null */
    SS_RPC_REFUSED,   /* JSON, but an empty or over-long batch or neither object nor array:
                         answer SS_RPC_INVALID_REQUEST with id null */
} ss_rpc_kind_t;

typedef struct {
    ss_span_t id;     /* its JSON text (string, number or null); ptr NULL: absent or not usable */
    ss_span_t method; /* the string's inside, escapes as they stand */
    ss_span_t params; /* its JSON text, array or object; ptr NULL: absent */
    bool method_escaped; /* the method holds a backslash: unescape before use */
    bool valid;          /* false: answer SS_RPC_INVALID_REQUEST, with the id if there is one */
    bool notification;   /* valid and without id: never answer */
    bool silent;         /* has "silent":true, our extension: not to be logged */
    bool response;       /* an object with result or error and no method: a reply, which is not
                            valid as a call, but never answer it */
} ss_rpc_call_t;

typedef struct {
    const char *pos;
    const char *end;
    unsigned count; /* calls in the message, known after ss_rpc_open() */
    unsigned left;  /* calls that ss_rpc_next() has not given yet */
    bool batch;
    ss_rpc_call_t single; /* the call, when it is no batch */
} ss_rpc_scan_t;

/* Checks the whole text and counts its calls.  With SS_RPC_SINGLE or SS_RPC_BATCH,
 * ss_rpc_next() then gives each of the `scan->count` calls; else it gives none. */
ss_rpc_kind_t ss_rpc_open(ss_rpc_scan_t *scan, const char *text, size_t len);

/* The next call; false after the last.  Of a repeated member the last one counts. */
bool ss_rpc_next(ss_rpc_scan_t *scan, ss_rpc_call_t *call);

/* Writes {"jsonrpc":"2.0","id":<id>,"error":{"code":…,"message":"…"[,"data":{…}]}} with the
 * table's message and, for retryable errors, data {"retryable":true}.  `id` absent is null; a
 * code that is not ours is written as it is, with the message of SS_RPC_APPLICATION.
 * Returns the bytes that were needed, like ss_json_escape(). */
size_t ss_rpc_write_error(char *out, size_t cap, ss_span_t id, int code);

/* The same for SS_RPC_RATE_LIMITED, with data that says when the call would pass:
 * {"retryable":true,"retry_after_ms":…}. */
size_t ss_rpc_write_limited(char *out, size_t cap, ss_span_t id, uint32_t retry_after_ms);

#endif
