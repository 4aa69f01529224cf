/* SPDX-License-Identifier: MIT
 *
 * See host_process.h.  The program is started by `socketstream child`, which asks the kernel for a
 * SIGKILL at our end: a host that hangs would not see the link close.
 */
#include "host_process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bounds.h"
#include "log.h"

#define LINK_FD 3
#define HTTP_FD 4
#define OOM_SCORE "500\n" /* of 1000: goes long before the sidecar and nginx */
#define SHIM_ARGS 5       /* before the program's own */
#define HANDLES 3
/* libuv reads 32 times in a row: a flood of lines is to leave time for others. */
#define READ_SIZE 2048

typedef struct {
    ss_host_process_t *process;
    uv_pipe_t pipe;
    ss_log_severity severity;
    ss_buf_t line; /* the beginning of one */
} output_t;

struct ss_host_process {
    uv_process_t process;
    output_t outputs[2];
    unsigned open_handles;
    bool ended;
    bool freed;
    char *name;
    void (*on_end)(void *data, const char *how);
    void *data;
    char last[SS_HOST_LAST_WORDS_MAX];
};

/* --- what it writes -------------------------------------------------------------------------- */

static void end_line(output_t *o) {
    ss_host_process_t *p = o->process;
    if (o->line.len != 0 && o->line.data[o->line.len - 1] == '\r') {
        o->line.len--;
    }
    if (o->line.len == 0) {
        return;
    }
    ss_log(o->severity, "%s: %.*s", p->name, (int)o->line.len, o->line.data);
    if (o == &p->outputs[1]) {
        snprintf(p->last, sizeof p->last, "%.*s", (int)o->line.len, o->line.data);
    }
    o->line.len = 0;
}

/* A line that is too long for the log becomes several. */
static void take_output(output_t *o, const char *data, size_t len) {
    while (len != 0) {
        const char *end = memchr(data, '\n', len);
        size_t n = end == NULL ? len : (size_t)(end - data);
        size_t room = SS_HOST_LINE_MAX - o->line.len;
        size_t taken = n < room ? n : room;
        ss_buf_append(&o->line, data, taken);
        if (taken == room || end != NULL) {
            end_line(o);
        }
        taken += taken == n && end != NULL; /* the newline itself */
        data += taken;
        len -= taken;
    }
}

static void on_space(uv_handle_t *handle, size_t suggested, uv_buf_t *space) {
    static char shared[READ_SIZE]; /* emptied by on_read() before anybody else fills it */
    (void)handle;
    (void)suggested;
    *space = uv_buf_init(shared, sizeof shared);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *space) {
    if (n > 0) {
        take_output(stream->data, space->base, (size_t)n);
    } else if (n < 0) {
        uv_read_stop(stream); /* closed with the process */
    }
}

/* The end of a process may be seen before the last it wrote; what got away from it may write on. */
static void drain_output(output_t *o) {
    char data[READ_SIZE];
    uv_os_fd_t fd;
    ssize_t n = uv_fileno((const uv_handle_t *)&o->pipe, &fd) == 0;
    for (size_t all = 0; n > 0 && all < SS_HOST_REST_MAX; all += (size_t)n) {
        n = read(fd, data, sizeof data);
        if (n <= 0) {
            break;
        }
        take_output(o, data, (size_t)n);
    }
    end_line(o);
}

/* --- its end --------------------------------------------------------------------------------- */

static void release(ss_host_process_t *p) {
    if (p->open_handles != 0 || !p->freed) {
        return;
    }
    for (int i = 0; i < 2; i++) {
        ss_buf_free(&p->outputs[i].line);
    }
    free(p->name);
    free(p);
}

static void on_closed(ss_host_process_t *p) {
    p->open_handles--;
    release(p);
}

static void on_process_closed(uv_handle_t *handle) { on_closed(handle->data); }

static void on_pipe_closed(uv_handle_t *handle) {
    const output_t *o = handle->data;
    on_closed(o->process);
}

static void close_handles(ss_host_process_t *p) {
    uv_close((uv_handle_t *)&p->process, on_process_closed);
    for (int i = 0; i < 2; i++) {
        uv_close((uv_handle_t *)&p->outputs[i].pipe, on_pipe_closed);
    }
}

static void on_exit_seen(uv_process_t *process, int64_t status, int signal) {
    ss_host_process_t *p = process->data;
    char how[96];
    p->ended = true;
    kill(-process->pid, SIGKILL); /* what it started and left behind */
    for (int i = 0; i < 2; i++) {
        drain_output(&p->outputs[i]);
    }
    if (signal != 0) {
        snprintf(how, sizeof how, "was ended by signal %d (%s)", signal, strsignal(signal));
    } else {
        snprintf(how, sizeof how, "ended with status %d", (int)status);
    }
    close_handles(p);
    p->on_end(p->data, how);
}

void ss_host_process_kill(ss_host_process_t *p) {
    if (!p->ended) {
        kill(-p->process.pid, SIGKILL);
        kill(p->process.pid, SIGKILL); /* it has no group of its own before it is the program */
    }
}

void ss_host_process_free(ss_host_process_t *p) {
    if (p != NULL) {
        p->freed = true;
        release(p);
    }
}

/* --- its start ------------------------------------------------------------------------------- */

/* None of it is needed to run, so what the system refuses is left. */
static void settle(const ss_host_process_t *p) {
    char text[64];
    struct rlimit none = {0, 0};
    pid_t pid = p->process.pid;
    prlimit(pid, RLIMIT_CORE, &none, NULL);
    snprintf(text, sizeof text, "/proc/%ld/oom_score_adj", (long)pid);
    int fd = open(text, O_WRONLY | O_CLOEXEC);
    if (fd >= 0) {
        if (write(fd, OOM_SCORE, sizeof OOM_SCORE - 1) < 0) {
            ss_log(SS_LOG_WARNING, "cannot write %s: %s", text, strerror(errno));
        }
        close(fd);
    }
}

static char *make_number(const char *name, int value) {
    ss_buf_t text = {0};
    ss_buf_printf(&text, "%s%d", name, value);
    char *setting = ss_copy(text.data, text.len);
    ss_buf_free(&text);
    return setting;
}

/* The environment: ours, and what a host needs besides.  Freed by free_environment(). */
static char **make_environment(const char *env, bool has_http) {
    static const char *const ours[] = {"SS_ENV=", "SS_HOST_FD=", "SS_HTTP_FD="};
    extern char **environ;
    size_t n = 0;
    size_t to = 0;
    while (environ[n] != NULL) {
        n++;
    }
    char **out = ss_alloc((n + 4) * sizeof out[0]);
    for (size_t i = 0; i < n; i++) {
        bool is_ours = false;
        for (size_t k = 0; k < sizeof ours / sizeof ours[0]; k++) {
            is_ours |= strncmp(environ[i], ours[k], strlen(ours[k])) == 0;
        }
        if (!is_ours) {
            out[to++] = ss_copy(environ[i], strlen(environ[i]));
        }
    }
    ss_buf_t text = {0};
    ss_buf_printf(&text, "%s%s", ours[0], env);
    out[to++] = ss_copy(text.data, text.len);
    ss_buf_free(&text);
    out[to++] = make_number(ours[1], LINK_FD);
    if (has_http) {
        out[to++] = make_number(ours[2], HTTP_FD);
    }
    out[to] = NULL;
    return out;
}

static void free_environment(char **list) {
    for (size_t i = 0; list[i] != NULL; i++) {
        free(list[i]);
    }
    free(list);
}

/* socketstream child OUR_PID SIGKILL PROGRAM, and the program's own list, its name first. */
static const char **make_args(const char *exe, const char *const *args, char numbers[32]) {
    size_t n = 0;
    while (args[n] != NULL) {
        n++;
    }
    const char **out = ss_alloc((SHIM_ARGS + n + 1) * sizeof out[0]);
    int used = snprintf(numbers, 32, "%ld", (long)getpid()) + 1;
    snprintf(numbers + used, 32 - (size_t)used, "%d", SIGKILL);
    out[0] = exe;
    out[1] = "child";
    out[2] = numbers;
    out[3] = numbers + used;
    out[4] = args[0];
    memcpy(out + SHIM_ARGS, args, (n + 1) * sizeof out[0]);
    return out;
}

/* A pipe whose reading end is `o`'s; -1 when there is none. */
static int open_output(uv_loop_t *loop, output_t *o) {
    int ends[2];
    uv_pipe_init(loop, &o->pipe, 0);
    o->pipe.data = o;
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return -1;
    }
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    uv_pipe_open(&o->pipe, ends[0]);
    uv_read_start((uv_stream_t *)&o->pipe, on_space, on_read);
    return ends[1];
}

static int spawn(uv_loop_t *loop, ss_host_process_t *p, const ss_host_process_spec_t *spec,
                 const char *exe, const int fds[HTTP_FD + 1]) {
    char numbers[32];
    const char **args = make_args(exe, spec->args, numbers);
    char **environment = make_environment(spec->env, fds[HTTP_FD] != -1);
    uv_stdio_container_t stdio[HTTP_FD + 1] = {{.flags = UV_IGNORE}};
    for (int i = 1; i <= HTTP_FD; i++) {
        stdio[i].flags = fds[i] == -1 ? UV_IGNORE : UV_INHERIT_FD;
        stdio[i].data.fd = fds[i];
    }
    uv_process_options_t options = {
        .exit_cb = on_exit_seen,
        .file = exe,
        .args = (char **)args,
        .env = environment,
        .cwd = spec->folder,
        .flags = UV_PROCESS_DETACHED, /* a process group of its own */
        .stdio_count = fds[HTTP_FD] == -1 ? LINK_FD + 1 : HTTP_FD + 1,
        .stdio = stdio,
    };
    int rc = uv_spawn(loop, &p->process, &options);
    free(args);
    free_environment(environment);
    return rc;
}

static ss_host_process_t *create(const ss_host_process_spec_t *spec) {
    ss_host_process_t *p = ss_alloc_zero(sizeof *p);
    p->name = ss_copy(spec->name, strlen(spec->name));
    p->on_end = spec->ended;
    p->data = spec->data;
    p->process.data = p;
    p->outputs[0].severity = SS_LOG_NOTICE;
    p->outputs[1].severity = SS_LOG_WARNING;
    p->open_handles = HANDLES;
    return p;
}

ss_host_process_t *ss_host_process_start(uv_loop_t *loop, const ss_host_process_spec_t *spec,
                                         int *link, ss_buf_t *error) {
    char exe[4096];
    size_t size = sizeof exe;
    int fds[HTTP_FD + 1] = {-1, -1, -1, -1, spec->http_fd};
    int ends[2];
    if (uv_exepath(exe, &size) != 0) {
        ss_buf_printf(error, "%s: cannot find out where this program is: is /proc mounted?",
                      spec->name);
        return NULL;
    }
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) {
        ss_buf_printf(error, "%s: cannot make a link: %s", spec->name, strerror(errno));
        return NULL;
    }
    fcntl(ends[1], F_SETFL, 0); /* its end blocks: that suits simple hosts, and Node changes it */
    ss_host_process_t *p = create(spec);
    for (int i = 0; i < 2; i++) {
        p->outputs[i].process = p;
        fds[1 + i] = open_output(loop, &p->outputs[i]);
    }
    fds[LINK_FD] = ends[1];
    int rc = spawn(loop, p, spec, exe, fds);
    for (int i = 1; i <= LINK_FD; i++) {
        if (fds[i] != -1) {
            close(fds[i]);
        }
    }
    if (rc != 0) {
        ss_buf_printf(error, "%s: cannot start a process: %s", spec->name, uv_strerror(rc));
        close(ends[0]);
        p->ended = true;
        close_handles(p);
        ss_host_process_free(p);
        return NULL;
    }
    settle(p);
    *link = ends[0];
    return p;
}

/* --- what is known of it --------------------------------------------------------------------- */

pid_t ss_host_process_pid(const ss_host_process_t *p) { return p->process.pid; }

uint64_t ss_host_process_resident(const ss_host_process_t *p) {
    char path[64];
    char text[128];
    unsigned long long size;
    unsigned long long resident;
    snprintf(path, sizeof path, "/proc/%ld/statm", (long)p->process.pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return 0;
    }
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    text[n < 0 ? 0 : n] = '\0';
    return sscanf(text, "%llu %llu", &size, &resident) == 2
               ? resident * (uint64_t)sysconf(_SC_PAGESIZE)
               : 0;
}

const char *ss_host_process_last_words(const ss_host_process_t *p) { return p->last; }
