/* SPDX-License-Identifier: MIT
 *
 * See connection.h.  Invariant: a client that is SS_CLIENT_JOINED has a link, and its worker has
 * been told every topic that its session holds.
 */
#include "connection.h"

#include "api.h"
#include "bounds.h"
#include "develop.h"
#include "digits.h"
#include "events.h"
#include "hub.h"
#include "log.h"
#include "mem.h"
#include "rate_keys.h"
#include "rpc.h"
#include "ss_ws.h"
#include "store.h"

/* A cookie older than this part of its lifetime is renewed. */
#define COOKIE_AGED_PART 10

/* The connections of a lost link. */
typedef struct absent {
    struct absent *next;
    uint64_t worker;
    uint64_t until_ms;
    ss_clients_t clients;
} absent_t;

/* A message that waits for its session. */
typedef struct ss_held {
    struct ss_held *next;
    ss_peer_t *peer; /* a reference, and counted among its calls */
    ss_link_header_t header;
    int refused;
    size_t len;
    char text[];
} held_t;

static struct {
    absent_t *absent;
    absent_t *dropping; /* off the list, its clients being told */
    size_t held_bytes;
} all;

static const char resync_text[] =
    "{\"jsonrpc\":\"2.0\",\"method\":\"system.resync\",\"params\":{\"reason\":\"sidecar\"}}";

/* --- socket ids ------------------------------------------------------------------------------ */

static uint64_t worker_of(const ss_client_t *client) {
    if (client->peer != NULL) {
        return client->peer->worker;
    }
    for (const absent_t *a = all.absent; a != NULL; a = a->next) {
        if (ss_client_at(&a->clients, client->slot) == client) {
            return a->worker;
        }
    }
    return all.dropping == NULL ? 0 : all.dropping->worker;
}

/* Its form, which ss_connection_find() reads. */
static size_t write_socket_id(char *out, uint64_t worker, uint32_t slot, uint32_t generation) {
    char *p = ss_hex(out, worker, SS_HEX_MAX);
    *p++ = '-';
    p = ss_hex(p, slot, 1);
    *p++ = '-';
    p = ss_hex(p, generation, 1);
    *p = '\0';
    return (size_t)(p - out);
}

size_t ss_connection_socket_id(const ss_client_t *client, char *out) {
    return write_socket_id(out, worker_of(client), client->slot, client->generation);
}

ss_client_t *ss_connection_find(const char *socket_id) {
    unsigned long long worker;
    unsigned slot;
    unsigned generation;
    char again[SS_SOCKET_ID_MAX];
    if (strlen(socket_id) >= sizeof again ||
        sscanf(socket_id, "%16llx-%8x-%8x", &worker, &slot, &generation) != 3) {
        return NULL;
    }
    write_socket_id(again, worker, slot, generation);
    if (strcmp(again, socket_id) != 0) {
        return NULL;
    }
    for (const ss_peer_t *p = ss_hub_sidecar()->peers; p != NULL; p = p->next) {
        if (p->worker == worker) {
            return ss_client_find(&p->clients, slot, generation);
        }
    }
    return NULL;
}

/* --- sending --------------------------------------------------------------------------------- */

void ss_connection_send(const ss_client_t *c, const char *text, size_t len) {
    if (c->peer != NULL) {
        ss_peer_send(c->peer, SS_LINK_SEND, c->slot, c->generation, 0, text, len);
    }
}

static void send_state(const ss_client_t *c) {
    uint8_t state[SS_CLIENT_STATE_MAX];
    if (c->peer != NULL) {
        ss_peer_send(c->peer, SS_LINK_STATE, c->slot, c->generation, 0, state,
                     ss_client_save(c, state));
        ss_rate_keys_tell(c);
    }
}

static void reject(ss_peer_t *peer, const ss_link_header_t *h, uint16_t status) {
    uint8_t payload[64];
    ss_writer_t w = ss_writer(payload, sizeof payload);
    ss_link_pairs_t pairs;
    ss_link_encode_response(&w, status, &pairs);
    ss_link_add_pair(&pairs, (ss_span_t){"Retry-After", 11}, (ss_span_t){"1", 1});
    ss_peer_send(peer, SS_LINK_REJECT, h->slot, h->generation, 0, payload, ss_written(&w));
}

/* A session that stands in Redis outlives its cookie, unless that is renewed. */
static bool needs_cookie(const ss_client_t *c) {
    const ss_session_data_t *d = c->session->data;
    return ss_hub_secret() != NULL &&
           ((c->flags & SS_CLIENT_COOKIE) != 0 ||
            ((c->flags & SS_CLIENT_AGED) != 0 && d != NULL && d->version != 0));
}

static void send_accept(const ss_client_t *c) {
    uint8_t state[SS_CLIENT_STATE_MAX];
    uint8_t payload[SS_CLIENT_STATE_MAX + SS_COOKIE_HEADER_MAX + 64];
    char header[SS_COOKIE_HEADER_MAX];
    ss_writer_t w = ss_writer(payload, sizeof payload);
    ss_link_pairs_t pairs;
    size_t state_len = ss_client_save(c, state);
    ss_link_encode_accept(&w, (ss_span_t){(const char *)state, state_len}, &pairs);
    if (needs_cookie(c)) {
        ss_cookie_t cookie = {.issued_at = ss_hub_now_ms() / 1000};
        memcpy(cookie.id, c->session->id, SS_SESSION_ID_BYTES);
        ss_cookie_header(header, &cookie, (c->flags & SS_CLIENT_TLS) != 0, ss_hub_secret(),
                         ss_hub_options()->session_ttl_ms / 1000);
        ss_link_add_pair(&pairs, (ss_span_t){"Set-Cookie", 10},
                         (ss_span_t){header, strlen(header)});
    }
    ss_peer_send(c->peer, SS_LINK_ACCEPT, c->slot, c->generation, 0, payload, ss_written(&w));
    if ((c->flags & SS_CLIENT_SYSTEM) != 0) {
        const ss_buf_t *init = &ss_hub_sidecar()->init_text;
        ss_connection_send(c, init->data, init->len);
        ss_develop_welcome(c);
    }
}

/* --- settling -------------------------------------------------------------------------------- */

static void settle_client(ss_client_t *c) {
    bool opening = (c->flags & SS_CLIENT_OPENING) != 0;
    if (c->peer == NULL || (c->flags & SS_CLIENT_JOINED) != 0) {
        return;
    }
    if (opening) {
        c->flags &= (uint16_t)~SS_CLIENT_OPENING;
        send_accept(c);
        c->flags &= (uint16_t) ~(SS_CLIENT_COOKIE | SS_CLIENT_AGED);
    }
    ss_rate_keys_tell(c);
    ss_session_join_all(c->session, c);
    if ((c->flags & SS_CLIENT_REBOUND) != 0) {
        c->flags &= (uint16_t)~SS_CLIENT_REBOUND;
        if ((c->flags & SS_CLIENT_SYSTEM) != 0) {
            ss_connection_send(c, resync_text, sizeof resync_text - 1);
        }
    }
    if (opening) {
        ss_log(SS_LOG_INFO, "client connected from %.*s", c->address_len, c->address);
        ss_events_emit("client:connect", c->session, c, NULL);
    }
}

static void release(ss_session_t *s) {
    held_t *h = s->data == NULL ? NULL : s->data->held;
    if (h == NULL) {
        return;
    }
    s->data->held = NULL;
    while (h != NULL) {
        held_t *next = h->next;
        h->peer->calls--;
        if (ss_client_find(&h->peer->clients, h->header.slot, h->header.generation) != NULL) {
            ss_rpc_message(h->peer, &h->header, (ss_span_t){h->text, h->len}, h->refused);
        }
        all.held_bytes -= h->len;
        ss_peer_unref(h->peer);
        free(h);
        h = next;
    }
    ss_session_trim(s);
}

void ss_connection_settle(ss_session_t *s) {
    ss_session_ref(s);
    for (ss_client_t *c = s->clients, *next; c != NULL; c = next) {
        next = c->next;
        settle_client(c);
    }
    release(s);
    ss_session_unref(s);
}

/* Starts what its session needs, and goes on at once where that is nothing. */
static void settle_or_wait(ss_client_t *c) {
    ss_session_t *s = c->session;
    if (!s->loaded && !s->loading) {
        ss_store_load(s);
    }
    if (s->loaded || !s->loading) {
        settle_client(c);
    }
}

bool ss_connection_hold(ss_peer_t *peer, const ss_client_t *client, const ss_link_header_t *header,
                        ss_span_t message, int refused) {
    ss_session_t *s = client->session;
    if (s->loaded) {
        return false;
    }
    if (!s->loading) {
        ss_store_load(s);
    }
    if (!s->loading || all.held_bytes + message.len > SS_HELD_BYTES_MAX) {
        return false;
    }
    held_t *h = ss_alloc(sizeof *h + message.len);
    *h = (held_t){NULL, ss_peer_ref(peer), *header, refused, message.len};
    if (message.len != 0) {
        memcpy(h->text, message.ptr, message.len);
    }
    all.held_bytes += message.len;
    peer->calls++;
    held_t **end = &ss_session_data(s)->held;
    while (*end != NULL) {
        end = &(*end)->next;
    }
    *end = h;
    return true;
}

/* --- coming ---------------------------------------------------------------------------------- */

/* The session that the cookie names, or a new one. */
static ss_session_t *session_for(const ss_link_open_t *open, uint16_t *flags) {
    uint64_t now_s = ss_hub_now_ms() / 1000;
    uint64_t ttl_s = ss_hub_options()->session_ttl_ms / 1000;
    ss_cookie_t cookie;
    if (ss_hub_secret() == NULL ||
        !ss_cookie_find(&cookie, open->headers, (open->flags & SS_LINK_OPEN_TLS) != 0,
                        ss_hub_secret(), now_s, ttl_s)) {
        *flags |= SS_CLIENT_COOKIE;
        return ss_session_create((uint32_t)now_s);
    }
    if (cookie.issued_at + ttl_s / COOKIE_AGED_PART < now_s) {
        *flags |= SS_CLIENT_AGED;
    }
    return ss_session_open(cookie.id, (uint32_t)cookie.issued_at);
}

void ss_connection_open(ss_peer_t *peer, const ss_link_header_t *h, const uint8_t *payload) {
    ss_link_open_t open;
    if (!ss_link_decode_open(payload, h->length, &open)) {
        ss_peer_fail(peer, "malformed OPEN");
        return;
    }
    if (ss_client_find(&peer->clients, h->slot, h->generation) != NULL) {
        ss_peer_fail(peer, "OPEN for slot %u generation %u, which is open", (unsigned)h->slot,
                     (unsigned)h->generation);
        return;
    }
    uint16_t flags = SS_CLIENT_OPENING;
    flags |= (open.flags & SS_LINK_OPEN_TLS) != 0 ? SS_CLIENT_TLS : 0;
    flags |= (open.flags & SS_LINK_OPEN_SYSTEM) != 0 ? SS_CLIENT_SYSTEM : 0;
    ss_connection_forget(peer, h->slot);
    ss_client_t *c = ss_client_add(&peer->clients, h->slot, h->generation, flags, open.address);
    if (c == NULL) {
        reject(peer, h, 503);
        return;
    }
    c->peer = peer;
    ss_session_t *s = session_for(&open, &c->flags);
    ss_session_add_client(s, c);
    ss_session_unref(s);
    settle_or_wait(c);
}

/* The connection as it was here, if its link was lost a moment ago. */
static ss_client_t *take_absent(ss_peer_t *peer, uint32_t slot, uint32_t generation) {
    for (absent_t *a = all.absent; a != NULL; a = a->next) {
        ss_client_t *c =
            a->worker == peer->worker ? ss_client_find(&a->clients, slot, generation) : NULL;
        if (c != NULL) {
            ss_client_move(&a->clients, &peer->clients, c);
            return c;
        }
    }
    return NULL;
}

static ss_client_t *restore(ss_peer_t *peer, const ss_link_header_t *h,
                            const ss_client_state_t *state) {
    ss_client_t *c =
        ss_client_add(&peer->clients, h->slot, h->generation, state->flags, state->address);
    if (c != NULL) {
        ss_session_t *s = ss_session_open(state->session_id, state->created_at);
        ss_session_add_client(s, c);
        ss_session_unref(s);
    }
    return c;
}

/* A client we cannot remember cannot be served: it had better connect anew. */
void ss_connection_rebind(ss_peer_t *peer, const ss_link_header_t *h, const uint8_t *payload) {
    ss_client_state_t state;
    ss_span_t text = {(const char *)payload, h->length};
    if (ss_client_find(&peer->clients, h->slot, h->generation) != NULL) {
        return;
    }
    ss_connection_forget(peer, h->slot);
    bool good = ss_client_parse(text, &state);
    ss_client_t *c = take_absent(peer, h->slot, h->generation);
    if (c == NULL && good) {
        c = restore(peer, h, &state);
    }
    if (c == NULL) {
        uint8_t code[2] = {SS_WS_CLOSE_RESTART & 0xff, SS_WS_CLOSE_RESTART >> 8};
        ss_peer_send(peer, SS_LINK_CLOSE, h->slot, h->generation, 0, code, sizeof code);
        return;
    }
    c->peer = peer;
    c->flags |= SS_CLIENT_REBOUND;
    if (!good || memcmp(state.session_id, c->session->id, SS_SESSION_ID_BYTES) != 0) {
        send_state(c); /* a login while it was away */
    }
    settle_or_wait(c);
}

void ss_connection_hello(ss_peer_t *peer) {
    for (ss_peer_t *p = ss_hub_sidecar()->peers; p != NULL; p = p->next) {
        if (p != peer && p->worker == peer->worker && p->state == SS_PEER_OPEN) {
            ss_peer_close(p, "its worker has connected anew");
            return;
        }
    }
}

/* --- going ----------------------------------------------------------------------------------- */

/* Takes the client out of everything and frees it.  Its end is announced where its beginning was
 * and `tell`. */
static void leave(ss_clients_t *clients, ss_client_t *c, bool tell) {
    ss_session_t *s = c->session;
    if (s != NULL) {
        ss_session_leave_all(s, c, false);
        if (tell && (c->flags & SS_CLIENT_OPENING) == 0) {
            ss_events_emit("client:disconnect", s, c, NULL);
            if (s->clients == c && c->next == NULL) {
                ss_events_emit("session:disconnect", s, c, NULL);
            }
        }
        ss_session_remove_client(s, c);
    }
    ss_client_remove(clients, c->slot);
    if (s != NULL) {
        ss_session_unref(s);
    }
}

void ss_connection_forget(ss_peer_t *peer, uint32_t slot) {
    ss_client_t *c = ss_client_at(&peer->clients, slot);
    if (c == NULL) {
        return;
    }
    if ((c->flags & SS_CLIENT_PARTIAL) != 0) {
        ss_partial_remove(&peer->partials, ss_partial_find(&peer->partials, slot));
    }
    leave(&peer->clients, c, true);
}

void ss_connection_gone(ss_peer_t *peer, const ss_link_header_t *h) {
    const ss_client_t *c = ss_client_find(&peer->clients, h->slot, h->generation);
    if (c != NULL) {
        ss_log(SS_LOG_INFO, "client from %.*s is gone", c->address_len, c->address);
        ss_connection_forget(peer, h->slot);
    }
}

void ss_connection_link_lost(ss_peer_t *peer) {
    absent_t *a = ss_alloc_zero(sizeof *a);
    const uint16_t never = SS_CLIENT_HTTP | SS_CLIENT_OPENING;
    bool leaving = peer->sidecar->draining;
    uint32_t from = 0;
    a->worker = peer->worker;
    a->until_ms = uv_now(peer->sidecar->loop) + SS_REBIND_MS;
    for (ss_client_t *c; (c = ss_client_next(&peer->clients, &from)) != NULL;) {
        if (leaving || (c->flags & never) != 0) {
            leave(&peer->clients, c, false);
            continue;
        }
        ss_session_leave_all(c->session, c, false);
        c->peer = NULL;
        c->flags &= (uint16_t) ~(SS_CLIENT_PARTIAL | SS_CLIENT_REBOUND);
        ss_client_move(&peer->clients, &a->clients, c);
    }
    if (a->clients.count == 0) {
        free(a);
        return;
    }
    a->next = all.absent;
    all.absent = a;
}

bool ss_connection_awaits(uint64_t worker) {
    const absent_t *a = all.absent;
    while (a != NULL && a->worker != worker) {
        a = a->next;
    }
    return a != NULL;
}

static void drop(absent_t **at, bool tell) {
    absent_t *a = *at;
    uint32_t from = 0;
    *at = a->next;
    all.dropping = a;
    for (ss_client_t *c; (c = ss_client_next(&a->clients, &from)) != NULL;) {
        leave(&a->clients, c, tell);
    }
    all.dropping = NULL;
    free(a);
}

/* Being told may cost another worker its link, which changes the list: from its start again. */
void ss_connection_tick(void) {
    uint64_t now = uv_now(ss_hub_sidecar()->loop);
    for (absent_t **at = &all.absent; *at != NULL;) {
        if ((*at)->clients.count == 0 || (*at)->until_ms <= now) {
            drop(at, true);
            at = &all.absent;
        } else {
            at = &(*at)->next;
        }
    }
}

void ss_connection_finish(void) {
    while (all.absent != NULL) {
        drop(&all.absent, false);
    }
}

/* --- a session changes ----------------------------------------------------------------------- */

static void carry_on(ss_client_t *c) {
    if ((c->flags & SS_CLIENT_OPENING) != 0) {
        c->flags |= SS_CLIENT_COOKIE; /* the one it came with names the old id */
    } else {
        send_state(c);
    }
}

void ss_connection_renamed(ss_session_t *s) {
    for (ss_client_t *c = s->clients; c != NULL; c = c->next) {
        carry_on(c);
    }
}

void ss_connection_merge(ss_session_t *from, ss_session_t *into) {
    while (from->clients != NULL) {
        ss_client_t *c = from->clients;
        ss_session_leave_all(from, c, true);
        ss_session_remove_client(from, c);
        ss_session_add_client(into, c);
        carry_on(c);
        ss_session_unref(from);
        if (into->loaded) {
            settle_client(c);
        }
    }
    if (from->data != NULL && from->data->held != NULL) {
        held_t **end = &ss_session_data(into)->held;
        while (*end != NULL) {
            end = &(*end)->next;
        }
        *end = from->data->held;
        from->data->held = NULL;
        if (into->loaded && !into->loading) {
            release(into);
        }
    }
}
