/* SPDX-License-Identifier: MIT
 *
 * See nearest.h.
 */
#include "nearest.h"

#include <stddef.h>
#include <string.h>

static unsigned min(unsigned a, unsigned b) { return a < b ? a : b; }

/* Three rows of the usual table are enough: a swap looks back by two. */
unsigned ss_nearest_distance(const char *a, const char *b) {
    unsigned rows[3][SS_NEAREST_MAX + 1];
    size_t na = strlen(a);
    size_t nb = strlen(b);

    if (na > SS_NEAREST_MAX || nb > SS_NEAREST_MAX) {
        return SS_NEAREST_FAR;
    }
    for (size_t j = 0; j <= nb; j++) {
        rows[0][j] = (unsigned)j;
    }
    for (size_t i = 1; i <= na; i++) {
        unsigned *row = rows[i % 3];
        const unsigned *above = rows[(i + 2) % 3];
        const unsigned *before = rows[(i + 1) % 3];

        row[0] = (unsigned)i;
        for (size_t j = 1; j <= nb; j++) {
            row[j] = min(above[j - 1] + (a[i - 1] != b[j - 1]), min(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                row[j] = min(row[j], before[j - 2] + 1);
            }
        }
    }
    return rows[na % 3][nb];
}

ss_nearest_t ss_nearest_to(const char *word, unsigned most) {
    return (ss_nearest_t){.word = word, .best = NULL, .least = most + 1};
}

void ss_nearest_offer(ss_nearest_t *nearest, const char *name) {
    unsigned far = ss_nearest_distance(nearest->word, name);

    if (far < nearest->least) {
        nearest->least = far;
        nearest->best = name;
    }
}
