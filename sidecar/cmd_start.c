/* SPDX-License-Identifier: MIT
 *
 * `socketstream start`: runs an application here until it is told to end: nginx, the sidecar, and
 * unless one is configured a Redis; or several nodes of nginx and sidecar behind a balancer.
 *
 * In development and tests the asset packer, too.
 *
 * Owns the order of things: look at everything that can be wrong before anything is started, start
 * all, wait until all answer, say so once, and at the end leave nothing running.  The parts are
 * elsewhere: start_checks, start_children, start_packer, config, rundir, nginx_conf, supervisor,
 * probe.
 */
#include "cmd.h"

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "include/socketstream.h"
#include "redis.h"
#include "redis_options.h"
#include "start.h"

#define READY_POLL_MS 5
#define READY_LIMIT_MS 60000 /* the sidecar may have to compile actions first */

#define complain ss_start_complain

static const char usage[] =
    "usage: socketstream start [--app DIR] [--port N] [--nodes N] [--with-parent]\n"
    "\n"
    "  --app DIR      the application; this folder when not given\n"
    "  --port N       where nginx listens; http.port of the configuration when not given\n"
    "  --nodes N      so many nodes of nginx and sidecar, at the ports behind that one, and a\n"
    "                 balancer before them\n"
    "  --with-parent  end when the process that started this one ends\n";

bool ss_start_complain(const char *format, ...) {
    va_list args;

    va_start(args, format);
    fputs("socketstream: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    return false;
}

/* The configuration reads the port from the environment, here and in the sidecar. */
static bool set_port(const char *text) {
    char *end;
    long port = strtol(text, &end, 10);

    if (*end != '\0' || port < 1 || port > 65535) {
        return complain("--port must be a number from 1 to 65535, but is \"%.40s\"", text);
    }
    return setenv("SS__http__port", text, 1) == 0;
}

static bool set_nodes(ss_start_t *start, const char *text) {
    char *end;
    long nodes = strtol(text, &end, 10);

    if (*end != '\0' || end == text || nodes < 1 || nodes > SS_NODES_MAX) {
        return complain("--nodes must be a number from 1 to %d, but is \"%.40s\"", SS_NODES_MAX,
                        text);
    }
    start->n_nodes = (unsigned)nodes;
    return true;
}

static bool parse_options(ss_start_t *start, int argc, char **argv) {
    static const struct option options[] = {
        {"app", required_argument, NULL, 'a'},   {"port", required_argument, NULL, 'p'},
        {"nodes", required_argument, NULL, 'n'}, {"with-parent", no_argument, NULL, 'w'},
        {"help", no_argument, NULL, 'h'},        {0},
    };
    const char *app = ".";
    int option;

    start->status = SS_EXIT_USAGE;
    start->n_nodes = 1;
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
        case 'n':
            if (!set_nodes(start, optarg)) {
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

/* What is wrong with a place is told here, once, and not by each sidecar. */
static bool check_redis(const char *name, const json_t *config) {
    ss_redis_options_t options;
    ss_buf_t error = {0};
    bool ok = ss_redis_options_init(&options, name, config, &error) ||
              complain("%s", ss_buf_string(&error));

    ss_redis_options_finish(&options);
    ss_buf_free(&error);
    return ok;
}

static bool look_at_redis(ss_start_t *start) {
    const json_t *redis = ss_config_get(start->config, "redis");
    const json_t *pubsub = ss_config_get(start->config, "redis_pubsub");

    start->private_redis = !ss_redis_is_configured(redis);
    return (start->private_redis || check_redis("redis", redis)) &&
           (!ss_redis_is_configured(pubsub) || check_redis("redis_pubsub", pubsub));
}

/* Paths in the configuration are relative to the application. */
static bool enter_app(ss_start_t *start) {
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
    if (start->config == NULL) {
        return complain("%s", error);
    }
    return look_at_redis(start);
}

/* --- running --------------------------------------------------------------------------------- */

static void stop(ss_start_t *start) {
    uv_timer_stop(&start->poll);
    ss_supervisor_stop(start->supervisor);
}

static void give_up(ss_start_t *start) {
    start->status = SS_EXIT_FAILED;
    stop(start);
}

/* What kept a child from starting the first time ends the whole: it would do so again. */
static void on_ended(void *data, ss_child_t *child, const char *how) {
    ss_start_t *start = data;
    const char *name = ss_child_name(child);
    const char *words = ss_child_last_words(child);

    if (start->stage == SS_START_READY) {
        complain("%s %s; starting it again", name, how);
        return;
    }
    for (unsigned i = 0; i < start->n_nodes; i++) {
        if (child == start->nodes[i].sidecar) {
            complain("%s %s before it was ready; %s holds what it said", name, how,
                     start->dir.nodes[i].sidecar_log);
            give_up(start);
            return;
        }
    }
    if (child == start->redis) {
        complain("%s %s before it was ready; %s holds what it said", name, how,
                 start->dir.redis_log);
    } else if (strstr(words, "binary compatible") != NULL) {
        complain("the module was built for another nginx: build it anew (make clean module)");
    } else if (words[0] != '\0') {
        complain("%s %s before it was ready: %s", name, how, words);
    } else {
        complain("%s %s before it was ready: see its error.log in %s", name, how, start->dir.path);
    }
    give_up(start);
}

static void on_stopped(void *data) {
    ss_start_t *start = data;

    for (int i = 0; i < SS_START_SIGNALS; i++) {
        uv_close((uv_handle_t *)&start->signals[i], NULL);
    }
    uv_close((uv_handle_t *)&start->poll, NULL);
}

static void say_node(const ss_start_node_t *node) {
    printf("nginx %d, sidecar %d", (int)ss_child_pid(node->nginx),
           (int)ss_child_pid(node->sidecar));
}

static void say_ready(const ss_start_t *start) {
    const char *host = ss_config_string(start->config, "http.hostname");
    bool brackets = strchr(host, ':') != NULL && host[0] != '[';

    if (strcmp(host, "0.0.0.0") == 0) {
        host = "127.0.0.1";
    } else if (strcmp(host, "::") == 0) {
        host = "::1";
    }
    printf("SocketStream %s, %s, process %d (", SS_VERSION, ss_config_env(start->config),
           (int)getpid());
    if (start->balancer != NULL) {
        printf("balancer %d", (int)ss_child_pid(start->balancer));
    } else {
        say_node(&start->nodes[0]);
    }
    if (start->redis != NULL) {
        printf(", redis %d", (int)ss_child_pid(start->redis));
    }
    if (start->packer != NULL) {
        printf(", packer %d", (int)ss_child_pid(start->packer));
    }
    printf("), started in %llu ms\n",
           (unsigned long long)(uv_hrtime() - start->started_ns) / 1000000);
    if (start->redis != NULL) {
        printf("redis: private to this application, with its data in %s/\n", start->dir.redis_dir);
    }
    for (unsigned i = 0; start->balancer != NULL && i < start->n_nodes; i++) {
        printf("node %u: http://127.0.0.1:%d/ (", i + 1, start->nodes[i].port);
        say_node(&start->nodes[i]);
        puts(")");
    }
    printf("ready: http://%s%s%s:%d/\n", brackets ? "[" : "", host, brackets ? "]" : "",
           (int)ss_config_integer(start->config, "http.port"));
    fflush(stdout);
}

static bool sidecars_listen(const ss_start_t *start) {
    for (unsigned i = 0; i < start->n_nodes; i++) {
        if (!ss_probe_socket(start->dir.nodes[i].socket)) {
            return false;
        }
    }
    return true;
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
        if (sidecars_listen(start)) {
            start->stage = SS_START_HTTP;
        }
        return start->stage == SS_START_HTTP;
    case SS_START_HTTP:
        if (all_answer(start)) {
            start->stage = SS_START_PACKING;
        }
        return start->stage == SS_START_PACKING;
    case SS_START_PACKING:
        if (ss_start_is_packed(start)) {
            start->stage = SS_START_READY;
            uv_timer_stop(&start->poll);
            say_ready(start);
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

static void on_signal(uv_signal_t *handle, int number) {
    ss_start_t *start = handle->data;

    if (number == SIGHUP && !terminal_is_gone(start)) {
        for (unsigned i = 0; i < start->n_nodes; i++) {
            ss_child_signal(start->nodes[i].nginx, SIGHUP);
        }
        return;
    }
    stop(start); /* the second time it hurries */
}

static void watch_signals(ss_start_t *start) {
    static const int numbers[SS_START_SIGNALS] = {SIGINT, SIGTERM, SIGHUP};

    signal(SIGPIPE, SIG_IGN);
    for (int i = 0; i < SS_START_SIGNALS; i++) {
        uv_signal_init(&start->loop, &start->signals[i]);
        start->signals[i].data = start;
        uv_signal_start(&start->signals[i], on_signal, numbers[i]);
    }
    uv_timer_init(&start->loop, &start->poll);
    start->poll.data = start;
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

int ss_cmd_start(int argc, char **argv) {
    ss_start_t *start = calloc(1, sizeof(*start));
    char error[SS_RUNDIR_ERROR_MAX];
    int status;

    if (start == NULL) {
        return SS_EXIT_FAILED;
    }
    start->started_ns = uv_hrtime();
    start->on_terminal = isatty(STDERR_FILENO) == 1;
    start->probe.fd = -1;
    if (parse_options(start, argc, argv) && enter_app(start) && ss_start_check_packer(start) &&
        ss_start_find(start)) {
        if (!ss_rundir_open(&start->dir, start->app, start->n_nodes, error)) {
            complain("%s", error);
        } else {
            if (ss_start_check_ports(start) && ss_start_write_confs(start)) {
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
