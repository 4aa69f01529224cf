/* SPDX-License-Identifier: MIT
 *
 * Actions for everybody, and for signed-in users.
 */
#include <socketstream.h>

static void echo(ss_req *req, json_t *params) { ss_reply(req, json_incref(params)); }

static void whoami(ss_req *req, json_t *params) {
    bool kept = ss_session_set(req, "seen", json_true());
    ss_reply(req, json_pack("{s:s, s:s, s:b, s:O}", "user", ss_user_id(req), "session",
                            ss_session_id(req), "kept", kept, "params", params));
}

static void same(ss_req *req, json_t *params) {
    const char *a = json_string_value(json_array_get(params, 0));
    const char *b = json_string_value(json_array_get(params, 1));
    ss_reply(req, json_boolean(ss_equal_secret(a, b)));
}

SS_ACTIONS = {
    {"echo", echo, 0},    {"same", same, 0}, {"whoami", whoami, SS_AUTHENTICATED},
    {"deep.er", echo, 0}, {NULL, NULL, 0},
};
