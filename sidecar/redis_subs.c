/* SPDX-License-Identifier: MIT
 *
 * See redis_subs.h.  A balanced tree rather than a hash table: names may be chosen by users.
 */
#include "redis_subs.h"

#include <search.h>
#include <string.h>

#include "mem.h"

static int compare(const void *a, const void *b) {
    const ss_redis_sub_t *x = a;
    const ss_redis_sub_t *y = b;
    if (x->len != y->len) {
        return x->len < y->len ? -1 : 1;
    }
    return memcmp(x->name, y->name, x->len);
}

static ss_redis_sub_t *find(const ss_redis_subs_t *subs, const char *name, size_t len) {
    ss_redis_sub_t key = {.len = len, .name = (char *)name};
    ss_redis_sub_t **node = tfind(&key, &subs->tree, compare);
    return node == NULL ? NULL : *node;
}

bool ss_redis_subs_add(ss_redis_subs_t *subs, const char *name, size_t len) {
    if (find(subs, name, len) != NULL) {
        return false;
    }
    ss_redis_sub_t *sub = ss_alloc_zero(sizeof *sub);
    sub->name = ss_copy(name, len);
    sub->len = len;
    ss_mem_check(tsearch(sub, &subs->tree, compare), sizeof *sub);
    sub->prev = subs->tail;
    if (subs->tail == NULL) {
        subs->head = sub;
    } else {
        subs->tail->next = sub;
    }
    subs->tail = sub;
    if (subs->unsent == NULL) {
        subs->unsent = sub;
    }
    subs->count++;
    return true;
}

static void drop(ss_redis_subs_t *subs, ss_redis_sub_t *sub) {
    tdelete(sub, &subs->tree, compare);
    if (subs->unsent == sub) {
        subs->unsent = sub->next;
    }
    if (sub->prev == NULL) {
        subs->head = sub->next;
    } else {
        sub->prev->next = sub->next;
    }
    if (sub->next == NULL) {
        subs->tail = sub->prev;
    } else {
        sub->next->prev = sub->prev;
    }
    subs->count--;
    free(sub->name);
    free(sub);
}

ss_redis_sub_state_t ss_redis_subs_remove(ss_redis_subs_t *subs, const char *name, size_t len) {
    ss_redis_sub_t *sub = find(subs, name, len);
    if (sub == NULL) {
        return SS_REDIS_SUB_ABSENT;
    }
    ss_redis_sub_state_t state = sub->sent ? SS_REDIS_SUB_SENT : SS_REDIS_SUB_UNSENT;
    drop(subs, sub);
    return state;
}

size_t ss_redis_subs_next(ss_redis_subs_t *subs, const char **names, size_t *lens) {
    size_t n = 0;
    while (subs->unsent != NULL && n < SS_REDIS_SUBSCRIBE_BATCH &&
           subs->unconfirmed < SS_REDIS_SUBSCRIBE_WINDOW) {
        ss_redis_sub_t *sub = subs->unsent;
        names[n] = sub->name;
        lens[n++] = sub->len;
        sub->sent = true;
        subs->unsent = sub->next;
        subs->unconfirmed++;
    }
    return n;
}

void ss_redis_subs_confirm(ss_redis_subs_t *subs) {
    if (subs->unconfirmed != 0) {
        subs->unconfirmed--;
    }
}

bool ss_redis_subs_complete(const ss_redis_subs_t *subs) {
    return subs->unsent == NULL && subs->unconfirmed == 0;
}

void ss_redis_subs_reset(ss_redis_subs_t *subs) {
    for (ss_redis_sub_t *sub = subs->head; sub != NULL; sub = sub->next) {
        sub->sent = false;
    }
    subs->unsent = subs->head;
    subs->unconfirmed = 0;
}

void ss_redis_subs_finish(ss_redis_subs_t *subs) {
    while (subs->head != NULL) {
        drop(subs, subs->head);
    }
}
