/* SPDX-License-Identifier: MIT
 *
 * The flat table of actions: names are bytes, and nothing but themselves.
 */
#include "test.h"

#include <stdio.h>
#include <string.h>

#include "guard.h"
#include "random.h"
#include "registry.h"

static void run_a(ss_req *req, json_t *params) {
    (void)req;
    (void)params;
}

static void run_b(ss_req *req, json_t *params) {
    (void)params;
    (void)req;
}

static void finds_what_was_added(void **unused) {
    ss_registry_t r = {0};
    assert_null(ss_registry_find(&r, "a", 1)); /* empty */
    assert_true(ss_registry_add(&r, "app.square", run_a, 0));
    assert_true(ss_registry_add(&r, "app.cube", run_b, 0));
    const ss_action_entry_t *square = ss_registry_find(&r, "app.square", 10);
    assert_non_null(square);
    assert_ptr_equal(square->run, run_a);
    assert_string_equal(square->name, "app.square");
    assert_ptr_equal(ss_registry_find(&r, "app.cube", 8)->run, run_b);
    ss_registry_finish(&r);
}

static void a_name_is_taken_once(void **unused) {
    ss_registry_t r = {0};
    assert_true(ss_registry_add(&r, "a", run_a, 0));
    assert_false(ss_registry_add(&r, "a", run_b, 0));
    assert_ptr_equal(ss_registry_find(&r, "a", 1)->run, run_a);
    assert_int_equal(r.count, 1);
    ss_registry_finish(&r);
}

static void only_the_very_bytes_match(void **unused) {
    static const struct {
        const char *name;
        size_t len;
    } misses[] = {
        {"", 0},
        {"app", 3},
        {"app.", 4},
        {"app.squar", 9},
        {"app.square", 9},
        {"app.square\0", 11},
        {"app\0square", 10},
        {"App.square", 10},
        {"app.squarE", 10},
        {"\0", 1},
        {"app.square ", 11},
        {"pp.square", 9},
    };
    ss_registry_t r = {0};
    ss_registry_add(&r, "app.square", run_a, 0);
    for (size_t i = 0; i < COUNT_OF(misses); i++) {
        const char *name = (const char *)guard_end(misses[i].name, misses[i].len);
        assert_null(ss_registry_find(&r, name, misses[i].len));
    }
    ss_registry_finish(&r);
}

static void thousands_are_found_and_their_neighbours_missed(void **unused) {
    ss_registry_t r = {0};
    char name[64];
    for (int i = 0; i < 5000; i++) {
        snprintf(name, sizeof name, "module%d.action%d", i % 70, i);
        assert_true(ss_registry_add(&r, name, run_a, 0));
    }
    assert_true(r.slots >= 2 * r.count);
    for (int i = 0; i < 5000; i++) {
        snprintf(name, sizeof name, "module%d.action%d", i % 70, i);
        const ss_action_entry_t *found = ss_registry_find(&r, name, strlen(name));
        assert_non_null(found);
        assert_int_equal(found->index, i);
        snprintf(name, sizeof name, "module%d.action%d", (i + 1) % 70, i);
        assert_null(ss_registry_find(&r, name, strlen(name)));
    }
    ss_registry_finish(&r);
}

static void random_bytes_are_misses(void **unused) {
    ss_registry_t r = {0};
    random_t random = {7};
    uint8_t name[300];
    ss_registry_add(&r, "app.square", run_a, 0);
    for (int round = 0; round < 100000; round++) {
        size_t len = random_below(&random, sizeof name);
        for (size_t i = 0; i < len; i += 8) {
            uint64_t piece = random_next(&random);
            memcpy(name + i, &piece, len - i < 8 ? len - i : 8);
        }
        assert_null(ss_registry_find(&r, (const char *)name, len));
    }
    ss_registry_finish(&r);
}

static void lists_names_sorted(void **unused) {
    ss_registry_t r = {0};
    json_t *none = ss_registry_names(&r);
    assert_int_equal(json_array_size(none), 0);
    json_decref(none);
    ss_registry_add(&r, "b", run_a, 0);
    ss_registry_add(&r, "a.z", run_a, 0);
    ss_registry_add(&r, "a", run_a, 0);
    json_t *names = ss_registry_names(&r);
    assert_int_equal(json_array_size(names), 3);
    assert_string_equal(json_string_value(json_array_get(names, 0)), "a");
    assert_string_equal(json_string_value(json_array_get(names, 1)), "a.z");
    assert_string_equal(json_string_value(json_array_get(names, 2)), "b");
    json_decref(names);
    ss_registry_finish(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST("finds what was added", finds_what_was_added),
        TEST("a name is taken once", a_name_is_taken_once),
        TEST("only the very bytes match", only_the_very_bytes_match),
        TEST("thousands are found, and their neighbours missed",
             thousands_are_found_and_their_neighbours_missed),
        TEST("random bytes are misses", random_bytes_are_misses),
        TEST("lists the names sorted", lists_names_sorted),
    };
    return cmocka_run_group_tests_name("sidecar/registry", tests, NULL, NULL);
}
