/* SPDX-License-Identifier: MIT
 *
 * The asset packer under `socketstream start`: see start.h.
 *
 * Without `pack_assets`, in development and tests, it is a child like the others, which packs as
 * files change, and the application is ready with its first pack; in development it also tells the
 * sidecars. Everywhere else nothing is compiled: what is served must have been packed before.
 */
#include "start.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "packer.h"

#define complain ss_start_complain

static bool check_packed(const ss_start_t *start) {
    ss_buf_t what = {0};
    ss_pack_state_t state = ss_packer_look(start->app, &what);

    if (state != SS_PACK_GOOD) {
        complain("%s%s: " SS_PACK_REMEDY, state == SS_PACK_STALE ? "warning: " : "",
                 ss_buf_string(&what));
    }
    ss_buf_free(&what);
    return state == SS_PACK_GOOD || state == SS_PACK_STALE;
}

bool ss_start_check_packer(ss_start_t *start) {
    ss_buf_t program = {0};
    ss_buf_t error = {0};
    bool ok;

    if (!ss_packer_needed(start->app)) {
        return true;
    }
    start->packs = !ss_config_boolean(start->config, "pack_assets");
    if (!start->packs) {
        return check_packed(start);
    }
    ok = ss_packer_find(&program, &error) || complain("%s", ss_buf_string(&error));
    if (ok) {
        snprintf(start->packer_program, sizeof(start->packer_program), "%s",
                 ss_buf_string(&program));
    }
    ss_buf_free(&program);
    ss_buf_free(&error);
    return ok;
}

bool ss_start_add_packer(ss_start_t *start) {
    const ss_rundir_t *dir = &start->dir;
    const char **args = start->packer_args;
    bool is_development = strcmp(ss_config_env(start->config), "development") == 0;
    unsigned n = ss_packer_args(args, start->packer_program, start->app, start->config);
    ss_child_spec_t spec = {
        .name = "the packer",
        .file = start->node_binary,
        .args = args,
        .pid_file = dir->packer_pid,
        .log_file = dir->packer_log,
        .orphan_signal = SIGKILL,
        .steps = {{SIGTERM, 1000}},
    };

    args[n++] = "--watch";
    args[n++] = "--ready";
    args[n++] = dir->packed;
    /* Only in development do sidecars tell pages. */
    for (unsigned i = 0; is_development && i < start->n_nodes; i++) {
        args[n++] = "--socket";
        args[n++] = dir->nodes[i].socket;
    }
    args[n] = NULL;
    start->packer = ss_supervisor_add(start->supervisor, &spec);
    return start->packer != NULL || complain("cannot start the packer: %s", strerror(errno));
}

bool ss_start_is_packed(const ss_start_t *start) {
    return !start->packs || access(start->dir.packed, F_OK) == 0;
}
