/* SPDX-License-Identifier: MIT
 *
 * What the configuration says about Redis: URLs, above all those that are wrong.
 */
#include "test.h"

#include <stdio.h>
#include <string.h>

#include "redis.h"
#include "redis_options.h"

static ss_redis_options_t options;
static ss_buf_t error;

static bool read_json(const char *json) {
    json_t *config = json_loads(json, 0, NULL);
    assert_non_null(config);
    ss_redis_options_finish(&options);
    error.len = 0;
    bool ok = ss_redis_options_init(&options, "redis", config, &error);
    json_decref(config);
    return ok;
}

static bool read_url(const char *url) {
    char json[512];
    snprintf(json, sizeof json, "{\"url\": \"%s\"}", url);
    return read_json(json);
}

static int finish(void **state) {
    ss_redis_options_finish(&options);
    ss_buf_free(&error);
    return 0;
}

static void is_text(const char *text, const char *wanted) {
    if (wanted == NULL) {
        assert_null(text);
    } else {
        assert_non_null(text);
        assert_string_equal(text, wanted);
    }
}

static void takes_urls_apart(void **state) {
    static const struct {
        const char *url;
        const char *socket;
        const char *host;
        int port;
        const char *username;
        const char *password;
        int db;
    } rows[] = {
        {"redis://example.com", NULL, "example.com", 6379, NULL, NULL, 0},
        {"redis://example.com/", NULL, "example.com", 6379, NULL, NULL, 0},
        {"redis://10.0.0.1:7000/3", NULL, "10.0.0.1", 7000, NULL, NULL, 3},
        {"redis://[::1]", NULL, "::1", 6379, NULL, NULL, 0},
        {"redis://[fe80::1]:1/1000000", NULL, "fe80::1", 1, NULL, NULL, 1000000},
        {"redis://:secret@h:65535", NULL, "h", 65535, NULL, "secret", 0},
        {"redis://user@h", NULL, "h", 6379, "user", NULL, 0},
        {"redis://user:@h", NULL, "h", 6379, "user", "", 0},
        {"redis://us%65r:p%40%3A%2fss@h", NULL, "h", 6379, "user", "p@:/ss", 0},
        {"redis://user:p@ss@h", NULL, "h", 6379, "user", "p@ss", 0},
        {"unix:///run/redis.sock", "/run/redis.sock", NULL, 6379, NULL, NULL, 0},
        {"unix:///run/a%20b@c?db=4", "/run/a b@c", NULL, 6379, NULL, NULL, 4},
        {"unix://u:p@/run/r", "/run/r", NULL, 6379, "u", "p", 0},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (!read_url(rows[i].url)) {
            fail_msg("%s: %s", rows[i].url, ss_buf_string(&error));
        }
        is_text(options.place.socket, rows[i].socket);
        is_text(options.place.host, rows[i].host);
        is_text(options.username, rows[i].username);
        is_text(options.password, rows[i].password);
        assert_int_equal(options.place.port, rows[i].port);
        assert_int_equal(options.db, rows[i].db);
    }
}

static void refuses_urls_that_are_wrong(void **state) {
    static const char *const urls[] = {
        "http://h",           "h:6379",         "redis:/h",    "redis://",
        "redis:///0",         "redis://:6379",  "redis://h:0", "redis://h:65536",
        "redis://h:99999999", "redis://h:x",    "redis://h:",  "redis://h/-1",
        "redis://h/1000001",  "redis://h/0/1",  "redis://h/x", "redis://h?db=1",
        "redis://[::1",       "redis://[::1]x", "redis://[]",  "redis://:%zz@h",
        "redis://:%4@h",      "redis://:%00@h", "unix://",     "unix://relative",
        "unix:///s?x=1",      "unix:///s?db=",  "unix:///s%0",
    };

    for (size_t i = 0; i < COUNT_OF(urls); i++) {
        if (read_url(urls[i])) {
            fail_msg("%s was taken", urls[i]);
        }
        assert_true(error.len > 10);
    }
}

static void never_shows_a_password(void **state) {
    static const char *const urls[] = {"redis://:hunter2@h:x", "redis://:hunter2%@h",
                                       "unix://u:hunter2@x", "rediss://:hunter2@h",
                                       "other://:hunter2@h"};

    for (size_t i = 0; i < COUNT_OF(urls); i++) {
        assert_false(read_url(urls[i]));
        assert_null(strstr(ss_buf_string(&error), "hunter2"));
    }
}

static void says_that_there_is_no_tls(void **state) {
    assert_false(read_url("rediss://example.com:6380"));
    assert_non_null(strstr(ss_buf_string(&error), "rediss:// needs TLS"));
}

static void a_socket_path_has_its_limit(void **state) {
    char url[256] = "unix:///";

    memset(url + 8, 'a', 106);
    assert_true(read_url(url));
    assert_int_equal(strlen(options.place.socket), 107);
    memset(url + 8, 'a', 107);
    assert_false(read_url(url));
    assert_false(read_json("{\"socket\": \"relative\"}"));
}

static void the_url_counts_before_the_socket_and_that_before_the_host(void **state) {
    assert_true(read_json("{\"url\": \"redis://a\", \"socket\": \"/b\", \"host\": \"c\"}"));
    is_text(options.place.host, "a");
    assert_true(read_json("{\"url\": \"\", \"socket\": \"/b\", \"host\": \"c\"}"));
    is_text(options.place.socket, "/b");
    assert_true(read_json("{\"host\": \"c\", \"port\": 7, \"db_index\": 2, \"username\": \"u\","
                          " \"password\": \"p\", \"command_timeout\": 0.5}"));
    is_text(options.place.host, "c");
    is_text(options.username, "u");
    is_text(options.password, "p");
    assert_int_equal(options.place.port, 7);
    assert_int_equal(options.db, 2);
    assert_int_equal(options.timeout_ms, 500);
    assert_true(read_json("{\"url\": \"redis://:q@a/3\", \"db_index\": 2, \"password\": \"p\"}"));
    is_text(options.password, "q");
    assert_int_equal(options.db, 3);
    assert_true(read_json("{\"url\": \"redis://a\", \"db_index\": 2, \"password\": \"p\"}"));
    is_text(options.password, "p");
    assert_int_equal(options.db, 2);
}

static void knows_whether_any_is_configured(void **state) {
    static const struct {
        const char *json;
        bool configured;
    } rows[] = {
        {"{}", false},
        {"{\"url\": \"\", \"host\": \"\", \"socket\": \"\", \"port\": 1, \"sentinels\": []}",
         false},
        {"{\"url\": \"x\"}", true},
        {"{\"host\": \"x\"}", true},
        {"{\"socket\": \"x\"}", true},
        {"{\"sentinels\": [\"x\"]}", true},
    };

    assert_false(ss_redis_is_configured(NULL));
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        json_t *config = json_loads(rows[i].json, 0, NULL);
        assert_int_equal(ss_redis_is_configured(config), rows[i].configured);
        json_decref(config);
    }
    assert_false(read_json("{}"));
    assert_string_equal(ss_buf_string(&error), "redis: no Redis is configured");
}

static void reads_a_list_of_sentinels(void **state) {
    char json[1024] = "{\"sentinels\": [\"h\"";

    assert_true(read_json("{\"sentinels\": [\"a\", \"b:1\", \"[::1]:2\"]}"));
    assert_int_equal(options.n_sentinels, 3);
    is_text(options.sentinels[0].host, "a");
    assert_int_equal(options.sentinels[0].port, 26379);
    is_text(options.sentinels[1].host, "b");
    assert_int_equal(options.sentinels[1].port, 1);
    is_text(options.sentinels[2].host, "::1");
    assert_int_equal(options.sentinels[2].port, 2);
    is_text(options.master, "mymaster");
    assert_true(read_json("{\"sentinels\": [\"a\"], \"sentinel_master\": \"m\"}"));
    is_text(options.master, "m");
    assert_false(read_json("{\"sentinels\": [\":1\"]}"));
    assert_false(read_json("{\"sentinels\": [\"a:b\"]}"));

    for (int i = 1; i < SS_REDIS_SENTINELS_MAX; i++) {
        strcat(json, ",\"h\"");
    }
    strcat(json, "]}");
    assert_true(read_json(json));
    json[strlen(json) - 2] = '\0';
    strcat(json, ",\"h\"]}");
    assert_false(read_json(json));
}

static void the_prefix_ends_with_one_colon(void **state) {
    char json[128];

    assert_true(read_json("{\"host\": \"h\"}"));
    is_text(options.prefix, "ss:");
    assert_true(read_json("{\"host\": \"h\", \"key_prefix\": \"my:app\"}"));
    is_text(options.prefix, "my:app:");
    assert_false(read_json("{\"host\": \"h\", \"key_prefix\": \"a:\"}"));
    assert_false(read_json("{\"host\": \"h\", \"key_prefix\": \"a*\"}"));
    assert_false(read_json("{\"host\": \"h\", \"key_prefix\": \"a b\"}"));
    snprintf(json, sizeof json, "{\"host\": \"h\", \"key_prefix\": \"%064d\"}", 0);
    assert_true(read_json(json));
    snprintf(json, sizeof json, "{\"host\": \"h\", \"key_prefix\": \"%065d\"}", 0);
    assert_false(read_json(json));
}

static void prints_where_it_is(void **state) {
    char text[128];

    assert_true(read_url("redis://[::1]:7"));
    ss_redis_place_print(&options.place, text, sizeof text);
    assert_string_equal(text, "[::1]:7");
    assert_true(read_url("redis://:secret@h"));
    ss_redis_place_print(&options.place, text, sizeof text);
    assert_string_equal(text, "h:6379");
    assert_true(read_url("unix:///s"));
    ss_redis_place_print(&options.place, text, sizeof text);
    assert_string_equal(text, "/s");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST("takes URLs apart", takes_urls_apart),
        TEST("refuses URLs that are wrong", refuses_urls_that_are_wrong),
        TEST("never shows a password", never_shows_a_password),
        TEST("says that there is no TLS", says_that_there_is_no_tls),
        TEST("a socket's path has its limit", a_socket_path_has_its_limit),
        TEST("the URL counts before the socket, and that before the host",
             the_url_counts_before_the_socket_and_that_before_the_host),
        TEST("knows whether any Redis is configured", knows_whether_any_is_configured),
        TEST("reads a list of Sentinels", reads_a_list_of_sentinels),
        TEST("the prefix ends with one colon", the_prefix_ends_with_one_colon),
        TEST("prints where it is", prints_where_it_is),
    };
    return cmocka_run_group_tests_name("redis options", tests, NULL, finish);
}
