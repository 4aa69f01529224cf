/* SPDX-License-Identifier: MIT
 *
 * browser_rules: which browsers get pages, and what is said of a rule that is wrong.
 */
#include "test.h"

#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "browser_rules.h"

#define CHROME_TAIL " (KHTML, like Gecko) Chrome/"
#define WINDOWS "Mozilla/5.0 (Windows NT 10.0; Win64; x64) "
#define IPHONE "Mozilla/5.0 (iPhone; CPU iPhone OS "

static const struct {
    const char *agent;
    bool refused;
    bool refused_strictly;
} agents[] = {
    {WINDOWS "AppleWebKit/537.36" CHROME_TAIL "128.0.0.0 Safari/537.36", false, false},
    {WINDOWS "AppleWebKit/537.36" CHROME_TAIL "64.0.3282.140 Safari/537.36", false, false},
    {WINDOWS "AppleWebKit/537.36" CHROME_TAIL "63.0.3239.132 Safari/537.36", true, true},
    {WINDOWS "AppleWebKit/537.36" CHROME_TAIL "128.0.0.0 Safari/537.36 Edg/128.0.0.0", false,
     false},
    {WINDOWS "AppleWebKit/537.36" CHROME_TAIL "70.0.3538.102 Safari/537.36 Edge/18.19582", true,
     true},
    {WINDOWS "AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/128.0.0.0 Safari/537.36", false,
     true},
    {"Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0", false, false},
    {"Mozilla/5.0 (X11; Linux x86_64; rv:58.0) Gecko/20100101 Firefox/58.0", false, false},
    {"Mozilla/5.0 (X11; Linux x86_64; rv:57.0) Gecko/20100101 Firefox/57.0", true, true},
    {"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
     "Version/17.4 Safari/605.1.15",
     false, false},
    {"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_13_4) AppleWebKit/605.1.15 (KHTML, like Gecko) "
     "Version/11.1 Safari/605.1.15",
     false, false},
    {"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_13) AppleWebKit/604.1.38 (KHTML, like Gecko) "
     "Version/11.0 Safari/604.1.38",
     true, true},
    {IPHONE "17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 "
            "Mobile/15E148 Safari/604.1",
     false, false},
    {IPHONE "17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148", false,
     false},
    {IPHONE "11_3 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E216", false,
     false},
    {IPHONE "11_2_6 like Mac OS X) AppleWebKit/604.5.6 (KHTML, like Gecko) Mobile/15D100", true,
     true},
    {IPHONE "10_3_1 like Mac OS X) AppleWebKit/603.1.30 (KHTML, like Gecko) Version/10.0 "
            "Mobile/14E304 Safari/602.1",
     true, true},
    {"Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 6.1)", true, true},
    {"Mozilla/5.0 (Windows NT 6.1; WOW64; Trident/7.0; rv:11.0) like Gecko", true, true},
    {"Opera/9.80 (Android; Opera Mini/36.2/191; U; en) Presto/2.12.423 Version/12.16", true, true},
    {"Mozilla/5.0 (Linux; U; Android 4.1.1; en-gb) AppleWebKit/534.30 (KHTML, like Gecko) "
     "Version/4.0 Mobile Safari/534.30",
     true, true},
    {"Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36" CHROME_TAIL
     "128.0.0.0 Mobile Safari/537.36",
     false, false},
    {"Mozilla/5.0 (Linux; Android 4.4.4) AppleWebKit/537.36" CHROME_TAIL
     "81.0.4044.138 Mobile Safari/537.36",
     false, false},
    {"Mozilla/5.0 (Unknown; Linux x86_64) AppleWebKit/538.1 (KHTML, like Gecko) PhantomJS/2.1.1 "
     "Safari/538.1",
     true, true},
    {"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", false, true},
    {"curl/8.5.0", false, true},
    {"", false, true},
};

static bool matches(const char *pattern, const char *agent) {
    int code;
    PCRE2_SIZE offset;
    pcre2_code *compiled =
        pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED, 0, &code, &offset, NULL);
    assert_non_null(compiled);
    pcre2_match_data *data = pcre2_match_data_create_from_pattern(compiled, NULL);
    int rc = pcre2_match(compiled, (PCRE2_SPTR)agent, strlen(agent), 0, 0, data, NULL);
    pcre2_match_data_free(data);
    pcre2_code_free(compiled);
    return rc > 0;
}

static bool refuses(const json_t *rules, bool strict, const char *agent) {
    ss_browser_rule_t rule;
    size_t at = 0;
    while (ss_browser_rules_next(rules, strict, &at, &rule)) {
        if (matches(rule.pattern, agent)) {
            return rule.refuse;
        }
    }
    return strict;
}

static void refuses_browsers_that_cannot_run_pages(void **unused) {
    json_t *none = json_array();
    for (size_t i = 0; i < sizeof agents / sizeof agents[0]; i++) {
        if (refuses(none, false, agents[i].agent) != agents[i].refused ||
            refuses(none, true, agents[i].agent) != agents[i].refused_strictly) {
            fail_msg("%s", agents[i].agent);
        }
    }
    json_decref(none);
}

static void asks_the_rules_of_the_configuration_first(void **unused) {
    json_t *rules =
        json_pack("[{s:s}, {s:s}, s]", "allow", "MSIE 8", "refuse", "MSIE|curl", "Firefox/130");
    char error[512];
    assert_true(ss_browser_rules_check(rules, error, sizeof error));
    assert_false(refuses(rules, false, "Mozilla/4.0 (compatible; MSIE 8.0)"));
    assert_true(refuses(rules, false, "curl/8.5.0"));
    assert_true(refuses(rules, false, "Gecko/20100101 Firefox/130.0"));
    assert_false(refuses(rules, false, "Gecko/20100101 Firefox/131.0"));
    json_decref(rules);
}

/* The built-in ones keep the form that is asked of others. */
static void has_built_in_rules_that_are_right(void **unused) {
    json_t *none = json_array();
    json_t *all = json_array();
    ss_browser_rule_t rule;
    char error[512];
    size_t at = 0;
    while (ss_browser_rules_next(none, true, &at, &rule)) {
        json_array_append_new(all, json_string(rule.pattern));
    }
    assert_true(json_array_size(all) > 5);
    assert_true(ss_browser_rules_check(all, error, sizeof error));
    json_decref(all);
    json_decref(none);
}

static void check(json_t *rules, const char *expected) {
    char error[512] = "";
    assert_int_equal(ss_browser_rules_check(rules, error, sizeof error), expected == NULL);
    assert_string_equal(error, expected == NULL ? "" : expected);
    json_decref(rules);
}

static void says_what_is_wrong_with_a_rule(void **unused) {
    char text[SS_BROWSER_PATTERN_MAX + 2];
    json_t *many = json_array();
    memset(text, 'a', sizeof text);
    text[SS_BROWSER_PATTERN_MAX] = '\0';
    check(json_pack("[s]", text), NULL);
    text[SS_BROWSER_PATTERN_MAX] = 'a';
    text[SS_BROWSER_PATTERN_MAX + 1] = '\0';
    check(json_pack("[s]", text),
          "browser_check.rules[0]: a pattern has 1 to 1000 bytes, none of them NUL");
    check(json_pack("[s]", ""),
          "browser_check.rules[0]: a pattern has 1 to 1000 bytes, none of them NUL");
    check(
        json_pack("[s, {s:s}]", "good", "refuse", "MSIE [1-9"),
        "browser_check.rules[1]: \"MSIE [1-9\" is no pattern: missing terminating ] for character "
        "class, at offset 9");
    check(json_pack("[{s:s}]", "allow", "(?<host>.)"),
          "browser_check.rules[0]: \"(?<host>.)\" has a named group: use (?:…) instead");
    for (unsigned i = 0; i < SS_BROWSER_RULES_MAX; i++) {
        json_array_append_new(many, json_string("x"));
    }
    check(json_incref(many), NULL);
    json_array_append_new(many, json_string("x"));
    check(many, "browser_check.rules: at most 100 rules");
}

static void takes_no_other_form_of_a_rule(void **unused) {
    static const char *const forms[] = {"1",
                                        "[]",
                                        "{}",
                                        "{\"refuse\":1}",
                                        "{\"deny\":\"x\"}",
                                        "null",
                                        "{\"refuse\":\"x\",\"allow\":\"y\"}"};
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        json_t *rules = json_array();
        json_array_append_new(rules, json_loads(forms[i], JSON_DECODE_ANY, NULL));
        check(rules, "browser_check.rules[0]: a rule is {\"refuse\": \"pattern\"}, {\"allow\": "
                     "\"pattern\"} or a pattern alone");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST("refuses browsers that cannot run pages", refuses_browsers_that_cannot_run_pages),
        TEST("asks the rules of the configuration first",
             asks_the_rules_of_the_configuration_first),
        TEST("has built-in rules that are right", has_built_in_rules_that_are_right),
        TEST("says what is wrong with a rule", says_what_is_wrong_with_a_rule),
        TEST("takes no other form of a rule", takes_no_other_form_of_a_rule),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
