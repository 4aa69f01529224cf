/* SPDX-License-Identifier: MIT
 *
 * Which browsers get pages: `browser_check` of the configuration.
 *
 * Owns the form of a rule, its check, the built-in rules and their order.  Leaves to nginx the
 * matching of a request's User-Agent: it compiles the same patterns with the same library.
 */
#ifndef SS_BROWSER_RULES_H
#define SS_BROWSER_RULES_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#define SS_BROWSER_RULES_MAX 100    /* of the configuration */
#define SS_BROWSER_PATTERN_MAX 1000 /* bytes; nginx takes a word of less than 4,096 */

typedef struct {
    const char *pattern; /* PCRE2, not anchored */
    bool refuse;
} ss_browser_rule_t;

/* Each rule is {"refuse": "pattern"}, {"allow": "pattern"} or a pattern alone, which is refused.
 * false, with a text of one line that says which rule is wrong, and where. */
bool ss_browser_rules_check(const json_t *rules, char *error, size_t size);

/* The rules, checked ones, that are asked one after the other until a pattern matches: those of the
 * configuration, then the built-in ones.  `*at` is 0 at first; false past the last.  A browser that
 * none matches is refused if `strict`. */
bool ss_browser_rules_next(const json_t *rules, bool strict, size_t *at, ss_browser_rule_t *out);

#endif
