/* SPDX-License-Identifier: MIT
 *
 * Code taking the place of code: READY, and what it means for who gets the calls.
 *
 * Owns the rules: a process that replaces another gets calls once it is READY without problems; the
 * processes of a reload get them all at once; what fails to load is dropped, and the old goes on.
 * Only in development does code with problems run, where nothing better does.
 */
#ifndef SS_HOST_SWAP_H
#define SS_HOST_SWAP_H

#include "host_group.h"
#include "ss_wire.h"

/* A host has said READY. */
void ss_host_swap_ready(ss_host_t *host, ss_span_t text);

/* A host asks to be replaced. */
void ss_host_swap_retire(ss_host_t *host, ss_span_t reason);

/* The process of a host that is in its slot has ended before READY. */
void ss_host_swap_failed(ss_host_t *host, const char *how);

/* The application's code has changed: starts processes with the new one beside those that run. */
void ss_host_reload(void);

/* Why the module of this action did not load, as in READY; NULL: none such is known. */
const json_t *ss_host_swap_problem(const char *name, size_t len);

#endif
