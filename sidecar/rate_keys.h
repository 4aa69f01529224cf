/* SPDX-License-Identifier: MIT
 *
 * What a worker that limits calls has to know of a client: which others it shares its rate with.
 *
 * Session and user are told as numbers that mean nothing to the worker.  Sent with ACCEPT, after a
 * REBIND, and whenever one of them changes; nothing is sent to workers that have not asked for it.
 */
#ifndef SS_RATE_KEYS_H
#define SS_RATE_KEYS_H

#include "session.h"

/* Tells the client's worker.  The client has a session. */
void ss_rate_keys_tell(const ss_client_t *client);

/* The same for all clients of a session whose beginning their workers know. */
void ss_rate_keys_changed(const ss_session_t *session);

#endif
