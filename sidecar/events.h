/* SPDX-License-Identifier: MIT
 *
 * Server events: what the application registered with ss_on(), and the calling of it.  Hosts get
 * those that they asked for (`on`) as text.
 */
#ifndef SS_EVENTS_H
#define SS_EVENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "session.h"

void ss_events_init(void);
void ss_events_finish(void);

/* What stands for an event among those that a host listens to; 0: there is no such event. */
uint32_t ss_events_bit(const char *event);

/* true when anybody listens, for events that cost something to find out. */
bool ss_events_wanted(const char *event);

/* `client` and `channel` may be NULL; `client` has not lost its place yet. */
void ss_events_emit(const char *event, const ss_session_t *session, const ss_client_t *client,
                    const char *channel);

/* An event of a user, not of a session. */
void ss_events_emit_user(const char *event, const char *user);

/* The session, or the clients that it had, have another id than `from`. */
void ss_events_emit_renamed(const ss_session_t *session, const uint8_t *from);

#endif
