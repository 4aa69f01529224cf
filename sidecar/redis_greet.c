/* SPDX-License-Identifier: MIT
 *
 * See redis_greet.h.
 */
#include "redis_greet.h"

#include <string.h>

/* What passes by itself. */
static bool passes(const char *error) {
    static const char *const beginnings[] = {"LOADING", "BUSY", "MASTERDOWN", "TRYAGAIN",
                                             "ERR max number of clients"};
    for (size_t i = 0; i < sizeof beginnings / sizeof beginnings[0]; i++) {
        if (strncmp(error, beginnings[i], strlen(beginnings[i])) == 0) {
            return true;
        }
    }
    return false;
}

/* Takes the reply. */
static ss_redis_greeting_t judge(const redisContext *redis, redisReply *reply, ss_buf_t *why) {
    ss_redis_greeting_t greeting = SS_REDIS_TAKES_US;
    if (reply == NULL) {
        ss_buf_printf(why, "%s", redis->errstr);
        greeting = SS_REDIS_AWAY;
    } else if (reply->type == REDIS_REPLY_ERROR) {
        ss_buf_printf(why, "%s", reply->str);
        greeting = passes(reply->str) ? SS_REDIS_NOT_READY : SS_REDIS_REFUSES;
    }
    freeReplyObject(reply);
    return greeting;
}

static redisReply *authenticate(redisContext *redis, const ss_redis_options_t *o) {
    return o->username == NULL ? redisCommand(redis, "AUTH %s", o->password)
                               : redisCommand(redis, "AUTH %s %s", o->username, o->password);
}

static ss_redis_greeting_t greet(redisContext *redis, const ss_redis_options_t *o, ss_buf_t *why) {
    ss_redis_greeting_t greeting = SS_REDIS_TAKES_US;
    if (o->password != NULL) {
        greeting = judge(redis, authenticate(redis, o), why);
    }
    if (greeting == SS_REDIS_TAKES_US && o->db != 0) {
        greeting = judge(redis, redisCommand(redis, "SELECT %d", o->db), why);
    }
    if (greeting == SS_REDIS_TAKES_US) {
        greeting = judge(redis, redisCommand(redis, "PING"), why);
    }
    return greeting;
}

ss_redis_greeting_t ss_redis_greet(const ss_redis_options_t *o, redisContext **redis,
                                   ss_buf_t *why) {
    struct timeval limit = {.tv_sec = o->timeout_ms / 1000, .tv_usec = o->timeout_ms % 1000 * 1000};
    redisContext *made = o->place.socket != NULL
                             ? redisConnectUnixWithTimeout(o->place.socket, limit)
                             : redisConnectWithTimeout(o->place.host, o->place.port, limit);
    ss_redis_greeting_t greeting = SS_REDIS_AWAY;
    *redis = NULL;
    if (made == NULL || made->err != 0) {
        ss_buf_printf(why, "%s", made == NULL ? "no memory" : made->errstr);
    } else {
        redisSetTimeout(made, limit);
        greeting = greet(made, o, why);
    }
    if (greeting == SS_REDIS_TAKES_US) {
        *redis = made;
    } else if (made != NULL) {
        redisFree(made);
    }
    return greeting;
}
