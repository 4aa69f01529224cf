/* SPDX-License-Identifier: MIT
 *
 * The line of commands that wait for their answers, and the set of channels.
 */
#include "test.h"

#include <stdio.h>
#include <string.h>

#include "redis_pending.h"
#include "redis_subs.h"

static void ignore(const redisReply *reply, void *arg) {}

static void first_in_first_out(void **state) {
    ss_redis_line_t line = {0};
    ss_redis_pending_t one = {.deadline_ms = 1}, two = {.deadline_ms = 2};

    assert_null(ss_redis_line_pop(&line));
    assert_true(ss_redis_line_deadline(&line) == UINT64_MAX);
    ss_redis_line_push(&line, &one);
    ss_redis_line_push(&line, &two);
    assert_int_equal(line.count, 2);
    assert_int_equal(ss_redis_line_deadline(&line), 1);
    assert_ptr_equal(ss_redis_line_pop(&line), &one);
    assert_int_equal(ss_redis_line_deadline(&line), 2);
    assert_ptr_equal(ss_redis_line_pop(&line), &two);
    assert_null(ss_redis_line_pop(&line));
    ss_redis_line_push(&line, &one);
    assert_ptr_equal(ss_redis_line_pop(&line), &one);
    assert_int_equal(line.count, 0);
}

static void a_command_past_its_deadline_stays_in_line(void **state) {
    ss_redis_line_t line = {0};
    int a, b, c;
    ss_redis_pending_t commands[] = {
        {.reply = ignore, .arg = &a, .deadline_ms = 10},
        {.reply = ignore, .arg = &b, .deadline_ms = 10},
        {.reply = ignore, .arg = &c, .deadline_ms = 11},
    };
    ss_redis_reply_fn reply;
    void *arg;

    for (size_t i = 0; i < COUNT_OF(commands); i++) {
        ss_redis_line_push(&line, &commands[i]);
    }
    assert_false(ss_redis_line_expire(&line, 9, &reply, &arg));
    assert_true(ss_redis_line_expire(&line, 10, &reply, &arg));
    assert_ptr_equal(arg, &a);
    assert_true(reply == ignore);
    assert_true(ss_redis_line_expire(&line, 10, &reply, &arg));
    assert_ptr_equal(arg, &b);
    assert_false(ss_redis_line_expire(&line, 10, &reply, &arg));
    assert_int_equal(ss_redis_line_deadline(&line), 11);

    assert_ptr_equal(ss_redis_line_pop(&line), &commands[0]);
    assert_true(commands[0].reply == NULL);
    assert_ptr_equal(ss_redis_line_pop(&line), &commands[1]);
    assert_int_equal(ss_redis_line_deadline(&line), 11);
    assert_ptr_equal(ss_redis_line_pop(&line), &commands[2]);
    assert_true(commands[2].reply == ignore);
    assert_true(ss_redis_line_deadline(&line) == UINT64_MAX);
    assert_false(ss_redis_line_expire(&line, 100, &reply, &arg));
}

static void what_comes_after_all_expired_has_its_own_deadline(void **state) {
    ss_redis_line_t line = {0};
    ss_redis_pending_t one = {.deadline_ms = 1}, two = {.deadline_ms = 5};
    ss_redis_reply_fn reply;
    void *arg;

    ss_redis_line_push(&line, &one);
    assert_true(ss_redis_line_expire(&line, 1, &reply, &arg));
    ss_redis_line_push(&line, &two);
    assert_int_equal(ss_redis_line_deadline(&line), 5);
}

/* --- channels -------------------------------------------------------------------------------- */

static ss_redis_subs_t subs;
static const char *names[SS_REDIS_SUBSCRIBE_BATCH];
static size_t lens[SS_REDIS_SUBSCRIBE_BATCH];

static int empty(void **state) {
    ss_redis_subs_finish(&subs);
    assert_int_equal(subs.count, 0);
    subs = (ss_redis_subs_t){0};
    return 0;
}

static void add_many(int n) {
    char name[32];

    for (int i = 0; i < n; i++) {
        assert_true(ss_redis_subs_add(&subs, name, (size_t)snprintf(name, sizeof name, "c%d", i)));
    }
}

static void a_channel_is_in_the_set_once(void **state) {
    assert_true(ss_redis_subs_add(&subs, "a\0b", 3));
    assert_false(ss_redis_subs_add(&subs, "a\0b", 3));
    assert_true(ss_redis_subs_add(&subs, "a\0c", 3));
    assert_true(ss_redis_subs_add(&subs, "a", 1));
    assert_true(ss_redis_subs_add(&subs, "", 0));
    assert_int_equal(subs.count, 4);
    assert_int_equal(ss_redis_subs_remove(&subs, "ab", 2), SS_REDIS_SUB_ABSENT);
    assert_int_equal(ss_redis_subs_remove(&subs, "a\0b", 3), SS_REDIS_SUB_UNSENT);
    assert_int_equal(ss_redis_subs_remove(&subs, "a\0b", 3), SS_REDIS_SUB_ABSENT);
}

static void batches_and_the_window_have_their_limits(void **state) {
    add_many(SS_REDIS_SUBSCRIBE_WINDOW + SS_REDIS_SUBSCRIBE_BATCH + 1);
    assert_int_equal(ss_redis_subs_next(&subs, names, lens), SS_REDIS_SUBSCRIBE_BATCH);
    assert_memory_equal(names[0], "c0", lens[0]);
    assert_int_equal(ss_redis_subs_next(&subs, names, lens), SS_REDIS_SUBSCRIBE_BATCH);
    assert_memory_equal(names[0], "c500", lens[0]);
    assert_int_equal(ss_redis_subs_next(&subs, names, lens), 0);
    ss_redis_subs_confirm(&subs);
    assert_int_equal(ss_redis_subs_next(&subs, names, lens), 1);
    for (int i = 0; i < SS_REDIS_SUBSCRIBE_WINDOW; i++) {
        ss_redis_subs_confirm(&subs);
    }
    assert_false(ss_redis_subs_complete(&subs));
    assert_int_equal(ss_redis_subs_next(&subs, names, lens), SS_REDIS_SUBSCRIBE_BATCH);
    for (int i = 0; i < SS_REDIS_SUBSCRIBE_BATCH; i++) {
        assert_false(ss_redis_subs_complete(&subs));
        ss_redis_subs_confirm(&subs);
    }
    assert_true(ss_redis_subs_complete(&subs));
}

static void a_lost_connection_makes_all_unsent_again(void **state) {
    add_many(3);
    assert_int_equal(ss_redis_subs_next(&subs, names, lens), 3);
    assert_int_equal(ss_redis_subs_remove(&subs, "c1", 2), SS_REDIS_SUB_SENT);
    ss_redis_subs_reset(&subs);
    assert_int_equal(ss_redis_subs_remove(&subs, "c0", 2), SS_REDIS_SUB_UNSENT);
    assert_true(ss_redis_subs_add(&subs, "c1", 2));
    assert_int_equal(ss_redis_subs_next(&subs, names, lens), 2);
    assert_memory_equal(names[0], "c2", 2);
    assert_memory_equal(names[1], "c1", 2);
}

static void the_next_to_send_may_be_removed(void **state) {
    add_many(2);
    assert_int_equal(ss_redis_subs_remove(&subs, "c0", 2), SS_REDIS_SUB_UNSENT);
    assert_int_equal(ss_redis_subs_remove(&subs, "c1", 2), SS_REDIS_SUB_UNSENT);
    assert_true(ss_redis_subs_complete(&subs));
    add_many(1);
    assert_int_equal(ss_redis_subs_next(&subs, names, lens), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST("first in, first out", first_in_first_out),
        TEST("a command past its deadline stays in line",
             a_command_past_its_deadline_stays_in_line),
        TEST("what comes after all have expired has its own deadline",
             what_comes_after_all_expired_has_its_own_deadline),
        {"a channel is in the set once", a_channel_is_in_the_set_once, NULL, empty, NULL},
        {"batches and the window have their limits", batches_and_the_window_have_their_limits, NULL,
         empty, NULL},
        {"a lost connection makes all unsent again", a_lost_connection_makes_all_unsent_again, NULL,
         empty, NULL},
        {"the next to send may be removed", the_next_to_send_may_be_removed, NULL, empty, NULL},
    };
    return cmocka_run_group_tests_name("redis pending", tests, NULL, NULL);
}
