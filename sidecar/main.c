/* SPDX-License-Identifier: MIT
 *
 * The `socketstream` program: finds the command that was named, reads its command line, looks for
 * the application that it needs, and hands over to it.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app_dir.h"
#include "args.h"
#include "cmd.h"
#include "help.h"

/* Of the three standard files none may be closed: what is opened next would have its number, and
 * get what we print. */
static void open_standard_files(void) {
    int fd;

    do {
        fd = open("/dev/null", O_RDWR);
    } while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd > STDERR_FILENO) {
        close(fd);
    }
}

static bool enter_app(ss_args_t *args) {
    const char *given = ss_args_get(args, "app");
    ss_buf_t error = {0};
    bool good = ss_app_dir_find(given == NULL ? "." : given, args->app, &error) &&
                (args->command->any_version || ss_app_dir_check_version(args->app, &error));

    if (!good) {
        fprintf(stderr, "socketstream: %s\n", ss_buf_string(&error));
    }
    ss_buf_free(&error);
    return good;
}

static int run(const ss_command_t *command, int argc, char **argv) {
    ss_args_t args;

    if (!ss_args_parse(&args, command, argc, argv)) {
        return SS_EXIT_USAGE;
    }
    if (args.help) {
        ss_help_command(stdout, command);
        return SS_EXIT_OK;
    }
    if (ss_args_need_app(&args) && !enter_app(&args)) {
        return SS_EXIT_FAILED;
    }
    return command->run(&args);
}

int main(int argc, char **argv) {
    const ss_command_t *command;
    const char *word;

    open_standard_files();
    if (argc < 2) {
        ss_help_overview(stderr);
        return SS_EXIT_USAGE;
    }
    word = argv[1];
    if (strcmp(word, "child") == 0) {
        return ss_cmd_child(argc - 1, argv + 1);
    }
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
        word = "help";
    } else if (strcmp(word, "--version") == 0 || strcmp(word, "-v") == 0) {
        word = "version";
    }
    command = ss_command_find(word);
    return command == NULL ? SS_EXIT_USAGE : run(command, argc - 1, argv + 1);
}
