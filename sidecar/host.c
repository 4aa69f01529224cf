/* SPDX-License-Identifier: MIT
 *
 * See host.h.
 */
#include "host.h"

#include "bounds.h"
#include "host_call.h"
#include "hub.h"
#include "json_writer.h"

/* What is written to a closed link is kept until nobody refers to it. */
static bool nobody_waits(const ss_peer_t *host, uint32_t number) {
    return number == 0 || host->state != SS_PEER_OPEN;
}

void ss_host_answer_failure(ss_peer_t *host, uint32_t number, const ss_failure_t *failure) {
    if (nobody_waits(host, number)) {
        return;
    }
    ss_buf_t *b = ss_peer_begin(host);
    ss_buf_append(b, "\0", 1);
    ss_failure_write(b, failure);
    ss_peer_end(host, SS_LINK_ANSWER, 0, 0, number);
}

void ss_host_answer(ss_peer_t *host, uint32_t number, const json_t *result) {
    if (nobody_waits(host, number)) {
        return;
    }
    ss_buf_t *b = ss_peer_begin(host);
    ss_buf_append(b, "\1", 1);
    ss_json_write_t rc = ss_json_write(b, result, host->max_answer - 1);
    if (rc != SS_JSON_WRITTEN) {
        ss_peer_cancel(host);
        int code = rc == SS_JSON_BROKEN ? SS_RPC_INTERNAL : SS_RPC_TOO_LARGE;
        ss_host_answer_failure(host, number, &(ss_failure_t){.code = code});
        return;
    }
    ss_peer_end(host, SS_LINK_ANSWER, 0, 0, number);
}

void ss_host_answer_text(ss_peer_t *host, uint32_t number, ss_span_t json) {
    if (nobody_waits(host, number)) {
        return;
    }
    if (json.len >= host->max_answer) { /* a byte stands before it */
        ss_host_answer_failure(host, number, &(ss_failure_t){.code = SS_RPC_TOO_LARGE});
        return;
    }
    ss_buf_t *b = ss_peer_begin(host);
    ss_buf_append(b, "\1", 1);
    ss_buf_append(b, json.ptr, json.len);
    ss_peer_end(host, SS_LINK_ANSWER, 0, 0, number);
}

void ss_host_listen(ss_peer_t *host, uint32_t events) { host->events |= events; }

static bool group_listens(const ss_host_group_t *group, uint32_t events) {
    for (unsigned i = 0; i < group->count; i++) {
        const ss_host_t *host = group->slots[i].current;
        if (host != NULL && (host->peer->events & events) != 0) {
            return true;
        }
    }
    return false;
}

static bool console_listens(const ss_peer_t *peer, uint32_t events) {
    return peer->host == NULL && (peer->events & events) != 0;
}

bool ss_host_listened(uint32_t events) {
    for (const ss_host_group_t *group = ss_host_groups(); group != NULL; group = group->next) {
        if (group_listens(group, events)) {
            return true;
        }
    }
    for (const ss_peer_t *peer = ss_hub_sidecar()->hosts; peer != NULL; peer = peer->next) {
        if (console_listens(peer, events)) {
            return true;
        }
    }
    return false;
}

/* Events are lost on one that does not read: it would be lost itself. */
static void tell(ss_peer_t *peer, ss_span_t json) {
    if (ss_peer_queued(peer) < SS_HOST_QUEUE_MAX) {
        ss_peer_send(peer, SS_LINK_EVENT, 0, 0, 0, json.ptr, json.len);
    }
}

void ss_host_event(uint32_t event, uint8_t pin, ss_span_t json) {
    for (ss_host_group_t *group = ss_host_groups(); group != NULL; group = group->next) {
        const ss_host_t *host = group_listens(group, event) ? ss_host_of_pin(group, pin) : NULL;
        if (host != NULL) {
            tell(host->peer, json);
        }
    }
    for (ss_peer_t *peer = ss_hub_sidecar()->hosts, *next; peer != NULL; peer = next) {
        next = peer->next;
        if (console_listens(peer, event)) {
            tell(peer, json);
        }
    }
}
