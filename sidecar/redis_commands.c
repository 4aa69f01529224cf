/* SPDX-License-Identifier: MIT
 *
 * See redis_commands.h.
 */
#include "redis_commands.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <hiredis/sds.h>

#include "log.h"

/* Callbacks of closing may send anew, and fail anew; not for ever. */
#define CLOSE_ROUNDS_MAX 16

uint64_t ss_redis_now_ms(void) { return uv_hrtime() / 1000000; }

/* --- failing --------------------------------------------------------------------------------- */

static void deliver_failed(ss_redis_commands_t *c) {
    /* Those that fail from inside these callbacks have their turn with the next one of the loop. */
    for (size_t n = c->failed.count; n > 0; n--) {
        ss_redis_pending_t *command = ss_redis_line_pop(&c->failed);
        if (command->reply != NULL) {
            command->reply(NULL, command->arg);
        }
        free(command);
    }
}

static void on_fail_soon(uv_idle_t *handle) {
    ss_redis_commands_t *c = handle->data;
    deliver_failed(c);
    if (c->failed.count == 0) {
        uv_idle_stop(handle);
    }
}

static void fail_soon(ss_redis_commands_t *c, ss_redis_pending_t *command) {
    ss_redis_line_push(&c->failed, command);
    if (!c->closing) {
        uv_idle_start(&c->fail_soon, on_fail_soon);
    }
}

/* --- deadlines ------------------------------------------------------------------------------- */

static void on_deadline(uv_timer_t *timer);

static void arm_deadline(ss_redis_commands_t *c, uint64_t now) {
    uint64_t next = ss_redis_line_deadline(&c->pending);
    if (next != UINT64_MAX) {
        uv_timer_start(&c->deadline, on_deadline, next > now ? next - now : 1, 0);
    }
}

/* A deadline that seems to have passed may be our own lateness: the loop was held up and the answer
 * waits in the socket.  So the loop polls once more before anything is given up. */
static void on_deadline(uv_timer_t *timer) {
    ss_redis_commands_t *c = timer->data;
    uint64_t now = ss_redis_now_ms();
    ss_redis_reply_fn reply;
    void *arg;
    if (ss_redis_line_deadline(&c->pending) > now) {
        c->deadline_passed = false;
        arm_deadline(c, now);
        return;
    }
    if (!c->deadline_passed) {
        c->deadline_passed = true;
        uv_timer_start(timer, on_deadline, 1, 0);
        return;
    }
    c->deadline_passed = false;
    if (now - c->last_reply_ms >= c->conn->options->timeout_ms) {
        c->timeouts += c->pending.count;
        ss_redis_conn_drop(c->conn, "it does not answer");
        return;
    }
    /* It answers, but others before these. */
    while (ss_redis_line_expire(&c->pending, now, &reply, &arg)) {
        c->timeouts++;
        if (reply != NULL) {
            reply(NULL, arg);
        }
    }
    arm_deadline(c, now);
}

/* After a fail-over behind one address the connection still leads to the former master, which
 * answers all else.  Scripts had the word inside before Redis 7. */
static bool is_demotion(const redisReply *reply) {
    return reply->type == REDIS_REPLY_ERROR &&
           (strncmp(reply->str, "READONLY ", 9) == 0 || strstr(reply->str, " -READONLY ") != NULL);
}

static void on_reply(redisAsyncContext *ac, void *data, void *arg) {
    ss_redis_pending_t *command = arg;
    ss_redis_commands_t *c = command->owner;
    ss_redis_line_pop(&c->pending);
    if (data == NULL) {
        fail_soon(c, command);
        return;
    }
    c->last_reply_ms = ss_redis_now_ms();
    c->deadline_passed = false;
    if (command->reply != NULL) {
        command->reply(data, command->arg);
    }
    free(command);
    if (c->conn->ac == ac && is_demotion(data)) {
        ss_redis_conn_demoted(c->conn);
    }
}

/* --- sending --------------------------------------------------------------------------------- */

/* hiredis would take these for its own, and go wrong. */
static bool is_forbidden(const char *command, size_t len) {
    static const char *const names[] = {"SUBSCRIBE",    "PSUBSCRIBE",   "SSUBSCRIBE", "UNSUBSCRIBE",
                                        "PUNSUBSCRIBE", "SUNSUBSCRIBE", "MONITOR",    "HELLO",
                                        "RESET",        "QUIT",         "SYNC",       "PSYNC"};
    const char *name = memchr(command, '$', len);
    name = name == NULL ? NULL : memchr(name, '\n', len - (size_t)(name - command));
    for (size_t i = 0; name != NULL && i < sizeof names / sizeof names[0]; i++) {
        size_t n = strlen(names[i]);
        if (len - (size_t)(name + 1 - command) > n && strncasecmp(name + 1, names[i], n) == 0 &&
            name[1 + n] == '\r') {
            ss_log(SS_LOG_ERROR, "redis: %s cannot be sent as a command", names[i]);
            return true;
        }
    }
    return false;
}

static bool is_full(const ss_redis_commands_t *c) {
    return c->pending.count >= SS_REDIS_PENDING_MAX ||
           sdslen(c->conn->ac->c.obuf) >= SS_REDIS_PENDING_BYTES_MAX;
}

void ss_redis_commands_send(ss_redis_commands_t *c, ss_redis_reply_fn reply, void *arg,
                            const char *text, size_t len) {
    uint64_t now = ss_redis_now_ms();
    ss_redis_pending_t *command = ss_alloc_zero(sizeof *command);
    *command = (ss_redis_pending_t){
        .owner = c, .reply = reply, .arg = arg, .deadline_ms = now + c->conn->options->timeout_ms};
    if (text == NULL || is_full(c) || is_forbidden(text, len) ||
        redisAsyncFormattedCommand(c->conn->ac, on_reply, command, text, len) != REDIS_OK) {
        fail_soon(c, command);
        return;
    }
    ss_redis_line_push(&c->pending, command);
    if (!uv_is_active((uv_handle_t *)&c->deadline)) {
        arm_deadline(c, now);
    }
}

/* --- life ------------------------------------------------------------------------------------ */

void ss_redis_commands_init(ss_redis_commands_t *c, uv_loop_t *loop, ss_redis_conn_t *conn) {
    *c = (ss_redis_commands_t){.conn = conn};
    uv_idle_init(loop, &c->fail_soon);
    uv_timer_init(loop, &c->deadline);
    c->fail_soon.data = c->deadline.data = c;
}

void ss_redis_commands_ready(ss_redis_commands_t *c) { c->last_reply_ms = ss_redis_now_ms(); }

static void on_handle_closed(uv_handle_t *handle) {
    ss_redis_commands_t *c = handle->data;
    if (--c->open_handles == 0) {
        c->closed(c->owner);
    }
}

void ss_redis_commands_close(ss_redis_commands_t *c, void (*closed)(void *owner), void *owner) {
    c->closing = true;
    for (int rounds = 0; c->failed.count != 0 && rounds < CLOSE_ROUNDS_MAX; rounds++) {
        deliver_failed(c);
    }
    for (ss_redis_pending_t *left; (left = ss_redis_line_pop(&c->failed)) != NULL;) {
        free(left);
    }
    c->closed = closed;
    c->owner = owner;
    c->open_handles = 2;
    uv_close((uv_handle_t *)&c->fail_soon, on_handle_closed);
    uv_close((uv_handle_t *)&c->deadline, on_handle_closed);
}
