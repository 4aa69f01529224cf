/* SPDX-License-Identifier: MIT
 *
 * The manual page, in the macros of man(7).
 */
#include "help.h"

#include <string.h>

#include "include/socketstream.h"

/* Text within a line: what roff would take for itself is escaped, `code` is bold. */
static void print_text(FILE *out, const char *text) {
    bool code = false;
    for (; *text != '\0'; text++) {
        if (*text == '\\') {
            fputs("\\e", out);
        } else if (*text == '-') {
            fputs("\\-", out);
        } else if (*text == '\'') {
            fputs("\\(aq", out);
        } else if (*text == '`') {
            code = !code;
            fputs(code ? "\\fB" : "\\fR", out);
        } else if (*text == '\n') {
            fputs(text[1] == '\n' ? "\n.PP\n" : "", out);
        } else {
            fputc(*text, out);
        }
    }
}

/* A line of text, which no dot makes a request. */
static void print_line(FILE *out, const char *text) {
    fputs("\\&", out);
    print_text(out, text);
    fputc('\n', out);
}

static void print_term(FILE *out, const char *name, const char *meaning) {
    fputs(".TP\n\\fB", out);
    print_text(out, name);
    fputs("\\fR\n", out);
    print_line(out, meaning);
}

static void print_terms(FILE *out, const char *heading, const ss_help_term_t *term) {
    fprintf(out, ".SH %s\n", heading);
    for (; term->name != NULL; term++) {
        print_term(out, term->name, term->meaning);
    }
}

/* The usage is printed by others, so it goes through a buffer to be escaped. */
static void print_usage(FILE *out, const ss_command_t *command) {
    char usage[1024] = "";
    FILE *memory = fmemopen(usage, sizeof usage, "w");
    if (memory != NULL) {
        ss_help_usage(memory, command);
        fclose(memory);
    }
    usage[strcspn(usage, "\n")] = '\0';
    fputs(".B ", out);
    print_text(out, usage);
    fputc('\n', out);
}

static void print_command(FILE *out, const ss_command_t *command) {
    char text[SS_HELP_OPTION_MAX];
    fprintf(out, ".SS %s", command->name);
    fprintf(out, command->alias == NULL ? "\n" : ", %s\n", command->alias);
    print_usage(out, command);
    fputs(".PP\n", out);
    print_line(out, command->about);
    for (const ss_option_t *o = command->options; o->name != NULL; o++) {
        print_term(out, ss_help_option(text, o), o->meaning);
    }
    for (const ss_example_t *e = command->examples; e->line != NULL; e++) {
        fputs(".PP\nExample: ", out);
        print_text(out, e->meaning);
        fputs("\n.PP\n.RS 4\n.EX\n", out);
        print_line(out, e->line);
        fputs(".EE\n.RE\n", out);
    }
}

void ss_help_man(FILE *out) {
    fputs(".\\\" Written by `socketstream help --man`.\n"
          ".TH SOCKETSTREAM 1 \"\" \"SocketStream " SS_VERSION "\" \"User Commands\"\n"
          ".SH NAME\n"
          "socketstream \\- make, run and look into real\\-time web applications\n"
          ".SH SYNOPSIS\n"
          ".B socketstream\n"
          ".I COMMAND\n"
          ".RI [ OPTIONS ]\n"
          ".SH DESCRIPTION\n"
          "A SocketStream application is served by nginx with the SocketStream module and by a\n"
          "sidecar, which runs its actions.\n"
          "This program makes applications, runs both for them, and answers questions about them.\n"
          "Each command has the option \\fB\\-\\-help\\fR.\n"
          ".SH COMMANDS\n",
          out);
    for (size_t i = 0; ss_commands[i] != NULL; i++) {
        print_command(out, ss_commands[i]);
    }
    print_terms(out, "EXIT STATUS", ss_help_statuses);
    print_terms(out, "ENVIRONMENT", ss_help_variables);
    print_terms(out, "FILES", ss_help_files);
    fputs(".SH SEE ALSO\n.BR nginx (8),\n.BR redis\\-server (1)\n", out);
}
