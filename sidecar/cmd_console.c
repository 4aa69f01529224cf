/* SPDX-License-Identifier: MIT
 *
 * `socketstream console`: hands over to host/console.mjs, which Node runs in this process's place.
 *
 * Owns the options.
 */
#include "cmd.h"

#include <getopt.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include "node_script.h"

static const char usage[] =
    "usage: socketstream console [--app DIR] [--socket PATH] [-e EXPRESSION]\n"
    "\n"
    "Runs JavaScript within the application: SS and R, and await. Attaches to the application\n"
    "when it runs, else starts it for as long as the console is open.\n"
    "\n"
    "  --app DIR      the application; this folder when not given\n"
    "  --socket PATH  the socket of a sidecar that `socketstream start` did not start\n"
    "  -e EXPRESSION  print what it gives, and end; an error ends with status 1\n"
    "\n"
    "Example: socketstream console -e 'SS.server.app.square(25)'\n";

typedef struct {
    const char *app;
    const char *socket; /* "" when not given */
    const char *expression;
} options_t;

/* false with the exit status in `status`. */
static bool parse(options_t *options, int *status, int argc, char **argv) {
    static const struct option long_options[] = {
        {"app", required_argument, NULL, 'a'},
        {"socket", required_argument, NULL, 's'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    int option;

    while ((option = getopt_long(argc, argv, "he:", long_options, NULL)) != -1) {
        switch (option) {
        case 'a':
            options->app = optarg;
            break;
        case 's':
            options->socket = optarg;
            break;
        case 'e':
            options->expression = optarg;
            break;
        case 'h':
            fputs(usage, stdout);
            *status = SS_EXIT_OK;
            return false;
        default:
            fputs(usage, stderr);
            *status = SS_EXIT_USAGE;
            return false;
        }
    }
    if (optind < argc) {
        fputs(usage, stderr);
        *status = SS_EXIT_USAGE;
        return false;
    }
    return true;
}

int ss_cmd_console(int argc, char **argv) {
    options_t options = {.app = ".", .socket = ""};
    char self[PATH_MAX];
    int status;

    if (!parse(&options, &status, argc, argv)) {
        return status;
    }
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    self[n < 0 ? 0 : n] = '\0';
    const char *args[] = {self, options.socket, options.expression, NULL};
    return ss_node_script_run("host/console.mjs", options.app, args);
}
