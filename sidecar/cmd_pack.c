/* SPDX-License-Identifier: MIT
 *
 * `socketstream pack`: packs an application for production, by becoming the packer.
 */
#include "cmd.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "packer.h"

static const char usage[] =
    "usage: socketstream pack [--app DIR]\n"
    "\n"
    "Compiles app/client, app/shared, app/views, app/css, lib/client and lib/css into\n"
    "public/index.html and public/assets, which is all that production serves.\n";

static int complain(const char *what, const char *why) {
    fprintf(stderr, "socketstream: %s%s%s\n", what, why[0] == '\0' ? "" : ": ", why);
    return SS_EXIT_FAILED;
}

/* Returns only when that fails. */
static int run_packer(const char *app, const ss_config_t *config) {
    const char *args[SS_PACKER_ARGS_MAX];
    const char *node = ss_config_string(config, "host.node");
    ss_buf_t program = {0};
    ss_buf_t error = {0};
    int status = SS_EXIT_FAILED;

    if (!ss_packer_find(&program, &error)) {
        status = complain(ss_buf_string(&error), "");
    } else {
        ss_packer_args(args, ss_buf_string(&program), app, config);
        execvp(node, (char *const *)args);
        status = complain(node, errno == ENOENT ? "not found: the packer needs Node 18 or newer; "
                                                  "install it (apt-get install nodejs npm), or set "
                                                  "host.node in the configuration"
                                                : strerror(errno));
    }
    ss_buf_free(&program);
    ss_buf_free(&error);
    return status;
}

int ss_cmd_pack(int argc, char **argv) {
    static const struct option options[] = {
        {"app", required_argument, NULL, 'a'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    char error[SS_CONFIG_ERROR_MAX];
    char path[PATH_MAX];
    const char *app = ".";
    ss_config_t *config;
    int option;
    int status;

    while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        if (option == 'h') {
            fputs(usage, stdout);
            return SS_EXIT_OK;
        }
        if (option != 'a') {
            fputs(usage, stderr);
            return SS_EXIT_USAGE;
        }
        app = optarg;
    }
    if (optind < argc) {
        fputs(usage, stderr);
        return SS_EXIT_USAGE;
    }
    if (realpath(app, path) == NULL) {
        return complain(app, strerror(errno));
    }
    config = ss_config_load(path, error);
    if (config == NULL) {
        return complain(error, "");
    }
    status = run_packer(path, config);
    ss_config_destroy(config);
    return status;
}
