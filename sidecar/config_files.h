/* SPDX-License-Identifier: MIT
 *
 * The files of an application's configuration: which there are, and what is in them.
 *
 * Each layer is one file, whose ending tells its language:
 *
 *     config/app.{json,js,mjs,cjs,coffee,ts}
 *     config/environments/<SS_ENV>.{json,js,mjs,cjs,coffee,ts}
 *
 * Leaves running the programs among them to config_eval.c, and what the values mean to config.c.
 */
#ifndef SS_CONFIG_FILES_H
#define SS_CONFIG_FILES_H

#include <stdbool.h>

#include <jansson.h>

#include "buf.h"

#define SS_CONFIG_FILES 2                /* config/app, and that of the environment */
#define SS_CONFIG_FILE_MAX (1024 * 1024) /* bytes of one JSON file */
#define SS_CONFIG_FILE_NAME 128

typedef struct {
    char name[SS_CONFIG_FILE_NAME]; /* "config/app.coffee"; "": there is none */
    bool program;                   /* to be run by Node */
    json_t *value;                  /* a reference to an object; NULL: none, or not known yet */
    ss_buf_t text;                  /* the JSON that it was read from; empty for a program */
} ss_config_file_t;

/* Finds the files, in order of their counting, and reads those that are JSON; `env` is a name that
 * may be part of a path.  false with `error`, one line for the user; finish in any case. */
bool ss_config_files_read(ss_config_file_t files[SS_CONFIG_FILES], const char *app_dir,
                          const char *env, ss_buf_t *error);

/* true when any is a program. */
bool ss_config_files_need_node(const ss_config_file_t files[SS_CONFIG_FILES]);

/* Runs the programs with `node`.  false with `error`, of one or more lines. */
bool ss_config_files_run(ss_config_file_t files[SS_CONFIG_FILES], const char *app_dir,
                         const char *env, const char *node, ss_buf_t *error);

void ss_config_files_finish(ss_config_file_t files[SS_CONFIG_FILES]);

#endif
