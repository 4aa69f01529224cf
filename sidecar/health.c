/* SPDX-License-Identifier: MIT
 *
 * See health.h.
 */
#include "health.h"

#include <string.h>

#include "hub.h"
#include "redis.h"
#include "ss_link.h"

/* Who asks from this machine may know the details. */
static bool is_local(const char *address) {
    return strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0 ||
           strncmp(address, "unix:", 5) == 0;
}

static void health(ss_req *req, json_t *params) {
    bool healthy;
    json_t *state = ss_hub_health(&healthy);
    (void)params;
    if (!is_local(ss_address(req))) {
        json_decref(state);
        state = json_pack("{s:b}", "healthy", healthy);
    }
    if (healthy) {
        ss_reply(req, state);
    } else {
        ss_error_data(req, SS_ERROR_UNAVAILABLE, state, "Events are not delivered");
    }
}

static void ping(ss_req *req, json_t *params) {
    (void)params;
    ss_reply(req, json_true());
}

static void add_hidden(ss_registry_t *registry, const char *name, ss_action_fn run) {
    ss_action_entry_t *entry = ss_registry_add(registry, name, run, 0);
    if (entry != NULL) {
        entry->hidden = true;
    }
}

void ss_health_add_actions(ss_registry_t *registry) {
    add_hidden(registry, "system.health", health);
    add_hidden(registry, "system.ping", ping);
}

void ss_health_tell(ss_peer_t *peer) {
    uint8_t payload[5];
    ss_writer_t w = ss_writer(payload, sizeof payload);
    uint32_t canary_ms = 0;
    ss_write_u8(&w, ss_hub_link_health(&canary_ms));
    ss_write_u32(&w, canary_ms);
    ss_peer_send(peer, SS_LINK_HEALTH, 0, 0, 0, payload, ss_written(&w));
}
