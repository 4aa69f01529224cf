/* SPDX-License-Identifier: MIT
 *
 * See rpc.h.  Invariant: a message whose header carries a call number gets exactly one REPLY with
 * it, a message without gets none, whatever is in it.
 */
#include "rpc.h"

#include "json_writer.h"
#include "log.h"
#include "missing.h"
#include "params.h"
#include "request.h"
#include "ss_ws.h"

/* The replies of one batch, until the last is there. */
typedef struct ss_batch {
    ss_peer_t *peer; /* a reference */
    uint32_t slot;
    uint32_t generation;
    uint32_t call;
    unsigned pending; /* calls not answered, and one while the batch is being read */
    ss_buf_t text;
} ss_batch_t;

/* A message on its way through. */
typedef struct {
    ss_peer_t *peer;
    const ss_client_t *client;
    const ss_link_header_t *header;
    ss_batch_t *batch; /* NULL when it is none, or nobody waits for the replies */
} message_t;

/* --- replies --------------------------------------------------------------------------------- */

static void write_error(ss_buf_t *b, ss_span_t id, const ss_failure_t *failure) {
    ss_buf_literal(b, "{\"jsonrpc\":\"2.0\",\"id\":");
    if (id.len == 0) {
        ss_buf_literal(b, "null");
    } else {
        ss_buf_append(b, id.ptr, id.len);
    }
    ss_buf_literal(b, ",\"error\":");
    ss_failure_write(b, failure);
    ss_buf_literal(b, "}");
}

/* A result that does not fit or cannot be serialized becomes an error. */
static void write_result(ss_buf_t *b, ss_span_t id, const ss_result_t *result, size_t max,
                         const char *action) {
    size_t start = b->len;
    ss_buf_literal(b, "{\"jsonrpc\":\"2.0\",\"id\":");
    ss_buf_append(b, id.ptr, id.len);
    ss_buf_literal(b, ",\"result\":");
    ss_json_write_t rc = ss_result_write(b, result, max);
    if (rc == SS_JSON_WRITTEN) {
        ss_buf_literal(b, "}");
        return;
    }
    b->len = start;
    ss_log(SS_LOG_WARNING, "%s: its result %s", action,
           rc == SS_JSON_BROKEN ? "is not valid JSON" : "is larger than the worker takes");
    write_error(b, id,
                &(ss_failure_t){.code = rc == SS_JSON_BROKEN ? SS_RPC_INTERNAL : SS_RPC_TOO_LARGE});
}

/* What is left for a result beside its envelope. */
static size_t room(const ss_peer_t *peer, size_t used) {
    size_t reserve = used + SS_RPC_ID_MAX + 64;
    return peer->max_answer > reserve ? peer->max_answer - reserve : 0;
}

static void batch_release(ss_batch_t *batch) {
    if (--batch->pending != 0) {
        return;
    }
    if (ss_client_find(&batch->peer->clients, batch->slot, batch->generation) != NULL) {
        if (batch->text.len == 0) {
            /* Only notifications, though the worker waits: tell it so. */
            write_error(&batch->text, (ss_span_t){NULL, 0},
                        &(ss_failure_t){.code = SS_RPC_INVALID_REQUEST});
        } else {
            ss_buf_literal(&batch->text, "]");
        }
        ss_peer_send(batch->peer, SS_LINK_REPLY, batch->slot, batch->generation, batch->call,
                     batch->text.data, batch->text.len);
    }
    ss_buf_free(&batch->text);
    ss_peer_unref(batch->peer);
    free(batch);
}

static ss_buf_t *batch_next(ss_batch_t *batch) {
    ss_buf_append(&batch->text, batch->text.len == 0 ? "[" : ",", 1);
    return &batch->text;
}

static void answer(ss_request_t *r, const ss_result_t *result, const ss_failure_t *failure) {
    if (r->silent) {
        return;
    }
    ss_span_t id = {r->id, r->id_len};
    bool there = ss_client_find(&r->peer->clients, r->slot, r->generation) != NULL;
    if (there && (r->batch != NULL || r->peer->state == SS_PEER_OPEN)) {
        ss_buf_t *b = r->batch != NULL ? batch_next(r->batch) : ss_peer_begin(r->peer);
        if (failure != NULL) {
            write_error(b, id, failure);
        } else {
            size_t used = r->batch != NULL ? b->len : 0;
            write_result(b, id, result, room(r->peer, used), r->action->name);
        }
        if (r->batch == NULL) {
            ss_peer_end(r->peer, SS_LINK_REPLY, r->slot, r->generation, r->call);
        }
    }
    if (r->batch != NULL) {
        batch_release(r->batch);
    }
}

static const ss_transport_t transport = {"websocket", answer, false};

/* An error without a request, as a whole reply or as one of a batch's. */
static void refuse(const message_t *m, ss_span_t id, int code, const char *text) {
    if (m->header->call == 0) {
        return;
    }
    ss_failure_t failure = {.code = code, .message = text};
    if (m->batch != NULL) {
        write_error(batch_next(m->batch), id, &failure);
        return;
    }
    write_error(ss_peer_begin(m->peer), id, &failure);
    ss_peer_end(m->peer, SS_LINK_REPLY, m->header->slot, m->header->generation, m->header->call);
}

/* --- calls ----------------------------------------------------------------------------------- */

/* NULL: there is none, and `code` and `text` say why. */
static const ss_action_entry_t *find_action(const ss_registry_t *registry,
                                            const ss_rpc_call_t *call, int *code,
                                            const char **text) {
    static char why[SS_MISSING_MAX];
    char plain[SS_RPC_METHOD_MAX];
    ss_span_t name = call->method;
    if (call->method_escaped) {
        name = (ss_span_t){plain, ss_json_unescape(plain, call->method.ptr, call->method.len)};
    }
    const ss_action_entry_t *action = ss_registry_find(registry, name.ptr, name.len);
    if (action == NULL) {
        ss_failure_t failure = ss_missing_failure(registry, name.ptr, name.len, why);
        *code = failure.code;
        *text = failure.message;
    }
    return action;
}

/* Returns the request to run; else `code` and perhaps `text` say what is wrong with the call. */
static ss_request_t *prepare(const message_t *m, const ss_rpc_call_t *call, ss_params_t *params,
                             int *code, const char **text) {
    const ss_action_entry_t *action = find_action(&m->peer->sidecar->registry, call, code, text);
    if (action == NULL) {
        return NULL;
    }
    if ((*code = ss_request_guard(action, m->client)) != 0) {
        return NULL;
    }
    if (!ss_params_parse(params, call->params, action->group != NULL, text)) {
        *code = SS_RPC_INVALID_PARAMS;
        return NULL;
    }
    ss_request_t *r =
        ss_request_open(m->peer, action, &transport, m->client->address, m->client->address_len);
    if (r == NULL) {
        ss_params_free(params);
        *code = SS_RPC_TOO_MANY_CALLS;
    }
    return r;
}

/* `call` may be a notification, in a message whose other calls want replies. */
static void run(const message_t *m, const ss_rpc_call_t *call) {
    ss_params_t params = {0};
    const char *text = NULL;
    int code = 0;
    ss_request_t *r = prepare(m, call, &params, &code, &text);
    if (r == NULL) {
        if (!call->notification) {
            refuse(m, call->id, code, text);
        }
        return;
    }
    r->slot = m->header->slot;
    r->generation = m->header->generation;
    r->call = m->header->call;
    r->silent = call->notification || r->call == 0;
    r->unlogged = call->silent;
    if (!r->silent) {
        r->id_len = (uint8_t)call->id.len;
        memcpy(r->id, call->id.ptr, call->id.len);
        r->batch = m->batch;
        if (r->batch != NULL) {
            r->batch->pending++;
        }
    }
    ss_request_run(r, &params);
}

static void run_batch(message_t *m, ss_rpc_scan_t *scan) {
    ss_rpc_call_t call;
    if (m->header->call != 0) {
        m->batch = ss_alloc_zero(sizeof *m->batch);
        m->batch->peer = ss_peer_ref(m->peer);
        m->batch->slot = m->header->slot;
        m->batch->generation = m->header->generation;
        m->batch->call = m->header->call;
        m->batch->pending = 1;
    }
    while (ss_rpc_next(scan, &call)) {
        if (call.valid) {
            run(m, &call);
        } else if (!call.response) {
            refuse(m, call.id, SS_RPC_INVALID_REQUEST, NULL);
        }
    }
    if (m->batch != NULL) {
        batch_release(m->batch);
    }
}

static void run_single(const message_t *m, ss_rpc_scan_t *scan) {
    ss_rpc_call_t call;
    if (!ss_rpc_next(scan, &call)) {
        return;
    }
    if (call.valid) {
        run(m, &call);
    }
    /* The worker waits, though by our reading nothing is to be answered: end its wait. */
    if (!call.valid || call.notification) {
        refuse(m, call.id, SS_RPC_INVALID_REQUEST, NULL);
    }
}

static void close_client(ss_peer_t *peer, const ss_link_header_t *h, unsigned code,
                         const char *reason) {
    uint8_t payload[SS_WS_CONTROL_MAX];
    ss_writer_t w = ss_writer(payload, sizeof payload);
    ss_write_u16(&w, (uint16_t)code);
    ss_write_bytes(&w, reason, strlen(reason));
    ss_peer_send(peer, SS_LINK_CLOSE, h->slot, h->generation, 0, payload, ss_written(&w));
}

void ss_rpc_message(ss_peer_t *peer, const ss_link_header_t *h, ss_span_t text, int refused) {
    message_t m = {peer, ss_client_find(&peer->clients, h->slot, h->generation), h, NULL};
    const ss_span_t none = {NULL, 0};
    if ((h->flags & SS_LINK_BINARY) != 0) {
        close_client(peer, h, SS_WS_CLOSE_UNSUPPORTED, "binary messages are not understood");
        return;
    }
    if (refused != 0) {
        refuse(&m, none, refused, NULL);
        return;
    }
    ss_rpc_scan_t scan;
    switch (ss_rpc_open(&scan, text.len == 0 ? "" : text.ptr, text.len)) {
    case SS_RPC_SINGLE:
        run_single(&m, &scan);
        break;
    case SS_RPC_BATCH:
        run_batch(&m, &scan);
        break;
    case SS_RPC_MALFORMED:
        refuse(&m, none, SS_RPC_PARSE, NULL);
        break;
    case SS_RPC_REFUSED:
        refuse(&m, none, SS_RPC_INVALID_REQUEST, NULL);
        break;
    }
}
