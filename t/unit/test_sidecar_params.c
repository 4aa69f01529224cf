/* SPDX-License-Identifier: MIT
 *
 * Parameters: what a query, a body or a params member becomes.  t/sidecar/api.test.mjs has the
 * same through HTTP; here the text ends at a page that must not be read.
 */
#include "test.h"

#include <stdio.h>
#include <string.h>

#include "bounds.h"
#include "guard.h"
#include "params.h"
#include "random.h"

static ss_span_t guarded(const char *text, size_t len) {
    return (ss_span_t){(const char *)guard_end(text, len), len};
}

static void assert_json(json_t *value, const char *expected) {
    assert_non_null(value);
    char *text = json_dumps(value, JSON_COMPACT);
    assert_string_equal(text, expected);
    free(text);
    json_decref(value);
}

static void queries(void **unused) {
    static const char *const table[][2] = {
        {"", "[]"},
        {"25", "[25]"},
        {"-0", "[0]"},
        {"true", "[true]"},
        {"tru", "[\"tru\"]"},
        {"%2", NULL},
        {"%", NULL},
        {"a%", NULL},
        {"%4", NULL},
        {"%41", "[\"A\"]"},
        {"%4g", NULL},
        {"+", "[\" \"]"},
        {"%22%22", "[\"\"]"},
        {"%22", "[\"\\\"\"]"},
        {"=", "[{\"\":\"\"}]"},
        {"&", "[{}]"},
        {"a=1", "[{\"a\":1}]"},
        {"a=1&", "[{\"a\":1}]"},
        {"a=%", NULL},
        {"%=a", NULL},
        {"a=1&b=x%20y&c", "[{\"a\":1,\"b\":\"x y\",\"c\":\"\"}]"},
        {"a%00=1", NULL},
        {"a=%ff", NULL},
        {"%ff", NULL},
        {"1e999", NULL},
    };
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        const char *error = NULL;
        json_t *value = ss_params_query(guarded(table[i][0], strlen(table[i][0])), &error);
        if (table[i][1] != NULL) {
            assert_json(value, table[i][1]);
            assert_null(error);
        } else {
            assert_null(value);
            assert_int_equal(strncmp(error, "Invalid params: ", 16), 0);
        }
    }
}

static void as_many_names_as_allowed(void **unused) {
    char text[(SS_API_PAIRS_MAX + 1) * 8];
    size_t len = 0;
    for (int i = 0; i < SS_API_PAIRS_MAX; i++) {
        len += (size_t)snprintf(text + len, sizeof text - len, "&n%d=1", i);
    }
    const char *error = NULL;
    json_t *value = ss_params_query(guarded(text, len), &error);
    assert_int_equal(json_object_size(json_array_get(value, 0)), SS_API_PAIRS_MAX);
    json_decref(value);
    len += (size_t)snprintf(text + len, sizeof text - len, "&x=1");
    assert_null(ss_params_query(guarded(text, len), &error));
    assert_string_equal(error, "Invalid params: too many names in the query");
}

static void random_queries_give_a_list_or_an_error(void **unused) {
    static const char alphabet[] = "%%%&&==++0129aAfF\"{}[]ntrue\xff\xc3\xa9\x80\0";
    random_t random = {3};
    unsigned valid = 0;
    for (int round = 0; round < 50000; round++) {
        char text[64];
        size_t len = random_below(&random, sizeof text);
        for (size_t i = 0; i < len; i++) {
            text[i] = alphabet[random_below(&random, sizeof alphabet)];
        }
        const char *error = NULL;
        json_t *value = ss_params_query(guarded(text, len), &error);
        assert_true((value != NULL) != (error != NULL));
        assert_true(value == NULL || json_is_array(value));
        valid += value != NULL;
        json_decref(value);
    }
    assert_in_range(valid, 1000, 49000); /* both kinds were there */
}

static void bodies(void **unused) {
    static const struct {
        const char *text;
        const char *expected; /* NULL: an error */
        bool malformed;
    } table[] = {
        {"", "[]", false},
        {"[]", "[]", false},
        {"[1,[2]]", "[1,[2]]", false},
        {"{\"a\":1}", "[{\"a\":1}]", false},
        {" 7 ", "[7]", false},
        {"[1", NULL, true},
        {"]", NULL, true},
        {" ", NULL, true},
        {"\"\xff\"", NULL, true},
        {"99999999999999999999", NULL, false},
        {"\"\\ud800\"", NULL, false},
        {"{\"\\u0000\":1}", NULL, false},
    };
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        const char *error = NULL;
        bool malformed = true;
        json_t *value =
            ss_params_body(guarded(table[i].text, strlen(table[i].text)), &malformed, &error);
        assert_int_equal(malformed, table[i].malformed);
        if (table[i].expected != NULL) {
            assert_json(value, table[i].expected);
        } else {
            assert_null(value);
            assert_non_null(error);
        }
    }
}

static void members(void **unused) {
    const char *error = NULL;
    assert_json(ss_params_parse((ss_span_t){NULL, 0}, &error), "[]");
    assert_json(ss_params_parse(guarded("[1]", 3), &error), "[1]");
    assert_json(ss_params_parse(guarded("{}", 2), &error), "[{}]");
    assert_null(error);
    assert_null(ss_params_parse(guarded("[1e999]", 7), &error));
    assert_string_equal(error, "Invalid params: real number overflow");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST("a query becomes a scalar, a string or an object", queries),
        TEST("a query may hold as many names as allowed, not one more", as_many_names_as_allowed),
        TEST("random queries give a list or an error", random_queries_give_a_list_or_an_error),
        TEST("a body becomes a list", bodies),
        TEST("a params member becomes a list", members),
    };
    return cmocka_run_group_tests_name("sidecar/params", tests, NULL, NULL);
}
