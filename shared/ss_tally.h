/* SPDX-License-Identifier: MIT
 *
 * How many of something each key has, counted by several owners in one table.
 *
 * Owns the table: open addressing, no gaps in a run, so that a key's entries are found without
 * looking further than the first free one.  Leaves to the caller the lock, and who is alive: what
 * an owner has counted can be forgotten at once when it is gone.
 */
#ifndef SS_TALLY_H
#define SS_TALLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint64_t key; /* a good hash, not 0; 0: free */
    uint32_t count;
    uint32_t owner;
} ss_tally_entry_t;

typedef struct {
    ss_tally_entry_t *entries;
    uint32_t size; /* a power of two, 8 at least; full at seven eighths */
    uint32_t *used;
} ss_tally_t;

/* What all owners have counted for `key`. */
uint32_t ss_tally_sum(const ss_tally_t *t, uint64_t key);

/* One more.  false: the table is full, and nothing was counted. */
bool ss_tally_add(ss_tally_t *t, uint64_t key, uint32_t owner);

/* One less, of those that were added. */
void ss_tally_sub(ss_tally_t *t, uint64_t key, uint32_t owner);

/* The owners that have counted for `key`, one after the other: `*at` is 0 at first.  false after
 * the last.  The table must not change between. */
bool ss_tally_owner(const ss_tally_t *t, uint64_t key, uint32_t *at, uint32_t *owner);

/* Forgets all that `owner` has counted.  Looks at the whole table. */
void ss_tally_forget(ss_tally_t *t, uint32_t owner);

#endif
