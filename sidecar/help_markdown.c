/* SPDX-License-Identifier: MIT
 *
 * docs/COMMANDS.md.
 */
#include "help.h"

#include <string.h>

/* A cell of a table. */
static void print_cell(FILE *out, const char *text) {
    for (; *text != '\0'; text++) {
        fputs(*text == '|' ? "\\" : "", out);
        fputc(*text, out);
    }
}

static void print_row(FILE *out, const char *name, const char *meaning) {
    fputs("| `", out);
    print_cell(out, name);
    fputs("` | ", out);
    print_cell(out, meaning);
    fputs(" |\n", out);
}

static void print_terms(FILE *out, const char *heading, const ss_help_term_t *term) {
    fprintf(out, "\n## %s\n\n| | |\n|---|---|\n", heading);
    for (; term->name != NULL; term++) {
        print_row(out, term->name, term->meaning);
    }
}

static void print_command(FILE *out, const ss_command_t *command) {
    char text[SS_HELP_OPTION_MAX];
    fprintf(out, "\n## %s\n\n    ", command->name);
    ss_help_usage(out, command);
    if (command->alias != NULL) {
        fprintf(out, "\nShort: `socketstream %s`.\n", command->alias);
    }
    fprintf(out, "\n%s\n", command->about);
    if (command->options[0].name != NULL) {
        fputs("\n| option | |\n|---|---|\n", out);
    }
    for (const ss_option_t *o = command->options; o->name != NULL; o++) {
        print_row(out, ss_help_option(text, o), o->meaning);
    }
    fputs("\nExamples:\n\n", out);
    for (const ss_example_t *e = command->examples; e->line != NULL; e++) {
        fprintf(out, "- `%s`: %s\n", e->line, e->meaning);
    }
}

void ss_help_markdown(FILE *out) {
    fputs(
        "# Commands\n\n"
        "Written by `socketstream help --markdown`; a test compares. Each command explains itself "
        "with `--help`, and all are\nin the manual page `socketstream(1)`; bash and zsh complete "
        "them.\n\n"
        "| command | short | |\n|---|---|---|\n",
        out);
    for (size_t i = 0; ss_commands[i] != NULL; i++) {
        const ss_command_t *c = ss_commands[i];
        fprintf(out, "| [%s](#%s) | %s | %s |\n", c->name, c->name,
                c->alias == NULL ? "" : c->alias, c->summary);
    }
    print_terms(out, "Exit status", ss_help_statuses);
    print_terms(out, "Variables", ss_help_variables);
    print_terms(out, "Files", ss_help_files);
    for (size_t i = 0; ss_commands[i] != NULL; i++) {
        print_command(out, ss_commands[i]);
    }
}
