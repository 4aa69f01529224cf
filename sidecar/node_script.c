/* SPDX-License-Identifier: MIT
 *
 * See node_script.h.
 */
#include "node_script.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "args.h"
#include "buf.h"
#include "config.h"
#include "share.h"

static const char *node_of(const ss_config_t *config) {
    const char *name = json_string_value(ss_config_get(config, "host.node"));
    return name == NULL || *name == '\0' ? "node" : name;
}

static void run(const char *node, const char *script, const char *app, const char *const *args) {
    const char *argv[SS_NODE_SCRIPT_ARGS_MAX + 4] = {node, script, app};
    for (size_t i = 0; args[i] != NULL; i++) {
        assert(i < SS_NODE_SCRIPT_ARGS_MAX);
        argv[i + 3] = args[i];
    }
    execvp(node, (char *const *)(uintptr_t)argv);
    fprintf(stderr,
            "socketstream: cannot run '%s': %s; install Node 18 or newer, or set SS__host__node "
            "to its path\n",
            node, strerror(errno));
}

int ss_node_script_run(const char *script, const char *app, const char *const *args) {
    char real[PATH_MAX];
    char error[SS_CONFIG_ERROR_MAX];
    ss_buf_t path = {0};
    ss_buf_t missing = {0};

    if (realpath(app, real) == NULL) {
        fprintf(stderr, "socketstream: %s: %s\n", app, strerror(errno));
        return SS_EXIT_FAILED;
    }
    ss_config_t *config = ss_config_load(real, error);
    if (config == NULL) {
        fprintf(stderr, "socketstream: %s\n", error);
    } else if (!ss_share_find(script, &path, &missing)) {
        fprintf(stderr, "socketstream: %s\n", ss_buf_string(&missing));
    } else {
        run(node_of(config), ss_buf_string(&path), real, args);
    }
    ss_config_destroy(config);
    ss_buf_free(&path);
    ss_buf_free(&missing);
    return SS_EXIT_FAILED;
}

int ss_node_script_attach(const char *script, const ss_args_t *args, const char *last) {
    const char *socket = ss_args_get(args, "socket");
    ss_buf_t self = {0};

    ss_share_program(&self);
    const char *script_args[] = {ss_buf_string(&self), socket == NULL ? "" : socket, last, NULL};
    int status = ss_node_script_run(script, args->app, script_args);
    ss_buf_free(&self);
    return status;
}
