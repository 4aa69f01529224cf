/* SPDX-License-Identifier: MIT
 *
 * What a host says of itself in READY, checked: its actions, and the problems of its files.
 */
#ifndef SS_HOST_READY_H
#define SS_HOST_READY_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "buf.h"
#include "registry.h"
#include "ss_wire.h"

/* All zero is valid: nothing at all. */
typedef struct {
    json_t *actions;       /* array of {"name"[,"authenticated"]}; the names are good ones */
    json_t *problems;      /* array of {"message"[,"file","line","column","frame","module"]} */
    json_t *authenticator; /* why it cannot ask the module of Basic Auth, a problem; NULL: it can */
    bool misnamed;         /* neither it nor C has a module of that name: set by host_swap.c */
} ss_host_ready_t;

/* Reads READY's payload.  false with `error`, and nothing to free. */
bool ss_host_ready_parse(ss_span_t text, ss_host_ready_t *out, ss_buf_t *error);

void ss_host_ready_free(ss_host_ready_t *ready);

/* Adds a problem for each action that is somebody else's by the registry. */
void ss_host_ready_check(ss_host_ready_t *ready, const ss_registry_t *registry,
                         const struct ss_host_group *group);

/* Puts these actions in place of those that the group had; true when the list of all is another. */
bool ss_host_ready_offer(const ss_host_ready_t *ready, ss_registry_t *registry,
                         struct ss_host_group *group);

/* A problem without a file. */
json_t *ss_host_problem(const char *message);

/* One of a file, or of what else is to be corrected. */
json_t *ss_host_problem_in(const char *file, const char *message);

/* Appends a problem as lines for the log: "app/server/a.js:3:7: message", and the frame. */
void ss_host_problem_write(ss_buf_t *b, const json_t *problem);

/* The problem for which a module with this action is not there; NULL: none is. */
const json_t *ss_host_problem_of(const json_t *problems, const char *name, size_t len);

#endif
