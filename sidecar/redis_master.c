/* SPDX-License-Identifier: MIT
 *
 * See redis_master.h.
 */
#include "redis_master.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hiredis/hiredis.h>

#include "mem.h"
#include "redis_greet.h"

static bool is_place(const redisReply *reply) {
    return reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 &&
           reply->element[0]->type == REDIS_REPLY_STRING &&
           reply->element[1]->type == REDIS_REPLY_STRING;
}

/* Takes the reply. */
static void judge(ss_redis_master_t *master, ss_redis_said_t *said, const redisContext *redis,
                  redisReply *reply) {
    if (reply == NULL) {
        snprintf(said->why, sizeof said->why, "%s", ss_redis_failure(redis));
        return;
    }
    master->answer++;
    if (is_place(reply)) {
        said->is = SS_SENTINEL_KNOWS;
        if (master->know++ == 0) {
            master->master.host = ss_copy(reply->element[0]->str, reply->element[0]->len);
            master->master.port = atoi(reply->element[1]->str);
        }
    } else {
        said->is = SS_SENTINEL_IGNORANT;
        snprintf(said->why, sizeof said->why, "%s",
                 reply->type == REDIS_REPLY_ERROR ? reply->str : "it watches no such master");
    }
    freeReplyObject(reply);
}

static void ask(ss_redis_master_t *master, ss_redis_said_t *said, const ss_redis_place_t *place,
                const ss_redis_options_t *o) {
    struct timeval limit = {.tv_sec = o->timeout_ms / 1000, .tv_usec = o->timeout_ms % 1000 * 1000};
    redisContext *redis = redisConnectWithTimeout(place->host, place->port, limit);
    said->is = SS_SENTINEL_SILENT;
    ss_redis_place_print(place, said->place, sizeof said->place);
    if (redis == NULL || redis->err != 0) {
        snprintf(said->why, sizeof said->why, "%s", ss_redis_failure(redis));
    } else {
        redisSetTimeout(redis, limit);
        judge(master, said, redis,
              redisCommand(redis, "SENTINEL get-master-addr-by-name %s", o->master));
    }
    if (redis != NULL) {
        redisFree(redis);
    }
}

void ss_redis_master_find(ss_redis_master_t *master, const ss_redis_options_t *options) {
    *master = (ss_redis_master_t){.n = options->n_sentinels};
    for (unsigned i = 0; i < master->n; i++) {
        ask(master, &master->said[i], &options->sentinels[i], options);
    }
}

void ss_redis_master_finish(ss_redis_master_t *master) {
    free(master->master.host);
    master->master = (ss_redis_place_t){0};
}
