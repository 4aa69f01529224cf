/* SPDX-License-Identifier: MIT
 *
 * See config_print.h: the table for people.  All rows are made first, since the widest ones say how
 * wide the columns are.
 */
#include "config_print.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "config_check.h"
#include "config_table.h"
#include "log.h"

#define VALUE_SHOWN 40   /* characters of a value; `config KEY` prints all of it */
#define KEY_BYTES 512    /* of an application's key, escaped */
#define MEANING_LEAST 24 /* columns that a meaning is wrapped into, though they be not there */
#define GAP "  "

enum { KEY, VALUE, ORIGIN, MEANING, COLUMNS };

typedef struct {
    char *cells[COLUMNS];
} row_t;

typedef struct {
    const ss_config_t *config;
    row_t *rows;
    size_t n;
    size_t widths[COLUMNS];
} table_t;

/* Bytes of the character that begins here. */
static size_t step(const char *text) {
    size_t n = 1;

    while (((unsigned char)text[n] & 0xc0) == 0x80) {
        n++;
    }
    return n;
}

static size_t characters(const char *text) {
    size_t n = 0;

    for (; *text != '\0'; text += step(text)) {
        n++;
    }
    return n;
}

/* --- cells ----------------------------------------------------------------------------------- */

static bool is_to_hide(const char *path, const json_t *value) {
    bool tells_something =
        json_string_length(value) != 0 || json_is_number(value) || json_array_size(value) != 0;

    return tells_something && ss_config_is_secret(path);
}

static char *value_cell(const char *path, const json_t *value) {
    char *text;
    char *end;
    size_t n = 0;

    if (is_to_hide(path, value)) {
        return ss_copy("(hidden)", 8);
    }
    text = ss_config_dump(value);
    for (end = text; *end != '\0' && n < VALUE_SHOWN; end += step(end)) {
        n++;
    }
    if (*end != '\0') {
        ss_buf_t cut = {0};

        ss_buf_printf(&cut, "%.*s…", (int)(end - text), text);
        free(text);
        text = ss_copy(cut.data, cut.len);
        ss_buf_free(&cut);
    }
    return text;
}

static bool begins_link(const char *bracket) {
    const char *end = strchr(bracket, ']');

    return end != NULL && end[1] == '(';
}

/* Markdown without its marks; of links the text stays. */
static char *meaning_cell(const char *markdown) {
    ss_buf_t out = {0};
    char *text;

    for (const char *c = markdown; *c != '\0'; c++) {
        if (c[0] == ']' && c[1] == '(') {
            c += strcspn(c, ")");
        } else if (*c != '`' && !(*c == '[' && begins_link(c))) {
            ss_buf_append(&out, c, 1);
        }
    }
    text = ss_copy(out.data, out.len);
    ss_buf_free(&out);
    return text;
}

static void add_row(table_t *t, const char *path, const json_t *value, const char *meaning) {
    char key[KEY_BYTES];
    row_t *row;

    t->rows = ss_realloc(t->rows, (t->n + 1) * sizeof(*t->rows));
    row = &t->rows[t->n++];
    ss_log_escape(key, sizeof(key), path, strlen(path));
    row->cells[KEY] = strdup(key);
    row->cells[VALUE] = value_cell(path, value);
    row->cells[ORIGIN] = strdup(ss_config_origin(t->config, path));
    row->cells[MEANING] = meaning_cell(meaning);
    for (int i = 0; i < COLUMNS; i++) {
        size_t width = characters(row->cells[i]);

        t->widths[i] = width > t->widths[i] ? width : t->widths[i];
    }
}

/* --- rows ------------------------------------------------------------------------------------ */

static void add_known(table_t *t) {
    for (size_t i = 0; i < ss_config_n_keys; i++) {
        const ss_config_key_t *key = &ss_config_keys[i];
        const json_t *value = ss_config_get(t->config, key->path);

        if (key->meaning[0] != '\0' && json_object_size(value) == 0) {
            add_row(t, key->path, value, key->meaning);
        }
    }
}

/* The application's own, below `value`. */
static void add_own(table_t *t, const char *path, const json_t *value) {
    const char *name;
    json_t *member;

    if (json_object_size(value) == 0) {
        if (ss_config_key_find(path) == NULL) {
            add_row(t, path, value, "of the application");
        }
        return;
    }
    json_object_foreach((json_t *)value, name, member) {
        ss_buf_t inner = {0};

        ss_buf_printf(&inner, "%s%s%s", path, *path == '\0' ? "" : ".", name);
        add_own(t, ss_buf_string(&inner), member);
        ss_buf_free(&inner);
    }
}

/* --- lines ----------------------------------------------------------------------------------- */

static void print_padded(const char *text, size_t width, FILE *out) {
    fprintf(out, "%s%*s" GAP, text, (int)(width - characters(text)), "");
}

/* As many whole words as fit into `width`, one at least; gives what is left. */
static const char *print_words(const char *text, size_t width, FILE *out) {
    size_t used = 0;

    while (*text != '\0') {
        size_t len = strcspn(text, " ");
        char *word = ss_copy(text, len);
        size_t wide = characters(word) + (used != 0);

        if (used != 0 && used + wide > width) {
            free(word);
            break;
        }
        fprintf(out, "%s%s", used == 0 ? "" : " ", word);
        free(word);
        used += wide;
        text += len + (text[len] == ' ');
    }
    fputc('\n', out);
    return text;
}

static void print_row(const table_t *t, const row_t *row, unsigned width, FILE *out) {
    size_t indent = t->widths[KEY] + t->widths[VALUE] + t->widths[ORIGIN] + 3 * strlen(GAP);
    size_t room = width > indent + MEANING_LEAST ? width - indent : MEANING_LEAST;
    const char *rest = row->cells[MEANING];

    for (int i = 0; i < MEANING; i++) {
        print_padded(row->cells[i], t->widths[i], out);
    }
    if (width == 0) {
        fprintf(out, "%s\n", rest);
        return;
    }
    for (rest = print_words(rest, room, out); *rest != '\0'; rest = print_words(rest, room, out)) {
        fprintf(out, "%*s", (int)indent, "");
    }
}

void ss_config_print_table(const ss_config_t *config, FILE *out, unsigned width) {
    static const char *const names[] = {"key", "value", "from", "meaning"};
    table_t t = {.config = config};
    row_t heading;

    for (int i = 0; i < COLUMNS; i++) {
        heading.cells[i] = (char *)names[i];
        t.widths[i] = strlen(names[i]);
    }
    add_known(&t);
    add_own(&t, "", ss_config_get(config, ""));
    print_row(&t, &heading, width, out);
    for (size_t i = 0; i < t.n; i++) {
        print_row(&t, &t.rows[i], width, out);
        for (int j = 0; j < COLUMNS; j++) {
            free(t.rows[i].cells[j]);
        }
    }
    free(t.rows);
}
