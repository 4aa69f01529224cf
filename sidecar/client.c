/* SPDX-License-Identifier: MIT
 *
 * See client.h.  Invariant: a page exists exactly while one of its slots is taken.
 */
#include "client.h"

#include "mem.h"

/* First byte of a state: another version's is not guessed at. */
#define STATE_VERSION 1

ss_client_t *ss_client_add(ss_clients_t *clients, uint32_t slot, uint32_t generation, uint8_t flags,
                           ss_span_t address) {
    if (slot >= SS_CLIENTS_MAX) {
        return NULL;
    }
    ss_client_remove(clients, slot);
    ss_client_page_t **page = &clients->pages[slot / SS_CLIENT_PAGE];
    if (*page == NULL) {
        *page = ss_alloc_zero(sizeof **page);
    }
    size_t len = address.len < SS_ADDRESS_MAX ? address.len : SS_ADDRESS_MAX;
    ss_client_t *client = ss_alloc(sizeof *client + len);
    client->generation = generation;
    client->flags = flags;
    client->address_len = (uint8_t)len;
    if (len != 0) {
        memcpy(client->address, address.ptr, len);
    }
    (*page)->slots[slot % SS_CLIENT_PAGE] = client;
    (*page)->used++;
    clients->count++;
    return client;
}

void ss_client_remove(ss_clients_t *clients, uint32_t slot) {
    ss_client_t *client = ss_client_at(clients, slot);
    if (client == NULL) {
        return;
    }
    free(client);
    clients->count--;
    ss_client_page_t **page = &clients->pages[slot / SS_CLIENT_PAGE];
    (*page)->slots[slot % SS_CLIENT_PAGE] = NULL;
    if (--(*page)->used == 0) {
        free(*page);
        *page = NULL;
    }
}

void ss_client_remove_all(ss_clients_t *clients) {
    for (uint32_t page = 0; page < SS_CLIENTS_MAX / SS_CLIENT_PAGE; page++) {
        for (uint32_t i = 0; i < SS_CLIENT_PAGE && clients->pages[page] != NULL; i++) {
            ss_client_remove(clients, page * SS_CLIENT_PAGE + i);
        }
    }
}

size_t ss_client_save(const ss_client_t *client, uint8_t *out) {
    out[0] = STATE_VERSION;
    out[1] = client->flags & SS_CLIENT_KEPT;
    memcpy(out + 2, client->address, client->address_len);
    return 2 + (size_t)client->address_len;
}

bool ss_client_restore(ss_clients_t *clients, uint32_t slot, uint32_t generation, ss_span_t state) {
    if (state.len < 2 || state.len > SS_CLIENT_STATE_MAX || state.ptr[0] != STATE_VERSION ||
        (state.ptr[1] & ~SS_CLIENT_KEPT) != 0) {
        return false;
    }
    ss_span_t address = {state.ptr + 2, state.len - 2};
    return ss_client_add(clients, slot, generation, (uint8_t)state.ptr[1], address) != NULL;
}
