/* SPDX-License-Identifier: MIT
 *
 * `socketstream sidecar`: the daemon as a command.  Owns options, signals and the life of the
 * process; sidecar.c does the work.
 */
#include "cmd.h"

#include <errno.h>
#include <getopt.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bounds.h"
#include "config.h"
#include "cookie.h"
#include "host_group.h"
#include "log.h"
#include "notify.h"
#include "share.h"
#include "sidecar.h"
#include "ss_link.h"
#include "work.h"

static const char usage[] =
    "Usage: socketstream sidecar --app DIR --listen PATH [options]\n"
    "\n"
    "Answers the calls that nginx passes on over the Unix socket PATH, with the actions in\n"
    "DIR/app/server.\n"
    "\n"
    "  --app DIR               the application's folder\n"
    "  --listen PATH           the Unix socket to listen on, at most 107 bytes\n"
    "  --workers-uid LIST      users besides root and our own that nginx's workers may run as:\n"
    "                          names or numbers, parted by commas\n"
    "  --workers-group GROUP   a group that may connect, and that the socket is given to\n"
    "  --log FILE              log to FILE instead of standard error; SIGUSR1 opens it anew\n"
    "  --log-level N           0 to 4, instead of the configuration's log.level\n"
    "  --log-format FORMAT     pretty or json, instead of what fits the output\n"
    "  --action-timeout-ms N   instead of the configuration's action_timeout\n"
    "  --max-message BYTES     largest message taken from a worker\n"
    "  --pid-dir DIR           write the numbers of action hosts' processes to DIR/host-0.pid, "
    "...\n"
    "  --help                  this text\n"
    "\n"
    "Example: socketstream sidecar --app /srv/chat --listen /run/socketstream/0.sock\n";

/* The command line, before the configuration is known. */
typedef struct {
    ss_sidecar_options_t options;
    const char *log_file;
    long log_level; /* -1: the configuration's */
    ss_log_format_t log_format;
} command_line_t;

enum {
    OPT_APP = 256,
    OPT_LISTEN,
    OPT_UID,
    OPT_GROUP,
    OPT_LOG,
    OPT_LEVEL,
    OPT_FORMAT,
    OPT_TIMEOUT,
    OPT_MESSAGE,
    OPT_PID_DIR,
    OPT_HELP
};

static const struct option long_options[] = {
    {"app", required_argument, NULL, OPT_APP},
    {"listen", required_argument, NULL, OPT_LISTEN},
    {"workers-uid", required_argument, NULL, OPT_UID},
    {"workers-group", required_argument, NULL, OPT_GROUP},
    {"log", required_argument, NULL, OPT_LOG},
    {"log-level", required_argument, NULL, OPT_LEVEL},
    {"log-format", required_argument, NULL, OPT_FORMAT},
    {"action-timeout-ms", required_argument, NULL, OPT_TIMEOUT},
    {"max-message", required_argument, NULL, OPT_MESSAGE},
    {"pid-dir", required_argument, NULL, OPT_PID_DIR},
    {"help", no_argument, NULL, OPT_HELP},
    {NULL, 0, NULL, 0},
};

static bool complain(const char *format, const char *what) {
    fputs("socketstream sidecar: ", stderr);
    fprintf(stderr, format, what);
    fputc('\n', stderr);
    return false;
}

static bool parse_number(const char *text, long min, long max, long *out) {
    char *end;
    errno = 0;
    *out = strtol(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || *out < min || *out > max) {
        fprintf(stderr, "socketstream sidecar: '%s' is not a number from %ld to %ld\n", text, min,
                max);
        return false;
    }
    return true;
}

static bool parse_user(const char *name, uid_t *uid) {
    char *end;
    unsigned long number = strtoul(name, &end, 10);
    const struct passwd *user = getpwnam(name);
    if (user != NULL) {
        *uid = user->pw_uid;
    } else if (*name >= '0' && *name <= '9' && *end == '\0' && number < UINT_MAX) {
        *uid = (uid_t)number;
    } else {
        return complain("there is no user '%s'", name);
    }
    return true;
}

static bool parse_users(char *list, ss_link_access_t *access) {
    char *rest = NULL;
    for (char *name = strtok_r(list, ",", &rest); name != NULL; name = strtok_r(NULL, ",", &rest)) {
        if (access->n_uids == SS_LINK_UIDS_MAX) {
            return complain("too many users at '%s'", name);
        }
        if (!parse_user(name, &access->uids[access->n_uids])) {
            return false;
        }
        access->n_uids++;
    }
    return true;
}

static bool parse_group(const char *name, ss_link_access_t *access) {
    char *end;
    unsigned long number = strtoul(name, &end, 10);
    const struct group *group = getgrnam(name);
    if (group != NULL) {
        access->group = group->gr_gid;
    } else if (*name >= '0' && *name <= '9' && *end == '\0' && number < UINT_MAX) {
        access->group = (gid_t)number;
    } else {
        return complain("there is no group '%s'", name);
    }
    access->has_group = true;
    return true;
}

static bool parse_format(const char *name, ss_log_format_t *format) {
    if (strcmp(name, "pretty") == 0) {
        *format = SS_LOG_FORMAT_PRETTY;
    } else if (strcmp(name, "json") == 0) {
        *format = SS_LOG_FORMAT_JSON;
    } else {
        return complain("'%s' is neither pretty nor json", name);
    }
    return true;
}

static bool parse_option(int option, command_line_t *line) {
    long number = 0;
    switch (option) {
    case OPT_APP:
        line->options.app_dir = optarg;
        return true;
    case OPT_LISTEN:
        line->options.listen_path = optarg;
        return true;
    case OPT_UID:
        return parse_users(optarg, &line->options.access);
    case OPT_GROUP:
        return parse_group(optarg, &line->options.access);
    case OPT_LOG:
        line->log_file = optarg;
        return true;
    case OPT_LEVEL:
        return parse_number(optarg, 0, SS_LOG_LEVEL_MAX, &line->log_level);
    case OPT_FORMAT:
        return parse_format(optarg, &line->log_format);
    case OPT_TIMEOUT:
        if (!parse_number(optarg, 1, 3600000, &number)) {
            return false;
        }
        line->options.action_timeout_ms = (uint32_t)number;
        return true;
    case OPT_MESSAGE:
        if (!parse_number(optarg, 1024, SS_LINK_MESSAGE_MAX, &number)) {
            return false;
        }
        line->options.max_message = (uint32_t)number;
        return true;
    case OPT_PID_DIR:
        line->options.hosts.pid_dir = optarg;
        return true;
    default:
        return false; /* getopt_long() has said what is wrong */
    }
}

/* Gives -1 to go on, else the exit code. */
static int parse_command_line(int argc, char **argv, command_line_t *line) {
    int option;
    *line = (command_line_t){.log_level = -1};
    optind = 1;
    while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        if (option == OPT_HELP) {
            fputs(usage, stdout);
            return 0;
        }
        if (!parse_option(option, line)) {
            return SS_EXIT_USAGE;
        }
    }
    if (optind < argc) {
        complain("'%s' is no option", argv[optind]);
        return SS_EXIT_USAGE;
    }
    if (line->options.app_dir == NULL || line->options.listen_path == NULL) {
        complain("%s", "--app and --listen are needed; --help explains them");
        return SS_EXIT_USAGE;
    }
    return -1;
}

/* A lease must outlast the pause between two renewals, whatever was configured. */
static ss_online_options_t online_options(const ss_config_t *config) {
    uint64_t lease_ms =
        (uint64_t)(ss_config_number(config, "users.online.mins_until_offline") * 60000);
    lease_ms = lease_ms < SS_ONLINE_LEASE_MIN_MS ? SS_ONLINE_LEASE_MIN_MS : lease_ms;
    uint64_t interval_ms =
        (uint64_t)(ss_config_number(config, "users.online.update_interval") * 1000);
    return (ss_online_options_t){
        .enabled = ss_config_boolean(config, "users.online.enabled"),
        .keep_historic = ss_config_boolean(config, "users.online.keep_historic"),
        .lease_ms = lease_ms,
        .interval_ms = interval_ms < lease_ms / 3 ? interval_ms : lease_ms / 3,
    };
}

/* Where host/main.mjs is: what that demands is said when it is to be started. */
static void find_root(ss_buf_t *root) {
    ss_buf_t ignored = {0};
    if (ss_share_find("host/main.mjs", root, &ignored)) {
        root->len -= strlen("/host/main.mjs");
    }
    ss_buf_free(&ignored);
}

static void apply_hosts(ss_host_options_t *hosts, const ss_config_t *config, ss_buf_t *root) {
    find_root(root);
    hosts->count = (unsigned)ss_config_integer(config, "hosts");
    hosts->node = ss_config_string(config, "host.node");
    hosts->root = ss_buf_string(root);
    hosts->memory_limit_mib = (unsigned)ss_config_integer(config, "host.memory_limit");
    hosts->commands = ss_config_get(config, "host.commands");
}

/* The command line counts more than the configuration. */
static void apply_config(command_line_t *line, const ss_config_t *config) {
    ss_sidecar_options_t *o = &line->options;
    o->env = ss_config_env(config);
    o->config = ss_config_get(config, "");
    o->client_config = ss_config_get(config, "client");
    o->redis = ss_config_get(config, "redis");
    o->session_ttl_ms = (uint64_t)ss_config_integer(config, "session.ttl") * 1000;
    o->online = online_options(config);
    if (o->action_timeout_ms == 0) {
        o->action_timeout_ms = (uint32_t)(ss_config_number(config, "action_timeout") * 1000);
    }
    if (o->max_message == 0) {
        int64_t configured = ss_config_integer(config, "nginx.max_message");
        o->max_message = configured > SS_MESSAGE_MAX ? (uint32_t)configured : SS_MESSAGE_MAX;
    }
    if (line->log_level < 0) {
        line->log_level = (long)ss_config_integer(config, "log.level");
    }
}

static bool name_cookie(const ss_config_t *config) {
    const char *name = ss_config_string(config, "session.cookie");
    if (!ss_cookie_set_name(name)) {
        fprintf(
            stderr,
            "socketstream sidecar: session.cookie: \"%.40s\" is no name for a cookie: take 1 to "
            "%d letters, digits, - or _, not beginning with __\n",
            name, SS_COOKIE_NAME_MAX);
        return false;
    }
    return true;
}

static void on_leave(uv_signal_t *handle, int number) {
    (void)number;
    ss_notify("STOPPING=1");
    ss_sidecar_drain(handle->data);
}

static void on_reopen(uv_signal_t *handle, int number) {
    (void)handle;
    (void)number;
    ss_log_reopen();
    ss_log(SS_LOG_NOTICE, "log opened anew");
}

static void watch_signals(uv_loop_t *loop, uv_signal_t handles[3], ss_sidecar_t *sidecar) {
    static const struct {
        int number;
        uv_signal_cb act;
    } wanted[3] = {{SIGTERM, on_leave}, {SIGINT, on_leave}, {SIGUSR1, on_reopen}};
    for (int i = 0; i < 3; i++) {
        uv_signal_init(loop, &handles[i]);
        handles[i].data = sidecar;
        uv_signal_start(&handles[i], wanted[i].act, wanted[i].number);
    }
    signal(SIGPIPE, SIG_IGN);
}

/* Several lines, such as a compiler's, stay several. */
static void log_error(ss_buf_t *error) {
    char *rest = NULL;
    for (char *line = strtok_r((char *)ss_buf_string(error), "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        ss_log(SS_LOG_ERROR, "%s", line);
    }
}

static int run(const ss_sidecar_options_t *options) {
    uv_loop_t loop;
    uv_signal_t signals[3];
    ss_sidecar_t sidecar;
    ss_buf_t error = {0};
    uv_loop_init(&loop);
    watch_signals(&loop, signals, &sidecar);
    bool started = ss_sidecar_init(&sidecar, &loop, options, &error);
    if (started) {
        ss_log(SS_LOG_NOTICE, "socketstream %s, %s: %zu actions, listening on %s", SS_VERSION,
               options->env, ss_registry_told(&sidecar.registry), options->listen_path);
        ss_log_flush();
        ss_notify("READY=1");
        uv_run(&loop, UV_RUN_DEFAULT);
    } else {
        log_error(&error);
    }
    ss_buf_free(&error);
    if (ss_work_jobs() != 0) {
        /* A thread may be busy for ever, and libuv would wait for it. */
        ss_link_server_close(&sidecar.server);
        ss_hosts_kill();
        ss_log_flush();
        _exit(started ? SS_EXIT_OK : SS_EXIT_FAILED);
    }
    ss_sidecar_finish(&sidecar);
    uv_loop_close(&loop);
    return started ? SS_EXIT_OK : SS_EXIT_FAILED;
}

int ss_cmd_sidecar(int argc, char **argv) {
    command_line_t line;
    int rc = parse_command_line(argc, argv, &line);
    if (rc >= 0) {
        return rc;
    }
    char error[SS_CONFIG_ERROR_MAX];
    ss_config_t *config = ss_config_load(line.options.app_dir, error);
    if (config == NULL) {
        complain("%s", error);
        return SS_EXIT_FAILED;
    }
    ss_buf_t root = {0};
    apply_config(&line, config);
    apply_hosts(&line.options.hosts, config, &root);
    if (!name_cookie(config)) {
        rc = SS_EXIT_FAILED;
    } else if (ss_log_open(line.log_file, (int)line.log_level, line.log_format)) {
        rc = run(&line.options);
    } else {
        fprintf(stderr, "socketstream sidecar: cannot write the log %s: %s\n", line.log_file,
                strerror(errno));
        rc = SS_EXIT_FAILED;
    }
    ss_buf_free(&root);
    ss_config_destroy(config);
    return rc;
}
