/* SPDX-License-Identifier: MIT
 *
 * See rate_keys.h.
 */
#include "rate_keys.h"

#include <string.h>

#include <openssl/evp.h>

#include "peer.h"

#define KEYS_BYTES 16

static uint64_t number(const uint8_t *bytes) {
    ss_reader_t r = ss_reader(bytes, 8);
    uint64_t key = ss_read_u64(&r);
    return key == 0 ? 1 : key; /* 0 is none */
}

/* Users choose their ids: of a weaker hash they could choose one that is another user's. */
static uint64_t user_key(const char *user) {
    uint8_t digest[EVP_MAX_MD_SIZE];
    if (*user == '\0' || EVP_Digest(user, strlen(user), digest, NULL, EVP_sha256(), NULL) != 1) {
        return 0;
    }
    return number(digest);
}

static void tell(const ss_client_t *c, uint64_t session, uint64_t user) {
    uint8_t payload[KEYS_BYTES];
    ss_writer_t w = ss_writer(payload, sizeof payload);
    ss_write_u64(&w, session);
    ss_write_u64(&w, user);
    ss_peer_send(c->peer, SS_LINK_RATE_KEYS, c->slot, c->generation, 0, payload, sizeof payload);
}

void ss_rate_keys_tell(const ss_client_t *c) {
    if (c->peer != NULL && c->peer->wants_rate_keys) {
        tell(c, number(c->session->id), user_key(ss_session_user(c->session)));
    }
}

void ss_rate_keys_changed(const ss_session_t *s) {
    for (const ss_client_t *c = s->clients; c != NULL; c = c->next) {
        if ((c->flags & SS_CLIENT_JOINED) != 0) {
            ss_rate_keys_tell(c);
        }
    }
}
