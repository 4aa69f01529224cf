/* SPDX-License-Identifier: MIT
 *
 * What hosts offer: READY checked, actions that come and go, problems; and which files count as a
 * change of code.
 */
#include "test.h"

#include <string.h>

#include "bounds.h"
#include "guard.h"
#include "host_ready.h"
#include "watch.h"

struct ss_host_group { /* only its address counts here */
    int unused;
};
static struct ss_host_group group_a;
static struct ss_host_group group_b;

static void run(ss_req *req, json_t *params) {
    (void)req;
    (void)params;
}

static bool parse(const char *text, ss_host_ready_t *out, ss_buf_t *error) {
    size_t len = strlen(text);
    *out = (ss_host_ready_t){0};
    error->len = 0;
    return ss_host_ready_parse((ss_span_t){(const char *)guard_end(text, len), len}, out, error);
}

static void offer(ss_registry_t *r, struct ss_host_group *group, const char *text, bool changed) {
    ss_host_ready_t ready;
    ss_buf_t error = {0};
    assert_true(parse(text, &ready, &error));
    assert_int_equal(ss_host_ready_offer(&ready, r, group), changed);
    ss_host_ready_free(&ready);
    ss_buf_free(&error);
}

static const ss_action_entry_t *find(const ss_registry_t *r, const char *name) {
    return ss_registry_find(r, name, strlen(name));
}

static void malformed_ready_is_refused_with_a_reason(void **unused) {
    static const char *const table[][2] = {
        {"", "expected"},
        {"7", "expected"},
        {"{", "expected"},
        {"{}", "'actions' is no array"},
        {"{\"actions\":{}}", "'actions' is no array"},
        {"{\"actions\":[1]}", "without a name"},
        {"{\"actions\":[{\"name\":\"\"}]}", "no good name"},
        {"{\"actions\":[{\"name\":\".a\"}]}", "no good name"},
        {"{\"actions\":[{\"name\":\"a.\"}]}", "no good name"},
        {"{\"actions\":[{\"name\":\"a b\"}]}", "no good name"},
        {"{\"actions\":[{\"name\":\"event\"}]}", "name of the protocol"},
        {"{\"actions\":[{\"name\":\"rpc.x\"}]}", "name of the protocol"},
        {"{\"actions\":[{\"name\":\"a\",\"authenticated\":1}]}", "neither true nor false"},
        {"{\"actions\":[],\"problems\":{}}", "'problems' is no array"},
        {"{\"actions\":[],\"problems\":[{\"message\":7}]}", "without a message"},
    };
    ss_buf_t error = {0};
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        ss_host_ready_t ready;
        assert_false(parse(table[i][0], &ready, &error));
        assert_non_null(strstr(ss_buf_string(&error), table[i][1]));
    }
    ss_buf_free(&error);
}

static void actions_and_problems_are_held_to_their_number(void **unused) {
    for (int over = 0; over <= 1; over++) {
        ss_buf_t text = {0};
        ss_buf_t error = {0};
        ss_host_ready_t ready;
        ss_buf_literal(&text, "{\"actions\":[");
        for (int i = 0; i < SS_HOST_ACTIONS_MAX + over; i++) {
            ss_buf_printf(&text, "%s{\"name\":\"a%d\"}", i == 0 ? "" : ",", i);
        }
        ss_buf_literal(&text, "],\"problems\":[");
        for (int i = 0; i < SS_HOST_PROBLEMS_MAX + 1; i++) {
            ss_buf_printf(&text, "%s{\"message\":\"%d\"}", i == 0 ? "" : ",", i);
        }
        ss_buf_literal(&text, "]}");
        assert_int_equal(parse(ss_buf_string(&text), &ready, &error), !over);
        if (!over) {
            assert_int_equal(json_array_size(ready.actions), SS_HOST_ACTIONS_MAX);
            assert_int_equal(json_array_size(ready.problems), SS_HOST_PROBLEMS_MAX);
        }
        ss_host_ready_free(&ready);
        ss_buf_free(&text);
        ss_buf_free(&error);
    }
}

static void actions_come_and_go_and_keep_their_place(void **unused) {
    ss_registry_t r = {0};
    ss_registry_add(&r, "native.a", run, 0);
    offer(&r, &group_a, "{\"actions\":[{\"name\":\"x.a\"},{\"name\":\"x.b\"}]}", true);
    const ss_action_entry_t *b = find(&r, "x.b");
    uint32_t index = b->index;
    assert_ptr_equal(b->group, &group_a);
    assert_int_equal(ss_registry_told(&r), 3);

    offer(&r, &group_a, "{\"actions\":[{\"name\":\"x.a\",\"authenticated\":true}]}", true);
    assert_null(find(&r, "x.b"));
    assert_int_equal(find(&r, "x.a")->flags, SS_AUTHENTICATED);
    assert_int_equal(ss_registry_told(&r), 2);
    assert_string_equal(r.actions[index]->name, "x.b"); /* a late answer's */

    offer(&r, &group_a, "{\"actions\":[{\"name\":\"x.a\"}]}", false);
    assert_int_equal(find(&r, "x.a")->flags, 0);
    offer(&r, &group_b, "{\"actions\":[{\"name\":\"x.b\"}]}", true);
    assert_int_equal(find(&r, "x.b")->index, index);
    assert_ptr_equal(find(&r, "x.b")->group, &group_b);
    json_t *names = ss_registry_names(&r);
    assert_int_equal(json_array_size(names), 3);
    json_decref(names);
    ss_registry_finish(&r);
}

static void a_name_of_somebody_else_is_a_problem(void **unused) {
    ss_registry_t r = {0};
    ss_host_ready_t ready;
    ss_buf_t error = {0};
    ss_registry_add(&r, "native.a", run, 0);
    offer(&r, &group_b, "{\"actions\":[{\"name\":\"x.b\"}]}", true);
    assert_true(parse("{\"actions\":[{\"name\":\"native.a\"},{\"name\":\"x.b\"},{\"name\":\"y\"}]}",
                      &ready, &error));
    ss_host_ready_check(&ready, &r, &group_a);
    assert_int_equal(json_array_size(ready.problems), 2);
    ss_host_ready_offer(&ready, &r, &group_a);
    assert_null(find(&r, "native.a")->group);
    assert_ptr_equal(find(&r, "x.b")->group, &group_b);
    assert_ptr_equal(find(&r, "y")->group, &group_a);
    ss_host_ready_free(&ready);
    ss_registry_finish(&r);
    ss_buf_free(&error);
}

static void a_problem_is_written_with_its_place_and_frame(void **unused) {
    static const char *const table[][2] = {
        {"{\"message\":\"m\"}", "m\n"},
        {"{\"message\":\"m\",\"file\":\"f.js\"}", "f.js: m\n"},
        {"{\"message\":\"m\",\"file\":\"f.js\",\"line\":3}", "f.js:3: m\n"},
        {"{\"message\":\"m\",\"file\":\"f.js\",\"line\":3,\"column\":7,\"frame\":\"a\\n ^\"}",
         "f.js:3:7: m\na\n ^\n"},
        {"{\"message\":\"m\",\"file\":null,\"line\":null}", "m\n"},
    };
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        ss_buf_t b = {0};
        json_t *problem = json_loads(table[i][0], 0, NULL);
        ss_host_problem_write(&b, problem);
        assert_string_equal(ss_buf_string(&b), table[i][1]);
        json_decref(problem);
        ss_buf_free(&b);
    }
}

static void a_missing_action_has_the_problem_of_its_module(void **unused) {
    json_t *problems = json_loads(
        "[{\"message\":\"none\"},{\"message\":\"m\",\"module\":\"a.b\"},{\"module\":\"\"}]", 0,
        NULL);
    assert_ptr_equal(ss_host_problem_of(problems, "a.b.c", 5), json_array_get(problems, 1));
    assert_ptr_equal(ss_host_problem_of(problems, "a.b", 3), json_array_get(problems, 1));
    assert_null(ss_host_problem_of(problems, "a.bc", 4));
    assert_null(ss_host_problem_of(problems, "a", 1));
    assert_null(ss_host_problem_of(problems, "", 0));
    json_decref(problems);
}

static void only_code_of_hosts_counts_as_a_change(void **unused) {
    static const char *const counts[] = {"app.js", "a.coffee", "x", "a.py", "c", "a.json"};
    static const char *const others[] = {"",    ".a.js.swp", "a.js~", "#a.js#", "4913", "a.c",
                                         "a.h", "a.so",      "a.tmp", ".git",   "a.o"};
    for (size_t i = 0; i < COUNT_OF(counts); i++) {
        assert_true(ss_watch_counts(counts[i]));
    }
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        assert_false(ss_watch_counts(others[i]));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST("malformed READY is refused with a reason", malformed_ready_is_refused_with_a_reason),
        TEST("actions and problems are held to their number",
             actions_and_problems_are_held_to_their_number),
        TEST("actions come and go, and keep their place", actions_come_and_go_and_keep_their_place),
        TEST("a name of somebody else is a problem", a_name_of_somebody_else_is_a_problem),
        TEST("a problem is written with its place and frame",
             a_problem_is_written_with_its_place_and_frame),
        TEST("a missing action has the problem of its module",
             a_missing_action_has_the_problem_of_its_module),
        TEST("only code of hosts counts as a change", only_code_of_hosts_counts_as_a_change),
    };
    return cmocka_run_group_tests_name("sidecar/hosts", tests, NULL, NULL);
}
