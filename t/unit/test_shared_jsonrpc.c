/* SPDX-License-Identifier: MIT
 *
 * ss_jsonrpc and ss_errors: what a message says, what is refused, what is answered.
 *
 * What the scan says of a message is written down as text: for each call `id`, `method`, `params`
 * as they stand, - where absent, then the flags: valid, notification, response, escaped,
 * silent.
 */
#include "test.h"

#include <jansson.h>

#include "guard.h"

#include "ss_errors.h"
#include "ss_jsonrpc.h"

#define SUMMARY_MAX 8192

static size_t add_span(char *out, ss_span_t span) {
    if (span.ptr == NULL) {
        assert_int_equal(span.len, 0);
        return (size_t)sprintf(out, "- ");
    }
    return (size_t)sprintf(out, "%.*s ", (int)span.len, span.ptr);
}

static void check_span(const char *text, size_t len, ss_span_t span) {
    if (span.ptr != NULL) {
        assert_true(span.ptr >= text && span.ptr + span.len <= text + len);
    }
}

static const char *summary(const char *text, size_t len) {
    static const char *const kinds[] = {"single", "batch", "malformed", "refused"};
    static char out[SUMMARY_MAX];
    const char *copy = (const char *)guard_end(text, len);
    ss_rpc_scan_t scan;
    ss_rpc_call_t call;
    ss_rpc_kind_t kind = ss_rpc_open(&scan, copy, len);
    size_t n = (size_t)sprintf(out, "%s", kinds[kind]);
    unsigned count = 0;

    while (ss_rpc_next(&scan, &call)) {
        check_span(copy, len, call.id);
        check_span(copy, len, call.method);
        check_span(copy, len, call.params);
        n += (size_t)sprintf(out + n, " | ");
        n += add_span(out + n, call.id);
        n += add_span(out + n, call.method);
        n += add_span(out + n, call.params);
        n += (size_t)sprintf(out + n, "%s%s%s%s%s", call.valid ? "v" : "",
                             call.notification ? "n" : "", call.response ? "r" : "",
                             call.method_escaped ? "e" : "", call.silent ? "s" : "");
        assert_true(n < sizeof out / 2);
        count++;
    }
    assert_int_equal(count, scan.count);
    assert_int_equal(scan.batch, kind == SS_RPC_BATCH);
    assert_false(ss_rpc_next(&scan, &call)); /* and it stays so */
    return out;
}

static void check(const char *text, const char *expected) {
    assert_string_equal(summary(text, strlen(text)), expected);
}

#define V "\"jsonrpc\":\"2.0\","

static void reads_requests(void **unused) {
    check("{" V "\"id\":1,\"method\":\"app.square\",\"params\":[25]}",
          "single | 1 app.square [25] v");
    check("{\"params\":{\"a\":1},\"method\":\"m\",\"id\":\"x\",\"jsonrpc\":\"2.0\"}",
          "single | \"x\" m {\"a\":1} v");
    check("{" V "\"id\":7,\"method\":\"m\"}", "single | 7 m - v");
    check("{" V "\"id\":-1.5e3,\"method\":\"m\",\"params\":[]}", "single | -1.5e3 m [] v");
    check("{" V "\"id\":\"\",\"method\":\"m\",\"params\":{}}", "single | \"\" m {} v");
    check("{" V "\"id\":\"a\\\"]}\\\\\",\"method\":\"m\"}", "single | \"a\\\"]}\\\\\" m - v");
    check(" \t{ \"jsonrpc\" : \"2.0\" ,\n\"id\" : 1 , \"method\" : \"m\" , \"params\" : [ 1 , 2 ] "
          "}\r\n",
          "single | 1 m [ 1 , 2 ] v");
}

static void gives_an_id_of_null_back(void **unused) {
    check("{" V "\"id\":null,\"method\":\"m\"}", "single | null m - v");
}

static void knows_notifications(void **unused) {
    check("{" V "\"method\":\"m\"}", "single | - m - vn");
    check("{" V "\"method\":\"m\",\"params\":[1]}", "single | - m [1] vn");
}

static void knows_replies(void **unused) {
    check("{" V "\"id\":1,\"result\":null}", "single | 1 - - r");
    check("{" V "\"id\":1,\"error\":{\"code\":1}}", "single | 1 - - r");
    check("{\"result\":5}", "single | - - - r");
    check("{" V "\"id\":1,\"method\":\"m\",\"result\":5}", "single | 1 m - v");
    check("{" V "\"id\":1,\"method\":5,\"result\":5}", "single | 1 - - ");
}

static void ignores_members_it_does_not_know(void **unused) {
    check("{\"a\":{\"id\":9,\"method\":[\"}\"]}," V
          "\"id\":1,\"ids\":2,\"method\":\"m\",\"Method\":3,"
          "\"x\":\"\\\"\",\"params\":[{\"id\":3}],\"error_\":[],\"\":0}",
          "single | 1 m [{\"id\":3}] v");
}

static void takes_the_last_of_repeated_members(void **unused) {
    check("{" V
          "\"id\":1,\"id\":2,\"method\":\"a\",\"method\":\"b\",\"params\":[1],\"params\":[2]}",
          "single | 2 b [2] v");
    check("{" V "\"id\":1,\"method\":\"a\",\"id\":{}}", "single | - a - ");
    check("{" V "\"id\":{},\"method\":\"a\",\"id\":1}", "single | 1 a - v");
    check("{" V "\"method\":\"a\",\"jsonrpc\":\"1.0\"}", "single | - a - ");
    check("{\"jsonrpc\":1," V "\"method\":\"a\"}", "single | - a - vn");
}

static void reads_escaped_names(void **unused) {
    check("{\"\\u006asonrpc\":\"2\\u002e0\",\"\\u0069\\u0064\":1,\"m\\u0065thod\":\"m\","
          "\"\\u0070\\u0061\\u0072\\u0061\\u006d\\u0073\":[1]}",
          "single | 1 m [1] v");
    check("{\"\\u006a\\u0073\\u006f\\u006e\\u0072\\u0070\\u0063\":\"\\u0032\\u002E\\u0030\","
          "\"method\":\"m\"}",
          "single | - m - vn");
    check("{" V "\"method\":\"m\",\"i\\td\":1,\"\\u0069\":2}", "single | - m - vn");
    check("{" V "\"method\":\"a\\u002eb\"}", "single | - a\\u002eb - vne");
}

static void a_call_is_silent_by_true_alone(void **unused) {
    check("{" V "\"id\":1,\"method\":\"m\",\"silent\":true}", "single | 1 m - vs");
    check("{\"silent\" : true ," V "\"method\":\"m\"}", "single | - m - vns");
    check("{" V "\"method\":\"m\",\"\\u0073ilent\":true}", "single | - m - vns");
    check("{" V "\"method\":\"m\",\"silent\":true,\"silent\":false}", "single | - m - vn");
    static const char *const others[] = {"false",    "null",   "1",
                                         "\"true\"", "[true]", "{\"true\":1}"};
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        char text[128];
        snprintf(text, sizeof text, "{" V "\"method\":\"m\",\"silent\":%s}", others[i]);
        check(text, "single | - m - vn");
    }
    check("{" V "\"method\":\"m\",\"params\":{\"silent\":true}}",
          "single | - m {\"silent\":true} vn");
}

static void calls_invalid_what_is_no_call(void **unused) {
    check("{}", "single | - - - ");
    check("{\"id\":1,\"method\":\"m\"}", "single | 1 m - ");
    check("{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"m\"}", "single | 1 m - ");
    check("{\"jsonrpc\":\"2.00\",\"id\":1,\"method\":\"m\"}", "single | 1 m - ");
    check("{\"jsonrpc\":2.0,\"id\":1,\"method\":\"m\"}", "single | 1 m - ");
    check("{\"jsonrpc\":\"\",\"id\":1,\"method\":\"m\"}", "single | 1 m - ");
    check("{\"jsonrpc\":[\"2.0\"],\"id\":1,\"method\":\"m\"}", "single | 1 m - ");
    check("{" V "\"id\":1}", "single | 1 - - ");
    check("{" V "\"id\":1,\"method\":\"\"}", "single | 1 - - ");
    check("{" V "\"id\":1,\"method\":1}", "single | 1 - - ");
    check("{" V "\"id\":1,\"method\":null}", "single | 1 - - ");
    check("{" V "\"id\":1,\"method\":[\"m\"]}", "single | 1 - - ");
    check("{" V "\"id\":1,\"method\":\"m\",\"params\":null}", "single | 1 m - ");
    check("{" V "\"id\":1,\"method\":\"m\",\"params\":1}", "single | 1 m - ");
    check("{" V "\"id\":1,\"method\":\"m\",\"params\":\"[1]\"}", "single | 1 m - ");
    check("{" V "\"id\":true,\"method\":\"m\"}", "single | - m - ");
    check("{" V "\"id\":false,\"method\":\"m\"}", "single | - m - ");
    check("{" V "\"id\":[1],\"method\":\"m\"}", "single | - m - ");
    check("{" V "\"id\":{},\"method\":\"m\"}", "single | - m - ");
}

/* {"jsonrpc":"2.0","id":"aaa…","method":"bbb…"} with strings of these lengths */
static size_t write_long(char *out, int id_len, int method_len) {
    return (size_t)sprintf(out, "{" V "\"id\":\"%0*d\",\"method\":\"%0*d\"}", id_len, 0, method_len,
                           0);
}

static void holds_ids_and_methods_to_their_limits(void **unused) {
    char text[1024];
    ss_rpc_scan_t scan;
    ss_rpc_call_t call;
    for (int over = 0; over <= 1; over++) {
        size_t len = write_long(text, SS_RPC_ID_MAX - 2 + over, 1);
        assert_int_equal(ss_rpc_open(&scan, text, len), SS_RPC_SINGLE);
        assert_true(ss_rpc_next(&scan, &call));
        assert_int_equal(call.valid, !over);
        assert_int_equal(call.id.len, over ? 0 : SS_RPC_ID_MAX);
        assert_int_equal(call.id.ptr == NULL, over);

        len = write_long(text, 1, SS_RPC_METHOD_MAX + over);
        assert_int_equal(ss_rpc_open(&scan, text, len), SS_RPC_SINGLE);
        assert_true(ss_rpc_next(&scan, &call));
        assert_int_equal(call.valid, !over);
        assert_int_equal(call.method.len, over ? 0 : SS_RPC_METHOD_MAX);
    }
}

static void reads_batches(void **unused) {
    check("[{" V "\"id\":1,\"method\":\"a\"},{" V "\"method\":\"b\"} , {" V
          "\"id\":3,\"method\":\"c\",\"params\":[[1],{}]}]",
          "batch | 1 a - v | - b - vn | 3 c [[1],{}] v");
    check(" [ {} ] ", "batch | - - - ");
    check("[1,\"a,]\",[2,[3]],null,true,-5e1 ,{\"id\":4}]",
          "batch | - - -  | - - -  | - - -  | - - -  | - - -  | - - -  | 4 - - ");
}

static void refuses_batches_that_are_empty_or_too_long(void **unused) {
    char text[8 * SS_RPC_BATCH_MAX];
    check("[]", "refused");
    check(" [ ] ", "refused");
    for (unsigned n = SS_RPC_BATCH_MAX; n <= SS_RPC_BATCH_MAX + 1; n++) {
        size_t len = 0;
        for (unsigned i = 0; i < n; i++) {
            len += (size_t)sprintf(text + len, "%s{}", i == 0 ? "[" : ",");
        }
        text[len++] = ']';
        ss_rpc_scan_t scan;
        ss_rpc_kind_t kind = ss_rpc_open(&scan, text, len);
        assert_int_equal(kind, n > SS_RPC_BATCH_MAX ? SS_RPC_REFUSED : SS_RPC_BATCH);
        assert_int_equal(scan.count, n > SS_RPC_BATCH_MAX ? 0 : n);
        text[len - 1] = ','; /* malformed comes before too long */
        assert_int_equal(ss_rpc_open(&scan, text, len), SS_RPC_MALFORMED);
    }
}

static void refuses_json_that_is_neither_object_nor_array(void **unused) {
    static const char *const scalars[] = {"1", "\"a\"", "null", "true", " -1 "};
    for (size_t i = 0; i < COUNT_OF(scalars); i++) {
        check(scalars[i], "refused");
    }
}

static void calls_malformed_what_is_not_json(void **unused) {
    static const char *const texts[] = {
        "",      " ",           "{",           "[",     "{\"a\":1",       "[{}",     "[{},]",
        "[,{}]", "{}{}",        "{} x",        "[]]",   "[{}{}]",         "{\"a\"}", "hello",
        "[1,2",  "{\"id\":01}", "{\"id\":1,}", "[{}]]", "\xEF\xBB\xBF{}",
    };
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        check(texts[i], "malformed");
    }
    ss_rpc_scan_t scan;
    ss_rpc_call_t call;
    assert_int_equal(ss_rpc_open(&scan, NULL, 0), SS_RPC_MALFORMED);
    assert_false(ss_rpc_next(&scan, &call));
}

static void calls_every_truncation_malformed(void **unused) {
    static const char *const texts[] = {
        "{" V "\"id\":\"a\\u0041\",\"method\":\"app.square\",\"params\":[25,{\"a\":-1.5e+3}]}",
        "[{" V "\"id\":1,\"method\":\"a\"},{" V "\"method\":\"b\",\"params\":{\"x\":[true,null]}}]",
    };
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        for (size_t n = 0; n < strlen(texts[i]); n++) {
            assert_string_equal(summary(texts[i], n), "malformed");
        }
    }
}

static void nests_to_the_limit_in_batches_too(void **unused) {
    char text[2 * SS_JSON_DEPTH_MAX + 8];
    for (unsigned depth = SS_JSON_DEPTH_MAX; depth <= SS_JSON_DEPTH_MAX + 1; depth++) {
        ss_rpc_kind_t expected = depth > SS_JSON_DEPTH_MAX ? SS_RPC_MALFORMED : SS_RPC_BATCH;
        ss_rpc_scan_t scan;
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        assert_int_equal(ss_rpc_open(&scan, text, 2 * depth), expected);
        size_t len = (size_t)sprintf(text, "{\"\":");
        memset(text + len, '[', depth - 1);
        memset(text + len + depth - 1, ']', depth - 1);
        len += 2 * (depth - 1);
        text[len++] = '}';
        expected = depth > SS_JSON_DEPTH_MAX ? SS_RPC_MALFORMED : SS_RPC_SINGLE;
        assert_int_equal(ss_rpc_open(&scan, text, len), expected);
    }
}

static void check_error(ss_span_t id, int code, const char *expected) {
    size_t needed = strlen(expected);
    for (size_t cap = 0; cap <= needed + 1; cap++) {
        char out[512];
        memset(out, '#', sizeof out);
        assert_int_equal(ss_rpc_write_error(out, cap, id, code), needed);
        assert_memory_equal(out, expected, cap < needed ? cap : needed);
        assert_int_equal(out[cap < needed ? cap : needed], '#');
    }
    assert_int_equal(ss_rpc_write_error(NULL, 0, id, code), needed);
}

static void writes_errors(void **unused) {
    check_error((ss_span_t){NULL, 0}, SS_RPC_PARSE,
                "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32700,\"message\":\"Parse "
                "error\"}}");
    check_error((ss_span_t){"\"a\"", 3}, SS_RPC_UNAVAILABLE,
                "{\"jsonrpc\":\"2.0\",\"id\":\"a\",\"error\":{\"code\":-32003,\"message\":"
                "\"Unavailable\",\"data\":{\"retryable\":true}}}");
    check_error((ss_span_t){"17", 2}, 0,
                "{\"jsonrpc\":\"2.0\",\"id\":17,\"error\":{\"code\":0,\"message\":\"Application "
                "error\"}}");
    check_error((ss_span_t){"17", 2}, -2147483647 - 1,
                "{\"jsonrpc\":\"2.0\",\"id\":17,\"error\":{\"code\":-2147483648,\"message\":"
                "\"Application error\"}}");
}

static void says_when_a_limited_call_would_pass(void **unused) {
    static const char expected[] =
        "{\"jsonrpc\":\"2.0\",\"id\":7,\"error\":{\"code\":-32002,\"message\":\"Rate "
        "limited\",\"data\":{\"retryable\":true,\"retry_after_ms\":4294967295}}}";
    char out[512];
    size_t len = ss_rpc_write_limited(out, sizeof out, (ss_span_t){"7", 1}, UINT32_MAX);
    assert_int_equal(len, sizeof expected - 1);
    assert_memory_equal(out, expected, len);
    assert_int_equal(ss_rpc_write_limited(NULL, 0, (ss_span_t){"7", 1}, UINT32_MAX), len);
}

static const int codes[] = {
#define X(code, name, message, status, retryable) (code),
    SS_RPC_ERRORS(X)
#undef X
};

static void knows_every_error_of_the_table(void **unused) {
    for (size_t i = 0; i < COUNT_OF(codes); i++) {
        const ss_rpc_error_t *error = ss_rpc_error(codes[i]);
        assert_int_equal(error->code, codes[i]);
        assert_in_range(error->http_status, 400, 599);
        for (size_t k = 0; k < i; k++) {
            assert_int_not_equal(codes[i], codes[k]);
        }

        char out[512];
        size_t len = ss_rpc_write_error(out, sizeof out, (ss_span_t){NULL, 0}, codes[i]);
        json_t *value = json_loadb(out, len, 0, NULL);
        json_t *body = json_object_get(value, "error");
        assert_int_equal(json_integer_value(json_object_get(body, "code")), codes[i]);
        assert_string_equal(json_string_value(json_object_get(body, "message")), error->message);
        json_t *retryable = json_object_get(json_object_get(body, "data"), "retryable");
        assert_int_equal(json_is_true(retryable), error->retryable);
        json_decref(value);
    }
    assert_int_equal(ss_rpc_error(-32700)->http_status, 400);
    assert_int_equal(ss_rpc_error(-32003)->http_status, 503);
    assert_true(ss_rpc_error(-32003)->retryable);
    assert_false(ss_rpc_error(-32004)->retryable);
}

static void takes_foreign_codes_for_application_errors(void **unused) {
    static const int foreign[] = {0, 1, -1, -32699, -32768, -32007, 2147483647};
    for (size_t i = 0; i < COUNT_OF(foreign); i++) {
        assert_ptr_equal(ss_rpc_error(foreign[i]), ss_rpc_error(SS_RPC_APPLICATION));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST("reads requests", reads_requests),
        TEST("gives an id of null back", gives_an_id_of_null_back),
        TEST("knows notifications", knows_notifications),
        TEST("knows replies", knows_replies),
        TEST("ignores members it does not know", ignores_members_it_does_not_know),
        TEST("takes the last of repeated members", takes_the_last_of_repeated_members),
        TEST("reads escaped names", reads_escaped_names),
        TEST("a call is silent by true alone", a_call_is_silent_by_true_alone),
        TEST("calls invalid what is no call", calls_invalid_what_is_no_call),
        TEST("holds ids and methods to their limits", holds_ids_and_methods_to_their_limits),
        TEST("reads batches", reads_batches),
        TEST("refuses batches that are empty or too long",
             refuses_batches_that_are_empty_or_too_long),
        TEST("refuses JSON that is neither object nor array",
             refuses_json_that_is_neither_object_nor_array),
        TEST("calls malformed what is not JSON", calls_malformed_what_is_not_json),
        TEST("calls every truncation malformed", calls_every_truncation_malformed),
        TEST("nests to the limit in batches too", nests_to_the_limit_in_batches_too),
        TEST("writes errors, and counts what did not fit", writes_errors),
        TEST("says when a limited call would pass", says_when_a_limited_call_would_pass),
        TEST("knows every error of the table", knows_every_error_of_the_table),
        TEST("takes foreign codes for application errors",
             takes_foreign_codes_for_application_errors),
    };
    return cmocka_run_group_tests_name("shared/ss_jsonrpc", tests, NULL, NULL);
}
