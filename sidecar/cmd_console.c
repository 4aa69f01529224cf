/* SPDX-License-Identifier: MIT
 *
 * `socketstream console`: hands over to host/console.mjs, which Node runs in this process's place.
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
                                 ss_args_get(args, "eval"), NULL};
    int status = ss_node_script_run("host/console.mjs", args->app, script_args);
    ss_buf_free(&self);
    return status;
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
