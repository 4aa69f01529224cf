/* SPDX-License-Identifier: MIT
 *
 * The HTTP API: /api/app/square?25 calls app.square(25).
 *
 * Owns the way from a REQUEST to an action and back to a RESPONSE: methods, content types, status
 * codes, headers.  Leaves the parameters to params.c, the call to request.c, what is about the
 * session to login.c, what is for another worker's stream to relay.c.
 */
#ifndef SS_API_H
#define SS_API_H

#include "failure.h"
#include "peer.h"

/* Where an answer goes. */
typedef struct {
    ss_peer_t *peer;
    uint32_t slot;
    uint32_t generation;
} ss_api_target_t;

/* Handles one whole request of a slot that holds it.  `refused` is 0, or the error to answer
 * instead.  Answers now or later, and frees the slot then. */
void ss_api_request(ss_peer_t *peer, const ss_link_header_t *header, ss_span_t message,
                    int refused);

/* Ends a RESPONSE that was begun with ss_peer_begin(), and frees the slot. */
void ss_api_end(const ss_api_target_t *target);

/* Answers with an error.  `status` 0 takes the code's own; `allow` is NULL or that header's value.
 */
void ss_api_refuse(const ss_api_target_t *target, const ss_failure_t *failure, unsigned status,
                   const char *allow);

/* true for application/json, and for no body at all. */
bool ss_api_body_acceptable(const ss_link_request_t *request);

#endif
