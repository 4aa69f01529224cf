/* SPDX-License-Identifier: MIT
 *
 * See ss_tally.h.
 */
#include "ss_tally.h"

static uint32_t place(const ss_tally_t *t, uint64_t key) { return (uint32_t)key & (t->size - 1); }

static uint32_t after(const ss_tally_t *t, uint32_t at) { return (at + 1) & (t->size - 1); }

/* The entry of both, or the free place where it would stand. */
static ss_tally_entry_t *find(const ss_tally_t *t, uint64_t key, uint32_t owner) {
    uint32_t at = place(t, key);
    while (t->entries[at].key != 0 &&
           (t->entries[at].key != key || t->entries[at].owner != owner)) {
        at = after(t, at);
    }
    return &t->entries[at];
}

uint32_t ss_tally_sum(const ss_tally_t *t, uint64_t key) {
    uint32_t sum = 0;
    for (uint32_t at = place(t, key); t->entries[at].key != 0; at = after(t, at)) {
        sum += t->entries[at].key == key ? t->entries[at].count : 0;
    }
    return sum;
}

bool ss_tally_add(ss_tally_t *t, uint64_t key, uint32_t owner) {
    ss_tally_entry_t *entry = find(t, key, owner);
    if (entry->key == 0) {
        if (*t->used >= t->size - t->size / 8) {
            return false;
        }
        *t->used += 1;
        *entry = (ss_tally_entry_t){key, 0, owner};
    }
    entry->count++;
    return true;
}

/* Moves those behind it up, which would not be found over a gap. */
static void take_out(ss_tally_t *t, uint32_t gap) {
    *t->used -= 1;
    for (uint32_t at = after(t, gap); t->entries[at].key != 0; at = after(t, at)) {
        uint32_t way = (at - place(t, t->entries[at].key)) & (t->size - 1);
        if (way >= ((at - gap) & (t->size - 1))) {
            t->entries[gap] = t->entries[at];
            gap = at;
        }
    }
    t->entries[gap] = (ss_tally_entry_t){0, 0, 0};
}

void ss_tally_sub(ss_tally_t *t, uint64_t key, uint32_t owner) {
    ss_tally_entry_t *entry = find(t, key, owner);
    if (entry->key != 0 && --entry->count == 0) {
        take_out(t, (uint32_t)(entry - t->entries));
    }
}

bool ss_tally_owner(const ss_tally_t *t, uint64_t key, uint32_t *at, uint32_t *owner) {
    uint32_t i = (place(t, key) + *at) & (t->size - 1);
    for (; t->entries[i].key != 0; i = after(t, i)) {
        *at += 1;
        if (t->entries[i].key == key) {
            *owner = t->entries[i].owner;
            return true;
        }
    }
    return false;
}

void ss_tally_forget(ss_tally_t *t, uint32_t owner) {
    for (uint32_t at = 0; at < t->size; at++) {
        while (t->entries[at].key != 0 && t->entries[at].owner == owner) {
            take_out(t, at); /* another one may stand here now */
        }
    }
}
