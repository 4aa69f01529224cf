/* SPDX-License-Identifier: MIT
 *
 * See sidecar.h.
 *
 * A turn of the loop: what arrived is read and answered into the peers' buffers; after polling,
 * and again before it, for what timers wrote, every buffer leaves in one write.
 */
#include "sidecar.h"

#include <time.h>
#include <unistd.h>

#include "api_auth.h"
#include "api_root.h"
#include "app_dir.h"
#include "bounds.h"
#include "develop.h"
#include "health.h"
#include "host_frames.h"
#include "host_swap.h"
#include "hub.h"
#include "json_writer.h"
#include "log.h"
#include "peer.h"
#include "pubsub.h"
#include "request.h"
#include "ss_errors.h"
#include "work.h"

static void flush_list(ss_peer_t *peer) {
    while (peer != NULL) {
        ss_peer_t *next = peer->next;
        ss_peer_flush(peer);
        peer = next;
    }
}

static void flush_all(ss_sidecar_t *sidecar) {
    flush_list(sidecar->hosts);
    flush_list(sidecar->peers);
    ss_log_flush();
}

static void on_before_poll(uv_prepare_t *handle) { flush_all(handle->data); }

static void on_after_poll(uv_check_t *handle) { flush_all(handle->data); }

static void tick_all(ss_sidecar_t *sidecar) {
    for (ss_peer_t *peer = sidecar->peers; peer != NULL;) {
        ss_peer_t *next = peer->next;
        ss_peer_tick(peer, SS_LINK_HEARTBEAT_MS);
        peer = next;
    }
}

static void on_heartbeat(uv_timer_t *timer) {
    tick_all(timer->data);
    ss_hosts_tick();
    ss_hub_tick();
}

/* The one message that is the same for every client; nginx passes it on as it is. */
static void write_init(ss_sidecar_t *sidecar) {
    const ss_sidecar_options_t *o = &sidecar->options;
    json_t *config = o->client_config == NULL ? json_object() : json_deep_copy(o->client_config);
    json_t *message = json_pack("{s:s, s:s, s:{s:s, s:s, s:o, s:o}}", "jsonrpc", "2.0", "method",
                                "system.init", "params", "version", SS_VERSION, "env", o->env,
                                "api", ss_registry_names(&sidecar->registry), "config", config);
    sidecar->init_text.len = 0;
    ss_json_write(&sidecar->init_text, message, SS_ANSWER_MAX);
    json_decref(message);
}

void ss_sidecar_actions_changed(ss_sidecar_t *sidecar) {
    write_init(sidecar);
    ss_pubsub_system(sidecar->init_text.data, sidecar->init_text.len);
    ss_host_frames_actions(sidecar);
}

static void start_handles(ss_sidecar_t *sidecar) {
    uv_loop_t *loop = sidecar->loop;
    uv_prepare_init(loop, &sidecar->before_poll);
    uv_check_init(loop, &sidecar->after_poll);
    uv_timer_init(loop, &sidecar->heartbeat);
    sidecar->before_poll.data = sidecar;
    sidecar->after_poll.data = sidecar;
    sidecar->heartbeat.data = sidecar;
    uv_prepare_start(&sidecar->before_poll, on_before_poll);
    uv_check_start(&sidecar->after_poll, on_after_poll);
    uv_timer_start(&sidecar->heartbeat, on_heartbeat, SS_LINK_HEARTBEAT_MS, SS_LINK_HEARTBEAT_MS);
}

static uint64_t new_generation(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Before the hosts start, which get copies.  Where there is no middleware nobody would accept. */
static bool listen_http(ss_sidecar_t *sidecar, ss_buf_t *error) {
    const ss_sidecar_options_t *o = &sidecar->options;
    if (o->http_listen_path == NULL || ss_app_dir_middleware(o->app_dir) == NULL) {
        return true;
    }
    sidecar->http_fd = ss_unix_socket_listen(&sidecar->http, o->http_listen_path,
                                             o->access.has_group ? &o->access.group : NULL,
                                             SS_HTTP_BACKLOG, error);
    return sidecar->http_fd != -1;
}

void ss_sidecar_unlisten(ss_sidecar_t *sidecar) {
    ss_link_server_close(&sidecar->server);
    ss_unix_socket_remove(&sidecar->http);
    if (sidecar->http_fd != -1) {
        close(sidecar->http_fd);
        sidecar->http_fd = -1;
    }
}

bool ss_sidecar_init(ss_sidecar_t *sidecar, uv_loop_t *loop, const ss_sidecar_options_t *options,
                     ss_buf_t *error) {
    *sidecar = (ss_sidecar_t){
        .options = *options, .loop = loop, .generation = new_generation(), .http_fd = -1};
    start_handles(sidecar);
    ss_work_init(loop);
    ss_requests_init(loop, options->action_timeout_ms, &sidecar->registry);
    ss_develop_init(sidecar);
    ss_api_root_init(options->app_dir);
    /* Hosts load their code while we compile ours. */
    if (!listen_http(sidecar, error) || !ss_hosts_start(sidecar, error) ||
        !ss_module_load_all(options->app_dir, &sidecar->modules, &sidecar->registry, error)) {
        return false;
    }
    ss_health_add_actions(&sidecar->registry);
    write_init(sidecar);
    if (ss_develop_enabled()) {
        sidecar->watch = ss_watch_start(loop, options->app_dir, ss_host_reload);
    }
    return ss_hub_init(sidecar, error) && ss_module_start_all(&sidecar->modules, error) &&
           ss_hosts_wait(error) && ss_api_auth_check(sidecar, error) &&
           ss_link_server_open(&sidecar->server, loop, options->listen_path, &options->access,
                               ss_peer_accept, sidecar, error);
}

/* What is still in flight now has passed its deadline, or a worker does not hear us. */
static void on_drain_over(uv_timer_t *timer) {
    ss_sidecar_t *sidecar = timer->data;
    ss_log(SS_LOG_WARNING, "leaving with %u links open", sidecar->peer_count);
    uv_stop(sidecar->loop);
}

static bool has_console(const ss_sidecar_t *sidecar) {
    for (const ss_peer_t *peer = sidecar->hosts; peer != NULL; peer = peer->next) {
        if (peer->host == NULL) {
            return true;
        }
    }
    return false;
}

/* Hosts leave last: until then they answer what is in flight. */
void ss_sidecar_link_closed(ss_sidecar_t *sidecar) {
    if (!sidecar->draining || sidecar->peer_count != 0 || has_console(sidecar)) {
        return;
    }
    ss_hosts_leave();
    if (ss_hosts_gone()) {
        uv_stop(sidecar->loop);
    }
}

static void drain_list(ss_peer_t *peer) {
    while (peer != NULL) {
        ss_peer_t *next = peer->next;
        if (peer->host == NULL) {
            ss_peer_drain(peer);
        }
        peer = next;
    }
}

void ss_sidecar_drain(ss_sidecar_t *sidecar) {
    if (sidecar->draining) {
        return;
    }
    sidecar->draining = true;
    ss_log(SS_LOG_NOTICE, "leaving: %zu calls in flight", ss_requests_open());
    ss_link_server_close(&sidecar->server);
    drain_list(sidecar->peers);
    drain_list(sidecar->hosts);
    ss_sidecar_link_closed(sidecar);
    uv_timer_init(sidecar->loop, &sidecar->drain_limit);
    sidecar->drain_limit.data = sidecar;
    uv_timer_start(&sidecar->drain_limit, on_drain_over,
                   sidecar->options.action_timeout_ms + SS_LINK_HEARTBEAT_MS, 0);
}

static void close_handle(uv_handle_t *handle, void *arg) {
    (void)arg;
    if (!uv_is_closing(handle)) {
        uv_close(handle, NULL);
    }
}

void ss_sidecar_finish(ss_sidecar_t *sidecar) {
    sidecar->draining = false; /* the last link's end must not stop the loop once more */
    ss_sidecar_unlisten(sidecar);
    ss_requests_fail_all(SS_RPC_UNAVAILABLE);
    while (sidecar->peers != NULL) {
        ss_peer_flush(sidecar->peers);
        if (sidecar->peers != NULL) {
            sidecar->draining = true;
            ss_peer_close(sidecar->peers, "leaving");
        }
    }
    ss_hosts_finish();
    while (sidecar->hosts != NULL) {
        ss_peer_close(sidecar->hosts, "leaving"); /* consoles */
    }
    ss_hub_finish();
    ss_work_finish();
    ss_module_stop_all(&sidecar->modules);
    ss_requests_finish();
    /* The rest, the application's own handles among it. */
    uv_walk(sidecar->loop, close_handle, NULL);
    /* A uv_stop() of the drain may still be pending, and would end the first of these at once. */
    while (uv_run(sidecar->loop, UV_RUN_DEFAULT) != 0) {
    }
    ss_watch_free(sidecar->watch);
    ss_hosts_free();
    ss_develop_finish();
    ss_api_root_finish();
    ss_registry_finish(&sidecar->registry);
    ss_buf_free(&sidecar->init_text);
    ss_log_flush();
}
