/* SPDX-License-Identifier: MIT
 *
 * `socketstream start`: runs an application here until it is told to end: nginx, the sidecar, and
 * unless one is configured a Redis; or several nodes of nginx and sidecar behind a balancer.
 *
 * In development and tests the asset packer, too.
 *
 * Owns the order of things: look at everything that can be wrong before anything is started, start
 * all, wait until all answer, say so once, and at the end leave nothing running.  The parts are
 * elsewhere: start_checks, start_redis, start_children, start_packer, start_middleware,
 * start_banner, config, rundir, nginx_conf, supervisor, probe.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "api_options.h"
#include "args.h"
#include "loading.h"
#include "start.h"

#define READY_POLL_MS 5
#define READY_LIMIT_MS 60000 /* the sidecar may have to compile actions first */

#define complain ss_start_complain

bool ss_start_complain(const char *format, ...) {
    va_list args;

    va_start(args, format);
    fputs("socketstream: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    return false;
}

static bool read_options(ss_start_t *start, const ss_args_t *args) {
    char text[16];
    long port = 0;
    long nodes = 1;

    _Static_assert(sizeof(start->app) >= sizeof(args->app), "it is copied");
    strcpy(start->app, args->app);
    start->status = SS_EXIT_USAGE;
    if (!ss_args_number(args, "port", 1, 65535, &port) ||
        !ss_args_number(args, "nodes", 1, SS_NODES_MAX, &nodes)) {
        return false;
    }
    start->prints = ss_args_get(args, "print-nginx-conf") != NULL;
    if (start->prints && nodes > 1) {
        return complain("--print-nginx-conf prints that of one node: leave out --nodes, and see "
                        "conf_examples/load-balancer.conf");
    }
    start->status = SS_EXIT_FAILED;
    start->n_nodes = (unsigned)nodes;
    if (ss_args_get(args, "with-parent") != NULL) {
        prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
    }
    /* The configuration reads the port from the environment, here and in the sidecar. */
    snprintf(text, sizeof(text), "%ld", port);
    return port == 0 || setenv("SS__http__port", text, 1) == 0;
}

bool ss_start_paints(const ss_start_t *start, int fd) {
    return ss_config_boolean(start->config, "enable_color") && ss_log_paintable(fd);
}

static bool read_log_format(ss_start_t *start) {
    const char *format = ss_config_string(start->config, "log.format");

    return ss_log_format(format, &start->log_format) || complain(SS_LOG_FORMAT_REFUSED, format);
}

/* Paths in the configuration are relative to the application. */
static bool enter_app(ss_start_t *start) {
    char error[SS_CONFIG_ERROR_MAX];
    ss_api_options_t api;

    if (chdir(start->app) != 0) {
        return complain("%s: %s: give yourself access to it", start->app, strerror(errno));
    }
    /* It stands in directives that know variables, and nginx has no way to write a $ there. */
    if (strchr(start->app, '$') != NULL) {
        return complain("%s: nginx would take the $ in that name for a variable: rename the folder",
                        start->app);
    }
    if (!ss_start_check_app(start)) {
        return false;
    }
    snprintf(start->public_dir, sizeof(start->public_dir), "%s/public", start->app);
    snprintf(start->static_dir, sizeof(start->static_dir), "%s/static", start->app);
    start->config = ss_config_load(start->app, error);
    if (start->config == NULL || !ss_api_options_read(&api, start->config, error)) {
        return complain("%s", error);
    }
    start->paints = ss_start_paints(start, STDOUT_FILENO);
    return read_log_format(start);
}

/* --- running --------------------------------------------------------------------------------- */

static void stop(ss_start_t *start) {
    uv_timer_stop(&start->poll);
    uv_timer_stop(&start->look);
    ss_supervisor_release(start->supervisor);
    ss_supervisor_stop(start->supervisor);
}

/* Why has been said; how the others end is nobody's question any more. */
static void give_up(ss_start_t *start) {
    start->status = SS_EXIT_FAILED;
    ss_supervisor_hush(start->supervisor);
    stop(start);
}

static ss_start_node_t *node_of(ss_start_t *start, const ss_child_t *sidecar) {
    for (unsigned i = 0; i < start->n_nodes; i++) {
        if (start->nodes[i].sidecar == sidecar) {
            return &start->nodes[i];
        }
    }
    return NULL;
}

static void tell_restart(ss_start_t *start, const ss_child_t *child, const char *how) {
    ss_start_node_t *node = node_of(start, child);
    unsigned ends = ss_child_ends(child);

    if (node != NULL && node->anew) {
        node->anew = false; /* we said so */
    } else if (ends == 1) {
        complain("%s %s; starting it again", ss_child_name(child), how);
    } else {
        complain("%s %s, %u times in a row; starting it again in %u ms", ss_child_name(child), how,
                 ends, ss_child_pause_ms(child));
    }
}

/* Why the sidecar cannot listen, as it says itself: one line, and what belongs to it behind. */
static void tell_sidecar_failure(const ss_rundir_node_t *node, const ss_child_t *child,
                                 const char *how) {
    json_t *state = json_load_file(node->sidecar_state, 0, NULL);
    const char *failure = json_string_value(json_object_get(state, "failure"));
    const char *name = ss_child_name(child);
    const char *words = ss_child_last_words(child);
    const char *last = strstr(words, SS_LOADING_MARK);

    if (failure == NULL && last == words) {
        complain("%s %s before it was ready: %s", name, how, last + strlen(SS_LOADING_MARK));
    } else if (failure == NULL) {
        complain("%s %s before it was ready; %s holds what it said", name, how, node->sidecar_log);
    } else {
        char *text = ss_copy(failure, strlen(failure));
        size_t len = strlen(text);

        while (len != 0 && text[len - 1] == '\n') {
            text[--len] = '\0';
        }
        for (char *c = text; *c != '\0'; c++) {
            if ((unsigned char)*c < ' ' && *c != '\n' && *c != '\t') {
                *c = ' ';
            }
        }
        complain("%s %s before it was ready: %s", name, how, text);
        free(text);
    }
    json_decref(state);
}

/* Without the number, the time and the mark that Redis puts before each line. */
static const char *redis_words(const char *line) {
    const char *mark = strpbrk(line, "#*");

    return line[strspn(line, "0123456789")] == ':' && mark != NULL && mark[1] == ' ' ? mark + 2
                                                                                     : line;
}

static void tell_redis_failure(const ss_start_t *start, const char *how) {
    const char *words = redis_words(ss_child_last_words(start->redis));

    complain("redis %s before it was ready; %s%s%s holds what it said", how, words,
             *words == '\0' ? "" : "; ", start->dir.redis_log);
}

static void tell_nginx_failure(const ss_start_t *start, const ss_child_t *child, const char *how) {
    const char *name = ss_child_name(child);
    const char *words = ss_child_last_words(child);

    if (strstr(words, "binary compatible") != NULL ||
        (strstr(words, "module \"") != NULL && strstr(words, " instead of ") != NULL)) {
        complain("the module was built for another nginx: build it anew (make clean module)");
    } else if (words[0] != '\0') {
        complain("%s %s before it was ready: %s%s", name, how, words,
                 strstr(words, "dlopen()") == NULL
                     ? ""
                     : ": correct nginx.module, or build it anew (make clean module)");
    } else {
        complain("%s %s before it was ready: see its error.log in %s", name, how, start->dir.path);
    }
}

/* What kept a child from starting the first time ends the whole: it would do so again. */
static void on_ended(void *data, ss_child_t *child, const char *how) {
    ss_start_t *start = data;
    const ss_start_node_t *node;

    if (start->stage == SS_START_READY) {
        tell_restart(start, child, how);
        return;
    }
    node = node_of(start, child);
    if (node != NULL) {
        tell_sidecar_failure(&start->dir.nodes[node - start->nodes], child, how);
    } else if (child == start->redis) {
        tell_redis_failure(start, how);
    } else {
        tell_nginx_failure(start, child, how);
    }
    give_up(start);
}

static void on_stopped(void *data) {
    ss_start_t *start = data;

    for (int i = 0; i < SS_START_SIGNALS; i++) {
        uv_close((uv_handle_t *)&start->signals[i], NULL);
    }
    uv_close((uv_handle_t *)&start->poll, NULL);
    uv_close((uv_handle_t *)&start->look, NULL);
}

/* The nodes' ports one after the other, the one of users last. */
static bool all_answer(ss_start_t *start) {
    unsigned nodes = start->n_nodes == 1 ? 0 : start->n_nodes;

    if (start->answered > nodes) {
        return true;
    }
    if (start->probe.fd == -1) {
        start->probe.addr = start->front;
        if (start->answered < nodes) {
            ss_probe_resolve(&start->probe.addr, "127.0.0.1", start->nodes[start->answered].port);
        }
    }
    if (ss_probe_http(&start->probe)) {
        start->answered++;
    }
    return start->answered > nodes;
}

/* An nginx that is being started would be ended by the signal, or read half a configuration. */
static void take_configuration_anew(ss_start_t *start) {
    start->renews = start->stage != SS_START_READY;
    if (!start->renews && ss_start_renew_https(start)) {
        ss_start_signal_nginx(start, SIGHUP);
    }
}

static void become_ready(ss_start_t *start) {
    start->stage = SS_START_READY;
    uv_timer_stop(&start->poll);
    ss_start_say_ready(start);
    ss_start_watch_middleware(start);
    if (start->renews) {
        take_configuration_anew(start);
    }
}

/* One stage further, if that is possible now. */
static bool advance(ss_start_t *start) {
    switch (start->stage) {
    case SS_START_REDIS:
        if (start->private_redis && !ss_probe_socket(start->dir.redis_socket)) {
            return false;
        }
        if (!ss_start_add_nodes(start)) {
            give_up(start);
            return false;
        }
        start->stage = SS_START_SIDECARS;
        return true;
    case SS_START_SIDECARS:
        if (ss_start_sidecars_listen(start)) {
            start->stage = SS_START_HTTP;
        }
        return start->stage == SS_START_HTTP;
    case SS_START_HTTP:
        if (all_answer(start)) {
            start->stage = SS_START_PACKING;
            ss_supervisor_release(start->supervisor);
        }
        return start->stage == SS_START_PACKING;
    case SS_START_PACKING:
        if (ss_start_is_packed(start)) {
            become_ready(start);
        }
        return false;
    case SS_START_READY:
        break;
    }
    return false;
}

static void on_poll(uv_timer_t *timer) {
    static const char *const what[] = {"redis", "the sidecar", "nginx", "the packer"};
    ss_start_t *start = timer->data;

    while (advance(start)) {
    }
    if (start->stage != SS_START_READY &&
        uv_hrtime() - start->started_ns > READY_LIMIT_MS * 1000000ull) {
        complain("%s does not answer; see %s/logs", what[start->stage], start->dir.path);
        give_up(start);
    }
}

/* A SIGHUP may also mean that the terminal was closed. */
static bool terminal_is_gone(const ss_start_t *start) {
    struct pollfd terminal = {.fd = STDERR_FILENO};

    return start->on_terminal && poll(&terminal, 1, 0) == 1 && (terminal.revents & POLLHUP) != 0;
}

/* What sidecars, Redis and the packer write comes through us.  An nginx that is being started would
 * be ended by the signal, and opens its logs anyhow. */
static void reopen_logs(const ss_start_t *start) {
    ss_supervisor_reopen(start->supervisor);
    if (start->stage == SS_START_READY) {
        ss_start_signal_nginx(start, SIGUSR1);
    }
    complain("the logs are opened anew");
}

static void on_signal(uv_signal_t *handle, int number) {
    ss_start_t *start = handle->data;

    if (number == SIGHUP && !terminal_is_gone(start)) {
        take_configuration_anew(start);
    } else if (number == SIGUSR1) {
        reopen_logs(start);
    } else {
        stop(start); /* the second time it hurries */
    }
}

static const int signal_numbers[SS_START_SIGNALS] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1};

/* From the moment on at which our number stands in the lock, signals are for us to handle: until we
 * can, they wait. */
static void hold_signals(int how) {
    sigset_t set;

    sigemptyset(&set);
    for (int i = 0; i < SS_START_SIGNALS; i++) {
        sigaddset(&set, signal_numbers[i]);
    }
    sigprocmask(how, &set, NULL);
}

static void watch_signals(ss_start_t *start) {
    signal(SIGPIPE, SIG_IGN);
    for (int i = 0; i < SS_START_SIGNALS; i++) {
        uv_signal_init(&start->loop, &start->signals[i]);
        start->signals[i].data = start;
        uv_signal_start(&start->signals[i], on_signal, signal_numbers[i]);
    }
    hold_signals(SIG_UNBLOCK);
    uv_timer_init(&start->loop, &start->poll);
    uv_timer_init(&start->loop, &start->look);
    start->poll.data = start;
    start->look.data = start;
}

static bool run(ss_start_t *start) {
    ss_supervisor_events_t events = {.ended = on_ended, .stopped = on_stopped, .data = start};

    uv_loop_init(&start->loop);
    start->supervisor = ss_supervisor_create(&start->loop, &events);
    if (start->supervisor == NULL) {
        return complain("cannot supervise processes: no memory, or no /proc");
    }
    watch_signals(start);
    start->status = SS_EXIT_OK;
    if ((!start->private_redis || ss_start_add_redis(start)) &&
        (!start->packs || ss_start_add_packer(start))) {
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

static void run_app(ss_start_t *start) {
    char error[SS_RUNDIR_ERROR_MAX];

    hold_signals(SIG_BLOCK);
    if (!ss_rundir_open(&start->dir, start->app, start->n_nodes,
                        (int)ss_config_integer(start->config, "http.port"), error)) {
        complain("%s", error);
        return;
    }
    if (ss_start_check_ports(start) && ss_start_open_https(start) && ss_start_write_confs(start)) {
        run(start);
    }
    ss_rundir_close(&start->dir);
}

static void print_conf(ss_start_t *start) {
    char error[SS_RUNDIR_ERROR_MAX];

    if (!ss_rundir_name(&start->dir, start->app, error)) {
        complain("%s", error);
    } else if (ss_start_open_https(start)) {
        ss_start_print_conf(start, stdout);
        start->status = SS_EXIT_OK;
    }
}

static int run_command(const ss_args_t *args) {
    ss_start_t *start = calloc(1, sizeof(*start));
    int status;

    if (start == NULL) {
        return SS_EXIT_FAILED;
    }
    start->started_ns = uv_hrtime();
    start->on_terminal = isatty(STDERR_FILENO) == 1;
    start->probe.fd = -1;
    if (!read_options(start, args) || !enter_app(start) || !ss_start_check_middleware(start)) {
        /* It was said what is wrong. */
    } else if (start->prints) {
        start->private_redis = false;
        if (ss_start_find(start)) {
            print_conf(start);
        }
    } else if (ss_start_check_packer(start) && ss_start_check_redis(start) &&
               ss_start_find(start) && ss_start_check_node(start)) {
        run_app(start);
    }
    status = start->status;
    ss_https_close(&start->https);
    ss_config_destroy(start->config);
    free(start);
    return status;
}

const ss_command_t ss_command_start = {
    .name = "start",
    .alias = "s",
    .summary = "run the application in this folder: nginx and the sidecar",
    .about = "Runs the application: nginx, the sidecar and what else it needs, until Ctrl-C or "
             "SIGTERM. SIGHUP makes nginx load its configuration and certificates anew.",
    .needs_app = true,
    .options =
        {
            SS_OPTION_APP,
            {.name = "port",
             .argument = "N",
             .meaning = "where nginx listens; http.port of the configuration when not given"},
            {.name = "nodes",
             .argument = "N",
             .meaning = "so many nodes of nginx and sidecar, at the ports behind that one, and a "
                        "balancer before them"},
            {.name = "with-parent", .meaning = "end when the process that started this one ends"},
            {.name = "print-nginx-conf",
             .meaning = "print nginx's configuration, for an nginx of your own, and start "
                        "nothing"},
        },
    .examples =
        {
            {"socketstream start", "the application in this folder, for development"},
            {"SS_ENV=production socketstream start --app /srv/chat --port 8080",
             "another one, as its users get it"},
        },
    .run = run_command,
};
