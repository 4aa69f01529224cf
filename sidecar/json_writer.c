/* SPDX-License-Identifier: MIT
 *
 * See json_writer.h.
 */
#include "json_writer.h"

#include <locale.h>
#include <math.h>

#include "digits.h"
#include "ss_json.h"
#include "ss_utf8.h"

typedef struct {
    ss_buf_t *b;
    size_t end; /* the length that the buffer may reach */
    unsigned depth;
    ss_json_write_t state;
} writer_t;

/* Every part of a value passes here, so that a large one stops soon after its limit. */
static void put(writer_t *w, const char *text, size_t len) {
    if (w->state != SS_JSON_WRITTEN) {
        return;
    }
    if (len > w->end - w->b->len) {
        w->state = SS_JSON_LARGE;
        return;
    }
    ss_buf_append(w->b, text, len);
}

static void put_integer(writer_t *w, json_int_t value) {
    char text[1 + SS_DECIMAL_MAX];
    char *p = text;
    if (value < 0) {
        *p++ = '-';
    }
    p = ss_decimal(p, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
    put(w, text, (size_t)(p - text));
}

static void put_real(writer_t *w, double value) {
    char text[32];
    if (!isfinite(value)) {
        w->state = SS_JSON_BROKEN; /* JSON has no word for it */
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value) {
            break;
        }
    }
    const char point = *localeconv()->decimal_point; /* an action may have set a locale */
    char *comma = point == '.' ? NULL : strchr(text, point);
    if (comma != NULL) {
        *comma = '.';
    }
    put(w, text, strlen(text));
}

static void put_string(writer_t *w, const char *text, size_t len) {
    const char *end = text + len;
    put(w, "\"", 1);
    if (!ss_utf8_valid(text, len)) {
        w->state = SS_JSON_BROKEN;
    } else if (ss_json_find_special(text, end) == end) {
        put(w, text, len);
    } else {
        size_t needed = ss_json_escape(NULL, 0, text, len);
        if (needed > w->end - w->b->len) {
            w->state = SS_JSON_LARGE;
        } else {
            ss_json_escape(ss_buf_reserve(w->b, needed), needed, text, len);
            w->b->len += needed;
        }
    }
    put(w, "\"", 1);
}

static void put_value(writer_t *w, const json_t *json);

static void put_array(writer_t *w, const json_t *array) {
    size_t count = json_array_size(array);
    put(w, "[", 1);
    for (size_t i = 0; i < count && w->state == SS_JSON_WRITTEN; i++) {
        if (i != 0) {
            put(w, ",", 1);
        }
        put_value(w, json_array_get(array, i));
    }
    put(w, "]", 1);
}

static void put_object(writer_t *w, json_t *object) {
    void *first = json_object_iter(object);
    put(w, "{", 1);
    for (void *at = first; at != NULL && w->state == SS_JSON_WRITTEN;
         at = json_object_iter_next(object, at)) {
        const char *key = json_object_iter_key(at);
        if (at != first) {
            put(w, ",", 1);
        }
        put_string(w, key, strlen(key));
        put(w, ":", 1);
        put_value(w, json_object_iter_value(at));
    }
    put(w, "}", 1);
}

static void put_value(writer_t *w, const json_t *json) {
    if (json == NULL || ++w->depth > SS_JSON_WRITE_DEPTH_MAX) {
        w->state = SS_JSON_BROKEN;
        return;
    }
    switch (json_typeof(json)) {
    case JSON_OBJECT:
        put_object(w, (json_t *)json); /* jansson's iterators want it so */
        break;
    case JSON_ARRAY:
        put_array(w, json);
        break;
    case JSON_STRING:
        put_string(w, json_string_value(json), json_string_length(json));
        break;
    case JSON_INTEGER:
        put_integer(w, json_integer_value(json));
        break;
    case JSON_REAL:
        put_real(w, json_real_value(json));
        break;
    case JSON_TRUE:
        put(w, "true", 4);
        break;
    case JSON_FALSE:
        put(w, "false", 5);
        break;
    case JSON_NULL:
        put(w, "null", 4);
        break;
    }
    w->depth--;
}

ss_json_write_t ss_json_write(ss_buf_t *b, const json_t *json, size_t max) {
    size_t start = b->len;
    writer_t w = {.b = b, .end = start + max, .state = SS_JSON_WRITTEN};
    put_value(&w, json);
    if (w.state != SS_JSON_WRITTEN) {
        b->len = start;
    }
    return w.state;
}
