/* SPDX-License-Identifier: MIT
 *
 * A host's question on its way to an answer, for host_ask.c and host_session.c alone.
 */
#ifndef SS_ASKED_H
#define SS_ASKED_H

#include <stdint.h>

#include <jansson.h>

#include "peer.h"
#include "session.h"

/* While it is looked at.  Borrows all. */
typedef struct {
    ss_peer_t *host;
    uint32_t number;    /* 0: no answer */
    uint64_t handle;    /* of the call in whose course it is asked; 0, or over: of none */
    const char *what;   /* a constant */
    const json_t *args; /* an object */
    ss_span_t body;
} ss_asked_t;

/* Answers with an error; one that nobody gets is logged. */
void ss_asked_refuse(const ss_asked_t *a, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* An argument that is a string, borrowed; NULL after refusing. */
const char *ss_asked_text(const ss_asked_t *a, const char *name);

/* The argument `names`; absent is an empty list.  The array is the caller's to free, the names are
 * borrowed; NULL after refusing. */
const char **ss_asked_names(const ss_asked_t *a, size_t *n);

/* While the answer waits for something. */
typedef struct {
    ss_peer_t *host; /* a reference */
    uint32_t number;
    const char *what;
    ss_session_t *session; /* a reference, or NULL */
} ss_waiting_t;

ss_waiting_t *ss_waiting_create(const ss_asked_t *a);
void ss_waiting_free(ss_waiting_t *w);

/* Answers with the code's own message. */
void ss_waiting_fail(const ss_waiting_t *w, int code);

/* host_session.c: what is asked about sessions. */
void ss_asked_session_load(const ss_asked_t *a);
void ss_asked_session_save(const ss_asked_t *a);
void ss_asked_session_login(const ss_asked_t *a);
void ss_asked_session_logout(const ss_asked_t *a);
void ss_asked_channel_subscribe(const ss_asked_t *a);
void ss_asked_channel_unsubscribe(const ss_asked_t *a);
void ss_asked_channel_reset(const ss_asked_t *a);

#endif
