/* SPDX-License-Identifier: MIT
 *
 * A file whose actions are all for signed-in users.
 */
#include <socketstream.h>

SS_AUTHENTICATE_ALL;

static void whoami(ss_req *req, json_t *params) {
    (void)params;
    ss_reply(req, json_string(ss_user_id(req)));
}

SS_ACTIONS = {
    {"whoami", whoami, 0},
};
