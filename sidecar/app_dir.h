/* SPDX-License-Identifier: MIT
 *
 * The folder of an application: what makes it one, and which version it last ran with.
 *
 * The version is kept in <app>/.socketstream/version, by whoever runs the application and for
 * longer than it runs.
 */
#ifndef SS_APP_DIR_H
#define SS_APP_DIR_H

#include <limits.h>
#include <stdbool.h>

#include "buf.h"

#define SS_VERSION_MAX 64

/* Puts the real path of the application in the folder `given` into `path`: UTF-8 without control
 * characters.  false with `error`, which was empty, when there is none, with the folder above that
 * was meant, perhaps. */
bool ss_app_dir_find(const char *given, char path[PATH_MAX], ss_buf_t *error);

/* false with `error` when the application last ran with a newer version than this. */
bool ss_app_dir_check_version(const char *app, ss_buf_t *error);

/* The version that it last ran with; false when none is known. */
bool ss_app_dir_last_version(const char *app, char version[SS_VERSION_MAX]);

/* The application runs with this version now.  Where that cannot be written nothing is kept: a
 * sidecar may have no right to. */
void ss_app_dir_keep_version(const char *app);

/* The application's middleware, "config/http.js" or with another ending; NULL when there is none.
 */
const char *ss_app_dir_middleware(const char *app);

/* Precedence as https://semver.org/ (11) has it: negative, 0 or positive as `a` is older than, like
 * or newer than `b`.  Both are ss_version_good(). */
int ss_version_compare(const char *a, const char *b);

/* Whether it begins with three numbers and goes on as versions do. */
bool ss_version_good(const char *version);

#endif
