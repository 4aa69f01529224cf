/* SPDX-License-Identifier: MIT
 *
 * Asking a Redis, once and waiting for it, whether it takes us: for commands, not for the sidecar.
 *
 * Where it is the caller knows, by Sentinels perhaps (redis_master.h).
 */
#ifndef SS_REDIS_GREET_H
#define SS_REDIS_GREET_H

#include <hiredis/hiredis.h>

#include "redis_options.h"

typedef enum {
    SS_REDIS_TAKES_US,
    SS_REDIS_AWAY,      /* it does not answer */
    SS_REDIS_NOT_READY, /* it answers, but not us, not now */
    SS_REDIS_REFUSES,   /* and will do so for ever */
} ss_redis_greeting_t;

/* What to do, with the configuration's key for each %s. */
#define SS_REDIS_REFUSED_REMEDY "correct %s.username, %s.password and %s.db_index"
#define SS_REDIS_AWAY_REMEDY "start it, or correct %s.url"
#define SS_REDIS_MASTER_AWAY_REMEDY "start it, or wait until the Sentinels name another"

/* Why a connection has failed, in the system's words, but for what it says of a time-out. */
const char *ss_redis_failure(const redisContext *redis);

/* Connects to `place`, and greets it as the sidecar does, who takes none but a master from
 * Sentinels; each step may take `timeout_ms` of the options.
 * Where it takes us, `redis` is the caller's, to be given to redisFree(); else NULL, and `why` has
 * Redis' own words, or the system's. */
ss_redis_greeting_t ss_redis_greet(const ss_redis_options_t *options, const ss_redis_place_t *place,
                                   redisContext **redis, ss_buf_t *why);

#endif
