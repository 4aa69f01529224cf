/* SPDX-License-Identifier: MIT
 *
 * See publish.h.
 */
#include "publish.h"

#include "bounds.h"
#include "done.h"
#include "hub.h"
#include "include/socketstream.h"
#include "json_writer.h"
#include "log.h"
#include "mem.h"
#include "request.h"
#include "ss_utf8.h"

/* One call of the API, until Redis has answered all it took. */
typedef struct {
    ss_req *req;
    ss_done_fn done;
    void *arg;
    size_t pending;
    int code;
} publish_t;

/* --- arguments ------------------------------------------------------------------------------- */

static bool text_good(const char *text, size_t max) {
    size_t len = text == NULL ? 0 : strlen(text);
    return len != 0 && len <= max && ss_utf8_valid(text, len);
}

const char *ss_publish_check(unsigned position, const char *event, const json_t *params) {
    static const char *const event_errors[] = {"Event Name (first argument) must be a string",
                                               "Event Name (second argument) must be a string"};
    static const char *const params_errors[] = {"Params (second argument) must be provided",
                                                "Params (third argument) must be provided"};
    if (!text_good(event, SS_EVENT_NAME_MAX)) {
        return event_errors[position - 1];
    }
    return params == NULL ? params_errors[position - 1] : NULL;
}

static const char *check_names(const char *const *names, size_t n, size_t n_max, size_t len_max,
                               const char *none, const char *bad) {
    if (names == NULL || n == 0 || n > n_max) {
        return n > n_max ? "Too many of them in one message" : none;
    }
    for (size_t i = 0; i < n; i++) {
        if (!text_good(names[i], len_max)) {
            return bad;
        }
    }
    return NULL;
}

static const char *check_channels(const char *const *names, size_t n) {
    return check_names(names, n, SS_PUBLISH_CHANNELS_MAX, SS_CHANNEL_NAME_MAX,
                       "No channels specified", "Channel names must be strings");
}

static const char *check_users(const char *const *users, size_t n) {
    return check_names(users, n, SIZE_MAX, SS_USER_ID_MAX, "No users specified",
                       "User ID (first argument) must be a string");
}

static const char *check_sockets(const char *const *sockets, size_t n) {
    return check_names(sockets, n, SS_PUBLISH_CHANNELS_MAX, SS_CHANNEL_NAME_MAX,
                       "No sockets specified", "Socket IDs must be strings");
}

bool ss_publish_write(ss_buf_t *b, const char *list, const char *const *names, size_t n,
                      const char *event, const json_t *params) {
    ss_buf_literal(b, "{");
    if (list != NULL) {
        ss_buf_printf(b, "\"%s\":[", list);
        for (size_t i = 0; i < n; i++) {
            if (i != 0) {
                ss_buf_literal(b, ",");
            }
            ss_buf_json_string(b, names[i], strlen(names[i]));
        }
        ss_buf_literal(b, "],");
    }
    ss_buf_literal(b, "\"event\":");
    ss_buf_json_string(b, event, strlen(event));
    ss_buf_literal(b, ",\"params\":");
    if (ss_json_write(b, params, SS_PUBLISH_MAX) != SS_JSON_WRITTEN) {
        return false;
    }
    ss_buf_literal(b, "}");
    return b->len <= SS_PUBLISH_MAX;
}

/* --- sending --------------------------------------------------------------------------------- */

static void on_published(const redisReply *reply, void *arg) {
    publish_t *p = arg;
    if (reply == NULL || reply->type == REDIS_REPLY_ERROR) {
        if (reply != NULL) {
            ss_log(SS_LOG_ERROR, "Redis does not publish: %s", reply->str);
        }
        p->code = SS_ERROR_UNAVAILABLE;
    }
    if (--p->pending == 0) {
        ss_done_later(p->req, p->done, p->code, p->arg);
        free(p);
    }
}

/* An event on its way through the checks. */
typedef struct {
    const char *function;
    ss_req *req;
    const char *event;
    json_t *params; /* a reference */
    ss_done_fn done;
    void *arg;
} event_t;

/* true when the call ends here. */
static bool refused(const event_t *e, const char *error) {
    if (error == NULL) {
        return false;
    }
    ss_log(SS_LOG_ERROR, "%s%s%s: %s", e->req == NULL ? "" : ss_request_action_name(e->req),
           e->req == NULL ? "" : ": ", e->function, error);
    ss_done_later(e->req, e->done, SS_ERROR_INVALID_PARAMS, e->arg);
    json_decref(e->params);
    return true;
}

/* Publishes one text on `n` channels "<prefix><kind><name>", or on "<prefix><kind>" when `names` is
 * NULL.  Ends the event. */
static void send_text(const event_t *e, const ss_buf_t *text, bool good, const char *kind,
                      const char *const *names, size_t n) {
    ss_redis_t *redis = ss_hub_redis();
    ss_buf_t channel = {0};
    if (!good || redis == NULL) {
        ss_done_later(e->req, e->done, good ? SS_ERROR_UNAVAILABLE : SS_ERROR_TOO_LARGE, e->arg);
        if (!good) {
            ss_log(SS_LOG_ERROR, "%s: the event '%s' is larger than %u bytes, or not valid JSON",
                   e->function, e->event, SS_PUBLISH_MAX);
        }
        json_decref(e->params);
        return;
    }
    publish_t *p = ss_alloc(sizeof *p);
    *p = (publish_t){e->req, e->done, e->arg, n, 0};
    for (size_t i = 0; i < n; i++) {
        channel.len = 0;
        ss_buf_printf(&channel, "%s%s%s", ss_hub_prefix(), kind, names == NULL ? "" : names[i]);
        ss_redis_send(redis, on_published, p, "PUBLISH %b %b", channel.data, channel.len,
                      text->data, text->len);
    }
    ss_buf_free(&channel);
    json_decref(e->params);
}

static void send_named(const event_t *e, const char *kind, const char *const *names, size_t n) {
    ss_buf_t text = {0};
    bool good = ss_publish_write(&text, NULL, NULL, 0, e->event, e->params);
    send_text(e, &text, good, kind, names, n);
    ss_buf_free(&text);
}

static void send_list(const event_t *e, const char *kind, const char *const *names, size_t n) {
    ss_buf_t text = {0};
    bool good = ss_publish_write(&text, kind, names, n, e->event, e->params);
    send_text(e, &text, good, kind, NULL, 1);
    ss_buf_free(&text);
}

/* --- the API --------------------------------------------------------------------------------- */

void ss_publish_broadcast(ss_req *req, const char *event, json_t *params, ss_done_fn done,
                          void *arg) {
    event_t e = {"ss_publish_broadcast", req, event, params, done, arg};
    if (!refused(&e, ss_publish_check(1, event, params))) {
        send_named(&e, "broadcast", NULL, 1);
    }
}

void ss_publish_user(ss_req *req, const char *user, const char *event, json_t *params,
                     ss_done_fn done, void *arg) {
    event_t e = {"ss_publish_user", req, event, params, done, arg};
    if (!refused(&e, check_users(&user, 1)) && !refused(&e, ss_publish_check(2, event, params))) {
        send_named(&e, "user:", &user, 1);
    }
}

void ss_publish_users(ss_req *req, const char *const *users, size_t n, const char *event,
                      json_t *params, ss_done_fn done, void *arg) {
    event_t e = {"ss_publish_users", req, event, params, done, arg};
    if (!refused(&e, check_users(users, n)) && !refused(&e, ss_publish_check(2, event, params))) {
        send_named(&e, "user:", users, n);
    }
}

void ss_publish_channel(ss_req *req, const char *channel, const char *event, json_t *params,
                        ss_done_fn done, void *arg) {
    event_t e = {"ss_publish_channel", req, event, params, done, arg};
    if (!refused(&e, check_channels(&channel, 1)) &&
        !refused(&e, ss_publish_check(2, event, params))) {
        send_named(&e, "channel:", &channel, 1);
    }
}

/* One name goes its own way, so that it keeps its order with what is published to it alone. */
void ss_publish_channels(ss_req *req, const char *const *channels, size_t n, const char *event,
                         json_t *params, ss_done_fn done, void *arg) {
    event_t e = {"ss_publish_channels", req, event, params, done, arg};
    if (refused(&e, check_channels(channels, n)) ||
        refused(&e, ss_publish_check(2, event, params))) {
        return;
    }
    if (n == 1) {
        send_named(&e, "channel:", channels, 1);
    } else {
        send_list(&e, "channels", channels, n);
    }
}

void ss_publish_socket(ss_req *req, const char *socket, const char *event, json_t *params,
                       ss_done_fn done, void *arg) {
    ss_publish_sockets(req, &socket, 1, event, params, done, arg);
}

void ss_publish_sockets(ss_req *req, const char *const *sockets, size_t n, const char *event,
                        json_t *params, ss_done_fn done, void *arg) {
    event_t e = {"ss_publish_sockets", req, event, params, done, arg};
    if (!refused(&e, check_sockets(sockets, n)) &&
        !refused(&e, ss_publish_check(2, event, params))) {
        send_list(&e, "sockets", sockets, n);
    }
}
