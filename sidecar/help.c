/* SPDX-License-Identifier: MIT
 *
 * Help as a terminal shows it.
 */
#include "help.h"

#include <string.h>

#define WIDTH 80          /* columns */
#define TERM_WIDTH_MAX 26 /* of what is explained; what is longer has a line of its own */

const ss_help_term_t ss_help_statuses[] = {
    {"0", "done"},
    {"1", "what was asked for could not be done; standard error says why"},
    {"2", "the command line is wrong"},
    {NULL, NULL},
};

const ss_help_term_t ss_help_variables[] = {
    {"SS_ENV", "the environment: development when not set, staging, production, or any other"},
    {"SS__key__key", "a value of the configuration, such as SS__http__port=3001"},
    {"SS_SHARE_DIR", "where the files that come with SocketStream are, when not near the program"},
    {NULL, NULL},
};

const ss_help_term_t ss_help_files[] = {
    {"app/", "what makes a folder an application: client, server, shared, views, css"},
    {"config/", "its configuration: app and environments/, as .json, .js, .coffee or .ts"},
    {".socketstream/", "the state of a run: sockets, logs, process numbers"},
    {".socketstream/version", "the version that the application last ran with; an older one "
                              "refuses to run it"},
    {NULL, NULL},
};

const ss_option_t ss_help_help = {.name = "help", .letter = 'h', .meaning = "this text"};

/* Words of `text` up to `width` columns; further lines are indented. */
static void print_wrapped(FILE *out, const char *text, int column, int indent) {
    while (*text != '\0') {
        int len = (int)strcspn(text, " \n");
        bool paragraph = text[len] == '\n';

        if (column > indent && column + 1 + len > WIDTH) {
            fprintf(out, "\n%*s", indent, "");
            column = indent;
        } else if (column > indent) {
            fputc(' ', out);
            column++;
        }
        fwrite(text, 1, (size_t)len, out);
        column += len;
        text += len + strspn(text + len, " \n");
        if (paragraph) {
            fprintf(out, "\n\n%*s", indent, "");
            column = indent;
        }
    }
    fputc('\n', out);
}

static void print_term(FILE *out, const char *name, const char *meaning, int width) {
    fprintf(out, "  %-*s", width, name);
    if ((int)strlen(name) > width - 2) {
        fprintf(out, "\n%*s", width + 2, "");
    }
    print_wrapped(out, meaning, width + 2, width + 2);
}

void ss_help_overview(FILE *out) {
    fputs("usage: socketstream COMMAND [OPTIONS]\n\n", out);
    for (size_t i = 0; ss_commands[i] != NULL; i++) {
        const char *alias = ss_commands[i]->alias;
        fprintf(out, "  %-9s %-2s %s\n", ss_commands[i]->name, alias == NULL ? "" : alias,
                ss_commands[i]->summary);
    }
    fputs("\n`socketstream help COMMAND` tells more.\n\nExit status:\n", out);
    for (const ss_help_term_t *term = ss_help_statuses; term->name != NULL; term++) {
        print_term(out, term->name, term->meaning, 3);
    }
}

const char *ss_help_option(char text[SS_HELP_OPTION_MAX], const ss_option_t *option) {
    const char letter[] = {'-', option->letter, ',', ' ', '\0'};
    snprintf(text, SS_HELP_OPTION_MAX, "%s--%s%s%s", option->letter == 0 ? "" : letter,
             option->name, option->argument == NULL ? "" : " ",
             option->argument == NULL ? "" : option->argument);
    return text;
}

/* Gives the columns it takes. */
static int usage_option(char *text, size_t size, const ss_option_t *o) {
    const char *argument = o->argument == NULL ? "" : o->argument;
    return snprintf(text, size, o->required ? " --%s%s%s" : " [--%s%s%s]", o->name,
                    *argument == '\0' ? "" : " ", argument);
}

/* Optional ones are only summed up where the line would be longer than a terminal's. */
void ss_help_usage(FILE *out, const ss_command_t *command) {
    char text[SS_HELP_OPTION_MAX];
    const char *operand = command->operand == NULL ? "" : command->operand;
    int width = snprintf(text, 0, "usage: socketstream %s %s", command->name, operand);
    for (const ss_option_t *o = command->options; o->name != NULL; o++) {
        width += usage_option(text, sizeof text, o);
    }
    fprintf(out, "socketstream %s%s%s", command->name, *operand == '\0' ? "" : " ", operand);
    for (const ss_option_t *o = command->options; o->name != NULL; o++) {
        if (o->required || width <= WIDTH) {
            usage_option(text, sizeof text, o);
            fputs(text, out);
        }
    }
    fputs(width > WIDTH ? " [OPTIONS]\n" : "\n", out);
}

static void print_options(FILE *out, const ss_command_t *command) {
    char text[SS_HELP_OPTION_MAX];
    size_t width = strlen(ss_help_option(text, &ss_help_help));
    for (const ss_option_t *o = command->options; o->name != NULL; o++) {
        size_t len = strlen(ss_help_option(text, o));
        width = len > width && len <= TERM_WIDTH_MAX ? len : width;
    }
    fputs("\nOptions:\n", out);
    for (const ss_option_t *o = command->options; o->name != NULL; o++) {
        print_term(out, ss_help_option(text, o), o->meaning, (int)width + 2);
    }
    print_term(out, ss_help_option(text, &ss_help_help), ss_help_help.meaning, (int)width + 2);
}

void ss_help_command(FILE *out, const ss_command_t *command) {
    fputs("usage: ", out);
    ss_help_usage(out, command);
    if (command->alias != NULL) {
        fprintf(out, "alias: %s\n", command->alias);
    }
    fputc('\n', out);
    print_wrapped(out, command->about, 0, 0);
    print_options(out, command);
    fputs("\nExamples:\n", out);
    for (const ss_example_t *e = command->examples; e->line != NULL; e++) {
        fprintf(out, "  %s\n      ", e->line);
        print_wrapped(out, e->meaning, 6, 6);
    }
}
