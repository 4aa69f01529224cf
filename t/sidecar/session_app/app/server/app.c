/* SPDX-License-Identifier: MIT
 *
 * The session, channel and publish functions, each as an action, for tests.
 */
#include <socketstream.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <hiredis/hiredis.h>

#define NAMES_MAX 1000

static json_t *log_of_events;

static void note(const ss_event *e, void *arg) {
    (void)arg;
    json_array_append_new(log_of_events, json_pack("{s:s, s:s, s:s, s:s, s:s}", "name", e->name,
                                                   "session", e->session_id, "user", e->user_id,
                                                   "socket", e->socket_id, "channel", e->channel));
}

/* A channel whose name begins with the event's ends the session that comes or leaves. */
static void end_session(const ss_event *e, void *arg) {
    (void)arg;
    if (strncmp(e->channel, e->name, strlen(e->name)) == 0) {
        ss_logout_session(e->session_id, NULL, NULL);
    }
}

int ss_module_start(void) {
    static const char *const names[] = {"client:connect",      "client:disconnect",
                                        "session:disconnect",  "channel:subscribe",
                                        "channel:unsubscribe", "user:offline"};
    log_of_events = json_array();
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (!ss_on(names[i], note, NULL)) {
            return 1;
        }
    }
    ss_on("channel:subscribe", end_session, NULL);
    ss_on("channel:unsubscribe", end_session, NULL);
    return ss_on("no:such:event", note, NULL) ? 2 : 0;
}

void ss_module_stop(void) { json_decref(log_of_events); }

/* Answers true, or the error. */
static void finish(ss_req *req, int code, void *arg) {
    (void)arg;
    if (code != 0) {
        ss_error(req, code, NULL);
    } else {
        ss_reply(req, json_true());
    }
}

static const char *string_at(json_t *params, size_t i) {
    return json_string_value(json_array_get(params, i));
}

/* A string, or an array of them. */
static size_t strings_at(json_t *params, size_t i, const char **out) {
    const json_t *value = json_array_get(params, i);
    size_t n = json_array_size(value) < NAMES_MAX ? json_array_size(value) : NAMES_MAX;
    if (json_is_string(value)) {
        out[0] = json_string_value(value);
        return 1;
    }
    for (size_t k = 0; k < n; k++) {
        out[k] = json_string_value(json_array_get(value, k));
    }
    return n;
}

static void info(ss_req *req, json_t *params) {
    (void)params;
    ss_reply(req, json_pack("{s:s, s:I, s:s, s:s, s:o}", "id", ss_session_id(req), "created_at",
                            (json_int_t)ss_session_created_at(req), "user", ss_user_id(req),
                            "socket", ss_socket_id(req), "channels", ss_channel_list(req)));
}

static void set(ss_req *req, json_t *params) {
    json_t *value = json_array_get(params, 1);
    ss_reply(req, json_boolean(ss_session_set(req, string_at(params, 0),
                                              json_is_null(value) ? NULL : json_incref(value))));
}

static void get(ss_req *req, json_t *params) {
    json_t *value = ss_session_get(req, string_at(params, 0));
    ss_reply(req, value == NULL ? json_null() : json_incref(value));
}

static void save(ss_req *req, json_t *params) {
    ss_session_set(req, string_at(params, 0), json_incref(json_array_get(params, 1)));
    ss_session_save(req, finish, NULL);
}

static void login(ss_req *req, json_t *params) {
    ss_set_user_id(req, string_at(params, 0), finish, NULL);
}

static void logout(ss_req *req, json_t *params) {
    (void)params;
    ss_logout(req, finish, NULL);
}

static void logout_session(ss_req *req, json_t *params) {
    ss_logout_session(string_at(params, 0), NULL, NULL);
    ss_reply(req, json_true());
}

static void subscribe(ss_req *req, json_t *params) {
    const char *names[NAMES_MAX];
    ss_channel_subscribe(req, names, strings_at(params, 0, names), finish, NULL);
}

static void unsubscribe(ss_req *req, json_t *params) {
    const char *names[NAMES_MAX];
    ss_channel_unsubscribe(req, names, strings_at(params, 0, names), finish, NULL);
}

static void reset(ss_req *req, json_t *params) {
    (void)params;
    ss_channel_reset(req, finish, NULL);
}

static void publish_channel(ss_req *req, json_t *params) {
    ss_publish_channel(req, string_at(params, 0), string_at(params, 1),
                       json_incref(json_array_get(params, 2)), finish, NULL);
}

static void publish_channels(ss_req *req, json_t *params) {
    const char *names[NAMES_MAX];
    ss_publish_channels(req, names, strings_at(params, 0, names), string_at(params, 1),
                        json_incref(json_array_get(params, 2)), finish, NULL);
}

static void publish_user(ss_req *req, json_t *params) {
    ss_publish_user(req, string_at(params, 0), string_at(params, 1),
                    json_incref(json_array_get(params, 2)), finish, NULL);
}

static void publish_users(ss_req *req, json_t *params) {
    const char *names[NAMES_MAX];
    ss_publish_users(req, names, strings_at(params, 0, names), string_at(params, 1),
                     json_incref(json_array_get(params, 2)), finish, NULL);
}

static void publish_broadcast(ss_req *req, json_t *params) {
    ss_publish_broadcast(req, string_at(params, 0), json_incref(json_array_get(params, 1)), finish,
                         NULL);
}

static void publish_sockets(ss_req *req, json_t *params) {
    const char *names[NAMES_MAX];
    ss_publish_sockets(req, names, strings_at(params, 0, names), string_at(params, 1),
                       json_incref(json_array_get(params, 2)), finish, NULL);
}

/* flood(channel, n): n numbered events, and an answer when Redis has the last. */
static void flood(ss_req *req, json_t *params) {
    json_int_t n = json_integer_value(json_array_get(params, 1));
    for (json_int_t i = 1; i < n; i++) {
        ss_publish_channel(req, string_at(params, 0), "number", json_integer(i), NULL, NULL);
    }
    ss_publish_channel(req, string_at(params, 0), "number", json_integer(n), finish, NULL);
}

static void got_users(ss_req *req, json_t *users, void *arg) {
    (void)arg;
    if (users == NULL) {
        ss_error(req, SS_ERROR_UNAVAILABLE, NULL);
    } else {
        ss_reply(req, json_incref(users));
    }
}

static void online(ss_req *req, json_t *params) {
    (void)params;
    ss_users_online(req, got_users, NULL);
}

static void got_reply(ss_req *req, const struct redisReply *reply, void *arg) {
    free(arg);
    if (reply == NULL) {
        ss_error(req, SS_ERROR_UNAVAILABLE, NULL);
    } else if (reply->type == REDIS_REPLY_STRING) {
        ss_reply(req, json_stringn(reply->str, reply->len));
    } else {
        ss_reply(req, json_integer(reply->integer));
    }
}

static void redis(ss_req *req, json_t *params) {
    ss_redis_command(req, got_reply, malloc(1), "%s %s", string_at(params, 0),
                     string_at(params, 1));
}

static void events(ss_req *req, json_t *params) {
    (void)params;
    ss_reply(req, log_of_events);
    log_of_events = json_array();
}

static void secret(ss_req *req, json_t *params) {
    (void)params;
    ss_reply(req, json_string("the secret"));
}

static void quick(ss_req *req, json_t *params) {
    (void)params;
    ss_reply(req, json_integer(1));
}

/* Which node answers. */
static void pid(ss_req *req, json_t *params) {
    (void)params;
    ss_reply(req, json_integer(getpid()));
}

SS_ACTIONS = {
    {"info", info, 0},
    {"set", set, 0},
    {"get", get, 0},
    {"save", save, 0},
    {"login", login, 0},
    {"logout", logout, 0},
    {"logoutSession", logout_session, 0},
    {"subscribe", subscribe, 0},
    {"unsubscribe", unsubscribe, 0},
    {"reset", reset, 0},
    {"publish.channel", publish_channel, 0},
    {"publish.channels", publish_channels, 0},
    {"publish.user", publish_user, 0},
    {"publish.users", publish_users, 0},
    {"publish.broadcast", publish_broadcast, 0},
    {"publish.sockets", publish_sockets, 0},
    {"flood", flood, 0},
    {"online", online, 0},
    {"redis", redis, 0},
    {"events", events, 0},
    {"secret", secret, SS_AUTHENTICATED},
    {"quick", quick, 0},
    {"pid", pid, 0},
};
