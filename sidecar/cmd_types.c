/* SPDX-License-Identifier: MIT
 *
 * `socketstream types`: hands over to host/types.mjs, which Node runs in this process's place.
 *
 * Owns its row.
 */
#include <stddef.h>

#include "args.h"
#include "node_script.h"

static int run(const ss_args_t *args) {
    static const char *const none[] = {NULL};
    return ss_node_script_run("host/types.mjs", args->app, none);
}

const ss_command_t ss_command_types = {
    .name = "types",
    .alias = "t",
    .summary = "write app/socketstream.d.ts, the types of SS.server",
    .about = "Writes app/socketstream.d.ts: what SS.server has, for TypeScript. Needs the npm "
             "package typescript, in the application or beside SocketStream.",
    .needs_app = true,
    .options = {SS_OPTION_APP},
    .examples = {{"socketstream types", "then tsc and editors know every action"}},
    .run = run,
};
