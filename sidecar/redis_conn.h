/* SPDX-License-Identifier: MIT
 *
 * One connection to Redis that is made, and made anew when it is lost, for as long as its owner
 * wants it.
 *
 * Owns: finding the place (Sentinel, names), the greeting (AUTH, SELECT, the role, PING), the
 * deadline of all that, and the back-off between attempts.  Leaves to the owner: what is sent once
 * it is ready, and whether it is silent then.
 *
 *     WAITING (back-off) -> FINDING -> GREETING -> READY -> WAITING …
 */
#ifndef SS_REDIS_CONN_H
#define SS_REDIS_CONN_H

#include "redis_sentinel.h"

#define SS_REDIS_BACKOFF_MIN_MS 50
#define SS_REDIS_BACKOFF_MAX_MS 1000

typedef struct ss_redis_conn ss_redis_conn_t;

typedef struct {
    void (*ready)(ss_redis_conn_t *conn);
    /* It is lost, or could not be made; another attempt follows.  What was sent and not answered
     * may still come to its callbacks as NULL after this. */
    void (*lost)(ss_redis_conn_t *conn, bool was_ready, const char *why);
} ss_redis_conn_events_t;

struct ss_redis_conn {
    const ss_redis_options_t *options;
    const ss_redis_conn_events_t *events;
    void *owner;
    enum { SS_REDIS_WAITING, SS_REDIS_FINDING, SS_REDIS_GREETING, SS_REDIS_READY } state;
    redisAsyncContext *ac;        /* NULL while WAITING and FINDING */
    char place[SS_REDIS_WHY_MAX]; /* where it leads, or did last; "" before the first attempt */
    ss_redis_dial_t *dial;
    ss_redis_sentinel_t sentinel;
    uv_timer_t timer; /* back-off, or the deadline of an attempt */
    uint32_t backoff_ms;
    unsigned turn;
    bool demoted;     /* it has led to a replica: the role is asked for from then on */
    unsigned closing; /* handles that are not closed yet */
    void (*closed)(void *owner);
};

/* Starts the first attempt, from the loop.  `options` and `events` outlive it. */
void ss_redis_conn_init(ss_redis_conn_t *conn, uv_loop_t *loop, const ss_redis_options_t *options,
                        const ss_redis_conn_events_t *events, void *owner);

/* Lets go of the connection, ready or not, tells `lost`, and begins anew after the back-off. */
void ss_redis_conn_drop(ss_redis_conn_t *conn, const char *why);

/* The same for one that refuses to write, since it is a master no more: the next one has to be. */
void ss_redis_conn_demoted(ss_redis_conn_t *conn);

/* It has proved itself: the next back-off is a short one again. */
void ss_redis_conn_settled(ss_redis_conn_t *conn);

/* For good: tells nothing but `closed`, from the loop, after which its memory may go.  Callbacks of
 * what was not answered come before it returns. */
void ss_redis_conn_close(ss_redis_conn_t *conn, void (*closed)(void *owner));

#endif
