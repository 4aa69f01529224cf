/* SPDX-License-Identifier: MIT
 *
 * The actions that make bench measures: a call, and what makes a client a subscriber. */
#include <socketstream.h>

#define CHANNELS_MAX 16

/* bench.square(n) */
static void square(ss_req *req, json_t *params) {
    json_int_t n = json_integer_value(json_array_get(params, 0));
    ss_reply(req, json_integer(n * n));
}

static void done(ss_req *req, int code, void *arg) {
    (void)arg;
    if (code != 0) {
        ss_error(req, code, NULL);
    } else {
        ss_reply(req, json_true());
    }
}

/* bench.join(channel, …): true once everything published from then on will come. */
static void join(ss_req *req, json_t *params) {
    const char *names[CHANNELS_MAX];
    size_t n = 0, i;
    json_t *name;
    json_array_foreach(params, i, name) {
        if (n < CHANNELS_MAX && json_is_string(name)) {
            names[n++] = json_string_value(name);
        }
    }
    ss_channel_subscribe(req, names, n, done, NULL);
}

/* bench.leave(): out of all channels. */
static void leave(ss_req *req, json_t *params) {
    (void)params;
    ss_channel_reset(req, done, NULL);
}

SS_ACTIONS = {{"square", square}, {"join", join}, {"leave", leave}};
