/* SPDX-License-Identifier: MIT
 *
 * Completion for bash and zsh.
 */
#include "help.h"

#include <string.h>

/* What a word on the command line may be, by its name in the help. */
typedef enum { KIND_OTHER, KIND_FOLDER, KIND_FILE, KIND_COMMAND, KIND_WORDS } kind_t;

static kind_t kind_of(const char *argument) {
    static const struct {
        const char *name;
        kind_t kind;
    } names[] = {
        {"DIR", KIND_FOLDER}, {"FILE", KIND_FILE}, {"PATH", KIND_FILE}, {"COMMAND", KIND_COMMAND}};
    const char *name = argument + (argument[0] == '[');
    size_t len = strcspn(name, "] ");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strlen(names[i].name) == len && memcmp(names[i].name, name, len) == 0) {
            return names[i].kind;
        }
    }
    return memchr(name, '|', len) == NULL ? KIND_OTHER : KIND_WORDS;
}

/* "pretty|json" as "pretty json", and what follows a space, if anything, not at all */
static void print_words(FILE *out, const char *words) {
    for (; *words != '\0' && *words != ' '; words++) {
        fputc(*words == '|' ? ' ' : *words, out);
    }
}

static void print_commands(FILE *out) {
    for (size_t i = 0; ss_commands[i] != NULL; i++) {
        fprintf(out, i == 0 ? "%s" : " %s", ss_commands[i]->name);
    }
}

/* The pattern of a case: "start | s)" */
static void print_case(FILE *out, const ss_command_t *command) {
    fprintf(out, "    %s", command->name);
    fprintf(out, command->alias == NULL ? ")\n" : " | %s)\n", command->alias);
}

/* --- bash ------------------------------------------------------------------------------------ */

static void print_bash_kind(FILE *out, const char *variable, const char *argument) {
    static const char *const kinds[] = {
        [KIND_OTHER] = "nothing", [KIND_FOLDER] = "folder", [KIND_FILE] = "file"};
    kind_t kind = kind_of(argument);
    fprintf(out, "%s='", variable);
    if (kind == KIND_COMMAND) {
        print_commands(out);
    } else if (kind == KIND_WORDS) {
        print_words(out, argument);
    } else {
        fputs(kinds[kind], out);
    }
    fputs("'", out);
}

static void print_bash_command(FILE *out, const ss_command_t *command) {
    bool values = false;
    print_case(out, command);
    fputs("        options='", out);
    for (const ss_option_t *o = command->options; o->name != NULL; o++) {
        fprintf(out, "--%s ", o->name);
        values = values || o->argument != NULL;
    }
    fputs("--help'\n", out);
    if (command->operand != NULL) {
        print_bash_kind(out, "        operand", command->operand);
        fputc('\n', out);
    }
    fputs(values ? "        case $prev in\n" : "", out);
    for (const ss_option_t *o = command->options; o->name != NULL; o++) {
        if (o->argument != NULL) {
            fprintf(out, "        --%s", o->name);
            if (o->letter != 0) {
                fprintf(out, " | -%c", o->letter);
            }
            print_bash_kind(out, ") kind", o->argument);
            fputs(" ;;\n", out);
        }
    }
    fputs(values ? "        esac\n        ;;\n" : "        ;;\n", out);
}

void ss_help_bash(FILE *out) {
    fputs("# bash completion for socketstream: written by `socketstream help --completion bash`.\n"
          "\n"
          "_socketstream() {\n"
          "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}\n"
          "    local options='' operand='nothing' kind=''\n"
          "    COMPREPLY=()\n"
          "    # Of --app=DIR bash makes three words.\n"
          "    if [[ $cur == = ]]; then\n"
          "        cur=''\n"
          "    elif [[ $prev == = ]]; then\n"
          "        prev=${COMP_WORDS[COMP_CWORD - 2]}\n"
          "    fi\n"
          "    if [[ $COMP_CWORD -eq 1 ]]; then\n"
          "        options='--help --version' operand='",
          out);
    print_commands(out);
    fputs("'\n"
          "    fi\n"
          "    case ${COMP_WORDS[1]} in\n",
          out);
    for (size_t i = 0; ss_commands[i] != NULL; i++) {
        print_bash_command(out, ss_commands[i]);
    }
    fputs("    esac\n"
          "    if [[ -z $kind && $cur == -* ]]; then\n"
          "        kind=$options\n"
          "    fi\n"
          "    case ${kind:-$operand} in\n"
          "    nothing) ;;\n"
          "    folder)\n"
          "        compopt -o filenames 2>/dev/null\n"
          "        mapfile -t COMPREPLY < <(compgen -d -- \"$cur\")\n"
          "        ;;\n"
          "    file)\n"
          "        compopt -o filenames 2>/dev/null\n"
          "        mapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n"
          "        ;;\n"
          "    *) mapfile -t COMPREPLY < <(compgen -W \"${kind:-$operand}\" -- \"$cur\") ;;\n"
          "    esac\n"
          "}\n"
          "complete -F _socketstream socketstream\n",
          out);
}

/* --- zsh ------------------------------------------------------------------------------------- */

/* Within single quotes, and within the brackets of a specification. */
static void print_zsh_text(FILE *out, const char *text) {
    for (; *text != '\0'; text++) {
        if (*text == '\'') {
            fputs("'\\''", out);
        } else {
            fputs(strchr("[]\\", *text) == NULL ? "" : "\\", out);
            fputc(*text, out);
        }
    }
}

/* ":DIR:_files -/", what follows the description */
static void print_zsh_value(FILE *out, const char *argument) {
    static const char *const actions[] = {
        [KIND_OTHER] = " ", [KIND_FOLDER] = "_files -/", [KIND_FILE] = "_files"};
    kind_t kind = kind_of(argument);
    fputs(":value:", out);
    if (kind == KIND_COMMAND || kind == KIND_WORDS) {
        fputc('(', out);
        if (kind == KIND_COMMAND) {
            print_commands(out);
        } else {
            print_words(out, argument);
        }
        fputc(')', out);
    } else {
        fputs(actions[kind], out);
    }
}

static void print_zsh_option(FILE *out, const ss_option_t *o) {
    const char *equals = o->argument == NULL ? "" : "=";
    if (o->letter == 0) {
        fprintf(out, " \\\n            '--%s%s[", o->name, equals);
    } else {
        fprintf(out, " \\\n            '(-%c --%s)'{-%c,--%s%s}'[", o->letter, o->name, o->letter,
                o->name, equals);
    }
    print_zsh_text(out, o->meaning);
    fputc(']', out);
    if (o->argument != NULL) {
        print_zsh_value(out, o->argument);
    }
    fputc('\'', out);
}

static void print_zsh_command(FILE *out, const ss_command_t *command) {
    print_case(out, command);
    fputs("        _arguments", out);
    for (const ss_option_t *o = command->options; o->name != NULL; o++) {
        print_zsh_option(out, o);
    }
    print_zsh_option(out, &ss_help_help);
    if (command->operand != NULL) {
        fputs(command->operand[0] == '[' ? " \\\n            '1:" : " \\\n            '1", out);
        print_zsh_value(out, command->operand);
        fputc('\'', out);
    }
    fputs("\n        ;;\n", out);
}

void ss_help_zsh(FILE *out) {
    fputs("#compdef socketstream\n"
          "# Written by `socketstream help --completion zsh`.\n"
          "\n"
          "_socketstream() {\n"
          "    local -a commands\n"
          "    commands=(\n",
          out);
    for (size_t i = 0; ss_commands[i] != NULL; i++) {
        fprintf(out, "        '%s:", ss_commands[i]->name);
        print_zsh_text(out, ss_commands[i]->summary);
        fputs("'\n", out);
    }
    fputs("    )\n"
          "    if ((CURRENT == 2)); then\n"
          "        _describe -t commands command commands\n"
          "        return\n"
          "    fi\n"
          "    shift words\n"
          "    ((CURRENT--))\n"
          "    case $words[1] in\n",
          out);
    for (size_t i = 0; ss_commands[i] != NULL; i++) {
        print_zsh_command(out, ss_commands[i]);
    }
    fputs("    esac\n"
          "}\n"
          "\n"
          "_socketstream \"$@\"\n",
          out);
}
