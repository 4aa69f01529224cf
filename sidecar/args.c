/* SPDX-License-Identifier: MIT
 *
 * See args.h.
 */
#include "args.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "help.h"
#include "nearest.h"

#define SHOWN_MAX 64 /* bytes of a wrong word that are repeated */

int ss_args_refuse(const ss_command_t *command, const char *format, ...) {
    va_list args;
    va_start(args, format);
    fprintf(stderr, "socketstream %s: ", command->name);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    return SS_EXIT_USAGE;
}

static bool refuse_with_usage(const ss_command_t *command, const char *word, const char *why) {
    fprintf(stderr, "socketstream %s: %.*s%s; usage: ", command->name, SHOWN_MAX, word, why);
    ss_help_usage(stderr, command);
    return false;
}

static bool refuse_unknown(const ss_command_t *command, const char *word) {
    int shown = (int)strcspn(word, "=");
    char name[SHOWN_MAX];
    snprintf(name, sizeof name, "%.*s", shown, word);
    const char *bare = name + strspn(name, "-");
    size_t len = strlen(bare);
    /* Of a short word nothing must be left but a letter of another. */
    ss_nearest_t nearest = ss_nearest_to(bare, len > 2 ? 2 : (unsigned)len / 2);
    ss_nearest_offer(&nearest, ss_help_help.name);
    for (const ss_option_t *o = command->options; o->name != NULL; o++) {
        ss_nearest_offer(&nearest, o->name);
    }
    if (nearest.best != NULL) {
        ss_args_refuse(command, "there is no option \"%s\"; did you mean \"--%s\"?", name,
                       nearest.best);
    } else {
        ss_args_refuse(command, "there is no option \"%s\"; `socketstream %s --help` lists them",
                       name, command->name);
    }
    return false;
}

/* NULL: there is none.  `value` is what is written within the same word, else NULL. */
static const ss_option_t *find_option(const ss_command_t *command, const char *word,
                                      const char **value) {
    const char *equals = strchr(word, '=');
    bool is_long = word[1] == '-';
    size_t len = equals == NULL ? strlen(word + 2) : (size_t)(equals - word - 2);
    for (const ss_option_t *o = command->options; o->name != NULL; o++) {
        if (is_long && strlen(o->name) == len && memcmp(o->name, word + 2, len) == 0) {
            *value = equals == NULL ? NULL : equals + 1;
            return o;
        }
        if (!is_long && word[1] == o->letter) {
            *value = word[2] == '\0' ? NULL : word + 2;
            return o;
        }
    }
    return NULL;
}

/* argv[*at] is an option; moves on by the value that is a word of its own. */
static bool read_option(ss_args_t *args, int argc, char *const *argv, int *at) {
    const ss_command_t *command = args->command;
    const char *word = argv[*at];
    const char *value = NULL;
    const ss_option_t *option = find_option(command, word, &value);
    if (option == NULL) {
        return refuse_unknown(command, word);
    }
    if (option->argument == NULL && value != NULL) {
        ss_args_refuse(command, "--%s takes no value, but got \"%.*s\"", option->name, SHOWN_MAX,
                       value);
        return false;
    }
    if (option->argument != NULL && value == NULL && *at + 1 == argc) {
        ss_args_refuse(command, "%s needs a value: %s %s", word, word, option->argument);
        return false;
    }
    if (option->argument != NULL && value == NULL) {
        value = argv[++*at];
    }
    args->values[option - command->options] = value == NULL ? "" : value;
    return true;
}

static bool read_operand(ss_args_t *args, const char *word) {
    const ss_command_t *command = args->command;
    size_t max = command->operands_max != 0 ? command->operands_max : command->operand != NULL;
    assert(max <= SS_COMMAND_OPERANDS_MAX);
    if (args->n_operands == max) {
        char quoted[SHOWN_MAX];
        snprintf(quoted, sizeof quoted, "\"%.*s\"", SHOWN_MAX - 3, word);
        return refuse_with_usage(command, quoted, " is one argument too many");
    }
    args->operands[args->n_operands++] = word;
    return true;
}

static bool is_complete(const ss_args_t *args) {
    const ss_command_t *command = args->command;
    for (const ss_option_t *o = command->options; o->name != NULL; o++) {
        if (o->required && args->values[o - command->options] == NULL) {
            char wanted[SHOWN_MAX];
            snprintf(wanted, sizeof wanted, "--%s %s", o->name, o->argument);
            return refuse_with_usage(command, wanted, " is missing");
        }
    }
    return command->operand == NULL || command->operand[0] == '[' || args->n_operands != 0 ||
           refuse_with_usage(command, command->operand, " is missing");
}

bool ss_args_parse(ss_args_t *args, const ss_command_t *command, int argc, char *const *argv) {
    bool options = true;
    *args = (ss_args_t){.command = command};
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];
        if (!options || word[0] != '-' || word[1] == '\0') {
            if (!read_operand(args, word)) {
                return false;
            }
        } else if (strcmp(word, "--") == 0) {
            options = false;
        } else if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
            args->help = true;
            return true;
        } else if (!read_option(args, argc, argv, &i)) {
            return false;
        }
    }
    return is_complete(args);
}

const char *ss_args_get(const ss_args_t *args, const char *name) {
    const ss_option_t *o = args->command->options;
    while (o->name != NULL && strcmp(o->name, name) != 0) {
        o++;
    }
    assert(o->name != NULL);
    return args->values[o - args->command->options];
}

bool ss_args_number(const ss_args_t *args, const char *name, long min, long max, long *number) {
    const char *text = ss_args_get(args, name);
    if (text == NULL) {
        return true;
    }
    char *end;
    errno = 0;
    long value = strtol(text, &end, 10);
    /* strtol() would take white space and signs. */
    if (errno != 0 || *text < '0' || *text > '9' || *end != '\0' || value < min || value > max) {
        ss_args_refuse(args->command, "--%s must be a number from %ld to %ld, but is \"%.*s\"",
                       name, min, max, SHOWN_MAX, text);
        return false;
    }
    *number = value;
    return true;
}

const char *ss_args_operand(const ss_args_t *args, size_t i) {
    return i < args->n_operands ? args->operands[i] : NULL;
}

bool ss_args_need_app(const ss_args_t *args) {
    bool needed = args->command->needs_app;
    for (const ss_option_t *o = args->command->options; o->name != NULL; o++) {
        needed = needed && !(o->without_app && args->values[o - args->command->options] != NULL);
    }
    return needed;
}
