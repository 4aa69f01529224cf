/* SPDX-License-Identifier: MIT
 *
 * See config_check.h.
 */
#include "config_check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "browser_rules.h"
#include "buf.h"
#include "config.h"
#include "config_place.h"
#include "config_table.h"
#include "nearest.h"

#define SLIP_SHORT_MAX 5 /* bytes of names that are words of many languages: the value decides */
#define SLIP_LONG_MIN 8  /* from here on two letters may be wrong */
#define NAMED_NEAREST 3  /* letters that the name we propose may be off, in a closed object */

bool ss_config_fail(char *error, const char *format, ...) {
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

bool ss_config_is_secret(const char *path) {
    static const char *const words[] = {"passw", "passphrase", "secret", "token", "credential"};
    const char *dot = strrchr(path, '.');
    const char *name = dot == NULL ? path : dot + 1;
    size_t len = strlen(name);

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcasestr(path, words[i]) != NULL) {
            return true;
        }
    }
    return strcasecmp(name, "pass") == 0 || (len >= 3 && strcasecmp(name + len - 3, "key") == 0);
}

/* Bytes up to the end of a JSON string, or of the text. */
static size_t string_rest(const char *json) {
    size_t n = 0;

    while (json[n] != '\0' && json[n] != '"') {
        n += json[n] == '\\' && json[n + 1] != '\0' ? 2 : 1;
    }
    return n;
}

char *ss_config_dump(const json_t *value) {
    char *json = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
    const char *rest = json == NULL ? "" : json;
    const char *url;
    ss_buf_t out = {0};
    char *text;

    while ((url = strstr(rest, "://")) != NULL) {
        const char *user = url + 3;
        const char *at = memrchr(user, '@', string_rest(user));
        const char *colon = at == NULL ? NULL : memchr(user, ':', (size_t)(at - user));

        ss_buf_append(&out, rest, (size_t)((colon == NULL ? user : colon + 1) - rest));
        if (colon != NULL) {
            ss_buf_literal(&out, "…");
        }
        rest = colon == NULL ? user : at;
    }
    ss_buf_append(&out, rest, strlen(rest));
    text = ss_copy(ss_buf_string(&out), out.len);
    ss_buf_free(&out);
    free(json);
    return text;
}

/* "config/app.json:3:5", as far as it is known. */
static void tell_where(const ss_config_source_t *source, const char *path, ss_buf_t *out) {
    ss_config_place_t place;

    ss_buf_printf(out, "%s", source->origin);
    if (source->text != NULL && ss_config_place_find(source->text, source->len, path, &place)) {
        ss_buf_printf(out, ":%d:%d", place.line, place.column);
    }
}

static bool refuse_value(const ss_config_key_t *key, const json_t *value,
                         const ss_config_source_t *source) {
    ss_buf_t where = {0};
    char wanted[96];
    char *got = ss_config_is_secret(key->path) ? NULL : ss_config_dump(value);

    tell_where(source, key->path, &where);
    ss_config_key_wants(key, wanted, sizeof(wanted));
    ss_config_fail(source->error, "%s: %s must be %s, but is %.80s", ss_buf_string(&where),
                   key->path, wanted, got == NULL ? "something else" : got);
    free(got);
    ss_buf_free(&where);
    return false;
}

static bool check_rules(const ss_config_key_t *key, const json_t *value,
                        const ss_config_source_t *source) {
    char why[512];
    ss_buf_t where = {0};
    bool ok = ss_browser_rules_check(value, why, sizeof(why));

    if (!ok) {
        tell_where(source, key->path, &where);
        ss_config_fail(source->error, "%s: %s", ss_buf_string(&where), why);
        ss_buf_free(&where);
    }
    return ok;
}

/* The name of a key that stands in the object `parent` itself, "" being the top; else NULL. */
static const char *name_within(const ss_config_key_t *key, const char *parent) {
    size_t len = strlen(parent);
    const char *name = key->path + len + (len != 0);

    if (len != 0 && (strncmp(key->path, parent, len) != 0 || key->path[len] != '.')) {
        return NULL;
    }
    return strchr(name, '.') == NULL ? name : NULL;
}

static void list_names(const char *parent, ss_buf_t *out) {
    const char *between = "";

    for (size_t i = 0; i < ss_config_n_keys; i++) {
        const char *name = name_within(&ss_config_keys[i], parent);

        if (name != NULL) {
            ss_buf_printf(out, "%s%s", between, name);
            between = ", ";
        }
    }
}

/* `meant`: the path that was meant, NULL when there is none like it. */
static bool refuse_name(const char *parent, const char *path, const char *meant,
                        const ss_config_source_t *source) {
    ss_buf_t where = {0};
    ss_buf_t names = {0};

    tell_where(source, path, &where);
    if (meant != NULL) {
        ss_config_fail(source->error, "%s: there is no key \"%.100s\"; did you mean \"%s\"?",
                       ss_buf_string(&where), path, meant);
    } else {
        list_names(parent, &names);
        ss_config_fail(source->error, "%s: there is no key \"%.100s\"; %s has %s",
                       ss_buf_string(&where), path, parent, ss_buf_string(&names));
    }
    ss_buf_free(&where);
    ss_buf_free(&names);
    return false;
}

/* --- what looks like a slip ------------------------------------------------------------------ */

/* `longer` is `shorter` and an s, or digits: another of the same kind. */
static bool is_another(const char *longer, const char *shorter) {
    size_t len = strlen(shorter);
    const char *end = longer + len;

    return strncmp(longer, shorter, len) == 0 &&
           (strcmp(end, "s") == 0 || end[strspn(end, "0123456789")] == '\0');
}

static bool holds_a_name_of_ours(const json_t *value, const char *path) {
    for (size_t i = 0; i < ss_config_n_keys; i++) {
        const char *name = name_within(&ss_config_keys[i], path);

        if (name != NULL && json_object_get(value, name) != NULL) {
            return true;
        }
    }
    return false;
}

static bool is_slip(const char *name, const json_t *value, const ss_config_key_t *key,
                    const char *ours) {
    size_t len = strlen(ours);
    unsigned most = len >= SLIP_LONG_MIN ? 2 : 1;

    return name[0] == ours[0] && len > 3 && ss_nearest_distance(name, ours) <= most &&
           !is_another(name, ours) && !is_another(ours, name) && ss_config_key_takes(key, value) &&
           (!ss_config_key_is_object(key) || len > SLIP_SHORT_MAX ||
            holds_a_name_of_ours(value, key->path));
}

static const char *slip_of(const char *parent, const char *name, const json_t *value) {
    for (size_t i = 0; i < ss_config_n_keys; i++) {
        const char *ours = name_within(&ss_config_keys[i], parent);

        if (ours != NULL && is_slip(name, value, &ss_config_keys[i], ours)) {
            return ss_config_keys[i].path;
        }
    }
    return NULL;
}

/* "user" for "username". */
static const char *begun_in(const char *parent, const char *name) {
    size_t len = strlen(name);

    for (size_t i = 0; i < ss_config_n_keys && len > 2; i++) {
        const char *ours = name_within(&ss_config_keys[i], parent);

        if (ours != NULL && strncmp(ours, name, len) == 0) {
            return ours;
        }
    }
    return NULL;
}

static const char *nearest_in(const char *parent, const char *name) {
    ss_nearest_t nearest = ss_nearest_to(name, NAMED_NEAREST);

    for (size_t i = 0; i < ss_config_n_keys; i++) {
        const char *ours = name_within(&ss_config_keys[i], parent);

        /* Half of it must be right, so that short names are not like everything. */
        if (ours != NULL && ss_nearest_distance(name, ours) <= strlen(ours) / 2) {
            ss_nearest_offer(&nearest, ours);
        }
    }
    return nearest.best == NULL ? begun_in(parent, name) : nearest.best; /* within its path */
}

/* --- the walk -------------------------------------------------------------------------------- */

static bool check_object(const json_t *object, const ss_config_key_t *of,
                         const ss_config_source_t *source);

static bool check_unknown(const char *path, const char *name, const json_t *value,
                          const ss_config_key_t *of, const ss_config_source_t *source) {
    const char *parent = of == NULL ? "" : of->path;
    const char *meant;
    char full[SS_CONFIG_PATH_MAX];

    if (of == NULL || of->type == T_OPEN) {
        meant = slip_of(parent, name, value);
        return meant == NULL || refuse_name(parent, path, meant, source);
    }
    meant = nearest_in(parent, name);
    snprintf(full, sizeof(full), "%s.%s", parent, meant == NULL ? "" : meant);
    return refuse_name(parent, path, meant == NULL ? NULL : full, source);
}

static bool check_member(const char *name, const json_t *value, const ss_config_key_t *of,
                         const ss_config_source_t *source) {
    char path[SS_CONFIG_PATH_MAX];
    const ss_config_key_t *key;

    snprintf(path, sizeof(path), "%s%s%s", of == NULL ? "" : of->path, of == NULL ? "" : ".", name);
    key = strchr(name, '.') == NULL ? ss_config_key_find(path) : NULL;
    if (key == NULL) {
        return check_unknown(path, name, value, of, source);
    }
    if (!ss_config_key_takes(key, value)) {
        return refuse_value(key, value, source);
    }
    if (key->type == T_RULES) {
        return check_rules(key, value, source);
    }
    return !ss_config_key_is_object(key) || check_object(value, key, source);
}

/* `of`: the key whose value `object` is; NULL at the top. */
static bool check_object(const json_t *object, const ss_config_key_t *of,
                         const ss_config_source_t *source) {
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)object, name, value) {
        if (!check_member(name, value, of, source)) {
            return false;
        }
    }
    return true;
}

bool ss_config_check(const json_t *layer, const ss_config_source_t *source) {
    return check_object(layer, NULL, source);
}
