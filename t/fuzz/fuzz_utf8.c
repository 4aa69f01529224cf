/* SPDX-License-Identifier: MIT
 *
 * UTF-8: the answer does not depend on how the text is cut, and never comes back once it is no.
 * Input: one byte that says where to cut, then the text.
 */
#include "fuzz.h"

#include "ss_utf8.h"

static bool utf8_in_steps(const uint8_t *text, size_t len, size_t step) {
    ss_utf8_t state = {0, 0, 0};
    for (size_t at = 0; at < len; at += step) {
        size_t n = len - at < step ? len - at : step;
        if (!ss_utf8_feed(&state, text + at, n)) {
            return false;
        }
        FUZZ_CHECK(state.need <= 3);
    }
    return ss_utf8_complete(&state);
}

int fuzz_utf8(const uint8_t *data, size_t size) {
    if (size == 0) {
        return 0;
    }
    size_t step = data[0] % 40u + 1;
    bool whole = ss_utf8_valid(data + 1, size - 1);
    FUZZ_CHECK(utf8_in_steps(data + 1, size - 1, 1) == whole);
    FUZZ_CHECK(utf8_in_steps(data + 1, size - 1, step) == whole);
    return 0;
}
