/* SPDX-License-Identifier: MIT
 *
 * What hosts ask about sessions.  A session is named by its socket and its id: a socket that is
 * here leads to the session that it has now; else the id is followed, in Redis too, through a
 * login.  So code that outlives its call changes the session that it means.  Answers are the
 * session as it is afterwards.
 */
#include "asked.h"
#include "bounds.h"
#include "change.h"
#include "connection.h"
#include "facts.h"
#include "host.h"
#include "hub.h"
#include "names.h"

/* A reference; NULL after refusing. */
static ss_session_t *find_session(const ss_asked_t *a) {
    uint8_t id[SS_SESSION_ID_BYTES];
    const char *socket = json_string_value(json_object_get(a->args, "socket"));
    const json_t *name = json_object_get(a->args, "session");
    const ss_client_t *client = socket == NULL ? NULL : ss_connection_find(socket);
    if (client != NULL && client->session != NULL) {
        return ss_session_ref(client->session);
    }
    if (!json_is_string(name) ||
        !ss_token_decode(id, sizeof id, json_string_value(name), json_string_length(name))) {
        ss_asked_refuse(a, SS_RPC_INVALID_PARAMS, "%s: `session` must be the id of a session",
                        a->what);
        return NULL;
    }
    return ss_session_open(id, (uint32_t)(ss_hub_now_ms() / 1000));
}

static void answer_session(ss_peer_t *host, uint32_t number, const ss_session_t *session) {
    ss_buf_t facts = {0};
    if (number != 0) {
        ss_facts_session(&facts, session);
        ss_host_answer_text(host, number, (ss_span_t){facts.data, facts.len});
    }
    ss_buf_free(&facts);
}

static void on_changed(ss_req *req, int code, void *arg) {
    ss_waiting_t *w = arg;
    (void)req;
    if (code == 0) {
        answer_session(w->host, w->number, w->session);
    } else {
        ss_waiting_fail(w, code);
    }
    ss_waiting_free(w);
}

/* Takes the references to session and topics.  While the call is open its client is told of a
 * login. */
static void change(const ss_asked_t *a, ss_session_t *session, ss_change_kind_t kind,
                   ss_topic_t **topics, size_t n) {
    ss_waiting_t *w = ss_waiting_create(a);
    ss_change_add_for(session, kind, topics, (uint32_t)n, (ss_req *)(uintptr_t)a->handle,
                      on_changed, w, &w->session);
    ss_session_unref(session);
}

static void change_plain(const ss_asked_t *a, ss_change_kind_t kind) {
    ss_session_t *session = find_session(a);
    if (session != NULL) {
        change(a, session, kind, NULL, 0);
    }
}

void ss_asked_session_load(const ss_asked_t *a) {
    ss_session_t *session = find_session(a);
    if (session == NULL) {
        return;
    }
    if (session->loaded) {
        answer_session(a->host, a->number, session);
        ss_session_unref(session);
    } else {
        change(a, session, SS_CHANGE_NONE, NULL, 0);
    }
}

/* false after refusing: nothing has been set then. */
static bool check_attributes(const ss_asked_t *a, json_t *set, const json_t *removed) {
    const char *wrong = NULL;
    const char *key;
    json_t *value;
    if (set != NULL && !json_is_object(set)) {
        wrong = "`set` must be an object";
    }
    json_object_foreach(set, key, value) {
        wrong = ss_name_text_good(key, SS_ATTRIBUTES_MAX) ? wrong : "a key in `set` is empty";
    }
    if (removed != NULL && !json_is_array(removed)) {
        wrong = "`remove` must be a list";
    }
    for (size_t i = 0; i < json_array_size(removed); i++) {
        const char *name = json_string_value(json_array_get(removed, i));
        wrong =
            ss_name_text_good(name, SS_ATTRIBUTES_MAX) ? wrong : "`remove` must be a list of keys";
    }
    if (wrong != NULL) {
        ss_asked_refuse(a, SS_RPC_INVALID_PARAMS, "%s: %s", a->what, wrong);
    }
    return wrong == NULL;
}

void ss_asked_session_save(const ss_asked_t *a) {
    json_t *set = json_object_get(a->args, "set");
    const json_t *removed = json_object_get(a->args, "remove");
    const char *key;
    json_t *value;
    ss_session_t *session = check_attributes(a, set, removed) ? find_session(a) : NULL;
    if (session == NULL) {
        return;
    }
    json_object_foreach(set, key, value) {
        ss_session_set_attribute(session, key, json_incref(value));
    }
    for (size_t i = 0; i < json_array_size(removed); i++) {
        ss_session_set_attribute(session, json_string_value(json_array_get(removed, i)), NULL);
    }
    change(a, session, SS_CHANGE_SAVE, NULL, 0);
}

void ss_asked_session_login(const ss_asked_t *a) {
    const char *user = json_string_value(json_object_get(a->args, "user"));
    if (!ss_name_text_good(user, SS_USER_ID_MAX)) {
        ss_asked_refuse(a, SS_RPC_INVALID_PARAMS,
                        "session.login: `user` must be a string of 1 to %d bytes", SS_USER_ID_MAX);
        return;
    }
    ss_session_t *session = find_session(a);
    if (session != NULL) {
        ss_topic_t **topics = ss_alloc(sizeof topics[0]);
        topics[0] = ss_topic_get(SS_TOPIC_USER, user, strlen(user));
        change(a, session, SS_CHANGE_LOGIN, topics, 1);
    }
}

void ss_asked_session_logout(const ss_asked_t *a) { change_plain(a, SS_CHANGE_LOGOUT); }

static bool check_channels(const ss_asked_t *a, const char *const *names, size_t n) {
    const char *wrong = n == 0 ? "No channels specified" : NULL;
    for (size_t i = 0; i < n && wrong == NULL; i++) {
        wrong = ss_name_text_good(names[i], SS_CHANNEL_NAME_MAX)
                    ? NULL
                    : "Channel names must be strings of 1 to 256 bytes";
    }
    if (wrong != NULL) {
        ss_asked_refuse(a, SS_RPC_INVALID_PARAMS, "%s: %s", a->what, wrong);
    }
    return wrong == NULL;
}

static void change_channels(const ss_asked_t *a, ss_change_kind_t kind) {
    size_t n;
    const char **names = ss_asked_names(a, &n);
    ss_session_t *session = names != NULL && check_channels(a, names, n) ? find_session(a) : NULL;
    if (session != NULL) {
        ss_topic_t **topics = ss_alloc(n * sizeof topics[0]);
        for (size_t i = 0; i < n; i++) {
            topics[i] = ss_topic_get(SS_TOPIC_CHANNEL, names[i], strlen(names[i]));
        }
        change(a, session, kind, topics, n);
    }
    free(names);
}

void ss_asked_channel_subscribe(const ss_asked_t *a) { change_channels(a, SS_CHANGE_SUBSCRIBE); }

void ss_asked_channel_unsubscribe(const ss_asked_t *a) {
    change_channels(a, SS_CHANGE_UNSUBSCRIBE);
}

void ss_asked_channel_reset(const ss_asked_t *a) { change_plain(a, SS_CHANGE_RESET); }
