/* SPDX-License-Identifier: MIT
 *
 * Asking all Sentinels, once and waiting for each, where the master is: for commands, not for the
 * sidecar, which is content with the first that knows (redis_sentinel.h).
 */
#ifndef SS_REDIS_MASTER_H
#define SS_REDIS_MASTER_H

#include "redis_dial.h"

typedef struct {
    enum {
        SS_SENTINEL_KNOWS,
        SS_SENTINEL_SILENT,  /* it does not answer */
        SS_SENTINEL_IGNORANT /* it answers, but does not know this master */
    } is;
    char place[SS_REDIS_WHY_MAX]; /* of the Sentinel */
    char why[SS_REDIS_WHY_MAX];   /* it does not know; in the system's words, or its own */
} ss_redis_said_t;

typedef struct {
    unsigned n;
    unsigned know;
    unsigned answer; /* those that know among them */
    ss_redis_said_t said[SS_REDIS_SENTINELS_MAX];
    ss_redis_place_t master; /* as the first says that knows; all zero: none does */
} ss_redis_master_t;

/* Each may take `timeout_ms` of the options.  ss_redis_master_finish() is due. */
void ss_redis_master_find(ss_redis_master_t *master, const ss_redis_options_t *options);

void ss_redis_master_finish(ss_redis_master_t *master);

/* What to do, with the configuration's key for the %s. */
#define SS_REDIS_SILENT_REMEDY "start it, or correct %s.sentinels"
#define SS_REDIS_IGNORANT_REMEDY "correct %s.sentinel_master, or the Sentinel's configuration"

#endif
