/* SPDX-License-Identifier: MIT
 *
 * What a user, a channel, an event or an attribute may be called.
 */
#ifndef SS_NAMES_H
#define SS_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "ss_utf8.h"

/* 1 to `max` bytes of UTF-8 without NUL. */
static inline bool ss_name_good(const char *name, size_t len, size_t max) {
    return len != 0 && len <= max && ss_utf8_valid(name, len) && memchr(name, 0, len) == NULL;
}

/* The same for a C string, which may be NULL. */
static inline bool ss_name_text_good(const char *name, size_t max) {
    return name != NULL && ss_name_good(name, strlen(name), max);
}

#endif
