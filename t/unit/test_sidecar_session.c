/* SPDX-License-Identifier: MIT
 *
 * Sessions and topics in memory, a session's hash in Redis, and what is taken for an event; all
 * without a Redis, whose part is tested with real ones in t/sidecar.
 */
#include "test.h"

#include <stdio.h>
#include <string.h>

#include "bounds.h"
#include "channels.h"
#include "facts.h"
#include "guard.h"
#include "json_writer.h"
#include "mem.h"
#include "publish.h"
#include "pubsub.h"
#include "session.h"
#include "session_record.h"

static int set_up(void **state) {
    ss_topics_init();
    ss_sessions_init();
    return 0;
}

static int tear_down(void **state) {
    assert_int_equal(ss_sessions_count(), 0);
    assert_int_equal(ss_topics_count(), 0);
    ss_sessions_finish();
    ss_topics_finish();
    return 0;
}

static ss_topic_t *channel(const char *name) {
    return ss_topic_get(SS_TOPIC_CHANNEL, name, strlen(name));
}

static ss_topic_t *user(const char *name) {
    return ss_topic_get(SS_TOPIC_USER, name, strlen(name));
}

static ss_topic_t **list_of(ss_topic_t *a, ss_topic_t *b) {
    ss_topic_t **list = ss_alloc(2 * sizeof list[0]);
    list[0] = a;
    list[1] = b;
    return list;
}

/* --- topics ---------------------------------------------------------------------------------- */

static void a_topic_is_one_for_all_who_hold_it(void **state) {
    ss_topic_t *a = channel("room:7");
    assert_ptr_equal(channel("room:7"), a);
    assert_ptr_not_equal(user("room:7"), a);
    assert_int_equal(ss_topics_count(), 2);
    assert_string_equal(a->name, "c:room:7");
    assert_string_equal(ss_topic_name(a), "room:7");
    ss_topic_unref(ss_topic_find(SS_TOPIC_USER, "room:7", 6));
    ss_topic_unref(a);
    assert_ptr_equal(ss_topic_find(SS_TOPIC_CHANNEL, "room:7", 6), a);
    ss_topic_unref(a);
    assert_null(ss_topic_find(SS_TOPIC_CHANNEL, "room:7", 6));
}

static void ten_thousand_topics_are_told_apart(void **state) {
    char name[SS_CHANNEL_NAME_MAX + 1];
    for (int i = 0; i < 10000; i++) {
        snprintf(name, sizeof name, "%0*d", 1 + i % SS_CHANNEL_NAME_MAX, i);
        channel(name);
    }
    for (int i = 0; i < 10000; i++) {
        snprintf(name, sizeof name, "%0*d", 1 + i % SS_CHANNEL_NAME_MAX, i);
        ss_topic_t *topic = ss_topic_find(SS_TOPIC_CHANNEL, name, strlen(name));
        assert_string_equal(ss_topic_name(topic), name);
        ss_topic_unref(topic);
    }
}

/* --- sessions -------------------------------------------------------------------------------- */

static void a_session_is_one_for_all_who_hold_it(void **state) {
    ss_session_t *a = ss_session_create(1);
    assert_ptr_equal(ss_session_find(a->id), a);
    assert_ptr_equal(ss_session_open(a->id, 2), a);
    assert_int_equal(a->created_at, 1);
    ss_session_unref(a);
    assert_int_equal(ss_sessions_count(), 1);
    ss_session_unref(a);
    assert_int_equal(ss_sessions_count(), 0);
}

static void count_one(ss_session_t *s, void *arg) { *(unsigned *)arg += s->loaded; }

static void ten_thousand_sessions_are_found_and_walked_over(void **state) {
    static ss_session_t *sessions[10000];
    for (size_t i = 0; i < COUNT_OF(sessions); i++) {
        sessions[i] = ss_session_create(1);
    }
    unsigned seen = 0;
    size_t at = 0;
    while (ss_sessions_slice(&at, 7, count_one, &seen)) {
    }
    assert_int_equal(seen, COUNT_OF(sessions));
    for (size_t i = 0; i < COUNT_OF(sessions); i++) {
        assert_ptr_equal(ss_session_find(sessions[i]->id), sessions[i]);
        ss_session_unref(sessions[i]);
    }
}

static void a_session_that_holds_nothing_is_small(void **state) {
    assert_true(sizeof(ss_session_t) <= 56); /* 64 bytes of the allocator's */
    ss_session_t *s = ss_session_create(1);
    ss_session_set_topics(s, user("a"), list_of(channel("x"), channel("y")), 2);
    ss_session_set_attribute(s, "k", json_integer(1));
    assert_non_null(s->data);
    ss_session_clear(s);
    assert_null(s->data);
    ss_session_unref(s);
}

static void a_renamed_session_is_found_by_its_new_id_alone(void **state) {
    uint8_t old[SS_SESSION_ID_BYTES];
    uint8_t id[SS_SESSION_ID_BYTES] = {9};
    ss_session_t *s = ss_session_create(1);
    memcpy(old, s->id, sizeof old);
    ss_session_rename(s, id);
    assert_null(ss_session_find(old));
    assert_ptr_equal(ss_session_find(id), s);
    ss_session_unref(s);
}

static void other_topics_take_the_place_of_the_former(void **state) {
    ss_session_t *s = ss_session_create(1);
    ss_session_set_topics(s, user("a"), list_of(channel("x"), channel("y")), 2);
    assert_string_equal(ss_session_user(s), "a");
    const ss_topic_t *y = s->data->channels[1];
    ss_session_set_topics(s, user("b"), list_of(channel("y"), channel("z")), 2);
    assert_ptr_equal(s->data->channels[0], y);
    assert_null(ss_topic_find(SS_TOPIC_CHANNEL, "x", 1));
    assert_null(ss_topic_find(SS_TOPIC_USER, "a", 1));
    assert_int_equal(ss_topics_count(), 3);
    ss_session_set_topics(s, NULL, NULL, 0);
    assert_int_equal(ss_topics_count(), 0);
    assert_string_equal(ss_session_user(s), "");
    ss_session_unref(s);
}

static json_int_t attribute(const ss_session_t *s, const char *key) {
    return json_integer_value(ss_session_attribute(s, key));
}

static void what_was_set_last_covers_what_is_being_saved_and_what_was(void **state) {
    ss_session_t *s = ss_session_create(1);
    ss_session_data_t *d = ss_session_data(s);
    d->attributes = json_pack("{s:i, s:i, s:i, s:i}", "a", 1, "b", 1, "c", 1, "gone", 1);
    d->saving = json_pack("{s:i, s:i, s:n}", "b", 2, "c", 2, "gone");
    ss_session_set_attribute(s, "c", json_integer(3));
    assert_int_equal(attribute(s, "a"), 1);
    assert_int_equal(attribute(s, "b"), 2);
    assert_int_equal(attribute(s, "c"), 3);
    assert_null(ss_session_attribute(s, "gone"));
    assert_null(ss_session_attribute(s, "none"));
    ss_session_set_attribute(s, "a", NULL);
    assert_null(ss_session_attribute(s, "a"));
    json_t *all = ss_session_attributes(s);
    json_t *expected = json_pack("{s:i, s:i}", "b", 2, "c", 3);
    assert_true(json_equal(all, expected));
    json_decref(all);
    json_decref(expected);
    ss_session_clear(s);
    ss_session_unref(s);
}

/* --- as hosts are told ----------------------------------------------------------------------- */

static void expect_facts(const ss_session_t *s, const char *rest) {
    ss_buf_t facts = {0};
    char expected[512];
    char id[SS_SESSION_ID_TEXT + 1];
    ss_session_text(s->id, id);
    snprintf(expected, sizeof expected, "{\"id\":\"%s\",\"created_at\":1700000000000%s}", id, rest);
    ss_facts_session(&facts, s);
    assert_string_equal(ss_buf_string(&facts), expected);
    ss_buf_free(&facts);
}

static void the_facts_of_a_session_are_what_it_holds(void **state) {
    ss_session_t *s = ss_session_create(1700000000);
    expect_facts(s, ",\"new\":true");
    ss_session_set_topics(s, user("\xc3\xa4 \"b\""), list_of(channel("x"), channel("a\nb")), 2);
    ss_session_set_attribute(s, "k", json_integer(1));
    expect_facts(s, ",\"user\":\"\xc3\xa4 \\\"b\\\"\",\"attributes\":{\"k\":1},"
                    "\"channels\":[\"x\",\"a\\nb\"],\"new\":true");
    s->data->version = 7;
    ss_session_set_attribute(s, "k", NULL);
    ss_session_set_topics(s, NULL, NULL, 0);
    expect_facts(s, "");
    ss_session_clear(s);
    ss_session_unref(s);
}

static void attributes_that_are_no_json_are_left_out_of_the_facts(void **state) {
    ss_session_t *s = ss_session_create(1700000000);
    json_t *nested = json_array();
    json_t *at = nested;
    for (int i = 0; i < SS_JSON_WRITE_DEPTH_MAX; i++) {
        json_t *next = json_array();
        json_array_append_new(at, next);
        at = next;
    }
    ss_session_set_attribute(s, "k", nested);
    expect_facts(s, ",\"new\":true");
    ss_session_clear(s);
    ss_session_unref(s);
}

/* --- the hash in Redis ----------------------------------------------------------------------- */

typedef struct {
    redisReply reply;
    redisReply items[16];
    redisReply *elements[16];
} hash_t;

static const redisReply *hash(hash_t *h, const char *const *texts, size_t n) {
    *h = (hash_t){.reply = {.type = REDIS_REPLY_ARRAY, .elements = n, .element = h->elements}};
    for (size_t i = 0; i < n; i++) {
        h->items[i] = (redisReply){.type = REDIS_REPLY_STRING,
                                   .str = (char *)(uintptr_t)texts[i],
                                   .len = strlen(texts[i])};
        h->elements[i] = &h->items[i];
    }
    return &h->reply;
}

static void a_record_reads_back_as_it_was_written(void **state) {
    ss_topic_t *channels[2] = {channel("a \"quoted\" \n name"), channel("\xc3\xbc")};
    ss_topic_t *who = user("\xc3\xa4 \"b\"");
    json_t *attributes = json_pack("{s:f, s:[i, s]}", "x", 0.1, "y", 1, "\xe2\x82\xac");
    ss_record_fields_t fields;
    assert_true(ss_record_write(&fields, 1700000000, who, channels, 2, attributes));
    redisReply items[2 * SS_RECORD_FIELDS];
    redisReply *elements[2 * SS_RECORD_FIELDS];
    redisReply reply = {
        .type = REDIS_REPLY_ARRAY, .elements = (size_t)fields.argc, .element = elements};
    char *texts[2 * SS_RECORD_FIELDS];
    for (int i = 0; i < fields.argc; i++) {
        texts[i] = ss_copy(fields.argv[i], fields.lens[i]);
        items[i] = (redisReply){.type = REDIS_REPLY_STRING, .str = texts[i], .len = fields.lens[i]};
        elements[i] = &items[i];
    }
    ss_record_t record;
    ss_record_read(&record, &reply);
    assert_int_equal(record.created_at, 1700000000);
    assert_ptr_equal(record.user, who);
    assert_int_equal(record.n_channels, 2);
    assert_ptr_equal(record.channels[0], channels[0]);
    assert_ptr_equal(record.channels[1], channels[1]);
    assert_true(json_equal(record.attributes, attributes));
    assert_false(record.moved);
    ss_record_finish(&record);
    for (int i = 0; i < fields.argc; i++) {
        free(texts[i]);
    }
    ss_buf_free(&fields.text);
    json_decref(attributes);
    ss_topic_unref(who);
    ss_topic_unref(channels[0]);
    ss_topic_unref(channels[1]);
}

static void a_record_with_anything_in_it_gives_what_is_good(void **state) {
    static const char *const texts[] = {"channels",   "[\"a\",7,\"a\",null,\"\",\"b\",\"\\u0000\"]",
                                        "user_id",    "bad\xff",
                                        "attributes", "[1]",
                                        "created_at", "soon",
                                        "version",    "00000000000000ff",
                                        "moved",      "not an id",
                                        "whatever",   "else",
                                        "version"};
    hash_t h;
    ss_record_t record;
    ss_record_read(&record, hash(&h, texts, COUNT_OF(texts)));
    assert_int_equal(record.n_channels, 2);
    assert_string_equal(ss_topic_name(record.channels[1]), "b");
    assert_null(record.user);
    assert_null(record.attributes);
    assert_int_equal(record.version, 0xff);
    assert_false(record.moved);
    ss_record_finish(&record);
    ss_record_read(&record, hash(&h, NULL, 0));
    assert_int_equal(record.version, 0);
    ss_record_finish(&record);
}

static void attributes_fit_up_to_their_limit(void **state) {
    for (int over = 0; over < 2; over++) {
        size_t len = SS_ATTRIBUTES_MAX - strlen("{\"k\":\"\"}") + (size_t)over;
        char *text = ss_alloc_zero(len + 1);
        memset(text, 'x', len);
        json_t *attributes = json_pack("{s:s}", "k", text);
        ss_record_fields_t fields;
        assert_int_equal(ss_record_write(&fields, 1, NULL, NULL, 0, attributes), over == 0);
        ss_buf_free(&fields.text);
        json_decref(attributes);
        free(text);
    }
}

/* --- events ---------------------------------------------------------------------------------- */

static const char *refused(ss_publish_to_t to, const char *const *names, size_t n,
                           const char *event, bool params) {
    ss_publish_t p = {.to = to, .names = names, .n = n, .event = event};
    p.params.text = params ? (ss_span_t){"1", 1} : (ss_span_t){NULL, 0};
    return ss_publish_refused(&p);
}

static void an_event_s_arguments_are_checked_with_the_known_words(void **state) {
    static const char *const one[] = {"a", NULL};
    char name[SS_EVENT_NAME_MAX + 2];
    memset(name, 'e', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    static const char first[] = "Event Name (first argument) must be a string";
    static const char second[] = "Event Name (second argument) must be a string";
    assert_string_equal(refused(SS_PUBLISH_BROADCAST, NULL, 0, NULL, true), first);
    assert_string_equal(refused(SS_PUBLISH_USER, one, 1, "", true), second);
    assert_string_equal(refused(SS_PUBLISH_BROADCAST, NULL, 0, "\xff", true), first);
    assert_non_null(refused(SS_PUBLISH_BROADCAST, NULL, 0, name, true));
    assert_null(refused(SS_PUBLISH_BROADCAST, NULL, 0, name + 1, true));
    assert_string_equal(refused(SS_PUBLISH_BROADCAST, NULL, 0, "e", false),
                        "Params (second argument) must be provided");
    assert_string_equal(refused(SS_PUBLISH_CHANNEL, one, 1, "e", false),
                        "Params (third argument) must be provided");
    assert_string_equal(refused(SS_PUBLISH_CHANNEL, NULL, 0, "e", true), "No channels specified");
    assert_string_equal(refused(SS_PUBLISH_USER, one, 0, "e", true), "No users specified");
    assert_string_equal(refused(SS_PUBLISH_SOCKET, one, 2, "e", true),
                        "Socket IDs must be strings");
}

static void names_fit_one_message_up_to_their_limit(void **state) {
    const char *names[SS_PUBLISH_CHANNELS_MAX + 1];
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        names[i] = "a";
    }
    assert_null(refused(SS_PUBLISH_CHANNEL, names, SS_PUBLISH_CHANNELS_MAX, "e", true));
    assert_string_equal(refused(SS_PUBLISH_CHANNEL, names, COUNT_OF(names), "e", true),
                        "Too many of them in one message");
    assert_null(refused(SS_PUBLISH_USER, names, COUNT_OF(names), "e", true));
}

static void what_is_published_is_understood(void **state) {
    static const char *const names[] = {"a\"", "\xc3\xbc"};
    json_t *params = json_pack("{s:[i]}", "x", 1);
    ss_publish_t p = {SS_PUBLISH_CHANNEL, names, 2, "new \"thing\"", {params, {NULL, 0}}};
    ss_buf_t text = {0};
    ss_published_t m;
    assert_true(ss_publish_write(&text, &p));
    assert_null(ss_pubsub_parse(&m, (const char *)guard_end(text.data, text.len), text.len));
    assert_memory_equal(m.event.ptr, "\"new \\\"thing\\\"\"", m.event.len);
    assert_memory_equal(m.params.ptr, "{\"x\":[1]}", m.params.len);
    assert_memory_equal(m.names.ptr, "[\"a\\\"\",\"\xc3\xbc\"]", m.names.len);
    json_decref(params);
    /* text passes as it stands; one channel is named by Redis' channel */
    p.params = (ss_result_t){NULL, {"[1, 2.50 ]", 10}};
    p.n = 1;
    text.len = 0;
    assert_true(ss_publish_write(&text, &p));
    assert_string_equal(ss_buf_string(&text),
                        "{\"event\":\"new \\\"thing\\\"\",\"params\":[1, 2.50 ]}");
    ss_buf_free(&text);
}

static void what_is_published_fits_up_to_its_limit(void **state) {
    const size_t frame = strlen("{\"event\":\"e\",\"params\":\"\"}");
    char *body = ss_alloc(SS_PUBLISH_MAX + 1);
    memset(body, 'x', SS_PUBLISH_MAX + 1);
    body[0] = '"';
    for (size_t over = 0; over < 2; over++) {
        size_t len = SS_PUBLISH_MAX - frame + 2 + over;
        ss_buf_t text = {0};
        ss_publish_t p = {.to = SS_PUBLISH_BROADCAST, .event = "e", .params = {NULL, {body, len}}};
        assert_int_equal(ss_publish_write(&text, &p), over == 0);
        ss_buf_free(&text);
    }
    free(body);
}

static void every_cut_of_a_message_is_refused(void **state) {
    static const char text[] = " { \"event\" : \"e\" , \"params\" : [ 1 , \"\xc3\xbc\" ] } ";
    ss_published_t m;
    size_t whole = sizeof text - 2; /* the last space may be missing */
    for (size_t len = 0; len < sizeof text; len++) {
        const char *error = ss_pubsub_parse(&m, (const char *)guard_end(text, len), len);
        assert_int_equal(error == NULL, len >= whole);
    }
}

static void what_is_no_event_is_told(void **state) {
    static const char *const texts[] = {"[]",
                                        "1",
                                        "\"event\"",
                                        "{}",
                                        "{\"event\":1}",
                                        "{\"event\":\"\"}",
                                        "{\"event\":null}",
                                        "{event:\"e\"}",
                                        "{\"event\"}",
                                        "{\"event\":}",
                                        "{\"event\":\"e\",}",
                                        "{\"event\":\"e\"}}",
                                        "{\"event\":\"e\" \"params\":1}",
                                        "{1:2}",
                                        "{\"event\":\"\xff\"}",
                                        "{\"event\":\"e\",\"params\":nul}"};
    ss_published_t m;
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        size_t len = strlen(texts[i]);
        assert_non_null(ss_pubsub_parse(&m, (const char *)guard_end(texts[i], len), len));
    }
}

static void a_message_may_be_as_large_as_the_limit(void **state) {
    static const char head[] = "{\"event\":\"e\",\"params\":\"";
    static const char tail[] = "\"}";
    char *text = ss_alloc(SS_PUBLISH_MAX + 1);
    memset(text, 'x', SS_PUBLISH_MAX + 1);
    memcpy(text, head, sizeof head - 1);
    ss_published_t m;
    for (size_t len = SS_PUBLISH_MAX; len <= SS_PUBLISH_MAX + 1; len++) {
        memcpy(text + len - 2, tail, 2);
        assert_int_equal(ss_pubsub_parse(&m, text, len) == NULL, len == SS_PUBLISH_MAX);
        text[len - 2] = 'x';
    }
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST("a topic is one for all who hold it", a_topic_is_one_for_all_who_hold_it),
        TEST("10,000 topics are told apart", ten_thousand_topics_are_told_apart),
        TEST("a session is one for all who hold it", a_session_is_one_for_all_who_hold_it),
        TEST("10,000 sessions are found and walked over",
             ten_thousand_sessions_are_found_and_walked_over),
        TEST("a session that holds nothing is small", a_session_that_holds_nothing_is_small),
        TEST("a renamed session is found by its new id alone",
             a_renamed_session_is_found_by_its_new_id_alone),
        TEST("other topics take the place of the former",
             other_topics_take_the_place_of_the_former),
        TEST("what was set last covers what is being saved, and that what was",
             what_was_set_last_covers_what_is_being_saved_and_what_was),
        TEST("the facts of a session are what it holds", the_facts_of_a_session_are_what_it_holds),
        TEST("attributes that are no JSON are left out of the facts",
             attributes_that_are_no_json_are_left_out_of_the_facts),
        TEST("a record reads back as it was written", a_record_reads_back_as_it_was_written),
        TEST("a record with anything in it gives what is good",
             a_record_with_anything_in_it_gives_what_is_good),
        TEST("attributes fit up to their limit, not one past it", attributes_fit_up_to_their_limit),
        TEST("an event's arguments are checked with the known words",
             an_event_s_arguments_are_checked_with_the_known_words),
        TEST("names fit one message up to their limit", names_fit_one_message_up_to_their_limit),
        TEST("what is published is understood", what_is_published_is_understood),
        TEST("what is published fits up to its limit, not one past it",
             what_is_published_fits_up_to_its_limit),
        TEST("every cut of a message is refused", every_cut_of_a_message_is_refused),
        TEST("what is no event is told", what_is_no_event_is_told),
        TEST("a message may be as large as the limit, not one past it",
             a_message_may_be_as_large_as_the_limit),
    };
    return cmocka_run_group_tests_name("session", tests, set_up, tear_down);
}
