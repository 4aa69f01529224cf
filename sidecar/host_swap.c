/* SPDX-License-Identifier: MIT
 *
 * See host_swap.h.
 */
#include "host_swap.h"

#include "api_auth.h"
#include "develop.h"
#include "log.h"

/* --- problems -------------------------------------------------------------------------------- */

/* Tells browsers of what is wrong in all groups: with the code that would replace what runs, or
 * else with what runs. */
static void tell_problems(void) {
    json_t *list = json_array();
    for (const ss_host_group_t *g = ss_host_groups(); g != NULL; g = g->next) {
        json_array_extend(list, g->dropped != NULL ? g->dropped : g->problems);
    }
    ss_develop_problems(SS_DEVELOP_HOST, list);
    json_decref(list);
}

static void log_problems(const json_t *problems) {
    size_t i;
    json_t *problem;
    ss_buf_t text = {0};
    json_array_foreach(problems, i, problem) { ss_host_problem_write(&text, problem); }
    char *rest = NULL;
    for (char *line = strtok_r((char *)ss_buf_string(&text), "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        ss_log(SS_LOG_ERROR, "%s", line);
    }
    ss_buf_free(&text);
}

/* What several processes of one group find wrong is said once. */
static void report(const ss_host_group_t *group, const json_t *problems) {
    const json_t *known = group->dropped != NULL ? group->dropped : group->problems;
    if (json_array_size(problems) != 0 && !json_equal(known, problems)) {
        log_problems(problems);
    }
}

const json_t *ss_host_swap_problem(const char *name, size_t len) {
    for (const ss_host_group_t *g = ss_host_groups(); g != NULL; g = g->next) {
        const json_t *problem = ss_host_problem_of(g->problems, name, len);
        if (problem != NULL) {
            return problem;
        }
    }
    return NULL;
}

/* --- switching ------------------------------------------------------------------------------- */

/* Calls it has are answered still; it has the time that a call may take, and a second. */
static void leave(ss_host_t *host) {
    if (host->state != SS_HOST_READY) {
        ss_host_drop(host);
        return;
    }
    const ss_sidecar_options_t *options = &host->peer->sidecar->options;
    host->state = SS_HOST_LEAVING;
    host->kill_at_ms =
        uv_now(host->peer->sidecar->loop) + options->action_timeout_ms + SS_LINK_HEARTBEAT_MS;
    ss_peer_send(host->peer, SS_LINK_DRAIN, 0, 0, 0, NULL, 0);
}

/* What the host said in READY is what its group does from now on. */
static void take_over(ss_host_t *host) {
    ss_host_group_t *group = host->slot->group;
    ss_sidecar_t *sidecar = host->peer->sidecar;
    report(group, host->ready.problems);
    json_decref(group->problems);
    json_decref(group->dropped);
    group->problems = json_incref(host->ready.problems);
    group->dropped = NULL;
    if (ss_host_ready_offer(&host->ready, &sidecar->registry, group) || ss_develop_enabled()) {
        ss_sidecar_actions_changed(sidecar); /* pages in development hear of all new code */
    }
    tell_problems();
}

/* From now on nothing but its own end takes its place from it, so that no connection it accepts is
 * lost. */
static void serve(ss_host_t *host) {
    if (host->slot->group->scripts && host->peer->sidecar->http_fd != -1) {
        ss_peer_send(host->peer, SS_LINK_SERVE, 0, 0, 0, NULL, 0);
    }
}

static void switch_slot(ss_host_slot_t *slot) {
    ss_host_t *old = slot->current;
    ss_host_take_place(slot, slot->next);
    slot->next = NULL;
    uv_timer_stop(&slot->restart);
    serve(slot->current);
    if (old != NULL) {
        leave(old);
    }
}

/* Out of the slot first, so that its end is nobody's business any more. */
static void drop_next(ss_host_slot_t *slot) {
    ss_host_t *host = slot->next;
    slot->next = NULL;
    if (host != NULL && host->state != SS_HOST_ENDING) {
        ss_host_drop(host);
    }
}

/* The replacement in this slot, or the whole reload, does not take place. */
static void give_up(ss_host_slot_t *slot, json_t *problems) {
    ss_host_group_t *group = slot->group;
    report(group, problems);
    ss_log(SS_LOG_ERROR, "%s: the new code is dropped, the old goes on", slot->name);
    for (unsigned i = 0; i < group->count; i++) {
        if (group->reloading || &group->slots[i] == slot) {
            drop_next(&group->slots[i]);
        }
    }
    group->reloading = false;
    json_decref(group->dropped);
    group->dropped = json_incref(problems);
    tell_problems();
}

static bool all_ready(const ss_host_group_t *group) {
    for (unsigned i = 0; i < group->count; i++) {
        const ss_host_t *next = group->slots[i].next;
        if (next != NULL && next->state != SS_HOST_READY) {
            return false;
        }
    }
    return true;
}

static void replace(ss_host_t *host) {
    ss_host_slot_t *slot = host->slot;
    ss_host_group_t *group = slot->group;
    if (!group->reloading) {
        switch_slot(slot);
        take_over(host);
        return;
    }
    if (!all_ready(group)) {
        return;
    }
    group->reloading = false;
    for (unsigned i = 0; i < group->count; i++) {
        if (group->slots[i].next != NULL) {
            switch_slot(&group->slots[i]);
        }
    }
    take_over(host);
    ss_log(SS_LOG_NOTICE, "%s: the new code is in use", slot->name);
}

/* --- READY ----------------------------------------------------------------------------------- */

/* Whether code with problems is used: in development, where nothing whole is there instead.  A name
 * that is wrong in the configuration is no matter of code: nothing begins with it. */
static bool usable(const ss_host_t *host) {
    const ss_host_slot_t *slot = host->slot;
    bool whole = json_array_size(host->ready.problems) == 0;
    bool better = slot->next == host && json_array_size(slot->group->problems) == 0;
    bool begins = !(host->ready.misnamed && ss_hosts_starting());
    return whole || (ss_develop_enabled() && !better && begins);
}

/* The module of Basic Auth, where C has none of that name: broken, or not there. */
static void check_authenticator(ss_host_t *host) {
    const ss_sidecar_t *sidecar = host->peer->sidecar;
    json_t *problem = host->ready.authenticator;
    const char *file = json_string_value(json_object_get(problem, "file"));
    if (problem == NULL || ss_api_auth_in_c(sidecar)) {
        return;
    }
    if (file != NULL && *file != '\0') {
        json_array_append(host->ready.problems, problem);
        return;
    }
    ss_buf_t text = {0};
    const char *why = json_string_value(json_object_get(problem, "message"));
    ss_api_auth_tell_missing(sidecar, why, &text);
    json_array_append_new(
        host->ready.problems,
        ss_host_problem_in(sidecar->options.api.module_origin, ss_buf_string(&text)));
    host->ready.misnamed = true;
    ss_buf_free(&text);
}

/* Nothing runs in its place: the sidecar does not start, or tries again after a while. */
static void refuse(ss_host_t *host) {
    ss_host_slot_t *slot = host->slot;
    ss_buf_t text = {0};
    size_t i;
    json_t *problem;
    json_array_foreach(host->ready.problems, i, problem) { ss_host_problem_write(&text, problem); }
    if (!ss_hosts_fail(ss_buf_string(&text))) {
        report(slot->group, host->ready.problems);
    }
    ss_buf_free(&text);
    json_decref(slot->group->dropped);
    slot->group->dropped = json_incref(host->ready.problems);
    slot->current = NULL;
    ss_host_drop(host);
    ss_host_restart(slot);
}

void ss_host_swap_ready(ss_host_t *host, ss_span_t text) {
    ss_host_slot_t *slot = host->slot;
    ss_buf_t error = {0};
    if (host->state != SS_HOST_STARTING) {
        ss_peer_fail(host->peer, "READY comes once");
        return;
    }
    if (!ss_host_ready_parse(text, &host->ready, &error)) {
        ss_peer_fail(host->peer, "malformed READY: %s", ss_buf_string(&error));
        ss_buf_free(&error);
        return;
    }
    ss_host_ready_check(&host->ready, &host->peer->sidecar->registry, slot->group);
    check_authenticator(host);
    if (!usable(host)) {
        if (slot->next == host) {
            give_up(slot, host->ready.problems);
        } else {
            refuse(host);
        }
        return;
    }
    host->state = SS_HOST_READY;
    host->ready_ms = uv_now(host->peer->sidecar->loop);
    host->peer->silence_limit_ms = host->peer->sidecar->options.action_timeout_ms;
    ss_log(SS_LOG_NOTICE, "%s is ready: %zu actions", slot->name,
           json_array_size(host->ready.actions));
    if (slot->next == host) {
        replace(host);
    } else {
        take_over(host);
        serve(host);
    }
}

/* Which one it is, of those that the configuration names. */
static void tell_command(const ss_host_group_t *group, ss_buf_t *text) {
    for (size_t i = 0; !group->scripts && group->args[i] != NULL; i++) {
        ss_buf_printf(text, "%s%s", i == 0 ? " (host.commands: \"" : " ", group->args[i]);
    }
    if (!group->scripts) {
        ss_buf_literal(text, "\")");
    }
}

void ss_host_swap_failed(ss_host_t *host, const char *how) {
    ss_host_slot_t *slot = host->slot;
    const char *words = ss_host_process_last_words(host->process);
    ss_buf_t text = {0};
    ss_buf_printf(&text, "%s %s before it was ready%s%s", slot->name, how,
                  *words == '\0' ? "" : ": ", words);
    tell_command(slot->group, &text);
    json_t *problems = json_array();
    json_array_append_new(problems, ss_host_problem(ss_buf_string(&text)));
    if (slot->next == host) {
        give_up(slot, problems);
    } else {
        slot->current = NULL;
        ss_buf_literal(&text, "\n");
        if (ss_develop_enabled() || !ss_hosts_fail(ss_buf_string(&text))) {
            report(slot->group, problems);
        }
        json_decref(slot->group->dropped);
        slot->group->dropped = json_incref(problems);
        tell_problems();
        ss_host_restart(slot);
    }
    json_decref(problems);
    ss_buf_free(&text);
}

/* --- new processes beside the old ------------------------------------------------------------ */

void ss_host_swap_retire(ss_host_t *host, ss_span_t reason) {
    ss_host_slot_t *slot = host->slot;
    ss_log(SS_LOG_NOTICE, "%s wants to be replaced: %.*s", slot->name, (int)reason.len,
           reason.len == 0 ? "" : reason.ptr);
    bool serves = host->state == SS_HOST_READY && slot->current == host;
    if (serves && slot->next == NULL && ss_hosts_running()) {
        ss_host_succeed(host);
    }
}

/* false: a process cannot be started beside the one that runs. */
static bool reload_slot(ss_host_slot_t *slot) {
    ss_host_t *current = slot->current;
    drop_next(slot);
    if (current != NULL && current->state == SS_HOST_READY) {
        slot->next = ss_host_spawn(slot);
        slot->group->reloading = true;
        return slot->next != NULL;
    }
    slot->current = NULL;
    slot->backoff_ms = 0;
    if (current != NULL && current->state == SS_HOST_STARTING) {
        ss_host_drop(current);
    }
    ss_host_start_current(slot);
    return true;
}

static void reload_group(ss_host_group_t *group) {
    group->reloading = false;
    for (unsigned i = 0; i < group->count; i++) {
        if (!reload_slot(&group->slots[i])) {
            json_t *problems = json_array();
            json_array_append_new(problems, ss_host_problem("a host cannot be started"));
            give_up(&group->slots[i], problems);
            json_decref(problems);
            return;
        }
    }
}

void ss_host_reload(void) {
    if (!ss_hosts_running()) {
        return;
    }
    for (ss_host_group_t *g = ss_host_groups(); g != NULL; g = g->next) {
        reload_group(g);
    }
    ss_hosts_look_for_scripts();
}
