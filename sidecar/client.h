/* SPDX-License-Identifier: MIT
 *
 * The clients of one link, by the slot numbers of its worker: WebSocket connections, and HTTP
 * requests until they are answered.
 *
 * Owns what the sidecar remembers of a client, and the form in which the worker keeps it for us
 * (ACCEPT's state).  Leaves to connection.c what happens to them, to session.c the list in which
 * a session's clients hang.  A client that waits costs one small allocation and one pointer.
 */
#ifndef SS_CLIENT_H
#define SS_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bounds.h"
#include "cookie.h"
#include "ss_wire.h"

enum {
    SS_CLIENT_TLS = 0x01,
    SS_CLIENT_SYSTEM = 0x02,  /* wants system.* notifications */
    SS_CLIENT_KEPT = 0x0f,    /* the flags that are part of the state */
    SS_CLIENT_HTTP = 0x10,    /* an HTTP request, not a connection */
    SS_CLIENT_PARTIAL = 0x20, /* has sent a part of a message */
    SS_CLIENT_OPENING = 0x40, /* not accepted yet: its session is being loaded */
    SS_CLIENT_JOINED = 0x80,  /* its worker knows its topics, and hears of their changes */
    SS_CLIENT_COOKIE = 0x100, /* opening: gets a cookie */
    SS_CLIENT_AGED = 0x200,   /* opening: its cookie is to be renewed, if the session holds on */
    SS_CLIENT_REBOUND = 0x400 /* came back by REBIND: may have missed events */
};

struct ss_peer;
struct ss_session;

typedef struct ss_client {
    uint32_t slot;
    uint32_t generation;
    struct ss_peer *peer;          /* NULL while its link is lost */
    struct ss_session *session;    /* a reference; NULL for an HTTP request */
    struct ss_client *prev, *next; /* the clients of its session */
    uint16_t flags;
    uint8_t address_len;
    char address[]; /* not NUL-terminated */
} ss_client_t;

/* What a worker keeps of a client. */
typedef struct {
    uint8_t flags;
    uint8_t session_id[SS_SESSION_ID_BYTES];
    uint32_t created_at; /* of the session, seconds since 1970 */
    ss_span_t address;
} ss_client_state_t;

#define SS_CLIENT_STATE_MAX (2 + SS_SESSION_ID_BYTES + 4 + SS_ADDRESS_MAX)

/* Slots in two steps, so that memory follows the clients that are there. */
#define SS_CLIENT_PAGE 1024

typedef struct {
    unsigned used;
    ss_client_t *slots[SS_CLIENT_PAGE];
} ss_client_page_t;

typedef struct {
    unsigned count;
    ss_client_page_t *pages[SS_CLIENTS_MAX / SS_CLIENT_PAGE];
} ss_clients_t;

/* The client in `slot`, whatever its generation, or NULL. */
static inline ss_client_t *ss_client_at(const ss_clients_t *clients, uint32_t slot) {
    const ss_client_page_t *page =
        slot < SS_CLIENTS_MAX ? clients->pages[slot / SS_CLIENT_PAGE] : NULL;
    return page == NULL ? NULL : page->slots[slot % SS_CLIENT_PAGE];
}

/* NULL: gone, or never there. */
static inline ss_client_t *ss_client_find(const ss_clients_t *clients, uint32_t slot,
                                          uint32_t generation) {
    ss_client_t *client = ss_client_at(clients, slot);
    return client != NULL && client->generation == generation ? client : NULL;
}

/* The first client in slot `*from` or after, with `*from` moved behind it; NULL at the end. */
ss_client_t *ss_client_next(const ss_clients_t *clients, uint32_t *from);

/* Puts a new client into `slot`, which is empty.  A longer address is cut.  NULL when the slot is
 * SS_CLIENTS_MAX or more.  The table owns the client. */
ss_client_t *ss_client_add(ss_clients_t *clients, uint32_t slot, uint32_t generation,
                           uint16_t flags, ss_span_t address);

/* Moves a client into another table, where its slot is empty. */
void ss_client_move(ss_clients_t *from, ss_clients_t *to, ss_client_t *client);

/* Empties `slot`; harmless when it is. */
void ss_client_remove(ss_clients_t *clients, uint32_t slot);

void ss_client_remove_all(ss_clients_t *clients);

/* Writes the state of a client that has a session (SS_CLIENT_STATE_MAX bytes) and returns its
 * length. */
size_t ss_client_save(const ss_client_t *client, uint8_t *out);

/* false when `state` is none of this version's. */
bool ss_client_parse(ss_span_t state, ss_client_state_t *out);

#endif
