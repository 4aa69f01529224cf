/* SPDX-License-Identifier: MIT
 *
 * system.health: whether events get through, not only whether a port is open.
 */
#ifndef SS_HEALTH_H
#define SS_HEALTH_H

#include "peer.h"
#include "registry.h"

/* Adds the action, /api/system/health over HTTP; browsers are not told of it.  It answers with
 * ss_hub_health(), or with that as the data of -32003 (HTTP 503) while delivery is broken. */
void ss_health_add_action(ss_registry_t *registry);

/* Tells a worker how we are; its status page shows it. */
void ss_health_tell(ss_peer_t *peer);

#endif
