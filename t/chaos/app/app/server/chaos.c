/* SPDX-License-Identifier: MIT
 *
 * Actions for the chaos tests. */
#include <socketstream.h>

static void square(ss_req *req, json_t *params) {
    json_int_t n = json_integer_value(json_array_get(params, 0));
    ss_reply(req, json_integer(n * n));
}

static void answer_late(ss_req *req, void *arg) {
    (void)arg;
    ss_reply(req, json_string("late"));
}

/* chaos.later(ms) */
static void later(ss_req *req, json_t *params) {
    ss_after(req, (uint32_t)json_integer_value(json_array_get(params, 0)), answer_late, NULL);
}

SS_ACTIONS = {{"square", square}, {"later", later}};
