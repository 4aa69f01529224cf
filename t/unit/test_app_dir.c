/* SPDX-License-Identifier: MIT
 *
 * Which folder is an application's; which of two versions is older.
 */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app_dir.h"

static int sign(int n) { return (n > 0) - (n < 0); }

static void orders_versions(void **unused) {
    /* Each is older than the next; most of it is the example of semver.org, 11.4. */
    static const char *const ascending[] = {
        "0.1.0",         "0.1.9",         "0.1.10",           "0.2.0",      "0.10.0",
        "1.0.0-alpha",   "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2",
        "1.0.0-beta.11", "1.0.0-rc.1",    "1.0.0-rc.1.0",     "1.0.0",      "1.0.1-a-b",
        "1.0.1",         "2.0.0",         "10.0.0",           "99.0.0",
    };
    for (size_t i = 0; i < COUNT_OF(ascending); i++) {
        assert_true(ss_version_good(ascending[i]));
        for (size_t j = 0; j < COUNT_OF(ascending); j++) {
            assert_int_equal(sign(ss_version_compare(ascending[i], ascending[j])),
                             (i > j) - (i < j));
        }
    }
}

static void builds_of_one_version_are_alike(void **unused) {
    assert_int_equal(ss_version_compare("1.0.0+deb12u1", "1.0.0"), 0);
    assert_int_equal(ss_version_compare("1.0.0-rc.1+a", "1.0.0-rc.1+b.c"), 0);
    assert_true(ss_version_compare("1.0.0-rc.1+a", "1.0.0+b") < 0);
    assert_true(ss_version_compare("1.0.0+a", "1.0.1-rc.1") < 0);
}

static void knows_what_is_no_version(void **unused) {
    static const char *const wrong[] = {
        "",        "1",       "1.0",       "1.0.",  "1..0",   ".1.0",           "v1.0.0", "1.0.0 ",
        "1.0.0.1", "1.0.0\n", "1.0.0-a b", "1.0.x", "-1.0.0", "1.0.1234567890", "latest",
    };
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        assert_false(ss_version_good(wrong[i]));
    }
    assert_true(ss_version_good("1.0.123456789"));
}

static void a_folder_has_a_name_of_text(void **unused) {
    static const struct {
        const char *name;
        const char *wrong; /* NULL: nothing */
    } cases[] = {{"caf\xc3\xa9", NULL},
                 {"caf\xe9", "is not UTF-8: rename the folder"},
                 {"a\nb", "/a?b: the name has a control character, shown as ?: rename"},
                 {"a\x7f", "/a?: the name has a control character"}};
    char dir[] = "/tmp/ss-app-dir-XXXXXX";
    char given[64];
    char inner[80];
    char path[PATH_MAX];
    assert_non_null(mkdtemp(dir));
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        ss_buf_t error = {0};
        snprintf(given, sizeof given, "%s/%s", dir, cases[i].name);
        snprintf(inner, sizeof inner, "%s/app", given);
        assert_int_equal(mkdir(given, 0700) | mkdir(inner, 0700), 0);
        assert_int_equal(ss_app_dir_find(given, path, &error), cases[i].wrong == NULL);
        if (cases[i].wrong != NULL) {
            assert_non_null(strstr(ss_buf_string(&error), cases[i].wrong));
        } else {
            assert_int_equal(error.len, 0);
        }
        ss_buf_free(&error);
        assert_int_equal(rmdir(inner) | rmdir(given), 0);
    }
    rmdir(dir);
}

static void a_folder_that_is_not_there_is_told_with_what_to_do(void **unused) {
    static const char *const cases[][2] = {
        {"", "--app is empty: name the folder of an application"},
        {"/nowhere", "/nowhere: No such file or directory: name the folder of an application"},
    };
    char path[PATH_MAX];
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        ss_buf_t error = {0};
        assert_false(ss_app_dir_find(cases[i][0], path, &error));
        assert_ptr_equal(strstr(ss_buf_string(&error), cases[i][1]), error.data);
        ss_buf_free(&error);
    }
}

/* A folder of that name, or one that an editor has made, is none. */
static void middleware_is_a_file_of_a_language(void **unused) {
    static const char *const names[] = {"config/http.js", "config/http.coffee", "config/http.ts",
                                        "config/http.mjs", "config/http.cjs"};
    char dir[] = "/tmp/ss-app-dir-XXXXXX";
    char path[80];
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/config", dir);
    assert_int_equal(mkdir(path, 0700), 0);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        assert_null(ss_app_dir_middleware(dir));
        assert_int_equal(mkdir(path, 0700), 0);
        assert_null(ss_app_dir_middleware(dir));
        assert_int_equal(rmdir(path), 0);
        fclose(fopen(path, "w"));
        assert_string_equal(ss_app_dir_middleware(dir), names[i]);
        assert_int_equal(unlink(path), 0);
    }
    snprintf(path, sizeof path, "%s/config", dir);
    assert_int_equal(rmdir(path) | rmdir(dir), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST("orders versions", orders_versions),
        TEST("builds of one version are alike", builds_of_one_version_are_alike),
        TEST("knows what is no version", knows_what_is_no_version),
        TEST("a folder has a name of text", a_folder_has_a_name_of_text),
        TEST("a folder that is not there is told with what to do",
             a_folder_that_is_not_there_is_told_with_what_to_do),
        TEST("middleware is a file of a language", middleware_is_a_file_of_a_language),
    };
    return cmocka_run_group_tests_name("app_dir", tests, NULL, NULL);
}
