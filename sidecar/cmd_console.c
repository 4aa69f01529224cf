/* SPDX-License-Identifier: MIT
 *
 * `socketstream console`: hands over to host/console.mjs, which Node runs in this process's place.
 *
 * Owns the options, and where Node is: the configuration's host.node.
 */
#include "cmd.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "buf.h"
#include "config.h"
#include "share.h"

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

static const char *node_of(const ss_config_t *config) {
    const char *name = json_string_value(ss_config_get(config, "host.node"));

    return name == NULL || *name == '\0' ? "node" : name;
}

/* Returns only when it fails. */
static int run(const options_t *options, const char *app, const char *node, const char *script) {
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

    self[n < 0 ? 0 : n] = '\0';
    const char *argv[] = {node, script, app, self, options->socket, options->expression, NULL};
    execvp(node, (char *const *)(uintptr_t)argv);
    fprintf(stderr,
            "socketstream: cannot run '%s': %s; install Node 18 or newer, or set SS__host__node "
            "to its path\n",
            node, strerror(errno));
    return SS_EXIT_FAILED;
}

int ss_cmd_console(int argc, char **argv) {
    options_t options = {.app = ".", .socket = ""};
    char app[PATH_MAX];
    char error[SS_CONFIG_ERROR_MAX];
    ss_buf_t script = {0};
    ss_buf_t missing = {0};
    int status = SS_EXIT_FAILED;

    if (!parse(&options, &status, argc, argv)) {
        return status;
    }
    if (realpath(options.app, app) == NULL) {
        fprintf(stderr, "socketstream: %s: %s\n", options.app, strerror(errno));
        return status;
    }
    ss_config_t *config = ss_config_load(app, error);
    if (config == NULL) {
        fprintf(stderr, "socketstream: %s\n", error);
    } else if (!ss_share_find("host/console.mjs", &script, &missing)) {
        fprintf(stderr, "socketstream: %s\n", ss_buf_string(&missing));
    } else {
        status = run(&options, app, node_of(config), ss_buf_string(&script));
    }
    ss_config_destroy(config);
    ss_buf_free(&script);
    ss_buf_free(&missing);
    return status;
}
