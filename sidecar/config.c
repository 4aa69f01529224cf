/* SPDX-License-Identifier: MIT
 *
 * Configuration: see config.h for the contract.
 *
 * Every source becomes one JSON object, a layer.  A layer is checked against the table of known
 * keys before it is merged, so that an error can name where the value came from; what has been
 * merged is therefore always right.
 */
#include "config.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "browser_rules.h"
#include "config_files.h"
#include "config_keys.h"

#define ENV_DEFAULT "development"
#define ENV_LENGTH_MAX 64
#define VARIABLE_PREFIX "SS__"
#define SEGMENT_MAX 256 /* bytes of one name in a path */

typedef enum { T_INTEGER, T_NUMBER, T_BOOLEAN, T_STRING, T_STRINGS, T_RULES, T_OBJECT } type_t;

typedef struct {
    const char *path;
    type_t type;
    double min;
    double max;
    const char *preset;
    const char *meaning;
} config_key_t;

static const config_key_t keys[] = {
#define X(path, type, min, max, preset, meaning) {path, type, min, max, preset, meaning},
    SS_CONFIG_KEYS(X)
#undef X
};
#define N_KEYS (sizeof(keys) / sizeof(keys[0]))

/* What an environment changes in the defaults.  A developer's Ctrl-C and reload do not wait for
 * clients to leave one after the other, and packs as files change, as tests do; production does not
 * log calls. */
static const struct {
    const char *env;
    const char *layer;
} presets[] = {
    {"development", "{\"nginx\": {\"drain_time\": 0}, \"pack_assets\": false}"},
    {"test", "{\"pack_assets\": false}"},
    {"production", "{\"log\": {\"level\": 0}, \"client\": {\"log\": {\"level\": 0}}}"},
};

struct ss_config {
    json_t *root;
    char env[ENV_LENGTH_MAX + 1];
};

static bool fail(char *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* One line for the user, whatever was quoted in it; always false. */
static bool fail(char *error, const char *format, ...) {
    va_list args;

    va_start(args, format);
    vsnprintf(error, SS_CONFIG_ERROR_MAX, format, args);
    va_end(args);
    for (char *c = error; *c != '\0'; c++) {
        if ((unsigned char)*c < ' ') {
            *c = ' ';
        }
    }
    return false;
}

/* The same for a text of several lines. */
static void fail_lines(char *error, const char *text) {
    snprintf(error, SS_CONFIG_ERROR_MAX, "%s", text);
    for (char *c = error; *c != '\0'; c++) {
        if ((unsigned char)*c < ' ' && *c != '\n' && *c != '\t') {
            *c = ' ';
        }
    }
}

static const config_key_t *key_find(const char *path) {
    for (size_t i = 0; i < N_KEYS; i++) {
        if (strcmp(keys[i].path, path) == 0) {
            return &keys[i];
        }
    }
    return NULL;
}

/* The value at a dotted path, or NULL. */
static json_t *walk(const json_t *root, const char *path) {
    json_t *at = (json_t *)root;
    char name[SEGMENT_MAX];

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

static bool type_matches(const config_key_t *key, const json_t *value) {
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
        return json_is_string(value);
    case T_STRINGS:
        return strings_only(value);
    case T_RULES:
        return json_is_array(value);
    case T_OBJECT:
        return json_is_object(value);
    }
    return false;
}

static void type_describe(const config_key_t *key, char *out, size_t size) {
    static const char *const names[] = {"an integer", "a number",          "true or false",
                                        "a string",   "a list of strings", "a list of rules",
                                        "an object"};

    if (key->type == T_INTEGER || key->type == T_NUMBER) {
        snprintf(out, size, "%s from %.15g to %.15g", names[key->type], key->min, key->max);
    } else {
        snprintf(out, size, "%s", names[key->type]);
    }
}

static bool check_layer(const json_t *layer, const char *origin, char *error) {
    for (size_t i = 0; i < N_KEYS; i++) {
        const json_t *value = walk(layer, keys[i].path);
        char wanted[96];
        char *got;

        if (value == NULL) {
            continue;
        }
        if (type_matches(&keys[i], value)) {
            char why[512];

            if (keys[i].type == T_RULES && !ss_browser_rules_check(value, why, sizeof(why))) {
                return fail(error, "%s: %s", origin, why);
            }
            continue;
        }
        type_describe(&keys[i], wanted, sizeof(wanted));
        got = strstr(keys[i].path, "password") != NULL
                  ? NULL
                  : json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
        fail(error, "%s: %s must be %s, but is %.80s", origin, keys[i].path, wanted,
             got == NULL ? "something else" : got);
        free(got);
        return false;
    }
    return true;
}

/* Objects are merged, everything else is replaced. */
static bool merge(json_t *into, const json_t *layer) {
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)layer, name, value) {
        json_t *old = json_object_get(into, name);

        if (json_is_object(old) && json_is_object(value)) {
            if (!merge(old, value)) {
                return false;
            }
        } else if (json_object_set_new(into, name, json_deep_copy(value)) != 0) {
            return false;
        }
    }
    return true;
}

static bool add_layer(ss_config_t *config, const json_t *layer, const char *origin, char *error) {
    if (!check_layer(layer, origin, error)) {
        return false;
    }
    return merge(config->root, layer) || fail(error, "%s: not enough memory", origin);
}

/* Puts `value` (a reference it takes) at a path of names, making the objects on the way. */
static bool put(json_t *root, char *const *names, size_t n, json_t *value) {
    json_t *at = root;

    for (size_t i = 0; i + 1 < n; i++) {
        json_t *next = json_object_get(at, names[i]);

        if (!json_is_object(next)) {
            next = json_object();
            if (json_object_set_new(at, names[i], next) != 0) {
                json_decref(value);
                return false;
            }
        }
        at = next;
    }
    return json_object_set_new(at, names[n - 1], value) == 0;
}

static size_t split(char *text, const char *separator, char **names, size_t max) {
    size_t n = 0;

    for (char *at = text; n < max; n++) {
        char *end = strstr(at, separator);

        names[n] = at;
        if (end == NULL) {
            return n + 1;
        }
        *end = '\0';
        at = end + strlen(separator);
    }
    return max + 1;
}

static bool add_defaults(ss_config_t *config, char *error) {
    for (size_t i = 0; i < N_KEYS; i++) {
        char path[SEGMENT_MAX];
        char *names[SS_CONFIG_DEPTH_MAX];
        size_t n;
        json_t *value = json_loads(keys[i].preset, JSON_DECODE_ANY, NULL);

        snprintf(path, sizeof(path), "%s", keys[i].path);
        n = split(path, ".", names, SS_CONFIG_DEPTH_MAX);
        if (!put(config->root, names, n, value)) {
            return fail(error, "defaults: not enough memory");
        }
    }
    for (size_t i = 0; i < sizeof(presets) / sizeof(presets[0]); i++) {
        if (strcmp(presets[i].env, config->env) == 0) {
            json_t *layer = json_loads(presets[i].layer, 0, NULL);
            bool ok = add_layer(config, layer, "defaults", error);

            json_decref(layer);
            return ok;
        }
    }
    return true;
}

/* A variable's value is JSON where it can be, else a string; for a key that is a string it is
 * one even when it looks like a number. */
static json_t *variable_value(char *const *names, size_t n, const char *text) {
    char path[SEGMENT_MAX] = "";
    const config_key_t *key;
    json_t *value = json_loads(text, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);
    size_t used = 0;

    for (size_t i = 0; i < n && used < sizeof(path); i++) {
        used +=
            (size_t)snprintf(path + used, sizeof(path) - used, "%s%s", i == 0 ? "" : ".", names[i]);
    }
    key = key_find(path);
    if (value == NULL || (key != NULL && key->type == T_STRING && !json_is_string(value))) {
        json_decref(value);
        value = json_string(text);
    }
    return value;
}

static bool add_variable(ss_config_t *config, const char *variable, char *error) {
    const char *equals = strchr(variable, '=');
    char *names[SS_CONFIG_DEPTH_MAX];
    char *origin = strndup(variable, (size_t)(equals - variable));
    char *path = origin == NULL ? NULL : strdup(origin + strlen(VARIABLE_PREFIX));
    json_t *layer = json_object();
    json_t *value;
    size_t n;
    bool ok = false;

    if (path == NULL || layer == NULL) {
        fail(error, "environment: not enough memory");
        goto done;
    }
    n = split(path, "__", names, SS_CONFIG_DEPTH_MAX);
    for (size_t i = 0; i < n; i++) {
        if (n > SS_CONFIG_DEPTH_MAX || names[i][0] == '\0') {
            fail(error, "%.100s: must be names separated by two underscores, as in SS__http__port",
                 origin);
            goto done;
        }
    }
    value = variable_value(names, n, equals + 1);
    if (value == NULL || !put(layer, names, n, value)) {
        fail(error, "%.100s: not valid UTF-8", origin);
        goto done;
    }
    ok = add_layer(config, layer, origin, error);
done:
    json_decref(layer);
    free(path);
    free(origin);
    return ok;
}

static int compare_names(const void *a, const void *b) {
    const char *x = *(const char *const *)a;
    const char *y = *(const char *const *)b;
    size_t nx = strcspn(x, "=");
    size_t ny = strcspn(y, "=");
    int order = memcmp(x, y, nx < ny ? nx : ny);

    return order != 0 ? order : (nx > ny) - (nx < ny);
}

/* In order of their names, so that the result does not depend on the order of `variables`:
 * SS__a__b counts after, and into, SS__a. */
static bool add_variables(ss_config_t *config, const char *const *variables, char *error) {
    size_t n = 0;
    size_t total = 0;
    const char **sorted;
    bool ok = true;

    while (variables[total] != NULL) {
        total++;
    }
    sorted = malloc((total + 1) * sizeof(*sorted));
    if (sorted == NULL) {
        return fail(error, "environment: not enough memory");
    }
    for (size_t i = 0; i < total; i++) {
        if (strncmp(variables[i], VARIABLE_PREFIX, strlen(VARIABLE_PREFIX)) == 0 &&
            strchr(variables[i], '=') != NULL) {
            sorted[n++] = variables[i];
        }
    }
    qsort(sorted, n, sizeof(*sorted), compare_names);
    for (size_t i = 0; i < n && ok; i++) {
        ok = add_variable(config, sorted[i], error);
    }
    free(sorted);
    return ok;
}

/* The name of the environment becomes part of a path. */
static bool set_env(ss_config_t *config, const char *const *variables, char *error) {
    const char *env = ENV_DEFAULT;
    size_t len;

    for (size_t i = 0; variables[i] != NULL; i++) {
        if (strncmp(variables[i], "SS_ENV=", 7) == 0 && variables[i][7] != '\0') {
            env = variables[i] + 7;
        }
    }
    len = strspn(env, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");
    if (env[len] != '\0' || len > ENV_LENGTH_MAX) {
        return fail(
            error,
            "SS_ENV: must be a name of at most %d letters, digits, _ and -, but is \"%.80s\"",
            ENV_LENGTH_MAX, env);
    }
    memcpy(config->env, env, len + 1);
    return true;
}

/* Puts all layers that are known together, anew. */
static bool merge_all(ss_config_t *config, const ss_config_file_t files[SS_CONFIG_FILES],
                      const char *const *variables, char *error) {
    json_decref(config->root);
    config->root = json_object();
    bool ok = add_defaults(config, error);
    for (int i = 0; i < SS_CONFIG_FILES && ok; i++) {
        ok = files[i].value == NULL || add_layer(config, files[i].value, files[i].name, error);
    }
    return ok && add_variables(config, variables, error);
}

/* What Node is called is configuration too: it counts what can be known without. */
static const char *node_name(const ss_config_t *config) {
    const char *name = ss_config_string(config, "host.node");
    return *name == '\0' ? "node" : name;
}

static bool load(ss_config_t *config, ss_config_file_t files[SS_CONFIG_FILES], const char *app_dir,
                 const char *const *variables, char *error) {
    ss_buf_t said = {0};
    bool ok = ss_config_files_read(files, app_dir, config->env, &said) ||
              fail(error, "%s", ss_buf_string(&said));
    ok = ok && merge_all(config, files, variables, error);
    if (ok && ss_config_files_need_node(files)) {
        ok = ss_config_files_run(files, app_dir, config->env, node_name(config), &said);
        if (!ok) {
            fail_lines(error, ss_buf_string(&said));
        }
        ok = ok && merge_all(config, files, variables, error);
    }
    ss_buf_free(&said);
    return ok;
}

ss_config_t *ss_config_load_from(const char *app_dir, const char *const *variables, char *error) {
    ss_config_t *config = calloc(1, sizeof(*config));
    ss_config_file_t files[SS_CONFIG_FILES] = {0};

    error[0] = '\0';
    if (config == NULL) {
        fail(error, "configuration: not enough memory");
        return NULL;
    }
    if (!set_env(config, variables, error) || !load(config, files, app_dir, variables, error)) {
        ss_config_destroy(config);
        config = NULL;
    }
    ss_config_files_finish(files);
    return config;
}

ss_config_t *ss_config_load(const char *app_dir, char *error) {
    return ss_config_load_from(app_dir, (const char *const *)environ, error);
}

void ss_config_destroy(ss_config_t *config) {
    if (config != NULL) {
        json_decref(config->root);
        free(config);
    }
}

const char *ss_config_env(const ss_config_t *config) { return config->env; }

const json_t *ss_config_get(const ss_config_t *config, const char *path) {
    return path[0] == '\0' ? config->root : walk(config->root, path);
}

/* The value of a known key; asking for another is our own mistake. */
static const json_t *known(const ss_config_t *config, const char *path, type_t type) {
    const config_key_t *key = key_find(path);

    if (key == NULL || key->type != type) {
        fprintf(stderr, "configuration: %s is not a key of this type\n", path);
        abort();
    }
    return ss_config_get(config, path);
}

int64_t ss_config_integer(const ss_config_t *config, const char *path) {
    return json_integer_value(known(config, path, T_INTEGER));
}

double ss_config_number(const ss_config_t *config, const char *path) {
    return json_number_value(known(config, path, T_NUMBER));
}

bool ss_config_boolean(const ss_config_t *config, const char *path) {
    return json_is_true(known(config, path, T_BOOLEAN));
}

const char *ss_config_string(const ss_config_t *config, const char *path) {
    return json_string_value(known(config, path, T_STRING));
}
