/* SPDX-License-Identifier: MIT
 *
 * Lines and columns of keys in JSON texts, whole and cut off anywhere.
 */
#include "test.h"

#include <string.h>

#include "config_place.h"
#include "guard.h"

static void tells_line_and_column_of_a_key(void **unused) {
    static const struct {
        const char *text;
        const char *path;
        int line; /* 0: not found */
        int column;
    } table[] = {
        {"{\"a\":1}", "a", 1, 2},
        {"{\n  \"a\": {\n    \"b\": 1\n  }\n}", "a.b", 3, 5},
        {"{\"b\":1,\"a\":{\"c\":{\"b\":0},\"b\":1}}", "a.b", 1, 25},
        {"{\"x\":{\"a\":1},\"a\":2}", "a", 1, 14},
        {"{\"x\":\"a\", \"a\":2}", "a", 1, 11},
        {"{\"x\":\"\\\"a\\\":{\", \"a\":2}", "a", 1, 17},
        {"{\"x\":[{\"a\":1},[\"a\"]], \"a\" : 2}", "a", 1, 23},
        {"{\"\xc3\xb6\":\"\xe2\x82\xac\", \"a\":2}", "a", 1, 11},
        {"{\"a\":[{\"b\":1}],\"c\":1}", "a.b", 0, 0},
        {"{\"a\":{},\"b\":1}", "a.b", 0, 0},
        {"{\"a\":1,\"c\":{\"b\":2}}", "a.b", 0, 0},
        {"{\"a\": [1] ,\"c\":{\"b\":2}}", "a.b", 0, 0},
        {"{\"a\" : \n {\"b\":2}}", "a.b", 2, 3},
        {"{\"ab\":1}", "a", 0, 0},
        {"{\"a\":1}", "ab", 0, 0},
        {"{}", "a", 0, 0},
        {"", "a", 0, 0},
    };
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        ss_config_place_t place = {0};
        size_t len = strlen(table[i].text);
        const char *text = (const char *)guard_end(table[i].text, len);
        assert_int_equal(ss_config_place_find(text, len, table[i].path, &place),
                         table[i].line != 0);
        assert_int_equal(place.line, table[i].line);
        assert_int_equal(place.column, table[i].column);
    }
}

/* It is there, or not yet; never is a byte behind the end read. */
static void a_text_that_is_cut_off_is_read_to_its_end(void **unused) {
    static const char text[] = "{\"x\\\"\": [1, \"\\\\\"], \"a\": {\"b\": true, \"c\": {}}}";
    for (size_t len = 0; len < sizeof text; len++) {
        ss_config_place_t place;
        bool found = ss_config_place_find((const char *)guard_end(text, len), len, "a.c", &place);
        assert_int_equal(found, len >= (size_t)(strstr(text, "\"c\":") + 4 - text));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST("tells line and column of a key", tells_line_and_column_of_a_key),
        TEST("a text that is cut off is read to its end",
             a_text_that_is_cut_off_is_read_to_its_end),
    };
    return cmocka_run_group_tests_name("config place", tests, NULL, NULL);
}
