/* SPDX-License-Identifier: MIT
 *
 * The rows of cmd.h as people and shells read them: help.c for terminals, help_man.c,
 * help_markdown.c and help_completion.c.  Nothing about a single command is known here.
 */
#ifndef SS_HELP_H
#define SS_HELP_H

#include <stdio.h>

#include "cmd.h"

/* What the environment and the exit status mean, for all commands; ends without a name. */
typedef struct {
    const char *name;
    const char *meaning;
} ss_help_term_t;

extern const ss_help_term_t ss_help_statuses[];
extern const ss_help_term_t ss_help_variables[];
extern const ss_help_term_t ss_help_files[];

/* The list of commands. */
void ss_help_overview(FILE *out);

/* "socketstream start [--app DIR] …" and a newline. */
void ss_help_usage(FILE *out, const ss_command_t *command);

/* All there is to say about one. */
void ss_help_command(FILE *out, const ss_command_t *command);

/* "-e, --eval EXPRESSION" */
#define SS_HELP_OPTION_MAX 64
const char *ss_help_option(char text[SS_HELP_OPTION_MAX], const ss_option_t *option);

/* --help, which each command has, and no row. */
extern const ss_option_t ss_help_help;

/* socketstream.1 */
void ss_help_man(FILE *out);

/* docs/COMMANDS.md */
void ss_help_markdown(FILE *out);

/* What the shell reads to complete our command lines. */
void ss_help_bash(FILE *out);
void ss_help_zsh(FILE *out);

#endif
