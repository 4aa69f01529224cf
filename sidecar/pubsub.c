/* SPDX-License-Identifier: MIT
 *
 * See pubsub.h.
 */
#include "pubsub.h"

#include "bounds.h"
#include "channels.h"
#include "connection.h"
#include "hub.h"
#include "log.h"
#include "peer.h"
#include "relay.h"
#include "ss_json.h"
#include "ss_utf8.h"
#include "store.h"

/* Bytes of a PUBLISH before its body, which must begin in the first frame. */
#define LIST_MAX 60000

/* --- reading --------------------------------------------------------------------------------- */

static bool is(ss_span_t s, const char *text) {
    return s.len == strlen(text) && memcmp(s.ptr, text, s.len) == 0;
}

static void keep(ss_published_t *out, ss_span_t name, ss_span_t value) {
    if (is(name, "\"event\"")) {
        out->event = value;
    } else if (is(name, "\"params\"")) {
        out->params = value;
    } else if (is(name, "\"channels\"") || is(name, "\"sockets\"")) {
        out->names = value;
    }
}

/* One value from `p` on, without the spaces around it; gives the place of what follows. */
static const char *value_at(const char *p, const char *end, ss_span_t *out) {
    p = ss_json_skip_space(p, end);
    const char *after = ss_json_check(p, end, SS_JSON_DEPTH_MAX - 1);
    if (after == NULL) {
        return NULL;
    }
    *out = (ss_span_t){p, (size_t)(after - p)};
    return ss_json_skip_space(after, end);
}

const char *ss_pubsub_parse(ss_published_t *out, const char *text, size_t len) {
    static const char malformed[] = "it is not a JSON object";
    const char *end = text + len;
    const char *p = ss_json_skip_space(text, end);
    *out = (ss_published_t){0};
    if (len > SS_PUBLISH_MAX) {
        return "it is too large";
    }
    if (p == end || *p != '{' || !ss_utf8_valid(text, len)) {
        return malformed;
    }
    do {
        ss_span_t name;
        ss_span_t value;
        p = value_at(p + 1, end, &name);
        if (p == NULL || p == end || *p != ':' || *name.ptr != '"') {
            return malformed;
        }
        p = value_at(p + 1, end, &value);
        if (p == NULL || p == end) {
            return malformed;
        }
        keep(out, name, value);
    } while (*p == ',');
    if (*p != '}' || ss_json_skip_space(p + 1, end) != end) {
        return malformed;
    }
    if (out->event.len < 3 || *out->event.ptr != '"') {
        return "its \"event\" is not a string";
    }
    return NULL;
}

/* --- writing --------------------------------------------------------------------------------- */

/* All of an event's text but what follows its params. */
static void write_body(ss_buf_t *b, const ss_published_t *m) {
    ss_buf_literal(b, "{\"jsonrpc\":\"2.0\",\"method\":\"event\",\"params\":[");
    ss_buf_append(b, m->event.ptr, m->event.len);
    ss_buf_literal(b, ",");
    if (m->params.ptr == NULL) {
        ss_buf_literal(b, "null");
    } else {
        ss_buf_append(b, m->params.ptr, m->params.len);
    }
}

static void write_tail(ss_buf_t *b, const ss_topic_t *topic) {
    if (topic->name[0] == SS_TOPIC_CHANNEL) {
        ss_buf_literal(b, ",");
        ss_buf_json_string(b, ss_topic_name(topic), ss_topic_name_len(topic));
    }
    ss_buf_literal(b, "]}");
}

static bool takes(const ss_peer_t *peer, size_t len) {
    if (peer->state != SS_PEER_OPEN || peer->draining) {
        return false;
    }
    if (len > peer->max_answer) {
        ss_log(SS_LOG_WARNING, "an event of %zu bytes is larger than %s takes", len, peer->name);
        return false;
    }
    return true;
}

/* Sends the body with an empty list. */
static void to_all(const ss_buf_t *body, uint8_t flags) {
    for (ss_peer_t *p = ss_hub_sidecar()->peers, *next; p != NULL; p = next) {
        next = p->next;
        if (takes(p, body->len)) {
            uint8_t head[2] = {flags, 0};
            ss_buf_t *b = ss_peer_begin(p);
            ss_buf_append(b, head, sizeof head);
            ss_buf_append(b, body->data, body->len);
            ss_peer_end(p, SS_LINK_PUBLISH, 0, 0, 0);
        }
    }
}

/* The list of those topics that the link has members of, in order.  false when it has none. */
static bool write_list(ss_buf_t *b, const ss_peer_t *peer, ss_topic_t *const *topics, size_t n) {
    ss_writer_t w = ss_writer(ss_buf_reserve(b, LIST_MAX), LIST_MAX);
    ss_link_pairs_t pairs;
    ss_buf_t tail = {0};
    bool any = false;
    ss_link_encode_publish(&w, 0, &pairs);
    for (size_t i = 0; i < n; i++) {
        if (ss_topic_has(topics[i], peer)) {
            tail.len = 0;
            write_tail(&tail, topics[i]);
            ss_link_add_pair(&pairs, (ss_span_t){topics[i]->name, topics[i]->len},
                             (ss_span_t){tail.data, tail.len});
            any = true;
        }
    }
    ss_buf_free(&tail);
    if (w.failed) {
        ss_log(SS_LOG_WARNING, "an event names more channels than fit one message");
        return false;
    }
    b->len += ss_written(&w);
    return any;
}

static void to_topics(const ss_buf_t *body, ss_topic_t *const *topics, size_t n) {
    for (ss_peer_t *p = ss_hub_sidecar()->peers, *next; p != NULL; p = next) {
        next = p->next;
        ss_buf_t list = {0};
        if (takes(p, body->len) && write_list(&list, p, topics, n)) {
            ss_buf_t *b = ss_peer_begin(p);
            ss_buf_append(b, list.data, list.len);
            ss_buf_append(b, body->data, body->len);
            ss_peer_end(p, SS_LINK_PUBLISH, 0, 0, 0);
        }
        ss_buf_free(&list);
    }
}

/* --- the kinds of messages ------------------------------------------------------------------- */

static void publish_one(char kind, const char *name, size_t len, const ss_published_t *m) {
    ss_topic_t *topic = ss_topic_find(kind, name, len);
    ss_buf_t body = {0};
    if (topic != NULL) {
        write_body(&body, m);
        to_topics(&body, &topic, 1);
        ss_buf_free(&body);
    }
}

static void publish_all(const ss_published_t *m) {
    ss_buf_t body = {0};
    write_body(&body, m);
    ss_buf_literal(&body, "]}");
    to_all(&body, SS_LINK_PUBLISH_ALL);
    ss_buf_free(&body);
}

/* Names nobody here holds need not be told to anybody. */
static const char *publish_channels(const json_t *names, const ss_published_t *m) {
    ss_topic_t *topics[SS_PUBLISH_CHANNELS_MAX];
    size_t n = 0;
    size_t i;
    const json_t *name;
    json_array_foreach(names, i, name) {
        if (!json_is_string(name)) {
            return "its \"channels\" are not strings";
        }
        ss_topic_t *topic =
            ss_topic_find(SS_TOPIC_CHANNEL, json_string_value(name), json_string_length(name));
        if (topic != NULL) {
            topics[n++] = topic;
        }
    }
    if (n != 0) {
        ss_buf_t body = {0};
        write_body(&body, m);
        to_topics(&body, topics, n);
        ss_buf_free(&body);
    }
    return NULL;
}

static const char *publish_sockets(const json_t *names, const ss_published_t *m) {
    ss_buf_t body = {0};
    size_t i;
    const json_t *name;
    write_body(&body, m);
    ss_buf_literal(&body, "]}");
    json_array_foreach(names, i, name) {
        const char *id = json_string_value(name);
        const ss_client_t *c = id == NULL ? NULL : ss_connection_find(id);
        if (c != NULL && (c->flags & (SS_CLIENT_HTTP | SS_CLIENT_OPENING)) == 0 &&
            takes(c->peer, body.len)) {
            ss_connection_send(c, body.data, body.len);
        }
    }
    ss_buf_free(&body);
    return NULL;
}

static const char *publish_list(bool sockets, const ss_published_t *m) {
    json_t *names =
        m->names.ptr == NULL ? NULL : json_loadb(m->names.ptr, m->names.len, JSON_ALLOW_NUL, NULL);
    size_t n = json_array_size(names);
    const char *error = n == 0                        ? "No channels specified"
                        : n > SS_PUBLISH_CHANNELS_MAX ? "it names too many channels"
                        : sockets                     ? publish_sockets(names, m)
                                                      : publish_channels(names, m);
    json_decref(names);
    return error;
}

/* true when `channel` begins with `prefix`, with the rest in `name`. */
static bool below(ss_span_t channel, const char *prefix, ss_span_t *name) {
    size_t len = strlen(prefix);
    if (channel.len <= len || memcmp(channel.ptr, prefix, len) != 0) {
        return false;
    }
    *name = (ss_span_t){channel.ptr + len, channel.len - len};
    return true;
}

void ss_pubsub_message(const char *channel, size_t channel_len, const char *text, size_t len) {
    ss_span_t where = {channel, channel_len};
    ss_span_t name;
    ss_published_t m;
    if (is(where, "sessions")) {
        ss_store_notice(text, len);
        return;
    }
    if (below(where, "node:", &name)) {
        ss_relay_message(text, len);
        return;
    }
    const char *error = ss_pubsub_parse(&m, text, len);
    if (error != NULL) {
        /* told below */
    } else if (below(where, "channel:", &name)) {
        publish_one(SS_TOPIC_CHANNEL, name.ptr, name.len, &m);
    } else if (below(where, "user:", &name)) {
        publish_one(SS_TOPIC_USER, name.ptr, name.len, &m);
    } else if (is(where, "broadcast")) {
        publish_all(&m);
    } else if (is(where, "channels") || is(where, "sockets")) {
        error = publish_list(is(where, "sockets"), &m);
    }
    if (error != NULL) {
        ss_log(SS_LOG_WARNING, "a message of %zu bytes on %s%.*s is dropped: %s", len,
               ss_hub_prefix(), (int)channel_len, channel, error);
    }
}

void ss_pubsub_system(const char *text, size_t len) {
    ss_buf_t body = {0};
    ss_buf_append(&body, text, len);
    to_all(&body, SS_LINK_PUBLISH_ALL | SS_LINK_PUBLISH_SYSTEM);
    ss_buf_free(&body);
}
