/* SPDX-License-Identifier: MIT
 *
 * What is taken for a slip of the fingers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "nearest.h"

static void counts_letters_to_insert_remove_replace_or_swap(void **state) {
    static const struct {
        const char *a;
        const char *b;
        unsigned far;
    } cases[] = {
        {"", "", 0},
        {"", "abc", 3},
        {"port", "port", 0},
        {"port", "ports", 1},
        {"port", "ort", 1},
        {"port", "pork", 1},
        {"prot", "port", 1},
        {"htpp", "http", 1},
        {"otpr", "port", 4},
        {"sesion", "session", 1},
        {"ab", "ba", 1},
        {"abcd", "badc", 2},
        {"kitten", "sitting", 3},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(ss_nearest_distance(cases[i].a, cases[i].b), cases[i].far);
        assert_int_equal(ss_nearest_distance(cases[i].b, cases[i].a), cases[i].far);
    }
}

static void compares_words_up_to_the_limit_and_not_past_it(void **state) {
    char a[SS_NEAREST_MAX + 2];
    char b[SS_NEAREST_MAX + 2];

    (void)state;
    memset(a, 'a', sizeof(a));
    memset(b, 'b', sizeof(b));
    a[SS_NEAREST_MAX] = b[SS_NEAREST_MAX] = '\0';
    assert_int_equal(ss_nearest_distance(a, b), SS_NEAREST_MAX);
    a[SS_NEAREST_MAX] = 'a';
    a[SS_NEAREST_MAX + 1] = '\0';
    assert_int_equal(ss_nearest_distance(a, a), SS_NEAREST_FAR);
    assert_int_equal(ss_nearest_distance(a, ""), SS_NEAREST_FAR);
    assert_int_equal(ss_nearest_distance("", a), SS_NEAREST_FAR);
}

static void finds_the_nearest_that_is_near_enough(void **state) {
    ss_nearest_t nearest = ss_nearest_to("strat", 2);

    (void)state;
    assert_null(nearest.best);
    ss_nearest_offer(&nearest, "sidecar");
    assert_null(nearest.best);
    ss_nearest_offer(&nearest, "star");
    assert_string_equal(nearest.best, "star");
    ss_nearest_offer(&nearest, "start");
    assert_string_equal(nearest.best, "start");
    ss_nearest_offer(&nearest, "stray");
    assert_string_equal(nearest.best, "start");

    nearest = ss_nearest_to("abc", 0);
    ss_nearest_offer(&nearest, "abd");
    assert_null(nearest.best);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_letters_to_insert_remove_replace_or_swap),
        cmocka_unit_test(compares_words_up_to_the_limit_and_not_past_it),
        cmocka_unit_test(finds_the_nearest_that_is_near_enough),
    };

    return cmocka_run_group_tests_name("nearest", tests, NULL, NULL);
}
