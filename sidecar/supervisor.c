/* SPDX-License-Identifier: MIT
 *
 * Supervised child processes: see supervisor.h for the contract.
 *
 * A child goes through RUNNING -> SETTLING -> WAITING -> RUNNING … until it is ENDED.  SETTLING
 * lasts until libuv has closed the handles of its last run and nothing of its process group is
 * left, so that one run never shares a port or a socket with the next.
 */
#include "supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "buf.h"
#include "cmd.h"

#define SETTLE_MS 5
#define SETTLE_TRIES 400 /* a killed group that is still there after two seconds is left alone */
#define ARGS_MAX 64
#define READ_SIZE 4096

typedef enum { RUNNING, SETTLING, WAITING, ENDED } child_state_t;

struct ss_child {
    ss_supervisor_t *owner;
    ss_child_spec_t spec;
    child_state_t state;
    uv_process_t process;
    uv_pipe_t output;
    uv_timer_t timer; /* of the state: next step of ending, settling, or back-off */
    pid_t group;      /* of the run that settles */
    unsigned open_handles;
    unsigned settle_tries;
    unsigned backoff_ms;
    unsigned ends; /* since it last ran for long */
    bool in_color; /* the output stands within an escape sequence */
    unsigned step;
    bool ending;
    uint64_t started_ms;
    int log_fd;
    bool holds;
    ss_buf_t held;
    bool marked; /* `last` has the marker */
    size_t line_len;
    char line[SS_CHILD_LINE_MAX];
    char last[SS_CHILD_LINE_MAX];
};

struct ss_supervisor {
    uv_loop_t *loop;
    ss_supervisor_events_t events;
    uv_timer_t end; /* closed last: its close callback tells `stopped` */
    ss_child_t *children[SS_CHILDREN_MAX];
    unsigned n_children;
    unsigned open_timers;
    bool stopping;
    bool hushed;
    char exe[4096];
};

static void child_settle(ss_child_t *child);
static void stop_next(ss_supervisor_t *supervisor);

/* --- what a child writes ------------------------------------------------------------------- */

/* A line without the marker does not take the place of one that has it. */
static void keep_line(ss_child_t *child) {
    bool marked = child->spec.marker != NULL && strstr(child->line, child->spec.marker) != NULL;

    if (child->line_len > 0 && (marked || !child->marked)) {
        memcpy(child->last, child->line, child->line_len + 1);
        child->marked = marked;
    }
}

/* Whole lines go into `last`; longer ones are cut. */
static void keep_lines(ss_child_t *child, const char *data, size_t len) {
    for (size_t i = 0; i < len; i++) {
        if (data[i] != '\n') {
            if (child->line_len < sizeof(child->line) - 1) {
                child->line[child->line_len++] = data[i];
            }
            continue;
        }
        child->line[child->line_len] = '\0';
        keep_line(child);
        child->line_len = 0;
    }
}

/* Copies `data` without colours (ESC, [, digits and semicolons, m), and gives the length.  A
 * sequence may come in two pieces. */
static size_t without_colors(ss_child_t *child, const char *data, size_t len, char *out) {
    size_t n = 0;

    for (size_t i = 0; i < len; i++) {
        if (data[i] == '\033') {
            child->in_color = true;
        } else if (!child->in_color) {
            out[n++] = data[i];
        } else if (data[i] == 'm' || data[i] == '\n') {
            child->in_color = false;
            if (data[i] == '\n') {
                out[n++] = data[i]; /* it was none */
            }
        }
    }
    return n;
}

static void keep(ss_child_t *child, const char *data, size_t len) {
    keep_lines(child, data, len);
    for (size_t done = 0; child->log_fd != -1 && done < len;) {
        ssize_t n = write(child->log_fd, data + done, len - done);

        if (n <= 0) {
            break; /* a full disk: the terminal still gets the line */
        }
        done += (size_t)n;
    }
}

/* A terminal that is held (Ctrl-S) or a pipe that nobody reads is left out rather than waited for:
 * a blocked supervisor would block the child's own log. */
static void show(const ss_child_t *child, const char *data, size_t len) {
    struct pollfd terminal = {.fd = STDERR_FILENO, .events = POLLOUT};

    if (!child->owner->hushed && len != 0 && poll(&terminal, 1, 0) == 1 &&
        (terminal.revents & POLLOUT) != 0) {
        ssize_t n = write(STDERR_FILENO, data, len);

        (void)n;
    }
}

static void release(ss_child_t *child) {
    child->holds = false;
    show(child, child->held.data, child->held.len);
    ss_buf_free(&child->held);
}

/* The file gets everything. */
static void write_output(ss_child_t *child, const char *data, size_t len) {
    char plain[READ_SIZE];

    if (child->spec.colored) {
        size_t n = without_colors(child, data, len, plain);

        keep(child, plain, n);
    } else {
        keep(child, data, len);
    }
    if (child->spec.quiet) {
        return;
    }
    if (child->holds && child->held.len + len > SS_CHILD_HELD_MAX) {
        release(child);
    }
    if (child->holds) {
        ss_buf_append(&child->held, data, len);
    } else {
        show(child, data, len);
    }
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf) {
    static char shared[READ_SIZE]; /* emptied by on_read() before anybody else fills it */

    (void)handle;
    (void)suggested;
    *buf = uv_buf_init(shared, sizeof(shared));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf) {
    if (n > 0) {
        write_output(stream->data, buf->base, (size_t)n);
    } else if (n < 0) {
        uv_read_stop(stream); /* closed with the process */
    }
}

/* The exit of a process may be seen before the last it wrote. */
static void drain_output(ss_child_t *child) {
    char data[READ_SIZE];
    uv_os_fd_t fd;
    ssize_t n;

    if (uv_fileno((uv_handle_t *)&child->output, &fd) == 0) {
        while ((n = read(fd, data, sizeof(data))) > 0) {
            write_output(child, data, (size_t)n);
        }
    }
}

/* --- one run ------------------------------------------------------------------------------- */

static void write_pid_file(const ss_child_t *child) {
    FILE *file = child->spec.pid_file == NULL ? NULL : fopen(child->spec.pid_file, "we");

    if (file != NULL) {
        fprintf(file, "%d\n", (int)child->process.pid);
        fclose(file);
    }
}

static void on_handle_closed(uv_handle_t *handle) {
    ss_child_t *child = handle->data;

    if (--child->open_handles == 0) {
        child_settle(child);
    }
}

static void close_run(ss_child_t *child) {
    child->state = SETTLING;
    child->settle_tries = 0;
    uv_timer_stop(&child->timer);
    uv_close((uv_handle_t *)&child->process, on_handle_closed);
    uv_close((uv_handle_t *)&child->output, on_handle_closed);
}

static void on_ended(uv_process_t *process, int64_t status, int signal) {
    ss_child_t *child = process->data;
    char how[96];

    child->group = process->pid;
    kill(-child->group, SIGKILL);
    drain_output(child);
    if (child->spec.pid_file != NULL) {
        unlink(child->spec.pid_file);
    }
    if (uv_now(child->owner->loop) - child->started_ms >= SS_RESTART_FORGET_MS) {
        child->backoff_ms = 0;
        child->ends = 0;
    }
    child->ends++;
    close_run(child);
    if (!child->owner->stopping) {
        if (signal != 0) {
            snprintf(how, sizeof(how), "ended by signal %d (%s)", signal, strsignal(signal));
        } else {
            snprintf(how, sizeof(how), "ended with status %d", (int)status);
        }
        child->owner->events.ended(child->owner->events.data, child, how);
    }
}

/* The command line of the shim, which arranges for the child to be told when we are gone. */
static void shim_args(ss_child_t *child, char *numbers, size_t size, char **args) {
    size_t n = 0;
    int used = snprintf(numbers, size, "%d", (int)getpid()) + 1;

    snprintf(numbers + used, size - (size_t)used, "%d", child->spec.orphan_signal);
    args[n++] = (char *)"socketstream";
    args[n++] = (char *)"child";
    args[n++] = numbers;
    args[n++] = numbers + used;
    args[n++] = (char *)child->spec.file;
    for (size_t i = 0; child->spec.args[i] != NULL && n < ARGS_MAX - 1; i++) {
        args[n++] = (char *)child->spec.args[i];
    }
    args[n] = NULL;
}

/* 0, or a libuv error; the handles are open in any case. */
static int run(ss_child_t *child) {
    char *args[ARGS_MAX];
    char numbers[32];
    uv_stdio_container_t stdio[3] = {{.flags = UV_IGNORE}};
    uv_process_options_t options = {0};
    int ends[2];
    int rc;

    child->open_handles = 2;
    child->process.data = child->output.data = child;
    uv_pipe_init(child->owner->loop, &child->output, 0);
    if (pipe2(ends, O_CLOEXEC) != 0) {
        /* uv_spawn() is what initialises the handle, so it is called in every case. */
        ends[0] = ends[1] = -1;
    } else {
        fcntl(ends[0], F_SETFL, O_NONBLOCK);
        uv_pipe_open(&child->output, ends[0]);
    }
    shim_args(child, numbers, sizeof(numbers), args);
    stdio[1].flags = stdio[2].flags = ends[1] == -1 ? UV_IGNORE : UV_INHERIT_FD;
    stdio[1].data.fd = stdio[2].data.fd = ends[1];
    options.file = child->owner->exe;
    options.args = args;
    options.stdio = stdio;
    options.stdio_count = 3;
    options.exit_cb = on_ended;
    options.flags = UV_PROCESS_DETACHED; /* a session, and so a process group, of its own */
    rc = uv_spawn(child->owner->loop, &child->process, &options);
    if (ends[1] != -1) {
        close(ends[1]);
    }
    if (rc != 0) {
        return rc;
    }
    child->state = RUNNING;
    child->ending = false;
    child->last[0] = '\0';
    child->marked = false;
    child->line_len = 0;
    child->started_ms = uv_now(child->owner->loop);
    if (ends[0] != -1) {
        uv_read_start((uv_stream_t *)&child->output, on_alloc, on_read);
    }
    write_pid_file(child);
    return 0;
}

static void on_restart(uv_timer_t *timer) {
    ss_child_t *child = timer->data;

    child->group = 0;
    if (run(child) != 0) {
        close_run(child); /* no process, no memory: try again later */
    }
}

static void on_settle(uv_timer_t *timer) { child_settle(timer->data); }

/* Reaps what the last run left, and goes on once there is nothing more of it. */
static void child_settle(ss_child_t *child) {
    if (child->group != 0) {
        while (waitpid(-child->group, NULL, WNOHANG) > 0) {
        }
        if (kill(-child->group, 0) == 0 && ++child->settle_tries < SETTLE_TRIES) {
            uv_timer_start(&child->timer, on_settle, SETTLE_MS, 0);
            return;
        }
    }
    if (child->owner->stopping) {
        child->state = ENDED;
        stop_next(child->owner);
        return;
    }
    child->state = WAITING;
    uv_timer_start(&child->timer, on_restart, child->backoff_ms, 0);
    child->backoff_ms = child->backoff_ms == 0 ? SS_RESTART_MIN_MS : child->backoff_ms * 2;
    if (child->backoff_ms > SS_RESTART_MAX_MS) {
        child->backoff_ms = SS_RESTART_MAX_MS;
    }
}

/* --- ending -------------------------------------------------------------------------------- */

static void take_step(ss_child_t *child);

static void on_step(uv_timer_t *timer) { take_step(timer->data); }

static void take_step(ss_child_t *child) {
    unsigned step = child->step;

    if (step >= SS_CHILD_STEPS_MAX || child->spec.steps[step].signal == 0) {
        kill(-child->process.pid, SIGKILL);
        return;
    }
    child->step++;
    kill(child->process.pid, child->spec.steps[step].signal);
    uv_timer_start(&child->timer, on_step, child->spec.steps[step].wait_ms, 0);
}

static void on_end_closed(uv_handle_t *handle) {
    ss_supervisor_t *supervisor = handle->data;

    if (--supervisor->open_timers == 0) {
        supervisor->events.stopped(supervisor->events.data);
    }
}

static void on_timer_closed(uv_handle_t *handle) {
    ss_child_t *child = handle->data;

    if (--child->owner->open_timers == 0) {
        child->owner->events.stopped(child->owner->events.data);
    }
}

/* Goes on with the last child that has not ended. */
static void stop_next(ss_supervisor_t *supervisor) {
    for (unsigned i = supervisor->n_children; i-- > 0;) {
        ss_child_t *child = supervisor->children[i];

        if (child->state == WAITING) {
            uv_timer_stop(&child->timer);
            child->state = ENDED;
        }
        if (child->state == RUNNING && !child->ending) {
            child->ending = true;
            child->step = 0;
            take_step(child);
        }
        if (child->state != ENDED) {
            return;
        }
    }
    for (unsigned i = 0; i < supervisor->n_children; i++) {
        uv_close((uv_handle_t *)&supervisor->children[i]->timer, on_timer_closed);
    }
    uv_close((uv_handle_t *)&supervisor->end, on_end_closed);
}

void ss_supervisor_stop(ss_supervisor_t *supervisor) {
    if (supervisor->stopping) {
        for (unsigned i = supervisor->n_children; i-- > 0;) {
            ss_child_t *child = supervisor->children[i];

            if (child->state == RUNNING && child->ending) {
                take_step(child);
                return;
            }
        }
        return;
    }
    supervisor->stopping = true;
    stop_next(supervisor);
}

/* --- life ---------------------------------------------------------------------------------- */

ss_supervisor_t *ss_supervisor_create(uv_loop_t *loop, const ss_supervisor_events_t *events) {
    ss_supervisor_t *supervisor = calloc(1, sizeof(*supervisor));
    size_t size = sizeof(supervisor->exe);

    if (supervisor == NULL || uv_exepath(supervisor->exe, &size) != 0) {
        free(supervisor);
        return NULL;
    }
    supervisor->loop = loop;
    supervisor->events = *events;
    supervisor->open_timers = 1;
    uv_timer_init(loop, &supervisor->end);
    supervisor->end.data = supervisor;
    /* What a killed child leaves behind becomes ours to reap, not some distant init's. */
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    return supervisor;
}

static int open_log(const ss_child_spec_t *spec) {
    return spec->log_file == NULL
               ? -1
               : open(spec->log_file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
}

/* A file that cannot be opened is gone on with under its new name. */
void ss_supervisor_reopen(ss_supervisor_t *supervisor) {
    for (unsigned i = 0; i < supervisor->n_children; i++) {
        ss_child_t *child = supervisor->children[i];
        int fd = open_log(&child->spec);

        if (fd != -1) {
            if (child->log_fd != -1) {
                close(child->log_fd);
            }
            child->log_fd = fd;
        }
    }
}

ss_child_t *ss_supervisor_add(ss_supervisor_t *supervisor, const ss_child_spec_t *spec) {
    ss_child_t *child;
    int rc;

    if (supervisor->n_children == SS_CHILDREN_MAX) {
        errno = EAGAIN;
        return NULL;
    }
    child = calloc(1, sizeof(*child));
    if (child == NULL) {
        return NULL;
    }
    child->owner = supervisor;
    child->spec = *spec;
    child->log_fd = open_log(spec);
    child->holds = spec->held;
    uv_timer_init(supervisor->loop, &child->timer);
    child->timer.data = child;
    supervisor->children[supervisor->n_children++] = child;
    supervisor->open_timers++;
    rc = run(child);
    if (rc != 0) {
        close_run(child);
        errno = -rc;
        return NULL;
    }
    return child;
}

void ss_supervisor_release(ss_supervisor_t *supervisor) {
    for (unsigned i = 0; i < supervisor->n_children; i++) {
        release(supervisor->children[i]);
    }
}

void ss_supervisor_hush(ss_supervisor_t *supervisor) { supervisor->hushed = true; }

void ss_supervisor_destroy(ss_supervisor_t *supervisor) {
    if (supervisor == NULL) {
        return;
    }
    for (unsigned i = 0; i < supervisor->n_children; i++) {
        if (supervisor->children[i]->log_fd != -1) {
            close(supervisor->children[i]->log_fd);
        }
        ss_buf_free(&supervisor->children[i]->held);
        free(supervisor->children[i]);
    }
    free(supervisor);
}

const char *ss_child_name(const ss_child_t *child) { return child->spec.name; }

pid_t ss_child_pid(const ss_child_t *child) {
    return child->state == RUNNING ? child->process.pid : 0;
}

unsigned ss_child_ends(const ss_child_t *child) { return child->ends; }

unsigned ss_child_pause_ms(const ss_child_t *child) { return child->backoff_ms; }

void ss_child_signal(ss_child_t *child, int signal) {
    if (child->state == RUNNING) {
        kill(child->process.pid, signal);
    }
}

const char *ss_child_last_words(const ss_child_t *child) { return child->last; }

/* --- the shim ------------------------------------------------------------------------------ */

/* socketstream child PARENT SIGNAL FILE ARGS…: asks the kernel for SIGNAL when PARENT is gone, then
 * becomes FILE.  libuv offers no hook between fork and exec. */
int ss_cmd_child(int argc, char **argv) {
    if (argc < 5) {
        return SS_EXIT_USAGE;
    }
    prctl(PR_SET_PDEATHSIG, atoi(argv[2]), 0, 0, 0);
    if (getppid() != atoi(argv[1])) {
        return SS_EXIT_FAILED; /* it went before the kernel knew */
    }
    execvp(argv[3], argv + 4);
    fprintf(stderr, "socketstream: %s: %s\n", argv[3], strerror(errno));
    return SS_EXIT_FAILED;
}
