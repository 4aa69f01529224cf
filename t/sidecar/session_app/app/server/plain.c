/* SPDX-License-Identifier: MIT
 *
 * Actions that have to do with no session, for calls of hosts.
 */
#include <socketstream.h>

static void echo(ss_req *req, json_t *params) {
    json_t *first = json_array_get(params, 0);
    ss_reply(req, first == NULL ? json_null() : json_incref(first));
}

static void fail(ss_req *req, json_t *params) {
    ss_error(req, (int)json_integer_value(json_array_get(params, 0)), "%s",
             json_string_value(json_array_get(params, 1)));
}

/* Answers whether it was still wanted. */
static void fire(ss_req *req, void *arg) {
    bool wanted = ss_pending(req);
    (void)arg;
    ss_log(SS_LOG_NOTICE, "plain.later was %s", wanted ? "wanted" : "not wanted");
    ss_reply(req, json_boolean(wanted));
}

static void later(ss_req *req, json_t *params) {
    ss_after(req, (uint32_t)json_integer_value(json_array_get(params, 0)), fire, NULL);
}

static void facts(ss_req *req, json_t *params) {
    (void)params;
    ss_reply(req, json_pack("{s:s, s:s, s:s, s:s}", "transport", ss_transport(req), "address",
                            ss_address(req), "socket", ss_socket_id(req), "session",
                            ss_session_id(req)));
}

SS_ACTIONS = {
    {"echo", echo, 0},
    {"fail", fail, 0},
    {"later", later, 0},
    {"facts", facts, 0},
};
