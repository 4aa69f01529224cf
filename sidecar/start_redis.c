/* SPDX-License-Identifier: MIT
 *
 * What `socketstream start` asks of a Redis that is configured, before it starts anything: see
 * start.h.
 *
 * A Redis that is away may be back in a moment, and an application serves without one meanwhile: so
 * that is a warning.  One that refuses us will do so for ever: that is an error.  Sentinels are not
 * asked.
 */
#include "start.h"

#include "redis.h"
#include "redis_greet.h"

#define complain ss_start_complain

#define AWAY_REMEDY                                                                                \
    SS_REDIS_AWAY_REMEDY                                                                           \
    "; the application starts, but until Redis is there it has no sessions that last, and no "     \
    "events"

static bool ask(const char *key, const ss_redis_options_t *o) {
    redisContext *redis;
    char place[256];
    ss_buf_t why = {0};
    bool ok = true;

    ss_redis_place_print(&o->place, place, sizeof(place));
    switch (ss_redis_greet(o, &redis, &why)) {
    case SS_REDIS_TAKES_US:
        redisFree(redis);
        break;
    case SS_REDIS_AWAY:
        complain("warning: Redis at %s does not answer: %s: " AWAY_REMEDY, place,
                 ss_buf_string(&why), key);
        break;
    case SS_REDIS_NOT_READY:
        complain("warning: Redis at %s is not ready: %s", place, ss_buf_string(&why));
        break;
    case SS_REDIS_REFUSES:
        ok = complain("Redis at %s refuses us: %s: " SS_REDIS_REFUSED_REMEDY, place,
                      ss_buf_string(&why), key, key, key);
        break;
    }
    ss_buf_free(&why);
    return ok;
}

/* What is wrong with its place is told here, once, and not by each sidecar. */
static bool check(const char *key, const json_t *config) {
    ss_redis_options_t options;
    ss_buf_t error = {0};
    bool ok = ss_redis_options_init(&options, key, config, &error) ||
              complain("%s", ss_buf_string(&error));

    ok = ok && (options.n_sentinels != 0 || ask(key, &options));
    ss_redis_options_finish(&options);
    ss_buf_free(&error);
    return ok;
}

bool ss_start_check_redis(ss_start_t *start) {
    const json_t *redis = ss_config_get(start->config, "redis");
    const json_t *pubsub = ss_config_get(start->config, "redis_pubsub");

    start->private_redis = !ss_redis_is_configured(redis);
    return (start->private_redis || check("redis", redis)) &&
           (!ss_redis_is_configured(pubsub) || check("redis_pubsub", pubsub));
}
