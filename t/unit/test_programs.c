/* SPDX-License-Identifier: MIT
 *
 * Running a program to its end, or to that of its time.
 */
#include "test.h"

#include <errno.h>
#include <sys/wait.h>

#include "bounds.h"
#include "programs.h"

static int shell(const char *line, unsigned limit_ms, ss_buf_t *output) {
    const char *const args[] = {"sh", "-c", line, NULL};
    return ss_program_run("sh", (char *const *)(uintptr_t)args, limit_ms, output);
}

static void gives_what_it_says_and_how_it_ended(void **unused) {
    ss_buf_t output = {0};
    int status = shell("echo out; echo err >&2; cat; exit 7", 60000, &output);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 7);
    assert_string_equal(ss_buf_string(&output), "out\nerr\n");
    ss_buf_free(&output);
}

static void one_that_does_not_end_is_killed(void **unused) {
    ss_buf_t output = {0};
    assert_int_equal(shell("echo begun; exec sleep 600", 100, &output), -1);
    assert_int_equal(errno, ETIMEDOUT);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* nothing is left */
    ss_buf_free(&output);
}

static void one_that_is_not_there_says_so(void **unused) {
    const char *const args[] = {"no-such-program", NULL};
    ss_buf_t output = {0};
    assert_int_equal(ss_program_run("no-such-program", (char *const *)(uintptr_t)args, 0, &output),
                     -1);
    assert_int_equal(errno, ENOENT);
    ss_buf_free(&output);
}

static void reads_it_all_and_keeps_so_much(void **unused) {
    ss_buf_t output = {0};
    assert_int_equal(shell("head -c 1000000 /dev/zero", 0, &output), 0);
    assert_true(output.len >= SS_PROGRAM_OUTPUT_MAX);
    assert_true(output.len < SS_PROGRAM_OUTPUT_MAX + 4096);
    ss_buf_free(&output);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST("gives what it says, and how it ended", gives_what_it_says_and_how_it_ended),
        TEST("one that does not end is killed", one_that_does_not_end_is_killed),
        TEST("one that is not there says so", one_that_is_not_there_says_so),
        TEST("reads it all, and keeps so much", reads_it_all_and_keeps_so_much),
    };
    return cmocka_run_group_tests_name("programs", tests, NULL, NULL);
}
