/* SPDX-License-Identifier: MIT
 *
 * See ss_rate.h.
 */
#include "ss_rate.h"

#define TOLD 1u /* the account's lowest bit; its time stands above */

/* When the bucket is full, and not before now.  A time that no taking can have led to comes from a
 * clock that was set back: it would lock its owner out. */
static uint64_t full_at(const ss_rate_t *rate, uint64_t account, uint64_t now_us) {
    uint64_t at = account >> 1;
    uint64_t most = now_us + rate->depth_us + SS_RATE_BATCH_MAX * rate->interval_us;
    return at < now_us || at > most ? now_us : at;
}

uint64_t ss_rate_wait(const ss_rate_t *rate, uint64_t account, uint64_t now_us, unsigned n) {
    uint64_t needed = n * rate->interval_us;
    if (needed > rate->depth_us) {
        needed = rate->depth_us;
    }
    uint64_t full = full_at(rate, account, now_us) + needed;
    return full > now_us + rate->depth_us ? full - now_us - rate->depth_us : 0;
}

void ss_rate_take(const ss_rate_t *rate, uint64_t *account, uint64_t now_us, unsigned n) {
    uint64_t full = full_at(rate, *account, now_us);
    uint64_t told = full == now_us ? 0 : *account & TOLD;
    *account = (full + n * rate->interval_us) << 1 | told;
}

bool ss_rate_refuse(uint64_t *account) {
    bool first = (*account & TOLD) == 0;
    *account |= TOLD;
    return first;
}

static ss_rate_entry_t *set_of(ss_rate_entry_t *table, size_t sets, uint64_t key) {
    return table + (key & (sets - 1)) * SS_RATE_WAYS;
}

ss_rate_entry_t *ss_rate_find(ss_rate_entry_t *table, size_t sets, uint64_t key) {
    ss_rate_entry_t *set = set_of(table, sets, key);
    for (size_t i = 0; i < SS_RATE_WAYS; i++) {
        if (set[i].key == key) {
            return &set[i];
        }
    }
    return NULL;
}

ss_rate_entry_t *ss_rate_put(ss_rate_entry_t *table, size_t sets, uint64_t key) {
    ss_rate_entry_t *found = ss_rate_find(table, sets, key);
    if (found != NULL) {
        return found;
    }
    ss_rate_entry_t *set = set_of(table, sets, key);
    ss_rate_entry_t *stalest = set; /* a free one has account 0 */
    for (size_t i = 1; i < SS_RATE_WAYS; i++) {
        if (set[i].account >> 1 < stalest->account >> 1) {
            stalest = &set[i];
        }
    }
    *stalest = (ss_rate_entry_t){key, 0};
    return stalest;
}
