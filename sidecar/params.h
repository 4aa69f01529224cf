/* SPDX-License-Identifier: MIT
 *
 * From what a client sent to the array of parameters that an action gets.
 *
 * JSON-RPC: an array is the list, an object the single parameter.  HTTP: ?25 is a JSON scalar, else
 * a string; ?a=1&b=2 one object of such values; of a body, an array is the list, anything else the
 * single parameter.
 */
#ifndef SS_PARAMS_H
#define SS_PARAMS_H

#include <jansson.h>

#include "ss_wire.h"

/* All give a new reference to an array, or NULL with `error`, a text that lives until the next
 * call of any of them. */

/* The params member of a call whose syntax was checked; absent is an empty list. */
json_t *ss_params_parse(ss_span_t text, const char **error);

/* A query string as sent; empty is an empty list. */
json_t *ss_params_query(ss_span_t args, const char **error);

/* A body.  Anything that is not JSON at all sets `*malformed`. */
json_t *ss_params_body(ss_span_t body, bool *malformed, const char **error);

#endif
