/* SPDX-License-Identifier: MIT
 *
 * The one flat table of actions, by their full names ("users.online.now").
 *
 * C actions are added at start and stay.  Those of action hosts come and go with what their code
 * offers; an entry that was given up is inactive, and stays allocated, since handles of calls name
 * it.  Names are bytes: no name that a client can send means anything but itself.
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
    bool active;                 /* may be called */
    bool kept;                   /* ss_registry_begin_offer(): has been offered again */
    struct ss_host_group *group; /* whose processes run it; NULL: it is `run` */
} ss_action_entry_t;

/* All zero is a valid, empty registry. */
typedef struct {
    ss_action_entry_t **actions; /* by index */
    size_t count;
    ss_action_entry_t **table; /* open addressing; `slots` is a power of two, or 0 */
    size_t slots;
    bool changed; /* since ss_registry_begin_offer() */
} ss_registry_t;

void ss_registry_finish(ss_registry_t *registry);

/* Adds an action; NULL when the name is taken.  Copies the name. */
ss_action_entry_t *ss_registry_add(ss_registry_t *registry, const char *name, ss_action_fn run,
                                   unsigned flags);

/* Whether a name is made of letters, digits, _ $ and -, and of dots between such parts. */
bool ss_action_name_good(const char *name);

/* What the hosts of a group offer from now on: begin, offer each, end.  ss_registry_offer() gives
 * false when the name belongs to somebody else; ss_registry_end_offer() gives up what was not
 * offered again, and tells whether the list of names is another. */
void ss_registry_begin_offer(ss_registry_t *registry, const struct ss_host_group *group);
bool ss_registry_offer(ss_registry_t *registry, struct ss_host_group *group, const char *name,
                       unsigned flags);
bool ss_registry_end_offer(ss_registry_t *registry, const struct ss_host_group *group);

/* Whether that name may be offered by `group`. */
bool ss_registry_free_for(const ss_registry_t *registry, const struct ss_host_group *group,
                          const char *name);

/* Whether browsers are told of it. */
static inline bool ss_action_told(const ss_action_entry_t *action) {
    return action->active && !action->hidden;
}

/* NULL when there is none of that name.  Entries live as long as the registry. */
const ss_action_entry_t *ss_registry_find(const ss_registry_t *registry, const char *name,
                                          size_t len);

/* How many are not hidden: the application's own. */
size_t ss_registry_told(const ss_registry_t *registry);

/* The names that are not hidden as a JSON array, sorted; the caller's reference. */
json_t *ss_registry_names(const ss_registry_t *registry);

#endif
