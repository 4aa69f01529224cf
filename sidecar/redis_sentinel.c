/* SPDX-License-Identifier: MIT
 *
 * See redis_sentinel.h.
 */
#include "redis_sentinel.h"

#include <stdlib.h>
#include <string.h>

#include "mem.h"

static void ask_next(ss_redis_sentinel_t *ask);

/* Lets go of the present Sentinel; hiredis' callbacks find no owner any more. */
static void hang_up(ss_redis_sentinel_t *ask) {
    redisAsyncContext *ac = ask->ac;
    uv_timer_stop(&ask->timer);
    ss_redis_dial_cancel(ask->dial);
    ask->dial = NULL;
    ask->ac = NULL;
    if (ac != NULL) {
        ac->data = NULL;
        redisAsyncFree(ac);
    }
}

/* This one does not know. */
static void skip(ss_redis_sentinel_t *ask, const char *why) {
    hang_up(ask);
    if (++ask->asked < ask->options->n_sentinels) {
        ask_next(ask);
        return;
    }
    ask->turn++;
    ask->done(ask->arg, NULL, why);
}

static void on_answer(redisAsyncContext *ac, void *data, void *arg) {
    ss_redis_sentinel_t *ask = ac->data;
    const redisReply *reply = data;
    (void)arg;
    if (ask == NULL || reply == NULL) {
        return; /* on_connect() or on_disconnect() says so */
    }
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 ||
        reply->element[0]->type != REDIS_REPLY_STRING ||
        reply->element[1]->type != REDIS_REPLY_STRING) {
        char why[SS_REDIS_WHY_MAX];
        snprintf(why, sizeof why, "the Sentinel does not know the master '%s'%s%s",
                 ask->options->master, reply->type == REDIS_REPLY_ERROR ? ": " : "",
                 reply->type == REDIS_REPLY_ERROR ? reply->str : "");
        skip(ask, why);
        return;
    }
    char *host = ss_copy(reply->element[0]->str, reply->element[0]->len);
    ss_redis_place_t place = {.host = host, .port = atoi(reply->element[1]->str)};
    ask->first = (ask->first + ask->asked) % ask->options->n_sentinels;
    hang_up(ask);
    ask->done(ask->arg, &place, NULL);
    free(host);
}

/* hiredis frees the context itself after either of these. */
static void lost(const redisAsyncContext *ac) {
    ss_redis_sentinel_t *ask = ac->data;
    if (ask != NULL) {
        char why[SS_REDIS_WHY_MAX];
        snprintf(why, sizeof why, "Sentinel: %s", ac->c.errstr);
        ask->ac = NULL;
        skip(ask, why);
    }
}

static void on_connect(const redisAsyncContext *ac, int status) {
    if (status != REDIS_OK) {
        lost(ac);
    }
}

static void on_disconnect(const redisAsyncContext *ac, int status) {
    (void)status;
    lost(ac);
}

static void on_late(uv_timer_t *timer) { skip(timer->data, "the Sentinel does not answer"); }

static void on_dialed(void *arg, redisAsyncContext *ac, const char *why) {
    ss_redis_sentinel_t *ask = arg;
    ask->dial = NULL;
    if (ac == NULL) {
        skip(ask, why);
        return;
    }
    ask->ac = ac;
    ac->data = ask;
    redisAsyncSetConnectCallback(ac, on_connect);
    redisAsyncSetDisconnectCallback(ac, on_disconnect);
    redisAsyncCommand(ac, on_answer, NULL, "SENTINEL get-master-addr-by-name %s",
                      ask->options->master);
}

static void ask_next(ss_redis_sentinel_t *ask) {
    unsigned which = (ask->first + ask->asked) % ask->options->n_sentinels;
    uv_timer_start(&ask->timer, on_late, SS_REDIS_SENTINEL_MS, 0);
    ss_redis_dial_t *dial =
        ss_redis_dial(ask->timer.loop, &ask->options->sentinels[which], ask->turn, on_dialed, ask);
    if (dial != NULL) {
        ask->dial = dial;
    }
}

void ss_redis_sentinel_init(ss_redis_sentinel_t *ask, uv_loop_t *loop,
                            const ss_redis_options_t *options) {
    *ask = (ss_redis_sentinel_t){.options = options};
    uv_timer_init(loop, &ask->timer);
    ask->timer.data = ask;
}

void ss_redis_sentinel_start(ss_redis_sentinel_t *ask, ss_redis_sentinel_fn done, void *arg) {
    ss_redis_sentinel_stop(ask);
    ask->done = done;
    ask->arg = arg;
    ask->asked = 0;
    ask_next(ask);
}

/* One that was waited for in vain is not the first next time. */
void ss_redis_sentinel_stop(ss_redis_sentinel_t *ask) {
    if (ask->ac != NULL || ask->dial != NULL) {
        ask->first = (ask->first + ask->asked + 1) % ask->options->n_sentinels;
    }
    hang_up(ask);
}
