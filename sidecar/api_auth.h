/* SPDX-License-Identifier: MIT
 *
 * Basic Auth (RFC 7617) for actions that need a signed-in user.
 *
 * Owns what comes before such a call: credentials out of the header, the question to the
 * application's authentication module, and what its answer means.  Names and passwords are
 * compared nowhere here, and passwords are never logged.
 *
 * Who is asked: the hook ss_module_authenticate() of the C module that `api.auth.basic.module_name`
 * names, where there is one; else an action host, by a CALL of `system.authenticate`, a name that
 * the registry does not have, so that no client can.
 */
#ifndef SS_API_AUTH_H
#define SS_API_AUTH_H

#include "api.h"
#include "bounds.h"

/* Whether the module is one of C. */
bool ss_api_auth_in_c(const ss_sidecar_t *sidecar);

/* false with one line in `error` when a module is configured and nobody could be asked.  What a
 * host has is known by its READY alone. */
bool ss_api_auth_check(const ss_sidecar_t *sidecar, ss_buf_t *error);

/* Appends that neither C has the module nor, as `why` says, somebody else. */
void ss_api_auth_tell_missing(const ss_sidecar_t *sidecar, const char *why, ss_buf_t *out);

/* Bytes that decode from SS_API_CREDENTIALS_MAX of base64, and a NUL. */
#define SS_API_CREDENTIALS_TEXT (SS_API_CREDENTIALS_MAX / 4 * 3 + 1)

/* Answers a request for a guarded action, now or later: runs it in the name of the user that the
 * module names, or refuses.  `message` is the whole REQUEST, which is kept meanwhile. */
void ss_api_auth(const ss_api_target_t *target, const ss_link_request_t *request,
                 const ss_action_entry_t *action, ss_span_t message);

/* A user's name and password, NUL-terminated and without control characters. */
typedef struct {
    char text[SS_API_CREDENTIALS_TEXT]; /* the user, then the password */
    const char *password;
} ss_api_credentials_t;

typedef enum {
    SS_API_CREDENTIALS_GOOD,
    SS_API_CREDENTIALS_NONE, /* no Authorization, or of another scheme */
    SS_API_CREDENTIALS_BAD,  /* not base64, not UTF-8, without colon, too long */
} ss_api_credentials_e;

/* Reads the value of an Authorization header; ptr NULL is none. */
ss_api_credentials_e ss_api_credentials_read(ss_api_credentials_t *out, ss_span_t value);

#endif
