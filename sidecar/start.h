/* SPDX-License-Identifier: MIT
 *
 * What the parts of `socketstream start` share: cmd_start.c has the order of things, start_checks.c
 * looks at all that can be wrong beforehand, start_redis.c at a Redis that is configured,
 * start_children.c knows what is run, and how, start_packer.c the same for the asset packer,
 * start_banner.c tells what runs, start_https.c knows the certificate, start_node.c the version of
 * Node, start_middleware.c what comes and goes.
 */
#ifndef SS_START_H
#define SS_START_H

#include <stdbool.h>
#include <stdio.h>
#include <uv.h>

#include "config.h"
#include "https.h"
#include "log.h"
#include "module.h"
#include "packer.h"
#include "probe.h"
#include "rundir.h"
#include "supervisor.h"

#define SS_START_PATH_MAX 4096
#define SS_START_ARGS_MAX 20
#define SS_START_URL_MAX 300

enum { SS_START_INT, SS_START_TERM, SS_START_HUP, SS_START_USR1, SS_START_SIGNALS };

/* The command lines are lent to the supervisor, with all they point to. */
typedef struct {
    int port;
    ss_child_t *sidecar;
    ss_child_t *nginx;
    bool anew; /* the sidecar was told to end, so that another takes its place */
    char sidecar_name[32];
    char nginx_name[32];
    const char *sidecar_args[SS_START_ARGS_MAX];
    const char *nginx_args[SS_START_ARGS_MAX];
} ss_start_node_t;

typedef struct {
    uv_loop_t loop;
    uv_signal_t signals[SS_START_SIGNALS];
    uv_timer_t poll;
    uv_timer_t look; /* whether middleware comes or goes */
    ss_supervisor_t *supervisor;
    ss_config_t *config;
    ss_https_t https; /* all zero without HTTPS */
    ss_rundir_t dir;
    uint64_t started_ns;
    enum {
        SS_START_REDIS, /* the private Redis does not listen yet */
        SS_START_SIDECARS,
        SS_START_HTTP,    /* nginx does not answer yet, somewhere */
        SS_START_PACKING, /* there is no page to serve yet */
        SS_START_READY
    } stage;
    bool renews; /* once it is ready: SIGHUP came before */
    bool on_terminal;
    bool paints; /* the banner is coloured */
    bool private_redis;
    bool packs;      /* the packer is one of the children */
    bool prints;     /* nginx's configuration, and runs nothing */
    bool middleware; /* requests go by config/http first */
    bool looked;     /* whether that which has come is possible */
    bool possible;
    int status;
    unsigned n_nodes;
    unsigned connections; /* of each worker */
    ss_module_files_t files;
    ss_log_format_t log_format;
    ss_start_node_t nodes[SS_NODES_MAX];
    ss_child_t *redis;
    ss_child_t *balancer;
    ss_child_t *packer;
    const char *redis_args[SS_START_ARGS_MAX];
    const char *balancer_args[SS_START_ARGS_MAX];
    const char *packer_args[SS_PACKER_ARGS_MAX];
    ss_probe_http_t probe; /* of the port that is to answer next */
    ss_probe_addr_t front; /* where users connect to */
    unsigned answered;     /* ports that do */
    char app[SS_START_PATH_MAX];
    char public_dir[SS_START_PATH_MAX + 16];
    char static_dir[SS_START_PATH_MAX + 16];
    char exe[SS_START_PATH_MAX];
    char nginx_binary[SS_START_PATH_MAX];
    char redis_binary[SS_START_PATH_MAX];
    char node_binary[SS_START_PATH_MAX];
    char packer_program[SS_START_PATH_MAX];
    char module[SS_START_PATH_MAX];
} ss_start_t;

/* One line for the user; always false. */
bool ss_start_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Whether the application's files are there and may be read, and have names that go together.
 * Complains when not; sets `files`. */
bool ss_start_check_app(ss_start_t *start);

/* Whether the Redis that is configured, if one is, is named well and takes us.  Complains when not,
 * and warns when it does not answer; sets `private_redis`.  Waits for it as long as a command may
 * take. */
bool ss_start_check_redis(ss_start_t *start);

/* Finds the programs, and the module.  Complains when one is missing. */
bool ss_start_find(ss_start_t *start);

/* Whether the Node that was found, if one is needed, is new enough.  Complains when not. */
bool ss_start_check_node(const ss_start_t *start);

/* Finds Node alone, for what needs it only now.  Complains when it is missing or too old. */
bool ss_start_find_node(ss_start_t *start);

/* Sets `middleware`.  Complains when there is some, and no host that could run it. */
bool ss_start_check_middleware(ss_start_t *start);

/* From now on, in development, sees to middleware that comes or goes. */
void ss_start_watch_middleware(ss_start_t *start);

/* Whether all ports are free.  Complains when one is not. */
bool ss_start_check_ports(ss_start_t *start);

/* Writes a configuration for each nginx. */
bool ss_start_write_confs(ss_start_t *start);

/* Writes to `out` what an nginx of the user's own would need. */
void ss_start_print_conf(ss_start_t *start, FILE *out);

/* Finds the certificate, or makes one; does nothing without HTTPS.  Complains about what is wrong,
 * and is false when HTTPS cannot be offered. */
bool ss_start_open_https(ss_start_t *start);

/* The same again, as the files are now, with nginx's configuration for it.  On failure all stays as
 * it was. */
bool ss_start_renew_https(ss_start_t *start);

/* Whether nginx, which is asked, is to serve HTTP/2 and knows `http2 on`; before 1.25.1 there was
 * only the parameter of `listen`, of which newer ones warn. */
bool ss_start_has_http2_directive(const ss_start_t *start);

/* The address of the page, SS_START_URL_MAX bytes, with a slash at its end: at `host`, in brackets
 * where it is an IPv6 address; or, when that is NULL, the one that users open. */
void ss_start_url(const ss_start_t *start, const char *host, char *out);

/* Start them.  Complain when that is not possible. */
bool ss_start_add_redis(ss_start_t *start);
bool ss_start_add_nodes(ss_start_t *start);

/* Sends a signal to every nginx, the balancer's too, that runs. */
void ss_start_signal_nginx(const ss_start_t *start, int number);

/* Whether all sidecars do. */
bool ss_start_sidecars_listen(const ss_start_t *start);

/* Whether the packer can be run, where it is to, or else what it left behind be served.  Complains
 * when not, sets `packs`. */
bool ss_start_check_packer(ss_start_t *start);

/* Starts it.  Complains when that is not possible. */
bool ss_start_add_packer(ss_start_t *start);

/* Says what runs, on standard output. */
void ss_start_say_ready(const ss_start_t *start);

/* Whether colours are wanted, and `fd` is a terminal that shows them. */
bool ss_start_paints(const ss_start_t *start, int fd);

/* Whether there is something to serve. */
bool ss_start_is_packed(const ss_start_t *start);

#endif
