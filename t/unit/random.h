/* SPDX-License-Identifier: MIT
 *
 * Random numbers that are the same in every run (splitmix64), for tests.
 */
#ifndef T_UNIT_RANDOM_H
#define T_UNIT_RANDOM_H

#include <stdint.h>

typedef struct {
    uint64_t state;
} random_t;

static inline uint64_t random_next(random_t *r) {
    uint64_t z = r->state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

/* 0 .. limit - 1 */
static inline uint32_t random_below(random_t *r, uint32_t limit) {
    return (uint32_t)(random_next(r) % limit);
}

#endif
