/* SPDX-License-Identifier: MIT
 *
 * See redis_greet.h.
 */
#include "redis_greet.h"

#include <errno.h>
#include <string.h>

/* A read that has timed out is EAGAIN, which means nothing to anybody. */
const char *ss_redis_failure(const redisContext *redis) {
    if (redis == NULL) {
        return "no memory";
    }
    return strcmp(redis->errstr, strerror(EAGAIN)) == 0 ? "no answer in time" : redis->errstr;
}

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
        ss_buf_printf(why, "%s", ss_redis_failure(redis));
        greeting = SS_REDIS_AWAY;
    } else if (reply->type == REDIS_REPLY_ERROR) {
        ss_buf_printf(why, "%s", reply->str);
        greeting = passes(reply->str) ? SS_REDIS_NOT_READY : SS_REDIS_REFUSES;
    }
    freeReplyObject(reply);
    return greeting;
}

static redisReply *authenticate(redisContext *redis, const ss_redis_options_t *o) {
    const char *password = o->password == NULL ? "" : o->password;
    return o->username == NULL ? redisCommand(redis, "AUTH %s", password)
                               : redisCommand(redis, "AUTH %s %s", o->username, password);
}

/* One that was a master until a moment ago may still be named as one. */
static ss_redis_greeting_t check_role(redisContext *redis, ss_buf_t *why) {
    redisReply *reply = redisCommand(redis, "ROLE");
    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY || reply->elements == 0 ||
        reply->element[0]->type != REDIS_REPLY_STRING) {
        return judge(redis, reply, why);
    }
    bool master = strcmp(reply->element[0]->str, "master") == 0;
    if (!master) {
        ss_buf_printf(why, "it calls itself %s, no master", reply->element[0]->str);
    }
    freeReplyObject(reply);
    return master ? SS_REDIS_TAKES_US : SS_REDIS_NOT_READY;
}

static ss_redis_greeting_t greet(redisContext *redis, const ss_redis_options_t *o, ss_buf_t *why) {
    ss_redis_greeting_t greeting = SS_REDIS_TAKES_US;
    if (o->username != NULL || o->password != NULL) {
        greeting = judge(redis, authenticate(redis, o), why);
    }
    if (greeting == SS_REDIS_TAKES_US && o->db != 0) {
        greeting = judge(redis, redisCommand(redis, "SELECT %d", o->db), why);
    }
    if (greeting == SS_REDIS_TAKES_US && o->n_sentinels != 0) {
        greeting = check_role(redis, why);
    }
    if (greeting == SS_REDIS_TAKES_US) {
        greeting = judge(redis, redisCommand(redis, "PING"), why);
    }
    return greeting;
}

ss_redis_greeting_t ss_redis_greet(const ss_redis_options_t *o, const ss_redis_place_t *place,
                                   redisContext **redis, ss_buf_t *why) {
    struct timeval limit = {.tv_sec = o->timeout_ms / 1000, .tv_usec = o->timeout_ms % 1000 * 1000};
    redisContext *made = place->socket != NULL
                             ? redisConnectUnixWithTimeout(place->socket, limit)
                             : redisConnectWithTimeout(place->host, place->port, limit);
    ss_redis_greeting_t greeting = SS_REDIS_AWAY;
    *redis = NULL;
    if (made == NULL || made->err != 0) {
        ss_buf_printf(why, "%s", ss_redis_failure(made));
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
