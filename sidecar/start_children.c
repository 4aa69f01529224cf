/* SPDX-License-Identifier: MIT
 *
 * What `socketstream start` runs: see start.h.
 *
 * What is added first ends last.  Redis goes first, so that a sidecar can save its sessions to the
 * end; then the balancer, so that its clients get the close frames of the nodes before it goes.
 */
#include "start.h"

#include <errno.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "loading.h"
#include "nginx_conf.h"
#include "shell_word.h"

/* Beyond the time to drain: nginx before 1.25.4 takes a TERM on top of a QUIT for sockets
 * forgotten, and says so by an alert. */
#define QUIT_MS 5000
#define CONNECTIONS_MAX 16384 /* nginx allocates them all at once, 7 MB for so many */

#define complain ss_start_complain

/* --- configurations -------------------------------------------------------------------------- */

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

typedef void (*write_fn)(const ss_nginx_conf_t *conf, FILE *out);

/* Under another name first: on a full disk the former one stays, and an nginx that crashes starts
 * with it. */
static bool write_conf(const char *path, const ss_nginx_conf_t *conf, write_fn write) {
    char fresh[SS_RUNDIR_PATH_MAX + 8];
    FILE *out;
    bool ok;

    snprintf(fresh, sizeof(fresh), "%s.new", path);
    out = fopen(fresh, "we");
    ok = out != NULL;
    if (ok) {
        write(conf, out);
        ok = ferror(out) == 0;
        ok = fclose(out) == 0 && ok;
        ok = ok && rename(fresh, path) == 0;
    }
    if (!ok) {
        complain("cannot write %s: %s; %s", path, strerror(errno), ss_rundir_remedy(errno));
        unlink(fresh);
    }
    return ok;
}

static unsigned count_connections(const ss_config_t *config) {
    unsigned possible = raise_file_limit();
    int64_t configured = ss_config_integer(config, "nginx.worker_connections");

    return configured == 0 ? possible : (unsigned)configured;
}

/* What all have in common. */
static ss_nginx_conf_t common_conf(ss_start_t *start) {
    /* Without this, root's workers would become nobody, and could not read a home. */
    struct passwd *user = geteuid() == 0 || start->prints ? getpwuid(geteuid()) : NULL;

    start->connections = count_connections(start->config);
    return (ss_nginx_conf_t){
        .config = start->config,
        .https = start->https.cert == NULL ? NULL : &start->https,
        .http2_directive = ss_start_has_http2_directive(start),
        .module = start->module,
        .public_dir = start->public_dir,
        .static_dir = start->static_dir,
        .user = user == NULL ? NULL : user->pw_name,
        .connections = start->connections,
        .host = ss_config_string(start->config, "http.hostname"),
        .port = (int)ss_config_integer(start->config, "http.port"),
    };
}

bool ss_start_write_confs(ss_start_t *start) {
    ss_nginx_conf_t conf = common_conf(start);
    bool ok = true;

    if (start->n_nodes > 1) {
        conf.n_nodes = start->n_nodes;
        conf.first_node_port = start->nodes[0].port;
        ok = write_conf(start->dir.balancer.nginx_conf, &conf, ss_nginx_conf_write_balancer);
        conf.host = "127.0.0.1";
        conf.https = NULL;
    }
    for (unsigned i = 0; i < start->n_nodes; i++) {
        conf.socket = start->dir.nodes[i].socket;
        conf.http_socket = start->middleware ? start->dir.nodes[i].http_socket : NULL;
        conf.port = start->nodes[i].port;
        ok = ok && write_conf(start->dir.nodes[i].nginx_conf, &conf, ss_nginx_conf_write);
    }
    return ok;
}

void ss_start_print_conf(ss_start_t *start, FILE *out) {
    ss_nginx_conf_t conf = common_conf(start);
    ss_buf_t app = {0};
    ss_buf_t socket = {0};
    ss_buf_t http_socket = {0};

    conf.base = start->dir.path;
    conf.socket = start->dir.nodes[0].socket;
    conf.http_socket = start->middleware ? start->dir.nodes[0].http_socket : NULL;
    ss_shell_word(&app, start->app);
    ss_shell_word(&socket, conf.socket);
    if (start->middleware) {
        ss_shell_word(&http_socket, conf.http_socket);
    }
    fprintf(out,
            "# Made by `socketstream start --print-nginx-conf` for an nginx of your own.  The\n"
            "# sidecar for it:\n"
            "#   socketstream sidecar --app %s \\\n"
            "#       --listen %s%s%s\n",
            ss_buf_string(&app), ss_buf_string(&socket),
            start->middleware ? " \\\n#       --http-listen " : "", ss_buf_string(&http_socket));
    ss_nginx_conf_write(&conf, out);
    ss_buf_free(&app);
    ss_buf_free(&socket);
    ss_buf_free(&http_socket);
}

/* --- Redis ----------------------------------------------------------------------------------- */

/* Nobody but us can reach it, and it keeps what it is told. */
bool ss_start_add_redis(ss_start_t *start) {
    const ss_rundir_t *dir = &start->dir;
    const char *args[] = {"redis-server",
                          "--port",
                          "0",
                          "--unixsocket",
                          dir->redis_socket,
                          "--unixsocketperm",
                          "700",
                          "--dir",
                          dir->redis_dir,
                          "--appendonly",
                          "yes",
                          "--save",
                          "",
                          "--daemonize",
                          "no"};
    ss_child_spec_t spec = {
        .name = "redis",
        .file = start->redis_binary,
        .args = start->redis_args,
        .pid_file = dir->redis_pid,
        .log_file = dir->redis_log,
        .quiet = true,
        .orphan_signal = SIGTERM,
        .steps = {{SIGTERM, 5000}},
    };

    if (mkdir(dir->redis_dir, 0700) != 0 && errno != EEXIST) {
        return complain("cannot make the folder %s: %s", dir->redis_dir, strerror(errno));
    }
    memcpy(start->redis_args, args, sizeof(args)); /* NULL behind them: it was zeroed */
    start->redis = ss_supervisor_add(start->supervisor, &spec);
    return start->redis != NULL || complain("cannot start redis: %s", strerror(errno));
}

/* --- nodes ----------------------------------------------------------------------------------- */

/* Unless the configuration says: readable lines where somebody reads them, JSON where a program
 * does, and in production, whose logs are kept. */
static bool is_pretty(const ss_start_t *start) {
    if (start->log_format != SS_LOG_FORMAT_AUTO) {
        return start->log_format == SS_LOG_FORMAT_PRETTY;
    }
    return start->on_terminal && strcmp(ss_config_env(start->config), "production") != 0;
}

static bool add_sidecar(ss_start_t *start, ss_start_node_t *node, const ss_rundir_node_t *dir) {
    const char *format = is_pretty(start) ? "pretty" : "json";
    const char *args[] = {"socketstream", "sidecar",   "--app",         start->app,
                          "--listen",     dir->socket, "--http-listen", dir->http_socket,
                          "--log-format", format,      "--pid-dir",     dir->path};
    size_t n_args = sizeof(args) / sizeof(args[0]);
    ss_child_spec_t spec = {
        .name = node->sidecar_name,
        .file = start->exe,
        .args = node->sidecar_args,
        .pid_file = dir->sidecar_pid,
        .log_file = dir->sidecar_log,
        .marker = SS_LOADING_MARK,
        .held = true, /* should it not start, why is said in one line */
        .colored = is_pretty(start) && ss_start_paints(start, STDERR_FILENO),
        .orphan_signal = SIGKILL,
        .steps = {{SIGTERM, 5000}},
    };

    memcpy(node->sidecar_args, args, sizeof(args));
    if (spec.colored) {
        node->sidecar_args[n_args++] = "--log-color";
    }
    node->sidecar = ss_supervisor_add(start->supervisor, &spec);
    return node->sidecar != NULL || complain("cannot start the sidecar: %s", strerror(errno));
}

static ss_child_t *add_nginx(ss_start_t *start, const char *name, const ss_rundir_node_t *dir,
                             const char **args_place) {
    unsigned drain_ms = (unsigned)(1000 * ss_config_number(start->config, "nginx.drain_time"));
    const char *args[] = {"nginx", "-p", dir->path, "-c", dir->nginx_conf, "-e", "logs/error.log"};
    ss_child_spec_t spec = {
        .name = name,
        .file = start->nginx_binary,
        .args = args_place,
        .quiet = true, /* it says all in its error.log; what stops a start is repeated */
        .marker = "[emerg]",
        .orphan_signal = SIGTERM,
        .steps = {{SIGQUIT, drain_ms + QUIT_MS}, {SIGTERM, 1000}},
    };
    ss_child_t *child;

    memcpy(args_place, args, sizeof(args));
    child = ss_supervisor_add(start->supervisor, &spec);
    if (child == NULL) {
        complain("cannot start %s: %s", name, strerror(errno));
    }
    return child;
}

static bool add_node(ss_start_t *start, unsigned i) {
    ss_start_node_t *node = &start->nodes[i];
    const ss_rundir_node_t *dir = &start->dir.nodes[i];

    if (start->n_nodes == 1) {
        strcpy(node->sidecar_name, "the sidecar");
        strcpy(node->nginx_name, "nginx");
    } else {
        snprintf(node->sidecar_name, sizeof(node->sidecar_name), "the sidecar of node %u", i + 1);
        snprintf(node->nginx_name, sizeof(node->nginx_name), "nginx of node %u", i + 1);
    }
    if (!add_sidecar(start, node, dir)) {
        return false;
    }
    node->nginx = add_nginx(start, node->nginx_name, dir, node->nginx_args);
    return node->nginx != NULL;
}

/* Sidecars find the private Redis, too, by their configuration. */
static void tell_redis(const ss_start_t *start) {
    if (start->private_redis) {
        setenv("SS__redis__socket", start->dir.redis_socket, 1);
        setenv("SS__redis__db_index", "0", 1);
        setenv("SS__redis__username", "", 1);
        setenv("SS__redis__password", "", 1);
    }
}

void ss_start_signal_nginx(const ss_start_t *start, int number) {
    for (unsigned i = 0; i < start->n_nodes; i++) {
        if (start->nodes[i].nginx != NULL) {
            ss_child_signal(start->nodes[i].nginx, number);
        }
    }
    if (start->balancer != NULL) {
        ss_child_signal(start->balancer, number);
    }
}

bool ss_start_sidecars_listen(const ss_start_t *start) {
    for (unsigned i = 0; i < start->n_nodes; i++) {
        if (!ss_probe_socket(start->dir.nodes[i].socket) ||
            access(start->dir.nodes[i].sidecar_state, F_OK) != 0) {
            return false;
        }
    }
    return true;
}

bool ss_start_add_nodes(ss_start_t *start) {
    tell_redis(start);
    if (start->n_nodes > 1) {
        start->balancer =
            add_nginx(start, "the balancer", &start->dir.balancer, start->balancer_args);
        if (start->balancer == NULL) {
            return false;
        }
    }
    for (unsigned i = 0; i < start->n_nodes; i++) {
        if (!add_node(start, i)) {
            return false;
        }
    }
    return true;
}
