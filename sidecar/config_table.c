/* SPDX-License-Identifier: MIT
 *
 * See config_table.h.  The rows are in config_keys.h.
 */
#include "config_table.h"

#include <stdio.h>
#include <string.h>

#include "config_keys.h"

const ss_config_key_t ss_config_keys[] = {
#define X(path, type, min, max, preset, meaning) {path, type, min, max, preset, meaning},
    SS_CONFIG_KEYS(X)
#undef X
};
const size_t ss_config_n_keys = sizeof(ss_config_keys) / sizeof(ss_config_keys[0]);

/* A developer's Ctrl-C and reload do not wait for clients to leave one after the other, and packs
 * as files change, as tests do; production does not log calls.  Staging logs like development and
 * is packed like production, as the defaults are, which any other environment has, too. */
const ss_config_preset_t ss_config_presets[] = {
    {"development", "{\"nginx\": {\"drain_time\": 0}, \"pack_assets\": false, "
                    "\"throw_errors\": true}"},
    {"test", "{\"pack_assets\": false, \"throw_errors\": true}"},
    {"staging", "{}"},
    {"production", "{\"log\": {\"level\": 0}, \"client\": {\"log\": {\"level\": 0}}}"},
};
const size_t ss_config_n_presets = sizeof(ss_config_presets) / sizeof(ss_config_presets[0]);

const ss_config_key_t *ss_config_key_find(const char *path) {
    for (size_t i = 0; i < ss_config_n_keys; i++) {
        if (strcmp(ss_config_keys[i].path, path) == 0) {
            return &ss_config_keys[i];
        }
    }
    return NULL;
}

bool ss_config_key_is_object(const ss_config_key_t *key) {
    return key->type == T_OBJECT || key->type == T_OPEN;
}

static bool strings_only(const json_t *value) {
    size_t i;
    json_t *item;

    if (!json_is_array(value)) {
        return false;
    }
    json_array_foreach(value, i, item) {
        if (!json_is_string(item)) {
            return false;
        }
    }
    return true;
}

bool ss_config_key_takes(const ss_config_key_t *key, const json_t *value) {
    switch (key->type) {
    case T_INTEGER:
        return json_is_integer(value) && (double)json_integer_value(value) >= key->min &&
               (double)json_integer_value(value) <= key->max;
    case T_NUMBER:
        return json_is_number(value) && json_number_value(value) >= key->min &&
               json_number_value(value) <= key->max;
    case T_BOOLEAN:
        return json_is_boolean(value);
    case T_STRING:
        return json_is_string(value) ||
               (strcmp(key->preset, "\"\"") == 0 && (json_is_false(value) || json_is_null(value)));
    case T_STRINGS:
        return strings_only(value);
    case T_RULES:
        return json_is_array(value);
    case T_OBJECT:
    case T_OPEN:
        return json_is_object(value);
    }
    return false;
}

void ss_config_key_wants(const ss_config_key_t *key, char *out, size_t size) {
    static const char *const names[] = {
        [T_INTEGER] = "an integer",        [T_NUMBER] = "a number",
        [T_BOOLEAN] = "true or false",     [T_STRING] = "a string",
        [T_STRINGS] = "a list of strings", [T_RULES] = "a list of rules",
        [T_OBJECT] = "an object",          [T_OPEN] = "an object",
    };

    if (key->type == T_INTEGER || key->type == T_NUMBER) {
        snprintf(out, size, "%s from %.15g to %.15g", names[key->type], key->min, key->max);
    } else {
        snprintf(out, size, "%s", names[key->type]);
    }
}

json_t *ss_config_at(const json_t *root, const char *path) {
    json_t *at = (json_t *)root;
    char name[SS_CONFIG_PATH_MAX];

    for (;;) {
        size_t len = strcspn(path, ".");

        if (len >= sizeof(name)) {
            return NULL;
        }
        memcpy(name, path, len);
        name[len] = '\0';
        at = json_object_get(at, name);
        if (at == NULL || path[len] == '\0') {
            return at;
        }
        path += len + 1;
    }
}
