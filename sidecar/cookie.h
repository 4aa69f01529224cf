/* SPDX-License-Identifier: MIT
 *
 * The session's cookie: a random id, the time it was given out, and a signature over both.
 *
 * Owns its form and its checks.  Whatever comes from outside is a good cookie of ours or simply
 * none: there is no error to tell.  The value is never logged.
 *
 *     base64url( 20 bytes id | 5 bytes seconds since 1970, big-endian | 20 bytes signature )
 *
 * The signature is the first 160 bits of HMAC-SHA256, under a secret that all nodes share.
 */
#ifndef SS_COOKIE_H
#define SS_COOKIE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ss_wire.h"
#include "token.h"

#define SS_SESSION_ID_BYTES 20
#define SS_SESSION_ID_TEXT SS_TOKEN_TEXT(SS_SESSION_ID_BYTES)
#define SS_SECRET_BYTES 32
#define SS_COOKIE_TEXT 60
#define SS_COOKIE_SKEW_S 300 /* a cookie may come from a node whose clock is ahead */
#define SS_COOKIE_NAME_MAX 32
#define SS_COOKIE_HEADER_MAX 256 /* bytes of a Set-Cookie, NUL included */

typedef struct {
    uint8_t id[SS_SESSION_ID_BYTES];
    uint64_t issued_at; /* seconds since 1970 */
} ss_cookie_t;

/* Names the cookie, until another is named; over TLS its name is __Host- and this.  false, and
 * nothing is changed, unless it is 1 to SS_COOKIE_NAME_MAX letters, digits, - or _ and does not
 * begin with __, which browsers keep for themselves. */
bool ss_cookie_set_name(const char *name);

/* What to say of a bad session.cookie: the name, and SS_COOKIE_NAME_MAX. */
#define SS_COOKIE_NAME_REFUSED                                                                     \
    "session.cookie: \"%.40s\" is no name for a cookie: take 1 to %d letters, digits, - or _, "    \
    "not "                                                                                         \
    "beginning with __"

/* Writes SS_COOKIE_TEXT characters and a NUL. */
void ss_cookie_make(char *out, const ss_cookie_t *cookie, const uint8_t *secret);

/* true when `text` was made with this secret no longer than `ttl_s` before `now_s`. */
bool ss_cookie_verify(ss_cookie_t *out, const char *text, size_t len, const uint8_t *secret,
                      uint64_t now_s, uint64_t ttl_s);

/* Looks for a good cookie in a list of headers (ss_link_next_pair()).  Of several of the name, as
 * from a foreign page on a neighbouring host, the first good one counts. */
bool ss_cookie_find(ss_cookie_t *out, ss_reader_t headers, bool tls, const uint8_t *secret,
                    uint64_t now_s, uint64_t ttl_s);

/* Writes the value of a Set-Cookie header (SS_COOKIE_HEADER_MAX bytes). */
void ss_cookie_header(char *out, const ss_cookie_t *cookie, bool tls, const uint8_t *secret,
                      uint64_t ttl_s);

#endif
