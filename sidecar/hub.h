/* SPDX-License-Identifier: MIT
 *
 * What sessions, users, channels and events share: Redis, this node's name, the secret of cookies;
 * and their common life: start, a tick each second, Redis coming and going, the end.
 *
 * One per process.  Everything happens on the loop's thread.
 */
#ifndef SS_HUB_H
#define SS_HUB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "cookie.h"
#include "redis.h"
#include "sidecar.h"

#define SS_NODE_BYTES 9
#define SS_NODE_TEXT SS_TOKEN_TEXT(SS_NODE_BYTES)

/* Starts, and gives Redis up to SS_REDIS_WAIT_MS to be there.  Without a Redis in the
 * configuration it is away for good.  false with `error`. */
bool ss_hub_init(ss_sidecar_t *sidecar, ss_buf_t *error);

/* Ends what waits for Redis with SS_ERROR_UNAVAILABLE, calls back, and frees everything.  No link
 * is open any more. */
void ss_hub_finish(void);

/* Once a second. */
void ss_hub_tick(void);

ss_sidecar_t *ss_hub_sidecar(void);
const ss_sidecar_options_t *ss_hub_options(void);

/* This run of the sidecar among all that share a Redis. */
const char *ss_hub_node(void);

/* The same for all runs of a sidecar on one socket of one machine: a run that follows a crash takes
 * over what its predecessor held. */
const char *ss_hub_place(void);

/* The secret of cookies; NULL while it is not known. */
const uint8_t *ss_hub_secret(void);

/* The Redis of sessions and users; NULL while it is away.  What is sent may fail all the same. */
ss_redis_t *ss_hub_redis(void);

/* That of events: the same, unless `redis_pubsub` names another.  Only what goes with a change of a
 * session is published by ss_hub_redis(), which makes both at once. */
ss_redis_t *ss_hub_events(void);

/* The same whether up or not, for subscriptions; NULL without a Redis. */
ss_redis_t *ss_hub_events_any(void);

/* "ss:", on both */
const char *ss_hub_prefix(void);

/* Milliseconds since 1970. */
uint64_t ss_hub_now_ms(void);

/* SS_LINK_HEALTH_…, and how long the last canary took. */
uint8_t ss_hub_link_health(uint32_t *canary_ms);

/* How the sidecar is, as a JSON object; the caller's reference. */
json_t *ss_hub_health(bool *healthy);

#endif
