/* SPDX-License-Identifier: MIT
 *
 * The child that evaluates configuration, played by a shell: what it may answer, what it gets, and
 * how long it may take.  Real files with a real Node are in t/sidecar/config.test.mjs.
 */
#include "test.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config_eval.h"

static char dir[] = "/tmp/ss-eval-XXXXXX";

static void path_of(char out[64], const char *name) { snprintf(out, 64, "%s/%s", dir, name); }

static int make_share(void **state) {
    char path[64];
    if (mkdtemp(dir) == NULL) {
        return -1;
    }
    path_of(path, "host");
    setenv("SS_SHARE_DIR", dir, 1);
    return mkdir(path, 0755);
}

static int remove_share(void **state) {
    char path[64];
    path_of(path, "host/config.mjs");
    unlink(path);
    path_of(path, "host");
    rmdir(path);
    return rmdir(dir);
}

/* Evaluates two files by a shell that runs `script`. */
static json_t *eval(const char *script, unsigned limit_ms, ss_buf_t *error) {
    char path[64];
    path_of(path, "host/config.mjs");
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    fputs(script, file);
    fclose(file);
    error->len = 0;
    const ss_config_eval_t what = {.node = "sh",
                                   .app_dir = dir,
                                   .env = "staging",
                                   .files = {"config/app.js", "config/environments/staging.ts"},
                                   .n = 2,
                                   .limit_ms = limit_ms};
    return ss_config_eval(&what, error);
}

static void expect_error(const char *script, unsigned limit_ms, const char *expected) {
    ss_buf_t error = {0};
    assert_null(eval(script, limit_ms, &error));
    assert_string_equal(ss_buf_string(&error), expected);
    ss_buf_free(&error);
}

#define BOTH "config/app.js, config/environments/staging.ts: "
#define LONG 60000

static void gives_the_values_in_order(void **unused) {
    ss_buf_t error = {0};
    json_t *values = eval("echo '{\"values\":[{\"a\":1},7]}' >&3", LONG, &error);
    json_t *expected = json_pack("[{s:i}, i]", "a", 1, 7);
    assert_true(json_equal(values, expected));
    assert_int_equal(error.len, 0);
    json_decref(values);
    json_decref(expected);
}

static void the_child_is_told_application_environment_and_files(void **unused) {
    ss_buf_t error = {0};
    json_t *values =
        eval("printf '{\"values\":[\"%s %s\",\"%s %s\"]}' \"$1\" \"$2\" \"$3\" \"$4\" >&3", LONG,
             &error);
    char first[64];
    snprintf(first, sizeof first, "%s staging", dir);
    assert_string_equal(json_string_value(json_array_get(values, 0)), first);
    assert_string_equal(json_string_value(json_array_get(values, 1)),
                        "config/app.js config/environments/staging.ts");
    json_decref(values);
}

static void the_child_inherits_no_file_of_ours(void **unused) {
    ss_buf_t error = {0};
    int low = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int high = fcntl(low, F_DUPFD, 100); /* without FD_CLOEXEC */
    assert_int_equal(high, 100);
    json_t *values = eval("n=0; [ -e /proc/$$/fd/100 ] && n=1\n"
                          "echo \"{\\\"values\\\":[\\\"$(readlink /proc/$$/fd/0)\\\",$n]}\" >&3",
                          LONG, &error);
    assert_string_equal(json_string_value(json_array_get(values, 0)), "/dev/null");
    assert_int_equal(json_integer_value(json_array_get(values, 1)), 0);
    json_decref(values);
    close(low);
    close(high);
}

static void an_error_is_told_with_its_place_and_what_was_printed(void **unused) {
    expect_error("echo out; echo err >&2\n"
                 "echo '{\"error\":{\"file\":\"config/app.js\",\"line\":3,\"column\":7,"
                 "\"message\":\"no\",\"frame\":\"> 3 | x\"}}' >&3",
                 LONG, "config/app.js:3:7: no\n> 3 | x\nout\nerr");
    expect_error("echo '{\"error\":{\"file\":\"a.js\",\"message\":\"no\"}}' >&3", LONG, "a.js: no");
    expect_error("echo '{\"error\":{}}' >&3", LONG, "configuration: cannot be evaluated");
}

static void an_end_without_an_answer_is_told(void **unused) {
    expect_error("echo oops >&2; exit 3", LONG,
                 BOTH "Node ended with status 3 before it was evaluated\noops");
    expect_error("exit 0", LONG, BOTH "Node ended with status 0 before it was evaluated");
    expect_error("kill -SEGV $$", LONG, BOTH "Node was ended by signal 11");
    expect_error("echo '{\"values\":[1]}' >&3", LONG,
                 BOTH "Node ended with status 0 before it was evaluated");
    expect_error("echo '{\"values\":[1,' >&3", LONG,
                 BOTH "Node ended with status 0 before it was evaluated");
}

static void one_that_does_not_end_is_killed(void **unused) {
    expect_error("echo waiting; exec sleep 1000", 200,
                 BOTH "not done within 200 ms; Node was killed\nwaiting");
    /* also when it has answered, and has closed all it had */
    expect_error("echo '{\"values\":[1,2]}' >&3; exec sleep 1000 >&- 2>&- 3>&-", 200,
                 BOTH "not done within 200 ms; Node was killed");
}

static void what_it_has_started_is_not_waited_for(void **unused) {
    ss_buf_t error = {0};
    json_t *values = eval("sleep 1000 3>&- & echo $! >\"$1/pid\"\n"
                          "echo '{\"values\":[1,2]}' >&3",
                          LONG, &error);
    assert_int_equal(json_array_size(values), 2);
    json_decref(values);
    char path[64];
    int pid = 0;
    path_of(path, "pid");
    FILE *file = fopen(path, "re");
    assert_int_equal(fscanf(file, "%d", &pid), 1);
    fclose(file);
    unlink(path);
    kill(pid, SIGKILL);
}

static void output_and_answer_are_bounded(void **unused) {
    ss_buf_t error = {0};
    assert_null(eval("head -c 10000000 /dev/zero | tr '\\0' x; exit 1", LONG, &error));
    assert_true(error.len < SS_CONFIG_EVAL_OUTPUT + 200);
    assert_null(eval("head -c 5000000 /dev/zero | tr '\\0' ' ' >&3; echo '{\"values\":[1,2]}' >&3",
                     LONG, &error));
    assert_non_null(strstr(ss_buf_string(&error), "more than 4194304 bytes"));
    json_t *values = eval("head -c 4194280 /dev/zero | tr '\\0' ' ' >&3;"
                          "echo '{\"values\":[1,2]}' >&3",
                          LONG, &error);
    assert_int_equal(json_array_size(values), 2);
    json_decref(values);
    ss_buf_free(&error);
}

static void a_missing_node_is_told_with_the_remedy(void **unused) {
    ss_buf_t error = {0};
    const ss_config_eval_t what = {.node = "no-such-node",
                                   .app_dir = dir,
                                   .env = "x",
                                   .files = {"config/app.js"},
                                   .n = 1,
                                   .limit_ms = LONG};
    assert_null(ss_config_eval(&what, &error));
    assert_string_equal(
        ss_buf_string(&error),
        "config/app.js: cannot run 'no-such-node', which evaluates it: No such file "
        "or directory; install Node 18 or newer, or set SS__host__node to its path");
    ss_buf_free(&error);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST("gives the values in order", gives_the_values_in_order),
        TEST("the child is told application, environment and files",
             the_child_is_told_application_environment_and_files),
        TEST("the child inherits no file of ours", the_child_inherits_no_file_of_ours),
        TEST("an error is told with its place and what was printed",
             an_error_is_told_with_its_place_and_what_was_printed),
        TEST("an end without an answer is told", an_end_without_an_answer_is_told),
        TEST("one that does not end is killed", one_that_does_not_end_is_killed),
        TEST("what it has started is not waited for", what_it_has_started_is_not_waited_for),
        TEST("output and answer are bounded", output_and_answer_are_bounded),
        TEST("a missing node is told with the remedy", a_missing_node_is_told_with_the_remedy),
    };
    return cmocka_run_group_tests_name("config_eval", tests, make_share, remove_share);
}
