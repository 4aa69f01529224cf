/* SPDX-License-Identifier: MIT
 *
 * What browsers are told while an application is developed: problems in its files, and that there
 * is something new to load.
 *
 * Only clients that offered the subprotocol are told, and only in development.
 */
#ifndef SS_DEVELOP_H
#define SS_DEVELOP_H

#include <jansson.h>

#include "buf.h"
#include "client.h"

struct ss_sidecar;

typedef enum {
    SS_DEVELOP_HOST,   /* the application's code on the server */
    SS_DEVELOP_PACKER, /* and what browsers load */
} ss_develop_source_t;

/* Once per process.  Does nothing from then on outside of development. */
void ss_develop_init(const struct ss_sidecar *sidecar);
void ss_develop_finish(void);

/* true in development. */
bool ss_develop_enabled(void);

/* The problems of one source from now on: an array (borrowed), empty when all is well.  Clients are
 * told by system.problems when the list is another than before. */
void ss_develop_problems(ss_develop_source_t source, const json_t *problems);

/* Tells clients to load the page ("page") or style sheets ("css") anew: system.reload.  `files` is
 * an array of what has changed, or NULL. */
void ss_develop_reload(const char *what, const json_t *files);

/* Tells a client that has just come of the problems there are. */
void ss_develop_welcome(const ss_client_t *client);

#endif
