/* SPDX-License-Identifier: MIT
 *
 * The commands of the `socketstream` program.
 *
 * Each has one row, in the file cmd_<name>.c that runs it; commands.c lists the rows.  They are all
 * that is known of a command line: args.c reads it, and help.h writes --help, the manual page, the
 * shells' completion and docs/COMMANDS.md from the same rows.
 */
#ifndef SS_CMD_H
#define SS_CMD_H

#include <stdbool.h>
#include <stddef.h>

#define SS_COMMAND_OPTIONS_MAX 15   /* of one command, --help aside */
#define SS_COMMAND_OPERANDS_MAX 128 /* words that are no options */
#define SS_COMMAND_EXAMPLES_MAX 4

enum {
    SS_EXIT_OK = 0,
    SS_EXIT_FAILED = 1, /* what was asked for could not be done; said on stderr why */
    SS_EXIT_USAGE = 2,  /* the command line is wrong */
};

typedef struct {
    const char *name;     /* without the dashes */
    const char *argument; /* "N"; DIR, FILE and PATH are completed as such, "a|b" by these words;
                             NULL: it takes none */
    const char *meaning;
    char letter; /* of a short form, 0: none */
    bool required;
    bool without_app; /* with it the command needs no application */
} ss_option_t;

typedef struct {
    const char *line;
    const char *meaning;
} ss_example_t;

typedef struct ss_args ss_args_t;

typedef struct {
    const char *name;
    const char *alias;   /* NULL: none */
    const char *summary; /* some words, for the list of commands */
    const char *about;   /* whole sentences; an empty line parts paragraphs */
    const char *operand; /* "DIR", "[KEY]" when it may be left out, "on|off [NAME ...]" for several;
                            completed as arguments are; NULL: takes none */
    unsigned operands_max; /* 0: one, if there is an operand at all */
    bool needs_app;        /* runs for an application alone, which --app names */
    bool any_version;      /* even for one that last ran with a newer SocketStream */
    ss_option_t options[SS_COMMAND_OPTIONS_MAX + 1];    /* up to one without a name */
    ss_example_t examples[SS_COMMAND_EXAMPLES_MAX + 1]; /* up to one without a line */
    int (*run)(const ss_args_t *args);                  /* gives the process's exit status */
} ss_command_t;

/* The first option of each command with `needs_app`. */
#define SS_OPTION_APP                                                                              \
    { .name = "app", .argument = "DIR", .meaning = "the application; this folder when not given", }

/* All that users may call, in the order of the help; ends with NULL. */
extern const ss_command_t *const ss_commands[];

extern const ss_command_t ss_command_certs;
extern const ss_command_t ss_command_config;
extern const ss_command_t ss_command_console;
extern const ss_command_t ss_command_doctor;
extern const ss_command_t ss_command_help;
extern const ss_command_t ss_command_new;
extern const ss_command_t ss_command_pack;
extern const ss_command_t ss_command_routes;
extern const ss_command_t ss_command_sidecar;
extern const ss_command_t ss_command_start;
extern const ss_command_t ss_command_types;
extern const ss_command_t ss_command_version;

/* By name or alias; NULL after saying on stderr that there is none, and what comes nearest. */
const ss_command_t *ss_command_find(const char *word);

/* socketstream child, which is no user's: what a supervised child runs first, see supervisor.h. */
int ss_cmd_child(int argc, char **argv);

#endif
