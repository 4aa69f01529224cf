/* SPDX-License-Identifier: MIT
 *
 * Finding what comes with SocketStream.
 */
#include "test.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "share.h"

static char dir[] = "/tmp/ss-share-XXXXXX";

static int make_dir(void **state) {
    char path[64];
    if (mkdtemp(dir) == NULL) {
        return -1;
    }
    snprintf(path, sizeof path, "%s/host", dir);
    return mkdir(path, 0755);
}

static int remove_dir(void **state) {
    char path[64];
    snprintf(path, sizeof path, "%s/host", dir);
    unsetenv("SS_SHARE_DIR");
    return rmdir(path) + rmdir(dir);
}

static void finds_below_the_folder_of_the_variable(void **unused) {
    ss_buf_t path = {0};
    ss_buf_t error = {0};
    char wanted[64];
    setenv("SS_SHARE_DIR", dir, 1);
    snprintf(wanted, sizeof wanted, "%s/host", dir);
    assert_true(ss_share_find("./host", &path, &error));
    assert_string_equal(ss_buf_string(&path), wanted);
    assert_int_equal(error.len, 0);
    ss_buf_free(&path);
}

static void says_what_is_missing_and_which_folder_the_variable_names(void **unused) {
    ss_buf_t path = {0};
    ss_buf_t error = {0};
    setenv("SS_SHARE_DIR", dir, 1);
    assert_false(ss_share_find("host/main.mjs", &path, &error));
    assert_int_equal(path.len, 0);
    assert_non_null(strstr(ss_buf_string(&error), "host/main.mjs"));
    assert_non_null(strstr(ss_buf_string(&error), dir));
    ss_buf_free(&error);
}

static void looks_near_the_program_without_the_variable(void **unused) {
    ss_buf_t path = {0};
    ss_buf_t error = {0};
    unsetenv("SS_SHARE_DIR");
    /* Unit tests are one folder deeper than the program. */
    assert_false(ss_share_find("host/main.mjs", &path, &error));
    assert_non_null(strstr(ss_buf_string(&error), "SS_SHARE_DIR"));
    ss_share_program_dir(&path);
    assert_non_null(strstr(ss_buf_string(&error), ss_buf_string(&path)));
    assert_true(path.data[0] == '/' && path.data[path.len - 1] != '/');
    ss_buf_free(&path);
    ss_buf_free(&error);
}

static void takes_the_first_place_that_has_the_file(void **unused) {
    static const char *const places[] = {"nowhere", "../unit", ".."};
    ss_buf_t path = {0};
    ss_buf_t wanted = {0};
    ss_share_program_dir(&wanted);
    ss_buf_literal(&wanted, "/test_share");
    assert_true(ss_share_beside(places, COUNT_OF(places), "test_share", &path));
    assert_string_equal(ss_buf_string(&path), ss_buf_string(&wanted));
    assert_false(ss_share_beside(places, 1, "test_share", &path));
    assert_int_equal(path.len, wanted.len);
    ss_buf_free(&path);
    ss_buf_free(&wanted);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST("finds below the folder of the variable", finds_below_the_folder_of_the_variable),
        TEST("says what is missing, and which folder the variable names",
             says_what_is_missing_and_which_folder_the_variable_names),
        TEST("looks near the program without the variable",
             looks_near_the_program_without_the_variable),
        TEST("takes the first place that has the file", takes_the_first_place_that_has_the_file),
    };
    return cmocka_run_group_tests_name("sidecar/share", tests, make_dir, remove_dir);
}
