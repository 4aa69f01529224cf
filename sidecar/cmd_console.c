/* SPDX-License-Identifier: MIT
 *
 * `socketstream console`: hands over to host/console.mjs, which Node runs in this process's place.
 *
 * Owns its row.
 */
#include "args.h"
#include "node_script.h"

static int run(const ss_args_t *args) {
    return ss_node_script_attach("host/console.mjs", args, ss_args_get(args, "eval"));
}

const ss_command_t ss_command_console = {
    .name = "console",
    .alias = "c",
    .summary = "run JavaScript within the application",
    .about = "Runs JavaScript within the application: SS and R, and await. Attaches to the "
             "application when it runs, else starts it for as long as the console is open.",
    .needs_app = true,
    .options =
        {
            SS_OPTION_APP,
            {.name = "socket",
             .argument = "PATH",
             .meaning = "the socket of a sidecar that `socketstream start` did not start"},
            {.name = "eval",
             .argument = "EXPRESSION",
             .letter = 'e',
             .meaning = "print what it gives, and end; an error ends with status 1"},
        },
    .examples =
        {
            {"socketstream console", "type SS.server.app.square(25); Tab completes, Ctrl-D ends"},
            {"socketstream console -e 'SS.server.app.square(25)'", "one answer, for a script"},
        },
    .run = run,
};
