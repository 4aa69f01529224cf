/* SPDX-License-Identifier: MIT
 *
 * Other programs: where those that an application needs are, and running one to its end.
 *
 * Owns where is looked, and what is advised when one is missing.  Children that live as long as the
 * application are supervisor.h's.
 */
#ifndef SS_PROGRAMS_H
#define SS_PROGRAMS_H

#include <limits.h>
#include <stdbool.h>

#include "buf.h"
#include "config.h"

typedef struct {
    const char *key; /* of the configuration, which names it */
    const char *advice;
} ss_program_t;

extern const ss_program_t ss_program_nginx;
extern const ss_program_t ss_program_redis;
extern const ss_program_t ss_program_node;

/* Puts the real path of the program into `path`.  The configuration has a path, or a name to look
 * for in PATH and, where PATH lacks it, in the folders of daemons.  false with `error`: for
 * a path "key: path: why", which is to be corrected; for a name "what: remedy". */
bool ss_program_find(const ss_program_t *program, const ss_config_t *config, char path[PATH_MAX],
                     ss_buf_t *error);

/* The same for the module of nginx, which is looked for near this program when the configuration
 * does not name it. */
bool ss_program_find_module(const ss_config_t *config, char path[PATH_MAX], ss_buf_t *error);

/* Whether setcap gave a program rights of its own, whoever runs it. */
bool ss_program_has_rights(const char *path);

/* Runs `file`, which is looked for in PATH where it is no path, with no input; what it writes is
 * appended to `output` up to a bound, and the rest dropped.  Gives its wait status, or -1 with
 * errno when it did not start.  One that has not ended after `limit_ms` is killed, unless that is
 * 0: ETIMEDOUT.
 */
int ss_program_run(const char *file, char *const *argv, unsigned limit_ms, ss_buf_t *output);

/* The first three numbers of a version, "nginx/1.22.1" or "v18.19.0"; false when there are none. */
bool ss_program_version(const char *text, int numbers[3]);

/* Whether these are at least those of `wanted`, "1.19.5". */
bool ss_program_is_new(const int numbers[3], const char *wanted);

#endif
