/* SPDX-License-Identifier: MIT
 *
 * How the checks of doctor read what others say.
 */
#include "test.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "doctor.h"
#include "programs.h"

static void reads_versions_wherever_they_begin(void **unused) {
    static const struct {
        const char *text;
        int numbers[3];
    } good[] = {
        {"nginx/1.22.1 (Debian)", {1, 22, 1}},
        {"v18.19.0\n", {18, 19, 0}},
        {"7.0", {7, 0, 0}},
        {"6", {6, 0, 0}},
        {"1.25.4-rc1", {1, 25, 4}},
    };
    int numbers[3];
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        assert_true(ss_program_version(good[i].text, numbers));
        assert_memory_equal(numbers, good[i].numbers, sizeof numbers);
    }
    assert_false(ss_program_version("", numbers));
    assert_false(ss_program_version("unknown", numbers));
}

static void knows_what_is_new_enough(void **unused) {
    static const struct {
        int numbers[3];
        const char *least;
        bool is_new;
    } cases[] = {
        {{1, 19, 5}, "1.19.5", true},  {{1, 19, 4}, "1.19.5", false}, {{1, 20, 0}, "1.19.5", true},
        {{1, 9, 15}, "1.19.5", false}, {{2, 0, 0}, "1.19.5", true},   {{18, 0, 0}, "18", true},
        {{17, 9, 9}, "18", false},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_int_equal(ss_program_is_new(cases[i].numbers, cases[i].least), cases[i].is_new);
    }
}

static void finds_a_value_by_its_whole_name(void **unused) {
    static const char info[] = "# Memory\r\nused_maxmemory:1\r\nmaxmemory:0\r\nmaxmemory_policy:"
                               "noeviction\r\nempty:\r\nlast:x";
    static const struct {
        const char *name;
        const char *value;
    } cases[] = {{"maxmemory", "0"},
                 {"maxmemory_policy", "noeviction"},
                 {"empty", ""},
                 {"last", "x"},
                 {"used_maxmemory", "1"}};
    size_t len = 0;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const char *value = ss_doctor_redis_value(info, cases[i].name, &len);
        assert_non_null(value);
        assert_int_equal(len, strlen(cases[i].value));
        assert_memory_equal(value, cases[i].value, len);
    }
    assert_null(ss_doctor_redis_value(info, "policy", &len));
    assert_null(ss_doctor_redis_value("", "maxmemory", &len));
}

static void parts_a_complaint_at_its_remedy(void **unused) {
    static const struct {
        const char *complaint;
        const char *found;
        const char *remedy;
    } cases[] = {
        {"x was not found: install it", "x was not found", "install it"},
        {"nginx.binary: /x: No such file: correct it", "nginx.binary: /x: No such file",
         "correct it"},
        {"a line\nand a second: do it", "a line and a second", "do it"},
        {"at 10:15 no remedy", "at 10:15 no remedy", "correct that"},
        {"", "", "correct that"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        ss_finding_t finding = {.outcome = SS_DOCTOR_GOOD};
        ss_buf_t complaint = {0};
        ss_buf_printf(&complaint, "%s", cases[i].complaint);
        ss_doctor_complaint(&finding, SS_DOCTOR_WARNING, &complaint);
        assert_int_equal(finding.outcome, SS_DOCTOR_WARNING);
        assert_string_equal(ss_buf_string(&finding.found), cases[i].found);
        assert_string_equal(ss_buf_string(&finding.remedy), cases[i].remedy);
        ss_buf_free(&complaint);
        ss_buf_free(&finding.found);
        ss_buf_free(&finding.remedy);
    }
}

static void knows_its_descendants(void **unused) {
    pid_t parent = getpid();
    pid_t child = fork();
    int status = -1;
    if (child == 0) {
        _exit(ss_doctor_descends(getpid(), parent) && !ss_doctor_descends(parent, getpid()) ? 0
                                                                                            : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_true(ss_doctor_descends(parent, parent));
    assert_false(ss_doctor_descends(parent, 0));
    assert_false(ss_doctor_descends(parent, 1)); /* all do, of that one */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST("reads versions wherever they begin", reads_versions_wherever_they_begin),
        TEST("knows what is new enough", knows_what_is_new_enough),
        TEST("finds a value by its whole name", finds_a_value_by_its_whole_name),
        TEST("parts a complaint at its remedy", parts_a_complaint_at_its_remedy),
        TEST("knows its descendants", knows_its_descendants),
    };
    return cmocka_run_group_tests_name("doctor", tests, NULL, NULL);
}
