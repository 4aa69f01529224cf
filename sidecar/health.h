/* SPDX-License-Identifier: MIT
 *
 * system.health: whether events get through, not only whether a port is open.  system.ping: a sign
 * of life for clients that cannot see WebSocket pings.
 */
#ifndef SS_HEALTH_H
#define SS_HEALTH_H

#include "peer.h"
#include "registry.h"

/* Adds the actions, over HTTP /api/system/health and /api/system/ping; browsers are not told of
 * them.  system.health answers with ss_hub_health(), or with that as the data of -32003 (HTTP 503)
 * while delivery is broken; system.ping with true. */
void ss_health_add_actions(ss_registry_t *registry);

/* Tells a worker how we are; its status page shows it. */
void ss_health_tell(ss_peer_t *peer);

#endif
