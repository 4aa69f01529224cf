/* SPDX-License-Identifier: MIT
 *
 * `socketstream sidecar`: the daemon as a command.  Owns options, signals and the life of the
 * process; sidecar.c does the work.
 */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app_dir.h"
#include "args.h"
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

/* The command line, before the configuration is known. */
typedef struct {
    ss_sidecar_options_t options;
    const char *log_file;
    long log_level;             /* -1: the configuration's */
    ss_log_format_t log_format; /* auto: the configuration's */
    bool log_color;
} command_line_t;

static bool complain(const char *format, const char *what) {
    fputs("socketstream sidecar: ", stderr);
    fprintf(stderr, format, what);
    fputc('\n', stderr);
    return false;
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
    return (strcmp(name, "auto") != 0 && ss_log_format(name, format)) ||
           complain("'%s' is neither pretty nor json", name);
}

static bool read_access(const ss_args_t *args, ss_link_access_t *access) {
    const char *users = ss_args_get(args, "workers-uid");
    const char *group = ss_args_get(args, "workers-group");
    char *list = ss_copy(users, users == NULL ? 0 : strlen(users));
    bool good = parse_users(list, access) && (group == NULL || parse_group(group, access));
    free(list);
    return good;
}

static bool read_command_line(const ss_args_t *args, command_line_t *line) {
    const char *format = ss_args_get(args, "log-format");
    long timeout_ms = 0;
    long max_message = 0;
    *line = (command_line_t){
        .options = {.app_dir = args->app,
                    .listen_path = ss_args_get(args, "listen"),
                    .http_listen_path = ss_args_get(args, "http-listen"),
                    .hosts.pid_dir = ss_args_get(args, "pid-dir")},
        .log_file = ss_args_get(args, "log"),
        .log_level = -1,
        .log_color = ss_args_get(args, "log-color") != NULL,
    };
    bool good = read_access(args, &line->options.access) &&
                ss_args_number(args, "log-level", 0, SS_LOG_LEVEL_MAX, &line->log_level) &&
                (format == NULL || parse_format(format, &line->log_format)) &&
                ss_args_number(args, "action-timeout-ms", 1, 3600000, &timeout_ms) &&
                ss_args_number(args, "max-message", 1024, SS_LINK_MESSAGE_MAX, &max_message);
    line->options.action_timeout_ms = (uint32_t)timeout_ms;
    line->options.max_message = (uint32_t)max_message;
    return good;
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

/* A request's body has its head before it, which fits a frame. */
static uint32_t longest_message(const ss_config_t *config, const ss_api_options_t *api) {
    int64_t of_client = ss_config_integer(config, "nginx.max_message");
    int64_t of_api = (int64_t)api->post_max_kib * 1024 + SS_LINK_PAYLOAD_MAX;
    int64_t longest = of_client > of_api ? of_client : of_api;
    return longest > SS_MESSAGE_MAX ? (uint32_t)longest : SS_MESSAGE_MAX;
}

static bool apply_log(command_line_t *line, const ss_config_t *config) {
    const char *format = ss_config_string(config, "log.format");
    if (line->log_level < 0) {
        line->log_level = (long)ss_config_integer(config, "log.level");
    }
    if (line->log_format != SS_LOG_FORMAT_AUTO) {
        return true;
    }
    return ss_log_format(format, &line->log_format) || complain(SS_LOG_FORMAT_REFUSED, format);
}

static bool open_log(const command_line_t *line, const ss_config_t *config) {
    if (!ss_log_open(line->log_file, (int)line->log_level, line->log_format)) {
        fprintf(stderr, "socketstream sidecar: cannot write the log %s: %s\n", line->log_file,
                strerror(errno));
        return false;
    }
    if (line->log_color) {
        ss_log_paint(true);
    } else if (!ss_config_boolean(config, "enable_color")) {
        ss_log_paint(false);
    }
    return true;
}

/* The command line counts more than the configuration. */
static void apply_config(command_line_t *line, const ss_config_t *config) {
    ss_sidecar_options_t *o = &line->options;
    o->env = ss_config_env(config);
    o->config = ss_config_get(config, "");
    o->client_config = ss_config_get(config, "client");
    o->redis = ss_config_get(config, "redis");
    o->redis_pubsub = ss_config_get(config, "redis_pubsub");
    o->session_ttl_ms = (uint64_t)ss_config_integer(config, "session.ttl") * 1000;
    o->online = online_options(config);
    if (o->action_timeout_ms == 0) {
        o->action_timeout_ms = (uint32_t)(ss_config_number(config, "action_timeout") * 1000);
    }
    if (o->max_message == 0) {
        o->max_message = longest_message(config, &o->api);
    }
}

static bool name_cookie(const ss_config_t *config) {
    const char *name = ss_config_string(config, "session.cookie");
    if (!ss_cookie_set_name(name)) {
        fprintf(stderr, "socketstream sidecar: " SS_COOKIE_NAME_REFUSED "\n", name,
                SS_COOKIE_NAME_MAX);
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

static json_t *failure_of(ss_buf_t *error) {
    ss_buf_t text = {0};
    ss_buf_json_string(&text, ss_buf_string(error), error->len);
    json_t *failure = json_loadb(text.data, text.len, JSON_DECODE_ANY, NULL);
    ss_buf_free(&text);
    return failure;
}

/* For whoever started us and waits: that we listen, and with how many actions; or, where there is
 * an `error`, why not.  Written under another name first, so that it is never read half. */
static void write_state(const ss_sidecar_options_t *options, const ss_sidecar_t *sidecar,
                        ss_buf_t *error) {
    ss_buf_t name = {0};
    ss_buf_t draft = {0};
    if (options->hosts.pid_dir == NULL) {
        return;
    }
    json_t *state = json_pack("{s:i, s:I, s:o*}", "pid", (int)getpid(), "actions",
                              (json_int_t)ss_registry_told(&sidecar->registry), "failure",
                              error == NULL ? NULL : failure_of(error));
    ss_buf_printf(&name, "%s/sidecar.json", options->hosts.pid_dir);
    ss_buf_printf(&draft, "%s.new", ss_buf_string(&name));
    if (json_dump_file(state, ss_buf_string(&draft), JSON_COMPACT) != 0 ||
        rename(ss_buf_string(&draft), ss_buf_string(&name)) != 0) {
        ss_log(SS_LOG_WARNING, "cannot write %s: %s", ss_buf_string(&name), strerror(errno));
    }
    json_decref(state);
    ss_buf_free(&name);
    ss_buf_free(&draft);
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
    if (sidecar.draining) {
        started = true; /* told to leave before it listened: what failed for that is no error */
    } else if (started) {
        ss_log(SS_LOG_NOTICE, "socketstream %s, %s: %zu actions, listening on %s", SS_VERSION,
               options->env, ss_registry_told(&sidecar.registry), options->listen_path);
        ss_log_flush();
        write_state(options, &sidecar, NULL);
        ss_notify("READY=1");
        ss_app_dir_keep_version(options->app_dir);
        uv_run(&loop, UV_RUN_DEFAULT);
    } else {
        write_state(options, &sidecar, &error);
        log_error(&error);
    }
    ss_buf_free(&error);
    if (ss_work_jobs() != 0) {
        /* A thread may be busy for ever, and libuv would wait for it. */
        ss_sidecar_unlisten(&sidecar);
        ss_hosts_kill();
        ss_log_flush();
        _exit(started ? SS_EXIT_OK : SS_EXIT_FAILED);
    }
    ss_sidecar_finish(&sidecar);
    uv_loop_close(&loop);
    return started ? SS_EXIT_OK : SS_EXIT_FAILED;
}

static int run_command(const ss_args_t *args) {
    command_line_t line;
    int rc;
    if (!read_command_line(args, &line)) {
        return SS_EXIT_USAGE;
    }
    char error[SS_CONFIG_ERROR_MAX];
    ss_config_t *config = ss_config_load(line.options.app_dir, error);
    if (config == NULL || !ss_api_options_read(&line.options.api, config, error)) {
        complain("%s", error);
        ss_config_destroy(config);
        return SS_EXIT_FAILED;
    }
    ss_buf_t root = {0};
    apply_config(&line, config);
    apply_hosts(&line.options.hosts, config, &root);
    rc = SS_EXIT_FAILED;
    if (name_cookie(config) && apply_log(&line, config) && open_log(&line, config)) {
        rc = run(&line.options);
    }
    ss_buf_free(&root);
    ss_config_destroy(config);
    return rc;
}

const ss_command_t ss_command_sidecar = {
    .name = "sidecar",
    .summary = "run the sidecar alone, for an nginx of your own",
    .about = "Answers the calls that nginx passes on over the Unix socket PATH, with the actions "
             "in DIR/app/server. SIGTERM ends it when the calls in flight are answered.",
    .needs_app = true,
    .options =
        {
            SS_OPTION_APP,
            {.name = "listen",
             .argument = "PATH",
             .required = true,
             .meaning = "the Unix socket to listen on, at most 107 bytes"},
            {.name = "http-listen",
             .argument = "PATH",
             .meaning = "another, where nginx asks the middleware of config/http; not made where "
                        "there is none"},
            {.name = "workers-uid",
             .argument = "LIST",
             .meaning = "users besides root and our own that nginx's workers may run as: names or "
                        "numbers, parted by commas"},
            {.name = "workers-group",
             .argument = "GROUP",
             .meaning = "a group that may connect, and that the socket is given to"},
            {.name = "log",
             .argument = "FILE",
             .meaning = "log to FILE instead of standard error; SIGUSR1 opens it anew"},
            {.name = "log-level",
             .argument = "0|1|2|3|4",
             .meaning = "how much, instead of the configuration's log.level"},
            {.name = "log-format",
             .argument = "pretty|json",
             .meaning = "instead of the configuration's log.format"},
            {.name = "log-color", .meaning = "colour readable lines though they go to no terminal"},
            {.name = "action-timeout-ms",
             .argument = "N",
             .meaning = "instead of the configuration's action_timeout"},
            {.name = "max-message",
             .argument = "BYTES",
             .meaning = "largest message taken from a worker"},
            {.name = "pid-dir",
             .argument = "DIR",
             .meaning = "write the numbers of action hosts' processes to DIR/host-0.pid and so on, "
                        "and DIR/sidecar.json once it listens, or knows why it cannot"},
        },
    .examples =
        {
            {"socketstream sidecar --app /srv/chat --listen /run/socketstream/0.sock",
             "behind an nginx that runs as the same user"},
            {"socketstream sidecar --listen /run/socketstream/0.sock --workers-uid www-data",
             "behind one whose workers run as www-data"},
        },
    .run = run_command,
};
