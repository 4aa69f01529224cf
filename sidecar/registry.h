/* SPDX-License-Identifier: MIT
 *
 * The one flat table of actions, by their full names ("users.online.now").
 *
 * Filled at start, unchanged afterwards.  Names are bytes: no name that a client can send means
 * anything but itself.
 */
#ifndef SS_REGISTRY_H
#define SS_REGISTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "include/socketstream.h"

typedef struct {
    char *name; /* NUL-terminated */
    uint32_t name_len;
    uint32_t hash;
    uint32_t index; /* in the order of adding */
    ss_action_fn run;
    unsigned flags;              /* SS_AUTHENTICATED */
    bool hidden;                 /* not told to browsers */
    struct ss_host_group *group; /* whose processes run it; NULL: it is `run` */
} ss_action_entry_t;

/* All zero is a valid, empty registry. */
typedef struct {
    ss_action_entry_t **actions; /* by index */
    size_t count;
    ss_action_entry_t **table; /* open addressing; `slots` is a power of two, or 0 */
    size_t slots;
} ss_registry_t;

void ss_registry_finish(ss_registry_t *registry);

/* Adds an action; NULL when the name is taken.  Copies the name. */
ss_action_entry_t *ss_registry_add(ss_registry_t *registry, const char *name, ss_action_fn run,
                                   unsigned flags);

/* NULL when there is none of that name.  Entries live as long as the registry. */
const ss_action_entry_t *ss_registry_find(const ss_registry_t *registry, const char *name,
                                          size_t len);

/* How many are not hidden: the application's own. */
size_t ss_registry_told(const ss_registry_t *registry);

/* The names that are not hidden as a JSON array, sorted; the caller's reference. */
json_t *ss_registry_names(const ss_registry_t *registry);

#endif
