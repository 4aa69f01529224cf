/* SPDX-License-Identifier: MIT
 *
 * The supervisor, with small shell scripts as children.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd.h"
#include "supervisor.h"

#define SCRIPT(text)                                                                               \
    .file = "/bin/sh", .args = (const char *const[]) { "sh", "-c", text, NULL }
#define LIMIT_MS 60000 /* only a loop that hangs takes so long */

typedef struct {
    uv_loop_t loop;
    uv_timer_t limit;
    ss_supervisor_t *supervisor;
    unsigned ended;
    unsigned stop_after;  /* this many ends; 0: never */
    uint64_t ended_at[8]; /* by the loop's clock, which its timers go by */
    unsigned ends[8];
    unsigned pause_ms[8];
    char how[96];
    char words[SS_CHILD_LINE_MAX];
    bool stopped;
    void (*before_stop)(ss_supervisor_t *supervisor);
} fixture_t;

static char dir[] = "/tmp/ss-supervisor-XXXXXX";

static void on_ended(void *data, ss_child_t *child, const char *how) {
    fixture_t *f = data;

    snprintf(f->how, sizeof(f->how), "%s %s", ss_child_name(child), how);
    snprintf(f->words, sizeof(f->words), "%s", ss_child_last_words(child));
    f->ended_at[f->ended % 8] = uv_now(&f->loop);
    f->ends[f->ended % 8] = ss_child_ends(child);
    f->pause_ms[f->ended % 8] = ss_child_pause_ms(child);
    if (++f->ended == f->stop_after) {
        if (f->before_stop != NULL) {
            f->before_stop(f->supervisor);
        }
        ss_supervisor_stop(f->supervisor);
    }
}

static void on_stopped(void *data) {
    fixture_t *f = data;

    f->stopped = true;
    uv_close((uv_handle_t *)&f->limit, NULL);
}

static void on_limit(uv_timer_t *timer) {
    (void)timer;
    fprintf(stderr, "the loop did not end in %d ms\n", LIMIT_MS);
    abort();
}

static int setup(void **state) {
    fixture_t *f = calloc(1, sizeof(*f));
    ss_supervisor_events_t events = {.ended = on_ended, .stopped = on_stopped, .data = f};

    uv_loop_init(&f->loop);
    uv_timer_init(&f->loop, &f->limit);
    uv_timer_start(&f->limit, on_limit, LIMIT_MS, 0);
    f->supervisor = ss_supervisor_create(&f->loop, &events);
    *state = f;
    return f->supervisor == NULL ? -1 : 0;
}

static int teardown(void **state) {
    fixture_t *f = *state;
    int rc = uv_loop_close(&f->loop);

    ss_supervisor_destroy(f->supervisor);
    free(f);
    return rc;
}

/* Until the children have been stopped. */
static void run(fixture_t *f) {
    uv_run(&f->loop, UV_RUN_DEFAULT);
    assert_true(f->stopped);
}

static void on_pause_closed(uv_handle_t *handle) { *(bool *)handle->data = true; }

static void on_pause(uv_timer_t *timer) { uv_close((uv_handle_t *)timer, on_pause_closed); }

/* Lets the loop run for a while. */
static void run_for(fixture_t *f, unsigned ms) {
    uv_timer_t timer;
    bool over = false;

    uv_timer_init(&f->loop, &timer);
    timer.data = &over;
    uv_update_time(&f->loop);
    uv_timer_start(&timer, on_pause, ms, 0);
    while (!over) {
        uv_run(&f->loop, UV_RUN_ONCE);
    }
}

static int read_number(const char *name) {
    char path[128];
    int number = 0;
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    file = fopen(path, "r");
    if (file != NULL) {
        if (fscanf(file, "%d", &number) != 1) {
            number = 0;
        }
        fclose(file);
    }
    return number;
}

static void write_number(const char *name, int number) {
    char path[128];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "%d\n", number);
    fclose(file);
}

static void remove_file(const char *name) {
    char path[128];

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    unlink(path);
}

static bool gone(int pid) { return kill(pid, 0) == -1 && errno == ESRCH; }

static void restarts_at_once_and_then_with_a_growing_pause(void **state) {
    fixture_t *f = *state;
    ss_child_spec_t spec = {.name = "brief", SCRIPT("exit 3")};

    f->stop_after = 4;
    assert_non_null(ss_supervisor_add(f->supervisor, &spec));
    run(f);
    assert_string_equal(f->how, "brief ended with status 3");
    /* How long a shell takes is the machine's affair: no pause is shorter, and none is longer than
     * what the supervisor tells. */
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(f->ends[i], i + 1);
        assert_int_equal(f->pause_ms[i], i == 0 ? 0 : SS_RESTART_MIN_MS << (i - 1));
        assert_true(i == 3 || f->ended_at[i + 1] - f->ended_at[i] >= f->pause_ms[i]);
    }
}

static void names_the_signal_that_ended_a_child(void **state) {
    fixture_t *f = *state;
    ss_child_spec_t spec = {.name = "victim", SCRIPT("kill -9 $$")};

    f->stop_after = 1;
    assert_non_null(ss_supervisor_add(f->supervisor, &spec));
    run(f);
    assert_string_equal(f->how, "victim ended by signal 9 (Killed)");
}

static void keeps_the_last_line_with_the_marker(void **state) {
    fixture_t *f = *state;
    ss_child_spec_t spec = {.name = "talker",
                            .quiet = true,
                            .marker = "[emerg]",
                            SCRIPT("echo '[emerg] one'; echo '[emerg] two' >&2; echo three")};

    f->stop_after = 1;
    assert_non_null(ss_supervisor_add(f->supervisor, &spec));
    run(f);
    assert_string_equal(f->words, "[emerg] two");
}

static void keeps_the_last_line_of_all_where_none_has_the_marker(void **state) {
    fixture_t *f = *state;
    ss_child_spec_t spec = {
        .name = "talker", .quiet = true, .marker = "[emerg]", SCRIPT("echo one; echo two")};

    f->stop_after = 1;
    assert_non_null(ss_supervisor_add(f->supervisor, &spec));
    run(f);
    assert_string_equal(f->words, "two");
}

static void appends_what_a_child_writes_to_its_log(void **state) {
    fixture_t *f = *state;
    char log[128];
    char text[64] = "";
    FILE *file;
    ss_child_spec_t spec = {
        .name = "talker", .quiet = true, .log_file = log, SCRIPT("echo out; echo err >&2")};

    snprintf(log, sizeof(log), "%s/log", dir);
    f->stop_after = 2;
    assert_non_null(ss_supervisor_add(f->supervisor, &spec));
    run(f);
    file = fopen(log, "r");
    assert_non_null(file);
    assert_int_equal(fread(text, 1, sizeof(text) - 1, file), 16);
    fclose(file);
    assert_string_equal(text, "out\nerr\nout\nerr\n");
    unlink(log);
}

static void read_text(const char *path, char *text, size_t size) {
    FILE *file = fopen(path, "r");

    assert_non_null(file);
    text[fread(text, 1, size - 1, file)] = '\0';
    fclose(file);
    unlink(path);
}

/* What a child that runs `script` has brought to stderr when it has ended, and `then` was called.
 */
static size_t shown(fixture_t *f, const char *script, void (*then)(ss_supervisor_t *), char *text,
                    size_t size) {
    const char *const args[] = {"sh", "-c", script, NULL};
    ss_child_spec_t spec = {.name = "talker", .file = "/bin/sh", .args = args, .held = true};
    int before = dup(STDERR_FILENO);
    char path[128];
    int fd;

    snprintf(path, sizeof(path), "%s/stderr", dir);
    fd = open(path, O_RDWR | O_CREAT | O_APPEND, 0600);
    assert_int_equal(dup2(fd, STDERR_FILENO), STDERR_FILENO);
    f->stop_after = 1;
    f->before_stop = then;
    assert_non_null(ss_supervisor_add(f->supervisor, &spec));
    run(f);
    dup2(before, STDERR_FILENO);
    close(before);
    close(fd);
    read_text(path, text, size);
    return strlen(text);
}

static void shows_what_was_held_back_when_it_is_released(void **state) {
    char text[64];

    shown(*state, "echo one; echo two >&2", ss_supervisor_release, text, sizeof(text));
    assert_string_equal(text, "one\ntwo\n");
}

static void keeps_to_itself_what_was_held_back_when_it_is_hushed(void **state) {
    char text[64];

    assert_int_equal(shown(*state, "echo one", ss_supervisor_hush, text, sizeof(text)), 0);
}

/* Hushed at its end, so that nothing but too much gets through. */
static void holds_back_no_more_than_it_has_room_for(void **state) {
    static char text[SS_CHILD_HELD_MAX + 64];
    char script[128];

    snprintf(script, sizeof(script), "head -c %u /dev/zero | tr '\\0' x; sleep 0.05; echo",
             SS_CHILD_HELD_MAX);
    assert_int_equal(shown(*state, script, ss_supervisor_hush, text, sizeof(text)),
                     SS_CHILD_HELD_MAX + 1);
}

static void holds_back_as_much_as_it_has_room_for(void **state) {
    static char text[SS_CHILD_HELD_MAX + 64];
    char script[128];

    snprintf(script, sizeof(script), "head -c %u /dev/zero | tr '\\0' x", SS_CHILD_HELD_MAX);
    assert_int_equal(shown(*state, script, ss_supervisor_hush, text, sizeof(text)), 0);
}

static void keeps_colors_out_of_the_log(void **state) {
    fixture_t *f = *state;
    char log[128];
    char text[128];
    ss_child_spec_t spec = {
        .name = "painter",
        .quiet = true,
        .colored = true,
        .log_file = log,
        /* Cut within a sequence, and one that is none. */
        SCRIPT("printf 'a\\033[3'; sleep 0.05; printf '1mb\\033[0m\\n\\033[\\nc\\n'")};

    snprintf(log, sizeof(log), "%s/log", dir);
    f->stop_after = 1;
    assert_non_null(ss_supervisor_add(f->supervisor, &spec));
    run(f);
    read_text(log, text, sizeof(text));
    assert_string_equal(text, "ab\n\nc\n");
    assert_string_equal(f->words, "c");
}

static void appends_to_new_files_when_told_to_open_them_anew(void **state) {
    fixture_t *f = *state;
    char log[128];
    char old[128 + 2];
    char script[512];
    char text[64];
    struct stat st;
    const char *args[] = {"sh", "-c", script, NULL};
    ss_child_spec_t spec = {
        .name = "talker", .quiet = true, .file = "/bin/sh", .args = args, .log_file = log};

    snprintf(log, sizeof(log), "%s/log", dir);
    snprintf(old, sizeof(old), "%s.1", log);
    snprintf(script, sizeof(script), "echo one; while [ ! -e %s ]; do sleep 0.01; done; echo two",
             old);
    assert_non_null(ss_supervisor_add(f->supervisor, &spec));
    while (stat(log, &st) != 0 || st.st_size == 0) {
        run_for(f, 1);
    }
    assert_int_equal(rename(log, old), 0);
    ss_supervisor_reopen(f->supervisor);
    f->stop_after = 1;
    run(f);
    read_text(old, text, sizeof(text));
    assert_string_equal(text, "one\n");
    read_text(log, text, sizeof(text));
    assert_string_equal(text, "two\n");
}

static void writes_and_removes_the_pid_file(void **state) {
    fixture_t *f = *state;
    char path[128];
    ss_child_t *child;
    ss_child_spec_t spec = {
        .name = "sleeper", .pid_file = path, SCRIPT("exec sleep 60"), .steps = {{SIGTERM, 1000}}};

    snprintf(path, sizeof(path), "%s/pid", dir);
    child = ss_supervisor_add(f->supervisor, &spec);
    assert_non_null(child);
    assert_int_equal(read_number("pid"), ss_child_pid(child));
    ss_supervisor_stop(f->supervisor);
    run(f);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(f->ended, 0);
    assert_int_equal(ss_child_pid(child), 0);
}

/* A shell that lives on, once its traps are set: a signal before that would end it. */
static ss_child_t *add_trapping(fixture_t *f, const ss_child_spec_t *like, const char *traps) {
    char script[512];
    const char *const args[] = {"sh", "-c", script, NULL};
    ss_child_spec_t spec = *like;
    ss_child_t *child;

    spec.file = "/bin/sh";
    spec.args = args;
    snprintf(script, sizeof(script), "%s; echo 1 >%s/trapping; while :; do sleep 0.01; done", traps,
             dir);
    child = ss_supervisor_add(f->supervisor, &spec);
    assert_non_null(child);
    while (read_number("trapping") == 0) {
        run_for(f, 1);
    }
    remove_file("trapping");
    return child;
}

static void takes_the_next_step_with_a_child_that_will_not_end(void **state) {
    fixture_t *f = *state;
    uint64_t start;
    ss_child_spec_t spec = {.name = "stubborn", .steps = {{SIGQUIT, 100}, {SIGTERM, 100}}};

    add_trapping(f, &spec, "trap '' TERM QUIT");
    start = uv_now(&f->loop);
    ss_supervisor_stop(f->supervisor);
    run(f);
    assert_in_range(uv_now(&f->loop) - start, 200, LIMIT_MS);
}

static void hurries_when_stopped_twice(void **state) {
    fixture_t *f = *state;
    uint64_t start;
    ss_child_spec_t spec = {.name = "slow", .steps = {{SIGQUIT, LIMIT_MS}, {SIGTERM, LIMIT_MS}}};

    add_trapping(f, &spec, "trap '' QUIT");
    start = uv_now(&f->loop);
    ss_supervisor_stop(f->supervisor);
    ss_supervisor_stop(f->supervisor);
    run(f);
    assert_true(uv_now(&f->loop) - start < LIMIT_MS);
}

static void ends_the_last_added_first(void **state) {
    fixture_t *f = *state;
    char traps[256];
    ss_child_spec_t first = {.name = "first", .steps = {{SIGTERM, LIMIT_MS}}};
    ss_child_spec_t last = {.name = "last", .steps = {{SIGTERM, LIMIT_MS}}};

    /* The first notes at its end whether the last is there still. */
    snprintf(traps, sizeof(traps),
             "trap 'kill -0 $(cat %s/last) 2>/dev/null && echo 2 >%s/order || echo 1 >%s/order; "
             "exit' TERM",
             dir, dir, dir);
    add_trapping(f, &first, traps);
    write_number("last", ss_child_pid(add_trapping(f, &last, "trap 'sleep 0.1; exit' TERM")));
    ss_supervisor_stop(f->supervisor);
    run(f);
    assert_int_equal(read_number("order"), 1);
    remove_file("order");
    remove_file("last");
}

static void kills_what_a_dead_child_left_of_its_group(void **state) {
    fixture_t *f = *state;
    char script[256];
    const char *args[] = {"sh", "-c", script, NULL};
    ss_child_spec_t spec = {.name = "parent", .file = "/bin/sh", .args = args};

    snprintf(script, sizeof(script), "sleep 60 & echo $! >%s/left; kill -9 $$", dir);
    f->stop_after = 1;
    assert_non_null(ss_supervisor_add(f->supervisor, &spec));
    run(f);
    assert_int_not_equal(read_number("left"), 0);
    assert_true(gone(read_number("left")));
    remove_file("left");
}

static void tells_of_a_program_that_is_missing(void **state) {
    fixture_t *f = *state;
    ss_child_spec_t spec = {.name = "missing",
                            .file = "/nonexistent",
                            .quiet = true,
                            .args = (const char *const[]){"missing", NULL}};

    f->stop_after = 1;
    assert_non_null(ss_supervisor_add(f->supervisor, &spec));
    run(f);
    assert_string_equal(f->words, "socketstream: /nonexistent: No such file or directory");
}

static void stops_without_children(void **state) {
    fixture_t *f = *state;

    ss_supervisor_stop(f->supervisor);
    assert_false(f->stopped);
    run(f);
}

static void refuses_more_children_than_it_has_room_for(void **state) {
    fixture_t *f = *state;
    ss_child_spec_t spec = {.name = "one", SCRIPT("exec sleep 60"), .steps = {{SIGTERM, 1000}}};

    for (int i = 0; i < SS_CHILDREN_MAX; i++) {
        assert_non_null(ss_supervisor_add(f->supervisor, &spec));
    }
    assert_null(ss_supervisor_add(f->supervisor, &spec));
    ss_supervisor_stop(f->supervisor);
    run(f);
}

/* A process of its own supervises a sleeper and is killed; the sleeper is ours to find. */
static void children_end_when_the_supervisor_is_killed(void **state) {
    int ends[2];
    pid_t supervisor;
    int sleeper = 0;

    (void)state;
    assert_int_equal(pipe(ends), 0);
    supervisor = fork();
    if (supervisor == 0) {
        fixture_t *f;
        ss_child_spec_t spec = {
            .name = "sleeper", SCRIPT("exec sleep 60"), .orphan_signal = SIGTERM};
        int pid;

        setup((void **)&f);
        pid = ss_child_pid(ss_supervisor_add(f->supervisor, &spec));
        run_for(f, 100);
        if (write(ends[1], &pid, sizeof(pid)) == sizeof(pid)) {
            pause();
        }
        _exit(1);
    }
    assert_int_equal(read(ends[0], &sleeper, sizeof(sleeper)), sizeof(sleeper));
    assert_false(gone(sleeper));
    kill(supervisor, SIGKILL);
    waitpid(supervisor, NULL, 0);
    /* We are a subreaper since the other tests, so it is ours now. */
    assert_int_equal(waitpid(sleeper, NULL, 0), sleeper);
    assert_true(gone(sleeper));
    close(ends[0]);
    close(ends[1]);
}

static int make_dir(void **state) {
    (void)state;
    return mkdtemp(dir) == NULL ? -1 : 0;
}

static int remove_dir(void **state) {
    (void)state;
    return rmdir(dir);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        T(restarts_at_once_and_then_with_a_growing_pause),
        T(names_the_signal_that_ended_a_child),
        T(keeps_the_last_line_with_the_marker),
        T(keeps_the_last_line_of_all_where_none_has_the_marker),
        T(appends_what_a_child_writes_to_its_log),
        T(shows_what_was_held_back_when_it_is_released),
        T(keeps_to_itself_what_was_held_back_when_it_is_hushed),
        T(holds_back_as_much_as_it_has_room_for),
        T(holds_back_no_more_than_it_has_room_for),
        T(keeps_colors_out_of_the_log),
        T(appends_to_new_files_when_told_to_open_them_anew),
        T(writes_and_removes_the_pid_file),
        T(takes_the_next_step_with_a_child_that_will_not_end),
        T(hurries_when_stopped_twice),
        T(ends_the_last_added_first),
        T(kills_what_a_dead_child_left_of_its_group),
        T(tells_of_a_program_that_is_missing),
        T(stops_without_children),
        T(refuses_more_children_than_it_has_room_for),
        cmocka_unit_test(children_end_when_the_supervisor_is_killed),
    };

    /* The supervisor starts its children through the program that it is in. */
    if (argc > 1 && strcmp(argv[1], "child") == 0) {
        return ss_cmd_child(argc - 1, argv + 1);
    }
    return cmocka_run_group_tests_name("supervisor", tests, make_dir, remove_dir);
}
