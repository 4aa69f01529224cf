/* SPDX-License-Identifier: MIT
 *
 * What `socketstream start` asks of a Redis that is configured, before it starts anything: see
 * start.h.
 *
 * A Redis that is away may be back in a moment, and an application serves without one meanwhile: so
 * that is a warning, and so is a Sentinel that is.  One that refuses us will do so for ever, as
 * will Sentinels that do not know our master: that is an error.
 */
#include "start.h"

#include "redis.h"
#include "redis_greet.h"
#include "redis_master.h"

#define complain ss_start_complain

#define MEANWHILE                                                                                  \
    "the application starts, but until Redis is there it has no sessions that last, and no events"

static void warn_away(const char *key, bool named, const char *place, const char *why) {
    ss_buf_t remedy = {0};

    if (named) {
        ss_buf_literal(&remedy, SS_REDIS_MASTER_AWAY_REMEDY);
    } else {
        ss_buf_printf(&remedy, SS_REDIS_AWAY_REMEDY, key);
    }
    complain("warning: Redis at %s does not answer: %s: %s; " MEANWHILE, place, why,
             ss_buf_string(&remedy));
    ss_buf_free(&remedy);
}

static bool ask(const char *key, const ss_redis_options_t *o, const ss_redis_place_t *where) {
    redisContext *redis;
    char place[256];
    ss_buf_t why = {0};
    bool ok = true;

    ss_redis_place_print(where, place, sizeof(place));
    switch (ss_redis_greet(o, where, &redis, &why)) {
    case SS_REDIS_TAKES_US:
        redisFree(redis);
        break;
    case SS_REDIS_AWAY:
        warn_away(key, o->n_sentinels != 0, place, ss_buf_string(&why));
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

/* `refused`: nobody knows better than one that does not know our master. */
static void tell_sentinel(const char *key, const ss_redis_options_t *o, bool refused,
                          const ss_redis_said_t *said) {
    if (said->is == SS_SENTINEL_SILENT) {
        complain("warning: the Sentinel at %s does not answer: %s: " SS_REDIS_SILENT_REMEDY,
                 said->place, said->why, key);
    } else if (said->is == SS_SENTINEL_IGNORANT) {
        complain(
            "%sthe Sentinel at %s does not know the master '%s': %s: " SS_REDIS_IGNORANT_REMEDY,
            refused ? "" : "warning: ", said->place, o->master, said->why, key);
    }
}

static bool ask_sentinels(const char *key, const ss_redis_options_t *o) {
    ss_redis_master_t master;
    bool refused;
    bool ok;

    ss_redis_master_find(&master, o);
    refused = master.know == 0 && master.answer != 0;
    for (unsigned i = 0; i < master.n; i++) {
        tell_sentinel(key, o, refused, &master.said[i]);
    }
    if (master.answer == 0) {
        complain("warning: no Sentinel answers: " MEANWHILE);
    }
    ok = !refused && (master.know == 0 || ask(key, o, &master.master));
    ss_redis_master_finish(&master);
    return ok;
}

/* What is wrong with its place is told here, once, and not by each sidecar. */
static bool check(const char *key, const json_t *config) {
    ss_redis_options_t options;
    ss_buf_t error = {0};
    bool ok = ss_redis_options_init(&options, key, config, &error) ||
              complain("%s", ss_buf_string(&error));

    ok = ok && (options.n_sentinels != 0 ? ask_sentinels(key, &options)
                                         : ask(key, &options, &options.place));
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
