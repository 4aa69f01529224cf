/* SPDX-License-Identifier: MIT
 *
 * A growing byte buffer, for output and for texts put together piece by piece.
 */
#ifndef SS_BUF_H
#define SS_BUF_H

#include <stdbool.h>
#include <stddef.h>

#include "mem.h"

/* All zero is a valid, empty buffer. */
typedef struct {
    char *data;
    size_t len;
    size_t cap;
} ss_buf_t;

void ss_buf_free(ss_buf_t *b);

/* The slow half of ss_buf_reserve(). */
void ss_buf_grow(ss_buf_t *b, size_t more);

/* Room for `more` bytes at data + len. */
static inline char *ss_buf_reserve(ss_buf_t *b, size_t more) {
    if (b->cap - b->len < more) {
        ss_buf_grow(b, more);
    }
    return b->data + b->len;
}

static inline void ss_buf_append(ss_buf_t *b, const void *data, size_t len) {
    if (len != 0) {
        memcpy(ss_buf_reserve(b, len), data, len);
        b->len += len;
    }
}

#define ss_buf_literal(b, text) ss_buf_append((b), (text), sizeof(text) - 1)

void ss_buf_printf(ss_buf_t *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Appends `text` as a JSON string, quotes included.  What is not UTF-8 becomes '?'. */
void ss_buf_json_string(ss_buf_t *b, const char *text, size_t len);

/* The content as a C string; valid until the next change. */
const char *ss_buf_string(ss_buf_t *b);

#endif
