/* SPDX-License-Identifier: MIT
 *
 * The rows of the error table, found by code.  Owns nothing but constants; the rows themselves
 * stand in ss_errors.h.
 */
#include "ss_errors.h"

enum {
#define X(code, name, message, status, retryable) ROW_##name,
    SS_RPC_ERRORS(X)
#undef X
};

static const ss_rpc_error_t rows[] = {
#define X(code, name, message, status, retryable)                                                  \
    [ROW_##name] = {(code), (message), (status), (retryable)},
    SS_RPC_ERRORS(X)
#undef X
};

const ss_rpc_error_t *ss_rpc_error(int code) {
    switch (code) {
#define X(code_, name, message, status, retryable)                                                 \
    case SS_RPC_##name:                                                                            \
        return &rows[ROW_##name];
        SS_RPC_ERRORS(X)
#undef X
    default:
        return &rows[ROW_APPLICATION];
    }
}
