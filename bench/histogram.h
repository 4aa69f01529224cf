/* SPDX-License-Identifier: MIT
 *
 * A histogram of durations in logarithmic buckets: 64 to each power of two, so that any quantile
 * is right to 1.6 % from a nanosecond to hours, in a fixed 20 KB and without sorting.
 */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_SUB_BITS 6
#define HISTOGRAM_SUB (1u << HISTOGRAM_SUB_BITS)
#define HISTOGRAM_BUCKETS (HISTOGRAM_SUB * 40)

typedef struct {
    uint64_t count;
    uint64_t max;
    uint64_t buckets[HISTOGRAM_BUCKETS];
} histogram_t;

/* Values below HISTOGRAM_SUB have a bucket each; above, the top bits choose. */
static inline unsigned histogram_index(uint64_t value) {
    if (value < HISTOGRAM_SUB) {
        return (unsigned)value;
    }
    unsigned shift = 63u - (unsigned)__builtin_clzll(value) - HISTOGRAM_SUB_BITS;
    unsigned index = (shift + 1) * HISTOGRAM_SUB + ((value >> shift) & (HISTOGRAM_SUB - 1));
    return index < HISTOGRAM_BUCKETS ? index : HISTOGRAM_BUCKETS - 1;
}

/* The largest value that falls into bucket `index`. */
static inline uint64_t histogram_upper(unsigned index) {
    if (index < HISTOGRAM_SUB) {
        return index;
    }
    unsigned shift = index / HISTOGRAM_SUB - 1;
    return ((uint64_t)(HISTOGRAM_SUB + index % HISTOGRAM_SUB + 1) << shift) - 1;
}

static inline void histogram_add(histogram_t *h, uint64_t value) {
    h->buckets[histogram_index(value)]++;
    h->count++;
    if (value > h->max) {
        h->max = value;
    }
}

/* The value that `quantile` (0..1) of all values do not pass; 0 when there are none. */
static inline uint64_t histogram_quantile(const histogram_t *h, double quantile) {
    uint64_t wanted = (uint64_t)(quantile * (double)h->count);
    uint64_t seen = 0;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS && h->count != 0; i++) {
        seen += h->buckets[i];
        if (seen > wanted || seen == h->count) {
            uint64_t upper = histogram_upper(i);
            return upper < h->max ? upper : h->max;
        }
    }
    return h->max;
}

#endif
