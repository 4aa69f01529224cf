/* SPDX-License-Identifier: MIT
 *
 * Reads one JSON-RPC 2.0 answer as servers write it to this generator's calls: a flat object with
 * a whole number as id and a scalar as result, members in any order, blanks anywhere.
 *
 * Anything else, an error object too, is refused; the caller then shows the text.
 */
#ifndef BENCH_ANSWER_H
#define BENCH_ANSWER_H

#include <stdbool.h>
#include <stdint.h>

#include "ss_wire.h"

typedef struct {
    uint64_t id;      /* 0 when absent */
    ss_span_t result; /* its JSON text, pointing into the answer */
} answer_t;

bool answer_parse(answer_t *out, const char *text, size_t len);

#endif
