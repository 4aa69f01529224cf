/* SPDX-License-Identifier: MIT
 *
 * Distances of words: the same both ways, 0 for a word and itself, and no further than their
 * lengths allow.  Input: two words with a NUL between them.
 */
#include "fuzz.h"

#include <string.h>

#include "nearest.h"

#define NEAREST_INPUT_MAX 512

int fuzz_nearest(const uint8_t *data, size_t size) {
    char text[NEAREST_INPUT_MAX + 2] = "";
    if (size > NEAREST_INPUT_MAX) {
        return 0;
    }
    memcpy(text, data, size); /* two NULs at least are behind it */
    const char *a = text;
    const char *b = text + strlen(text) + 1;
    size_t na = strlen(a);
    size_t nb = strlen(b);
    unsigned far = ss_nearest_distance(a, b);
    FUZZ_CHECK(far == ss_nearest_distance(b, a));
    if (na > SS_NEAREST_MAX || nb > SS_NEAREST_MAX) {
        FUZZ_CHECK(far == SS_NEAREST_FAR);
        return 0;
    }
    FUZZ_CHECK((far == 0) == (strcmp(a, b) == 0));
    FUZZ_CHECK(far <= (na > nb ? na : nb) && far >= (na > nb ? na - nb : nb - na));

    ss_nearest_t nearest = ss_nearest_to(a, far);
    ss_nearest_offer(&nearest, b);
    FUZZ_CHECK(nearest.best == b && nearest.least == far);
    ss_nearest_offer(&nearest, b + nb);
    FUZZ_CHECK(nearest.best == b || na < far);
    return 0;
}
