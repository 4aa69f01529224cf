/* SPDX-License-Identifier: MIT
 *
 * nested.users.yesterday: a folder is a namespace.
 */
#include <socketstream.h>

static void yesterday(ss_req *req, json_t *params) {
    (void)params;
    ss_reply(req, json_pack("[s, s]", "alice", "bob"));
}

SS_ACTIONS = {
    {"yesterday", yesterday},
};
