/* SPDX-License-Identifier: MIT
 *
 * Streaming strict UTF-8 (RFC 3629): no surrogates, no overlong forms, nothing past U+10FFFF.
 */
#ifndef SS_UTF8_H
#define SS_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The state between two pieces of one text; zero at its start. */
typedef struct {
    uint8_t need;  /* continuation bytes still missing, 0..3 */
    uint8_t lower; /* bounds of the next continuation byte */
    uint8_t upper;
} ss_utf8_t;

/* Continues with `len` bytes.  false: this text can no longer become valid; the state is then
 * of no further use. */
bool ss_utf8_feed(ss_utf8_t *state, const void *data, size_t len);

/* true when the text may end here. */
static inline bool ss_utf8_complete(const ss_utf8_t *state) { return state->need == 0; }

/* A whole text at once. */
bool ss_utf8_valid(const void *data, size_t len);

#endif
