/* SPDX-License-Identifier: MIT
 *
 * `socketstream types`: hands over to host/types.mjs, which Node runs in this process's place.
 *
 * Owns the options.
 */
#include "cmd.h"

#include <getopt.h>
#include <stddef.h>
#include <stdio.h>

#include "node_script.h"

static const char usage[] =
    "usage: socketstream types [--app DIR]\n"
    "\n"
    "Writes app/socketstream.d.ts: what SS.server has, for TypeScript. Needs the npm package\n"
    "typescript, in the application or beside SocketStream.\n"
    "\n"
    "  --app DIR  the application; this folder when not given\n";

int ss_cmd_types(int argc, char **argv) {
    static const struct option long_options[] = {
        {"app", required_argument, NULL, 'a'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    static const char *const none[] = {NULL};
    const char *app = ".";
    int option;

    while ((option = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
        switch (option) {
        case 'a':
            app = optarg;
            break;
        case 'h':
            fputs(usage, stdout);
            return SS_EXIT_OK;
        default:
            fputs(usage, stderr);
            return SS_EXIT_USAGE;
        }
    }
    if (optind < argc) {
        fputs(usage, stderr);
        return SS_EXIT_USAGE;
    }
    return ss_node_script_run("host/types.mjs", app, none);
}
