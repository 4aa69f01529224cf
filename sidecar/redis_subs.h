/* SPDX-License-Identifier: MIT
 *
 * The set of channels that are to be subscribed, and how far that has come on the present
 * connection.  Leaves the connection to others: this is a table.
 *
 * Names are Redis' own, with the key prefix.
 */
#ifndef SS_REDIS_SUBS_H
#define SS_REDIS_SUBS_H

#include <stdbool.h>
#include <stddef.h>

#define SS_REDIS_SUBSCRIBE_BATCH 500   /* channels in one SUBSCRIBE */
#define SS_REDIS_SUBSCRIBE_WINDOW 1000 /* not yet confirmed; more wait */

typedef struct ss_redis_sub {
    struct ss_redis_sub *prev;
    struct ss_redis_sub *next;
    bool sent; /* on the present connection */
    size_t len;
    char *name;
} ss_redis_sub_t;

/* All zero is an empty set.  In the list, those that were sent come first. */
typedef struct {
    void *tree; /* of tsearch() */
    ss_redis_sub_t *head;
    ss_redis_sub_t *tail;
    ss_redis_sub_t *unsent; /* the first of them; NULL: none */
    size_t unconfirmed;
    size_t count;
} ss_redis_subs_t;

void ss_redis_subs_finish(ss_redis_subs_t *subs);

/* false when it is there already. */
bool ss_redis_subs_add(ss_redis_subs_t *subs, const char *name, size_t len);

typedef enum {
    SS_REDIS_SUB_ABSENT, /* it was not in the set */
    SS_REDIS_SUB_UNSENT, /* Redis has not heard of it */
    SS_REDIS_SUB_SENT,   /* Redis must be told */
} ss_redis_sub_state_t;

ss_redis_sub_state_t ss_redis_subs_remove(ss_redis_subs_t *subs, const char *name, size_t len);

/* Takes the names of the next SUBSCRIBE, at most SS_REDIS_SUBSCRIBE_BATCH; they stay the set's.
 * 0 when all were sent, or too many are not confirmed. */
size_t ss_redis_subs_next(ss_redis_subs_t *subs, const char **names, size_t *lens);

/* Redis has confirmed one. */
void ss_redis_subs_confirm(ss_redis_subs_t *subs);

/* All that is in the set is subscribed. */
bool ss_redis_subs_complete(const ss_redis_subs_t *subs);

/* The connection is gone: all are to be sent again, in the order in which they were added. */
void ss_redis_subs_reset(ss_redis_subs_t *subs);

#endif
