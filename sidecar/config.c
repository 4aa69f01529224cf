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

#include "buf.h"
#include "config_check.h"
#include "config_files.h"
#include "config_table.h"

#define ENV_DEFAULT "development"
#define ENV_LENGTH_MAX 64
#define VARIABLE_PREFIX "SS__"

struct ss_config {
    json_t *root;
    json_t *origins; /* from the path of a value to where it came from; not for defaults */
    char env[ENV_LENGTH_MAX + 1];
};

/* The same for a text of several lines. */
static void fail_lines(char *error, const char *text) {
    snprintf(error, SS_CONFIG_ERROR_MAX, "%s", text);
    for (char *c = error; *c != '\0'; c++) {
        if ((unsigned char)*c < ' ' && *c != '\n' && *c != '\t') {
            *c = ' ';
        }
    }
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

/* The same at a dotted path of a known key. */
static bool put_path(json_t *root, const char *dotted, json_t *value) {
    char path[SS_CONFIG_PATH_MAX];
    char *names[SS_CONFIG_DEPTH_MAX];
    size_t n;

    snprintf(path, sizeof(path), "%s", dotted);
    n = split(path, ".", names, SS_CONFIG_DEPTH_MAX);
    return put(root, names, n, value);
}

/* Notes for every value of `layer`, by its path, where it came from.  An object is no value, unless
 * it is empty. */
static bool note_origin(json_t *origins, const char *path, const json_t *value,
                        const char *origin) {
    const char *name;
    json_t *member;
    bool ok = true;

    if (json_object_size(value) == 0) {
        return json_object_set_new(origins, path, json_string(origin)) == 0;
    }
    json_object_foreach((json_t *)value, name, member) {
        ss_buf_t inner = {0};

        ss_buf_printf(&inner, "%s%s%s", path, *path == '\0' ? "" : ".", name);
        ok = ok && note_origin(origins, ss_buf_string(&inner), member, origin);
        ss_buf_free(&inner);
    }
    return ok;
}

/* Where `false` or `null` stood for no text, as in 0.1.4. */
static bool spell_out_nothing(json_t *root) {
    bool ok = true;

    for (size_t i = 0; i < ss_config_n_keys; i++) {
        const json_t *value = ss_config_at(root, ss_config_keys[i].path);

        if (ss_config_keys[i].type == T_STRING && value != NULL && !json_is_string(value)) {
            ok = ok && put_path(root, ss_config_keys[i].path, json_string(""));
        }
    }
    return ok;
}

static bool add_layer(ss_config_t *config, const json_t *layer, const ss_config_source_t *source) {
    if (!ss_config_check(layer, source)) {
        return false;
    }
    return (merge(config->root, layer) && spell_out_nothing(config->root) &&
            (json_object_size(layer) == 0 ||
             note_origin(config->origins, "", layer, source->origin))) ||
           ss_config_fail(source->error, "%s: not enough memory", source->origin);
}

static bool add_defaults(ss_config_t *config, char *error) {
    for (size_t i = 0; i < ss_config_n_keys; i++) {
        const ss_config_key_t *key = &ss_config_keys[i];

        if (!put_path(config->root, key->path, json_loads(key->preset, JSON_DECODE_ANY, NULL))) {
            return ss_config_fail(error, "defaults: not enough memory");
        }
    }
    return true;
}

static bool add_preset(ss_config_t *config, char *error) {
    for (size_t i = 0; i < ss_config_n_presets; i++) {
        if (strcmp(ss_config_presets[i].env, config->env) == 0) {
            char origin[ENV_LENGTH_MAX + 16];
            json_t *layer = json_loads(ss_config_presets[i].layer, 0, NULL);
            bool ok;

            snprintf(origin, sizeof(origin), "preset %s", config->env);
            ok = add_layer(config, layer, &(ss_config_source_t){.origin = origin, .error = error});
            json_decref(layer);
            return ok;
        }
    }
    return true;
}

/* A variable's value is JSON where it can be, else a string; for a key that is a string it is
 * one even when it looks like a number. */
static json_t *variable_value(char *const *names, size_t n, const char *text) {
    char path[SS_CONFIG_PATH_MAX] = "";
    const ss_config_key_t *key;
    json_t *value = json_loads(text, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);
    size_t used = 0;

    for (size_t i = 0; i < n && used < sizeof(path); i++) {
        used +=
            (size_t)snprintf(path + used, sizeof(path) - used, "%s%s", i == 0 ? "" : ".", names[i]);
    }
    key = ss_config_key_find(path);
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
        ss_config_fail(error, "environment: not enough memory");
        goto done;
    }
    n = split(path, "__", names, SS_CONFIG_DEPTH_MAX);
    for (size_t i = 0; i < n; i++) {
        if (n > SS_CONFIG_DEPTH_MAX || names[i][0] == '\0') {
            ss_config_fail(
                error, "%.100s: must be names separated by two underscores, as in SS__http__port",
                origin);
            goto done;
        }
    }
    value = variable_value(names, n, equals + 1);
    if (value == NULL || !put(layer, names, n, value)) {
        ss_config_fail(error, "%.100s: not valid UTF-8", origin);
        goto done;
    }
    ok = add_layer(config, layer, &(ss_config_source_t){.origin = origin, .error = error});
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
        return ss_config_fail(error, "environment: not enough memory");
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
        return ss_config_fail(
            error,
            "SS_ENV: must be a name of at most %d letters, digits, _ and -, but is \"%.80s\"",
            ENV_LENGTH_MAX, env);
    }
    memcpy(config->env, env, len + 1);
    return true;
}

static bool add_file(ss_config_t *config, ss_config_file_t *file, char *error) {
    ss_config_source_t source = {.origin = file->name, .error = error};

    if (file->value == NULL) {
        return true;
    }
    if (!file->program) {
        source.text = ss_buf_string(&file->text);
        source.len = file->text.len;
    }
    return add_layer(config, file->value, &source);
}

/* Puts all layers that are known together, anew. */
static bool merge_all(ss_config_t *config, ss_config_file_t files[SS_CONFIG_FILES],
                      const char *const *variables, char *error) {
    json_decref(config->root);
    json_decref(config->origins);
    config->root = json_object();
    config->origins = json_object();
    bool ok = add_defaults(config, error) && add_preset(config, error);
    for (int i = 0; i < SS_CONFIG_FILES && ok; i++) {
        ok = add_file(config, &files[i], error);
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
              ss_config_fail(error, "%s", ss_buf_string(&said));
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
        ss_config_fail(error, "configuration: not enough memory");
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
        json_decref(config->origins);
        free(config);
    }
}

const char *ss_config_env(const ss_config_t *config) { return config->env; }

const json_t *ss_config_get(const ss_config_t *config, const char *path) {
    return path[0] == '\0' ? config->root : ss_config_at(config->root, path);
}

const char *ss_config_origin(const ss_config_t *config, const char *path) {
    const char *origin = json_string_value(json_object_get(config->origins, path));

    return origin == NULL ? "default" : origin;
}

/* The value of a known key; asking for another is our own mistake. */
static const json_t *known(const ss_config_t *config, const char *path, ss_config_type_t type) {
    const ss_config_key_t *key = ss_config_key_find(path);

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
