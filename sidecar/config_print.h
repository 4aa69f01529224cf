/* SPDX-License-Identifier: MIT
 *
 * The configuration for people: what counts, as a table, and what there is, as Markdown for
 * docs/CONFIGURATION.md.
 */
#ifndef SS_CONFIG_PRINT_H
#define SS_CONFIG_PRINT_H

#include <stdio.h>

#include "config.h"

/* Every key with its value, where that came from, and what it means, then those of the application.
 * Passwords are hidden.  Lines are wrapped within `width` columns; 0: one line for each key. */
void ss_config_print_table(const ss_config_t *config, FILE *out, unsigned width);

/* The table of our keys, defaults and meanings. */
void ss_config_print_markdown(FILE *out);

#endif
