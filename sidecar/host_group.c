/* SPDX-License-Identifier: MIT
 *
 * See host_group.h.  Invariant: a host that is `current` or `next` of a slot is STARTING or READY,
 * but for one that died before READY, until its process has told how.
 */
#include "host_group.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "bounds.h"
#include "develop.h"
#include "host_call.h"
#include "host_swap.h"
#include "log.h"
#include "module.h"
#include "supervisor.h"

#define KILL_AFTER_MS 1000 /* a host whose link is closed has that long to end by itself */
#define ARG_MAX_BYTES 4096

static struct {
    ss_sidecar_t *sidecar;
    ss_host_group_t *groups;
    ss_host_t *hosts;
    unsigned n_slots;
    uv_timer_t busy; /* runs while any host has calls */
    bool waiting;    /* the sidecar does not listen yet */
    bool failed;     /* and will not */
    bool leaving;
    ss_buf_t failure; /* why */
} all;

static uint64_t now_ms(void) { return uv_now(all.sidecar->loop); }

ss_host_group_t *ss_host_groups(void) { return all.groups; }

bool ss_hosts_running(void) { return !all.leaving && !all.sidecar->draining; }

bool ss_hosts_starting(void) { return all.waiting; }

bool ss_hosts_gone(void) { return all.hosts == NULL; }

bool ss_hosts_fail(const char *text) {
    if (all.waiting && !all.failed) {
        all.failed = true;
        ss_buf_append(&all.failure, text, strlen(text));
    }
    return all.waiting;
}

/* --- pid files ------------------------------------------------------------------------------- */

/* The caller's to free. */
static ss_buf_t pid_file_of(const ss_host_slot_t *slot) {
    ss_buf_t path = {0};
    ss_buf_printf(&path, "%s/host-%u.pid", all.sidecar->options.hosts.pid_dir, slot->number);
    return path;
}

void ss_host_take_place(ss_host_slot_t *slot, ss_host_t *host) {
    slot->current = host;
    if (all.sidecar->options.hosts.pid_dir == NULL) {
        return;
    }
    ss_buf_t path = pid_file_of(slot);
    FILE *file = fopen(ss_buf_string(&path), "we");
    slot->pid = ss_host_process_pid(host->process);
    if (file == NULL || fprintf(file, "%ld\n", (long)slot->pid) < 0) {
        ss_log(SS_LOG_WARNING, "cannot write %s: %s", ss_buf_string(&path), strerror(errno));
    }
    if (file != NULL) {
        fclose(file);
    }
    ss_buf_free(&path);
}

static void remove_pid_file(ss_host_slot_t *slot, pid_t ended) {
    if (slot->pid == ended) {
        ss_buf_t path = pid_file_of(slot);
        unlink(ss_buf_string(&path));
        ss_buf_free(&path);
        slot->pid = 0;
    }
}

/* --- the end of one -------------------------------------------------------------------------- */

static void free_when_over(ss_host_t *host) {
    if (!host->process_ended || host->peer->state != SS_PEER_CLOSED) {
        return;
    }
    if (host->prev != NULL) {
        host->prev->next = host->next;
    } else {
        all.hosts = host->next;
    }
    if (host->next != NULL) {
        host->next->prev = host->prev;
    }
    host->peer->host = NULL;
    ss_peer_unref(host->peer);
    ss_host_process_free(host->process);
    ss_host_ready_free(&host->ready);
    free(host);
    if (all.leaving) {
        ss_sidecar_link_closed(all.sidecar);
    }
}

/* One that served goes at once; why one never came to that is known when its process has ended. */
void ss_host_link_lost(ss_host_t *host) {
    ss_host_slot_t *slot = host->slot;
    bool served = host->state == SS_HOST_READY && slot->current == host;
    host->dropped |= host->state == SS_HOST_LEAVING;
    host->state = SS_HOST_ENDING;
    ss_requests_fail_host(host, host->death_code);
    if (served && !all.leaving) {
        slot->current = NULL;
        ss_host_succeed(host);
    }
    host->kill_at_ms = now_ms() + KILL_AFTER_MS;
    free_when_over(host);
}

static void on_process_ended(void *data, const char *how) {
    ss_host_t *host = data;
    ss_host_slot_t *slot = host->slot;
    bool expected = host->dropped || all.leaving;
    ss_log(expected ? SS_LOG_INFO : SS_LOG_ERROR, "%s (process %ld) %s", slot->name,
           (long)ss_host_process_pid(host->process), how);
    remove_pid_file(slot, ss_host_process_pid(host->process));
    ss_peer_finish_reading(host->peer);
    if (!all.leaving && (slot->current == host || slot->next == host)) {
        ss_host_swap_failed(host, how);
    }
    host->process_ended = true;
    free_when_over(host);
}

void ss_host_drop(ss_host_t *host) {
    host->dropped = true;
    ss_host_process_kill(host->process);
    ss_peer_close(host->peer, "it is of no use any more");
}

void ss_host_hangs(ss_host_t *host) {
    ss_log(SS_LOG_ERROR, "%s hangs: it is killed", host->slot->name);
    host->death_code = SS_RPC_TIMEOUT;
    ss_host_process_kill(host->process);
}

/* --- the start of one ------------------------------------------------------------------------ */

static uint32_t silence_limit(void) {
    uint32_t timeout_ms = all.sidecar->options.action_timeout_ms;
    return timeout_ms > SS_HOST_START_MS ? timeout_ms : SS_HOST_START_MS;
}

static void link_in(ss_host_t *host) {
    host->next = all.hosts;
    if (host->next != NULL) {
        host->next->prev = host;
    }
    all.hosts = host;
}

ss_host_t *ss_host_spawn(ss_host_slot_t *slot) {
    ss_buf_t error = {0};
    ss_host_t *host = ss_alloc_zero(sizeof *host);
    ss_host_process_spec_t spec = {
        .name = slot->name,
        .args = slot->group->args,
        .folder = all.sidecar->options.app_dir,
        .env = all.sidecar->options.env,
        .http_fd = slot->group->scripts ? all.sidecar->http_fd : -1,
        .ended = on_process_ended,
        .data = host,
    };
    int link;
    host->process = ss_host_process_start(all.sidecar->loop, &spec, &link, &error);
    if (host->process == NULL) {
        ss_log(SS_LOG_ERROR, "%s", ss_buf_string(&error));
        ss_buf_free(&error);
        free(host);
        return NULL;
    }
    host->slot = slot;
    host->state = SS_HOST_STARTING;
    host->death_code = SS_RPC_UNAVAILABLE;
    host->peer = ss_peer_open_host(all.sidecar, link, host, slot->name);
    host->peer->silence_limit_ms = silence_limit();
    link_in(host);
    ss_log(SS_LOG_INFO, "%s is process %ld", slot->name, (long)ss_host_process_pid(host->process));
    return host;
}

static void on_restart(uv_timer_t *timer) {
    ss_host_slot_t *slot = timer->data;
    if (slot->current == NULL) {
        ss_host_start_current(slot);
    } else if (slot->current->state == SS_HOST_READY && slot->next == NULL) {
        slot->next = ss_host_spawn(slot);
        if (slot->next == NULL) {
            ss_host_restart(slot); /* it is asked for still */
        }
    }
}

void ss_host_restart(ss_host_slot_t *slot) {
    uv_timer_start(&slot->restart, on_restart, slot->backoff_ms, 0);
    slot->backoff_ms = slot->backoff_ms == 0 ? SS_RESTART_MIN_MS : slot->backoff_ms * 2;
    if (slot->backoff_ms > SS_RESTART_MAX_MS) {
        slot->backoff_ms = SS_RESTART_MAX_MS;
    }
}

void ss_host_succeed(const ss_host_t *host) {
    if (now_ms() - host->ready_ms >= SS_HOST_FORGET_MS) {
        host->slot->backoff_ms = 0;
    }
    ss_host_restart(host->slot);
}

void ss_host_start_current(ss_host_slot_t *slot) {
    uv_timer_stop(&slot->restart);
    ss_host_t *host = ss_host_spawn(slot);
    if (host == NULL) {
        ss_hosts_fail("a host cannot be started\n");
        ss_host_restart(slot);
    } else {
        ss_host_take_place(slot, host);
    }
}

/* --- groups ---------------------------------------------------------------------------------- */

static void init_slot(ss_host_group_t *group, unsigned index) {
    ss_host_slot_t *slot = &group->slots[index];
    slot->group = group;
    slot->index = index;
    slot->number = all.n_slots++;
    snprintf(slot->name, sizeof slot->name, "host %u", slot->number);
    uv_timer_init(all.sidecar->loop, &slot->restart);
    slot->restart.data = slot;
}

/* Adds a group whose command line is that of `words`, and starts it. */
static void add_group(const char *const *words, size_t n, unsigned count, bool scripts) {
    ss_buf_t text = {0};
    for (size_t i = 0; i < n; i++) {
        ss_buf_append(&text, words[i], strlen(words[i]) + 1);
    }
    ss_host_group_t *group = ss_alloc_zero(sizeof *group + count * sizeof group->slots[0]);
    group->args = ss_alloc_zero((n + 1) * sizeof group->args[0]);
    for (size_t i = 0, at = 0; i < n; at += strlen(words[i]) + 1, i++) {
        group->args[i] = text.data + at;
    }
    group->count = count;
    group->scripts = scripts;
    group->problems = json_array();
    ss_host_group_t **last = &all.groups;
    while (*last != NULL) {
        last = &(*last)->next;
    }
    *last = group;
    for (unsigned i = 0; i < count; i++) {
        init_slot(group, i);
        ss_host_start_current(&group->slots[i]);
    }
}

static bool add_scripts(ss_buf_t *error) {
    const ss_host_options_t *o = &all.sidecar->options.hosts;
    char memory[64];
    ss_buf_t main_file = {0};
    snprintf(memory, sizeof memory, "--max-old-space-size=%u", o->memory_limit_mib);
    if (*o->root == '\0') {
        ss_buf_printf(error, "cannot find host/main.mjs, which runs the application's JavaScript: "
                             "is SocketStream installed completely?");
        return false;
    }
    ss_buf_printf(&main_file, "%s/host/main.mjs", o->root);
    const char *words[] = {o->node, memory, ss_buf_string(&main_file)};
    add_group(words, 3, o->count, true);
    ss_buf_free(&main_file);
    return true;
}

/* Words are parted by white space, as `host.commands` says. */
static bool add_command(const char *command, ss_buf_t *error) {
    const char *words[SS_HOST_ARGS_MAX];
    size_t n = 0;
    char *text = ss_copy(command, strlen(command));
    char *rest = NULL;
    for (char *word = strtok_r(text, " \t\n", &rest); word != NULL;
         word = strtok_r(NULL, " \t\n", &rest)) {
        if (n == SS_HOST_ARGS_MAX) {
            ss_buf_printf(error, "host.commands: more than %d words: %s", SS_HOST_ARGS_MAX,
                          command);
            free(text);
            return false;
        }
        words[n++] = word;
    }
    if (n == 0) {
        ss_buf_printf(error, "host.commands: a command is empty");
    } else {
        add_group(words, n, 1, false);
    }
    free(text);
    return n != 0;
}

static bool has_scripts_group(void) {
    for (const ss_host_group_t *g = all.groups; g != NULL; g = g->next) {
        if (g->scripts) {
            return true;
        }
    }
    return false;
}

void ss_hosts_look_for_scripts(void) {
    ss_buf_t error = {0};
    bool scripts = false;
    if (!has_scripts_group() && all.sidecar->options.hosts.count != 0 &&
        ss_module_check(all.sidecar->options.app_dir, &scripts, &error) && scripts) {
        add_scripts(&error);
    }
    if (error.len != 0) {
        ss_log(SS_LOG_ERROR, "%s", ss_buf_string(&error));
    }
    ss_buf_free(&error);
}

/* --- ticks ----------------------------------------------------------------------------------- */

static void check_memory(ss_host_t *host) {
    uint64_t limit_mib = all.sidecar->options.hosts.memory_limit_mib;
    uint64_t used_mib = ss_host_process_resident(host->process) >> 20;
    if (used_mib > limit_mib + SS_HOST_HEADROOM_MIB) {
        ss_log(SS_LOG_ERROR,
               "%s uses %llu MiB, more than host.memory_limit (%llu) allows: it is killed",
               host->slot->name, (unsigned long long)used_mib, (unsigned long long)limit_mib);
        ss_host_process_kill(host->process);
    }
}

static void tick(ss_host_t *host, uint32_t interval_ms) {
    if (host->process_ended) {
        return;
    }
    if (host->kill_at_ms != 0 && now_ms() >= host->kill_at_ms) {
        if (host->state == SS_HOST_LEAVING) {
            ss_log(SS_LOG_WARNING, "%s does not leave: it is killed", host->slot->name);
        }
        ss_host_process_kill(host->process);
    } else if (host->state != SS_HOST_ENDING) {
        check_memory(host);
        ss_peer_tick(host->peer, interval_ms);
    }
}

static void on_busy(uv_timer_t *timer) {
    bool any = false;
    for (ss_host_t *host = all.hosts, *next; host != NULL; host = next) {
        next = host->next;
        if (host->calls != 0) {
            any = true;
            tick(host, SS_HOST_BUSY_MS);
        }
    }
    if (!any) {
        uv_timer_stop(timer);
    }
}

void ss_hosts_busy(void) {
    if (!uv_is_active((const uv_handle_t *)&all.busy)) {
        uv_timer_start(&all.busy, on_busy, SS_HOST_BUSY_MS, SS_HOST_BUSY_MS);
    }
}

void ss_hosts_tick(void) {
    for (ss_host_t *host = all.hosts, *next; host != NULL; host = next) {
        next = host->next;
        if (host->calls == 0) {
            tick(host, SS_LINK_HEARTBEAT_MS);
        }
    }
    for (ss_peer_t *peer = all.sidecar->hosts, *next; peer != NULL; peer = next) {
        next = peer->next;
        if (peer->host == NULL) {
            ss_peer_tick(peer, SS_LINK_HEARTBEAT_MS);
        }
    }
}

/* --- life ------------------------------------------------------------------------------------ */

bool ss_hosts_start(ss_sidecar_t *sidecar, ss_buf_t *error) {
    const ss_host_options_t *o = &sidecar->options.hosts;
    bool scripts = false;
    size_t i;
    json_t *command;
    memset(&all, 0, sizeof all);
    all.sidecar = sidecar;
    all.waiting = true;
    uv_timer_init(sidecar->loop, &all.busy);
    if (o->count + json_array_size(o->commands) > SS_HOSTS_MAX) {
        ss_buf_printf(error, "more than %d hosts: lower hosts, or shorten host.commands",
                      SS_HOSTS_MAX);
        return false;
    }
    if (sidecar->http_fd != -1 && o->count == 0) {
        ss_buf_printf(error,
                      "config/http is middleware, which a host runs, but hosts is 0: set it to 1 "
                      "or more, or leave out --http-listen");
        return false;
    }
    if (!ss_module_check(sidecar->options.app_dir, &scripts, error) ||
        ((scripts || sidecar->http_fd != -1) && o->count != 0 && !add_scripts(error))) {
        return false;
    }
    json_array_foreach(o->commands, i, command) {
        if (!add_command(json_string_value(command), error)) {
            return false;
        }
    }
    return true;
}

/* Every slot has a host that is READY, or, in development, had one that failed. */
static bool settled(void) {
    for (const ss_host_group_t *g = all.groups; g != NULL; g = g->next) {
        for (unsigned i = 0; i < g->count; i++) {
            const ss_host_slot_t *slot = &g->slots[i];
            bool ready = slot->current != NULL && slot->current->state == SS_HOST_READY;
            if (!ready && slot->backoff_ms == 0) {
                return false;
            }
        }
    }
    return true;
}

bool ss_hosts_wait(ss_buf_t *error) {
    while (!all.failed && !all.sidecar->draining && !settled()) {
        uv_run(all.sidecar->loop, UV_RUN_ONCE);
    }
    all.waiting = false;
    if (all.failed) {
        ss_buf_append(error, all.failure.data, all.failure.len);
    }
    return !all.failed;
}

/* No more restarts, and what has not served yet is dropped. */
static void stop_starting(void) {
    all.leaving = true;
    for (ss_host_group_t *g = all.groups; g != NULL; g = g->next) {
        for (unsigned i = 0; i < g->count; i++) {
            uv_timer_stop(&g->slots[i].restart);
        }
    }
}

void ss_hosts_leave(void) {
    if (all.leaving) {
        return;
    }
    stop_starting();
    for (ss_host_t *host = all.hosts, *next; host != NULL; host = next) {
        next = host->next;
        if (host->state == SS_HOST_STARTING) {
            ss_host_drop(host);
        } else if (host->state == SS_HOST_READY) {
            host->state = SS_HOST_LEAVING;
            ss_peer_send(host->peer, SS_LINK_DRAIN, 0, 0, 0, NULL, 0);
        }
        if (host->state == SS_HOST_LEAVING) {
            host->kill_at_ms = now_ms() + SS_HOST_LEAVE_MS;
        }
    }
}

void ss_hosts_kill(void) {
    for (ss_host_t *host = all.hosts; host != NULL; host = host->next) {
        ss_host_process_kill(host->process);
    }
}

void ss_hosts_finish(void) {
    if (all.sidecar == NULL) {
        return;
    }
    stop_starting();
    ss_hosts_kill();
    while (all.hosts != NULL) {
        uv_run(all.sidecar->loop, UV_RUN_ONCE);
    }
}

void ss_hosts_free(void) {
    while (all.groups != NULL) {
        ss_host_group_t *group = all.groups;
        all.groups = group->next;
        free((char *)group->args[0]);
        free(group->args);
        json_decref(group->problems);
        json_decref(group->dropped);
        free(group);
    }
    ss_buf_free(&all.failure);
    memset(&all, 0, sizeof all);
}
