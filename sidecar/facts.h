/* SPDX-License-Identifier: MIT
 *
 * What an action host is told of a session, as JSON: in CALL, EVENT and the answers to ASK.
 * docs/ACTION_HOSTS.md describes the members.
 */
#ifndef SS_FACTS_H
#define SS_FACTS_H

#include "buf.h"
#include "session.h"

/* Appends {"id":…,"created_at":…[,"user":…][,"attributes":…][,"channels":…][,"new":true]}:
 * attributes as they are here, unsaved ones included. */
void ss_facts_session(ss_buf_t *b, const ss_session_t *session);

#endif
