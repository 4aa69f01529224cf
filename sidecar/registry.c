/* SPDX-License-Identifier: MIT
 *
 * See registry.h.  The table is at most half full, so that a miss ends soon; it holds only names
 * of the application, so that nobody outside can choose what collides.
 */
#include "registry.h"

#include "mem.h"

#define FIRST_SLOTS 64

static uint32_t hash_name(const char *name, size_t len) {
    uint32_t hash = 2166136261u; /* FNV-1a */
    for (size_t i = 0; i < len; i++) {
        hash = (hash ^ (unsigned char)name[i]) * 16777619u;
    }
    return hash;
}

/* The slot that holds the name, or the free one where it belongs. */
static size_t locate(const ss_registry_t *r, const char *name, size_t len, uint32_t hash) {
    size_t at = hash & (r->slots - 1);
    for (; r->table[at] != NULL; at = (at + 1) & (r->slots - 1)) {
        const ss_action_entry_t *entry = r->table[at];
        if (entry->hash == hash && entry->name_len == len && memcmp(entry->name, name, len) == 0) {
            break;
        }
    }
    return at;
}

static void grow(ss_registry_t *r) {
    r->slots = r->slots == 0 ? FIRST_SLOTS : r->slots * 2;
    free(r->table);
    r->table = ss_alloc_zero(r->slots * sizeof r->table[0]);
    r->actions = ss_realloc(r->actions, r->slots * sizeof r->actions[0]);
    for (size_t i = 0; i < r->count; i++) {
        ss_action_entry_t *entry = r->actions[i];
        r->table[locate(r, entry->name, entry->name_len, entry->hash)] = entry;
    }
}

ss_action_entry_t *ss_registry_add(ss_registry_t *r, const char *name, ss_action_fn run,
                                   unsigned flags) {
    size_t len = strlen(name);
    uint32_t hash = hash_name(name, len);
    if ((r->count + 1) * 2 > r->slots) {
        grow(r);
    }
    size_t at = locate(r, name, len, hash);
    if (r->table[at] != NULL) {
        return NULL;
    }
    ss_action_entry_t *entry = ss_alloc_zero(sizeof *entry);
    entry->name = ss_copy(name, len);
    entry->name_len = (uint32_t)len;
    entry->hash = hash;
    entry->index = (uint32_t)r->count;
    entry->run = run;
    entry->flags = flags;
    r->table[at] = entry;
    r->actions[r->count++] = entry;
    return entry;
}

const ss_action_entry_t *ss_registry_find(const ss_registry_t *r, const char *name, size_t len) {
    return r->slots == 0 ? NULL : r->table[locate(r, name, len, hash_name(name, len))];
}

static int by_name(const void *a, const void *b) {
    const ss_action_entry_t *const *left = a;
    const ss_action_entry_t *const *right = b;
    return strcmp((*left)->name, (*right)->name);
}

size_t ss_registry_told(const ss_registry_t *r) {
    size_t n = 0;
    for (size_t i = 0; i < r->count; i++) {
        n += !r->actions[i]->hidden;
    }
    return n;
}

json_t *ss_registry_names(const ss_registry_t *r) {
    json_t *names = json_array();
    if (r->count == 0) {
        return names;
    }
    ss_action_entry_t **sorted = ss_alloc(r->count * sizeof sorted[0]);
    memcpy(sorted, r->actions, r->count * sizeof sorted[0]);
    qsort(sorted, r->count, sizeof sorted[0], by_name);
    for (size_t i = 0; i < r->count; i++) {
        if (!sorted[i]->hidden) {
            json_array_append_new(names, json_string(sorted[i]->name));
        }
    }
    free(sorted);
    return names;
}

void ss_registry_finish(ss_registry_t *r) {
    for (size_t i = 0; i < r->count; i++) {
        free(r->actions[i]->name);
        free(r->actions[i]);
    }
    free(r->actions);
    free(r->table);
    *r = (ss_registry_t){0};
}
