/* SPDX-License-Identifier: MIT
 *
 * From jansson's values to text.
 *
 * jansson's own printer sets up a hash table for each value and writes 0.1 as 0.10000000000000001;
 * this one needs no memory but the buffer, and gives a real the fewest digits that read back as the
 * same number.
 */
#ifndef SS_JSON_WRITER_H
#define SS_JSON_WRITER_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "buf.h"

#define SS_JSON_WRITE_DEPTH_MAX 512 /* nesting past this is taken for a value inside itself */

typedef enum {
    SS_JSON_WRITTEN,
    SS_JSON_LARGE,  /* needs more than `max` bytes */
    SS_JSON_BROKEN, /* not UTF-8, or nested too deep */
} ss_json_write_t;

/* Appends `json` in its shortest form.  On failure the buffer is as it was. */
ss_json_write_t ss_json_write(ss_buf_t *b, const json_t *json, size_t max);

#endif
