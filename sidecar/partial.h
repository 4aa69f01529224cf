/* SPDX-License-Identifier: MIT
 *
 * Messages of one link that have arrived in part.
 *
 * Owns their bytes and both bounds on them.  Leaves to frames.c what may follow what.
 */
#ifndef SS_PARTIAL_H
#define SS_PARTIAL_H

#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "ss_link.h"

typedef struct ss_partial {
    struct ss_partial *next;
    ss_link_header_t first; /* header of the first chunk */
    int refused;            /* 0, or the error to answer once the message has ended */
    ss_buf_t data;          /* empty when refused */
} ss_partial_t;

/* All zero is a valid, empty list. */
typedef struct {
    ss_partial_t *first;
    size_t bytes;
} ss_partials_t;

/* Begins the message whose first chunk has this header; its payload is still to be appended.
 * There is none yet for that slot.  The list owns it. */
ss_partial_t *ss_partial_begin(ss_partials_t *partials, const ss_link_header_t *first);

/* The message in progress for `slot`, or NULL. */
ss_partial_t *ss_partial_find(const ss_partials_t *partials, uint32_t slot);

/* Adds a chunk.  A message past `message_max` bytes is refused with SS_RPC_TOO_LARGE, one for
 * which the link has no more room with SS_RPC_UNAVAILABLE; its bytes are dropped. */
void ss_partial_append(ss_partials_t *partials, ss_partial_t *partial, const void *data, size_t len,
                       size_t message_max);

/* Takes it off the list and frees it; NULL is allowed. */
void ss_partial_remove(ss_partials_t *partials, ss_partial_t *partial);

#endif
