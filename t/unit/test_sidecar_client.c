/* SPDX-License-Identifier: MIT
 *
 * The table of a link's clients, their state in the worker's keeping, and messages in part.
 */
#include "test.h"

#include <string.h>

#include "client.h"
#include "guard.h"
#include "mem.h"
#include "partial.h"
#include "random.h"
#include "session.h"
#include "ss_errors.h"

static ss_span_t text(const char *s) { return (ss_span_t){s, strlen(s)}; }

static ss_clients_t clients;

static int empty_table(void **unused) {
    ss_client_remove_all(&clients);
    assert_int_equal(clients.count, 0);
    for (size_t i = 0; i < COUNT_OF(clients.pages); i++) {
        assert_null(clients.pages[i]);
    }
    return 0;
}

static void finds_by_slot_and_generation(void **unused) {
    assert_null(ss_client_find(&clients, 0, 0));
    ss_client_t *c = ss_client_add(&clients, 7, 3, SS_CLIENT_TLS, text("192.0.2.1"));
    assert_ptr_equal(ss_client_find(&clients, 7, 3), c);
    assert_null(ss_client_find(&clients, 7, 2));
    assert_null(ss_client_find(&clients, 6, 3));
    assert_null(ss_client_find(&clients, 7 + SS_CLIENT_PAGE, 3));
    assert_null(ss_client_find(&clients, UINT32_MAX, 3));
}

static void a_new_generation_takes_the_slot(void **unused) {
    ss_client_add(&clients, 7, 3, 0, text("old"));
    ss_client_remove(&clients, 7);
    ss_client_add(&clients, 7, 4, 0, text("new"));
    assert_null(ss_client_find(&clients, 7, 3));
    assert_memory_equal(ss_client_find(&clients, 7, 4)->address, "new", 3);
    assert_int_equal(clients.count, 1);
    ss_client_remove(&clients, 7);
    ss_client_remove(&clients, 7); /* harmless */
    assert_int_equal(clients.count, 0);
}

static void the_last_slot_is_one_below_the_limit(void **unused) {
    assert_non_null(ss_client_add(&clients, SS_CLIENTS_MAX - 1, 1, 0, text("")));
    assert_null(ss_client_add(&clients, SS_CLIENTS_MAX, 1, 0, text("")));
    assert_null(ss_client_add(&clients, UINT32_MAX, 1, 0, text("")));
    ss_client_remove(&clients, UINT32_MAX);
}

static void memory_follows_the_clients(void **unused) {
    random_t random = {1};
    for (int round = 0; round < 20000; round++) {
        uint32_t slot = random_below(&random, 5 * SS_CLIENT_PAGE);
        ss_client_remove(&clients, slot);
        if (random_below(&random, 2) == 0) {
            ss_client_add(&clients, slot, random_below(&random, 3), 0, text("a"));
        }
    }
    for (uint32_t slot = 0; slot < 5 * SS_CLIENT_PAGE; slot++) {
        ss_client_remove(&clients, slot);
    }
    assert_int_equal(clients.count, 0);
    assert_null(clients.pages[0]);
    assert_null(clients.pages[4]);
}

static void a_state_says_who_its_client_is(void **unused) {
    static const char *const addresses[] = {
        "", "192.0.2.1", "2001:db8:1111:2222:3333:4444:5555:6666",
        "unix:/a/long/path/that/nginx/may/give/for/an/address/of/a/client"};
    ss_session_t session = {.id = {1, 2, 3, 20}, .created_at = 0x80000001u};
    for (size_t i = 0; i < COUNT_OF(addresses); i++) {
        uint8_t state[SS_CLIENT_STATE_MAX];
        ss_client_remove(&clients, 1);
        ss_client_t *c =
            ss_client_add(&clients, 1, 1, SS_CLIENT_SYSTEM | SS_CLIENT_PARTIAL | SS_CLIENT_HTTP,
                          text(addresses[i]));
        c->session = &session;
        size_t len = ss_client_save(c, state);
        c->session = NULL;
        assert_true(len < 100);
        ss_client_state_t said;
        assert_true(ss_client_parse((ss_span_t){(const char *)guard_end(state, len), len}, &said));
        assert_int_equal(said.flags, SS_CLIENT_SYSTEM); /* what is of the moment is not kept */
        assert_memory_equal(said.session_id, session.id, SS_SESSION_ID_BYTES);
        assert_int_equal(said.created_at, session.created_at);
        size_t kept = strlen(addresses[i]) < SS_ADDRESS_MAX ? strlen(addresses[i]) : SS_ADDRESS_MAX;
        assert_int_equal(said.address.len, kept);
        assert_memory_equal(said.address.ptr, addresses[i], kept);
    }
}

static void refuses_states_that_are_none(void **unused) {
    uint8_t state[SS_CLIENT_STATE_MAX + 1] = {0};
    ss_session_t session = {.created_at = 1};
    ss_client_t *c = ss_client_add(&clients, 1, 1, 0, text(""));
    c->session = &session;
    size_t least = ss_client_save(c, state);
    c->session = NULL;
    ss_client_state_t said;
    assert_false(ss_client_parse((ss_span_t){NULL, 0}, &said));
    for (size_t len = 0; len <= sizeof state; len++) {
        ss_span_t copy = {(const char *)guard_end(state, len), len};
        assert_int_equal(ss_client_parse(copy, &said), len >= least && len <= SS_CLIENT_STATE_MAX);
    }
    state[0]++;
    assert_false(ss_client_parse((ss_span_t){(const char *)state, least}, &said));
    state[0]--;
    state[1] = SS_CLIENT_HTTP;
    assert_false(ss_client_parse((ss_span_t){(const char *)state, least}, &said));
}

static void parts_are_joined_by_slot(void **unused) {
    ss_partials_t list = {0};
    ss_partial_t *a = ss_partial_begin(&list, &(ss_link_header_t){.slot = 1, .call = 7});
    ss_partial_t *b = ss_partial_begin(&list, &(ss_link_header_t){.slot = 2});
    ss_partial_append(&list, a, "ab", 2, 100);
    ss_partial_append(&list, b, "xyz", 3, 100);
    ss_partial_append(&list, a, "cd", 2, 100);
    assert_ptr_equal(ss_partial_find(&list, 1), a);
    assert_ptr_equal(ss_partial_find(&list, 2), b);
    assert_null(ss_partial_find(&list, 3));
    assert_int_equal(a->first.call, 7);
    assert_int_equal(a->data.len, 4);
    assert_memory_equal(a->data.data, "abcd", 4);
    assert_int_equal(list.bytes, 7);
    ss_partial_remove(&list, a);
    assert_int_equal(list.bytes, 3);
    ss_partial_remove(&list, NULL);
    ss_partial_remove(&list, b);
    assert_null(list.first);
    assert_int_equal(list.bytes, 0);
}

static void a_part_too_many_drops_the_message_alone(void **unused) {
    ss_partials_t list = {0};
    ss_partial_t *fits = ss_partial_begin(&list, &(ss_link_header_t){.slot = 1});
    ss_partial_t *large = ss_partial_begin(&list, &(ss_link_header_t){.slot = 2});
    ss_partial_append(&list, fits, "12345", 5, 10);
    ss_partial_append(&list, fits, "67890", 5, 10); /* the limit itself */
    ss_partial_append(&list, large, "12345", 5, 10);
    ss_partial_append(&list, large, "678901", 6, 10);
    ss_partial_append(&list, large, "x", 1, 10);
    assert_int_equal(fits->refused, 0);
    assert_int_equal(large->refused, SS_RPC_TOO_LARGE);
    assert_int_equal(large->data.len, 0);
    assert_int_equal(list.bytes, 10);
    ss_partial_remove(&list, large);
    ss_partial_remove(&list, fits);
    assert_int_equal(list.bytes, 0);
}

static void all_parts_of_a_link_have_one_bound(void **unused) {
    ss_partials_t list = {0};
    const size_t piece = 1u << 20;
    char *bytes = ss_alloc_zero(piece);
    unsigned held = 0;
    for (uint32_t slot = 0; slot < SS_PARTIAL_BYTES_MAX / piece + 3; slot++) {
        ss_partial_t *p = ss_partial_begin(&list, &(ss_link_header_t){.slot = slot});
        ss_partial_append(&list, p, bytes, piece, 2 * piece);
        assert_true(p->refused == 0 || p->refused == SS_RPC_UNAVAILABLE);
        held += p->refused == 0;
    }
    assert_int_equal(held, SS_PARTIAL_BYTES_MAX / piece);
    assert_int_equal(list.bytes, SS_PARTIAL_BYTES_MAX);
    while (list.first != NULL) {
        ss_partial_remove(&list, list.first);
    }
    assert_int_equal(list.bytes, 0);
    free(bytes);
}

#define CLIENT_TEST(sentence, function)                                                            \
    { (sentence), (function), NULL, empty_table, NULL }

int main(void) {
    const struct CMUnitTest tests[] = {
        CLIENT_TEST("finds by slot and generation", finds_by_slot_and_generation),
        CLIENT_TEST("a new generation takes the slot", a_new_generation_takes_the_slot),
        CLIENT_TEST("the last slot is one below the limit", the_last_slot_is_one_below_the_limit),
        CLIENT_TEST("memory follows the clients", memory_follows_the_clients),
        CLIENT_TEST("a state says who its client is", a_state_says_who_its_client_is),
        CLIENT_TEST("refuses states that are none", refuses_states_that_are_none),
        TEST("parts are joined by slot", parts_are_joined_by_slot),
        TEST("a part too many drops that message alone", a_part_too_many_drops_the_message_alone),
        TEST("all parts of a link have one bound", all_parts_of_a_link_have_one_bound),
    };
    return cmocka_run_group_tests_name("sidecar/client", tests, NULL, NULL);
}
