/* SPDX-License-Identifier: MIT
 *
 * A call's error, as JSON-RPC and the HTTP API show it.
 */
#ifndef SS_FAILURE_H
#define SS_FAILURE_H

#include <stddef.h>

#include <jansson.h>

#include "buf.h"
#include "ss_errors.h"

#define SS_FAILURE_MESSAGE_MAX 1024
#define SS_FAILURE_DATA_MAX 65536 /* bytes of JSON; more is left out */

typedef struct {
    int code;
    const char *message; /* NULL: the code's own */
    const json_t *data;  /* NULL: none; retryable errors have one of their own */
} ss_failure_t;

/* Appends {"code":…,"message":"…"[,"data":…]}. */
void ss_failure_write(ss_buf_t *b, const ss_failure_t *failure);

#endif
