/* SPDX-License-Identifier: MIT
 *
 * Sessions in Redis: loading them, hearing of the changes of other nodes, keeping them from
 * expiring. Leaves to change.c to change them.
 *
 *     ss:session:<id>   hash {version, created_at (ms), user_id, attributes, channels}, or, for
 *                       SS_OLD_ID_MS after a login, {version: "moved", moved: <new id>}
 *     ss:ticket:<t>     the new id, until it is exchanged for a cookie
 *     ss:sessions       messages {id, kind, node[, to][, user]}: "changed", "moved", "logout"
 */
#ifndef SS_STORE_H
#define SS_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hiredis/hiredis.h>

#include "session.h"

/* Loads or reloads; ss_connection_settle() follows.  Nothing happens while Redis is away. */
void ss_store_load(ss_session_t *session);

/* Takes over what Redis has, the answer to an HGETALL; gives the session that goes on, which is
 * another when this one had moved to an id that is here already.  `*more`: it is to be loaded. */
ss_session_t *ss_store_take_over(ss_session_t *session, const redisReply *reply, bool *more);

/* A message of ss:sessions. */
void ss_store_notice(const char *text, size_t len);

/* Redis is back: loads all sessions anew, a bounded number at a time. */
void ss_store_load_all(void);

/* Once a second: keeps what is in use from expiring. */
void ss_store_tick(void);

/* The key "ss:<kind>:<name>", NUL-terminated, and that of a session. */
#define SS_STORE_KEY_MAX 128
void ss_store_key(char *out, const char *kind, const char *name);
void ss_store_session_key(char *out, const uint8_t *id);

#endif
