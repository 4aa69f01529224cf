/* SPDX-License-Identifier: MIT
 *
 * See params.h.  jansson takes less than RFC 8259 allows (no integer over 64 bits, no lone
 * surrogate, no NUL in a member's name): that is an error in the parameters, not in the syntax.
 */
#include "params.h"

#include <stdio.h>

#include "bounds.h"
#include "json_writer.h"
#include "ss_json.h"
#include "ss_utf8.h"

static char error_text[JSON_ERROR_TEXT_LENGTH + 32];

static json_t *fail(const char **error, const char *reason) {
    snprintf(error_text, sizeof error_text, "Invalid params: %s", reason);
    *error = error_text;
    return NULL;
}

/* jansson quotes the input behind "near": that is the client's own, and may be cut anywhere. */
static json_t *fail_json(const char **error, json_error_t *reason) {
    char *near = strstr(reason->text, " near '");
    if (near != NULL) {
        *near = '\0';
    }
    return fail(error, reason->text);
}

static json_t *list_of(json_t *value) {
    if (json_is_array(value)) {
        return value;
    }
    json_t *list = json_array();
    json_array_append_new(list, value);
    return list;
}

/* Text in which only the encoding may be wrong. */
static bool take_text(ss_params_t *out, ss_span_t text, const char **error) {
    if (!ss_utf8_valid(text.ptr, text.len)) {
        fail(error, "they are not UTF-8");
        return false;
    }
    *out = (ss_params_t){.text = text};
    return true;
}

static bool take_list(ss_params_t *out, json_t *list) {
    *out = (ss_params_t){.list = list};
    return list != NULL;
}

bool ss_params_parse(ss_params_t *out, ss_span_t text, bool as_text, const char **error) {
    if (as_text) {
        return take_text(out, text, error);
    }
    if (text.ptr == NULL) {
        return take_list(out, json_array());
    }
    json_error_t reason;
    json_t *value = json_loadb(text.ptr, text.len, JSON_ALLOW_NUL, &reason);
    return take_list(out, value == NULL ? fail_json(error, &reason) : list_of(value));
}

static json_t *parse_body(ss_span_t body, const char **error) {
    json_error_t reason;
    if (body.len == 0) {
        return json_array();
    }
    json_t *value = json_loadb(body.ptr, body.len, JSON_ALLOW_NUL | JSON_DECODE_ANY, &reason);
    return value == NULL ? fail_json(error, &reason) : list_of(value);
}

static bool is_json(ss_span_t body) {
    return ss_json_valid(body.ptr, body.len) && ss_utf8_valid(body.ptr, body.len);
}

bool ss_params_body(ss_params_t *out, ss_span_t body, bool as_text, bool *malformed,
                    const char **error) {
    *malformed = false;
    if (as_text) {
        *out = (ss_params_t){.text = body};
        *malformed = body.len != 0 && !is_json(body);
        return !*malformed;
    }
    bool taken = take_list(out, parse_body(body, error));
    *malformed = !taken && !is_json(body);
    return taken;
}

void ss_params_write(ss_buf_t *b, const ss_params_t *params) {
    const char *end = params->text.ptr + params->text.len;
    const char *first = params->text.len == 0 ? end : ss_json_skip_space(params->text.ptr, end);
    bool list = first != end && *first == '[';
    if (!list) {
        ss_buf_literal(b, "[");
    }
    ss_buf_append(b, params->text.ptr, params->text.len);
    if (!list) {
        ss_buf_literal(b, "]");
    }
}

void ss_params_free(ss_params_t *params) {
    json_decref(params->list);
    free(params->owned);
    *params = (ss_params_t){0};
}

/* --- queries --------------------------------------------------------------------------------- */

static int hex(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Undoes %XX and + in place.  false when a percent sign stands for nothing. */
static bool decode(char *text, size_t *len) {
    size_t to = 0;
    for (size_t i = 0; i < *len; i++) {
        if (text[i] == '%') {
            int high = i + 2 < *len ? hex(text[i + 1]) : -1;
            int low = i + 2 < *len ? hex(text[i + 2]) : -1;
            if (high < 0 || low < 0) {
                return false;
            }
            text[to++] = (char)(high << 4 | low);
            i += 2;
        } else {
            text[to++] = text[i] == '+' ? ' ' : text[i];
        }
    }
    *len = to;
    return true;
}

static bool is_scalar(const char *text, size_t len) {
    return len != 0 && text[0] != '{' && text[0] != '[' && (unsigned char)text[0] > ' ' &&
           (unsigned char)text[len - 1] > ' ' && ss_json_valid(text, len);
}

/* A decoded text becomes a JSON scalar when it is one, else a string. */
static json_t *scalar(const char *text, size_t len, const char **error) {
    if (!ss_utf8_valid(text, len)) {
        return fail(error, "the query is not UTF-8");
    }
    if (!is_scalar(text, len)) {
        return json_stringn(text, len);
    }
    json_error_t reason;
    json_t *value = json_loadb(text, len, JSON_ALLOW_NUL | JSON_DECODE_ANY, &reason);
    return value == NULL ? fail_json(error, &reason) : value;
}

/* Decodes one part and turns it into a value. */
static json_t *value_of(char *text, size_t len, const char **error) {
    if (!decode(text, &len)) {
        return fail(error, "a percent sign in the query stands alone");
    }
    return scalar(text, len, error);
}

static bool add_pair(json_t *object, char *pair, size_t len, const char **error) {
    char *equals = memchr(pair, '=', len);
    size_t name_len = equals == NULL ? len : (size_t)(equals - pair);
    json_t *value =
        equals == NULL ? json_string("") : value_of(equals + 1, len - name_len - 1, error);
    if (value == NULL) {
        return false;
    }
    if (!decode(pair, &name_len) || !ss_utf8_valid(pair, name_len) ||
        memchr(pair, '\0', name_len) != NULL) {
        json_decref(value);
        fail(error, "a name in the query is malformed");
        return false;
    }
    char *name = ss_copy(pair, name_len);
    json_object_set_new(object, name, value);
    free(name);
    return true;
}

static json_t *object_of(char *text, size_t len, const char **error) {
    json_t *object = json_object();
    unsigned count = 0;
    for (size_t at = 0; at < len;) {
        char *end = memchr(text + at, '&', len - at);
        size_t n = end == NULL ? len - at : (size_t)(end - text) - at;
        bool added = n == 0;
        if (n != 0 && ++count > SS_API_PAIRS_MAX) {
            fail(error, "too many names in the query");
        } else if (n != 0) {
            added = add_pair(object, text + at, n, error);
        }
        if (!added) {
            json_decref(object);
            return NULL;
        }
        at += n + 1;
    }
    return object;
}

static json_t *parse_query(ss_span_t args, const char **error) {
    if (args.len == 0) {
        return json_array();
    }
    char *text = ss_copy(args.ptr, args.len);
    bool pairs = memchr(text, '=', args.len) != NULL || memchr(text, '&', args.len) != NULL;
    json_t *value = pairs ? object_of(text, args.len, error) : value_of(text, args.len, error);
    free(text);
    if (value == NULL) {
        return NULL;
    }
    json_t *list = json_array();
    json_array_append_new(list, value);
    return list;
}

bool ss_params_query(ss_params_t *out, ss_span_t args, bool as_text, const char **error) {
    if (!take_list(out, parse_query(args, error))) {
        return false;
    }
    if (as_text) {
        ss_buf_t text = {0};
        ss_json_write(&text, out->list, SIZE_MAX); /* at most some times as long as the query */
        json_decref(out->list);
        *out = (ss_params_t){.text = {text.data, text.len}, .owned = text.data};
    }
    return true;
}
