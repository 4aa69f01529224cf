/* SPDX-License-Identifier: MIT
 *
 * From files to names, and from sources to objects.  What stops a start is in
 * t/sidecar/command.test.mjs.
 */
#include "test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "compile.h"
#include "module.h"

static char dir[] = "/tmp/ss-module-XXXXXX";

static int make_dir(void **state) { return mkdtemp(dir) == NULL ? -1 : 0; }

static int remove_dir(void **state) {
    char command[64];
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    return system(command);
}

static void names_come_from_paths(void **unused) {
    static const char *const table[][2] = {
        {"app.c", "app"},
        {"app.so", "app"},
        {"foo/bar.c", "foo.bar"},
        {"a/b/c/d.so", "a.b.c.d"},
        {"my-file_2$.c", "my-file_2$"},
        {"systems.c", "systems"},
        {"a/system.c", "a.system"},
        {"eventful/x.c", "eventful.x"},
        {"app.js", "app"},
        {"users/online.coffee", "users.online"},
        {"a/b.mjs", "a.b"},
        {"a.cjs", "a"},
        {"a.ts", "a"},
    };
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        ss_buf_t name = {0};
        ss_buf_t error = {0};
        assert_true(ss_module_name(table[i][0], &name, &error));
        assert_string_equal(ss_buf_string(&name), table[i][1]);
        assert_int_equal(error.len, 0);
        ss_buf_free(&name);
    }
}

static void bad_names_are_told_with_their_file(void **unused) {
    static const char *const paths[] = {
        "a.b.c",          "a b.c",     "é.c",          "a/b.d/c.c", "a\nb.c",
        "a%.c",           "system.c",  "system/a.c",   "event.so",  "rpc/x.c",
        "a/\"quoted\".c", "system.js", "rpc/x.coffee", "event.mjs", "a.b.ts"};
    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        ss_buf_t name = {0};
        ss_buf_t error = {0};
        assert_false(ss_module_name(paths[i], &name, &error));
        assert_non_null(strstr(ss_buf_string(&error), paths[i]));
        ss_buf_free(&name);
        ss_buf_free(&error);
    }
}

static void write_file(const char *name, const char *text) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

/* Compiles x.c to out/deep/x.so; gives whether it was made anew. */
static bool compile(bool *ok, ss_buf_t *error) {
    char source[256];
    char object[256];
    struct stat was = {0};
    struct stat is = {0};
    snprintf(source, sizeof source, "%s/x.c", dir);
    snprintf(object, sizeof object, "%s/out/deep/x.so", dir);
    stat(object, &was);
    *ok = ss_compile(source, object, dir, error);
    stat(object, &is);
    return was.st_ino != is.st_ino;
}

static void compiles_when_stale_only(void **unused) {
    bool ok;
    ss_buf_t error = {0};
    write_file("x.h", "#define X 1\n");
    write_file("x.c", "#include \"x.h\"\nint x = X;\n");
    usleep(30000); /* past the tick in which the files were written */
    assert_true(compile(&ok, &error));
    assert_true(ok);
    assert_false(compile(&ok, &error));
    assert_true(ok);

    write_file("x.h", "#define X 2\n");
    assert_true(compile(&ok, &error));

    /* What the source no longer includes does not count, there or not. */
    char header[256];
    snprintf(header, sizeof header, "%s/x.h", dir);
    write_file("x.c", "int x = 3;\n");
    usleep(30000);
    assert_true(compile(&ok, &error));
    unlink(header);
    assert_false(compile(&ok, &error));
    assert_true(ok);

    setenv("SS_CFLAGS", "-DOTHER", 1);
    assert_true(compile(&ok, &error));
    unsetenv("SS_CFLAGS");
    assert_true(compile(&ok, &error));
    assert_true(ok);
    assert_int_equal(error.len, 0);
}

static void an_error_holds_the_compilers_words(void **unused) {
    bool ok;
    ss_buf_t error = {0};
    write_file("x.c", "int f(void) {\n    return nothing;\n}\n");
    assert_false(compile(&ok, &error)); /* the object is the last good one */
    assert_false(ok);
    const char *text = ss_buf_string(&error);
    const char *line = strstr(text, "x.c does not compile: ");
    const char *end = strchr(text, '\n');
    assert_non_null(line);
    assert_non_null(end);
    const char *place =
        strstr(line, "x.c:2:"); /* in the first line, whatever the compiler begins with */
    assert_true(place != NULL && place < end);
    assert_non_null(strstr(place, "nothing"));
    assert_non_null(strstr(end, "x.c:2:")); /* and all of it behind */
    ss_buf_free(&error);
    /* It is no better the second time. */
    assert_false(compile(&ok, &error));
    assert_false(ok);
    ss_buf_free(&error);
}

static void words_past_the_limit_are_an_error(void **unused) {
    bool ok;
    ss_buf_t error = {0};
    char words[4 * 300 + 1];
    for (int i = 0; i < 300; i++) {
        memcpy(words + 4 * i, "-DX ", 5);
    }
    write_file("x.c", "int x;\n");
    setenv("SS_CFLAGS", words, 1);
    compile(&ok, &error);
    unsetenv("SS_CFLAGS");
    assert_false(ok);
    assert_non_null(strstr(ss_buf_string(&error), "more than 256 words"));
    ss_buf_free(&error);
}

static void a_compiler_with_arguments_is_run(void **unused) {
    bool ok;
    ss_buf_t error = {0};
    write_file("x.c", "int x = FROM_CC;\n");
    setenv("CC", "cc  -DFROM_CC=1", 1);
    compile(&ok, &error);
    unsetenv("CC");
    assert_true(ok);
}

static void the_header_is_where_the_variable_says(void **unused) {
    ss_buf_t found = {0};
    ss_buf_t error = {0};
    setenv("SS_INCLUDE_DIR", "/some/where", 1);
    assert_true(ss_compile_find_header(&found, &error));
    assert_string_equal(ss_buf_string(&found), "/some/where");
    unsetenv("SS_INCLUDE_DIR");
    found.len = 0;
    assert_false(ss_compile_find_header(&found, &error)); /* not beside a unit test */
    assert_non_null(strstr(ss_buf_string(&error), "SS_INCLUDE_DIR"));
    ss_buf_free(&found);
    ss_buf_free(&error);
}

static void run_shell(ss_buf_t *command) {
    assert_int_equal(system(ss_buf_string(command)), 0);
    command->len = 0;
}

/* Checks an application that has these files, parted by spaces, below app/server. */
static bool check(const char *files, bool *scripts, ss_buf_t *error) {
    ss_buf_t command = {0};
    ss_buf_printf(&command, "rm -rf '%s/app'", dir);
    run_shell(&command);
    ss_buf_printf(
        &command,
        "for f in %s; do p='%s/app/server/'\"$f\"; mkdir -p \"${p%%/*}\"; : > \"$p\"; done", files,
        dir);
    run_shell(&command);
    ss_buf_free(&command);
    error->len = 0;
    return ss_module_check(dir, scripts, error);
}

static void files_for_a_host_are_noticed(void **unused) {
    static const char *const with[] = {"a.js",  "a/b/c.coffee",       "x.mjs",
                                       "x.cjs", "native.c deep/x.ts", "native.so app.js"};
    static const char *const without[] = {"",
                                          "a.c b.so",
                                          "a.js~ _b.js .c.coffee",
                                          "a.json a.d.ts",
                                          "_lib/a.js .git/b.js",
                                          "js coffee/readme.md a.jsx"};
    bool scripts;
    ss_buf_t error = {0};
    for (size_t i = 0; i < COUNT_OF(with); i++) {
        assert_true(check(with[i], &scripts, &error));
        assert_true(scripts);
    }
    for (size_t i = 0; i < COUNT_OF(without); i++) {
        assert_true(check(without[i], &scripts, &error));
        assert_false(scripts);
    }
    assert_int_equal(error.len, 0);
    ss_buf_free(&error);
}

static void two_of_one_name_are_told_in_the_seeds_words_whatever_their_kinds(void **unused) {
    static const char *const table[][3] = {
        {"chat.coffee chat/room.coffee", "chat directory\n",
         "a file of the same name, %s/chat.coffee"},
        {"chat/room.c chat.js", "chat directory\n", "a file of the same name, %s/chat.js"},
        {"chat.c chat.ts", "chat.c file\n", "a file of the same name, %s/chat.ts"},
        {"a/b/x.js a/b/x.mjs", "a/b/x.js file\n", "a file of the same name, %s/a/b/x.mjs"},
        {"x.so x.cjs", "x.cjs file\n", "a file of the same name, %s/x.so"},
    };
    bool scripts;
    ss_buf_t error = {0};
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        char server[64];
        char first[128];
        char second[128];
        snprintf(server, sizeof server, "%s/app/server", dir);
        snprintf(first, sizeof first, "Unable to load the %s/%s", server, table[i][1]);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(second, sizeof second, table[i][2], server);
#pragma GCC diagnostic pop
        assert_false(check(table[i][0], &scripts, &error));
        assert_non_null(strstr(ss_buf_string(&error), first));
        assert_non_null(strstr(ss_buf_string(&error), second));
    }
    ss_buf_free(&error);
}

static void what_no_module_is_made_of_conflicts_with_nothing(void **unused) {
    bool scripts;
    ss_buf_t error = {0};
    assert_true(check("chat.js chat.md chat.json chat.d.ts chat.js~ _chat/x.js", &scripts, &error));
    assert_true(check("chat.js chats/x.js x/chat.js chat-2.coffee", &scripts, &error));
    ss_buf_free(&error);
}

static void a_script_with_a_name_of_the_protocol_is_refused(void **unused) {
    bool scripts;
    ss_buf_t error = {0};
    assert_false(check("system.coffee", &scripts, &error));
    assert_non_null(strstr(ss_buf_string(&error), "'system' is a name of the protocol"));
    assert_false(check("rpc/deep/x.ts", &scripts, &error));
    assert_true(check("a/system.js", &scripts, &error));
    ss_buf_free(&error);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST("names come from paths", names_come_from_paths),
        TEST("bad names are told with their file", bad_names_are_told_with_their_file),
        TEST("files for a host are noticed", files_for_a_host_are_noticed),
        TEST("two of one name are told in the seed's words, whatever their kinds",
             two_of_one_name_are_told_in_the_seeds_words_whatever_their_kinds),
        TEST("what no module is made of conflicts with nothing",
             what_no_module_is_made_of_conflicts_with_nothing),
        TEST("a script with a name of the protocol is refused",
             a_script_with_a_name_of_the_protocol_is_refused),
        TEST("compiles only when stale", compiles_when_stale_only),
        TEST("an error holds the compiler's words", an_error_holds_the_compilers_words),
        TEST("words past the limit are an error", words_past_the_limit_are_an_error),
        TEST("a compiler with arguments is run", a_compiler_with_arguments_is_run),
        TEST("the header is where the variable says", the_header_is_where_the_variable_says),
    };
    return cmocka_run_group_tests_name("sidecar/module", tests, make_dir, remove_dir);
}
