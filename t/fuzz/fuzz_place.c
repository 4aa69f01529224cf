/* SPDX-License-Identifier: MIT
 *
 * Places of keys: found is what jansson finds by the same path, and where it is told to stand the
 * name stands.  Input: a dotted path, a NUL, a JSON text.
 */
#include "fuzz.h"

#include <jansson.h>
#include <string.h>

#include "config_place.h"

#define PLACE_PATH_MAX 100

/* By way of objects alone; NULL when there is nothing. */
static const json_t *place_walk(const json_t *tree, const char *path) {
    char name[PLACE_PATH_MAX];
    for (;;) {
        size_t len = strcspn(path, ".");
        memcpy(name, path, len);
        name[len] = '\0';
        tree = json_object_get(tree, name);
        if (tree == NULL || path[len] == '\0') {
            return tree;
        }
        path += len + 1;
    }
}

/* Where a line and a column are, in bytes. */
static size_t place_offset(const char *text, size_t len, const ss_config_place_t *place) {
    size_t at = 0;
    for (int line = 1; line < place->line; line++) {
        const char *end = memchr(text + at, '\n', len - at);
        FUZZ_CHECK(end != NULL);
        at = (size_t)(end - text) + 1;
    }
    for (int column = 1; column < place->column; column++) {
        do {
            at++;
        } while (at < len && ((unsigned char)text[at] & 0xc0) == 0x80);
    }
    return at;
}

static void place_check_there(const char *text, size_t len, const char *path,
                              const ss_config_place_t *place) {
    const char *dot = strrchr(path, '.');
    const char *name = dot == NULL ? path : dot + 1;
    size_t n = strlen(name);
    FUZZ_CHECK(place->line >= 1 && place->column >= 1);
    size_t at = place_offset(text, len, place);
    FUZZ_CHECK(at + n + 2 < len && text[at] == '"' && text[at + n + 1] == '"');
    FUZZ_CHECK(memcmp(text + at + 1, name, n) == 0);
}

int fuzz_place(const uint8_t *data, size_t size) {
    const char *path = (const char *)data;
    size_t path_len = strnlen(path, size);
    if (path_len == size || path_len >= PLACE_PATH_MAX) {
        return 0;
    }
    const char *text = path + path_len + 1;
    size_t len = size - path_len - 1;
    ss_config_place_t place = {0, 0};
    bool found = ss_config_place_find(text, len, path, &place);

    json_t *tree = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
    if (tree != NULL) {
        if (memchr(text, '\\', len) == NULL) { /* names with escapes are not found */
            FUZZ_CHECK(found == (place_walk(tree, path) != NULL));
        }
        if (found) {
            place_check_there(text, len, path, &place);
        }
        json_decref(tree);
    }
    return 0;
}
