/* SPDX-License-Identifier: MIT
 *
 * See buf.h.  Capacities double, so that appending costs a constant on average.
 */
#include "buf.h"

#include <stdarg.h>

#include "ss_jsonrpc.h"
#include "ss_utf8.h"

#define BUF_FIRST 1024

void ss_buf_free(ss_buf_t *b) {
    free(b->data);
    *b = (ss_buf_t){0};
}

void ss_buf_grow(ss_buf_t *b, size_t more) {
    size_t cap = b->cap == 0 ? BUF_FIRST : b->cap;
    while (cap - b->len < more) {
        cap *= 2;
    }
    b->data = ss_realloc(b->data, cap);
    b->cap = cap;
}

void ss_buf_printf(ss_buf_t *b, const char *format, ...) {
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);
    int needed = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (needed > 0) {
        /* vsnprintf() ends with a NUL that is not content. */
        vsnprintf(ss_buf_reserve(b, (size_t)needed + 1), (size_t)needed + 1, format, again);
        b->len += (size_t)needed;
    }
    va_end(again);
}

void ss_buf_json_string(ss_buf_t *b, const char *text, size_t len) {
    ss_buf_literal(b, "\"");
    size_t start = b->len;
    size_t needed = ss_json_escape(ss_buf_reserve(b, len), len, text, len);
    if (needed > len) {
        ss_json_escape(ss_buf_reserve(b, needed), needed, text, len);
    }
    b->len += needed;
    if (!ss_utf8_valid(text, len)) {
        for (size_t i = start; i < b->len; i++) {
            if ((unsigned char)b->data[i] >= 0x80) {
                b->data[i] = '?';
            }
        }
    }
    ss_buf_literal(b, "\"");
}

const char *ss_buf_string(ss_buf_t *b) {
    *ss_buf_reserve(b, 1) = '\0';
    return b->data;
}
