/* SPDX-License-Identifier: MIT
 *
 * See config_print.h: the table of docs/CONFIGURATION.md.
 */
#include "config_print.h"

#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "config_table.h"

/* What a preset says about a key, as JSON text of the caller's; NULL: nothing. */
static char *preset_value(const ss_config_preset_t *preset, const char *path) {
    json_t *layer = json_loads(preset->layer, 0, NULL);
    json_t *value = ss_config_at(layer, path);
    char *text = value == NULL ? NULL : json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);

    json_decref(layer);
    return text;
}

/* "; development and test `false`": environments of one value together, in order of the presets. */
static void print_presets(const ss_config_key_t *key, FILE *out) {
    ss_buf_t names = {0};
    char *last = NULL;

    for (size_t i = 0; i < ss_config_n_presets && !ss_config_key_is_object(key); i++) {
        char *value = preset_value(&ss_config_presets[i], key->path);

        if (value != NULL && last != NULL && strcmp(value, last) != 0) {
            fprintf(out, "; %s `%s`", ss_buf_string(&names), last);
            ss_buf_free(&names);
        }
        if (value != NULL) {
            ss_buf_printf(&names, "%s%s", names.len == 0 ? "" : " and ", ss_config_presets[i].env);
            free(last);
            last = value;
        }
    }
    if (last != NULL) {
        fprintf(out, "; %s `%s`", ss_buf_string(&names), last);
    }
    ss_buf_free(&names);
    free(last);
}

/* A bar would end the cell. */
static void print_cell(const char *text, FILE *out) {
    for (; *text != '\0'; text++) {
        if (*text == '|') {
            fputc('\\', out);
        }
        fputc(*text, out);
    }
}

void ss_config_print_markdown(FILE *out) {
    fputs("| key | default | meaning |\n|---|---|---|\n", out);
    for (size_t i = 0; i < ss_config_n_keys; i++) {
        const ss_config_key_t *key = &ss_config_keys[i];

        if (key->meaning[0] == '\0') {
            continue;
        }
        fprintf(out, "| `%s` | `", key->path);
        print_cell(key->preset, out);
        fputc('`', out);
        print_presets(key, out);
        fputs(" | ", out);
        print_cell(key->meaning, out);
        fputs(" |\n", out);
    }
}
