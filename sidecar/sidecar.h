/* SPDX-License-Identifier: MIT
 *
 * The sidecar as a whole: what its parts share, and its life from the first link to the last.
 */
#ifndef SS_SIDECAR_H
#define SS_SIDECAR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <uv.h>

#include "api_options.h"
#include "buf.h"
#include "link_server.h"
#include "module.h"
#include "online.h"
#include "registry.h"
#include "watch.h"

struct ss_peer;

/* About action hosts. */
typedef struct {
    unsigned count;            /* processes for the application's JavaScript */
    const char *node;          /* what runs it */
    const char *root;          /* the folder that has host/main.mjs; "": there is none */
    unsigned memory_limit_mib; /* of each process */
    const json_t *commands;    /* array of command lines, one more host each; NULL: none */
    const char *pid_dir;       /* host-0.pid … are written there; NULL: nowhere */
} ss_host_options_t;

/* What the command line and the configuration decide.  Strings belong to the caller and outlive
 * the sidecar. */
typedef struct {
    const char *app_dir;
    const char *listen_path;
    const char *http_listen_path; /* where nginx asks middleware; NULL: there is none */
    const char *env;
    const json_t *config;        /* all of it, told to action hosts; NULL: empty */
    const json_t *client_config; /* an object, told to browsers in system.init; NULL: empty */
    uint32_t action_timeout_ms;
    uint32_t max_message;       /* bytes of one message taken from a worker */
    const json_t *redis;        /* the configuration's object `redis` */
    const json_t *redis_pubsub; /* and `redis_pubsub` */
    uint64_t session_ttl_ms;
    ss_online_options_t online;
    ss_link_access_t access;
    ss_api_options_t api;
    ss_host_options_t hosts;
} ss_sidecar_options_t;

typedef struct ss_sidecar {
    ss_sidecar_options_t options;
    uv_loop_t *loop;
    uint64_t generation; /* tells this run from an earlier one */
    ss_registry_t registry;
    ss_modules_t modules;
    ss_buf_t init_text; /* the system.init message */
    ss_link_server_t server;
    ss_unix_socket_t http; /* hosts accept from it, we do not */
    int http_fd;           /* -1: there is none */
    struct ss_peer *peers; /* workers, and who has not said HELLO */
    struct ss_peer *hosts; /* action hosts and consoles */
    unsigned peer_count;
    unsigned host_count;
    bool draining;
    uv_prepare_t before_poll;
    uv_check_t after_poll;
    uv_timer_t heartbeat;
    uv_timer_t drain_limit;
    ss_watch_t *watch; /* NULL: outside of development */
} ss_sidecar_t;

/* Loads the application and listens.  false with `error`; ss_sidecar_finish() is due in any
 * case. */
bool ss_sidecar_init(ss_sidecar_t *sidecar, uv_loop_t *loop, const ss_sidecar_options_t *options,
                     ss_buf_t *error);

/* Takes no new links, tells the workers, answers what is in flight, and stops the loop when all
 * is done: after the action timeout at the latest.  Further calls do nothing. */
void ss_sidecar_drain(ss_sidecar_t *sidecar);

/* The actions are others than before: clients and hosts are told. */
void ss_sidecar_actions_changed(ss_sidecar_t *sidecar);

/* A link has closed, or a host has ended: the last one ends a drain. */
void ss_sidecar_link_closed(ss_sidecar_t *sidecar);

/* Removes the sockets that it listens on.  Harmless when there are none. */
void ss_sidecar_unlisten(ss_sidecar_t *sidecar);

/* Once the loop has stopped.  Closes all handles and frees all memory. */
void ss_sidecar_finish(ss_sidecar_t *sidecar);

#endif
