/* SPDX-License-Identifier: MIT
 *
 * The configuration: order of the sources, types, and what the user reads when something is wrong.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config.h"
#include "config_files.h"
#include "config_print.h"

static char dir[] = "/tmp/ss-config-XXXXXX";
static char error[SS_CONFIG_ERROR_MAX];

static const char *const files[] = {"config/app.json", "config/environments/production.json",
                                    "config/environments/staging.json"};

static void write_file(const char *name, const char *text) {
    char path[256];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static int make_app(void **state) {
    char path[256];

    (void)state;
    if (mkdtemp(dir) == NULL) {
        return -1;
    }
    snprintf(path, sizeof(path), "%s/config", dir);
    mkdir(path, 0700);
    snprintf(path, sizeof(path), "%s/config/environments", dir);
    return mkdir(path, 0700);
}

static int remove_files(void **state) {
    char path[256];

    (void)state;
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", dir, files[i]);
        unlink(path);
    }
    return 0;
}

static int remove_app(void **state) {
    char path[256];

    remove_files(state);
    snprintf(path, sizeof(path), "%s/config/environments", dir);
    rmdir(path);
    snprintf(path, sizeof(path), "%s/config", dir);
    rmdir(path);
    return rmdir(dir);
}

#define LOAD(...) ss_config_load_from(dir, (const char *const[]){__VA_ARGS__, NULL}, error)
#define LOAD_PLAIN() ss_config_load_from(dir, (const char *const[]){NULL}, error)

/* Nothing loads, and the message is exactly this. */
static void refused(ss_config_t *config, const char *message) {
    assert_null(config);
    assert_string_equal(error, message);
}

static void has_the_defaults_without_any_file(void **state) {
    ss_config_t *config = LOAD_PLAIN();

    (void)state;
    assert_non_null(config);
    assert_string_equal(ss_config_env(config), "development");
    assert_int_equal(ss_config_integer(config, "http.port"), 3000);
    assert_string_equal(ss_config_string(config, "http.hostname"), "0.0.0.0");
    assert_int_equal(ss_config_integer(config, "log.level"), 3);
    assert_true(ss_config_number(config, "action_timeout") == 30);
    assert_true(ss_config_number(config, "nginx.drain_time") == 0);
    ss_config_destroy(config);
}

static void is_silent_in_production(void **state) {
    ss_config_t *config = LOAD("SS_ENV=production");

    (void)state;
    assert_non_null(config);
    assert_int_equal(ss_config_integer(config, "log.level"), 0);
    assert_int_equal(json_integer_value(ss_config_get(config, "client.log.level")), 0);
    assert_true(ss_config_number(config, "nginx.drain_time") == 3);
    ss_config_destroy(config);
}

/* Logs as in development, packed as in production. */
static void each_environment_has_its_preset(void **state) {
    static const struct {
        const char *variable;
        bool packed;
        int level;
        int client_level;
        bool throws;
        int drain_time;
    } cases[] = {
        {"SS_ENV=development", false, 3, 2, true, 0}, {"SS_ENV=test", false, 3, 2, true, 3},
        {"SS_ENV=staging", true, 3, 2, false, 3},     {"SS_ENV=production", true, 0, 0, false, 3},
        {"SS_ENV=tuesday", true, 3, 2, false, 3},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        ss_config_t *config = LOAD(cases[i].variable);

        assert_non_null(config);
        assert_string_equal(ss_config_env(config), cases[i].variable + 7);
        assert_int_equal(ss_config_boolean(config, "pack_assets"), cases[i].packed);
        assert_int_equal(ss_config_integer(config, "log.level"), cases[i].level);
        assert_int_equal(ss_config_integer(config, "client.log.level"), cases[i].client_level);
        assert_int_equal(ss_config_boolean(config, "throw_errors"), cases[i].throws);
        assert_true(ss_config_number(config, "nginx.drain_time") == cases[i].drain_time);
        ss_config_destroy(config);
    }
}

static void knows_where_each_value_came_from(void **state) {
    ss_config_t *config;

    (void)state;
    write_file("config/app.json",
               "{\"http\": {\"port\": 1001}, \"log\": {\"level\": 1}, \"own\": {}}");
    config = LOAD("SS_ENV=production", "SS__http__hostname=::", "SS__mine={\"a\": [1]}");
    assert_non_null(config);
    assert_string_equal(ss_config_origin(config, "http.port"), "config/app.json");
    assert_string_equal(ss_config_origin(config, "http.hostname"), "SS__http__hostname");
    assert_string_equal(ss_config_origin(config, "log.level"), "config/app.json");
    assert_string_equal(ss_config_origin(config, "client.log.level"), "preset production");
    assert_string_equal(ss_config_origin(config, "redis.port"), "default");
    assert_string_equal(ss_config_origin(config, "own"), "config/app.json");
    assert_string_equal(ss_config_origin(config, "mine.a"), "SS__mine");
    ss_config_destroy(config);
}

static void later_sources_win(void **state) {
    ss_config_t *config;

    (void)state;
    write_file("config/app.json",
               "{\"http\": {\"port\": 1001, \"hostname\": \"127.0.0.1\"},"
               " \"log\": {\"level\": 1}, \"client\": {\"a\": 1, \"b\": {\"c\": 1}}}");
    write_file("config/environments/production.json",
               "{\"http\": {\"port\": 1002}, \"client\": {\"b\": {\"d\": 2}}}");
    config = LOAD("SS__http__port=1003", "SS_ENV=production");
    assert_non_null(config);
    assert_int_equal(ss_config_integer(config, "http.port"), 1003);
    assert_string_equal(ss_config_string(config, "http.hostname"), "127.0.0.1");
    assert_int_equal(ss_config_integer(config, "log.level"), 1);
    assert_int_equal(json_integer_value(ss_config_get(config, "client.a")), 1);
    assert_int_equal(json_integer_value(ss_config_get(config, "client.b.c")), 1);
    assert_int_equal(json_integer_value(ss_config_get(config, "client.b.d")), 2);
    ss_config_destroy(config);

    config = LOAD_PLAIN();
    assert_non_null(config);
    assert_int_equal(ss_config_integer(config, "http.port"), 1001);
    ss_config_destroy(config);
}

static void keeps_keys_of_the_application(void **state) {
    ss_config_t *config;

    (void)state;
    write_file("config/app.json", "{\"db\": {\"mongo\": {\"port\": \"any\"}}, \"map\": [1, null]}");
    config = LOAD("SS__db__mongo__host=10.0.0.1", "SS__limits={\"a\": [1]}", "SS__name=o'neill");
    assert_non_null(config);
    assert_string_equal(json_string_value(ss_config_get(config, "db.mongo.port")), "any");
    assert_string_equal(json_string_value(ss_config_get(config, "db.mongo.host")), "10.0.0.1");
    assert_int_equal(json_array_size(ss_config_get(config, "map")), 2);
    assert_int_equal(json_array_size(ss_config_get(config, "limits.a")), 1);
    assert_string_equal(json_string_value(ss_config_get(config, "name")), "o'neill");
    assert_null(ss_config_get(config, "db.mongo.user"));
    assert_null(ss_config_get(config, "map.x"));
    ss_config_destroy(config);
}

static void a_variable_for_a_string_may_look_like_a_number(void **state) {
    ss_config_t *config = LOAD("SS__http__hostname=127");

    (void)state;
    assert_non_null(config);
    assert_string_equal(ss_config_string(config, "http.hostname"), "127");
    ss_config_destroy(config);
}

static void the_order_of_variables_does_not_matter(void **state) {
    ss_config_t *one = LOAD("SS__x={\"a\": 1}", "SS__x__b=2");
    ss_config_t *two = LOAD("SS__x__b=2", "SS__x={\"a\": 1}");

    (void)state;
    assert_non_null(one);
    assert_non_null(two);
    assert_true(json_equal(ss_config_get(one, "x"), ss_config_get(two, "x")));
    assert_int_equal(json_object_size(ss_config_get(one, "x")), 2);
    ss_config_destroy(one);
    ss_config_destroy(two);
}

static void a_parse_error_names_file_line_and_column(void **state) {
    (void)state;
    write_file("config/app.json", "{\n  \"http\": {\n    \"port\" 3000\n  }\n}\n");
    assert_null(LOAD_PLAIN());
    assert_ptr_equal(strstr(error, "config/app.json:3:"), error);
    assert_null(strchr(error, '\n'));

    write_file("config/app.json", "{\"a\": 1,\n \"a\": 2}");
    assert_null(LOAD_PLAIN());
    assert_ptr_equal(strstr(error, "config/app.json:2:"), error);
}

static void a_wrong_type_names_key_and_origin(void **state) {
    (void)state;
    write_file("config/app.json", "{\"http\": {\"port\": \"abc\"}}");
    refused(LOAD_PLAIN(),
            "config/app.json:1:11: http.port must be an integer from 1 to 65535, but is \"abc\"");
    write_file("config/app.json", "{\"http\": 3000}");
    refused(LOAD_PLAIN(), "config/app.json:1:2: http must be an object, but is 3000");
    write_file("config/app.json", "[]");
    refused(LOAD_PLAIN(), "config/app.json: must hold a JSON object");
    write_file("config/app.json", "{}");
    write_file("config/environments/staging.json", "{\"log\": {\"level\": true}}");
    refused(LOAD("SS_ENV=staging"), "config/environments/staging.json:1:10: log.level must be an "
                                    "integer from 0 to 4, but is true");
    refused(
        LOAD("SS__action_timeout=soon"),
        "SS__action_timeout: action_timeout must be a number from 0.1 to 3600, but is \"soon\"");
    write_file("config/environments/staging.json", "{\"redis\": {\"password\": 4711}}");
    refused(LOAD("SS_ENV=staging"),
            "config/environments/staging.json:1:12: redis.password must be a "
            "string, but is something else");
    refused(LOAD("SS__redis__sentinels={\"a\":\"redis://:hush@h\"}"),
            "SS__redis__sentinels: redis.sentinels must be a list of strings, but is "
            "{\"a\":\"redis://:…@h\"}");
    refused(LOAD("SS__nginx__origins=[\"a\",1]"),
            "SS__nginx__origins: nginx.origins must be a list of strings, but is [\"a\",1]");
    refused(LOAD("SS__browser_check__rules=MSIE"),
            "SS__browser_check__rules: browser_check.rules must be a list of rules, but is "
            "\"MSIE\"");
    refused(LOAD("SS__browser_check__rules=[\"MSIE [1-\"]"),
            "SS__browser_check__rules: browser_check.rules[0]: \"MSIE [1-\" is no pattern: missing "
            "terminating ] for character class, at offset 8");
}

static void a_misspelt_key_is_told_with_the_one_that_was_meant(void **state) {
    static const struct {
        const char *text;
        const char *message;
    } cases[] = {
        {"{\"http\": {\"prot\": 1}}",
         "1:11: there is no key \"http.prot\"; did you mean \"http.port\"?"},
        {"{\"redis\":\n {\"hots\": \"a\"}}",
         "2:3: there is no key \"redis.hots\"; did you mean \"redis.host\"?"},
        {"{\"redis\": {\"user\": \"a\"}}",
         "1:12: there is no key \"redis.user\"; did you mean \"redis.username\"?"},
        {"{\"nginx\": {\"max_mesage\": 1}}",
         "1:12: there is no key \"nginx.max_mesage\"; did you mean \"nginx.max_message\"?"},
        {"{\"users\": {\"online\": {\"enable\": true}}}",
         "1:23: there is no key \"users.online.enable\"; did you mean \"users.online.enabled\"?"},
        {"{\"users\": {\"onlin\": {}}}",
         "1:12: there is no key \"users.onlin\"; did you mean \"users.online\"?"},
        {"{\"client\": {\"heartbeat_intervall\": 1}}",
         "1:13: there is no key \"client.heartbeat_intervall\"; did you mean "
         "\"client.heartbeat_interval\"?"},
        {"{\"users\": {\"online\": {\"a.b\": 1}}}",
         " there is no key \"users.online.a.b\"; users.online has enabled, mins_until_offline, "
         "update_interval, keep_historic"},
        {"{\"users\": {\"online\": {\"list\": 1}}}",
         "1:23: there is no key \"users.online.list\"; users.online has enabled, "
         "mins_until_offline, update_interval, keep_historic"},
        {"{\"htpp\": {\"port\": 1}}", "1:2: there is no key \"htpp\"; did you mean \"http\"?"},
        {"{\"hsots\": 3}", "1:2: there is no key \"hsots\"; did you mean \"hosts\"?"},
        {"{\"sesion\": {}}", "1:2: there is no key \"sesion\"; did you mean \"session\"?"},
        {"{\"acton_timeuot\": 3}",
         "1:2: there is no key \"acton_timeuot\"; did you mean \"action_timeout\"?"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        write_file("config/app.json", cases[i].text);
        assert_null(LOAD_PLAIN());
        assert_ptr_equal(strstr(error, "config/app.json:"), error);
        assert_string_equal(error + strlen("config/app.json:"), cases[i].message);
    }
    write_file("config/app.json", "{}");
    refused(LOAD("SS__htpp__port=1"),
            "SS__htpp__port: there is no key \"htpp\"; did you mean \"http\"?");
    refused(LOAD("SS__http__prot=1"),
            "SS__http__prot: there is no key \"http.prot\"; did you mean \"http.port\"?");
}

static void a_name_of_the_application_is_no_slip(void **state) {
    static const char *const cases[] = {
        "\"user\": {\"online\": {}}", /* one of several */
        "\"hosts2\": 3",
        "\"redis2\": {\"host\": \"a\"}",
        "\"clients\": {\"log\": 1}",
        "\"apis\": {\"enabled\": true}",
        "\"db\": {\"port\": 1}, \"map\": {}, \"path\": \"x\", \"app\": {}, \"rtm\": {\"enabled\": "
        "false}",
        "\"posts\": 10, \"ports\": [1]",                       /* another first letter */
        "\"hist\": {}, \"park\": {}, \"htop\": {\"rows\": 1}", /* holds nothing of ours */
        "\"hsots\": \"a, b\"",                                 /* of another type */
        "\"redis\": {\"options\": {\"parser\": \"javascript\"}}",
        "\"client\": {\"title\": 1, \"lgo\": 1}",
        "\"users\": {\"admin\": \"ann\"}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[256];
        ss_config_t *config;

        snprintf(text, sizeof(text), "{%s}", cases[i]);
        write_file("config/app.json", text);
        config = LOAD_PLAIN();
        assert_string_equal(error, "");
        assert_non_null(config);
        ss_config_destroy(config);
    }
}

static void false_and_null_stand_for_no_text_where_that_is_the_default(void **state) {
    ss_config_t *config;

    (void)state;
    write_file("config/app.json", "{\"redis\": {\"url\": false, \"password\": null}}");
    config = LOAD_PLAIN();
    assert_non_null(config);
    assert_string_equal(ss_config_string(config, "redis.url"), "");
    assert_string_equal(ss_config_string(config, "redis.password"), "");
    ss_config_destroy(config);
    assert_null(LOAD("SS__redis={\"key_prefix\": false}"));
    assert_null(LOAD("SS__redis={\"url\": true}"));
}

static void numbers_count_up_to_their_limits_and_not_past_them(void **state) {
    ss_config_t *config = LOAD("SS__http__port=65535");

    (void)state;
    assert_non_null(config);
    assert_int_equal(ss_config_integer(config, "http.port"), 65535);
    ss_config_destroy(config);
    config = LOAD("SS__http__port=1");
    assert_non_null(config);
    ss_config_destroy(config);
    assert_null(LOAD("SS__http__port=0"));
    assert_null(LOAD("SS__http__port=65536"));
    assert_null(LOAD("SS__http__port=99999999999999999999"));
    assert_null(LOAD("SS__http__port=3000.5"));
}

static void refuses_names_that_are_none(void **state) {
    char deep[3 + 33 * 3 + 3] = "SS_";

    (void)state;
    refused(LOAD("SS__http____port=1"),
            "SS__http____port: must be names separated by two underscores, as in SS__http__port");
    assert_null(LOAD("SS__=1"));
    for (int i = 0; i < SS_CONFIG_DEPTH_MAX; i++) {
        memcpy(deep + 2 + 3 * i, "__a", 4);
    }
    memcpy(deep + 2 + 3 * SS_CONFIG_DEPTH_MAX, "=1", 3);
    ss_config_destroy(LOAD(deep));
    assert_string_equal(error, "");
    memcpy(deep + 2 + 3 * SS_CONFIG_DEPTH_MAX, "__a=1", 6);
    assert_null(LOAD(deep));
    assert_null(LOAD("SS__x=\xff"));
    assert_null(LOAD("SS_ENV=../../etc"));
    assert_string_equal(error, "SS_ENV: must be a name of at most 64 letters, digits, _ and -, "
                               "but is \"../../etc\"");
}

static void refuses_a_file_that_is_too_large(void **state) {
    char *text = malloc(SS_CONFIG_FILE_MAX + 2);

    (void)state;
    assert_non_null(text);
    memset(text, ' ', SS_CONFIG_FILE_MAX + 1);
    memcpy(text, "{}", 2);
    text[SS_CONFIG_FILE_MAX] = '\0';
    write_file("config/app.json", text);
    ss_config_destroy(LOAD_PLAIN());
    assert_string_equal(error, "");
    text[SS_CONFIG_FILE_MAX] = ' ';
    text[SS_CONFIG_FILE_MAX + 1] = '\0';
    write_file("config/app.json", text);
    assert_null(LOAD_PLAIN());
    free(text);
}

/* Up to `width` characters, and one paragraph for each key. */
static void the_table_is_wrapped_for_a_terminal(void **state) {
    ss_config_t *config = LOAD("SS__own={\"b\": \"\\u00f6\", \"a\": []}");
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    size_t rows = 0;
    size_t lines = 0;

    (void)state;
    assert_non_null(config);
    ss_config_print_table(config, out, 110);
    fclose(out);
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        size_t characters = 0;

        for (const char *c = line; *c != '\0'; c++) {
            characters += ((unsigned char)*c & 0xc0) != 0x80;
        }
        assert_true(characters <= 110);
        lines++;
        rows += line[0] != ' ';
    }
    free(text);

    out = open_memstream(&text, &size);
    ss_config_print_table(config, out, 0);
    fclose(out);
    for (const char *c = text; *c != '\0'; c++) {
        lines -= *c == '\n';
        rows -= *c == '\n';
    }
    assert_int_equal(rows, 0);
    assert_true(lines > 10); /* so many of them were continued */
    free(text);
    ss_config_destroy(config);
}

static void destroys_null(void **state) {
    (void)state;
    ss_config_destroy(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(has_the_defaults_without_any_file, remove_files),
        cmocka_unit_test_teardown(is_silent_in_production, remove_files),
        cmocka_unit_test_teardown(each_environment_has_its_preset, remove_files),
        cmocka_unit_test_teardown(knows_where_each_value_came_from, remove_files),
        cmocka_unit_test_teardown(later_sources_win, remove_files),
        cmocka_unit_test_teardown(keeps_keys_of_the_application, remove_files),
        cmocka_unit_test_teardown(a_variable_for_a_string_may_look_like_a_number, remove_files),
        cmocka_unit_test_teardown(the_order_of_variables_does_not_matter, remove_files),
        cmocka_unit_test_teardown(a_parse_error_names_file_line_and_column, remove_files),
        cmocka_unit_test_teardown(a_wrong_type_names_key_and_origin, remove_files),
        cmocka_unit_test_teardown(a_misspelt_key_is_told_with_the_one_that_was_meant, remove_files),
        cmocka_unit_test_teardown(a_name_of_the_application_is_no_slip, remove_files),
        cmocka_unit_test_teardown(false_and_null_stand_for_no_text_where_that_is_the_default,
                                  remove_files),
        cmocka_unit_test_teardown(numbers_count_up_to_their_limits_and_not_past_them, remove_files),
        cmocka_unit_test_teardown(refuses_names_that_are_none, remove_files),
        cmocka_unit_test_teardown(refuses_a_file_that_is_too_large, remove_files),
        cmocka_unit_test(the_table_is_wrapped_for_a_terminal),
        cmocka_unit_test(destroys_null),
    };

    return cmocka_run_group_tests_name("config", tests, make_app, remove_app);
}
