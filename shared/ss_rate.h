/* SPDX-License-Identifier: MIT
 *
 * How fast somebody may call: a token bucket, kept as one number, and a bounded table of such
 * numbers by key.
 *
 * Owns the arithmetic (GCRA) and the table's order.  Leaves to the caller: the clock, the lock,
 * what a key stands for.
 *
 * An account is the time at which its bucket is full again, and one bit.  One whose time is past is
 * the same as none, so the table may forget it at no cost; an entry is lost before its time only
 * when SS_RATE_WAYS others of its set have calls to make up for, and then it is the one that has
 * the least.  What that costs is one more burst for its owner.
 */
#ifndef SS_RATE_H
#define SS_RATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SS_RATE_WAYS 8        /* entries of a set: two cache lines */
#define SS_RATE_BATCH_MAX 32u /* calls that are taken at once, at most */

typedef struct {
    uint64_t interval_us; /* that a call fills at the rate; 0: there is no limit */
    uint64_t depth_us;    /* what all calls that may come at once fill; one interval at least */
} ss_rate_t;

/* Microseconds until `n` calls pass, 0: they pass now.  More calls than the bucket holds pass when
 * it is full, and are made up for afterwards: else a batch could never pass.  0 is an account that
 * has taken nothing. */
uint64_t ss_rate_wait(const ss_rate_t *rate, uint64_t account, uint64_t now_us, unsigned n);

/* Takes `n` calls, which ss_rate_wait() lets pass. */
void ss_rate_take(const ss_rate_t *rate, uint64_t *account, uint64_t now_us, unsigned n);

/* Notes that calls were refused: true the first time since the bucket was full. */
bool ss_rate_refuse(uint64_t *account);

typedef struct {
    uint64_t key; /* 0: free */
    uint64_t account;
} ss_rate_entry_t;

/* The entry of `key`, which is a good hash and not 0, in a table of `sets` times SS_RATE_WAYS, a
 * power of two; NULL when there is none. */
ss_rate_entry_t *ss_rate_find(ss_rate_entry_t *table, size_t sets, uint64_t key);

/* The same, made in place of the set's stalest where there is none. */
ss_rate_entry_t *ss_rate_put(ss_rate_entry_t *table, size_t sets, uint64_t key);

#endif
