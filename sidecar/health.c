/* SPDX-License-Identifier: MIT
 *
 * See health.h.
 */
#include "health.h"

#include <string.h>

#include "host_group.h"
#include "hub.h"
#include "redis.h"
#include "ss_link.h"

/* Who asks from this machine may know the details. */
static bool is_local(const char *address) {
    return strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0 ||
           strncmp(address, "unix:", 5) == 0;
}

static json_t *host_health(const ss_host_slot_t *slot) {
    const ss_host_t *host = slot->current;
    if (host == NULL || host->state == SS_HOST_ENDING) {
        return json_pack("{s:s, s:s}", "name", slot->name, "state", "down");
    }
    return json_pack("{s:s, s:s, s:I, s:I, s:I}", "name", slot->name, "state",
                     host->state == SS_HOST_STARTING ? "starting" : "ready", "pid",
                     (json_int_t)ss_host_process_pid(host->process), "memory_mib",
                     (json_int_t)(ss_host_process_resident(host->process) >> 20), "calls",
                     (json_int_t)host->calls);
}

static json_t *hosts_health(void) {
    json_t *list = json_array();
    for (const ss_host_group_t *g = ss_host_groups(); g != NULL; g = g->next) {
        for (unsigned i = 0; i < g->count; i++) {
            json_array_append_new(list, host_health(&g->slots[i]));
        }
    }
    return list;
}

/* A host that is down does not make the sidecar a sick one: another is on its way. */
static void health(ss_req *req, json_t *params) {
    bool healthy;
    json_t *state = ss_hub_health(&healthy);
    (void)params;
    if (is_local(ss_address(req))) {
        json_object_set_new(state, "hosts", hosts_health());
    } else {
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
