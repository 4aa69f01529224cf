/* SPDX-License-Identifier: MIT
 *
 * What the load generator trusts: its reading of answers and its histogram.  The generator is no
 * library, so its two leaves are compiled in.
 */
#include "test.h"

#include <stdio.h>

#include "../../bench/answer.c"
#include "../../bench/histogram.h"

static bool parses(const char *text, uint64_t id, const char *result) {
    answer_t answer;
    return answer_parse(&answer, text, strlen(text)) && answer.id == id &&
           answer.result.len == strlen(result) &&
           memcmp(answer.result.ptr, result, answer.result.len) == 0;
}

static bool refuses(const char *text) {
    answer_t answer;
    return !answer_parse(&answer, text, strlen(text));
}

static void reads_an_answer_in_any_order(void **state) {
    assert_true(parses("{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":625}", 7, "625"));
    assert_true(parses("{\"result\":625,\"id\":7,\"jsonrpc\":\"2.0\"}", 7, "625"));
    assert_true(
        parses(" { \"id\" : 12 ,\n\"jsonrpc\":\"2.0\", \"result\" : \"a b\" } ", 12, "\"a b\""));
    assert_true(parses("{\"jsonrpc\":\"2.0\",\"id\":999999999999999999,\"result\":-1.5}",
                       999999999999999999, "-1.5"));
}

static void refuses_what_is_no_answer(void **state) {
    assert_true(refuses(""));
    assert_true(refuses("{}"));
    assert_true(refuses("{\"id\":7,\"result\":625}"));
    assert_true(refuses("{\"jsonrpc\":\"1.0\",\"id\":7,\"result\":625}"));
    assert_true(refuses("{\"jsonrpc\":\"2.0\",\"id\":7}"));
    assert_true(refuses("{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":625"));
    assert_true(refuses("{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":625}x"));
    assert_true(refuses("{\"jsonrpc\":\"2.0\",\"id\":-7,\"result\":625}"));
    assert_true(refuses("{\"jsonrpc\":\"2.0\",\"id\":1000000000000000000,\"result\":625}"));
    assert_true(refuses("{\"jsonrpc\":\"2.0\",\"id\":7,\"error\":{\"code\":-32601}}"));
    assert_true(refuses("{\"jsonrpc\":\"2.0\",\"method\":\"event\",\"params\":[1]}"));
}

static void every_value_falls_below_its_bucket_s_bound(void **state) {
    for (uint64_t value = 1; value < UINT64_C(1) << 44; value += value / 5 + 1) {
        unsigned index = histogram_index(value);
        assert_true(value <= histogram_upper(index));
        assert_true(index == 0 || value > histogram_upper(index - 1));
        assert_true((double)histogram_upper(index) <= (double)value * 1.016);
    }
}

static void a_value_past_the_last_bucket_is_counted(void **state) {
    static histogram_t h;
    histogram_add(&h, UINT64_MAX);
    assert_int_equal(h.count, 1);
    assert_int_equal(h.max, UINT64_MAX);
    assert_int_equal(h.buckets[HISTOGRAM_BUCKETS - 1], 1);
}

static void quantiles_of_a_ramp(void **state) {
    static histogram_t h;
    assert_int_equal(histogram_quantile(&h, 0.5), 0);
    for (uint64_t value = 1; value <= 100000; value++) {
        histogram_add(&h, value);
    }
    assert_in_range(histogram_quantile(&h, 0.5), 50000, 50800);
    assert_in_range(histogram_quantile(&h, 0.99), 99000, 100000);
    assert_int_equal(histogram_quantile(&h, 1.0), 100000);
    assert_int_equal(h.max, 100000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST("reads an answer with its members in any order", reads_an_answer_in_any_order),
        TEST("refuses what is no answer to a call", refuses_what_is_no_answer),
        TEST("every value falls below its bucket's bound, by 1.6 % at most",
             every_value_falls_below_its_bucket_s_bound),
        TEST("a value past the last bucket is counted", a_value_past_the_last_bucket_is_counted),
        TEST("gives the quantiles of a ramp", quantiles_of_a_ramp),
    };
    return cmocka_run_group_tests_name("bench", tests, NULL, NULL);
}
