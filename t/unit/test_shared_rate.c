/* SPDX-License-Identifier: MIT
 *
 * ss_rate, ss_tally, ss_siphash: what limits clients.
 */
#include "test.h"

#include <string.h>

#include "random.h"

#include "ss_rate.h"
#include "ss_siphash.h"
#include "ss_tally.h"

#define SECOND 1000000u

/* 10 calls a second, 5 at once. */
static const ss_rate_t rate = {SECOND / 10, SECOND / 2};

static bool call(uint64_t *account, uint64_t now, unsigned n) {
    if (ss_rate_wait(&rate, *account, now, n) != 0) {
        return false;
    }
    ss_rate_take(&rate, account, now, n);
    return true;
}

static void lets_a_burst_pass_and_not_one_more(void **unused) {
    uint64_t account = 0;
    for (unsigned i = 0; i < 5; i++) {
        assert_true(call(&account, 7 * SECOND, 1));
    }
    assert_false(call(&account, 7 * SECOND, 1));
    assert_int_equal(ss_rate_wait(&rate, account, 7 * SECOND, 1), SECOND / 10);
}

static void says_when_a_call_would_pass(void **unused) {
    random_t r = {11};
    uint64_t account = 0;
    uint64_t now = 3 * SECOND;
    unsigned refused = 0;
    for (unsigned i = 0; i < 20000; i++) {
        unsigned n = 1 + random_below(&r, 8);
        uint64_t wait = ss_rate_wait(&rate, account, now, n);
        if (wait != 0) {
            assert_int_not_equal(ss_rate_wait(&rate, account, now + wait - 1, n), 0);
            assert_int_equal(ss_rate_wait(&rate, account, now + wait, n), 0);
            refused++;
        } else {
            ss_rate_take(&rate, &account, now, n);
        }
        now += random_below(&r, SECOND / 2);
    }
    assert_true(refused > 1000);
}

static void holds_the_rate_over_time(void **unused) {
    uint64_t account = 0;
    unsigned passed = 0;
    for (uint64_t now = SECOND; now < 101 * SECOND; now += 7777) {
        passed += call(&account, now, 1);
    }
    assert_in_range(passed, 1000, 1005); /* 100 s, and the burst */
}

static void gives_what_was_not_used_back_up_to_the_burst(void **unused) {
    uint64_t account = 0;
    assert_true(call(&account, SECOND, 5));
    assert_false(call(&account, SECOND + 99999, 1));
    assert_true(call(&account, SECOND + 100000, 1));
    assert_true(call(&account, 1000 * SECOND, 5));
    assert_false(call(&account, 1000 * SECOND, 1));
}

static void lets_a_batch_over_the_burst_pass_when_the_bucket_is_full(void **unused) {
    uint64_t account = 0;
    assert_true(call(&account, SECOND, 1));
    assert_false(call(&account, SECOND, 32));
    assert_true(call(&account, SECOND + SECOND / 10, 32));
    assert_int_equal(ss_rate_wait(&rate, account, SECOND + SECOND / 10, 1),
                     32 * SECOND / 10 - SECOND / 2 + SECOND / 10);
}

static void does_not_lock_out_after_the_clock_went_back(void **unused) {
    uint64_t account = 0;
    assert_true(call(&account, 1000 * SECOND, 5));
    assert_true(call(&account, SECOND, 1));
}

static void tells_of_an_offender_once_until_the_bucket_was_full(void **unused) {
    uint64_t account = 0;
    uint64_t now = SECOND;
    assert_true(call(&account, now, 5));
    assert_true(ss_rate_refuse(&account));
    assert_false(ss_rate_refuse(&account));
    now += SECOND / 10;
    assert_true(call(&account, now, 1));
    assert_false(ss_rate_refuse(&account)); /* the same episode: it has only slowed down a little */
    now += SECOND;
    assert_true(call(&account, now, 5));
    assert_true(ss_rate_refuse(&account));
}

/* --- the table ------------------------------------------------------------------------------- */

#define SETS 4

static ss_rate_entry_t table[SETS * SS_RATE_WAYS];

static void finds_what_was_put_and_nothing_else(void **unused) {
    memset(table, 0, sizeof table);
    assert_null(ss_rate_find(table, SETS, 5));
    ss_rate_entry_t *entry = ss_rate_put(table, SETS, 5);
    assert_ptr_equal(ss_rate_find(table, SETS, 5), entry);
    assert_ptr_equal(ss_rate_put(table, SETS, 5), entry);
    assert_null(ss_rate_find(table, SETS, 5 + SETS));
}

static void forgets_the_stalest_of_a_full_set(void **unused) {
    memset(table, 0, sizeof table);
    for (uint64_t i = 1; i <= SS_RATE_WAYS; i++) {
        ss_rate_put(table, SETS, i * SETS)->account = (i == 3 ? 10 : 100 + i) << 1 | 1;
    }
    ss_rate_put(table, SETS, 100 * SETS)->account = 1000;
    assert_null(ss_rate_find(table, SETS, 3 * SETS));
    for (uint64_t i = 1; i <= SS_RATE_WAYS; i++) {
        assert_true(i == 3 || ss_rate_find(table, SETS, i * SETS) != NULL);
    }
    assert_int_equal(ss_rate_find(table, SETS, 100 * SETS)->account, 1000);
}

/* --- counts ---------------------------------------------------------------------------------- */

#define SIZE 64
#define KEYS 24
#define OWNERS 3

static ss_tally_entry_t entries[SIZE];
static uint32_t used;
static ss_tally_t tally = {entries, SIZE, &used};

static void clear(void) {
    memset(entries, 0, sizeof entries);
    used = 0;
}

/* Keys that share places, the last ones among them. */
static uint64_t key_of(unsigned i) { return SIZE - 5 + i % 7 + (uint64_t)(i + 1) * SIZE * 3; }

static void counts_as_a_plain_table_would(void **unused) {
    static uint32_t model[KEYS][OWNERS];
    random_t r = {3};
    clear();
    for (unsigned step = 0; step < 200000; step++) {
        unsigned key = random_below(&r, KEYS);
        uint32_t owner = random_below(&r, OWNERS);
        if (random_below(&r, 5000) == 0) {
            ss_tally_forget(&tally, owner);
            for (unsigned i = 0; i < KEYS; i++) {
                model[i][owner] = 0;
            }
        } else if (random_below(&r, 2) == 0 && model[key][owner] != 0) {
            ss_tally_sub(&tally, key_of(key), owner);
            model[key][owner]--;
        } else if (ss_tally_add(&tally, key_of(key), owner)) {
            model[key][owner]++;
        } else {
            assert_int_equal(used, SIZE - SIZE / 8);
        }
        unsigned look = random_below(&r, KEYS);
        uint32_t sum = 0;
        for (unsigned i = 0; i < OWNERS; i++) {
            sum += model[look][i];
        }
        assert_int_equal(ss_tally_sum(&tally, key_of(look)), sum);
    }
    for (uint32_t i = 0; i < OWNERS; i++) {
        ss_tally_forget(&tally, i);
    }
    assert_int_equal(used, 0);
}

static void names_the_owners_of_a_key(void **unused) {
    uint32_t at = 0;
    uint32_t owner;
    unsigned seen = 0;
    clear();
    for (uint32_t i = 0; i < OWNERS; i++) {
        ss_tally_add(&tally, key_of(1), i);
        ss_tally_add(&tally, key_of(8), 7);
    }
    while (ss_tally_owner(&tally, key_of(1), &at, &owner)) {
        seen |= 1u << owner;
    }
    assert_int_equal(seen, 7);
}

static void is_full_at_seven_eighths(void **unused) {
    clear();
    for (uint64_t i = 0; i < SIZE - SIZE / 8; i++) {
        assert_true(ss_tally_add(&tally, 1000 + i, 0));
    }
    assert_false(ss_tally_add(&tally, 5000, 0));
    assert_int_equal(ss_tally_sum(&tally, 5000), 0);
    assert_true(ss_tally_add(&tally, 1000, 0));
    ss_tally_sub(&tally, 1001, 0);
    assert_true(ss_tally_add(&tally, 5000, 0));
}

/* The vectors of the paper's appendix and of its reference code: key 00 01 … 0f, input 00 01 …. */
static void hashes_as_the_paper_says(void **unused) {
    uint8_t key[SS_SIPHASH_KEY];
    uint8_t input[15];
    for (uint8_t i = 0; i < sizeof key; i++) {
        key[i] = i;
    }
    for (uint8_t i = 0; i < sizeof input; i++) {
        input[i] = i;
    }
    assert_true(ss_siphash(key, input, 15) == 0xa129ca6149be45e5);
    assert_true(ss_siphash(key, input, 0) == 0x726fdb47dd0e0e31);
    assert_true(ss_siphash(key, input, 8) == 0x93f5f5799a932462);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST("lets a burst pass, and not one more", lets_a_burst_pass_and_not_one_more),
        TEST("says when a call would pass", says_when_a_call_would_pass),
        TEST("holds the rate over time", holds_the_rate_over_time),
        TEST("gives what was not used back, up to the burst",
             gives_what_was_not_used_back_up_to_the_burst),
        TEST("lets a batch over the burst pass when the bucket is full",
             lets_a_batch_over_the_burst_pass_when_the_bucket_is_full),
        TEST("does not lock out after the clock went back",
             does_not_lock_out_after_the_clock_went_back),
        TEST("tells of an offender once, until the bucket was full",
             tells_of_an_offender_once_until_the_bucket_was_full),
        TEST("finds what was put, and nothing else", finds_what_was_put_and_nothing_else),
        TEST("forgets the stalest of a full set", forgets_the_stalest_of_a_full_set),
        TEST("counts as a plain table would", counts_as_a_plain_table_would),
        TEST("names the owners of a key", names_the_owners_of_a_key),
        TEST("is full at seven eighths", is_full_at_seven_eighths),
        TEST("hashes as the paper says", hashes_as_the_paper_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
