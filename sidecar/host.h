/* SPDX-License-Identifier: MIT
 *
 * Action hosts as the rest of the sidecar sees them: docs/ACTION_HOSTS.md has the protocol.
 *
 * Owns what is said to a host besides calls: answers to what it asked, and events it asked for.
 */
#ifndef SS_HOST_H
#define SS_HOST_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "failure.h"
#include "peer.h"
#include "ss_wire.h"

/* Answers the ASK of this number; nothing when the number is 0, or the host has gone: a peer on
 * which a reference is held may be answered at any time.  What is too long for the link, or no
 * valid JSON, becomes an error.  Nothing is taken. */
void ss_host_answer(ss_peer_t *host, uint32_t number, const json_t *result);
void ss_host_answer_text(ss_peer_t *host, uint32_t number, ss_span_t json);
void ss_host_answer_failure(ss_peer_t *host, uint32_t number, const ss_failure_t *failure);

/* A process of a group, or a console, has asked (`on`) for events: a set of bits below 1 << 32,
 * whose meaning is the caller's.  Its whole group gets them from now on, until the group runs other
 * code. */
void ss_host_listen(ss_peer_t *host, uint32_t events);

/* Whether any group listens for one of `events`: else the text need not be made. */
bool ss_host_listened(uint32_t events);

/* Sends EVENT to each console that listens for `event`, and to one process of each group that does:
 * to the one that gets the calls of sessions with this `pin` (ss_session_t). */
void ss_host_event(uint32_t event, uint8_t pin, ss_span_t json);

#endif
