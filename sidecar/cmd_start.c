/* SPDX-License-Identifier: MIT
 *
 * `socketstream start`: runs an application here, nginx and the sidecar, until it is told to end.
 *
 * Owns the order of things: look at everything that can be wrong before anything is started, start
 * both, wait until both answer, say so once, and at the end leave nothing running.  The parts are
 * elsewhere: config, rundir, nginx_conf, supervisor, probe.
 */
#include "cmd.h"

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include "config.h"
#include "include/socketstream.h"
#include "nginx_conf.h"
#include "probe.h"
#include "rundir.h"
#include "supervisor.h"

#define PATH_SIZE 4096
#define READY_POLL_MS 5
#define READY_LIMIT_MS 60000  /* the sidecar may have to compile actions first */
#define CONNECTIONS_MAX 16384 /* nginx allocates them all at once, 7 MB for so many */
#define ARGS_MAX 12
#define MODULE_NAME "ngx_http_socketstream_module.so"

static const char usage[] =
    "usage: socketstream start [--app DIR] [--port N] [--with-parent]\n"
    "\n"
    "  --app DIR      the application; this folder when not given\n"
    "  --port N       where nginx listens; http.port of the configuration when not given\n"
    "  --with-parent  end when the process that started this one ends\n";

enum { ON_INT, ON_TERM, ON_HUP, N_SIGNALS };

typedef struct {
    uv_loop_t loop;
    uv_signal_t signals[N_SIGNALS];
    uv_timer_t poll;
    ss_supervisor_t *supervisor;
    ss_child_t *sidecar;
    ss_child_t *nginx;
    ss_config_t *config;
    ss_rundir_t dir;
    ss_probe_http_t probe;
    uint64_t started_ns;
    unsigned connections;
    bool sidecar_listens;
    bool ready;
    bool on_terminal;
    int status;
    const char *sidecar_args[ARGS_MAX]; /* lent to the supervisor, as all they point to */
    const char *nginx_args[ARGS_MAX];
    char app[PATH_SIZE];
    char public_dir[PATH_SIZE + 16];
    char exe[PATH_SIZE];
    char nginx_binary[PATH_SIZE];
    char module[PATH_SIZE];
} start_t;

static bool complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* One line for the user; always false. */
static bool complain(const char *format, ...) {
    va_list args;

    va_start(args, format);
    fputs("socketstream: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    return false;
}

/* --- what can be wrong before anything is started ------------------------------------------- */

/* The configuration reads the port from the environment, here and in the sidecar. */
static bool set_port(const char *text) {
    char *end;
    long port = strtol(text, &end, 10);

    if (*end != '\0' || port < 1 || port > 65535) {
        return complain("--port must be a number from 1 to 65535, but is \"%.40s\"", text);
    }
    return setenv("SS__http__port", text, 1) == 0;
}

static bool parse_options(start_t *start, int argc, char **argv) {
    static const struct option options[] = {
        {"app", required_argument, NULL, 'a'},
        {"port", required_argument, NULL, 'p'},
        {"with-parent", no_argument, NULL, 'w'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    const char *app = ".";
    int option;

    start->status = SS_EXIT_USAGE;
    while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        switch (option) {
        case 'a':
            app = optarg;
            break;
        case 'p':
            if (!set_port(optarg)) {
                return false;
            }
            break;
        case 'w':
            prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
            break;
        case 'h':
            fputs(usage, stdout);
            start->status = SS_EXIT_OK;
            return false;
        default:
            fputs(usage, stderr);
            return false;
        }
    }
    if (optind < argc) {
        fputs(usage, stderr);
        return false;
    }
    start->status = SS_EXIT_FAILED;
    return realpath(app, start->app) != NULL || complain("%s: %s", app, strerror(errno));
}

/* Paths in the configuration are relative to the application. */
static bool enter_app(start_t *start) {
    struct stat st;
    char error[SS_CONFIG_ERROR_MAX];

    if (chdir(start->app) != 0) {
        return complain("%s: %s", start->app, strerror(errno));
    }
    if (stat("app", &st) != 0 || !S_ISDIR(st.st_mode)) {
        return complain("%s is no SocketStream application, it has no folder app/: start in the "
                        "folder of one, or name it with --app",
                        start->app);
    }
    snprintf(start->public_dir, sizeof(start->public_dir), "%s/public", start->app);
    start->config = ss_config_load(start->app, error);
    return start->config != NULL || complain("%s", error);
}

static bool find_exe(start_t *start) {
    size_t size = sizeof(start->exe);

    return uv_exepath(start->exe, &size) == 0 ||
           complain("cannot find out where this program is: is /proc mounted?");
}

static bool find_nginx(start_t *start) {
    const char *binary = ss_config_string(start->config, "nginx.binary");
    const char *path = getenv("PATH");
    char dirs[PATH_SIZE];
    char name[PATH_SIZE + 256];

    if (strchr(binary, '/') != NULL) {
        return (realpath(binary, start->nginx_binary) != NULL &&
                access(start->nginx_binary, X_OK) == 0) ||
               complain("nginx.binary: %s: %s", binary, strerror(errno));
    }
    snprintf(dirs, sizeof(dirs), "%s:/usr/sbin:/sbin:/usr/local/sbin", path == NULL ? "" : path);
    for (char *dir = dirs, *next; dir != NULL; dir = next) {
        next = strchr(dir, ':');
        if (next != NULL) {
            *next++ = '\0';
        }
        snprintf(name, sizeof(name), "%s/%s", dir, binary);
        if (dir[0] == '/' && access(name, X_OK) == 0) {
            return realpath(name, start->nginx_binary) != NULL || complain("%s: too long", name);
        }
    }
    return complain("%s was not found: install it (apt-get install nginx), or set nginx.binary in "
                    "the configuration",
                    binary);
}

/* Beside the build, below the prefix of the installation, or where the distribution has it. */
static bool find_module(start_t *start) {
    static const char *const places[] = {"/..", "/../lib/nginx/modules"};
    const char *module = ss_config_string(start->config, "nginx.module");
    int dir_len = (int)(strrchr(start->exe, '/') - start->exe);
    char name[PATH_SIZE + 64];

    if (module[0] != '\0') {
        return realpath(module, start->module) != NULL ||
               complain("nginx.module: %s: %s", module, strerror(errno));
    }
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        snprintf(name, sizeof(name), "%.*s%s/" MODULE_NAME, dir_len, start->exe, places[i]);
        if (realpath(name, start->module) != NULL) {
            return true;
        }
    }
    if (realpath("/usr/lib/nginx/modules/" MODULE_NAME, start->module) != NULL) {
        return true;
    }
    return complain(MODULE_NAME " was not found: build it (make module), or set nginx.module in "
                                "the configuration");
}

/* Asked before nginx is, since nginx would try for seconds and then say it five times. */
static bool check_port(start_t *start) {
    const char *host = ss_config_string(start->config, "http.hostname");
    int port = (int)ss_config_integer(start->config, "http.port");
    ss_probe_addr_t addr;
    int reason;

    if (!ss_probe_resolve(&addr, host, port)) {
        return complain("http.hostname: \"%s\" is no address of this machine", host);
    }
    reason = ss_probe_free(&addr);
    switch (reason) {
    case 0:
        break;
    case EADDRINUSE:
        return complain("port %d is in use: end what listens there, or choose another with --port",
                        port);
    case EACCES:
        return complain("port %d needs privileges: choose one above 1023 with --port", port);
    default:
        return complain("cannot listen on %s port %d: %s", host, port, strerror(reason));
    }
    start->probe.addr = addr;
    ss_probe_reachable(&start->probe.addr);
    start->probe.fd = -1;
    return true;
}

/* As many files as this process may have; each client is one in its worker. */
static unsigned raise_file_limit(void) {
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return 512;
    }
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
        getrlimit(RLIMIT_NOFILE, &limit);
    }
    return limit.rlim_cur < CONNECTIONS_MAX ? (unsigned)limit.rlim_cur : CONNECTIONS_MAX;
}

static bool write_nginx_conf(start_t *start) {
    int64_t connections = ss_config_integer(start->config, "nginx.worker_connections");
    unsigned possible = raise_file_limit();
    struct passwd *user = geteuid() == 0 ? getpwuid(0) : NULL;
    ss_nginx_conf_t conf = {
        .config = start->config,
        .module = start->module,
        .public_dir = start->public_dir,
        .socket = start->dir.socket,
        /* Without this, root's workers would become nobody, and could not read a home. */
        .user = user == NULL ? NULL : user->pw_name,
        .connections = connections == 0 ? possible : (unsigned)connections,
    };
    FILE *out = fopen(start->dir.nginx_conf, "we");
    bool ok = out != NULL;

    if (ok) {
        ss_nginx_conf_write(&conf, out);
        ok = ferror(out) == 0;
        ok = fclose(out) == 0 && ok;
    }
    return ok || complain("cannot write %s: %s", start->dir.nginx_conf, strerror(errno));
}

/* --- running --------------------------------------------------------------------------------- */

static bool add_sidecar(start_t *start) {
    /* Readable lines where somebody reads them, JSON where a program does. */
    const char *format = start->on_terminal ? "pretty" : "json";
    const char *args[] = {"socketstream", "sidecar",         "--app",        start->app,
                          "--listen",     start->dir.socket, "--log-format", format};
    ss_child_spec_t spec = {
        .name = "the sidecar",
        .file = start->exe,
        .args = start->sidecar_args,
        .pid_file = start->dir.sidecar_pid,
        .log_file = start->dir.sidecar_log,
        .orphan_signal = SIGKILL,
        .steps = {{SIGTERM, 5000}},
    };

    memcpy(start->sidecar_args, args, sizeof(args)); /* NULL behind them: it was zeroed */
    start->sidecar = ss_supervisor_add(start->supervisor, &spec);
    return start->sidecar != NULL || complain("cannot start the sidecar: %s", strerror(errno));
}

static bool add_nginx(start_t *start) {
    unsigned drain_ms = (unsigned)(1000 * ss_config_number(start->config, "nginx.drain_time"));
    const char *args[] = {"nginx",         "-p", start->dir.path, "-c", start->dir.nginx_conf, "-e",
                          "logs/error.log"};
    ss_child_spec_t spec = {
        .name = "nginx",
        .file = start->nginx_binary,
        .args = start->nginx_args,
        .quiet = true, /* it says all in its error.log; what stops a start is repeated below */
        .marker = "[emerg]",
        .orphan_signal = SIGTERM,
        .steps = {{SIGQUIT, drain_ms + 2000}, {SIGTERM, 1000}},
    };

    memcpy(start->nginx_args, args, sizeof(args));
    start->nginx = ss_supervisor_add(start->supervisor, &spec);
    return start->nginx != NULL || complain("cannot start nginx: %s", strerror(errno));
}

static void stop(start_t *start) {
    uv_timer_stop(&start->poll);
    ss_supervisor_stop(start->supervisor);
}

static void give_up(start_t *start) {
    start->status = SS_EXIT_FAILED;
    stop(start);
}

/* What kept a child from starting the first time ends the whole: it would do so again. */
static void on_ended(void *data, ss_child_t *child, const char *how) {
    start_t *start = data;
    const char *words = ss_child_last_words(child);

    if (start->ready) {
        complain("%s %s; starting it again", ss_child_name(child), how);
        return;
    }
    if (child == start->sidecar) {
        complain("the sidecar %s before it was ready; %s holds what it said", how,
                 start->dir.sidecar_log);
    } else if (strstr(words, "binary compatible") != NULL) {
        complain("the module was built for another nginx: build it anew (make clean module)");
    } else {
        complain("nginx %s before it was ready: %s", how,
                 words[0] == '\0' ? "see .socketstream/logs/error.log" : words);
    }
    give_up(start);
}

static void on_stopped(void *data) {
    start_t *start = data;

    for (int i = 0; i < N_SIGNALS; i++) {
        uv_close((uv_handle_t *)&start->signals[i], NULL);
    }
    uv_close((uv_handle_t *)&start->poll, NULL);
}

static void say_ready(const start_t *start) {
    const char *host = ss_config_string(start->config, "http.hostname");
    bool brackets = strchr(host, ':') != NULL && host[0] != '[';

    if (strcmp(host, "0.0.0.0") == 0) {
        host = "127.0.0.1";
    } else if (strcmp(host, "::") == 0) {
        host = "::1";
    }
    printf("SocketStream %s, %s, process %d (nginx %d, sidecar %d), started in %llu ms\n",
           SS_VERSION, ss_config_env(start->config), (int)getpid(), (int)ss_child_pid(start->nginx),
           (int)ss_child_pid(start->sidecar),
           (unsigned long long)(uv_hrtime() - start->started_ns) / 1000000);
    printf("ready: http://%s%s%s:%d/\n", brackets ? "[" : "", host, brackets ? "]" : "",
           (int)ss_config_integer(start->config, "http.port"));
    fflush(stdout);
}

static void on_poll(uv_timer_t *timer) {
    start_t *start = timer->data;

    start->sidecar_listens = start->sidecar_listens || ss_probe_socket(start->dir.socket);
    if (start->sidecar_listens && ss_probe_http(&start->probe)) {
        start->ready = true;
        uv_timer_stop(timer);
        say_ready(start);
    } else if (uv_hrtime() - start->started_ns > READY_LIMIT_MS * 1000000ull) {
        complain("%s does not answer; see %s/logs",
                 start->sidecar_listens ? "nginx" : "the sidecar", start->dir.path);
        give_up(start);
    }
}

/* A SIGHUP may also mean that the terminal was closed. */
static bool terminal_is_gone(const start_t *start) {
    struct pollfd terminal = {.fd = STDERR_FILENO};

    return start->on_terminal && poll(&terminal, 1, 0) == 1 && (terminal.revents & POLLHUP) != 0;
}

static void on_signal(uv_signal_t *handle, int number) {
    start_t *start = handle->data;

    if (number == SIGHUP && !terminal_is_gone(start)) {
        ss_child_signal(start->nginx, SIGHUP);
        return;
    }
    stop(start); /* the second time it hurries */
}

static void watch_signals(start_t *start) {
    static const int numbers[N_SIGNALS] = {SIGINT, SIGTERM, SIGHUP};

    signal(SIGPIPE, SIG_IGN);
    for (int i = 0; i < N_SIGNALS; i++) {
        uv_signal_init(&start->loop, &start->signals[i]);
        start->signals[i].data = start;
        uv_signal_start(&start->signals[i], on_signal, numbers[i]);
    }
    uv_timer_init(&start->loop, &start->poll);
    start->poll.data = start;
}

static bool run(start_t *start) {
    ss_supervisor_events_t events = {.ended = on_ended, .stopped = on_stopped, .data = start};

    uv_loop_init(&start->loop);
    start->supervisor = ss_supervisor_create(&start->loop, &events);
    if (start->supervisor == NULL) {
        return complain("cannot supervise processes: no memory, or no /proc");
    }
    watch_signals(start);
    start->status = SS_EXIT_OK;
    if (add_sidecar(start) && add_nginx(start)) {
        uv_timer_start(&start->poll, on_poll, 0, READY_POLL_MS);
    } else {
        give_up(start);
    }
    uv_run(&start->loop, UV_RUN_DEFAULT);
    uv_loop_close(&start->loop);
    ss_probe_http_finish(&start->probe);
    ss_supervisor_destroy(start->supervisor);
    return start->status == SS_EXIT_OK;
}

int ss_cmd_start(int argc, char **argv) {
    start_t *start = calloc(1, sizeof(*start));
    char error[SS_RUNDIR_ERROR_MAX];
    int status;

    if (start == NULL) {
        return SS_EXIT_FAILED;
    }
    start->started_ns = uv_hrtime();
    start->on_terminal = isatty(STDERR_FILENO) == 1;
    if (parse_options(start, argc, argv) && enter_app(start) && find_exe(start) &&
        find_nginx(start) && find_module(start)) {
        if (!ss_rundir_open(&start->dir, start->app, error)) {
            complain("%s", error);
        } else {
            if (check_port(start) && write_nginx_conf(start)) {
                run(start);
            }
            ss_rundir_close(&start->dir);
        }
    }
    status = start->status;
    ss_config_destroy(start->config);
    free(start);
    return status;
}
