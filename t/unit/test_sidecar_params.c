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

static json_t *query(ss_span_t args, const char **error) {
    ss_params_t params;
    return ss_params_query(&params, args, false, error) ? params.list : NULL;
}

static json_t *body(ss_span_t text, bool *malformed, const char **error) {
    ss_params_t params;
    return ss_params_body(&params, text, false, malformed, error) ? params.list : NULL;
}

static json_t *member(ss_span_t text, const char **error) {
    ss_params_t params;
    return ss_params_parse(&params, text, false, error) ? params.list : NULL;
}

/* What a host would get. */
static void assert_written(ss_params_t *params, const char *expected) {
    ss_buf_t b = {0};
    assert_null(params->list);
    ss_params_write(&b, params);
    assert_string_equal(ss_buf_string(&b), expected);
    ss_buf_free(&b);
    ss_params_free(params);
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
        json_t *value = query(guarded(table[i][0], strlen(table[i][0])), &error);
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
    json_t *value = query(guarded(text, len), &error);
    assert_int_equal(json_object_size(json_array_get(value, 0)), SS_API_PAIRS_MAX);
    json_decref(value);
    len += (size_t)snprintf(text + len, sizeof text - len, "&x=1");
    assert_null(query(guarded(text, len), &error));
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
        json_t *value = query(guarded(text, len), &error);
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
        json_t *value = body(guarded(table[i].text, strlen(table[i].text)), &malformed, &error);
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
    assert_json(member((ss_span_t){NULL, 0}, &error), "[]");
    assert_json(member(guarded("[1]", 3), &error), "[1]");
    assert_json(member(guarded("{}", 2), &error), "[{}]");
    assert_null(error);
    assert_null(member(guarded("[1e999]", 7), &error));
    assert_string_equal(error, "Invalid params: real number overflow");
}

static void text_passes_byte_for_byte(void **unused) {
    static const char *const table[][2] = {
        {"[1.0, 99999999999999999999]", "[1.0, 99999999999999999999]"},
        {" \n[ ]", " \n[ ]"},
        {"{\"a\" : \"\\ud800\"}", "[{\"a\" : \"\\ud800\"}]"},
        {" 7 ", "[ 7 ]"},
        {"", "[]"},
    };
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        const char *error = NULL;
        bool malformed = true;
        ss_params_t params;
        ss_span_t text = guarded(table[i][0], strlen(table[i][0]));
        assert_true(ss_params_body(&params, text, true, &malformed, &error));
        assert_false(malformed);
        assert_written(&params, table[i][1]);
        assert_true(ss_params_parse(&params, text, true, &error));
        assert_written(&params, table[i][1]);
        assert_null(error);
    }
    ss_params_t none = {0};
    assert_written(&none, "[]");
}

static void a_query_becomes_text(void **unused) {
    const char *error = NULL;
    ss_params_t params;
    assert_true(ss_params_query(&params, guarded("a=1&b=x", 7), true, &error));
    assert_written(&params, "[{\"a\":1,\"b\":\"x\"}]");
    assert_true(ss_params_query(&params, guarded("", 0), true, &error));
    assert_written(&params, "[]");
    assert_false(ss_params_query(&params, guarded("%", 1), true, &error));
    assert_non_null(error);
}

static void text_is_json_in_utf8(void **unused) {
    static const char *const bad[] = {"[1", "]", " ", "\"\xff\"", "nul", "[1] 2"};
    const char *error = NULL;
    ss_params_t params;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        bool malformed = false;
        ss_span_t text = guarded(bad[i], strlen(bad[i]));
        assert_false(ss_params_body(&params, text, true, &malformed, &error));
        assert_true(malformed);
    }
    assert_false(ss_params_parse(&params, guarded("[\"\xff\"]", 5), true, &error));
    assert_string_equal(error, "Invalid params: they are not UTF-8");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST("a query becomes a scalar, a string or an object", queries),
        TEST("a query may hold as many names as allowed, not one more", as_many_names_as_allowed),
        TEST("random queries give a list or an error", random_queries_give_a_list_or_an_error),
        TEST("a body becomes a list", bodies),
        TEST("a params member becomes a list", members),
        TEST("text for a host passes byte for byte", text_passes_byte_for_byte),
        TEST("a query for a host becomes text", a_query_becomes_text),
        TEST("text for a host is JSON in UTF-8", text_is_json_in_utf8),
    };
    return cmocka_run_group_tests_name("sidecar/params", tests, NULL, NULL);
}
