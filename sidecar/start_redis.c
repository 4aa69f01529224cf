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

#include <string.h>

#include <hiredis/hiredis.h>

#include "redis.h"
#include "redis_options.h"

#define complain ss_start_complain

#define REFUSED_REMEDY "correct %s.username, %s.password and %s.db_index"
#define AWAY_REMEDY                                                                                \
    "start it, or correct %s.url; the application starts, but until Redis is there it has no "     \
    "sessions that last, and no events"

typedef struct {
    const char *key; /* of the configuration */
    char text[256];
} place_t;

/* What passes by itself. */
static bool passes(const char *error) {
    static const char *const beginnings[] = {"LOADING", "BUSY", "MASTERDOWN", "TRYAGAIN",
                                             "ERR max number of clients"};

    for (size_t i = 0; i < sizeof(beginnings) / sizeof(beginnings[0]); i++) {
        if (strncmp(error, beginnings[i], strlen(beginnings[i])) == 0) {
            return true;
        }
    }
    return false;
}

/* Takes the reply; false when it is none, or an error, and the application shall not start. */
static bool accepted(redisContext *redis, redisReply *reply, const place_t *place, bool *answers) {
    bool ok = true;

    if (reply == NULL) {
        complain("warning: Redis at %s does not answer: %s: " AWAY_REMEDY, place->text,
                 redis->errstr, place->key);
        *answers = false;
    } else if (reply->type == REDIS_REPLY_ERROR && passes(reply->str)) {
        complain("warning: Redis at %s is not ready: %s", place->text, reply->str);
        *answers = false;
    } else if (reply->type == REDIS_REPLY_ERROR) {
        ok = complain("Redis at %s refuses us: %s: " REFUSED_REMEDY, place->text, reply->str,
                      place->key, place->key, place->key);
    }
    freeReplyObject(reply);
    return ok;
}

static redisReply *authenticate(redisContext *redis, const ss_redis_options_t *o) {
    return o->username == NULL ? redisCommand(redis, "AUTH %s", o->password)
                               : redisCommand(redis, "AUTH %s %s", o->username, o->password);
}

static bool greet(redisContext *redis, const ss_redis_options_t *o, const place_t *place) {
    bool answers = true;

    return (o->password == NULL || accepted(redis, authenticate(redis, o), place, &answers)) &&
           (!answers || o->db == 0 ||
            accepted(redis, redisCommand(redis, "SELECT %d", o->db), place, &answers)) &&
           (!answers || accepted(redis, redisCommand(redis, "PING"), place, &answers));
}

static bool ask(const char *key, const ss_redis_options_t *o) {
    struct timeval limit = {.tv_sec = o->timeout_ms / 1000, .tv_usec = o->timeout_ms % 1000 * 1000};
    redisContext *redis = o->place.socket != NULL
                              ? redisConnectUnixWithTimeout(o->place.socket, limit)
                              : redisConnectWithTimeout(o->place.host, o->place.port, limit);
    place_t place = {.key = key};
    bool ok = true;

    ss_redis_place_print(&o->place, place.text, sizeof(place.text));
    if (redis == NULL || redis->err != 0) {
        complain("warning: Redis at %s does not answer: %s: " AWAY_REMEDY, place.text,
                 redis == NULL ? "no memory" : redis->errstr, key);
    } else {
        redisSetTimeout(redis, limit);
        ok = greet(redis, o, &place);
    }
    if (redis != NULL) {
        redisFree(redis);
    }
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
