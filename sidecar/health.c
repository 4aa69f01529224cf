/* SPDX-License-Identifier: MIT
 *
 * See health.h.
 */
#include "health.h"

#include "hub.h"

static void health(ss_req *req, json_t *params) {
    bool healthy;
    json_t *state = ss_hub_health(&healthy);
    (void)params;
    if (healthy) {
        ss_reply(req, state);
    } else {
        ss_error_data(req, SS_ERROR_UNAVAILABLE, state, "Events are not delivered");
    }
}

void ss_health_add_action(ss_registry_t *registry) {
    ss_action_entry_t *entry = ss_registry_add(registry, "system.health", health, 0);
    if (entry != NULL) {
        entry->hidden = true;
    }
}
