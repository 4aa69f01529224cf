/* SPDX-License-Identifier: MIT
 *
 * See frames.h.
 */
#include "frames.h"

#include <unistd.h>

#include "api.h"
#include "connection.h"
#include "health.h"
#include "host_frames.h"
#include "log.h"
#include "relay.h"
#include "rpc.h"

static ss_span_t span(const uint8_t *data, size_t len) {
    return (ss_span_t){(const char *)data, len};
}

/* --- the link itself ------------------------------------------------------------------------- */

static void answer_hello(ss_peer_t *peer) {
    static const char software[] = "socketstream/" SS_VERSION;
    const ss_sidecar_options_t *options = &peer->sidecar->options;
    ss_link_hello_t hello = {
        .version = SS_LINK_VERSION,
        .role = SS_LINK_ROLE_SIDECAR,
        .pid = (uint32_t)getpid(),
        .generation = peer->sidecar->generation,
        .timeout_ms = options->action_timeout_ms,
        .max_message = options->max_message,
        .software = {software, sizeof software - 1},
    };
    uint8_t payload[512];
    ss_writer_t w = ss_writer(payload, sizeof payload);
    ss_link_encode_hello(&w, &hello);
    ss_peer_send(peer, SS_LINK_HELLO, 0, 0, 0, payload, ss_written(&w));
}

static void on_hello(ss_peer_t *peer, const uint8_t *payload, size_t len) {
    ss_link_hello_t hello;
    if (!ss_link_decode_hello(payload, len, &hello)) {
        ss_peer_fail(peer, "malformed HELLO");
    } else if (hello.version != SS_LINK_VERSION) {
        ss_peer_fail(peer,
                     "link version mismatch: the %s speaks %u, this sidecar (socketstream "
                     "%s) speaks %d; run both from one release",
                     peer->host == NULL ? "worker" : "host", hello.version, SS_VERSION,
                     SS_LINK_VERSION);
    } else if (hello.role == SS_LINK_ROLE_SIDECAR ||
               (peer->host != NULL && hello.role != SS_LINK_ROLE_HOST)) {
        ss_peer_fail(peer, "role %u has no business here", hello.role);
    } else if (hello.role == SS_LINK_ROLE_HOST && peer->host == NULL && !peer->own) {
        /* It may call any action and change any session, which a worker's user may not. */
        ss_peer_fail(peer, "a console must run as the sidecar's own user, or as root");
    } else {
        peer->state = SS_PEER_OPEN;
        ss_peer_introduce(peer, hello.role, hello.pid);
        peer->worker = hello.generation;
        peer->wants_rate_keys = (hello.flags & SS_LINK_HELLO_RATE) != 0;
        if (hello.max_message != 0 && hello.max_message < peer->max_answer) {
            peer->max_answer = hello.max_message;
        }
        ss_buf_t waiting = peer->output; /* for a host: HELLO goes first */
        peer->output = (ss_buf_t){0};
        answer_hello(peer);
        ss_log(SS_LOG_NOTICE, "%s connected (%.*s)", peer->name, (int)hello.software.len,
               hello.software.ptr);
        if (hello.role == SS_LINK_ROLE_HOST) {
            ss_host_frames_hello(peer);
        } else {
            ss_relay_hello(peer);
            ss_health_tell(peer);
            ss_connection_hello(peer);
        }
        ss_buf_append(&peer->output, waiting.data, waiting.len);
        ss_buf_free(&waiting);
    }
}

static void on_goodbye(ss_peer_t *peer, const uint8_t *payload, size_t len) {
    ss_reader_t r = ss_reader(payload, len);
    ss_span_t reason = ss_read_str16(&r);
    char text[1100];
    snprintf(text, sizeof text, "it said goodbye: %.*s", (int)reason.len,
             reason.len == 0 ? "" : reason.ptr);
    ss_peer_close(peer, text);
}

/* --- messages -------------------------------------------------------------------------------- */

static void deliver(ss_peer_t *peer, const ss_client_t *client, const ss_link_header_t *h,
                    ss_span_t message, int refused) {
    if (h->op != SS_LINK_MESSAGE) {
        ss_api_request(peer, h, message, refused);
    } else if (!ss_connection_hold(peer, client, h, message, refused)) {
        ss_rpc_message(peer, h, message, refused);
    }
}

/* The chunks of one client's message stand together, so a second message cannot begin here. */
static void on_chunk(ss_peer_t *peer, ss_client_t *client, const ss_link_header_t *h,
                     const uint8_t *payload) {
    bool more = (h->flags & SS_LINK_MORE) != 0;
    bool begun = (client->flags & SS_CLIENT_PARTIAL) != 0;
    if (!begun && !more) {
        deliver(peer, client, h, span(payload, h->length), 0);
        return;
    }
    ss_partial_t *partial =
        begun ? ss_partial_find(&peer->partials, h->slot) : ss_partial_begin(&peer->partials, h);
    client->flags |= SS_CLIENT_PARTIAL;
    if (partial->first.call != h->call) {
        ss_peer_fail(peer, "a message began between the chunks of another");
        return;
    }
    ss_partial_append(&peer->partials, partial, payload, h->length,
                      peer->sidecar->options.max_message);
    if (!more) {
        client->flags &= (uint16_t)~SS_CLIENT_PARTIAL;
        deliver(peer, client, &partial->first, (ss_span_t){partial->data.data, partial->data.len},
                partial->refused);
        ss_partial_remove(&peer->partials, partial);
    }
}

static void on_message(ss_peer_t *peer, const ss_link_header_t *h, const uint8_t *payload) {
    ss_client_t *client = ss_client_find(&peer->clients, h->slot, h->generation);
    if (client == NULL) {
        return; /* it left, or its REBIND was refused */
    }
    if ((client->flags & SS_CLIENT_OPENING) != 0) {
        ss_peer_fail(peer, "MESSAGE for slot %u before its ACCEPT", (unsigned)h->slot);
        return;
    }
    if ((client->flags & SS_CLIENT_HTTP) != 0) {
        ss_peer_fail(peer, "MESSAGE for slot %u, which is an HTTP request", (unsigned)h->slot);
        return;
    }
    on_chunk(peer, client, h, payload);
}

static void on_request(ss_peer_t *peer, const ss_link_header_t *h, const uint8_t *payload) {
    ss_client_t *client = ss_client_find(&peer->clients, h->slot, h->generation);
    const uint8_t unfinished = SS_CLIENT_HTTP | SS_CLIENT_PARTIAL;
    if (client != NULL && (client->flags & unfinished) != unfinished) {
        ss_peer_fail(peer, "REQUEST for slot %u, which is taken", (unsigned)h->slot);
        return;
    }
    if (client == NULL) {
        ss_connection_forget(peer, h->slot);
        client = ss_client_add(&peer->clients, h->slot, h->generation, SS_CLIENT_HTTP,
                               (ss_span_t){NULL, 0});
    }
    if (client == NULL) {
        ss_peer_fail(peer, "slot %u is past the limit of %u", (unsigned)h->slot, SS_CLIENTS_MAX);
        return;
    }
    on_chunk(peer, client, h, payload);
}

static void handle_worker(ss_peer_t *peer, const ss_link_header_t *h, const uint8_t *payload) {
    switch (h->op) {
    case SS_LINK_OPEN:
        ss_connection_open(peer, h, payload);
        break;
    case SS_LINK_REBIND:
        ss_connection_rebind(peer, h, payload);
        break;
    case SS_LINK_CLOSED:
    case SS_LINK_CANCEL:
        ss_connection_gone(peer, h);
        break;
    case SS_LINK_DELIVERED:
        ss_relay_delivered(peer, payload, h->length);
        break;
    case SS_LINK_MESSAGE:
        on_message(peer, h, payload);
        break;
    case SS_LINK_REQUEST:
        on_request(peer, h, payload);
        break;
    default:
        ss_peer_fail(peer, "%s is not for a sidecar", ss_link_op_name(h->op));
        break;
    }
}

void ss_frames_handle(ss_peer_t *peer, const ss_link_header_t *h, const uint8_t *payload) {
    if ((peer->state == SS_PEER_NEW) != (h->op == SS_LINK_HELLO)) {
        ss_peer_fail(peer, "%s, but HELLO comes first, and once", ss_link_op_name(h->op));
        return;
    }
    switch (h->op) {
    case SS_LINK_HELLO:
        on_hello(peer, payload, h->length);
        break;
    case SS_LINK_PING:
        ss_peer_send(peer, SS_LINK_PONG, 0, 0, 0, payload, h->length);
        break;
    case SS_LINK_PONG:
        ss_peer_pong(peer, payload);
        break;
    case SS_LINK_GOODBYE:
        on_goodbye(peer, payload, h->length);
        break;
    default:
        if (peer->role == SS_LINK_ROLE_HOST) {
            ss_host_frames_handle(peer, h, payload);
        } else {
            handle_worker(peer, h, payload);
        }
        break;
    }
}
