/* SPDX-License-Identifier: MIT
 *
 * Configuration files that are programs: JavaScript, CoffeeScript, TypeScript.  Node runs them, in
 * host/config.mjs, and gives what they export as JSON.
 *
 * Owns the child: it inherits no file but its own three and the pipe for the result, and is killed
 * after SS_CONFIG_EVAL_MS.  Leaves to config.c what the values mean.  Blocks; before the loop runs.
 */
#ifndef SS_CONFIG_EVAL_H
#define SS_CONFIG_EVAL_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "buf.h"

#define SS_CONFIG_EVAL_MS 30000       /* for all files together, on a busy machine */
#define SS_CONFIG_EVAL_MAX (4u << 20) /* bytes of the result */
#define SS_CONFIG_EVAL_OUTPUT 16384   /* bytes that are kept of what the files print */
#define SS_CONFIG_EVAL_FILES 2

typedef struct {
    const char *node;    /* the program: a path, or a name to be found in PATH */
    const char *app_dir; /* absolute, without links */
    const char *env;
    const char *files[SS_CONFIG_EVAL_FILES]; /* paths below app_dir */
    size_t n;
    unsigned limit_ms;
} ss_config_eval_t;

/* Runs the files, in order.  A new reference to an array of their values, any JSON; what they
 * printed goes to standard error.  NULL with `error`: the file, the line where it is known, what is
 * wrong, and on further lines the code around it and what was printed. */
json_t *ss_config_eval(const ss_config_eval_t *what, ss_buf_t *error);

#endif
