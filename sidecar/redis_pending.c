/* SPDX-License-Identifier: MIT
 *
 * See redis_pending.h.
 */
#include "redis_pending.h"

void ss_redis_line_push(ss_redis_line_t *line, ss_redis_pending_t *command) {
    command->next = NULL;
    if (line->tail == NULL) {
        line->head = command;
    } else {
        line->tail->next = command;
    }
    line->tail = command;
    if (line->due == NULL) {
        line->due = command;
    }
    line->count++;
}

ss_redis_pending_t *ss_redis_line_pop(ss_redis_line_t *line) {
    ss_redis_pending_t *first = line->head;
    if (first == NULL) {
        return NULL;
    }
    line->head = first->next;
    if (line->head == NULL) {
        line->tail = NULL;
    }
    if (line->due == first) {
        line->due = first->next;
    }
    line->count--;
    return first;
}

uint64_t ss_redis_line_deadline(const ss_redis_line_t *line) {
    return line->due == NULL ? UINT64_MAX : line->due->deadline_ms;
}

bool ss_redis_line_expire(ss_redis_line_t *line, uint64_t now_ms, ss_redis_reply_fn *reply,
                          void **arg) {
    ss_redis_pending_t *due = line->due;
    if (due == NULL || due->deadline_ms > now_ms) {
        return false;
    }
    *reply = due->reply;
    *arg = due->arg;
    due->reply = NULL;
    line->due = due->next;
    return true;
}
