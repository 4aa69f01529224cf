/* SPDX-License-Identifier: MIT
 *
 * Redis, as the rest of the sidecar sees it: commands with a deadline, subscriptions, up or down.
 *
 * Owns two connections, one for commands (pipelined) and one for subscriptions, their reconnection
 * with back-off, Sentinel, the heartbeat, and the set of subscribed channels, which it restores
 * after a reconnect.  Leaves to the caller what commands mean.  A command is never sent twice: one
 * that timed out or lost its connection has failed, though Redis may have run it.
 *
 * Everything happens on the loop's thread.  Callbacks come from the loop, never from inside the
 * call that asked for them.
 */
#ifndef SS_REDIS_H
#define SS_REDIS_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hiredis/hiredis.h>
#include <jansson.h>
#include <uv.h>

#include "buf.h"

#define SS_REDIS_PENDING_MAX 100000            /* commands waiting; more fail at once */
#define SS_REDIS_PENDING_BYTES_MAX (64u << 20) /* of them, not yet written; then more fail, too */
#define SS_REDIS_CANARY_INTERVAL_MS 1000
#define SS_REDIS_CANARY_LIMIT_MS 3000 /* away longer, and the subscriptions are made anew */

typedef struct ss_redis ss_redis_t;

/* The answer to a command: NULL when Redis is away or silent past the deadline.  An error reply of
 * Redis' own comes as it is (type REDIS_REPLY_ERROR).  The reply is freed after the callback. */
typedef void (*ss_redis_reply_fn)(const redisReply *reply, void *arg);

typedef struct {
    const char *name; /* of its object in the configuration, for errors and the log; lives on */
    /* A message on a subscribed channel, its name without the key prefix. */
    void (*message)(void *arg, const char *channel, size_t channel_len, const char *text,
                    size_t len);
    /* Both connections work and all subscriptions stand again.  `gap`: the subscriptions were lost
     * since the last time, and messages with them; false the first time. */
    void (*up)(void *arg, bool gap);
    /* Redis has confirmed a channel that ss_redis_subscribe() added while up: what is published
     * from now on arrives.  Once for each such call, in their order; not after a reconnect, where
     * `up` says the same for all.  May be NULL. */
    void (*subscribed)(void *arg, const char *channel, size_t channel_len);
    /* One of the two is lost; commands fail at once until `up`.  Told once. */
    void (*down)(void *arg, const char *why);
    void *arg;
} ss_redis_events_t;

/* Whether the object `redis` of a configuration names a Redis at all. */
bool ss_redis_is_configured(const json_t *config);

/* `config` is the configuration's object `redis` (docs/CONFIGURATION.md), whose values were
 * checked. NULL with `error` when it asks for what is not there, such as TLS.  Connects in the
 * background and keeps trying. */
ss_redis_t *ss_redis_create(uv_loop_t *loop, const json_t *config, const ss_redis_events_t *events,
                            ss_buf_t *error);

/* Fails what is pending; the callbacks come before it returns.  Takes NULL.  The loop must be run
 * until its handles have closed.  Not from within a callback of this layer. */
void ss_redis_destroy(ss_redis_t *redis);

/* Both connections work. */
bool ss_redis_is_up(const ss_redis_t *redis);

/* The key prefix with its colon, "ss:". */
const char *ss_redis_prefix(const ss_redis_t *redis);

/* Sends a command.  hiredis' format (%s, %b with a size_t), keys with the prefix written out by the
 * caller.  `reply` may be NULL.  Always ends in one callback.  (ss_redis_command() is the name of
 * the function that applications have.)  Commands that change what the connection is (SUBSCRIBE and
 * its kin, MONITOR, HELLO, RESET, QUIT, SYNC) are not sent and fail; SELECT, AUTH, CLIENT REPLY and
 * blocking commands are up to the caller to leave alone. */
void ss_redis_send(ss_redis_t *redis, ss_redis_reply_fn reply, void *arg, const char *format, ...);
void ss_redis_vsend(ss_redis_t *redis, ss_redis_reply_fn reply, void *arg, const char *format,
                    va_list args);
void ss_redis_send_argv(ss_redis_t *redis, ss_redis_reply_fn reply, void *arg, int argc,
                        const char **argv, const size_t *lens);

/* Adds or removes a channel, its name without the key prefix.  Kept through reconnects; not
 * counted: the caller subscribes once.  Order between the two is kept. */
void ss_redis_subscribe(ss_redis_t *redis, const char *channel, size_t len);
void ss_redis_unsubscribe(ss_redis_t *redis, const char *channel, size_t len);

/* What a health check wants to know. */
typedef struct {
    bool up;
    uint64_t canary_ms;     /* how long the last canary took through Redis and back */
    uint64_t canary_age_ms; /* how long ago that was; UINT64_MAX: never */
    uint64_t reconnects;
    uint64_t timeouts;
} ss_redis_health_t;

void ss_redis_health(const ss_redis_t *redis, ss_redis_health_t *out);

#endif
