/* SPDX-License-Identifier: MIT
 *
 * The application's middleware under `socketstream start`: see start.h.
 *
 * In development config/http may come and go.  Where it comes, the sidecar is started again if it
 * does not have the socket for it yet, and then nginx's configuration is written anew: nginx never
 * asks where nobody would answer.  Where it goes, nginx alone hears of it.
 *
 * A look each SS_START_LOOK_MS is cheap, and sees what a watch of folders that come and go might
 * not.
 */
#include "start.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "app_dir.h"

#define SS_START_LOOK_MS 300

#define complain ss_start_complain

static bool has_hosts(const ss_start_t *start, const char *file) {
    return ss_config_integer(start->config, "hosts") != 0 ||
           complain("%s is middleware, which a host runs, but hosts is 0: set it to 1 or more, "
                    "or remove the file",
                    file);
}

bool ss_start_check_middleware(ss_start_t *start) {
    const char *file = ss_app_dir_middleware(start->app);

    start->middleware = file != NULL;
    return file == NULL || has_hosts(start, file);
}

/* --- in development -------------------------------------------------------------------------- */

/* nginx asks middleware from now on, or no more. */
static void tell_nginx(ss_start_t *start, bool middleware) {
    start->middleware = middleware;
    if (ss_start_write_confs(start)) {
        ss_start_signal_nginx(start, SIGHUP);
        complain("%s: nginx's configuration is loaded anew",
                 middleware ? "config/http is asked first from now on" : "config/http is gone");
    }
}

/* Of all sidecars; those that lack it are started again, which gives it to them. */
static bool have_sockets(ss_start_t *start) {
    bool all = true;

    for (unsigned i = 0; i < start->n_nodes; i++) {
        ss_start_node_t *node = &start->nodes[i];
        bool has = ss_probe_socket(start->dir.nodes[i].http_socket);

        if (!has && !node->anew) {
            node->anew = true;
            unlink(start->dir.nodes[i].sidecar_state);
            ss_child_signal(node->sidecar, SIGTERM);
        }
        all = all && has;
    }
    return all;
}

/* What there is no host for is said once, and not asked. */
static bool is_possible(ss_start_t *start, const char *file) {
    if (!start->looked) {
        start->looked = true;
        start->possible = has_hosts(start, file) && ss_start_find_node(start);
        if (start->possible) {
            complain("%s is there: the sidecar makes room for it", file);
        }
    }
    return start->possible;
}

static void on_look(uv_timer_t *timer) {
    ss_start_t *start = timer->data;
    const char *file = ss_app_dir_middleware(start->app);

    if (file == NULL) {
        start->looked = false;
        if (start->middleware) {
            tell_nginx(start, false);
        }
    } else if (!start->middleware && is_possible(start, file) && have_sockets(start) &&
               ss_start_sidecars_listen(start)) {
        tell_nginx(start, true);
    }
}

void ss_start_watch_middleware(ss_start_t *start) {
    if (strcmp(ss_config_env(start->config), "development") == 0) {
        uv_timer_start(&start->look, on_look, SS_START_LOOK_MS, SS_START_LOOK_MS);
    }
}
