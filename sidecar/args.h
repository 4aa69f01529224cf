/* SPDX-License-Identifier: MIT
 *
 * A command line, read by the command's row in cmd.h: the one place that says what is wrong with
 * it.
 *
 * Options are --name VALUE, --name=VALUE, or -n VALUE where there is a letter; they and other words
 * may stand in any order, `--` ends them.  Of an option that is given twice the last counts.
 */
#ifndef SS_ARGS_H
#define SS_ARGS_H

#include <limits.h>

#include "cmd.h"

struct ss_args {
    const ss_command_t *command;
    const char *values[SS_COMMAND_OPTIONS_MAX]; /* by the number of the option; NULL: not given */
    const char *operands[SS_COMMAND_OPERANDS_MAX];
    size_t n_operands;
    bool help;          /* --help is among them, and the rest is not looked at */
    char app[PATH_MAX]; /* the application's real path, where the command needs one */
};

/* Reads argv[1] and on; what it keeps points into `argv`.  false after saying on stderr what is
 * wrong.  Leaves `app` empty. */
bool ss_args_parse(ss_args_t *args, const ss_command_t *command, int argc, char *const *argv);

/* The value of the option `name`, "" when it takes none; NULL when it was not given.  Asking for
 * one that is not in the command's row is a bug. */
const char *ss_args_get(const ss_args_t *args, const char *name);

/* Puts the value of the option `name` into `number`, which stays as it is when it was not given.
 * false after saying on stderr that it is no number from `min` to `max`. */
bool ss_args_number(const ss_args_t *args, const char *name, long min, long max, long *number);

/* The word that is no option, counted from 0; NULL when there is none. */
const char *ss_args_operand(const ss_args_t *args, size_t i);

/* Whether the command needs an application, for what it is asked to do. */
bool ss_args_need_app(const ss_args_t *args);

/* Says on stderr what is wrong with the command line, behind the command's name.  Gives
 * SS_EXIT_USAGE. */
int ss_args_refuse(const ss_command_t *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
