/* SPDX-License-Identifier: MIT
 *
 * ss_json: what RFC 8259 allows and what it does not, strings in and out, and jansson beside it.
 */
#include "test.h"

#include <jansson.h>

#include "guard.h"
#include "random.h"

#include "ss_json.h"
#include "ss_utf8.h"

static const char *const good[] = {
    "null",
    "true",
    "false",
    "0",
    "-0",
    "1",
    "-1",
    "10",
    "1234567890",
    "0.0",
    "-0.5",
    "1.25",
    "0e0",
    "0E+0",
    "1e5",
    "1E5",
    "1e+5",
    "1e-5",
    "1.5e10",
    "-1.5E-10",
    "1e01",
    "123e65",
    "1e400",
    "99999999999999999999999999",
    "\"\"",
    "\"a\"",
    "\"sixteen bytes and a few more\"",
    "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
    "\"\\u0000\\u001f\\u00e9\\u20AC\\uD83D\\uDE00\"",
    "\"\\uD800\"",
    "\"\\uDEAD\\uD800x\"",
    "\"\\\\u12\"",
    "\"\x7F\"",
    "\"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\"",
    "\"[{,:}]\"",
    "\"/\"",
    "[]",
    "[ ]",
    "[1]",
    "[1,2,3]",
    "[[]]",
    "[[],[]]",
    "[null,true,false,0,\"\",{}]",
    "[ 1 , 2 ]",
    " [1] ",
    "\t\n\r [\t\n\r 1\t\n\r ]\t\n\r ",
    "{}",
    "{ }",
    "{\"a\":1}",
    "{\"a\":1,\"b\":2}",
    "{\"\":0}",
    "{\"a\":1,\"a\":2}",
    "{\"a\":{\"b\":{\"c\":[]}}}",
    "{ \"a\" : 1 , \"b\" : [ { } ] }",
    "{\"\\u0061\":1}",
    "[{\"a\":[{}]},{\"b\":[]}]",
    " 1 ",
};

static const struct {
    const char *text;
    size_t len;
} bad[] = {
#define ROW(text)                                                                                  \
    { (text), sizeof(text) - 1 }
    ROW(""),
    ROW(" "),
    ROW("\n"),
    ROW("nul"),
    ROW("nulll"),
    ROW("Null"),
    ROW("TRUE"),
    ROW("tru"),
    ROW("truex"),
    ROW("fals"),
    ROW("nan"),
    ROW("NaN"),
    ROW("Infinity"),
    ROW("-Infinity"),
    ROW("undefined"),
    ROW("-"),
    ROW("+1"),
    ROW("--1"),
    ROW("01"),
    ROW("-01"),
    ROW("00"),
    ROW("1."),
    ROW(".5"),
    ROW("-.5"),
    ROW("1.e5"),
    ROW("1e"),
    ROW("1e+"),
    ROW("1e-"),
    ROW("1ee5"),
    ROW("1e5.5"),
    ROW("1.2.3"),
    ROW("0x10"),
    ROW("1_000"),
    ROW("1 2"),
    ROW("1,"),
    ROW("- 1"),
    ROW("1f"),
    ROW("\xEF\xBC\x91"), /* a full-width digit */
    ROW("\""),
    ROW("\"a"),
    ROW("\"\\\""),
    ROW("\"\\"),
    ROW("\"\\x41\""),
    ROW("\"\\a\""),
    ROW("\"\\'\""),
    ROW("\"\\0\""),
    ROW("\"\\U0041\""),
    ROW("\"\\u\""),
    ROW("\"\\u1\""),
    ROW("\"\\u12\""),
    ROW("\"\\u123\""),
    ROW("\"\\u123g\""),
    ROW("\"\\u 123\""),
    ROW("\"\\u-123\""),
    ROW("\"\\u+123\""),
    ROW("\"\\u123"),
    ROW("\"\t\""),
    ROW("\"\n\""),
    ROW("\"\0\""),
    ROW("\"\x1F\""),
    ROW("\"fifteen letters\x01\""),
    ROW("'a'"),
    ROW("a"),
    ROW("\"a\"b"),
    ROW("\"a\" \"b\""),
    ROW("["),
    ROW("[1"),
    ROW("[1,"),
    ROW("[1,]"),
    ROW("[,1]"),
    ROW("[,]"),
    ROW("[1,,2]"),
    ROW("[1 2]"),
    ROW("[1:2]"),
    ROW("[1}"),
    ROW("[\"a\":1]"),
    ROW("[]]"),
    ROW("[][]"),
    ROW("[],"),
    ROW("]"),
    ROW("[[]"),
    ROW("[1;2]"),
    ROW("{"),
    ROW("{\"a\""),
    ROW("{\"a\":"),
    ROW("{\"a\":1"),
    ROW("{\"a\":1,"),
    ROW("{\"a\":1,}"),
    ROW("{,}"),
    ROW("{,\"a\":1}"),
    ROW("{\"a\"}"),
    ROW("{\"a\":}"),
    ROW("{:1}"),
    ROW("{a:1}"),
    ROW("{'a':1}"),
    ROW("{1:1}"),
    ROW("{null:1}"),
    ROW("{[]:1}"),
    ROW("{\"a\" 1}"),
    ROW("{\"a\",1}"),
    ROW("{\"a\":1 \"b\":2}"),
    ROW("{\"a\":1,,\"b\":2}"),
    ROW("{\"a\"::1}"),
    ROW("{\"a\":1:2}"),
    ROW("{\"a\":1]"),
    ROW("{\"a\":1}}"),
    ROW("{\"a\":1},"),
    ROW("}"),
    ROW("{\"a\\x\":1}"),
    ROW("{\"a\n\":1}"),
    ROW("\xEF\xBB\xBF{}"), /* a byte order mark */
    ROW("[1]\0"),
    ROW("[\0]"),
    ROW("\f[]"),
    ROW("\v[]"),
    ROW("\xC2\xA0[]"), /* no-break space */
    ROW("[1]//"),
    ROW("/* */[]"),
    ROW("#[]"),
#undef ROW
};

/* The same answer at both ends of a page's border. */
static bool valid(const char *text, size_t len) {
    bool end = ss_json_valid((char *)guard_end(text, len), len);
    bool start = ss_json_valid((char *)guard_start(text, len), len);
    assert_int_equal(end, start);
    return end;
}

static void accepts_what_the_rfc_allows(void **unused) {
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        if (!valid(good[i], strlen(good[i]))) {
            fail_msg("%s", good[i]);
        }
    }
}

static void refuses_what_the_rfc_does_not_allow(void **unused) {
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        if (valid(bad[i].text, bad[i].len)) {
            fail_msg("%s", bad[i].text);
        }
    }
    assert_false(ss_json_valid(NULL, 0));
}

static void refuses_every_truncation(void **unused) {
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        const char *text = good[i] + strspn(good[i], " \t\r\n");
        size_t len = strlen(text);
        while (strchr(" \t\r\n", text[len - 1]) != NULL) {
            len--;
        }
        bool number = strchr("-0123456789", text[0]) != NULL; /* its beginnings may be numbers */
        for (size_t n = 0; n < len; n++) {
            if (valid(text, n) && !number) {
                fail_msg("%.*s", (int)n, text);
            }
        }
    }
}

static void refuses_every_control_character_in_strings(void **unused) {
    for (unsigned c = 0; c < 256; c++) {
        for (size_t at = 1; at < 40; at++) {
            char text[42];
            memset(text, 'a', sizeof text);
            text[0] = text[41] = '"';
            text[at] = (char)c;
            bool expected = c >= 0x20 && c != '"' && c != '\\';
            assert_int_equal(valid(text, sizeof text), expected);
        }
    }
}

static void takes_only_four_characters_for_space(void **unused) {
    for (unsigned c = 0; c < 256; c++) {
        char text[] = {(char)c, '[', (char)c, '1', (char)c, ']', (char)c};
        bool expected = c == ' ' || c == '\t' || c == '\n' || c == '\r';
        assert_int_equal(valid(text, sizeof text), expected);
    }
}

/* `depth` containers, an array where the bit of `kinds` is set, else an object. */
static size_t nest(char *out, unsigned depth, unsigned kinds) {
    size_t len = 0;
    for (unsigned i = 0; i < depth; i++) {
        bool array = (kinds >> i % 32 & 1) != 0;
        memcpy(out + len, array ? "[" : "{\"\":", array ? 1 : 4);
        len += array ? 1 : 4;
    }
    out[len++] = '1';
    for (unsigned i = depth; i-- > 0;) {
        out[len++] = (kinds >> i % 32 & 1) != 0 ? ']' : '}';
    }
    return len;
}

static void nests_to_the_limit_and_no_deeper(void **unused) {
    static const unsigned kinds[] = {0xFFFFFFFF, 0, 0x55555555, 0x0F1E3C78};
    char text[6 * SS_JSON_DEPTH_MAX];
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        assert_true(valid(text, nest(text, SS_JSON_DEPTH_MAX, kinds[i])));
        assert_false(valid(text, nest(text, SS_JSON_DEPTH_MAX + 1, kinds[i])));
    }
    /* Depth is not the number of containers. */
    char wide[4 * SS_JSON_DEPTH_MAX + 2];
    size_t len = 0;
    for (unsigned i = 0; i <= SS_JSON_DEPTH_MAX; i++) {
        memcpy(wide + len, i == 0 ? "[[]" : ",[]", 3);
        len += 3;
    }
    wide[len++] = ']';
    assert_true(valid(wide, len));
}

static void survives_a_million_brackets(void **unused) {
    static char text[1000000];
    memset(text, '[', sizeof text);
    assert_false(ss_json_valid(text, sizeof text));
    memset(text, '{', sizeof text);
    assert_false(ss_json_valid(text, sizeof text));
}

static void gives_the_place_behind_a_value(void **unused) {
    static const struct {
        const char *text;
        size_t behind; /* 0: malformed */
    } rows[] = {
        {"1,2", 1}, {" [1] x", 4}, {"{}}", 2}, {"\"a\"]", 3}, {"truefalse", 4}, {"]", 0}, {"", 0},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        size_t len = strlen(rows[i].text);
        const char *copy = (const char *)guard_end(rows[i].text, len);
        const char *p = ss_json_check(copy, copy + len, 1);
        assert_ptr_equal(p, rows[i].behind == 0 ? NULL : copy + rows[i].behind);
    }
    const char *text = "[[]]";
    assert_null(ss_json_check(text, text + 4, 1));
    assert_ptr_equal(ss_json_check(text, text + 4, 2), text + 4);
}

static void check_unescape(const char *text, const char *expected, size_t expected_len) {
    size_t len = strlen(text);
    char *out = (char *)guard_start("", 0);
    const char *copy = (const char *)guard_end(text, len);
    memset(out, '#', len + 1);
    assert_int_equal(ss_json_unescape(out, copy, len), expected_len);
    assert_memory_equal(out, expected, expected_len);
    assert_int_equal(out[len], '#');
}

static void unescapes(void **unused) {
#define UNESCAPE(text, expected) check_unescape((text), (expected), sizeof(expected) - 1)
    UNESCAPE("", "");
    UNESCAPE("plain", "plain");
    UNESCAPE("\\\"\\\\\\/\\b\\f\\n\\r\\t", "\"\\/\b\f\n\r\t");
    UNESCAPE("a\\nb", "a\nb");
    UNESCAPE("\\u0041\\u004a\\u004A", "AJJ");
    UNESCAPE("\\u0000", "\0");
    UNESCAPE("\\u007f\\u0080\\u07ff\\u0800\\uffff", "\x7F\xC2\x80\xDF\xBF\xE0\xA0\x80\xEF\xBF\xBF");
    UNESCAPE("\\ud800\\udc00\\uDBFF\\uDFFF", "\xF0\x90\x80\x80\xF4\x8F\xBF\xBF");
    UNESCAPE("\\ud83d\\ude00!", "\xF0\x9F\x98\x80!");
    UNESCAPE("\\ud83d", "\xEF\xBF\xBD");
    UNESCAPE("\\ude00", "\xEF\xBF\xBD");
    UNESCAPE("\\ud83dx", "\xEF\xBF\xBDx");
    UNESCAPE("\\ud83d\\n", "\xEF\xBF\xBD\n");
    UNESCAPE("\\ud83d\\nabcd", "\xEF\xBF\xBD\nabcd");
    UNESCAPE("\\ud83d\\u0041", "\xEF\xBF\xBD"
                               "A");
    UNESCAPE("\\ud83d\\ud83d\\ude00", "\xEF\xBF\xBD\xF0\x9F\x98\x80");
    UNESCAPE("\\ude00\\ud83d", "\xEF\xBF\xBD\xEF\xBF\xBD");
    UNESCAPE("\\ude00\\ude00", "\xEF\xBF\xBD\xEF\xBF\xBD");
    UNESCAPE("\\\\u0041", "\\u0041");
    UNESCAPE("\xC3\xA9\\u00e9", "\xC3\xA9\xC3\xA9");
#undef UNESCAPE
}

static void escapes(void **unused) {
    static const struct {
        const char *text;
        size_t len;
        const char *expected;
    } rows[] = {
        {"", 0, ""},
        {"plain text, longer than sixteen", 31, "plain text, longer than sixteen"},
        {"\"\\/", 3, "\\\"\\\\/"},
        {"\b\t\n\v\f\r", 6, "\\b\\t\\n\\u000b\\f\\r"},
        {"\0\x01\x07\x0e\x1f\x20\x7f", 7, "\\u0000\\u0001\\u0007\\u000e\\u001f \x7f"},
        {"\xC3\xA9", 2, "\xC3\xA9"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        size_t needed = strlen(rows[i].expected);
        for (size_t cap = 0; cap <= needed + 1; cap++) {
            char out[64];
            memset(out, '#', sizeof out);
            assert_int_equal(ss_json_escape(out, cap, rows[i].text, rows[i].len), needed);
            assert_memory_equal(out, rows[i].expected, cap < needed ? cap : needed);
            assert_int_equal(out[cap < needed ? cap : needed], '#');
        }
        assert_int_equal(ss_json_escape(NULL, 0, rows[i].text, rows[i].len), needed);
    }
}

static void unescapes_what_it_escaped(void **unused) {
    random_t r = {5};
    for (unsigned round = 0; round < 20000; round++) {
        char text[64], escaped[2 + 6 * sizeof text], back[6 * sizeof text];
        size_t len = random_below(&r, sizeof text + 1);
        for (size_t i = 0; i < len; i++) {
            text[i] = (char)random_below(&r, round % 2 == 0 ? 256 : 40);
        }
        escaped[0] = '"';
        size_t n = ss_json_escape(escaped + 1, sizeof escaped - 2, text, len);
        escaped[n + 1] = '"';
        assert_true(valid(escaped, n + 2));
        assert_int_equal(ss_json_unescape(back, escaped + 1, n), len);
        assert_memory_equal(back, text, len);
    }
}

static unsigned deepest(const char *text, size_t len) {
    unsigned depth = 0, most = 0;
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '[' || text[i] == '{') {
            most = ++depth > most ? depth : most;
        } else if (text[i] == ']' || text[i] == '}') {
            depth--;
        }
    }
    return most;
}

/* jansson is stricter where it must build values: it refuses numbers that fit neither 64 bits nor
 * a double, lone surrogates, and \u0000 in names.  It may nest deeper than we do.  It is asked only
 * about valid UTF-8, since it checks that too, and not about NUL bytes: it loses one that stands
 * behind a number, and so accepts "[0\0]". */
static bool jansson_differs(const char *text, size_t len, bool ours, const json_error_t *error) {
    if (!ours) {
        return deepest(text, len) > SS_JSON_DEPTH_MAX;
    }
    enum json_error_code code = json_error_code(error);
    return code == json_error_numeric_overflow || code == json_error_null_byte_in_key ||
           strncmp(error->text, "invalid Unicode", 15) == 0;
}

static size_t mutate(random_t *r, char *text, size_t len, size_t cap) {
    static const char bytes[] = "{}[]\",:\\ \t\n0123456789-+.eEtrufalsn/u\x01\x7F";
    for (unsigned n = random_below(r, 4); n-- > 0;) {
        size_t at = random_below(r, (uint32_t)len + 1);
        char c = bytes[random_below(r, sizeof bytes)];
        switch (random_below(r, 3)) {
        case 0: /* replace */
            if (at < len) {
                text[at] = c;
            }
            break;
        case 1: /* insert */
            if (len < cap) {
                memmove(text + at + 1, text + at, len - at);
                text[at] = c;
                len++;
            }
            break;
        default: /* remove */
            if (at < len) {
                memmove(text + at, text + at + 1, len - at - 1);
                len--;
            }
        }
    }
    return len;
}

/* A random piece of good text, so that mutations meet every place of the grammar. */
static size_t compose(random_t *r, char *text) {
    size_t len = 0;
    unsigned parts = 1 + random_below(r, 3);
    text[len++] = '[';
    for (unsigned i = 0; i < parts; i++) {
        const char *piece = good[random_below(r, COUNT_OF(good))];
        if (i > 0) {
            text[len++] = ',';
        }
        memcpy(text + len, piece, strlen(piece));
        len += strlen(piece);
    }
    text[len++] = ']';
    return len;
}

static void agrees_with_jansson_on_mutations(void **unused) {
    random_t r = {6};
    unsigned agreed[2] = {0, 0};
    for (unsigned round = 0; round < 300000; round++) {
        char text[256];
        size_t len = mutate(&r, text, compose(&r, text), sizeof text);
        if (!ss_utf8_valid(text, len)) {
            continue;
        }
        const char *copy = (const char *)guard_end(text, len);
        bool ours = ss_json_valid(copy, len);
        if (memchr(text, '\0', len) != NULL) {
            assert_false(ours);
            continue;
        }
        json_error_t error;
        json_t *value = json_loadb(copy, len, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
        if ((value != NULL) != ours && !jansson_differs(text, len, ours, &error)) {
            fail_msg("ours %d: %.*s (%s)", ours, (int)len, text, error.text);
        }
        agreed[ours] += (value != NULL) == ours;
        json_decref(value);
    }
    assert_true(agreed[0] > 30000 && agreed[1] > 30000); /* both kinds were there */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST("accepts what RFC 8259 allows", accepts_what_the_rfc_allows),
        TEST("refuses what RFC 8259 does not allow", refuses_what_the_rfc_does_not_allow),
        TEST("refuses every truncation", refuses_every_truncation),
        TEST("refuses every control character in strings, at every place",
             refuses_every_control_character_in_strings),
        TEST("takes only four characters for space", takes_only_four_characters_for_space),
        TEST("nests to the limit and no deeper", nests_to_the_limit_and_no_deeper),
        TEST("survives a million brackets", survives_a_million_brackets),
        TEST("gives the place behind a value", gives_the_place_behind_a_value),
        TEST("unescapes every escape, lone surrogates to U+FFFD", unescapes),
        TEST("escapes what must be, and counts what did not fit", escapes),
        TEST("unescapes what it escaped", unescapes_what_it_escaped),
        TEST("agrees with jansson on random mutations", agrees_with_jansson_on_mutations),
    };
    return cmocka_run_group_tests_name("shared/ss_json", tests, NULL, NULL);
}
