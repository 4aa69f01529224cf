/* SPDX-License-Identifier: MIT
 *
 * ss_utf8: every code point, every way to get one wrong, and a naive decoder beside it.
 */
#include "test.h"

#include "guard.h"
#include "random.h"

#include "ss_utf8.h"

/* By arithmetic on whole sequences, unlike the code under test. */
static bool naive_valid(const uint8_t *p, size_t len) {
    static const uint32_t smallest[] = {0, 0x80, 0x800, 0x10000};
    for (size_t i = 0; i < len;) {
        size_t more = p[i] < 0x80           ? 0
                      : (p[i] >> 5) == 0x06 ? 1
                      : (p[i] >> 4) == 0x0E ? 2
                      : (p[i] >> 3) == 0x1E ? 3
                                            : 4;
        if (more == 4 || i + more >= len) {
            return false;
        }
        uint32_t code = more == 0 ? p[i] : p[i] & (0x3Fu >> more);
        for (size_t k = 1; k <= more; k++) {
            if ((p[i + k] & 0xC0) != 0x80) {
                return false;
            }
            code = code << 6 | (p[i + k] & 0x3F);
        }
        if (code < smallest[more] || (code >= 0xD800 && code <= 0xDFFF) || code > 0x10FFFF) {
            return false;
        }
        i += more + 1;
    }
    return true;
}

/* Without a check whether the code point may be encoded. */
static size_t encode(uint8_t *out, uint32_t code) {
    static const uint8_t leads[] = {0, 0xC0, 0xE0, 0xF0};
    if (code < 0x80) {
        out[0] = (uint8_t)code;
        return 1;
    }
    size_t more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    for (size_t k = more; k > 0; k--) {
        out[k] = (uint8_t)(0x80 | (code & 0x3F));
        code >>= 6;
    }
    out[0] = (uint8_t)(leads[more] | code);
    return more + 1;
}

/* Whether the text is valid when it comes in two pieces. */
static bool valid_in_two(const uint8_t *p, size_t len, size_t cut) {
    ss_utf8_t state = {0, 0, 0};
    return ss_utf8_feed(&state, p, cut) && ss_utf8_feed(&state, p + cut, len - cut) &&
           ss_utf8_complete(&state);
}

static bool valid_byte_by_byte(const uint8_t *p, size_t len) {
    ss_utf8_t state = {0, 0, 0};
    for (size_t i = 0; i < len; i++) {
        if (!ss_utf8_feed(&state, guard_end(p + i, 1), 1)) {
            return false;
        }
    }
    return ss_utf8_complete(&state);
}

/* Every way of offering the text gives `expected`. */
static void check(const uint8_t *p, size_t len, bool expected) {
    assert_int_equal(ss_utf8_valid(guard_end(p, len), len), expected);
    assert_int_equal(ss_utf8_valid(guard_start(p, len), len), expected);
    assert_int_equal(valid_byte_by_byte(p, len), expected);
    for (size_t cut = 0; cut <= len; cut++) {
        assert_int_equal(valid_in_two(p, len, cut), expected);
    }
}

static void accepts_every_code_point(void **unused) {
    for (uint32_t code = 0; code <= 0x10FFFF; code++) {
        uint8_t text[4];
        size_t len = encode(text, code);
        bool surrogate = code >= 0xD800 && code <= 0xDFFF;
        if (ss_utf8_valid(text, len) == surrogate ||
            valid_in_two(text, len, len / 2) == surrogate) {
            fail_msg("U+%04X", code);
        }
    }
}

static void accepts_the_empty_text(void **unused) {
    assert_true(ss_utf8_valid(NULL, 0));
    assert_true(ss_utf8_valid("", 0));
    ss_utf8_t state = {0, 0, 0};
    assert_true(ss_utf8_feed(&state, NULL, 0));
    assert_true(ss_utf8_complete(&state));
}

static void refuses_bad_sequences(void **unused) {
    static const char *const bad[] = {
        "\x80",                     /* a continuation byte alone */
        "\xBF",                     /* the last of them */
        "a\x80",                    /* … after a letter */
        "\xC3\xA9\x80",             /* … after a whole sequence */
        "\xC0\x80",                 /* overlong NUL */
        "\xC1\xBF",                 /* overlong U+007F */
        "\xE0\x80\xAF",             /* overlong slash in three */
        "\xE0\x9F\xBF",             /* overlong U+07FF, one below the least */
        "\xF0\x80\x80\xAF",         /* overlong slash in four */
        "\xF0\x8F\xBF\xBF",         /* overlong U+FFFF, one below the least */
        "\xED\xA0\x80",             /* U+D800, the first surrogate */
        "\xED\xBF\xBF",             /* U+DFFF, the last */
        "\xED\xA0\xBD\xED\xB8\x80", /* a pair of them, as CESU-8 has it */
        "\xF4\x90\x80\x80",         /* U+110000, one past the last */
        "\xF5\x80\x80\x80",         /* a lead byte that only says more than that */
        "\xF8\x88\x80\x80\x80",
        "\xFC\x84\x80\x80\x80\x80",
        "\xFE",
        "\xFF",
        "\xC3\x28", /* a lead byte, then ASCII */
        "\xE2\x82\x28",
        "\xE2\x28\xA1",
        "\xF0\x9F\x98\x28",
        "\xF0\x28\x8C\xBC",
        "\xC3\xC3\xA9", /* a lead byte, then another */
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        check((const uint8_t *)bad[i], strlen(bad[i]), false);
    }
}

static void says_false_at_the_first_hopeless_byte(void **unused) {
    static const struct {
        const char *text;
        size_t good; /* bytes before the one that spoils it */
    } rows[] = {
        {"\xE0\x80", 1}, {"\xED\xA0", 1}, {"\xF0\x8F", 1}, {"\xF4\x90", 1},  {"\xC0", 0},
        {"\xF5", 0},     {"\x80", 0},     {"abc\xFF", 3},  {"\xE2\x82z", 2},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        ss_utf8_t state = {0, 0, 0};
        assert_true(ss_utf8_feed(&state, rows[i].text, rows[i].good));
        assert_false(ss_utf8_feed(&state, rows[i].text + rows[i].good, 1));
    }
}

static void knows_a_truncated_sequence(void **unused) {
    static const uint32_t codes[] = {0x80,   0x7FF,  0x800,   0xFFF,   0x1000,  0xD7FF,
                                     0xE000, 0xFFFF, 0x10000, 0x3FFFF, 0x40000, 0x10FFFF};
    for (size_t i = 0; i < COUNT_OF(codes); i++) {
        uint8_t text[4];
        size_t len = encode(text, codes[i]);
        check(text, len, true);
        for (size_t n = 1; n < len; n++) {
            ss_utf8_t state = {0, 0, 0};
            assert_true(ss_utf8_feed(&state, text, n));
            assert_false(ss_utf8_complete(&state));
            assert_int_equal(state.need, len - n);
            check(text, n, false);
        }
    }
}

static void agrees_on_every_three_bytes(void **unused) {
    uint8_t text[3];
    for (uint32_t bits = 0; bits < 1u << 24; bits++) {
        text[0] = (uint8_t)(bits >> 16);
        text[1] = (uint8_t)(bits >> 8);
        text[2] = (uint8_t)bits;
        if (ss_utf8_valid(text, 3) != naive_valid(text, 3)) {
            fail_msg("%02X %02X %02X", text[0], text[1], text[2]);
        }
    }
}

static void finds_a_bad_byte_at_every_place_of_long_ascii(void **unused) {
    uint8_t text[80];
    for (size_t len = 1; len <= sizeof text; len++) {
        memset(text, 'a', sizeof text);
        check(text, len, true);
        for (size_t at = 0; at < len; at++) {
            text[at] = 0xFF;
            uint8_t *copy = guard_end(text, len);
            assert_false(ss_utf8_valid(copy, len));
            text[at] = 'a';
        }
    }
}

/* Bytes that often make something of it: whole sequences, halves, borders. */
static size_t random_text(random_t *r, uint8_t *out, size_t cap) {
    static const uint32_t codes[] = {'a', 0x7F, 0x80, 0x7FF, 0x800, 0xFFFF, 0x10000, 0x10FFFF};
    size_t len = 0;
    size_t wanted = random_below(r, (uint32_t)cap - 20);
    while (len < wanted) {
        uint32_t kind = random_below(r, 40);
        if (kind == 0) {
            out[len++] = (uint8_t)random_next(r);
        } else if (kind == 1) {
            len += encode(out + len, random_below(r, 0x120000));
        } else if (kind < 20) {
            len += encode(out + len, codes[random_below(r, COUNT_OF(codes))]);
        } else {
            memset(out + len, 'x', kind - 20 + 1);
            len += kind - 20;
        }
    }
    return len;
}

static void agrees_with_a_naive_decoder_on_random_texts(void **unused) {
    random_t r = {1};
    unsigned valid = 0;
    for (unsigned round = 0; round < 100000; round++) {
        uint8_t text[128];
        size_t len = random_text(&r, text, sizeof text);
        bool expected = naive_valid(text, len);
        uint8_t *copy = guard_end(text, len);
        assert_int_equal(ss_utf8_valid(copy, len), expected);
        assert_int_equal(valid_in_two(copy, len, random_below(&r, (uint32_t)len + 1)), expected);
        valid += expected;
    }
    assert_in_range(valid, 10000, 90000); /* both kinds were there */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST("accepts every code point but the surrogates", accepts_every_code_point),
        TEST("accepts the empty text", accepts_the_empty_text),
        TEST("refuses overlong forms, surrogates, strays, 5 and 6 bytes", refuses_bad_sequences),
        TEST("says false at the first hopeless byte", says_false_at_the_first_hopeless_byte),
        TEST("knows a truncated sequence from a bad one", knows_a_truncated_sequence),
        TEST("agrees with a naive decoder on every three bytes", agrees_on_every_three_bytes),
        TEST("finds a bad byte at every place of long ASCII",
             finds_a_bad_byte_at_every_place_of_long_ascii),
        TEST("agrees with a naive decoder on random texts",
             agrees_with_a_naive_decoder_on_random_texts),
    };
    return cmocka_run_group_tests_name("shared/ss_utf8", tests, NULL, NULL);
}
