/* SPDX-License-Identifier: MIT
 *
 * What actions call about sessions, users, channels and Redis: the functions of
 * include/socketstream.h.  Those that publish are in publish.c, ss_on() is in events.c.
 */
#include "include/socketstream.h"

#include <stdarg.h>

#include "bounds.h"
#include "connection.h"
#include "done.h"
#include "hub.h"
#include "log.h"
#include "mem.h"
#include "names.h"
#include "online.h"
#include "request.h"
#include "session.h"
#include "change.h"

_Static_assert(SS_SESSION_ID_TEXT < SS_REQUEST_TEXT_MAX && SS_SOCKET_ID_MAX <= SS_REQUEST_TEXT_MAX,
               "ids fit a request's text");

static const ss_client_t *client_of(const ss_req *req) {
    const ss_request_t *request = ss_request_get(req);
    return request == NULL ? NULL : ss_request_client(request);
}

static ss_session_t *session_of(const ss_req *req) {
    const ss_client_t *client = client_of(req);
    return client == NULL ? NULL : client->session;
}

/* The session to change; NULL after `done` was told why there is none. */
static ss_session_t *session_to_change(ss_req *req, ss_done_fn done, void *arg) {
    ss_session_t *session = session_of(req);
    if (session == NULL) {
        const ss_request_t *r = ss_request_get(req);
        bool none =
            r != NULL && (r->transport->by_host ||
                          ss_client_find(&r->peer->clients, r->slot, r->generation) != NULL);
        ss_done_later(req, done, none ? SS_ERROR_NOT_AUTHENTICATED : SS_ERROR_UNAVAILABLE, arg);
    }
    return session;
}

/* --- facts ----------------------------------------------------------------------------------- */

const char *ss_session_id(ss_req *req) {
    const ss_session_t *session = session_of(req);
    if (session == NULL) {
        return "";
    }
    ss_request_t *request = ss_request_get(req);
    ss_session_text(session->id, request->session_id);
    return request->session_id;
}

const char *ss_socket_id(ss_req *req) {
    const ss_client_t *client = client_of(req);
    if (client == NULL) {
        return "";
    }
    ss_request_t *request = ss_request_get(req);
    ss_connection_socket_id(client, request->socket_id);
    return request->socket_id;
}

int64_t ss_session_created_at(ss_req *req) {
    const ss_session_t *session = session_of(req);
    return session == NULL ? 0 : (int64_t)session->created_at * 1000;
}

const char *ss_user_id(ss_req *req) {
    const ss_session_t *session = session_of(req);
    const ss_request_t *request = ss_request_get(req);
    if (session != NULL) {
        return ss_session_user(session);
    }
    return request == NULL || request->user == NULL ? "" : request->user;
}

/* --- attributes ------------------------------------------------------------------------------ */

json_t *ss_session_get(ss_req *req, const char *key) {
    const ss_session_t *session = session_of(req);
    return session == NULL || key == NULL ? NULL : ss_session_attribute(session, key);
}

bool ss_session_set(ss_req *req, const char *key, json_t *value) {
    ss_session_t *session = session_of(req);
    if (session == NULL || !ss_name_text_good(key, SS_ATTRIBUTES_MAX)) {
        json_decref(value);
        return false;
    }
    ss_session_set_attribute(session, key, value);
    return true;
}

void ss_session_save(ss_req *req, ss_done_fn done, void *arg) {
    ss_session_t *session = session_to_change(req, done, arg);
    if (session != NULL) {
        ss_change_add(session, SS_CHANGE_SAVE, NULL, 0, req, done, arg);
    }
}

/* --- users ----------------------------------------------------------------------------------- */

void ss_set_user_id(ss_req *req, const char *user, ss_done_fn done, void *arg) {
    if (!ss_name_text_good(user, SS_USER_ID_MAX)) {
        ss_log(SS_LOG_ERROR, "%s: ss_set_user_id: a user's id must be 1 to %d bytes of UTF-8",
               ss_request_action_name(req), SS_USER_ID_MAX);
        ss_done_later(req, done, SS_ERROR_INVALID_PARAMS, arg);
        return;
    }
    ss_session_t *session = session_to_change(req, done, arg);
    if (session != NULL) {
        ss_topic_t **topics = ss_alloc(sizeof topics[0]);
        topics[0] = ss_topic_get(SS_TOPIC_USER, user, strlen(user));
        ss_change_add(session, SS_CHANGE_LOGIN, topics, 1, req, done, arg);
    }
}

void ss_logout(ss_req *req, ss_done_fn done, void *arg) {
    ss_session_t *session = session_to_change(req, done, arg);
    if (session != NULL) {
        ss_change_add(session, SS_CHANGE_LOGOUT, NULL, 0, req, done, arg);
    }
}

void ss_logout_session(const char *session_id, ss_done_fn done, void *arg) {
    uint8_t id[SS_SESSION_ID_BYTES];
    if (session_id == NULL || !ss_token_decode(id, sizeof id, session_id, strlen(session_id))) {
        ss_log(SS_LOG_ERROR, "ss_logout_session: that is no session's id");
        ss_done_later(NULL, done, SS_ERROR_INVALID_PARAMS, arg);
        return;
    }
    ss_session_t *session = ss_session_open(id, (uint32_t)(ss_hub_now_ms() / 1000));
    ss_change_add(session, SS_CHANGE_LOGOUT, NULL, 0, NULL, done, arg);
    ss_session_unref(session);
}

/* --- channels -------------------------------------------------------------------------------- */

/* Looks up all names; NULL after `done` was told what is wrong with them. */
static ss_topic_t **take_names(const char *function, const char *const *names, size_t n,
                               ss_req *req, ss_done_fn done, void *arg) {
    const char *error = names == NULL || n == 0 ? "No channels specified" : NULL;
    for (size_t i = 0; i < n && error == NULL; i++) {
        error = ss_name_text_good(names[i], SS_CHANNEL_NAME_MAX)
                    ? NULL
                    : "Channel names must be strings of 1 to 256 bytes";
    }
    if (error != NULL) {
        ss_log(SS_LOG_ERROR, "%s: %s: %s", ss_request_action_name(req), function, error);
        ss_done_later(req, done, SS_ERROR_INVALID_PARAMS, arg);
        return NULL;
    }
    ss_topic_t **topics = ss_alloc(n * sizeof topics[0]);
    for (size_t i = 0; i < n; i++) {
        topics[i] = ss_topic_get(SS_TOPIC_CHANNEL, names[i], strlen(names[i]));
    }
    return topics;
}

static void change_channels(ss_change_kind_t kind, const char *function, const char *const *names,
                            size_t n, ss_req *req, ss_done_fn done, void *arg) {
    ss_session_t *session = session_to_change(req, done, arg);
    ss_topic_t **topics = session == NULL ? NULL : take_names(function, names, n, req, done, arg);
    if (topics != NULL) {
        ss_change_add(session, kind, topics, (uint32_t)n, req, done, arg);
    }
}

void ss_channel_subscribe(ss_req *req, const char *const *names, size_t n, ss_done_fn done,
                          void *arg) {
    change_channels(SS_CHANGE_SUBSCRIBE, "ss_channel_subscribe", names, n, req, done, arg);
}

void ss_channel_unsubscribe(ss_req *req, const char *const *names, size_t n, ss_done_fn done,
                            void *arg) {
    change_channels(SS_CHANGE_UNSUBSCRIBE, "ss_channel_unsubscribe", names, n, req, done, arg);
}

void ss_channel_reset(ss_req *req, ss_done_fn done, void *arg) {
    ss_session_t *session = session_to_change(req, done, arg);
    if (session != NULL) {
        ss_change_add(session, SS_CHANGE_RESET, NULL, 0, req, done, arg);
    }
}

json_t *ss_channel_list(ss_req *req) {
    const ss_session_t *session = session_of(req);
    json_t *list = json_array();
    for (uint32_t i = 0; session != NULL && session->data != NULL && i < session->data->n_channels;
         i++) {
        json_array_append_new(list, json_string(ss_topic_name(session->data->channels[i])));
    }
    return list;
}

/* --- Redis ----------------------------------------------------------------------------------- */

typedef struct {
    ss_req *req;
    void (*got)(ss_req *req, json_t *users, void *arg);
    void (*reply)(ss_req *req, const struct redisReply *reply, void *arg);
    void *arg;
} question_t;

static question_t *question(ss_req *req, void *arg) {
    question_t *q = ss_alloc_zero(sizeof *q);
    q->req = req;
    q->arg = arg;
    return q;
}

static void on_users(const json_t *users, void *arg) {
    question_t *q = arg;
    q->got(q->req, (json_t *)users, q->arg);
    free(q);
}

static void no_users(ss_req *req, int code, void *arg) {
    (void)req;
    (void)code;
    on_users(NULL, arg);
}

static void nobody(ss_req *req, int code, void *arg) {
    json_t *users = json_array();
    (void)req;
    (void)code;
    on_users(users, arg);
    json_decref(users);
}

void ss_users_online(ss_req *req, void (*got)(ss_req *req, json_t *users, void *arg), void *arg) {
    question_t *q = question(req, arg);
    q->got = got;
    if (!ss_hub_options()->online.enabled) {
        ss_done_later(req, nobody, 0, q);
    } else if (ss_hub_redis() == NULL) {
        ss_done_later(req, no_users, SS_ERROR_UNAVAILABLE, q);
    } else {
        ss_online_now(on_users, q);
    }
}

static void on_reply(const redisReply *reply, void *arg) {
    question_t *q = arg;
    if (q->reply != NULL) {
        q->reply(q->req, reply, q->arg);
    }
    free(q);
}

static void no_reply(ss_req *req, int code, void *arg) {
    (void)req;
    (void)code;
    on_reply(NULL, arg);
}

void ss_redis_command(ss_req *req,
                      void (*reply)(ss_req *req, const struct redisReply *reply, void *arg),
                      void *arg, const char *format, ...) {
    question_t *q = question(req, arg);
    va_list args;
    q->reply = reply;
    if (ss_hub_redis() == NULL) {
        ss_done_later(req, no_reply, SS_ERROR_UNAVAILABLE, q);
        return;
    }
    va_start(args, format);
    ss_redis_vsend(ss_hub_redis(), on_reply, q, format, args);
    va_end(args);
}
