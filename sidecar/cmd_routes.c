/* SPDX-License-Identifier: MIT
 *
 * `socketstream routes`: hands over to host/routes.mjs, which Node runs in this process's place.
 *
 * Owns its row.
 */
#include "args.h"
#include "node_script.h"

static int run(const ss_args_t *args) {
    return ss_node_script_attach("host/routes.mjs", args,
                                 ss_args_get(args, "json") == NULL ? "table" : "json");
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
