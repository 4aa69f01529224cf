/* SPDX-License-Identifier: MIT
 *
 * See config_eval.h.  The child answers on file descriptor 3, so that what the files print, on
 * either output, cannot be taken for the answer.
 */
#include "config_eval.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "share.h"

#define RESULT_FD 3

extern char **environ;

typedef struct {
    pid_t pid;
    int result;
    int output;
    ss_buf_t answer;
    ss_buf_t printed;
    bool late;
} child_t;

static int64_t now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* --- the child ------------------------------------------------------------------------------- */

/* 0, or an errno.  The write ends are the child's alone. */
static int spawn_with(child_t *c, char *const *argv, const int result[2], const int output[2]) {
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, output[1], STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, output[1], STDERR_FILENO);
    posix_spawn_file_actions_adddup2(&actions, result[1], RESULT_FD);
    posix_spawn_file_actions_addclosefrom_np(&actions, RESULT_FD + 1);
    int rc = posix_spawnp(&c->pid, argv[0], &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    return rc;
}

static int start(child_t *c, char *const *argv) {
    int result[2];
    int output[2];
    if (pipe2(result, O_CLOEXEC) != 0) {
        return errno;
    }
    if (pipe2(output, O_CLOEXEC) != 0) {
        int rc = errno;
        close(result[0]);
        close(result[1]);
        return rc;
    }
    int rc = spawn_with(c, argv, result, output);
    close(result[1]);
    close(output[1]);
    if (rc != 0) {
        close(result[0]);
        close(output[0]);
        return rc;
    }
    c->result = result[0];
    c->output = output[0];
    return 0;
}

/* Takes what is there; past `max` it is dropped.  false at the end of the pipe. */
static bool take(int fd, ss_buf_t *to, size_t max) {
    char piece[8192];
    ssize_t n = read(fd, piece, sizeof piece);
    if (n > 0 && to->len <= max) {
        ss_buf_append(to, piece, (size_t)n);
    }
    return n > 0 || (n < 0 && errno == EINTR);
}

/* Reads until the result ends; a process that the files have started may hold the output open. */
static void gather(child_t *c, int64_t deadline) {
    struct pollfd fds[2] = {{c->result, POLLIN, 0}, {c->output, POLLIN, 0}};
    bool open = true;
    while (open && !c->late) {
        int64_t left = deadline - now_ms();
        int ready = left <= 0 ? 0 : poll(fds, 2, (int)left);
        c->late = ready == 0;
        if (ready > 0 && fds[1].revents != 0 &&
            !take(c->output, &c->printed, SS_CONFIG_EVAL_OUTPUT)) {
            fds[1].fd = -1;
        }
        if (ready > 0 && fds[0].revents != 0) {
            open = take(c->result, &c->answer, SS_CONFIG_EVAL_MAX);
        }
    }
}

/* Ends the child and gives its wait status. */
static int finish(child_t *c, int64_t deadline) {
    struct timespec pause = {0, 1000000};
    int status = 0;
    pid_t ended = 0;
    while (!c->late && (ended = waitpid(c->pid, &status, WNOHANG)) == 0) {
        c->late = now_ms() >= deadline;
        nanosleep(&pause, NULL);
    }
    if (ended == 0) {
        kill(c->pid, SIGKILL);
        while (waitpid(c->pid, &status, 0) < 0 && errno == EINTR) {
        }
    }
    struct pollfd rest = {c->output, POLLIN, 0};
    while (c->printed.len <= SS_CONFIG_EVAL_OUTPUT && poll(&rest, 1, 0) > 0 &&
           take(c->output, &c->printed, SS_CONFIG_EVAL_OUTPUT)) {
    }
    close(c->result);
    close(c->output);
    return status;
}

/* --- what it said ---------------------------------------------------------------------------- */

static void tell_printed(const ss_buf_t *printed, ss_buf_t *error) {
    size_t len = printed->len < SS_CONFIG_EVAL_OUTPUT ? printed->len : SS_CONFIG_EVAL_OUTPUT;
    while (len != 0 && printed->data[len - 1] == '\n') {
        len--;
    }
    if (len != 0) {
        ss_buf_literal(error, "\n");
        ss_buf_append(error, printed->data, len);
    }
}

/* {"error":{"file":…,"line":…,"column":…,"message":…,"frame":…}}, of which only the message must
 * be there. */
static void tell_problem(const json_t *problem, ss_buf_t *error) {
    const json_t *line = json_object_get(problem, "line");
    const json_t *column = json_object_get(problem, "column");
    const char *file = json_string_value(json_object_get(problem, "file"));
    const char *message = json_string_value(json_object_get(problem, "message"));
    const char *frame = json_string_value(json_object_get(problem, "frame"));
    ss_buf_printf(error, "%s", file == NULL ? "configuration" : file);
    if (json_is_integer(line)) {
        ss_buf_printf(error, ":%d", (int)json_integer_value(line));
    }
    if (json_is_integer(line) && json_is_integer(column)) {
        ss_buf_printf(error, ":%d", (int)json_integer_value(column));
    }
    ss_buf_printf(error, ": %s", message == NULL ? "cannot be evaluated" : message);
    if (frame != NULL && *frame != '\0') {
        ss_buf_printf(error, "\n%s", frame);
    }
}

/* The values; NULL with `error`. */
static json_t *judge(const child_t *c, int status, const char *files, const ss_config_eval_t *what,
                     ss_buf_t *error) {
    json_t *answer = json_loadb(c->answer.len == 0 ? "" : c->answer.data, c->answer.len, 0, NULL);
    json_t *values = json_object_get(answer, "values");
    const json_t *problem = json_object_get(answer, "error");
    if (c->late) {
        ss_buf_printf(error, "%s: not done within %u ms; Node was killed", files, what->limit_ms);
    } else if (c->answer.len > SS_CONFIG_EVAL_MAX) {
        ss_buf_printf(error, "%s: more than %u bytes", files, SS_CONFIG_EVAL_MAX);
    } else if (json_is_object(problem)) {
        tell_problem(problem, error);
    } else if (json_array_size(values) != what->n && WIFSIGNALED(status)) {
        ss_buf_printf(error, "%s: Node was ended by signal %d", files, WTERMSIG(status));
    } else if (json_array_size(values) != what->n) {
        ss_buf_printf(error, "%s: Node ended with status %d before it was evaluated", files,
                      WEXITSTATUS(status));
    } else {
        json_incref(values);
        json_decref(answer);
        return values;
    }
    tell_printed(&c->printed, error);
    json_decref(answer);
    return NULL;
}

static void print_rest(const ss_buf_t *printed) {
    size_t len = printed->len < SS_CONFIG_EVAL_OUTPUT ? printed->len : SS_CONFIG_EVAL_OUTPUT;
    if (len != 0) {
        fwrite(printed->data, 1, len, stderr);
    }
}

static json_t *run(char *const *argv, const char *names, const ss_config_eval_t *what,
                   ss_buf_t *error) {
    child_t c = {.pid = 0};
    int64_t deadline = now_ms() + what->limit_ms;
    int rc = start(&c, argv);
    if (rc != 0) {
        ss_buf_printf(error,
                      "%s: cannot run '%s', which evaluates it: %s; install Node 18 or newer, or "
                      "set SS__host__node to its path",
                      names, what->node, strerror(rc));
        return NULL;
    }
    gather(&c, deadline);
    int status = finish(&c, deadline);
    json_t *values = judge(&c, status, names, what, error);
    if (values != NULL) {
        print_rest(&c.printed);
    }
    ss_buf_free(&c.answer);
    ss_buf_free(&c.printed);
    return values;
}

json_t *ss_config_eval(const ss_config_eval_t *what, ss_buf_t *error) {
    const char *argv[4 + SS_CONFIG_EVAL_FILES + 1] = {what->node, NULL, what->app_dir, what->env};
    ss_buf_t script = {0};
    ss_buf_t names = {0};
    json_t *values = NULL;
    if (ss_share_find("host/config.mjs", &script, error)) {
        argv[1] = ss_buf_string(&script);
        for (size_t i = 0; i < what->n; i++) {
            argv[4 + i] = what->files[i];
            ss_buf_printf(&names, "%s%s", i == 0 ? "" : ", ", what->files[i]);
        }
        values = run((char *const *)(uintptr_t)argv, ss_buf_string(&names), what, error);
    }
    ss_buf_free(&script);
    ss_buf_free(&names);
    return values;
}
