/* SPDX-License-Identifier: MIT
 *
 * `socketstream help`: what the rows of all commands say, in the form that was asked for.
 */
#include <string.h>

#include "args.h"
#include "help.h"

static int print_completion(const char *shell) {
    if (strcmp(shell, "bash") == 0) {
        ss_help_bash(stdout);
    } else if (strcmp(shell, "zsh") == 0) {
        ss_help_zsh(stdout);
    } else {
        return ss_args_refuse(&ss_command_help,
                              "--completion must be bash or zsh, but is \"%.40s\"", shell);
    }
    return SS_EXIT_OK;
}

/* --help of the command. */
static int explain(const char *word) {
    const ss_command_t *command = ss_command_find(word);
    if (command == NULL) {
        return SS_EXIT_USAGE;
    }
    ss_help_command(stdout, command);
    return SS_EXIT_OK;
}

static int run(const ss_args_t *args) {
    const char *shell = ss_args_get(args, "completion");
    const char *word = ss_args_operand(args, 0);
    bool man = ss_args_get(args, "man") != NULL;
    bool markdown = ss_args_get(args, "markdown") != NULL;
    if ((shell != NULL) + man + markdown + (word != NULL) > 1) {
        return ss_args_refuse(&ss_command_help,
                              "one of COMMAND, --man, --markdown and --completion "
                              "at a time");
    }
    if (shell != NULL) {
        return print_completion(shell);
    }
    if (word != NULL) {
        return explain(word);
    }
    if (man) {
        ss_help_man(stdout);
    } else if (markdown) {
        ss_help_markdown(stdout);
    } else {
        ss_help_overview(stdout);
    }
    return SS_EXIT_OK;
}

const ss_command_t ss_command_help = {
    .name = "help",
    .alias = "h",
    .summary = "list the commands, or explain one",
    .about = "Lists the commands, or tells all about COMMAND, as its option --help does. Other "
             "forms are what the manual page, the shells' completion and the documentation are "
             "made of.",
    .operand = "[COMMAND]",
    .options =
        {
            {.name = "man", .meaning = "print the manual page, for man"},
            {.name = "markdown", .meaning = "print docs/COMMANDS.md"},
            {.name = "completion",
             .argument = "bash|zsh",
             .meaning = "print what makes the shell complete our command lines"},
        },
    .examples =
        {
            {"socketstream help start", "what start does, with its options"},
            {"source <(socketstream help --completion bash)", "complete in this bash"},
        },
    .run = run,
};
