/* SPDX-License-Identifier: MIT
 *
 * The commands on one connection: sent, answered, past their deadline, or failed.
 *
 * Whatever fails goes into a line of its own that is emptied from the loop, so that no callback
 * comes from inside a call of ours, nor from hiredis while it takes a connection apart.
 */
#ifndef SS_REDIS_COMMANDS_H
#define SS_REDIS_COMMANDS_H

#include "redis_conn.h"
#include "redis_pending.h"

typedef struct ss_redis_commands {
    ss_redis_conn_t *conn;
    ss_redis_line_t pending;
    ss_redis_line_t failed; /* their callbacks are due */
    uv_idle_t fail_soon;
    uv_timer_t deadline; /* of the first pending command */
    uint64_t last_reply_ms;
    bool deadline_passed; /* what has arrived since is looked at first */
    bool closing;
    uint64_t timeouts;
    unsigned open_handles;
    void (*closed)(void *owner);
    void *owner;
} ss_redis_commands_t;

/* `conn` is borrowed, and whoever owns it says when it is ready anew. */
void ss_redis_commands_init(ss_redis_commands_t *commands, uv_loop_t *loop, ss_redis_conn_t *conn);
void ss_redis_commands_ready(ss_redis_commands_t *commands);

/* Sends `text`, a command as Redis reads it, or fails it soon: when it is NULL, or may not be sent
 * (redis.h), or too many are pending.  The connection must be ready, unless `text` is NULL. */
void ss_redis_commands_send(ss_redis_commands_t *commands, ss_redis_reply_fn reply, void *arg,
                            const char *text, size_t len);

/* Fails what is left before it returns, after the connection was closed; `closed` comes from the
 * loop. */
void ss_redis_commands_close(ss_redis_commands_t *commands, void (*closed)(void *owner),
                             void *owner);

/* Not the loop's time, which stands still while something holds the loop up. */
uint64_t ss_redis_now_ms(void);

#endif
