/* SPDX-License-Identifier: MIT
 *
 * ss_sse: events that no text can break out of, and secrets read exactly as they were written.
 */
#include "test.h"

#include "guard.h"
#include "random.h"

#include "ss_sse.h"

static uint8_t area[GUARD_MAX];

/* What `write` put at the end of the accessible bytes, NUL-terminated. */
static const char *seen(const uint8_t *bytes, size_t len) {
    static char text[1024];
    memcpy(text, bytes, len);
    text[len] = '\0';
    return text;
}

static void frames_a_message_as_one_event(void **unused) {
    uint8_t *out = guard_end(area, SS_SSE_DATA_EXTRA + 5);
    ss_sse_data(out, "[1,", 3, "2]", 2);
    assert_string_equal(seen(out, SS_SSE_DATA_EXTRA + 5), "data: [1,2]\n\n");
    out = guard_end(area, SS_SSE_DATA_EXTRA);
    ss_sse_data(out, NULL, 0, NULL, 0);
    assert_string_equal(seen(out, SS_SSE_DATA_EXTRA), "data: \n\n");
}

static void turns_line_breaks_into_spaces(void **unused) {
    uint8_t *out = guard_end(area, SS_SSE_DATA_EXTRA + 12);
    ss_sse_data(out, "\n[\r\n1,\n\n2", 9, "\r]\n", 3);
    assert_string_equal(seen(out, SS_SSE_DATA_EXTRA + 12), "data:  [  1,  2 ] \n\n");
}

static void keeps_every_other_byte(void **unused) {
    random_t r = {7};
    for (unsigned round = 0; round < 2000; round++) {
        uint8_t text[200];
        size_t len = random_below(&r, sizeof text);
        for (size_t i = 0; i < len; i++) {
            text[i] = random_below(&r, 4) == 0 ? '\n' : (uint8_t)random_next(&r);
        }
        uint8_t *out = guard_end(area, SS_SSE_DATA_EXTRA + len);
        size_t cut = random_below(&r, (uint32_t)len + 1);
        ss_sse_data(out, text, cut, text + cut, len - cut);
        for (size_t i = 0; i < len; i++) {
            bool is_break = text[i] == '\n' || text[i] == '\r';
            assert_int_equal(out[6 + i], is_break ? ' ' : text[i]);
        }
    }
}

static void begins_with_the_secret(void **unused) {
    uint8_t *out = guard_end(area, SS_SSE_OPEN_EXTRA + 3);
    ss_sse_open(out, "a.b", 3);
    assert_string_equal(seen(out, SS_SSE_OPEN_EXTRA + 3),
                        "event: open\ndata: {\"secret\":\"a.b\"}\n\n");
}

static void ends_with_code_and_reason(void **unused) {
    static const struct {
        uint16_t code;
        const char *reason;
        const char *event;
    } cases[] = {
        {1012, "", "event: close\ndata: {\"code\":1012,\"reason\":\"\"}\n\n"},
        {4999, "bye", "event: close\ndata: {\"code\":4999,\"reason\":\"bye\"}\n\n"},
        {1000, "a\"\\\n", "event: close\ndata: {\"code\":1000,\"reason\":\"a\\\"\\\\\\n\"}\n\n"},
        {1000, "\xff", "event: close\ndata: {\"code\":1000,\"reason\":\"\"}\n\n"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        uint8_t *out = guard_end(area, SS_SSE_CLOSE_MAX);
        size_t n = ss_sse_close(out, cases[i].code, cases[i].reason, strlen(cases[i].reason));
        assert_string_equal(seen(out, n), cases[i].event);
    }
}

static void holds_the_longest_reason(void **unused) {
    char reason[SS_SSE_REASON_MAX + 1];
    memset(reason, 1, sizeof reason);
    uint8_t *out = guard_end(area, SS_SSE_CLOSE_MAX);
    size_t n = ss_sse_close(out, 65535, reason, SS_SSE_REASON_MAX);
    assert_in_range(n, 6 * SS_SSE_REASON_MAX, SS_SSE_CLOSE_MAX);
    assert_memory_equal(out + n - 3, "}\n\n", 3);
    n = ss_sse_close(out, 65535, reason, SS_SSE_REASON_MAX + 1);
    assert_string_equal(seen(out, n), "event: close\ndata: {\"code\":65535,\"reason\":\"\"}\n\n");
}

/* --- the secret ------------------------------------------------------------------------------ */

static const char example[] =
    "Node-1_x.0123456789abcdef.00000007.ffffffff.000102030405060708090a0b0c0d0eff";

static void writes_and_reads_the_secret(void **unused) {
    ss_stream_t s = {.node = {"Node-1_x", 8},
                     .worker = UINT64_C(0x0123456789abcdef),
                     .slot = 7,
                     .generation = UINT32_MAX};
    for (uint8_t i = 0; i < SS_STREAM_KEY_LEN; i++) {
        s.key[i] = i;
    }
    s.key[15] = 0xff;
    size_t len = sizeof example - 1;
    char *out = (char *)guard_end(area, len);
    assert_int_equal(ss_stream_encode(out, &s), len);
    assert_memory_equal(out, example, len);

    ss_stream_t again;
    assert_true(ss_stream_decode((const char *)guard_end(example, len), len, &again));
    assert_int_equal(again.node.len, 8);
    assert_int_equal(again.worker, s.worker);
    assert_int_equal(again.slot, s.slot);
    assert_int_equal(again.generation, s.generation);
    assert_memory_equal(again.key, s.key, SS_STREAM_KEY_LEN);
}

static void holds_the_longest_name_and_none(void **unused) {
    char name[SS_STREAM_NODE_MAX];
    ss_stream_t again;
    memset(name, 'n', sizeof name);
    for (size_t len = 0; len <= sizeof name; len += sizeof name) {
        ss_stream_t s = {.node = {name, len}};
        char *out = (char *)guard_end(area, SS_STREAM_TEXT_MAX - sizeof name + len);
        size_t n = ss_stream_encode(out, &s);
        assert_int_equal(n, SS_STREAM_TEXT_MAX - sizeof name + len);
        assert_true(ss_stream_decode(out, n, &again));
        assert_int_equal(again.node.len, len);
    }
    char longer[SS_STREAM_TEXT_MAX + 1];
    memset(longer, 'n', sizeof longer);
    memcpy(longer + SS_STREAM_NODE_MAX + 1, example + 8, sizeof example - 1 - 8);
    assert_true(ss_stream_decode(longer + 1, SS_STREAM_TEXT_MAX, &again));
    assert_false(ss_stream_decode(longer, SS_STREAM_TEXT_MAX + 1, &again));
}

static void refuses_every_other_byte_in_a_secret(void **unused) {
    const size_t len = sizeof example - 1;
    ss_stream_t s;
    for (size_t i = 0; i < len; i++) {
        char text[sizeof example];
        memcpy(text, example, sizeof example);
        for (unsigned c = 0; c < 256; c++) {
            bool digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
            bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
            bool in_name = letter || (c >= '0' && c <= '9') || c == '-' || c == '_';
            bool good = i < 8 ? in_name : example[i] == '.' ? c == '.' : digit;
            text[i] = (char)c;
            assert_int_equal(ss_stream_decode((const char *)guard_end(text, len), len, &s), good);
        }
    }
}

static void refuses_a_secret_of_any_other_length(void **unused) {
    ss_stream_t s;
    for (size_t len = 0; len < sizeof example - 1; len++) {
        /* a shorter one is cut at its end: what is left of its name cannot make up for it */
        assert_false(ss_stream_decode((const char *)guard_end(example, len), len, &s));
    }
    assert_true(ss_stream_decode(example + 8, sizeof example - 1 - 8, &s));
    assert_false(ss_stream_decode(example + 9, sizeof example - 1 - 9, &s));
}

static void compares_keys(void **unused) {
    uint8_t a[SS_STREAM_KEY_LEN] = {0};
    uint8_t b[SS_STREAM_KEY_LEN] = {0};
    assert_true(ss_stream_key_equal(a, b));
    for (unsigned bit = 0; bit < 8 * SS_STREAM_KEY_LEN; bit++) {
        b[bit / 8] = (uint8_t)(1u << bit % 8);
        assert_false(ss_stream_key_equal(a, b));
        b[bit / 8] = 0;
    }
}

static void reads_sequence_numbers(void **unused) {
    static const char *const bad[] = {"",
                                      "0",
                                      "01",
                                      "-1",
                                      "+1",
                                      " 1",
                                      "1 ",
                                      "a",
                                      "1.",
                                      "0x1",
                                      "9007199254740992",
                                      "10000000000000000",
                                      "99999999999999999999"};
    uint64_t seq;
    assert_true(ss_stream_seq("1", 1, &seq));
    assert_int_equal(seq, 1);
    assert_true(ss_stream_seq("9007199254740991", 16, &seq));
    assert_int_equal(seq, SS_STREAM_SEQ_MAX);
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        size_t len = strlen(bad[i]);
        assert_false(ss_stream_seq((const char *)guard_end(bad[i], len), len, &seq));
    }
    assert_false(ss_stream_seq(NULL, 0, &seq));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST("frames a message as one event", frames_a_message_as_one_event),
        TEST("turns line breaks into spaces", turns_line_breaks_into_spaces),
        TEST("keeps every other byte", keeps_every_other_byte),
        TEST("begins with the secret", begins_with_the_secret),
        TEST("ends with code and reason", ends_with_code_and_reason),
        TEST("holds the longest reason", holds_the_longest_reason),
        TEST("writes and reads the secret", writes_and_reads_the_secret),
        TEST("holds the longest name, and none", holds_the_longest_name_and_none),
        TEST("refuses every other byte in a secret", refuses_every_other_byte_in_a_secret),
        TEST("refuses a secret of any other length", refuses_a_secret_of_any_other_length),
        TEST("compares keys", compares_keys),
        TEST("reads sequence numbers", reads_sequence_numbers),
    };
    return cmocka_run_group_tests_name("shared/ss_sse", tests, NULL, NULL);
}
