/* SPDX-License-Identifier: MIT
 *
 * See publish.h.
 */
#include "publish.h"

#include "bounds.h"
#include "done.h"
#include "hub.h"
#include "include/socketstream.h"
#include "log.h"
#include "log_call.h"
#include "mem.h"
#include "names.h"
#include "request.h"

/* One publish, until Redis has answered all it took. */
typedef struct {
    ss_req *req;
    ss_done_fn done;
    void *arg;
    size_t pending;
    int code;
} waiting_t;

/* --- arguments ------------------------------------------------------------------------------- */

static const struct {
    const char *kind; /* of the Redis channel; a name follows */
    const char *list; /* the member that has the names, and the channel, when they go together */
    size_t n_max;
    size_t len_max;
    const char *none; /* what is wrong */
    const char *bad;
} targets[] = {
    [SS_PUBLISH_BROADCAST] = {"broadcast", NULL, 0, 0, NULL, NULL},
    [SS_PUBLISH_USER] = {"user:", NULL, SIZE_MAX, SS_USER_ID_MAX, "No users specified",
                         "User ID (first argument) must be a string"},
    [SS_PUBLISH_CHANNEL] = {"channel:", "channels", SS_PUBLISH_CHANNELS_MAX, SS_CHANNEL_NAME_MAX,
                            "No channels specified", "Channel names must be strings"},
    [SS_PUBLISH_SOCKET] = {NULL, "sockets", SS_PUBLISH_CHANNELS_MAX, SS_CHANNEL_NAME_MAX,
                           "No sockets specified", "Socket IDs must be strings"},
};

static const char *names_refused(const ss_publish_t *p) {
    if (p->to == SS_PUBLISH_BROADCAST) {
        return NULL;
    }
    if (p->names == NULL || p->n == 0) {
        return targets[p->to].none;
    }
    if (p->n > targets[p->to].n_max) {
        return "Too many of them in one message";
    }
    for (size_t i = 0; i < p->n; i++) {
        if (!ss_name_text_good(p->names[i], targets[p->to].len_max)) {
            return targets[p->to].bad;
        }
    }
    return NULL;
}

const char *ss_publish_refused(const ss_publish_t *p) {
    bool first = p->to == SS_PUBLISH_BROADCAST;
    const char *error = names_refused(p);
    if (error != NULL) {
        return error;
    }
    if (!ss_name_text_good(p->event, SS_EVENT_NAME_MAX)) {
        return first ? "Event Name (first argument) must be a string"
                     : "Event Name (second argument) must be a string";
    }
    if (p->params.json == NULL && p->params.text.len == 0) {
        return first ? "Params (second argument) must be provided"
                     : "Params (third argument) must be provided";
    }
    return NULL;
}

/* A message for several names at once is led by them. */
static bool is_list(const ss_publish_t *p) {
    return p->to == SS_PUBLISH_SOCKET || (p->to == SS_PUBLISH_CHANNEL && p->n > 1);
}

bool ss_publish_write(ss_buf_t *b, const ss_publish_t *p) {
    ss_buf_literal(b, "{");
    if (is_list(p)) {
        ss_buf_printf(b, "\"%s\":[", targets[p->to].list);
        for (size_t i = 0; i < p->n; i++) {
            if (i != 0) {
                ss_buf_literal(b, ",");
            }
            ss_buf_json_string(b, p->names[i], strlen(p->names[i]));
        }
        ss_buf_literal(b, "],");
    }
    ss_buf_literal(b, "\"event\":");
    ss_buf_json_string(b, p->event, strlen(p->event));
    ss_buf_literal(b, ",\"params\":");
    if (ss_result_write(b, &p->params, SS_PUBLISH_MAX) != SS_JSON_WRITTEN) {
        return false;
    }
    ss_buf_literal(b, "}");
    return b->len <= SS_PUBLISH_MAX;
}

/* --- sending --------------------------------------------------------------------------------- */

static void on_published(const redisReply *reply, void *arg) {
    waiting_t *w = arg;
    if (reply == NULL || reply->type == REDIS_REPLY_ERROR) {
        if (reply != NULL) {
            ss_log(SS_LOG_ERROR, "Redis does not publish: %s", reply->str);
        }
        w->code = SS_ERROR_UNAVAILABLE;
    }
    if (--w->pending == 0) {
        ss_done_later(w->req, w->done, w->code, w->arg);
        free(w);
    }
}

/* One text for each name, or for all.  One name goes its own way, so that it keeps its order with
 * what is published to it alone. */
static void send_text(ss_redis_t *redis, const ss_publish_t *p, const ss_buf_t *text,
                      waiting_t *w) {
    bool named = p->to != SS_PUBLISH_BROADCAST && !is_list(p);
    ss_buf_t channel = {0};
    w->pending = named ? p->n : 1;
    for (size_t i = 0, n = w->pending; i < n; i++) {
        channel.len = 0;
        ss_buf_printf(&channel, "%s%s%s", ss_hub_prefix(),
                      is_list(p) ? targets[p->to].list : targets[p->to].kind,
                      named ? p->names[i] : "");
        ss_redis_send(redis, on_published, w, "PUBLISH %b %b", channel.data, channel.len,
                      text->data, text->len);
    }
    ss_buf_free(&channel);
}

void ss_publish(const ss_publish_t *p, ss_req *req, ss_done_fn done, void *arg) {
    ss_redis_t *redis = ss_hub_events();
    ss_buf_t text = {0};
    if (!ss_publish_write(&text, p)) {
        ss_log(SS_LOG_ERROR, "%s%sthe event '%s' is larger than %u bytes, or not valid JSON",
               req == NULL ? "" : ss_request_action_name(req), req == NULL ? "" : ": ", p->event,
               SS_PUBLISH_MAX);
        ss_done_later(req, done, SS_ERROR_TOO_LARGE, arg);
    } else if (redis == NULL) {
        ss_done_later(req, done, SS_ERROR_UNAVAILABLE, arg);
    } else {
        waiting_t *w = ss_alloc(sizeof *w);
        ss_log_publish(p);
        *w = (waiting_t){req, done, arg, 0, 0};
        send_text(redis, p, &text, w);
    }
    ss_buf_free(&text);
}

/* --- the C API ------------------------------------------------------------------------------- */

/* Takes the reference to `params`. */
static void publish(const char *function, ss_publish_t *p, json_t *params, ss_req *req,
                    ss_done_fn done, void *arg) {
    p->params.json = params;
    const char *error = ss_publish_refused(p);
    if (error == NULL) {
        ss_publish(p, req, done, arg);
    } else {
        ss_log(SS_LOG_ERROR, "%s%s%s: %s", req == NULL ? "" : ss_request_action_name(req),
               req == NULL ? "" : ": ", function, error);
        ss_done_later(req, done, SS_ERROR_INVALID_PARAMS, arg);
    }
    json_decref(params);
}

void ss_publish_broadcast(ss_req *req, const char *event, json_t *params, ss_done_fn done,
                          void *arg) {
    ss_publish_t p = {.to = SS_PUBLISH_BROADCAST, .event = event};
    publish("ss_publish_broadcast", &p, params, req, done, arg);
}

void ss_publish_user(ss_req *req, const char *user, const char *event, json_t *params,
                     ss_done_fn done, void *arg) {
    ss_publish_t p = {.to = SS_PUBLISH_USER, .names = &user, .n = 1, .event = event};
    publish("ss_publish_user", &p, params, req, done, arg);
}

void ss_publish_users(ss_req *req, const char *const *users, size_t n, const char *event,
                      json_t *params, ss_done_fn done, void *arg) {
    ss_publish_t p = {.to = SS_PUBLISH_USER, .names = users, .n = n, .event = event};
    publish("ss_publish_users", &p, params, req, done, arg);
}

void ss_publish_channel(ss_req *req, const char *channel, const char *event, json_t *params,
                        ss_done_fn done, void *arg) {
    ss_publish_t p = {.to = SS_PUBLISH_CHANNEL, .names = &channel, .n = 1, .event = event};
    publish("ss_publish_channel", &p, params, req, done, arg);
}

void ss_publish_channels(ss_req *req, const char *const *channels, size_t n, const char *event,
                         json_t *params, ss_done_fn done, void *arg) {
    ss_publish_t p = {.to = SS_PUBLISH_CHANNEL, .names = channels, .n = n, .event = event};
    publish("ss_publish_channels", &p, params, req, done, arg);
}

void ss_publish_socket(ss_req *req, const char *socket, const char *event, json_t *params,
                       ss_done_fn done, void *arg) {
    ss_publish_sockets(req, &socket, 1, event, params, done, arg);
}

void ss_publish_sockets(ss_req *req, const char *const *sockets, size_t n, const char *event,
                        json_t *params, ss_done_fn done, void *arg) {
    ss_publish_t p = {.to = SS_PUBLISH_SOCKET, .names = sockets, .n = n, .event = event};
    publish("ss_publish_sockets", &p, params, req, done, arg);
}
