/* SPDX-License-Identifier: MIT
 *
 * The keys that SocketStream knows, as data: type, limits, default, meaning, and what the presets
 * of environments change in the defaults.
 *
 * An object of ours is closed, all its keys are in the table, or open: it may hold keys of the
 * application's, too, as the whole of the configuration may.
 */
#ifndef SS_CONFIG_TABLE_H
#define SS_CONFIG_TABLE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#define SS_CONFIG_PATH_MAX                                                                         \
    256 /* bytes of a known key's path, and of any name that is looked for                         \
         */

typedef enum {
    T_INTEGER,
    T_NUMBER,
    T_BOOLEAN,
    T_STRING, /* where "" is the default, false and null are taken for it, as 0.1.4 wrote them */
    T_STRINGS,
    T_RULES,  /* of browsers, see browser_rules.h */
    T_OBJECT, /* closed */
    T_OPEN,   /* an open object */
} ss_config_type_t;

typedef struct {
    const char *path;
    ss_config_type_t type;
    double min;
    double max;
    const char *preset;  /* JSON */
    const char *meaning; /* Markdown; "": only holds others, and is listed nowhere */
} ss_config_key_t;

extern const ss_config_key_t ss_config_keys[];
extern const size_t ss_config_n_keys;

typedef struct {
    const char *env;
    const char *layer; /* a JSON object */
} ss_config_preset_t;

extern const ss_config_preset_t ss_config_presets[];
extern const size_t ss_config_n_presets;

/* NULL: not one of ours. */
const ss_config_key_t *ss_config_key_find(const char *path);

bool ss_config_key_is_object(const ss_config_key_t *key);

/* Whether it is of the key's type, and within its limits. */
bool ss_config_key_takes(const ss_config_key_t *key, const json_t *value);

/* "an integer from 1 to 65535" */
void ss_config_key_wants(const ss_config_key_t *key, char *out, size_t size);

/* The value at a dotted path below `root`, or NULL.  Borrowed. */
json_t *ss_config_at(const json_t *root, const char *path);

#endif
