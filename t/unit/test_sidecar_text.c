/* SPDX-License-Identifier: MIT
 *
 * What the sidecar writes: numbers, JSON from jansson's values, error objects, and escaped log
 * text.
 */
#include "test.h"

#include <fcntl.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "digits.h"
#include "failure.h"
#include "guard.h"
#include "json_writer.h"
#include "log.h"
#include "random.h"

static void assert_written(json_t *value, const char *expected) {
    ss_buf_t b = {0};
    ss_buf_literal(&b, "before ");
    assert_int_equal(ss_json_write(&b, value, strlen(expected)), SS_JSON_WRITTEN);
    assert_string_equal(ss_buf_string(&b) + 7, expected);
    /* One byte less is not enough, and leaves the buffer as it was. */
    b.len = 7;
    assert_int_equal(ss_json_write(&b, value, strlen(expected) - 1), SS_JSON_LARGE);
    assert_string_equal(ss_buf_string(&b), "before ");
    ss_buf_free(&b);
    json_decref(value);
}

static void writes_every_kind_of_value(void **unused) {
    assert_written(json_null(), "null");
    assert_written(json_true(), "true");
    assert_written(json_false(), "false");
    assert_written(json_integer(0), "0");
    assert_written(json_integer(INT64_MAX), "9223372036854775807");
    assert_written(json_integer(INT64_MIN), "-9223372036854775808");
    assert_written(json_string(""), "\"\"");
    assert_written(json_string("a\"\\\n\x1f\x7f\xc3\xa9"), "\"a\\\"\\\\\\n\\u001f\x7f\xc3\xa9\"");
    assert_written(json_stringn("\0x", 2), "\"\\u0000x\"");
    assert_written(json_array(), "[]");
    assert_written(json_object(), "{}");
    assert_written(json_pack("[i,[],{s:n,s:[b]}]", 1, "a", "b\"", 1),
                   "[1,[],{\"a\":null,\"b\\\"\":[true]}]");
}

static void a_real_takes_the_digits_it_needs(void **unused) {
    static const struct {
        double value;
        const char *text;
    } table[] = {
        {0.1, "0.1"},
        {-2.5, "-2.5"},
        {1e300, "1e+300"},
        {0.30000000000000004, "0.30000000000000004"},
        {25.0, "25"},
        {1.0 / 3, "0.3333333333333333"},
        {DBL_MAX, "1.7976931348623157e+308"},
        {5e-324, "4.94065645841247e-324"},
    };
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        assert_written(json_real(table[i].value), table[i].text);
    }
}

static void random_reals_read_back_the_same(void **unused) {
    random_t random = {11};
    for (int round = 0; round < 20000; round++) {
        uint64_t bits = random_next(&random);
        double value;
        memcpy(&value, &bits, sizeof value);
        if (!isfinite(value)) {
            continue;
        }
        ss_buf_t b = {0};
        json_t *real = json_real(value);
        assert_int_equal(ss_json_write(&b, real, 64), SS_JSON_WRITTEN);
        double again = strtod(ss_buf_string(&b), NULL);
        assert_memory_equal(&again, &value, sizeof value);
        json_decref(real);
        ss_buf_free(&b);
    }
}

static void refuses_what_is_no_json(void **unused) {
    ss_buf_t b = {0};
    json_t *bytes = json_stringn_nocheck("\xff", 1);
    assert_int_equal(ss_json_write(&b, bytes, 100), SS_JSON_BROKEN);
    json_decref(bytes);

    json_t *list = json_array();
    json_t *inner = list;
    for (int depth = 1; depth < SS_JSON_WRITE_DEPTH_MAX; depth++) {
        json_t *next = json_array();
        json_array_append_new(inner, next);
        inner = next;
    }
    assert_int_equal(ss_json_write(&b, list, 10000), SS_JSON_WRITTEN);
    json_array_append_new(inner, json_null()); /* one past the limit */
    b.len = 0;
    assert_int_equal(ss_json_write(&b, list, 10000), SS_JSON_BROKEN);
    assert_int_equal(b.len, 0);
    json_decref(list);
    ss_buf_free(&b);
}

static void assert_failure(ss_failure_t failure, const char *expected) {
    ss_buf_t b = {0};
    ss_failure_write(&b, &failure);
    assert_string_equal(ss_buf_string(&b), expected);
    ss_buf_free(&b);
}

static void errors_have_code_message_and_data(void **unused) {
    json_t *data = json_pack("{s:i}", "a", 1);
    assert_failure((ss_failure_t){.code = -32601},
                   "{\"code\":-32601,\"message\":\"Method not found\"}");
    assert_failure(
        (ss_failure_t){.code = -32003, .message = "away \"now\""},
        "{\"code\":-32003,\"message\":\"away \\\"now\\\"\",\"data\":{\"retryable\":true}}");
    assert_failure((ss_failure_t){.code = -32003, .data = data},
                   "{\"code\":-32003,\"message\":\"Unavailable\",\"data\":{\"a\":1}}");
    assert_failure((ss_failure_t){.code = 7, .message = "\xe9"}, "{\"code\":7,\"message\":\"?\"}");
    json_decref(data);

    char *large = malloc(SS_FAILURE_DATA_MAX);
    memset(large, 'x', SS_FAILURE_DATA_MAX);
    json_t *too_large = json_stringn(large, SS_FAILURE_DATA_MAX);
    assert_failure((ss_failure_t){.code = 7, .message = "m", .data = too_large},
                   "{\"code\":7,\"message\":\"m\"}");
    json_decref(too_large);
    free(large);
}

static void assert_escaped(const char *text, size_t len, const char *expected) {
    char out[256];
    const char *copy = (const char *)guard_end(text, len);
    assert_int_equal(ss_log_escape(out, sizeof out, copy, len), strlen(expected));
    assert_string_equal(out, expected);
}

/* What printf() writes, and nothing behind it. */
static void assert_digits(uint64_t value, unsigned least) {
    char expected[SS_DECIMAL_MAX + 1];
    char text[SS_DECIMAL_MAX + 1];
    memset(text, '!', sizeof text);
    int n = snprintf(expected, sizeof expected, "%llu", (unsigned long long)value);
    assert_ptr_equal(ss_decimal(text, value), text + n);
    assert_memory_equal(text, expected, (size_t)n);
    assert_int_equal(text[n], '!');
    memset(text, '!', sizeof text);
    n = snprintf(expected, sizeof expected, "%0*llx", (int)least, (unsigned long long)value);
    assert_ptr_equal(ss_hex(text, value, least), text + n);
    assert_memory_equal(text, expected, (size_t)n);
    assert_int_equal(text[n], '!');
}

static void numbers_are_the_text_that_printf_writes(void **unused) {
    for (unsigned least = 1; least <= SS_HEX_MAX; least++) {
        assert_digits(0, least);
        assert_digits(UINT64_MAX, least);
        for (unsigned bit = 0; bit < 64; bit++) {
            assert_digits(UINT64_C(1) << bit, least);
            assert_digits((UINT64_C(1) << bit) - 1, least);
        }
        for (uint64_t ten = 1; ten <= UINT64_MAX / 10; ten *= 10) {
            assert_digits(ten * 10 - 1, least);
            assert_digits(ten * 10, least);
        }
    }
}

static void log_text_is_escaped(void **unused) {
    assert_escaped("", 0, "");
    assert_escaped("plain \xc3\xa9 \xf0\x9d\x84\x9e", 13, "plain \xc3\xa9 \xf0\x9d\x84\x9e");
}

static void log_text_controls(void **unused) {
    assert_escaped("a\n\r\t\0\x1b[2J\x7f", 10, "a\\x0a\\x0d\\x09\\x00\\x1b[2J\\x7f");
    assert_escaped("\xc2\x9b", 2, "\\xc2\\x9b"); /* CSI as one character */
    assert_escaped("\xc2\xa0", 2, "\xc2\xa0");
    assert_escaped("\xff\xc3", 2, "\\xff\\xc3");
    assert_escaped("\xed\xa0\x80", 3, "\\xed\\xa0\\x80");
}

static void log_text_is_cut_between_characters(void **unused) {
    char out[8];
    assert_int_equal(ss_log_escape(out, sizeof out, "abcdef\xc3\xa9", 8), 6);
    assert_string_equal(out, "abcdef");
    assert_int_equal(ss_log_escape(out, sizeof out, "abcd\x01", 5), 4);
    assert_int_equal(ss_log_escape(out, sizeof out, "abc\x01", 4), 7);
    assert_string_equal(out, "abc\\x01");
}

/* What a warning looks like on a terminal. */
static void log_to_terminal(char *out, size_t size) {
    int terminal = posix_openpt(O_RDWR | O_NOCTTY);
    assert_true(terminal >= 0 && grantpt(terminal) == 0 && unlockpt(terminal) == 0);
    assert_true(ss_log_open(ptsname(terminal), 1, SS_LOG_FORMAT_PRETTY));
    ss_log(SS_LOG_WARNING, "careful");
    ss_log_flush();
    ssize_t n = read(terminal, out, size - 1);
    assert_true(n > 0);
    out[n] = '\0';
    assert_true(ss_log_open(NULL, 1, SS_LOG_FORMAT_AUTO));
    close(terminal);
}

static void log_is_coloured_on_a_terminal(void **unused) {
    static const struct {
        const char *no_color;
        bool coloured;
    } table[] = {{NULL, true}, {"1", false}, {"", true}};
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        char line[256];
        if (table[i].no_color == NULL) {
            unsetenv("NO_COLOR");
        } else {
            setenv("NO_COLOR", table[i].no_color, 1);
        }
        log_to_terminal(line, sizeof line);
        assert_non_null(strstr(line, "careful"));
        assert_int_equal(strchr(line, '\033') != NULL, table[i].coloured);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST("writes every kind of value", writes_every_kind_of_value),
        TEST("a real takes the digits it needs", a_real_takes_the_digits_it_needs),
        TEST("random reals read back the same", random_reals_read_back_the_same),
        TEST("refuses what is no JSON", refuses_what_is_no_json),
        TEST("errors have code, message and data", errors_have_code_message_and_data),
        TEST("numbers are the text that printf writes", numbers_are_the_text_that_printf_writes),
        TEST("the log is coloured on a terminal, unless that is switched off",
             log_is_coloured_on_a_terminal),
        TEST("log text keeps what can be read", log_text_is_escaped),
        TEST("log text escapes controls and what is not UTF-8", log_text_controls),
        TEST("log text is cut between characters", log_text_is_cut_between_characters),
    };
    return cmocka_run_group_tests_name("sidecar/text", tests, NULL, NULL);
}
