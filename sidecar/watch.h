/* SPDX-License-Identifier: MIT
 *
 * Watches the folders of an application that hold code of its hosts, for development.
 *
 * Owns which files count: those below app/server, app/shared, lib/server, vendor and config, but
 * not C's, and not those that editors make on their way to save one.  Folders may come and go.
 * What changes together is told once, after SS_WATCH_MS of quiet.
 */
#ifndef SS_WATCH_H
#define SS_WATCH_H

#include <stdbool.h>

#include <uv.h>

typedef struct ss_watch ss_watch_t;

/* Calls `changed` from the loop.  What cannot be watched is said in the log, and left. */
ss_watch_t *ss_watch_start(uv_loop_t *loop, const char *app_dir, void (*changed)(void));

/* Once the loop has closed all its handles.  Takes NULL. */
void ss_watch_free(ss_watch_t *watch);

/* Whether a change of the file or folder of this name, in a watched folder, counts. */
bool ss_watch_counts(const char *name);

#endif
