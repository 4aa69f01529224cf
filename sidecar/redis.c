/* SPDX-License-Identifier: MIT
 *
 * See redis.h.
 *
 * Up means that a canary, published over one connection, came back over the other.  One canary is
 * under way at a time, on a channel of this process alone that is always subscribed; it also keeps
 * hiredis in subscribed mode, which the last UNSUBSCRIBE would leave.
 */
#include "redis.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <hiredis/sds.h>

#include "log.h"
#include "redis_commands.h"
#include "redis_subs.h"

struct ss_redis {
    uv_loop_t *loop;
    ss_redis_options_t options;
    ss_redis_events_t events;
    size_t prefix_len;
    ss_redis_conn_t publisher; /* of commands of all kinds */
    ss_redis_conn_t subscriber;
    ss_redis_commands_t commands;
    ss_redis_subs_t subs;
    uv_timer_t heartbeat;
    char canary[160]; /* the channel, with the prefix */
    uint64_t canary_number;
    uint64_t canary_sent_ms; /* 0: none under way */
    uint64_t canary_back_ms; /* 0: never */
    uint64_t canary_took_ms;
    bool canary_overdue;
    bool canary_listens; /* its channel is subscribed on the present connection */
    bool proven;         /* a canary came back over the present two connections */
    bool up;
    bool was_up;
    bool gap;
    uint64_t reconnects;
    unsigned closing; /* parts that have not closed yet */
    char last_why[SS_REDIS_WHY_MAX];
};

bool ss_redis_is_up(const ss_redis_t *redis) { return redis->up; }

const char *ss_redis_prefix(const ss_redis_t *redis) { return redis->options.prefix; }

/* --- up and down ----------------------------------------------------------------------------- */

static void check_up(ss_redis_t *redis) {
    if (redis->up || !redis->proven || redis->publisher.state != SS_REDIS_READY ||
        redis->subscriber.state != SS_REDIS_READY || !ss_redis_subs_complete(&redis->subs)) {
        return;
    }
    bool gap = redis->gap && redis->was_up;
    redis->up = redis->was_up = true;
    redis->gap = false;
    redis->last_why[0] = '\0';
    ss_redis_conn_settled(&redis->publisher);
    ss_redis_conn_settled(&redis->subscriber);
    ss_log(SS_LOG_NOTICE, "%s: up, %zu channels", redis->events.name, redis->subs.count - 1);
    redis->events.up(redis->events.arg, gap);
}

/* Attempts fail several times a second; the log gets each reason once. */
static void log_loss(ss_redis_t *redis, const ss_redis_conn_t *conn, const char *why) {
    if (strcmp(why, redis->last_why) == 0) {
        return;
    }
    snprintf(redis->last_why, sizeof redis->last_why, "%s", why);
    ss_log(SS_LOG_WARNING, "%s: away (%s): %s; trying again", redis->events.name,
           conn->place[0] == '\0' ? "no master known" : conn->place, why);
}

static void on_lost(ss_redis_conn_t *conn, bool was_ready, const char *why) {
    ss_redis_t *redis = conn->owner;
    redis->reconnects += was_ready;
    redis->proven = false;
    redis->canary_sent_ms = 0;
    redis->canary_overdue = false;
    if (conn == &redis->subscriber) {
        redis->gap = true;
        redis->canary_listens = false;
        ss_redis_subs_reset(&redis->subs);
    }
    log_loss(redis, conn, why);
    if (redis->up) {
        redis->up = false;
        redis->events.down(redis->events.arg, why);
    }
}

/* --- commands -------------------------------------------------------------------------------- */

void ss_redis_vsend(ss_redis_t *redis, ss_redis_reply_fn reply, void *arg, const char *format,
                    va_list args) {
    char *text = NULL;
    int len = redis->up ? redisvFormatCommand(&text, format, args) : 0;
    ss_redis_commands_send(&redis->commands, reply, arg, text, len < 0 ? 0 : (size_t)len);
    free(text);
}

void ss_redis_send(ss_redis_t *redis, ss_redis_reply_fn reply, void *arg, const char *format, ...) {
    va_list args;
    va_start(args, format);
    ss_redis_vsend(redis, reply, arg, format, args);
    va_end(args);
}

void ss_redis_send_argv(ss_redis_t *redis, ss_redis_reply_fn reply, void *arg, int argc,
                        const char **argv, const size_t *lens) {
    char *text = NULL;
    int len = redis->up ? redisFormatCommandArgv(&text, argc, argv, lens) : 0;
    ss_redis_commands_send(&redis->commands, reply, arg, text, len < 0 ? 0 : (size_t)len);
    free(text);
}

/* --- subscriptions --------------------------------------------------------------------------- */

static void on_message(redisAsyncContext *ac, void *data, void *arg);

/* Sends what Redis has not heard of yet, as far as the window allows. */
static void send_subscriptions(ss_redis_t *redis) {
    const char *argv[1 + SS_REDIS_SUBSCRIBE_BATCH] = {"SUBSCRIBE"};
    size_t lens[1 + SS_REDIS_SUBSCRIBE_BATCH] = {9};
    size_t n;
    if (redis->subscriber.state != SS_REDIS_READY) {
        return;
    }
    while ((n = ss_redis_subs_next(&redis->subs, argv + 1, lens + 1)) != 0) {
        redisAsyncCommandArgv(redis->subscriber.ac, on_message, NULL, (int)n + 1, argv, lens);
    }
}

static char *full_name(const ss_redis_t *redis, const char *channel, size_t len) {
    char *name = ss_alloc(redis->prefix_len + len + 1);
    memcpy(name, redis->options.prefix, redis->prefix_len);
    memcpy(name + redis->prefix_len, channel, len);
    name[redis->prefix_len + len] = '\0';
    return name;
}

void ss_redis_subscribe(ss_redis_t *redis, const char *channel, size_t len) {
    char *name = full_name(redis, channel, len);
    if (ss_redis_subs_add(&redis->subs, name, redis->prefix_len + len)) {
        send_subscriptions(redis);
    }
    free(name);
}

void ss_redis_unsubscribe(ss_redis_t *redis, const char *channel, size_t len) {
    char *name = full_name(redis, channel, len);
    size_t full_len = redis->prefix_len + len;
    if (ss_redis_subs_remove(&redis->subs, name, full_len) == SS_REDIS_SUB_SENT) {
        redisAsyncCommand(redis->subscriber.ac, NULL, NULL, "UNSUBSCRIBE %b", name, full_len);
    }
    free(name);
}

/* --- the canary ------------------------------------------------------------------------------ */

static void on_canary_sent(const redisReply *reply, void *arg) {
    ss_redis_t *redis = arg;
    if (reply != NULL && reply->type == REDIS_REPLY_ERROR) {
        char why[SS_REDIS_WHY_MAX];
        snprintf(why, sizeof why, "PUBLISH: %s", reply->str);
        ss_redis_conn_drop(&redis->publisher, why);
    }
}

static void send_canary(ss_redis_t *redis) {
    char *text = NULL;
    if (redis->publisher.state != SS_REDIS_READY || !redis->canary_listens ||
        redis->canary_sent_ms != 0) {
        return;
    }
    int len = redisFormatCommand(&text, "PUBLISH %s %llu", redis->canary,
                                 (unsigned long long)++redis->canary_number);
    redis->canary_sent_ms = ss_redis_now_ms();
    ss_redis_commands_send(&redis->commands, on_canary_sent, redis, text, (size_t)len);
    free(text);
}

static void canary_is_back(ss_redis_t *redis, const char *text, size_t len) {
    char *end;
    if (redis->canary_sent_ms == 0 || len == 0 ||
        strtoull(text, &end, 10) != redis->canary_number) {
        return; /* a former one */
    }
    redis->canary_back_ms = ss_redis_now_ms();
    redis->canary_took_ms = redis->canary_back_ms - redis->canary_sent_ms;
    redis->canary_sent_ms = 0;
    redis->canary_overdue = false;
    redis->proven = true;
    check_up(redis);
}

static void on_heartbeat(uv_timer_t *timer) {
    ss_redis_t *redis = timer->data;
    uint64_t now = ss_redis_now_ms();
    if (redis->subscriber.state == SS_REDIS_READY &&
        sdslen(redis->subscriber.ac->c.obuf) >= SS_REDIS_PENDING_BYTES_MAX) {
        ss_redis_conn_drop(&redis->subscriber, "it does not read");
    } else if (redis->canary_sent_ms == 0) {
        send_canary(redis);
    } else if (now - redis->canary_sent_ms < SS_REDIS_CANARY_LIMIT_MS) {
        redis->canary_overdue = false;
    } else if (!redis->canary_overdue) {
        /* As with a deadline: it may be waiting in the socket. */
        redis->canary_overdue = true;
        uv_timer_start(timer, on_heartbeat, 1, SS_REDIS_CANARY_INTERVAL_MS);
    } else {
        ss_redis_conn_drop(&redis->subscriber, "what is published does not come back");
    }
}

static void confirmed(ss_redis_t *redis, const char *channel, size_t len) {
    ss_redis_subs_confirm(&redis->subs);
    if (strlen(redis->canary) == len && memcmp(channel, redis->canary, len) == 0) {
        redis->canary_listens = true;
        send_canary(redis);
    } else if (redis->up && redis->events.subscribed != NULL) {
        redis->events.subscribed(redis->events.arg, channel + redis->prefix_len,
                                 len - redis->prefix_len);
    }
    send_subscriptions(redis);
    check_up(redis);
}

/* Everything that arrives on the subscriptions' connection after its greeting. */
static void on_message(redisAsyncContext *ac, void *data, void *arg) {
    const ss_redis_conn_t *conn = ac->data;
    const redisReply *reply = data;
    (void)arg;
    if (conn == NULL || reply == NULL || reply->type != REDIS_REPLY_ARRAY || reply->elements != 3 ||
        reply->element[1]->len < ((ss_redis_t *)conn->owner)->prefix_len) {
        return;
    }
    ss_redis_t *redis = conn->owner;
    const redisReply *channel = reply->element[1];
    const redisReply *text = reply->element[2];
    if (strcmp(reply->element[0]->str, "subscribe") == 0) {
        confirmed(redis, channel->str, channel->len);
    } else if (strcmp(reply->element[0]->str, "message") != 0) {
        /* an UNSUBSCRIBE is done */
    } else if (strcmp(channel->str, redis->canary) == 0) {
        canary_is_back(redis, text->str, text->len);
    } else {
        redis->events.message(redis->events.arg, channel->str + redis->prefix_len,
                              channel->len - redis->prefix_len, text->str, text->len);
    }
}

void ss_redis_health(const ss_redis_t *redis, ss_redis_health_t *out) {
    *out = (ss_redis_health_t){
        .up = redis->up,
        .canary_ms = redis->canary_took_ms,
        .canary_age_ms =
            redis->canary_back_ms == 0 ? UINT64_MAX : ss_redis_now_ms() - redis->canary_back_ms,
        .reconnects = redis->reconnects,
        .timeouts = redis->commands.timeouts,
    };
}

/* --- life ------------------------------------------------------------------------------------ */

/* After a fail-over the other one may still hang on to the former master. */
static void leave_former_master(ss_redis_conn_t *conn, ss_redis_conn_t *other) {
    if (other->state == SS_REDIS_READY && strcmp(conn->place, other->place) != 0) {
        ss_redis_conn_drop(other, "it is not the master any more");
    }
}

static void on_ready(ss_redis_conn_t *conn) {
    ss_redis_t *redis = conn->owner;
    leave_former_master(conn, conn == &redis->publisher ? &redis->subscriber : &redis->publisher);
    if (conn == &redis->subscriber) {
        send_subscriptions(redis);
    } else {
        ss_redis_commands_ready(&redis->commands);
        send_canary(redis);
    }
}

/* A channel for each process, so that a restarted one does not take the former's for its own. */
static void name_canary(ss_redis_t *redis) {
    uint64_t node = 0;
    uv_random(NULL, NULL, &node, sizeof node, 0, NULL);
    snprintf(redis->canary, sizeof redis->canary, "%scanary:%016" PRIx64, redis->options.prefix,
             node);
    ss_redis_subs_add(&redis->subs, redis->canary, strlen(redis->canary));
}

ss_redis_t *ss_redis_create(uv_loop_t *loop, const json_t *config, const ss_redis_events_t *events,
                            ss_buf_t *error) {
    static const ss_redis_conn_events_t on_conn = {.ready = on_ready, .lost = on_lost};
    ss_redis_t *redis = ss_alloc_zero(sizeof *redis);
    if (!ss_redis_options_init(&redis->options, events->name, config, error)) {
        ss_redis_options_finish(&redis->options);
        free(redis);
        return NULL;
    }
    redis->loop = loop;
    redis->events = *events;
    redis->prefix_len = strlen(redis->options.prefix);
    name_canary(redis);
    uv_timer_init(loop, &redis->heartbeat);
    redis->heartbeat.data = redis;
    uv_timer_start(&redis->heartbeat, on_heartbeat, SS_REDIS_CANARY_INTERVAL_MS,
                   SS_REDIS_CANARY_INTERVAL_MS);
    ss_redis_commands_init(&redis->commands, loop, &redis->publisher);
    ss_redis_conn_init(&redis->publisher, loop, &redis->options, &on_conn, redis);
    ss_redis_conn_init(&redis->subscriber, loop, &redis->options, &on_conn, redis);
    return redis;
}

static void on_part_closed(void *arg) {
    ss_redis_t *redis = arg;
    if (--redis->closing == 0) {
        ss_redis_subs_finish(&redis->subs);
        ss_redis_options_finish(&redis->options);
        free(redis);
    }
}

static void on_handle_closed(uv_handle_t *handle) { on_part_closed(handle->data); }

void ss_redis_destroy(ss_redis_t *redis) {
    if (redis == NULL) {
        return;
    }
    redis->up = false;
    redis->closing = 4;
    ss_redis_conn_close(&redis->subscriber, on_part_closed);
    ss_redis_conn_close(&redis->publisher, on_part_closed);
    ss_redis_commands_close(&redis->commands, on_part_closed, redis);
    uv_close((uv_handle_t *)&redis->heartbeat, on_handle_closed);
}
