/* SPDX-License-Identifier: MIT
 *
 * Tickets: how a browser gets the cookie of the id that its session took at a login.
 *
 * A cookie that scripts cannot read cannot be set over a WebSocket either.  So the client is told
 * a ticket (system.session), good once and for SS_TICKET_MS, and posts it to the WebSocket's own
 * URL; the answer, from whatever node, carries the cookie.
 */
#ifndef SS_LOGIN_H
#define SS_LOGIN_H

#include <stdint.h>

#include "api.h"
#include "include/socketstream.h"
#include "session.h"

typedef struct {
    uint8_t id[SS_SESSION_ID_BYTES];
    char ticket[SS_SESSION_ID_TEXT + 1];
} ss_login_t;

/* A new id and a ticket for it. */
void ss_login_make(ss_login_t *login);

/* Sends the ticket to the client that called `req`, or if it has left to another of the session
 * that understands it. */
void ss_login_tell(const ss_session_t *session, ss_req *req, const ss_login_t *login);

/* Answers a POST about the session: 204 with the cookie; 400, 403, 405, 415, 503. */
void ss_login_exchange(const ss_api_target_t *target, const ss_link_request_t *request);

#endif
