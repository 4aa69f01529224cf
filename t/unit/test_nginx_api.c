/* SPDX-License-Identifier: MIT
 *
 * The HTTP API in the generated nginx.conf, and the keys that decide about it.
 */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api_options.h"
#include "nginx_api.h"

static char error[SS_CONFIG_ERROR_MAX];

/* The defaults, but for one variable; there is no such application. */
static ss_config_t *configure(const char *variable) {
    const char *const variables[] = {variable, NULL};
    ss_config_t *config = ss_config_load_from("/nonexistent", variables, error);
    assert_non_null(config);
    return config;
}

/* The caller's to free. */
static char *written(const char *variable) {
    ss_config_t *config = configure(variable);
    ss_nginx_conf_t conf = {.config = config};
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    ss_nginx_api(&conf, out);
    fclose(out);
    ss_config_destroy(config);
    return text;
}

static void has_two_locations_and_an_error_page(void **unused) {
    char *text = written("SS__api__post_max_size_kb=5");
    assert_non_null(strstr(text, "location = /api {"));
    assert_non_null(strstr(text, "location /api/ {"));
    assert_non_null(strstr(text, "client_max_body_size 5k;"));
    assert_non_null(strstr(text, "error_page 413 @socketstream_api_413;"));
    assert_non_null(strstr(text, "{\"error\":{\"code\":-32005,\"message\":\"Too large\"}}"));
    free(text);
}

static void stands_where_the_prefix_says(void **unused) {
    char *text = written("SS__api__prefix=v1/My_api-2");
    assert_non_null(strstr(text, "location = /v1/My_api-2 {"));
    assert_non_null(strstr(text, "location /v1/My_api-2/ {"));
    assert_null(strstr(text, " /api"));
    free(text);
}

static void is_nothing_when_it_is_off(void **unused) {
    char *text = written("SS__api__enabled=false");
    assert_string_equal(text, "");
    free(text);
}

static bool accepted(const char *variable) {
    ss_api_options_t options;
    ss_config_t *config = configure(variable);
    bool good = ss_api_options_read(&options, config, error);
    ss_config_destroy(config);
    return good;
}

static void a_prefix_is_a_path_of_plain_names(void **unused) {
    static const char *const good[] = {"a", "api/v1", "socketstreams", "my/socketstream", "A-_9"};
    static const char *const bad[] = {
        "",         "/api", "api/",         "a//b",           "a b",    "a\"b", "a;b", "..", "%61",
        "\xc3\xa9", "/",    "socketstream", "socketstream/x", "assets", "a\nb"};
    char variable[256];
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        snprintf(variable, sizeof variable, "SS__api__prefix=%s", good[i]);
        assert_true(accepted(variable));
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        snprintf(variable, sizeof variable, "SS__api__prefix=%s", bad[i]);
        assert_false(accepted(variable));
        assert_memory_equal(error, "api.prefix must be ", 19);
    }
}

/* So many letters. */
static bool accepted_of(const char *key, size_t len) {
    char variable[256];
    int head = snprintf(variable, sizeof variable, "SS__%s=", key);
    memset(variable + head, 'x', len);
    variable[(size_t)head + len] = '\0';
    return accepted(variable);
}

static void prefix_and_realm_have_bounds(void **unused) {
    assert_true(accepted_of("api__prefix", SS_API_PREFIX_MAX));
    assert_false(accepted_of("api__prefix", SS_API_PREFIX_MAX + 1));
    assert_true(accepted_of("api__auth__basic__realm", SS_API_REALM_MAX));
    assert_false(accepted_of("api__auth__basic__realm", SS_API_REALM_MAX + 1));
    assert_false(accepted("SS__api__auth__basic__realm="));
    assert_false(accepted("SS__api__auth__basic__realm=\"a\\nb\""));
    assert_memory_equal(error, "api.auth.basic.realm must be ", 29);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST("has two locations and an error page", has_two_locations_and_an_error_page),
        TEST("stands where the prefix says", stands_where_the_prefix_says),
        TEST("is nothing when it is off", is_nothing_when_it_is_off),
        TEST("a prefix is a path of plain names", a_prefix_is_a_path_of_plain_names),
        TEST("prefix and realm have bounds", prefix_and_realm_have_bounds),
    };
    return cmocka_run_group_tests_name("nginx/api", tests, NULL, NULL);
}
