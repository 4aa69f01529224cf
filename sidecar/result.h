/* SPDX-License-Identifier: MIT
 *
 * What a call came to, wherever its action ran: a value of a C action, or the JSON text that an
 * action host sent, which passes through unparsed.
 */
#ifndef SS_RESULT_H
#define SS_RESULT_H

#include "json_writer.h"
#include "ss_wire.h"

typedef struct {
    const json_t *json; /* NULL: the text counts */
    ss_span_t text;     /* valid JSON in UTF-8, checked before */
} ss_result_t;

/* Appends it as JSON.  On failure the buffer is as it was. */
static inline ss_json_write_t ss_result_write(ss_buf_t *b, const ss_result_t *result, size_t max) {
    if (result->json != NULL) {
        return ss_json_write(b, result->json, max);
    }
    if (result->text.len > max) {
        return SS_JSON_LARGE;
    }
    ss_buf_append(b, result->text.ptr, result->text.len);
    return SS_JSON_WRITTEN;
}

#endif
