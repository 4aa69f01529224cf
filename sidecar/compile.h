/* SPDX-License-Identifier: MIT
 *
 * Compiles one app/server C file into a shared object, when that is out of date.
 *
 * Leaves finding the files and loading the result to module.c.  Runs before the loop starts, so
 * it may wait for the compiler.  The result never changes in place: a process that runs the old
 * one keeps it.
 */
#ifndef SS_COMPILE_H
#define SS_COMPILE_H

#include <stdbool.h>

#include "buf.h"

/* The folder that holds socketstream.h: $SS_INCLUDE_DIR, else beside this program, in a checkout
 * or below an installation's prefix.  false with `error` when there is none. */
bool ss_compile_find_header(ss_buf_t *dir, ss_buf_t *error);

/* Brings `object` up to date with `source` and all it includes, making folders as needed.
 * $CC (cc) compiles; the words of $SS_CFLAGS and $SS_LIBS are added.
 * false with `error`: the compiler's own words below a line that names the source. */
bool ss_compile(const char *source, const char *object, const char *header_dir, ss_buf_t *error);

/* Whether the compiler runs, and within `limit_ms`: appends what it says of its version. false with
 * `error`. */
bool ss_compile_ask(unsigned limit_ms, ss_buf_t *version, ss_buf_t *error);

/* Makes the folders on the way to the file `path`; false with `error`. */
bool ss_compile_make_folders(const char *path, ss_buf_t *error);

#endif
