/* SPDX-License-Identifier: MIT
 *
 * See request.h.
 *
 * The timeout is one constant, so the list of open requests in order of opening is in order of
 * deadlines too, and one timer, set for the head, serves all.  Answering does not touch the timer:
 * it fires once too early now and then, and is set anew.
 */
#include "request.h"

#include <pthread.h>

#include "host_call.h"
#include "log.h"
#include "session.h"
#include "change.h"

/* A handle, from its low bits up. */
#define INDEX_BITS 16
#define ACTION_BITS 12
#define ACTION_UNKNOWN ((1u << ACTION_BITS) - 1)

_Static_assert(SS_CALLS_MAX <= 1u << INDEX_BITS, "an index fits its bits");
_Static_assert(sizeof(void *) == 8, "a handle fits a pointer");

static struct {
    uv_timer_t timer;
    uv_loop_t *loop;
    const ss_registry_t *registry;
    pthread_t thread;
    uint64_t timeout_ms;
    uint64_t generation;
    ss_request_t *first, *last; /* open, oldest first */
    ss_request_t *unused;
    ss_request_t **by_index;
    uint64_t *timed_out; /* by index: the last handle that ended at its deadline */
    uint32_t allocated;
    size_t open;
} all;

void ss_requests_init(uv_loop_t *loop, uint32_t timeout_ms, const ss_registry_t *registry) {
    memset(&all, 0, sizeof all);
    all.loop = loop;
    all.timeout_ms = timeout_ms;
    all.registry = registry;
    all.thread = pthread_self();
    all.by_index = ss_alloc_zero(SS_CALLS_MAX * sizeof all.by_index[0]);
    all.timed_out = ss_alloc_zero(SS_CALLS_MAX * sizeof all.timed_out[0]);
    uv_timer_init(loop, &all.timer);
}

void ss_requests_finish(void) {
    for (uint32_t i = 0; i < all.allocated; i++) {
        free(all.by_index[i]);
    }
    free(all.by_index);
    free(all.timed_out);
    all.by_index = NULL;
    all.timed_out = NULL;
    all.allocated = 0;
    all.unused = NULL;
    uv_close((uv_handle_t *)&all.timer, NULL);
}

size_t ss_requests_open(void) { return all.open; }

bool ss_request_on_loop_thread(void) { return pthread_equal(pthread_self(), all.thread) != 0; }

/* --- handles --------------------------------------------------------------------------------- */

static uint64_t make_handle(uint32_t index, uint32_t action) {
    uint64_t known = action < ACTION_UNKNOWN ? action : ACTION_UNKNOWN;
    return ++all.generation << (INDEX_BITS + ACTION_BITS) | known << INDEX_BITS | index;
}

static uint32_t handle_index(const struct ss_req *handle) {
    return (uint32_t)((uintptr_t)handle & ((1u << INDEX_BITS) - 1));
}

ss_request_t *ss_request_get(const struct ss_req *handle) {
    uint32_t index = handle_index(handle);
    ss_request_t *request = index < all.allocated ? all.by_index[index] : NULL;
    return request != NULL && handle != NULL && request->handle == (uintptr_t)handle ? request
                                                                                     : NULL;
}

const char *ss_request_action_name(const struct ss_req *handle) {
    uint32_t action = (uint32_t)((uintptr_t)handle >> INDEX_BITS) & ACTION_UNKNOWN;
    return action < all.registry->count ? all.registry->actions[action]->name : "an action";
}

/* true when the request behind this stale handle ended at its deadline, as far as is known. */
static bool timed_out(const struct ss_req *handle) {
    uint32_t index = handle_index(handle);
    return index < all.allocated && all.timed_out[index] == (uintptr_t)handle;
}

ss_request_t *ss_request_to_answer(const struct ss_req *handle) {
    ss_request_t *request = ss_request_get(handle);
    if (request != NULL) {
        return request;
    }
    if (timed_out(handle)) {
        ss_log(SS_LOG_NOTICE, "%s answered after its deadline; ignored",
               ss_request_action_name(handle));
    } else {
        ss_log(SS_LOG_WARNING, "%s answered a call twice; ignored", ss_request_action_name(handle));
    }
    return NULL;
}

/* --- deadlines ------------------------------------------------------------------------------- */

static void on_deadline(uv_timer_t *timer) {
    uint64_t now = uv_now(all.loop);
    while (all.first != NULL && all.first->deadline_ms <= now) {
        ss_request_t *request = all.first;
        all.timed_out[request->index] = request->handle;
        ss_log(SS_LOG_WARNING, "%s did not answer within %llu ms", request->action->name,
               (unsigned long long)all.timeout_ms);
        ss_request_finish(request, NULL, &(ss_failure_t){.code = SS_RPC_TIMEOUT});
    }
    if (all.first != NULL) {
        uv_timer_start(timer, on_deadline, all.first->deadline_ms - now, 0);
    }
}

static void append(ss_request_t *request) {
    request->deadline_ms = uv_now(all.loop) + all.timeout_ms;
    request->prev = all.last;
    request->next = NULL;
    if (all.last != NULL) {
        all.last->next = request;
    } else {
        all.first = request;
    }
    all.last = request;
    all.open++;
}

/* Only an action that has not answered at once needs the timer. */
static void watch_deadline(void) {
    if (!uv_is_active((const uv_handle_t *)&all.timer)) {
        uint64_t now = uv_now(all.loop);
        uint64_t first = all.first->deadline_ms;
        uv_timer_start(&all.timer, on_deadline, first > now ? first - now : 0, 0);
    }
}

static void take_off(ss_request_t *request) {
    if (request->prev != NULL) {
        request->prev->next = request->next;
    } else {
        all.first = request->next;
    }
    if (request->next != NULL) {
        request->next->prev = request->prev;
    } else {
        all.last = request->prev;
    }
    all.open--;
}

/* --- life ------------------------------------------------------------------------------------ */

static ss_request_t *take_unused(void) {
    ss_request_t *request = all.unused;
    if (request != NULL) {
        all.unused = request->next;
        return request;
    }
    if (all.allocated == SS_CALLS_MAX) {
        return NULL;
    }
    request = ss_alloc(sizeof *request);
    request->index = all.allocated;
    all.by_index[all.allocated++] = request;
    return request;
}

ss_request_t *ss_request_open(ss_peer_t *peer, const ss_action_entry_t *action,
                              const ss_transport_t *transport, const char *address,
                              size_t address_len) {
    ss_request_t *request = take_unused();
    if (request == NULL) {
        return NULL;
    }
    request->handle = make_handle(request->index, action->index);
    request->started_ns = ss_log_level() > 0 ? uv_hrtime() : 0;
    request->action = action;
    request->transport = transport;
    request->peer = ss_peer_ref(peer);
    peer->calls++;
    request->host = NULL;
    request->http = NULL;
    request->batch = NULL;
    request->auth = NULL;
    request->user = NULL;
    request->silent = false;
    request->unlogged = false;
    request->attachment = false;
    request->id_len = 0;
    size_t len = address_len < SS_ADDRESS_MAX ? address_len : SS_ADDRESS_MAX;
    memcpy(request->address, address_len == 0 ? "" : address, len);
    request->address[len] = '\0';
    append(request);
    return request;
}

/* Whether a session whose state is not known has a user is not known either. */
int ss_request_guard(const ss_action_entry_t *action, const ss_client_t *client) {
    if ((action->flags & SS_AUTHENTICATED) == 0) {
        return 0;
    }
    const ss_session_t *session = client == NULL ? NULL : client->session;
    if (session != NULL && *ss_session_user(session) != '\0') {
        return 0;
    }
    return session != NULL && !session->loaded ? SS_RPC_UNAVAILABLE : SS_RPC_NOT_AUTHENTICATED;
}

ss_client_t *ss_request_client(const ss_request_t *r) {
    ss_client_t *client = ss_client_find(&r->peer->clients, r->slot, r->generation);
    return client == NULL || client->session == NULL ? NULL : client;
}

void ss_request_run(ss_request_t *request, ss_params_t *params) {
    struct ss_req *handle = (struct ss_req *)(uintptr_t)request->handle;
    const ss_action_entry_t *action = request->action;
    if (!request->unlogged && ss_log_payloads(2)) {
        ss_span_t text = params->text.len == 0 ? (ss_span_t){"[]", 2} : params->text;
        ss_log_payload(action->name, "params", &(ss_result_t){params->list, text});
    }
    if (action->group != NULL) {
        ss_host_call(request, params);
    } else {
        action->run(handle, params->list);
    }
    ss_params_free(params);
    if (ss_request_get(handle) != NULL) {
        watch_deadline();
    }
}

static void log_call(const ss_request_t *request, const ss_result_t *result,
                     const ss_failure_t *failure) {
    if (result != NULL && ss_log_payloads(3)) {
        ss_log_payload(request->action->name, "result", result);
    }
    ss_log_call(&(ss_log_call_t){
        .action = request->action->name,
        .transport = request->transport->name,
        .address = request->address,
        .ms = (double)(uv_hrtime() - request->started_ns) / 1e6,
        .code = failure == NULL ? 0 : failure->code,
    });
}

/* The handle dies first: an answer cannot find its way back here. */
void ss_request_finish(ss_request_t *request, const ss_result_t *result,
                       const ss_failure_t *failure) {
    const ss_client_t *client = ss_request_client(request);
    request->handle = 0;
    take_off(request);
    if (client != NULL) {
        ss_change_save(client->session);
    }
    if (request->started_ns != 0 && !request->unlogged) {
        log_call(request, result, failure);
    }
    if (request->host != NULL) {
        ss_host_call_over(request->host);
    }
    request->transport->answer(request, result, failure);
    free(request->user);
    request->peer->calls--;
    ss_peer_unref(request->peer);
    request->next = all.unused;
    all.unused = request;
}

/* By their handles: an answer may end others on its way. */
void ss_requests_fail_host(const struct ss_host *host, int code) {
    uint64_t *handles = ss_alloc((all.open + 1) * sizeof handles[0]);
    size_t n = 0;
    for (const ss_request_t *r = all.first; r != NULL; r = r->next) {
        if (r->host == host) {
            handles[n++] = r->handle;
        }
    }
    for (size_t i = 0; i < n; i++) {
        ss_request_t *r = ss_request_get((const struct ss_req *)(uintptr_t)handles[i]);
        if (r != NULL) {
            ss_request_finish(r, NULL, &(ss_failure_t){.code = code});
        }
    }
    free(handles);
}

void ss_requests_fail_all(int code) {
    while (all.first != NULL) {
        ss_request_finish(all.first, NULL, &(ss_failure_t){.code = code});
    }
}
