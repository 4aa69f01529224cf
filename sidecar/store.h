/* SPDX-License-Identifier: MIT
 *
 * Sessions in Redis: loading, changing, and hearing of the changes of other nodes.
 *
 *     ss:session:<id>   hash {version, created_at (ms), user_id, attributes, channels}, or, for
 *                       SS_OLD_ID_MS after a login, {version: "moved", moved: <new id>}
 *     ss:ticket:<t>     the new id, until it is exchanged for a cookie
 *     ss:sessions       messages {id, kind, node[, to][, user]}: "changed", "moved", "logout"
 *
 * Every change is one script that runs only if `version` still is what we loaded; else it gives
 * what is there, which is taken over, and the change is tried again on top of that.  So two nodes
 * that change one session at a time lose nothing.  The changes of one session happen one after
 * the other; what they do here happens once Redis has said yes.
 */
#ifndef SS_STORE_H
#define SS_STORE_H

#include <stddef.h>
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
} ss_change_kind_t;

/* Loads or reloads; ss_connection_settle() follows.  Nothing happens while Redis is away. */
void ss_store_load(ss_session_t *session);

/* Queues a change.  Takes the references and the array of `topics` (NULL when n is 0).  `done`,
 * which may be NULL, comes later in any case: 0, SS_ERROR_UNAVAILABLE, SS_ERROR_TOO_LARGE, or
 * SS_ERROR_NOT_AUTHENTICATED when the user who asked for it has left meanwhile. */
void ss_store_change(ss_session_t *session, ss_change_kind_t kind, ss_topic_t **topics, uint32_t n,
                     ss_req *req, ss_done_fn done, void *arg);

/* Saves the attributes if they are dirty. */
void ss_store_save(ss_session_t *session);

/* Works on what waits; after a load. */
void ss_store_continue(ss_session_t *session);

/* A message of ss:sessions. */
void ss_store_notice(const char *text, size_t len);

/* Redis is back: loads all sessions anew, a bounded number at a time. */
void ss_store_load_all(void);

/* Once a second: keeps what is in use from expiring. */
void ss_store_tick(void);

/* The key of a session, "ss:session:…", NUL-terminated. */
#define SS_STORE_KEY_MAX 128
void ss_store_key(char *out, const char *kind, const char *name);

#endif
