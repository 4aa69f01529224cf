/* SPDX-License-Identifier: MIT
 *
 * See redis_conn.h.
 *
 * hiredis frees a context by itself when connecting fails or the connection ends, after having told
 * us, and must not be told to free it from within that.  A context we let go of loses its `data`,
 * by which its remaining callbacks know that they are nobody's.
 */
#include "redis_conn.h"

#include <stddef.h>
#include <string.h>

static void start_attempt(ss_redis_conn_t *conn);

static void on_wait_over(uv_timer_t *timer) { start_attempt(timer->data); }

/* Half of the back-off is up to chance, so that many nodes do not come all at once. */
static void wait(ss_redis_conn_t *conn) {
    uint32_t chance = 0;
    uv_random(NULL, NULL, &chance, sizeof chance, 0, NULL);
    uint32_t half = conn->backoff_ms / 2;
    conn->state = SS_REDIS_WAITING;
    uv_timer_start(&conn->timer, on_wait_over, half + chance % (half + 1), 0);
    conn->backoff_ms *= 2;
    if (conn->backoff_ms > SS_REDIS_BACKOFF_MAX_MS) {
        conn->backoff_ms = SS_REDIS_BACKOFF_MAX_MS;
    }
}

/* What every loss has in common, once hiredis' context is no longer ours. */
static void fail(ss_redis_conn_t *conn, const char *why) {
    bool was_ready = conn->state == SS_REDIS_READY;
    conn->ac = NULL;
    wait(conn);
    conn->events->lost(conn, was_ready, why);
}

/* Stops whatever is under way. */
static redisAsyncContext *let_go(ss_redis_conn_t *conn) {
    redisAsyncContext *ac = conn->ac;
    ss_redis_dial_cancel(conn->dial);
    conn->dial = NULL;
    ss_redis_sentinel_stop(&conn->sentinel);
    conn->ac = NULL;
    if (ac != NULL) {
        ac->data = NULL;
    }
    return ac;
}

void ss_redis_conn_drop(ss_redis_conn_t *conn, const char *why) {
    if (conn->state == SS_REDIS_WAITING) {
        return;
    }
    redisAsyncContext *ac = let_go(conn);
    fail(conn, why);
    if (ac != NULL) {
        redisAsyncFree(ac); /* later, when we are in one of its callbacks */
    }
}

void ss_redis_conn_demoted(ss_redis_conn_t *conn) {
    conn->demoted = true;
    ss_redis_conn_drop(conn, "it is a replica now");
}

static void drop_named(ss_redis_conn_t *conn, const char *what, const char *why) {
    char text[SS_REDIS_WHY_MAX];
    snprintf(text, sizeof text, "%s: %s", what, why);
    ss_redis_conn_drop(conn, text);
}

/* --- the greeting --------------------------------------------------------------------------- */

static bool greeted(redisAsyncContext *ac, const redisReply *reply, const char *what) {
    ss_redis_conn_t *conn = ac->data;
    if (conn == NULL || reply == NULL) {
        return false; /* dropped; or lost, which hiredis tells next */
    }
    if (reply->type == REDIS_REPLY_ERROR) {
        drop_named(conn, what, reply->str);
        return false;
    }
    return true;
}

static void on_auth(redisAsyncContext *ac, void *reply, void *arg) {
    (void)arg;
    greeted(ac, reply, "AUTH");
}

static void on_select(redisAsyncContext *ac, void *reply, void *arg) {
    (void)arg;
    greeted(ac, reply, "SELECT");
}

/* Who may not ask for the role has nothing to go by, unless a Sentinel is to be checked. */
static void on_role(redisAsyncContext *ac, void *data, void *arg) {
    const ss_redis_conn_t *conn = ac->data;
    const redisReply *reply = data;
    bool named = conn != NULL && conn->options->n_sentinels != 0;
    (void)arg;
    if (!named && reply != NULL && reply->type == REDIS_REPLY_ERROR) {
        return;
    }
    if (greeted(ac, reply, "ROLE") && (reply->type != REDIS_REPLY_ARRAY || reply->elements == 0 ||
                                       reply->element[0]->type != REDIS_REPLY_STRING ||
                                       strcmp(reply->element[0]->str, "master") != 0)) {
        ss_redis_conn_drop(ac->data, named ? "the Sentinel named a Redis that is no master"
                                           : "it is a replica");
    }
}

static void on_ping(redisAsyncContext *ac, void *reply, void *arg) {
    (void)arg;
    if (greeted(ac, reply, "PING")) {
        ss_redis_conn_t *conn = ac->data;
        uv_timer_stop(&conn->timer);
        conn->state = SS_REDIS_READY;
        conn->events->ready(conn);
    }
}

/* Queued before the connection stands; the first that is refused ends it. */
static void greet(ss_redis_conn_t *conn) {
    const ss_redis_options_t *o = conn->options;
    redisAsyncContext *ac = conn->ac;
    if (o->username != NULL) {
        redisAsyncCommand(ac, on_auth, NULL, "AUTH %s %s", o->username,
                          o->password == NULL ? "" : o->password);
    } else if (o->password != NULL) {
        redisAsyncCommand(ac, on_auth, NULL, "AUTH %s", o->password);
    }
    if (o->db != 0) {
        redisAsyncCommand(ac, on_select, NULL, "SELECT %d", o->db);
    }
    if (o->n_sentinels != 0 || conn->demoted) {
        redisAsyncCommand(ac, on_role, NULL, "ROLE");
    }
    redisAsyncCommand(ac, on_ping, NULL, "PING");
}

/* --- an attempt ------------------------------------------------------------------------------ */

static void on_connect(const redisAsyncContext *ac, int status) {
    ss_redis_conn_t *conn = ac->data;
    if (conn != NULL && status != REDIS_OK) {
        fail(conn, ac->c.errstr);
    }
}

static void on_disconnect(const redisAsyncContext *ac, int status) {
    ss_redis_conn_t *conn = ac->data;
    (void)status;
    if (conn != NULL) {
        fail(conn, ac->c.errstr[0] == '\0' ? "the connection was closed" : ac->c.errstr);
    }
}

static void on_dialed(void *arg, redisAsyncContext *ac, const char *why) {
    ss_redis_conn_t *conn = arg;
    conn->dial = NULL;
    if (ac == NULL) {
        fail(conn, why);
        return;
    }
    conn->ac = ac;
    conn->state = SS_REDIS_GREETING;
    ac->data = conn;
    redisAsyncSetConnectCallback(ac, on_connect);
    redisAsyncSetDisconnectCallback(ac, on_disconnect);
    greet(conn);
}

static void dial(ss_redis_conn_t *conn, const ss_redis_place_t *place) {
    ss_redis_place_print(place, conn->place, sizeof conn->place);
    ss_redis_dial_t *under_way =
        ss_redis_dial(conn->timer.loop, place, conn->turn++, on_dialed, conn);
    if (under_way != NULL) {
        conn->dial = under_way;
    }
}

static void on_master(void *arg, const ss_redis_place_t *place, const char *why) {
    ss_redis_conn_t *conn = arg;
    if (place == NULL) {
        fail(conn, why);
    } else {
        dial(conn, place);
    }
}

static void on_late(uv_timer_t *timer) {
    ss_redis_conn_t *conn = timer->data;
    ss_redis_conn_drop(conn, conn->state == SS_REDIS_GREETING ? "it does not answer"
                                                              : "it was not found in time");
}

static void start_attempt(ss_redis_conn_t *conn) {
    const ss_redis_options_t *o = conn->options;
    conn->state = SS_REDIS_FINDING;
    uv_timer_start(&conn->timer, on_late, o->timeout_ms, 0);
    if (o->n_sentinels != 0) {
        ss_redis_sentinel_start(&conn->sentinel, on_master, conn);
    } else {
        dial(conn, &o->place);
    }
}

/* --- life ------------------------------------------------------------------------------------ */

void ss_redis_conn_init(ss_redis_conn_t *conn, uv_loop_t *loop, const ss_redis_options_t *options,
                        const ss_redis_conn_events_t *events, void *owner) {
    *conn = (ss_redis_conn_t){.options = options, .events = events, .owner = owner};
    ss_redis_sentinel_init(&conn->sentinel, loop, options);
    uv_timer_init(loop, &conn->timer);
    conn->timer.data = conn;
    conn->backoff_ms = SS_REDIS_BACKOFF_MIN_MS;
    uv_timer_start(&conn->timer, on_wait_over, 0, 0);
}

void ss_redis_conn_settled(ss_redis_conn_t *conn) { conn->backoff_ms = SS_REDIS_BACKOFF_MIN_MS; }

static void on_closed(ss_redis_conn_t *conn) {
    if (--conn->closing == 0) {
        conn->closed(conn->owner);
    }
}

static void on_timer_closed(uv_handle_t *handle) { on_closed(handle->data); }

static void on_sentinel_closed(uv_handle_t *handle) {
    ss_redis_sentinel_t *sentinel = handle->data;
    on_closed((ss_redis_conn_t *)((char *)sentinel - offsetof(ss_redis_conn_t, sentinel)));
}

void ss_redis_conn_close(ss_redis_conn_t *conn, void (*closed)(void *owner)) {
    redisAsyncContext *ac = let_go(conn);
    if (ac != NULL) {
        redisAsyncFree(ac);
    }
    conn->state = SS_REDIS_WAITING;
    conn->closed = closed;
    conn->closing = 2;
    uv_close((uv_handle_t *)&conn->timer, on_timer_closed);
    uv_close((uv_handle_t *)&conn->sentinel.timer, on_sentinel_closed);
}
