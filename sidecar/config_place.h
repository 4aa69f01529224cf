/* SPDX-License-Identifier: MIT
 *
 * Where a key stands in a JSON text, since parsed values do not know.
 *
 * The text was parsed before and is therefore JSON, with each name once in an object; of any other
 * nothing is found, or something else, but nothing past its end is read.
 */
#ifndef SS_CONFIG_PLACE_H
#define SS_CONFIG_PLACE_H

#include <stdbool.h>
#include <stddef.h>

typedef struct {
    int line;   /* from 1 */
    int column; /* in characters, from 1 */
} ss_config_place_t;

/* The place of the name at the end of the dotted path `path`.  Names that are written with escapes
 * are not found. */
bool ss_config_place_find(const char *text, size_t len, const char *path, ss_config_place_t *place);

#endif
