/* SPDX-License-Identifier: MIT
 *
 * JSON text (RFC 8259): its grammar, and strings in and out of it.
 *
 * Builds no tree and keeps nothing.  Leaves UTF-8 to the caller: bytes above 0x7F pass.  The inline
 * pieces at the end are shared by the files that walk over JSON text.
 */
#ifndef SS_JSON_H
#define SS_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define SS_JSON_DEPTH_MAX 128 /* nesting past this is a syntax error */
#define SS_JSON_ESCAPE_LEN 6  /* bytes of a \u escape, the longest */

/* Checks one JSON value (whitespace around it allowed) against RFC 8259. */
bool ss_json_valid(const char *text, size_t len);

/* Unescapes the inside of a JSON string that was checked before into `out` (`len` bytes are
 * always enough) and returns the number of bytes written.  A lone surrogate becomes U+FFFD. */
size_t ss_json_unescape(char *out, const char *text, size_t len);

/* Writes `text` as the inside of a JSON string (quotes not included), escaping what must be:
 * control characters, quote, backslash.  Returns the bytes that were needed; nothing past `cap`
 * is written, so needed > cap means: truncated, try again with more. */
size_t ss_json_escape(char *out, size_t cap, const char *text, size_t len);

/* Checks the value at `p`, whitespace before it allowed, and gives the place behind it; NULL when
 * it is malformed or nests deeper than `depth_max` (at most SS_JSON_DEPTH_MAX). */
const char *ss_json_check(const char *p, const char *end, unsigned depth_max);

static inline const char *ss_json_skip_space(const char *p, const char *end) {
    while (p != end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r')) {
        p++;
    }
    return p;
}

/* The first byte that may not stand in a string as it is: a quote, a backslash or a control
 * character; `end` when there is none. */
static inline const char *ss_json_find_special(const char *p, const char *end) {
#ifdef __SSE2__
    const __m128i quote = _mm_set1_epi8('"');
    const __m128i backslash = _mm_set1_epi8('\\');
    const __m128i control = _mm_set1_epi8(0x1F);
    for (; end - p >= 16; p += 16) {
        __m128i block = _mm_loadu_si128((const __m128i *)(const void *)p);
        __m128i hit = _mm_cmpeq_epi8(_mm_max_epu8(block, control), control);
        hit = _mm_or_si128(hit, _mm_cmpeq_epi8(block, quote));
        hit = _mm_or_si128(hit, _mm_cmpeq_epi8(block, backslash));
        unsigned bits = (unsigned)_mm_movemask_epi8(hit);
        if (bits != 0) {
            return p + __builtin_ctz(bits);
        }
    }
#endif
    while (p != end && *p != '"' && *p != '\\' && (unsigned char)*p >= 0x20) {
        p++;
    }
    return p;
}

/* Output that counts on past its end, for writers that report the bytes they needed. */
typedef struct {
    char *out;
    size_t cap;
    size_t needed;
} ss_json_sink_t;

static inline void ss_json_put(ss_json_sink_t *s, const char *text, size_t len) {
    if (len != 0 && s->needed < s->cap) {
        size_t room = s->cap - s->needed;
        memcpy(s->out + s->needed, text, len < room ? len : room);
    }
    s->needed += len;
}

#endif
