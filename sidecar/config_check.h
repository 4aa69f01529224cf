/* SPDX-License-Identifier: MIT
 *
 * Whether one source of the configuration may count: types and limits of our keys, and names that
 * are none of ours though they were meant to be.
 *
 * In a closed object every name must be in the table.  In an open one, and at the top, names
 * belong to the application unless they look like a slip: the first letter of one of ours, one
 * letter off or, from eight letters on, two (added, left out, replaced, or swapped with the next),
 * by more than an s or digits at the end, and with a value as ours takes it.  For objects with
 * names of less than six letters this means one that holds a name of ours, too.
 */
#ifndef SS_CONFIG_CHECK_H
#define SS_CONFIG_CHECK_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct {
    const char *origin; /* for the user: the file, or the variable */
    const char *text;   /* the JSON it was read from, for lines and columns; NULL: none */
    size_t len;
    char *error; /* SS_CONFIG_ERROR_MAX bytes, written when something is wrong */
} ss_config_source_t;

/* false with one line in `error` for the first thing that is wrong in the object `layer`. */
bool ss_config_check(const json_t *layer, const ss_config_source_t *source);

/* Writes one line for the user into `error`, whatever was quoted in it.  Always false. */
bool ss_config_fail(char *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Whether the value at this path is nothing to show, by the names in it: a password, a token … */
bool ss_config_is_secret(const char *path);

/* The value as JSON in one line, to be shown: in each URL the password becomes one character.  The
 * caller's. */
char *ss_config_dump(const json_t *value);

#endif
