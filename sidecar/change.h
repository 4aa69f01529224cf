/* SPDX-License-Identifier: MIT
 *
 * Changes of a session: what actions ask for, on its way to Redis and back.
 *
 * Every change is one script that runs only if the session's `version` still is what we loaded;
 * else it gives what is there, which is taken over, and the change is tried again on top of that.
 * So two nodes that change one session at a time lose nothing.  The changes of one session happen
 * one after the other; what they do here happens once Redis has said yes.
 */
#ifndef SS_CHANGE_H
#define SS_CHANGE_H

#include <stdint.h>

#include "include/socketstream.h"
#include "session.h"

typedef enum {
    SS_CHANGE_SAVE,        /* what is dirty among the attributes */
    SS_CHANGE_SUBSCRIBE,   /* to `topics` */
    SS_CHANGE_UNSUBSCRIBE, /* from `topics` */
    SS_CHANGE_RESET,       /* from all channels */
    SS_CHANGE_LOGIN,       /* as the user that is `topics[0]`; the id changes */
    SS_CHANGE_LOGOUT,      /* ends all that the session holds */
    SS_CHANGE_NONE, /* `done` comes once the session is known, and what was before it is done */
} ss_change_kind_t;

/* Queues a change.  Takes the references and the array of `topics` (NULL when n is 0).  `done`,
 * which may be NULL, comes later in any case: 0, SS_ERROR_UNAVAILABLE, SS_ERROR_TOO_LARGE, or
 * SS_ERROR_NOT_AUTHENTICATED when the user who asked for it has left meanwhile. */
void ss_change_add(ss_session_t *session, ss_change_kind_t kind, ss_topic_t **topics, uint32_t n,
                   ss_req *req, ss_done_fn done, void *arg);

/* The same for one who needs the session afterwards, which may be another then: it had moved to an
 * id that is here too.  `*at_end`, which lives until `done`, gets a reference. */
void ss_change_add_for(ss_session_t *session, ss_change_kind_t kind, ss_topic_t **topics,
                       uint32_t n, ss_req *req, ss_done_fn done, void *arg, ss_session_t **at_end);

/* Queues the saving of the attributes if they are dirty. */
void ss_change_save(ss_session_t *session);

/* Works on what waits; after a load. */
void ss_change_continue(ss_session_t *session);

/* Fails what waits with SS_ERROR_UNAVAILABLE, since Redis does not give the session; but where the
 * first change is on its way, whose answer is to come. */
void ss_change_refuse_all(ss_session_t *session);

/* Moves what waits to the session that takes the other's place. */
void ss_change_move(ss_session_t *from, ss_session_t *into);

#endif
