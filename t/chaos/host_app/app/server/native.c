/* SPDX-License-Identifier: MIT
 *
 * What goes on beside sick hosts. */
#include <socketstream.h>

static void square(ss_req *req, json_t *params) {
    json_int_t n = json_integer_value(json_array_get(params, 0));
    ss_reply(req, json_integer(n * n));
}

SS_ACTIONS = {{"square", square}};
