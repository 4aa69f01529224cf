/* SPDX-License-Identifier: MIT
 *
 * Calls of actions that a host runs: which process gets one, and its answer.
 *
 * A session's calls go to one process of the group as long as that is there; others to the one with
 * the fewest.  While a process starts, calls wait on its link, SS_HOST_AHEAD_MAX of them.
 */
#ifndef SS_HOST_CALL_H
#define SS_HOST_CALL_H

#include "host_group.h"
#include "params.h"
#include "request.h"

/* Sends a call to a process of its action's group; `params` are text and stay the caller's.  The
 * request may be gone after. */
void ss_host_call(ss_request_t *request, const ss_params_t *params);

/* A request that a host had is over. */
void ss_host_call_over(ss_host_t *host);

/* RETURN and FAIL; `refused` is 0, or why the payload is not here. */
void ss_host_call_returned(ss_peer_t *peer, uint64_t handle, ss_span_t result, int refused);
void ss_host_call_failed(ss_peer_t *peer, uint64_t handle, ss_span_t failure, int refused);

/* The process of a group that is to hear of a session with this pin; NULL: none is READY. */
ss_host_t *ss_host_of_pin(ss_host_group_t *group, uint8_t pin);

#endif
