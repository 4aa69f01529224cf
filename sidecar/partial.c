/* SPDX-License-Identifier: MIT
 *
 * See partial.h.  Invariant: `bytes` is the sum of the lengths held.
 */
#include "partial.h"

#include "bounds.h"
#include "ss_errors.h"

ss_partial_t *ss_partial_begin(ss_partials_t *partials, const ss_link_header_t *first) {
    ss_partial_t *partial = ss_alloc_zero(sizeof *partial);
    partial->first = *first;
    partial->next = partials->first;
    partials->first = partial;
    return partial;
}

ss_partial_t *ss_partial_find(const ss_partials_t *partials, uint32_t slot) {
    ss_partial_t *p = partials->first;
    while (p != NULL && p->first.slot != slot) {
        p = p->next;
    }
    return p;
}

static void drop_data(ss_partials_t *partials, ss_partial_t *partial) {
    partials->bytes -= partial->data.len;
    ss_buf_free(&partial->data);
}

void ss_partial_append(ss_partials_t *partials, ss_partial_t *partial, const void *data, size_t len,
                       size_t message_max) {
    if (partial->refused != 0) {
        return;
    }
    if (partial->data.len + len > message_max) {
        partial->refused = SS_RPC_TOO_LARGE;
    } else if (partials->bytes + len > SS_PARTIAL_BYTES_MAX) {
        partial->refused = SS_RPC_UNAVAILABLE;
    }
    if (partial->refused != 0) {
        drop_data(partials, partial);
        return;
    }
    ss_buf_append(&partial->data, data, len);
    partials->bytes += len;
}

void ss_partial_remove(ss_partials_t *partials, ss_partial_t *partial) {
    if (partial == NULL) {
        return;
    }
    ss_partial_t **at = &partials->first;
    while (*at != partial) {
        at = &(*at)->next;
    }
    *at = partial->next;
    drop_data(partials, partial);
    free(partial);
}
