/* SPDX-License-Identifier: MIT
 *
 * Streaming strict UTF-8 by the table of RFC 3629, section 4.
 *
 * Owns the rules; the state belongs to the caller.  Invariant: while `need` is not 0, `lower` and
 * `upper` bound the next byte, which is all that overlong forms, surrogates and code points past
 * U+10FFFF need: they show in the second byte.
 */
#include "ss_utf8.h"

#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* The first byte that is not ASCII, or `end`, or (never more than 15 bytes early) a place from
 * where the caller goes on byte by byte. */
static inline const uint8_t *skip_ascii_blocks(const uint8_t *p, const uint8_t *end) {
    while (end - p >= 16) {
#ifdef __SSE2__
        unsigned high =
            (unsigned)_mm_movemask_epi8(_mm_loadu_si128((const __m128i *)(const void *)p));
        if (high != 0) {
            return p + __builtin_ctz(high);
        }
#else
        uint64_t words[2];
        memcpy(words, p, sizeof words);
        if (((words[0] | words[1]) & UINT64_C(0x8080808080808080)) != 0) {
            return p;
        }
#endif
        p += 16;
    }
    if (end - p >= 8) {
        uint64_t word;
        memcpy(&word, p, sizeof word);
        if ((word & UINT64_C(0x8080808080808080)) == 0) {
            p += 8;
        }
    }
    return p;
}

/* Begins the sequence that `byte`, which is not ASCII, announces. */
static inline bool begin_sequence(ss_utf8_t *state, uint8_t byte) {
    state->lower = 0x80;
    state->upper = 0xBF;
    if (byte < 0xC2) {
        return false; /* a stray continuation byte, or C0 and C1: overlong */
    }
    if (byte < 0xE0) {
        state->need = 1;
        return true;
    }
    if (byte < 0xF0) {
        state->need = 2;
        if (byte == 0xE0) {
            state->lower = 0xA0; /* below: overlong */
        } else if (byte == 0xED) {
            state->upper = 0x9F; /* above: surrogates */
        }
        return true;
    }
    state->need = 3;
    if (byte == 0xF0) {
        state->lower = 0x90; /* below: overlong */
    } else if (byte == 0xF4) {
        state->upper = 0x8F; /* above: past U+10FFFF */
    }
    return byte <= 0xF4;
}

bool ss_utf8_feed(ss_utf8_t *state, const void *data, size_t len) {
    if (len == 0) {
        return true;
    }
    const uint8_t *p = data;
    const uint8_t *end = p + len;
    ss_utf8_t now = *state; /* kept in registers for the loop */

    for (;;) {
        while (now.need != 0 && p != end) {
            if (*p < now.lower || *p > now.upper) {
                return false;
            }
            p++;
            now.need--;
            now.lower = 0x80;
            now.upper = 0xBF;
        }
        /* A block skip pays only where ASCII goes on: one look at the next byte tells. */
        if (p != end && *p < 0x80) {
            p = skip_ascii_blocks(p, end);
            while (p != end && *p < 0x80) {
                p++;
            }
        }
        if (p == end) {
            *state = now;
            return true;
        }
        if (!begin_sequence(&now, *p++)) {
            return false;
        }
    }
}

bool ss_utf8_valid(const void *data, size_t len) {
    ss_utf8_t state = {0, 0, 0};
    return ss_utf8_feed(&state, data, len) && ss_utf8_complete(&state);
}
