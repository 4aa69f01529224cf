/* SPDX-License-Identifier: MIT
 *
 * The HTTP API: /api/app/square?25 calls app.square(25).
 *
 * Owns the way from a REQUEST to an action and back to a RESPONSE: methods, content types, status
 * codes, headers.  Leaves the parameters to params.c, the call to request.c.
 */
#ifndef SS_API_H
#define SS_API_H

#include "peer.h"

/* Handles one whole request of a slot that holds it.  `refused` is 0, or the error to answer
 * instead.  Answers now or later, and frees the slot then. */
void ss_api_request(ss_peer_t *peer, const ss_link_header_t *header, ss_span_t message,
                    int refused);

#endif
