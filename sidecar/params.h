/* SPDX-License-Identifier: MIT
 *
 * From what a client sent to the parameters that an action gets: a list of values for one in C,
 * JSON text for one of a host, which passes on what was sent, byte for byte, where that was JSON.
 *
 * JSON-RPC: an array is the list, an object the single parameter.  HTTP: ?25 is a JSON scalar, else
 * a string; ?a=1&b=2 one object of such values; of a body, an array is the list, anything else the
 * single parameter.
 */
#ifndef SS_PARAMS_H
#define SS_PARAMS_H

#include <stdbool.h>

#include <jansson.h>

#include "buf.h"
#include "ss_wire.h"

/* All zero is an empty list, as text. */
typedef struct {
    json_t *list;   /* an array, a reference; NULL: the text counts */
    ss_span_t text; /* an array, or the single element of one; empty: none; mostly borrowed */
    char *owned;    /* the text's memory where it is not */
} ss_params_t;

/* All fill `out`, with text when `as_text`; or give false with `error`, a text that lives until the
 * next call of any of them, and nothing to free. */

/* The params member of a call whose syntax was checked; absent is an empty list. */
bool ss_params_parse(ss_params_t *out, ss_span_t text, bool as_text, const char **error);

/* A query string as sent; empty is an empty list. */
bool ss_params_query(ss_params_t *out, ss_span_t args, bool as_text, const char **error);

/* A body.  Anything that is not JSON at all sets `*malformed`. */
bool ss_params_body(ss_params_t *out, ss_span_t body, bool as_text, bool *malformed,
                    const char **error);

/* Appends text parameters as a JSON array. */
void ss_params_write(ss_buf_t *b, const ss_params_t *params);

/* Gives the reference back. */
void ss_params_free(ss_params_t *params);

#endif
