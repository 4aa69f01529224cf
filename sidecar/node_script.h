/* SPDX-License-Identifier: MIT
 *
 * Commands that are written in JavaScript.
 */
#ifndef SS_NODE_SCRIPT_H
#define SS_NODE_SCRIPT_H

#define SS_NODE_SCRIPT_ARGS_MAX 8 /* of one command */

/* Puts Node, as the application's host.node names it, into this process's place.  It runs `script`,
 * a path that ss_share_find() knows, with the real path of `app` and then `args`, which ends with
 * NULL.  Returns only when that fails: SS_EXIT_FAILED, with the reason on stderr. */
int ss_node_script_run(const char *script, const char *app, const char *const *args);

struct ss_args;

/* The same for a script that attaches to the application, or starts it: its arguments are this
 * program, the value of the command's option --socket ("" when not given), and `last`, which may be
 * NULL. */
int ss_node_script_attach(const char *script, const struct ss_args *args, const char *last);

#endif
