/* SPDX-License-Identifier: MIT
 *
 * Whose sessions have ended, for statistics: with users.online.keep_historic each sign-out leaves
 * an entry in the list of its day (UTC), ss:ended:<YYYY-MM-DD>.
 *
 *     {"user":"ann","created_at":1321000000000,"ended_at":1321000360000}  (ms since 1970)
 *
 * It is written by the script that ends the session, so there is one for each.  Neither the id nor
 * anything else of the session is in it: it opens nothing.
 */
#ifndef SS_ENDED_H
#define SS_ENDED_H

#include <stdbool.h>

#include "buf.h"
#include "session.h"
#include "store.h"

/* What a script gives to RPUSH, LTRIM and EXPIRE. */
typedef struct {
    char key[SS_STORE_KEY_MAX];
    ss_buf_t text; /* JSON; free with ss_buf_free() in any case */
    char first[16];
    char ttl[16];
} ss_ended_t;

/* What the end of the user's time in `session` leaves; false: nothing. */
bool ss_ended_write(ss_ended_t *ended, const ss_session_t *session);

#endif
