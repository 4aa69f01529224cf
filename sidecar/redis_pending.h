/* SPDX-License-Identifier: MIT
 *
 * Commands that wait for their answers: first in, first out, as Redis answers.
 *
 * All commands have the same time, so the order of sending is the order of deadlines, too.  A
 * command past its deadline is told so and stays in the line without anybody waiting, since its
 * answer may still come.
 */
#ifndef SS_REDIS_PENDING_H
#define SS_REDIS_PENDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "redis.h"

typedef struct ss_redis_pending {
    struct ss_redis_pending *next;
    struct ss_redis_commands *owner;
    ss_redis_reply_fn reply; /* NULL: nobody waits, or not any more */
    void *arg;
    uint64_t deadline_ms;
} ss_redis_pending_t;

/* All zero is an empty line. */
typedef struct {
    ss_redis_pending_t *head;
    ss_redis_pending_t *tail;
    ss_redis_pending_t *due; /* the first whose deadline is ahead; NULL: none */
    size_t count;
} ss_redis_line_t;

/* Takes the place behind all others. */
void ss_redis_line_push(ss_redis_line_t *line, ss_redis_pending_t *command);

/* The one whose answer is next, now the caller's; NULL when the line is empty. */
ss_redis_pending_t *ss_redis_line_pop(ss_redis_line_t *line);

/* The nearest deadline; UINT64_MAX: none. */
uint64_t ss_redis_line_deadline(const ss_redis_line_t *line);

/* Takes the next command whose deadline has come: its callback and argument, which the caller must
 * call.  false when no more have. */
bool ss_redis_line_expire(ss_redis_line_t *line, uint64_t now_ms, ss_redis_reply_fn *reply,
                          void **arg);

#endif
