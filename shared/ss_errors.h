/* SPDX-License-Identifier: MIT
 *
 * The one table of JSON-RPC errors: C reads it here, docs/PROTOCOL.md and JavaScript are checked
 * against it by tests.
 */
#ifndef SS_ERRORS_H
#define SS_ERRORS_H

#include <stdbool.h>
#include <stddef.h>

/* X(code, NAME, message, HTTP status, retryable) */
#define SS_RPC_ERRORS(X)                                                                           \
    X(-32700, PARSE, "Parse error", 400, false)                                                    \
    X(-32600, INVALID_REQUEST, "Invalid request", 400, false)                                      \
    X(-32601, METHOD_NOT_FOUND, "Method not found", 404, false)                                    \
    X(-32602, INVALID_PARAMS, "Invalid params", 400, false)                                        \
    X(-32603, INTERNAL, "Internal error", 500, false)                                              \
    X(-32000, APPLICATION, "Application error", 500, false)                                        \
    X(-32001, NOT_AUTHENTICATED, "Not authenticated", 401, false)                                  \
    X(-32002, RATE_LIMITED, "Rate limited", 429, true)                                             \
    X(-32003, UNAVAILABLE, "Unavailable", 503, true)                                               \
    X(-32004, TIMEOUT, "Timeout", 504, false)                                                      \
    X(-32005, TOO_LARGE, "Too large", 413, false)                                                  \
    X(-32006, TOO_MANY_CALLS, "Too many calls in flight", 429, true)

typedef enum {
#define X(code, name, message, status, retryable) SS_RPC_##name = (code),
    SS_RPC_ERRORS(X)
#undef X
} ss_rpc_code_t;

typedef struct {
    int code;
    const char *message;
    unsigned http_status;
    bool retryable;
} ss_rpc_error_t;

/* The table's row for `code`; the row of SS_RPC_APPLICATION for a code that is not ours. */
const ss_rpc_error_t *ss_rpc_error(int code);

#endif
