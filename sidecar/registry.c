/* SPDX-License-Identifier: MIT
 *
 * See registry.h.  The table is at most half full, so that a miss ends soon; it holds only names
 * of the application, so that nobody outside can choose what collides.
 */
#include "registry.h"

#include <ctype.h>

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

/* Puts a new one into the free slot `at`. */
static ss_action_entry_t *insert(ss_registry_t *r, size_t at, const char *name, uint32_t hash,
                                 ss_action_fn run, unsigned flags) {
    size_t len = strlen(name);
    ss_action_entry_t *entry = ss_alloc_zero(sizeof *entry);
    entry->name = ss_copy(name, len);
    entry->name_len = (uint32_t)len;
    entry->hash = hash;
    entry->index = (uint32_t)r->count;
    entry->run = run;
    entry->flags = flags;
    entry->active = true;
    r->table[at] = entry;
    r->actions[r->count++] = entry;
    return entry;
}

bool ss_action_name_good(const char *name) {
    for (const char *p = name; *p != '\0'; p++) {
        bool part = isalnum((unsigned char)*p) || *p == '_' || *p == '$' || *p == '-';
        if (!part && (*p != '.' || p == name || p[-1] == '.' || p[1] == '\0')) {
            return false;
        }
    }
    return *name != '\0';
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
    return insert(r, at, name, hash, run, flags);
}

static ss_action_entry_t *find_any(const ss_registry_t *r, const char *name, size_t len) {
    return r->slots == 0 ? NULL : r->table[locate(r, name, len, hash_name(name, len))];
}

const ss_action_entry_t *ss_registry_find(const ss_registry_t *r, const char *name, size_t len) {
    const ss_action_entry_t *entry = find_any(r, name, len);
    return entry != NULL && entry->active ? entry : NULL;
}

/* --- what hosts offer ------------------------------------------------------------------------ */

void ss_registry_begin_offer(ss_registry_t *r, const struct ss_host_group *group) {
    r->changed = false;
    for (size_t i = 0; i < r->count; i++) {
        if (r->actions[i]->group == group) {
            r->actions[i]->kept = false;
        }
    }
}

bool ss_registry_free_for(const ss_registry_t *r, const struct ss_host_group *group,
                          const char *name) {
    const ss_action_entry_t *entry = ss_registry_find(r, name, strlen(name));
    return entry == NULL || entry->group == group;
}

bool ss_registry_offer(ss_registry_t *r, struct ss_host_group *group, const char *name,
                       unsigned flags) {
    if (!ss_registry_free_for(r, group, name)) {
        return false;
    }
    ss_action_entry_t *entry = find_any(r, name, strlen(name));
    r->changed = r->changed || entry == NULL || !entry->active;
    if (entry == NULL) {
        entry = ss_registry_add(r, name, NULL, flags);
    }
    entry->group = group;
    entry->flags = flags;
    entry->active = true;
    entry->kept = true;
    return true;
}

bool ss_registry_end_offer(ss_registry_t *r, const struct ss_host_group *group) {
    for (size_t i = 0; i < r->count; i++) {
        ss_action_entry_t *entry = r->actions[i];
        if (entry->group == group && entry->active && !entry->kept) {
            entry->active = false;
            r->changed = true;
        }
    }
    return r->changed;
}

/* --- names ----------------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b) {
    const ss_action_entry_t *const *left = a;
    const ss_action_entry_t *const *right = b;
    return strcmp((*left)->name, (*right)->name);
}

size_t ss_registry_told(const ss_registry_t *r) {
    size_t n = 0;
    for (size_t i = 0; i < r->count; i++) {
        n += ss_action_told(r->actions[i]);
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
        if (ss_action_told(sorted[i])) {
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
