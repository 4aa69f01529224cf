/* SPDX-License-Identifier: MIT
 *
 * The HTTP API: /api/app/square?25 calls app.square(25).
 *
 * Owns the way from a REQUEST to an action and back to a RESPONSE: methods, content types, status
 * codes, headers.  Leaves the parameters to params.c, the call to request.c, Basic Auth to
 * api_auth.c, the page and the document about it to api_root.c, what is about the session to
 * login.c, what is for another worker's stream to relay.c.
 */
#ifndef SS_API_H
#define SS_API_H

#include "failure.h"
#include "peer.h"
#include "registry.h"

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

/* A header, its value NUL-terminated. */
typedef struct {
    const char *name;
    const char *value;
} ss_api_header_t;

/* Begins a RESPONSE with a head; its body is to be appended to what this gives.  `more` has `n`
 * headers besides those of every answer, together less than 1 KiB. */
ss_buf_t *ss_api_begin(const ss_api_target_t *target, unsigned status, const char *type,
                       const ss_api_header_t *more, size_t n);

/* Ends a RESPONSE that was begun with ss_peer_begin(), and frees the slot. */
void ss_api_end(const ss_api_target_t *target);

/* Answers with an error.  `status` 0 takes the code's own; `more` is NULL or one header more. */
void ss_api_refuse(const ss_api_target_t *target, const ss_failure_t *failure, unsigned status,
                   const ss_api_header_t *more);

/* Runs the action that the request is for, in the name of `user`; NULL is nobody. */
void ss_api_run(const ss_api_target_t *target, const ss_link_request_t *request,
                const ss_action_entry_t *action, const char *user);

/* The value of the first header of that name, in lower case; ptr is NULL when there is none. */
ss_span_t ss_api_header(const ss_link_request_t *request, const char *name);

/* Whether two texts differ at most in the case of letters. */
bool ss_api_equals(ss_span_t span, const char *text);

/* true for application/json, and for no body at all. */
bool ss_api_body_acceptable(const ss_link_request_t *request);

#endif
