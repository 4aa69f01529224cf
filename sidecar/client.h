/* SPDX-License-Identifier: MIT
 *
 * The clients of one link, by the slot numbers of its worker: WebSocket connections, and HTTP
 * requests until they are answered.
 *
 * Owns what the sidecar remembers of a client, and the form in which the worker keeps it for us
 * (ACCEPT's state).  A client that waits costs one small allocation and one pointer.
 */
#ifndef SS_CLIENT_H
#define SS_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bounds.h"
#include "ss_wire.h"

enum {
    SS_CLIENT_TLS = 0x01,
    SS_CLIENT_SYSTEM = 0x02, /* wants system.* notifications */
    SS_CLIENT_KEPT = 0x0f,   /* the flags that are part of the state */
    SS_CLIENT_HTTP = 0x10,   /* an HTTP request, not a connection */
    SS_CLIENT_PARTIAL = 0x20 /* has sent a part of a message */
};

typedef struct {
    uint32_t generation;
    uint8_t flags;
    uint8_t address_len;
    char address[]; /* not NUL-terminated */
} ss_client_t;

#define SS_CLIENT_STATE_MAX (2 + SS_ADDRESS_MAX)

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

/* Puts a client into `slot`, in place of what was there.  A longer address is cut.  NULL when the
 * slot is SS_CLIENTS_MAX or more.  The table owns the client. */
ss_client_t *ss_client_add(ss_clients_t *clients, uint32_t slot, uint32_t generation, uint8_t flags,
                           ss_span_t address);

/* Empties `slot`; harmless when it is. */
void ss_client_remove(ss_clients_t *clients, uint32_t slot);

void ss_client_remove_all(ss_clients_t *clients);

/* Writes the state for ACCEPT into `out` (SS_CLIENT_STATE_MAX bytes) and returns its length. */
size_t ss_client_save(const ss_client_t *client, uint8_t *out);

/* Adds the client that `state` describes.  false when it is none of this version's. */
bool ss_client_restore(ss_clients_t *clients, uint32_t slot, uint32_t generation, ss_span_t state);

#endif
