/* SPDX-License-Identifier: MIT
 *
 * Asks Sentinels, one after the other, where the master is.
 *
 * Leaves to the caller: a deadline for the whole, and to make sure that what was found is a master,
 * since a Sentinel may be the last to know.
 */
#ifndef SS_REDIS_SENTINEL_H
#define SS_REDIS_SENTINEL_H

#include "redis_dial.h"

/* How long one Sentinel may take.  Well below any deadline of the whole, so that all get asked. */
#define SS_REDIS_SENTINEL_MS 300

/* `place` is valid during the call; NULL when none knew, with `why` of the last. */
typedef void (*ss_redis_sentinel_fn)(void *arg, const ss_redis_place_t *place, const char *why);

/* All zero but `timer`, which ss_redis_sentinel_init() makes. */
typedef struct {
    uv_timer_t timer;
    const ss_redis_options_t *options;
    ss_redis_dial_t *dial;
    redisAsyncContext *ac;
    unsigned first; /* the one that answered last is asked first */
    unsigned asked;
    unsigned turn;
    ss_redis_sentinel_fn done;
    void *arg;
} ss_redis_sentinel_t;

void ss_redis_sentinel_init(ss_redis_sentinel_t *ask, uv_loop_t *loop,
                            const ss_redis_options_t *options);

/* Begins to ask.  `done` is called once, perhaps before this returns. */
void ss_redis_sentinel_start(ss_redis_sentinel_t *ask, ss_redis_sentinel_fn done, void *arg);

/* Then `done` is not called. */
void ss_redis_sentinel_stop(ss_redis_sentinel_t *ask);

#endif
