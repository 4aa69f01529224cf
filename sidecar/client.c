/* SPDX-License-Identifier: MIT
 *
 * See client.h.  Invariant: a page exists exactly while one of its slots is taken.
 */
#include "client.h"

#include "mem.h"
#include "session.h"

/* First byte of a state: another version's is not guessed at. */
#define STATE_VERSION 2
#define STATE_FIXED (SS_CLIENT_STATE_MAX - SS_ADDRESS_MAX)

static void put(ss_clients_t *clients, ss_client_t *client) {
    ss_client_page_t **page = &clients->pages[client->slot / SS_CLIENT_PAGE];
    if (*page == NULL) {
        *page = ss_alloc_zero(sizeof **page);
    }
    (*page)->slots[client->slot % SS_CLIENT_PAGE] = client;
    (*page)->used++;
    clients->count++;
}

static void take(ss_clients_t *clients, uint32_t slot) {
    ss_client_page_t **page = &clients->pages[slot / SS_CLIENT_PAGE];
    clients->count--;
    (*page)->slots[slot % SS_CLIENT_PAGE] = NULL;
    if (--(*page)->used == 0) {
        free(*page);
        *page = NULL;
    }
}

ss_client_t *ss_client_next(const ss_clients_t *clients, uint32_t *from) {
    while (*from < SS_CLIENTS_MAX) {
        const ss_client_page_t *page = clients->pages[*from / SS_CLIENT_PAGE];
        if (page == NULL) {
            *from = (*from / SS_CLIENT_PAGE + 1) * SS_CLIENT_PAGE;
            continue;
        }
        ss_client_t *client = page->slots[(*from)++ % SS_CLIENT_PAGE];
        if (client != NULL) {
            return client;
        }
    }
    return NULL;
}

ss_client_t *ss_client_add(ss_clients_t *clients, uint32_t slot, uint32_t generation,
                           uint16_t flags, ss_span_t address) {
    if (slot >= SS_CLIENTS_MAX) {
        return NULL;
    }
    size_t len = address.len < SS_ADDRESS_MAX ? address.len : SS_ADDRESS_MAX;
    ss_client_t *client = ss_alloc(offsetof(ss_client_t, address) + len);
    client->slot = slot;
    client->generation = generation;
    client->peer = NULL;
    client->session = NULL;
    client->prev = NULL;
    client->next = NULL;
    client->flags = flags;
    client->address_len = (uint8_t)len;
    if (len != 0) {
        memcpy(client->address, address.ptr, len);
    }
    put(clients, client);
    return client;
}

void ss_client_move(ss_clients_t *from, ss_clients_t *to, ss_client_t *client) {
    take(from, client->slot);
    put(to, client);
}

void ss_client_remove(ss_clients_t *clients, uint32_t slot) {
    ss_client_t *client = ss_client_at(clients, slot);
    if (client != NULL) {
        take(clients, slot);
        free(client);
    }
}

void ss_client_remove_all(ss_clients_t *clients) {
    uint32_t from = 0;
    for (ss_client_t *c; (c = ss_client_next(clients, &from)) != NULL;) {
        ss_client_remove(clients, c->slot);
    }
}

size_t ss_client_save(const ss_client_t *client, uint8_t *out) {
    const ss_session_t *session = client->session;
    ss_writer_t w = ss_writer(out + 2 + SS_SESSION_ID_BYTES, 4);
    out[0] = STATE_VERSION;
    out[1] = client->flags & SS_CLIENT_KEPT;
    memcpy(out + 2, session->id, SS_SESSION_ID_BYTES);
    ss_write_u32(&w, session->created_at);
    memcpy(out + STATE_FIXED, client->address, client->address_len);
    return STATE_FIXED + (size_t)client->address_len;
}

bool ss_client_parse(ss_span_t state, ss_client_state_t *out) {
    ss_reader_t r = ss_reader(state.ptr, state.len);
    if (state.len < STATE_FIXED || state.len > SS_CLIENT_STATE_MAX ||
        ss_read_u8(&r) != STATE_VERSION) {
        return false;
    }
    out->flags = ss_read_u8(&r);
    memcpy(out->session_id, ss_read_bytes(&r, SS_SESSION_ID_BYTES), SS_SESSION_ID_BYTES);
    out->created_at = ss_read_u32(&r);
    out->address = (ss_span_t){state.ptr + STATE_FIXED, state.len - STATE_FIXED};
    return (out->flags & ~SS_CLIENT_KEPT) == 0;
}
