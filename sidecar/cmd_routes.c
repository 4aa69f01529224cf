/* SPDX-License-Identifier: MIT
 *
 * `socketstream routes`: hands over to host/routes.mjs, which Node runs in this process's place.
 *
 * Owns its row.
 */
#include <stddef.h>

#include "args.h"
#include "node_script.h"
#include "share.h"

static int run(const ss_args_t *args) {
    const char *socket = ss_args_get(args, "socket");
    ss_buf_t self = {0};

    ss_share_program(&self);
    const char *script_args[] = {ss_buf_string(&self), socket == NULL ? "" : socket,
                                 ss_args_get(args, "json") == NULL ? "table" : "json", NULL};
    int status = ss_node_script_run("host/routes.mjs", args->app, script_args);
    ss_buf_free(&self);
    return status;
}

const ss_command_t ss_command_routes = {
    .name = "routes",
    .summary = "list the public actions, with their HTTP paths",
    .about = "Lists every public action: its name, its path over HTTP, what it runs in, whether "
             "it is for signed-in users alone, and its file. Asks the application when it runs, "
             "else starts it for the question.",
    .needs_app = true,
    .options =
        {
            SS_OPTION_APP,
            {.name = "socket",
             .argument = "PATH",
             .meaning = "the socket of a sidecar that `socketstream start` did not start"},
            {.name = "json", .meaning = "as JSON, for programs"},
        },
    .examples =
        {
            {"socketstream routes", "what may be called"},
            {"socketstream routes --json | jq -r '.[] | select(.authenticated | not) | .name'",
             "what anybody may call"},
        },
    .run = run,
};
