/* SPDX-License-Identifier: MIT
 *
 * Where the files that come with SocketStream are: the JavaScript of hosts and packer, the browser
 * library, the header of C actions.  All are found from the place of this program.
 */
#ifndef SS_SHARE_H
#define SS_SHARE_H

#include <stdbool.h>
#include <stddef.h>

#include "buf.h"

/* Appends the real path of `relative` ("host/main.mjs", or a folder), which is looked for below
 * $SS_SHARE_DIR alone when that is set, else below <prefix>/share/socketstream of an installation
 * and the root of a checkout.  false with `error`, and nothing appended, when there is none. */
bool ss_share_find(const char *relative, ss_buf_t *path, ss_buf_t *error);

/* Appends the real path of <place>/<file> for the first of `places` that has it; places are
 * relative to the folder of this program.  false, and nothing appended, when none has. */
bool ss_share_beside(const char *const *places, size_t count, const char *file, ss_buf_t *path);

/* Appends the path of this program. */
void ss_share_program(ss_buf_t *path);

/* Appends the folder of this program. */
void ss_share_program_dir(ss_buf_t *path);

#endif
