/* SPDX-License-Identifier: MIT
 *
 * Checks of the Redis that is configured: does it take us, will it keep what it is told, is it
 * near, does its clock agree with ours.  See doctor.h.
 */
#include "doctor.h"

#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

#include <uv.h>

#include "bounds.h"
#include "programs.h"
#include "redis.h"
#include "redis_greet.h"
#include "redis_master.h"

#define FAR_NS 20000000
#define SKEW_MS 2000
#define YEAR_LEAST 2024 /* before this was written */

static bool value_is(const ss_doctor_t *d, const char *name, const char *wanted) {
    size_t len = 0;
    const char *value = ss_doctor_redis_value(d->redis_info.data, name, &len);

    return value != NULL && len == strlen(wanted) && memcmp(value, wanted, len) == 0;
}

static int64_t wall_us(void) {
    struct timeval now;

    gettimeofday(&now, NULL);
    return (int64_t)now.tv_sec * 1000000 + now.tv_usec;
}

/* --- does it take us ------------------------------------------------------------------------- */

/* What is known of it, as text; empty when it does not tell. */
static void ask_info(redisContext *redis, ss_buf_t *info) {
    redisReply *reply = redisCommand(redis, "INFO");

    if (reply != NULL && reply->type == REDIS_REPLY_STRING) {
        ss_buf_append(info, reply->str, reply->len);
    }
    freeReplyObject(reply);
    ss_buf_string(info);
}

static void judge_greeting(ss_finding_t *f, ss_redis_greeting_t greeting, const char *key,
                           bool named, const char *place, const char *why) {
    switch (greeting) {
    case SS_REDIS_TAKES_US:
        break;
    case SS_REDIS_AWAY:
        ss_doctor_bad(f, SS_DOCTOR_ERROR, "", "%s does not answer: %s", place, why);
        if (named) {
            ss_doctor_add_remedy(f, SS_REDIS_MASTER_AWAY_REMEDY);
        } else {
            ss_doctor_add_remedy(f, SS_REDIS_AWAY_REMEDY, key);
        }
        break;
    case SS_REDIS_NOT_READY:
        ss_doctor_bad(f, SS_DOCTOR_WARNING, "wait, or look at its log", "%s is not ready: %s",
                      place, why);
        break;
    case SS_REDIS_REFUSES:
        ss_doctor_bad(f, SS_DOCTOR_ERROR, "", "%s refuses us: %s", place, why);
        ss_doctor_add_remedy(f, SS_REDIS_REFUSED_REMEDY, key, key, key);
        break;
    }
}

static void judge_version(ss_finding_t *f, const char *info, const char *place) {
    size_t len = 0;
    const char *text = ss_doctor_redis_value(info, "redis_version", &len);
    int version[3];

    if (text == NULL || !ss_program_version(text, version)) {
        ss_doctor_bad(f, SS_DOCTOR_WARNING, "let this user call INFO (ACL SETUSER ... +info)",
                      "%s takes us, and does not tell its version", place);
    } else if (!ss_program_is_new(version, SS_REDIS_LEAST)) {
        ss_doctor_bad(f, SS_DOCTOR_ERROR, "upgrade it to " SS_REDIS_LEAST " or newer",
                      "%s is Redis %.*s", place, (int)len, text);
    } else {
        ss_doctor_good(f, "%s takes us, Redis %.*s", place, (int)len, text);
    }
}

static redisContext *greet(const ss_redis_options_t *o, const ss_redis_place_t *where,
                           const char *key, ss_finding_t *f, ss_buf_t *info) {
    ss_buf_t why = {0};
    char place[256];
    redisContext *redis = NULL;

    ss_redis_place_print(where, place, sizeof(place));
    judge_greeting(f, ss_redis_greet(o, where, &redis, &why), key, o->n_sentinels != 0, place,
                   ss_buf_string(&why));
    if (redis != NULL) {
        ask_info(redis, info);
        judge_version(f, info->data, place);
    }
    ss_buf_free(&why);
    return redis;
}

/* NULL, with a finding, when there is none, or it does not take us; else the caller's. */
static redisContext *look(ss_doctor_t *d, const char *key, ss_finding_t *f, ss_buf_t *info) {
    ss_redis_options_t options;
    ss_redis_master_t master = {0};
    ss_buf_t why = {0};
    redisContext *redis = NULL;

    if (!ss_redis_options_init(&options, key, ss_config_get(d->config, key), &why)) {
        ss_doctor_complaint(f, SS_DOCTOR_ERROR, &why);
    } else if (options.n_sentinels == 0) {
        redis = greet(&options, &options.place, key, f, info);
    } else {
        ss_redis_master_find(&master, &options);
        if (master.know == 0) {
            ss_doctor_skip(f, "no Sentinel says where it is");
        } else {
            redis = greet(&options, &master.master, key, f, info);
        }
    }
    ss_redis_master_finish(&master);
    ss_redis_options_finish(&options);
    ss_buf_free(&why);
    return redis;
}

static void look_at_redis(ss_doctor_t *d, ss_finding_t *f) {
    if (ss_redis_is_configured(ss_config_get(d->config, "redis"))) {
        d->redis = look(d, "redis", f, &d->redis_info);
    } else {
        ss_doctor_skip(f, "none is configured: `socketstream start` runs a private one");
    }
}

static void look_at_pubsub(ss_doctor_t *d, ss_finding_t *f) {
    ss_buf_t info = {0};
    redisContext *redis;

    if (!ss_redis_is_configured(ss_config_get(d->config, "redis_pubsub"))) {
        ss_doctor_skip(f, "events go through the same Redis");
        return;
    }
    redis = look(d, "redis_pubsub", f, &info);
    if (redis != NULL) {
        redisFree(redis);
    }
    ss_buf_free(&info);
}

/* --- Sentinels ------------------------------------------------------------------------------- */

/* The first that is of no use stands for all. */
static void judge_sentinels(ss_finding_t *f, const char *key, const ss_redis_options_t *o,
                            const ss_redis_master_t *m) {
    const ss_redis_said_t *said = m->said;

    if (m->know == m->n) {
        ss_doctor_good(f, "%u of %u know the master '%s'", m->know, m->n, o->master);
        return;
    }
    while (said->is == SS_SENTINEL_KNOWS) {
        said++;
    }
    ss_doctor_bad(f, m->know == 0 ? SS_DOCTOR_ERROR : SS_DOCTOR_WARNING, "",
                  "%u of %u know the master '%s'; the one at %s %s: %s", m->know, m->n, o->master,
                  said->place, said->is == SS_SENTINEL_SILENT ? "does not answer" : "does not",
                  said->why);
    if (said->is == SS_SENTINEL_SILENT) {
        ss_doctor_add_remedy(f, SS_REDIS_SILENT_REMEDY, key);
    } else {
        ss_doctor_add_remedy(f, SS_REDIS_IGNORANT_REMEDY, key);
    }
}

/* false: there are none. */
static bool look_at_sentinels_of(ss_doctor_t *d, const char *key, ss_finding_t *f) {
    ss_redis_options_t options;
    ss_redis_master_t master;
    ss_buf_t ignored = {0}; /* is what the check of that Redis finds */
    bool some = ss_redis_options_init(&options, key, ss_config_get(d->config, key), &ignored) &&
                options.n_sentinels != 0;

    if (some) {
        ss_redis_master_find(&master, &options);
        judge_sentinels(f, key, &options, &master);
        ss_redis_master_finish(&master);
    }
    ss_redis_options_finish(&options);
    ss_buf_free(&ignored);
    return some;
}

static void look_at_sentinels(ss_doctor_t *d, ss_finding_t *f) {
    if (!look_at_sentinels_of(d, "redis", f)) {
        ss_doctor_skip(f, "none are configured");
    }
}

static void look_at_pubsub_sentinels(ss_doctor_t *d, ss_finding_t *f) {
    if (!look_at_sentinels_of(d, "redis_pubsub", f)) {
        ss_doctor_skip(f, "none are configured");
    }
}

/* --- what is it like ------------------------------------------------------------------------- */

static bool is_there(const ss_doctor_t *d, ss_finding_t *f) {
    if (d->redis == NULL) {
        ss_doctor_skip(f, "there is no Redis to ask");
    }
    return d->redis != NULL;
}

/* Sessions have no business in a cache that drops what it likes; the secret never expires. */
static void look_at_memory(ss_doctor_t *d, ss_finding_t *f) {
    size_t len = 0;
    const char *policy;

    if (!is_there(d, f)) {
        return;
    }
    policy = ss_doctor_redis_value(d->redis_info.data, "maxmemory_policy", &len);
    if (policy == NULL) {
        ss_doctor_skip(f, "it does not tell its maxmemory-policy");
    } else if (value_is(d, "maxmemory_policy", "noeviction") ||
               value_is(d, "maxmemory_policy", "volatile-ttl")) {
        ss_doctor_good(f, "maxmemory-policy %.*s", (int)len, policy);
    } else {
        ss_doctor_bad(
            f, SS_DOCTOR_WARNING, "set maxmemory-policy noeviction, or volatile-ttl, in redis.conf",
            "maxmemory-policy %.*s drops sessions when memory is short", (int)len, policy);
    }
}

static void look_at_persistence(ss_doctor_t *d, ss_finding_t *f) {
    if (!is_there(d, f)) {
        return;
    }
    if (value_is(d, "aof_enabled", "1")) {
        ss_doctor_good(f, "appendonly yes");
    } else if (d->production) {
        ss_doctor_bad(f, SS_DOCTOR_WARNING, "set appendonly yes in redis.conf",
                      "appendonly is no: sessions since the last snapshot are lost with it");
    } else {
        ss_doctor_good(f, "appendonly no, which is a matter of production");
    }
}

/* The quickest: the others tell of this machine. */
static void look_at_latency(ss_doctor_t *d, ss_finding_t *f) {
    uint64_t best = UINT64_MAX;

    if (!is_there(d, f)) {
        return;
    }
    for (unsigned i = 0; i < SS_DOCTOR_REDIS_PINGS; i++) {
        uint64_t start = uv_hrtime();
        redisReply *reply = redisCommand(d->redis, "PING");
        uint64_t took = uv_hrtime() - start;

        if (reply == NULL) {
            ss_doctor_bad(f, SS_DOCTOR_ERROR, "look at its log", "it takes us, and then is silent");
            return;
        }
        freeReplyObject(reply);
        best = took < best ? took : best;
    }
    if (best > FAR_NS) {
        ss_doctor_bad(f, SS_DOCTOR_WARNING, "have Redis in the same network as this machine",
                      "PING takes %.1f ms, and every session waits for it", (double)best / 1e6);
    } else {
        ss_doctor_good(f, "PING takes %.2f ms", (double)best / 1e6);
    }
}

/* --- clocks ---------------------------------------------------------------------------------- */

/* Its clock before ours; false when it does not tell. */
static bool ask_ahead(redisContext *redis, int64_t *ahead_ms) {
    int64_t start = wall_us();
    redisReply *reply = redis == NULL ? NULL : redisCommand(redis, "TIME");
    int64_t middle = start + (wall_us() - start) / 2;
    bool told = reply != NULL && reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 &&
                reply->element[0]->str != NULL && reply->element[1]->str != NULL;

    if (told) {
        *ahead_ms = (strtoll(reply->element[0]->str, NULL, 10) * 1000000 +
                     strtoll(reply->element[1]->str, NULL, 10) - middle) /
                    1000;
    }
    freeReplyObject(reply);
    return told;
}

/* Nodes agree when each agrees with the Redis that they share. */
static void look_at_clock(ss_doctor_t *d, ss_finding_t *f) {
    time_t now = time(NULL);
    struct tm tm;
    int64_t ahead = 0;
    bool told = ask_ahead(d->redis, &ahead);

    gmtime_r(&now, &tm);
    if (tm.tm_year + 1900 < YEAR_LEAST) {
        ss_doctor_bad(f, SS_DOCTOR_ERROR, "set the clock, and keep it (apt-get install chrony)",
                      "this machine is in the year %d", tm.tm_year + 1900);
    } else if (ahead > SKEW_MS || ahead < -SKEW_MS) {
        ss_doctor_bad(f, SS_DOCTOR_WARNING,
                      "keep the clocks of both machines (apt-get install chrony)",
                      "that of Redis is %.1f s %s ours", (double)llabs(ahead) / 1000,
                      ahead > 0 ? "ahead of" : "behind");
    } else if (told) {
        ss_doctor_good(f, "it agrees with that of Redis");
    } else {
        ss_doctor_good(f, "the year is %d; there is no Redis to compare with", tm.tm_year + 1900);
    }
}

const ss_doctor_check_t ss_doctor_redis[] = {
    {"redis-sentinels", false, look_at_sentinels},
    {"redis", false, look_at_redis},
    {"redis-memory", false, look_at_memory},
    {"redis-persistence", false, look_at_persistence},
    {"redis-latency", false, look_at_latency},
    {"pubsub-sentinels", false, look_at_pubsub_sentinels},
    {"redis-pubsub", false, look_at_pubsub},
    {"clock", true, look_at_clock},
    {0},
};
