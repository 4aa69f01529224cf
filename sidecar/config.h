/* SPDX-License-Identifier: MIT
 *
 * Configuration: the one place that merges and checks it.
 *
 * Owns the order in which the sources count, and remembers which of them gave each value:
 *
 *     defaults < preset of the environment < config/app.*
 *              < config/environments/<SS_ENV>.* < variables such as SS__http__port=3001
 *
 * Leaves to others: the table of keys (config_table.h), what is wrong in a source
 * (config_check.h), and what the values mean.  Keys of the application's pass through unchanged.  A
 * loaded configuration never changes, and every known key has a value of its type in it.
 */
#ifndef SS_CONFIG_H
#define SS_CONFIG_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SS_CONFIG_DEPTH_MAX 32   /* levels in the name of one environment variable */
#define SS_CONFIG_ERROR_MAX 4096 /* room for any message of ss_config_load() */

typedef struct ss_config ss_config_t;

/* Reads the configuration of the application in `app_dir` for the environment SS_ENV
 * ("development" when unset) from the files and from `environ`.  Runs Node, and waits for it, where
 * a file is no JSON.
 *
 * NULL when something is wrong; then `error` (SS_CONFIG_ERROR_MAX bytes) holds a line for the user,
 * without newline, that names the file, line and column, or the key and where it was set.  For a
 * file that Node runs the code around it and what it printed may follow on further lines.
 * The caller owns the result. */
ss_config_t *ss_config_load(const char *app_dir, char *error);

/* The same from a given list of variables, NAME=value, ended by NULL.  It stays the caller's. */
ss_config_t *ss_config_load_from(const char *app_dir, const char *const *variables, char *error);

/* Takes NULL. */
void ss_config_destroy(ss_config_t *config);

/* "development", "production", …; lives as long as `config`. */
const char *ss_config_env(const ss_config_t *config);

/* The value at a dotted path such as "http.port" or "client", everything at the path ""; NULL when
 * there is none.
 * Borrowed: it lives as long as `config`, and must not be changed. */
const json_t *ss_config_get(const ss_config_t *config, const char *path);

/* Where the value at a path came from: "default", "preset production", "config/app.json",
 * "SS__http__port".  Lives as long as `config`. */
const char *ss_config_origin(const ss_config_t *config, const char *path);

/* Values of known keys.  Asking for a key that is not in the table, or by another type than it
 * has there, is a bug and ends the process.  Strings live as long as `config`. */
int64_t ss_config_integer(const ss_config_t *config, const char *path);
double ss_config_number(const ss_config_t *config, const char *path);
bool ss_config_boolean(const ss_config_t *config, const char *path);
const char *ss_config_string(const ss_config_t *config, const char *path);

#endif
