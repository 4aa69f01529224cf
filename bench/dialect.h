/* SPDX-License-Identifier: MIT
 *
 * How calls and answers look on the wire: JSON-RPC 2.0, or socket.io 4 over engine.io 4, whose
 * acknowledgements answer its events.
 */
#ifndef BENCH_DIALECT_H
#define BENCH_DIALECT_H

#include "answer.h"

#define DIALECT_PARAM "25"

typedef enum {
    SAID_ANSWER,  /* `answer` is filled */
    SAID_WELCOME, /* calls may begin */
    SAID_ASK,     /* send `reply`, and read on */
    SAID_NOTHING, /* not for us */
    SAID_WRONG,
} said_t;

typedef struct {
    const char *name;
    bool welcomes;    /* no call before SAID_WELCOME */
    const char *head; /* a call: head, id, before, the method's name, after */
    const char *before;
    const char *after;
    said_t (*read)(answer_t *answer, const char **reply, const char *text, size_t len);
} dialect_t;

/* NULL when there is none of that name. */
const dialect_t *dialect_find(const char *name);

#endif
