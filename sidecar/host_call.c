/* SPDX-License-Identifier: MIT
 *
 * See host_call.h.  Params and results pass as they are: bytes, checked but not parsed.
 */
#include "host_call.h"

#include <limits.h>
#include <strings.h>

#include "bounds.h"
#include "connection.h"
#include "digits.h"
#include "facts.h"
#include "host_frames.h"
#include "log.h"
#include "session.h"
#include "ss_json.h"
#include "ss_utf8.h"

/* --- who gets it ----------------------------------------------------------------------------- */

static bool takes_calls(const ss_host_t *host) {
    return host != NULL && host->peer->state != SS_PEER_CLOSED &&
           (host->state == SS_HOST_READY ||
            (host->state == SS_HOST_STARTING && host->calls < SS_HOST_AHEAD_MAX)) &&
           ss_peer_queued(host->peer) < SS_HOST_QUEUE_MAX;
}

/* The one with the fewest calls, one that is READY rather than one that starts. */
static ss_host_t *least_loaded(ss_host_group_t *group) {
    ss_host_t *best = NULL;
    for (unsigned i = 0; i < group->count; i++) {
        ss_host_t *host = group->slots[i].current;
        if (takes_calls(host) && (best == NULL || host->state > best->state ||
                                  (host->state == best->state && host->calls < best->calls))) {
            best = host;
        }
    }
    return best;
}

static ss_host_t *choose(ss_host_group_t *group, const ss_client_t *client) {
    if (client == NULL) {
        return least_loaded(group);
    }
    ss_host_t *pinned = group->slots[client->session->pin % group->count].current;
    return takes_calls(pinned) ? pinned : least_loaded(group);
}

ss_host_t *ss_host_of_pin(ss_host_group_t *group, uint8_t pin) {
    for (unsigned i = 0; i < group->count; i++) {
        ss_host_t *host = group->slots[(pin + i) % group->count].current;
        if (host != NULL && host->state == SS_HOST_READY) {
            return host;
        }
    }
    return NULL;
}

/* --- facts ----------------------------------------------------------------------------------- */

static bool same_name(ss_span_t a, ss_span_t b) {
    return a.len == b.len && strncasecmp(a.ptr, b.ptr, a.len) == 0;
}

static bool seen_before(ss_reader_t headers, unsigned count, ss_span_t name) {
    ss_link_pair_t pair;
    while (count-- > 0 && ss_link_next_pair(&headers, &pair)) {
        if (same_name(pair.name, name)) {
            return true;
        }
    }
    return false;
}

/* All values of one header, in order. */
static void write_header(ss_buf_t *b, ss_reader_t all, ss_span_t name) {
    ss_link_pair_t pair;
    ss_buf_t value = {0};
    ss_buf_t lower = {0};
    for (bool first = true; ss_link_next_pair(&all, &pair);) {
        if (same_name(pair.name, name)) {
            ss_buf_append(&value, ", ", first ? 0 : 2);
            ss_buf_append(&value, pair.value.ptr, pair.value.len);
            first = false;
        }
    }
    ss_buf_append(&lower, name.ptr, name.len);
    for (size_t i = 0; i < lower.len; i++) {
        lower.data[i] |= lower.data[i] >= 'A' && lower.data[i] <= 'Z' ? 0x20 : 0;
    }
    ss_buf_json_string(b, lower.data, lower.len);
    ss_buf_literal(b, ":");
    ss_buf_json_string(b, value.data, value.len);
    ss_buf_free(&value);
    ss_buf_free(&lower);
}

/* A password that has been checked is nothing that an action should log by mistake. */
static bool shown(const ss_request_t *r, ss_span_t name) {
    return r->user == NULL || !same_name(name, (ss_span_t){"authorization", 13});
}

static void write_http(ss_buf_t *b, const ss_request_t *r) {
    const ss_link_request_t *http = r->http;
    ss_reader_t headers = http->headers;
    ss_link_pair_t pair;
    bool first = true;
    ss_buf_literal(b, ",\"headers\":{");
    for (unsigned i = 0; ss_link_next_pair(&headers, &pair); i++) {
        if (!seen_before(http->headers, i, pair.name) && shown(r, pair.name)) {
            ss_buf_append(b, ",", first ? 0 : 1);
            write_header(b, http->headers, pair.name);
            first = false;
        }
    }
    ss_buf_literal(b, "}");
    if (http->body.len != 0) {
        ss_buf_literal(b, ",\"post\":");
        ss_buf_json_string(b, http->body.ptr, http->body.len);
    }
}

static void write_connection(ss_buf_t *b, const ss_client_t *client) {
    char socket[SS_SOCKET_ID_MAX];
    size_t len = ss_connection_socket_id(client, socket);
    ss_buf_literal(b, ",\"socket\":\"");
    ss_buf_append(b, socket, len);
    ss_buf_literal(b, "\",\"session\":");
    ss_facts_session(b, client->session);
}

static void write_facts(ss_buf_t *b, const ss_request_t *r, const ss_client_t *client) {
    char id[SS_HEX_MAX];
    ss_buf_literal(b, "{\"id\":\"");
    ss_buf_append(b, id, (size_t)(ss_hex(id, r->handle, 1) - id));
    ss_buf_literal(b, "\",\"transport\":\"");
    ss_buf_append(b, r->transport->name, strlen(r->transport->name));
    ss_buf_literal(b, "\",\"address\":");
    ss_buf_json_string(b, r->address, strlen(r->address));
    if (client != NULL) {
        write_connection(b, client);
    }
    if (r->http != NULL) {
        write_http(b, r);
    }
    if (r->user != NULL) {
        ss_buf_literal(b, ",\"session\":{\"user\":");
        ss_buf_json_string(b, r->user, strlen(r->user));
        ss_buf_literal(b, "}");
    }
    ss_buf_literal(b, "}");
}

/* --- CALL ------------------------------------------------------------------------------------ */

#define FACTS_LENGTH 4 /* bytes of the length before the facts */

/* Writes the payload behind what is there; false when it is larger than the host takes.  How long
 * the facts are shows when they are written: their length is filled in then. */
static bool write_call(ss_buf_t *b, const ss_request_t *r, const ss_client_t *client,
                       const ss_params_t *params, size_t max) {
    const ss_action_entry_t *action = r->action;
    size_t start = b->len;
    size_t head = 1 + 2 + action->name_len + FACTS_LENGTH;
    ss_writer_t w = ss_writer(ss_buf_reserve(b, head), head);
    ss_link_encode_call(&w,
                        (uint8_t)((r->unlogged ? SS_LINK_CALL_SILENT : 0) |
                                  (r->silent ? SS_LINK_CALL_UNANSWERED : 0)),
                        (ss_span_t){action->name, action->name_len}, (ss_span_t){NULL, 0});
    b->len += ss_written(&w);
    size_t facts = b->len;
    write_facts(b, r, client);
    w = ss_writer(b->data + facts - FACTS_LENGTH, FACTS_LENGTH);
    ss_write_u32(&w, (uint32_t)(b->len - facts));
    ss_params_write(b, params);
    return b->len - start <= max;
}

void ss_host_call(ss_request_t *request, const ss_params_t *params) {
    const ss_client_t *client = ss_request_client(request);
    ss_host_t *host = choose(request->action->group, client);
    if (host == NULL) {
        ss_request_finish(request, NULL, &(ss_failure_t){.code = SS_RPC_UNAVAILABLE});
        return;
    }
    ss_peer_t *peer = host->peer;
    ss_buf_t *b = ss_peer_begin(peer);
    if (!write_call(b, request, client, params, peer->max_answer)) {
        ss_peer_cancel(peer);
        ss_request_finish(request, NULL, &(ss_failure_t){.code = SS_RPC_TOO_LARGE});
        return;
    }
    request->host = host;
    host->calls++;
    ss_hosts_busy();
    ss_peer_end(peer, SS_LINK_CALL, (uint32_t)request->handle, (uint32_t)(request->handle >> 32),
                0);
}

void ss_host_call_over(ss_host_t *host) { host->calls--; }

/* --- answers --------------------------------------------------------------------------------- */

/* The host's own open request with this handle; NULL after saying why there is none. */
static ss_request_t *answered(const ss_peer_t *peer, uint64_t number) {
    const struct ss_req *handle = (const struct ss_req *)(uintptr_t)number;
    ss_request_t *request = ss_request_to_answer(handle);
    if (request != NULL && (peer->host == NULL || request->host != peer->host)) {
        ss_log(SS_LOG_WARNING, "%s answered a call of %s that it did not get; ignored", peer->name,
               request->action->name);
        return NULL;
    }
    return request;
}

void ss_host_call_returned(ss_peer_t *peer, uint64_t handle, ss_span_t result, int refused) {
    ss_request_t *request = answered(peer, handle);
    if (request == NULL) {
        return;
    }
    ss_failure_t failure = {.code = refused};
    if (refused == SS_RPC_TOO_LARGE) {
        ss_log(SS_LOG_WARNING, "%s: its result is longer than %u bytes", request->action->name,
               (unsigned)peer->sidecar->options.max_message);
    } else if (refused == 0 &&
               (!ss_json_valid(result.ptr, result.len) || !ss_utf8_valid(result.ptr, result.len))) {
        ss_log(SS_LOG_WARNING, "%s: its result is not valid JSON", request->action->name);
        failure.code = SS_RPC_INTERNAL;
    }
    if (failure.code != 0) {
        ss_request_finish(request, NULL, &failure);
    } else {
        ss_request_finish(request, &(ss_result_t){.text = result}, NULL);
    }
}

/* What an error of a host's becomes; `failure` borrows from `json`. */
static bool parse_failure(const json_t *json, char *message, ss_failure_t *failure) {
    const json_t *code = json_object_get(json, "code");
    const json_t *text = json_object_get(json, "message");
    json_int_t number = json_integer_value(code);
    if (!json_is_integer(code) || number < INT_MIN || number > INT_MAX ||
        (text != NULL && !json_is_string(text))) {
        return false;
    }
    if (text != NULL) {
        snprintf(message, SS_FAILURE_MESSAGE_MAX, "%s", json_string_value(text));
    }
    *failure =
        (ss_failure_t){(int)number, text == NULL ? NULL : message, json_object_get(json, "data")};
    return true;
}

void ss_host_call_failed(ss_peer_t *peer, uint64_t handle, ss_span_t text, int refused) {
    ss_request_t *request = answered(peer, handle);
    if (request == NULL) {
        return;
    }
    char message[SS_FAILURE_MESSAGE_MAX];
    ss_failure_t failure = {.code = SS_RPC_INTERNAL};
    json_error_t reason;
    json_t *json = refused != 0 || text.len == 0
                       ? NULL
                       : json_loadb(text.ptr, text.len, JSON_ALLOW_NUL, &reason);
    if (!parse_failure(json, message, &failure)) {
        ss_log(SS_LOG_WARNING, "%s: its error is not {\"code\":…,\"message\":…}",
               request->action->name);
    }
    ss_request_finish(request, NULL, &failure);
    json_decref(json);
}
