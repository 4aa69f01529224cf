/* SPDX-License-Identifier: MIT
 *
 * The flat table of actions: names are bytes, and nothing but themselves.
 */
#include "test.h"

#include <stdio.h>
#include <string.h>

#include "guard.h"
#include "missing.h"
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

/* --- names that are missing ------------------------------------------------------------------- */

static void what_is_missing_is_told_as_the_seed_did(void **unused) {
    static const char *const table[][2] = {
        {"nothing.here", "Unable to find the /app/server/nothing module. Does the file exist?"},
        {"square", "Unable to find the /app/server/square module. Does the file exist?"},
        {"app", "Unable to find the /app/server/app module. Does the file exist?"},
        {"app.users.now", "Unable to find the /app/server/app/users module. Does the file exist?"},
        {"system.x", "Unable to find the /app/server/system module. Does the file exist?"},
        {"app.squar", "Unable to find the 'squar' action in /app/server/app. "
                      "Action names are case sensitive"},
        {"app.Square", "Unable to find the 'Square' action in /app/server/app. "
                       "Action names are case sensitive"},
        {"app.",
         "Unable to find the '' action in /app/server/app. Action names are case sensitive"},
        {"users.online.tomorrow",
         "Unable to find the 'tomorrow' action in /app/server/users/online. "
         "Action names are case sensitive"},
        {"app.session", "Unable to call the 'session' action as this is a reserved word"},
        {"nothing.user", "Unable to call the 'user' action as this is a reserved word"},
        {"user", "Unable to call the 'user' action as this is a reserved word"},
        {"app.users", "Unable to find the 'users' action in /app/server/app. "
                      "Action names are case sensitive"},
        {".", "Unable to find the /app/server/ module. Does the file exist?"},
        {"", "Unable to find the /app/server/ module. Does the file exist?"},
        {"a\nb\x7f.c", "Unable to find the /app/server/a?b? module. Does the file exist?"},
    };
    char text[SS_MISSING_MAX];
    ss_registry_t r = {0};
    ss_registry_add(&r, "app.square", run_a, 0);
    ss_registry_add(&r, "users.online.now", run_a, 0);
    ss_registry_add(&r, "system.health", run_a, 0)->hidden = true;
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        const char *name = table[i][0];
        assert_string_equal(ss_missing_action(&r, name, strlen(name), text), table[i][1]);
    }
    ss_registry_finish(&r);
}

static void a_long_missing_name_is_cut(void **unused) {
    char name[1000];
    char text[SS_MISSING_MAX];
    ss_registry_t r = {0};
    memset(name, 'x', sizeof name);
    name[400] = '.';
    assert_true(strlen(ss_missing_action(&r, name, sizeof name, text)) < 200);
    assert_non_null(strstr(text, "xxx module. Does the file exist?"));
    ss_registry_add(&r, "a.b", run_a, 0);
    name[0] = 'a';
    name[1] = '.';
    name[400] = 'x';
    assert_true(strlen(ss_missing_action(&r, name, sizeof name, text)) < 250);
    assert_non_null(strstr(text, "xxx' action in /app/server/a."));
    assert_non_null(strstr(ss_missing_action(&r, "a\0b.c", 5, text), "/app/server/a?b module"));
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
        TEST("what is missing is told as the seed did", what_is_missing_is_told_as_the_seed_did),
        TEST("a long missing name is cut", a_long_missing_name_is_cut),
    };
    return cmocka_run_group_tests_name("sidecar/registry", tests, NULL, NULL);
}
