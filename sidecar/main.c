/* SPDX-License-Identifier: MIT
 *
 * The `socketstream` program: finds the command that was named and hands over to it.
 */
#include <stdio.h>
#include <string.h>

#include "cmd.h"
#include "include/socketstream.h"
#include "nearest.h"

#define WORD_SHOWN 32 /* bytes of an unknown word that are repeated */

static int cmd_version(int argc, char **argv);
static int cmd_help(int argc, char **argv);

static const struct {
    const char *name;
    const char *alias; /* NULL: none */
    int (*run)(int argc, char **argv);
    const char *summary; /* NULL: for our own use, not listed */
} commands[] = {
    {"new", "n", ss_cmd_new, "make a new application"},
    {"start", "s", ss_cmd_start, "run the application in this folder: nginx and the sidecar"},
    {"sidecar", NULL, ss_cmd_sidecar, "run the sidecar alone, for an nginx of your own"},
    {"pack", "p", ss_cmd_pack, "compile what browsers get into public/, for production"},
    {"console", "c", ss_cmd_console, "run JavaScript within the application"},
    {"config", NULL, ss_cmd_config, "print the configuration: values, where from, meanings"},
    {"types", "t", ss_cmd_types, "write app/socketstream.d.ts, the types of SS.server"},
    {"version", "v", cmd_version, "print the version"},
    {"help", "h", cmd_help, "print this; `socketstream COMMAND --help` tells more"},
    {"child", NULL, ss_cmd_child, NULL},
};
#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void print_help(FILE *out) {
    fputs("usage: socketstream COMMAND [OPTIONS]\n\n", out);
    for (size_t i = 0; i < N_COMMANDS; i++) {
        if (commands[i].summary != NULL) {
            fprintf(out, "  %-9s %-2s %s\n", commands[i].name,
                    commands[i].alias == NULL ? "" : commands[i].alias, commands[i].summary);
        }
    }
}

static int cmd_help(int argc, char **argv) {
    (void)argc;
    (void)argv;
    print_help(stdout);
    return SS_EXIT_OK;
}

static int cmd_version(int argc, char **argv) {
    (void)argc;
    (void)argv;
    puts("socketstream " SS_VERSION);
    return SS_EXIT_OK;
}

static int unknown(const char *word) {
    ss_nearest_t nearest = ss_nearest_to(word, 2); /* further away it is no slip of the fingers */

    for (size_t i = 0; i < N_COMMANDS; i++) {
        if (commands[i].summary != NULL) {
            ss_nearest_offer(&nearest, commands[i].name);
        }
    }
    fprintf(stderr, "socketstream: there is no command \"%.*s\"", WORD_SHOWN, word);
    if (nearest.best != NULL) {
        fprintf(stderr, "; did you mean \"%s\"?\n", nearest.best);
    } else {
        fputs("; `socketstream help` lists them\n", stderr);
    }
    return SS_EXIT_USAGE;
}

int main(int argc, char **argv) {
    const char *word;

    if (argc < 2) {
        print_help(stderr);
        return SS_EXIT_USAGE;
    }
    word = argv[1];
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
        word = "help";
    } else if (strcmp(word, "--version") == 0 || strcmp(word, "-v") == 0) {
        word = "version";
    }
    for (size_t i = 0; i < N_COMMANDS; i++) {
        if (strcmp(word, commands[i].name) == 0 ||
            (commands[i].alias != NULL && strcmp(word, commands[i].alias) == 0)) {
            return commands[i].run(argc - 1, argv + 1);
        }
    }
    return unknown(word);
}
