/* SPDX-License-Identifier: MIT
 *
 * `socketstream pack`: packs an application for production, by becoming the packer.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "args.h"
#include "config.h"
#include "packer.h"

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

static int run(const ss_args_t *args) {
    char error[SS_CONFIG_ERROR_MAX];
    ss_config_t *config = ss_config_load(args->app, error);
    int status;

    if (config == NULL) {
        return complain(error, "");
    }
    status = run_packer(args->app, config);
    ss_config_destroy(config);
    return status;
}

const ss_command_t ss_command_pack = {
    .name = "pack",
    .alias = "p",
    .summary = "compile what browsers get into public/, for production",
    .about = "Compiles app/client, app/shared, app/views, app/css, lib/client and lib/css into "
             "public/index.html and public/assets, which is all that production serves.",
    .needs_app = true,
    .options = {SS_OPTION_APP},
    .examples = {{"SS_ENV=production socketstream pack", "before the new code is deployed"}},
    .run = run,
};
