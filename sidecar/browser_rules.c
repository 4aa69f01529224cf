/* SPDX-License-Identifier: MIT
 *
 * See browser_rules.h.
 */
#include "browser_rules.h"

#include <stdio.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

/* Who says what: https://developer.mozilla.org/docs/Web/HTTP/Headers/User-Agent.  What is packed is
 * ES2018, of which Chrome 64, Firefox 58, Safari 11.1 and Edge 79 were the first to know all that
 * we use. */
static const char *const too_old[] = {
    "MSIE |Trident/",
    "Edge/",
    "Opera Mini/|Opera Mobi/|Presto/",
    "(?:Chrome|Chromium|CriOS)/(?:[1-9]|[1-5][0-9]|6[0-3])\\.",
    "Firefox/(?:[1-9]|[1-4][0-9]|5[0-7])\\.",
    "Version/(?:[1-9]|10|11\\.0)[. ].*Safari/",
    "(?:iPhone|iPad|iPod).* OS (?:[1-9]|10|11_[0-2])_",
    "(?:iPhone|iPad|iPod).* OS 11_[0-2] ",
    "Android [1-4]\\.(?!.*(?:Chrome|Firefox)/)",
    "BlackBerry|BB10|PlayBook|Symbian|IEMobile|webOS/|PhantomJS/",
};

/* Strict: who may be a browser with nobody in front of it is none, and who is none of these either.
 */
static const char *const automatic =
    "(?i)headless|phantomjs|slimerjs|puppeteer|playwright|selenium";
static const char *const known =
    "(?:Chrome|Chromium|CriOS|Firefox|FxiOS|Edg|EdgA|EdgiOS|OPR|SamsungBrowser)/|"
    "Version/[0-9.]+ (?:Mobile/\\w+ )?Safari/|(?:iPhone|iPad|iPod).* AppleWebKit/";

#define N_TOO_OLD (sizeof too_old / sizeof too_old[0])

static bool wrong(char *error, size_t size, size_t at, const char *why) {
    snprintf(error, size, "browser_check.rules[%zu]: %s", at, why);
    return false;
}

/* NULL when the rule has no such form. */
static const json_t *pattern_of(const json_t *rule, bool *refuse) {
    const json_t *allow = json_object_get(rule, "allow");
    *refuse = allow == NULL;
    if (json_is_string(rule)) {
        return rule;
    }
    if (json_object_size(rule) != 1) {
        return NULL;
    }
    const json_t *pattern = *refuse ? json_object_get(rule, "refuse") : allow;
    return json_is_string(pattern) ? pattern : NULL;
}

static bool check_pattern(const json_t *pattern, char *why, size_t size) {
    const char *text = json_string_value(pattern);
    size_t len = json_string_length(pattern);
    PCRE2_UCHAR message[128];
    PCRE2_SIZE offset;
    uint32_t names;
    int code;

    if (len == 0 || len > SS_BROWSER_PATTERN_MAX || strlen(text) != len) {
        snprintf(why, size, "a pattern has 1 to %d bytes, none of them NUL",
                 SS_BROWSER_PATTERN_MAX);
        return false;
    }
    pcre2_code *compiled = pcre2_compile((PCRE2_SPTR)text, len, 0, &code, &offset, NULL);
    if (compiled == NULL) {
        pcre2_get_error_message(code, message, sizeof message);
        snprintf(why, size, "\"%.80s\" is no pattern: %s, at offset %zu", text,
                 (const char *)message, (size_t)offset);
        return false;
    }
    pcre2_pattern_info(compiled, PCRE2_INFO_NAMECOUNT, &names);
    pcre2_code_free(compiled);
    if (names != 0) {
        /* nginx would make a variable of it, in place of one of its own perhaps. */
        snprintf(why, size, "\"%.80s\" has a named group: use (?:…) instead", text);
    }
    return names == 0;
}

bool ss_browser_rules_check(const json_t *rules, char *error, size_t size) {
    size_t i;
    json_t *rule;
    if (json_array_size(rules) > SS_BROWSER_RULES_MAX) {
        snprintf(error, size, "browser_check.rules: at most %d rules", SS_BROWSER_RULES_MAX);
        return false;
    }
    json_array_foreach(rules, i, rule) {
        bool refuse;
        char why[256];
        const json_t *pattern = pattern_of(rule, &refuse);
        if (pattern == NULL) {
            return wrong(error, size, i,
                         "a rule is {\"refuse\": \"pattern\"}, {\"allow\": \"pattern\"} or a "
                         "pattern alone");
        }
        if (!check_pattern(pattern, why, sizeof why)) {
            return wrong(error, size, i, why);
        }
    }
    return true;
}

bool ss_browser_rules_next(const json_t *rules, bool strict, size_t *at, ss_browser_rule_t *out) {
    size_t i = (*at)++;
    size_t n = json_array_size(rules);
    if (i < n) {
        out->pattern = json_string_value(pattern_of(json_array_get(rules, i), &out->refuse));
        return true;
    }
    i -= n;
    out->refuse = true;
    if (i < N_TOO_OLD) {
        out->pattern = too_old[i];
        return true;
    }
    i -= N_TOO_OLD;
    out->pattern = i == 0 ? automatic : known;
    out->refuse = i == 0;
    return strict && i < 2;
}
