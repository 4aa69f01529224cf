/* SPDX-License-Identifier: MIT
 *
 * See config_place.h.  One pass: strings are skipped as wholes, brackets are counted, and the
 * depth at which the next name of the path must stand grows as they are found.
 */
#include "config_place.h"

#include <string.h>

typedef struct {
    const char *text;
    size_t len;
    size_t at;
} scan_t;

/* Behind the string that begins at `at`. */
static size_t string_end(const scan_t *s) {
    size_t i = s->at + 1;

    while (i < s->len && s->text[i] != '"') {
        i += s->text[i] == '\\' ? 2 : 1;
    }
    return i < s->len ? i + 1 : s->len;
}

/* The first byte at or behind `i` that is no white space; NUL at the end. */
static char next(const scan_t *s, size_t *i) {
    while (*i < s->len && strchr(" \t\r\n", s->text[*i]) != NULL) {
        ++*i;
    }
    return *i < s->len ? s->text[*i] : '\0';
}

/* Where the value of the name that ends before `i` begins; 0 when it is no name. */
static size_t value_of(const scan_t *s, size_t i) {
    if (next(s, &i) != ':') {
        return 0;
    }
    i++;
    next(s, &i);
    return i;
}

static void tell(const scan_t *s, ss_config_place_t *place) {
    *place = (ss_config_place_t){.line = 1, .column = 1};
    for (size_t i = 0; i < s->at; i++) {
        if (s->text[i] == '\n') {
            place->line++;
            place->column = 1;
        } else if (((unsigned char)s->text[i] & 0xc0) != 0x80) {
            place->column++;
        }
    }
}

bool ss_config_place_find(const char *text, size_t len, const char *path,
                          ss_config_place_t *place) {
    scan_t s = {.text = text, .len = len};
    size_t depth = 0;
    size_t wanted = 1; /* the depth of the object that holds the next name */

    for (; s.at < len; s.at++) {
        char c = text[s.at];

        if (c == '{' || c == '[') {
            depth++;
        } else if ((c == '}' || c == ']') && depth-- <= wanted) {
            return false; /* the object that should hold it is over */
        } else if (c == '"') {
            size_t end = string_end(&s);
            size_t name = strcspn(path, ".");
            size_t value = value_of(&s, end);

            if (depth == wanted && end - s.at == name + 2 && value != 0 &&
                memcmp(text + s.at + 1, path, name) == 0) {
                if (path[name] == '\0') {
                    tell(&s, place);
                    return true;
                }
                if (value == len || text[value] != '{') {
                    return false; /* nothing is below it */
                }
                path += name + 1;
                wanted++;
            }
            s.at = end - 1;
        }
    }
    return false;
}
