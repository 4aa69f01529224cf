/* SPDX-License-Identifier: MIT
 *
 * See relay.h.  Between sidecars a POST is one text on the channel ss:node:<name>, its body behind
 * the first line as it came, and its answer another:
 *
 *     post <number> <name of the asker> <seq> <secret>\n<body>
 *     done <number> <HTTP status>
 *
 * Secrets are not logged.
 */
#include "relay.h"

#include <strings.h>

#include "bounds.h"
#include "connection.h"
#include "hub.h"
#include "log.h"
#include "mem.h"
#include "ss_sse.h"

#define LINE_MAX_BYTES 320 /* of a text's first line */

/* A POST under way: asked by a worker of ours, or by another node. */
typedef struct relay {
    struct relay *next;
    uint32_t number;
    uint64_t until_ms;
    const ss_peer_t *via;   /* the link that is to deliver it; NULL: another node is */
    ss_api_target_t target; /* with a reference to the peer; NULL: another node asked */
    char asker[SS_STREAM_NODE_MAX + 1];
    uint32_t asker_number;
} relay_t;

/* What is to be delivered. */
typedef struct {
    ss_stream_t name;
    ss_span_t secret; /* the same as a text */
    uint64_t seq;
    ss_span_t body;
} post_t;

static struct {
    relay_t *first;
    unsigned count;
    uint32_t last_number;
    uint64_t started_ms;
} all;

static uint64_t now_ms(void) { return uv_now(ss_hub_sidecar()->loop); }

void ss_relay_init(void) {
    memset(&all, 0, sizeof all);
    all.started_ms = now_ms();
}

void ss_relay_hello(ss_peer_t *peer) {
    const char *name = ss_hub_place();
    ss_peer_send(peer, SS_LINK_NODE, 0, 0, 0, name, strlen(name));
}

/* --- the answer ------------------------------------------------------------------------------ */

/* The worker puts what belongs around a status. */
static void respond(const ss_api_target_t *t, unsigned status) {
    uint8_t head[8];
    ss_writer_t w = ss_writer(head, sizeof head);
    ss_link_pairs_t pairs;
    if (ss_client_find(&t->peer->clients, t->slot, t->generation) == NULL) {
        return; /* cancelled */
    }
    ss_link_encode_response(&w, (uint16_t)status, &pairs);
    ss_buf_append(ss_peer_begin(t->peer), head, ss_written(&w));
    ss_api_end(t);
}

static void tell_node(const relay_t *r, unsigned status) {
    if (ss_hub_events() != NULL) {
        char text[48];
        snprintf(text, sizeof text, "done %u %u", (unsigned)r->asker_number, status);
        ss_redis_send(ss_hub_events(), NULL, NULL, "PUBLISH %snode:%s %s", ss_hub_prefix(),
                      r->asker, text);
    }
}

static relay_t **find(uint32_t number) {
    relay_t **at = &all.first;
    while (*at != NULL && (*at)->number != number) {
        at = &(*at)->next;
    }
    return at;
}

/* Answers who asked, and forgets. */
static void end(relay_t **at, unsigned status) {
    relay_t *r = *at;
    *at = r->next;
    all.count--;
    if (r->target.peer == NULL) {
        tell_node(r, status);
    } else {
        r->target.peer->calls--;
        respond(&r->target, status);
        ss_peer_unref(r->target.peer);
    }
    free(r);
}

/* --- the way there --------------------------------------------------------------------------- */

static relay_t *begin(void) {
    relay_t **last = &all.first;
    while (*last != NULL) {
        last = &(*last)->next;
    }
    relay_t *r = ss_alloc_zero(sizeof *r);
    r->number = ++all.last_number;
    r->until_ms = now_ms() + SS_RELAY_MS;
    all.count++;
    *last = r;
    return r;
}

static ss_peer_t *find_worker(uint64_t worker) {
    ss_peer_t *p = ss_hub_sidecar()->peers;
    while (p != NULL && (p->worker != worker || p->state != SS_PEER_OPEN)) {
        p = p->next;
    }
    return p;
}

/* Of a worker that has no link: is it gone, or on its way back? */
static unsigned status_without_link(uint64_t worker) {
    bool early = now_ms() - all.started_ms < SS_REBIND_MS;
    return early || ss_connection_awaits(worker) ? 503 : 404;
}

static void deliver(relay_t *r, ss_peer_t *worker, const post_t *post) {
    ss_buf_t *b = ss_peer_begin(worker);
    size_t head = 4 + 8 + 2 + post->secret.len;
    ss_writer_t w = ss_writer(ss_buf_reserve(b, head), head);
    ss_link_encode_deliver(&w, r->number, post->seq, post->secret);
    b->len += ss_written(&w);
    ss_buf_append(b, post->body.ptr, post->body.len);
    r->via = worker;
    ss_peer_end(worker, SS_LINK_DELIVER, 0, 0, 0);
}

static void on_published(const redisReply *reply, void *arg) {
    relay_t **at = find((uint32_t)(uintptr_t)arg);
    bool heard = reply != NULL && reply->type == REDIS_REPLY_INTEGER && reply->integer != 0;
    if (*at != NULL && !heard) {
        end(at, 503); /* that sidecar is away, or Redis is */
    }
}

static void publish(const relay_t *r, const post_t *post) {
    ss_buf_t text = {0};
    ss_buf_printf(&text, "post %u %s %llu %.*s\n", (unsigned)r->number, ss_hub_place(),
                  (unsigned long long)post->seq, (int)post->secret.len, post->secret.ptr);
    ss_buf_append(&text, post->body.ptr, post->body.len);
    ss_redis_send(ss_hub_events(), on_published, (void *)(uintptr_t)r->number,
                  "PUBLISH %snode:%b %b", ss_hub_prefix(), post->name.node.ptr, post->name.node.len,
                  text.data, text.len);
    ss_buf_free(&text);
}

/* --- asked by a worker ----------------------------------------------------------------------- */

static bool equals(ss_span_t span, const char *s) {
    return span.len == strlen(s) && strncasecmp(span.ptr, s, span.len) == 0;
}

/* 0, or the status of what is malformed. */
static unsigned read_request(post_t *post, const ss_link_request_t *request) {
    ss_reader_t headers = request->headers;
    ss_span_t seq = {NULL, 0};
    post->secret = seq;
    for (ss_link_pair_t pair; ss_link_next_pair(&headers, &pair);) {
        if (equals(pair.name, "socketstream-stream")) {
            post->secret = pair.value;
        } else if (equals(pair.name, "socketstream-seq")) {
            seq = pair.value;
        }
    }
    post->body = request->body;
    return !ss_stream_seq(seq.ptr, seq.len, &post->seq)                         ? 400
           : !ss_stream_decode(post->secret.ptr, post->secret.len, &post->name) ? 404
                                                                                : 0;
}

static bool is_ours(ss_span_t node) {
    return node.len == strlen(ss_hub_place()) && memcmp(node.ptr, ss_hub_place(), node.len) == 0;
}

void ss_relay_request(const ss_api_target_t *target, const ss_link_request_t *request) {
    post_t post;
    unsigned status = read_request(&post, request);
    ss_peer_t *worker = status == 0 ? find_worker(post.name.worker) : NULL;
    if (status != 0) {
        /* answered below */
    } else if (all.count >= SS_RELAYS_MAX) {
        status = 503;
    } else if (worker == NULL && (is_ours(post.name.node) || post.name.node.len == 0)) {
        status = status_without_link(post.name.worker);
    } else if (worker == NULL && ss_hub_events() == NULL) {
        status = 503;
    }
    if (status != 0) {
        respond(target, status);
        return;
    }
    relay_t *r = begin();
    r->target = *target;
    ss_peer_ref(target->peer);
    target->peer->calls++;
    if (worker != NULL) {
        deliver(r, worker, &post);
    } else {
        publish(r, &post);
    }
}

void ss_relay_delivered(const ss_peer_t *peer, const uint8_t *payload, size_t len) {
    ss_reader_t r = ss_reader(payload, len);
    relay_t **at = find(ss_read_u32(&r));
    unsigned status = ss_read_u16(&r);
    if (*at != NULL && (*at)->via == peer) {
        end(at, status);
    }
}

/* --- asked by another node ------------------------------------------------------------------- */

static void on_post(const char *line, const ss_span_t body) {
    char asker[SS_STREAM_NODE_MAX + 1];
    char seq[17];
    char secret[SS_STREAM_TEXT_MAX + 1];
    unsigned number;
    post_t post = {.body = body};
    if (sscanf(line, "post %u %64[A-Za-z0-9_-] %16[0-9] %132s", &number, asker, seq, secret) != 4 ||
        !ss_stream_seq(seq, strlen(seq), &post.seq) ||
        !ss_stream_decode(secret, strlen(secret), &post.name)) {
        ss_log(SS_LOG_WARNING, "a message on %snode:%s is dropped: it is no POST of ours",
               ss_hub_prefix(), ss_hub_place());
        return;
    }
    post.secret = (ss_span_t){secret, strlen(secret)};
    if (all.count >= SS_RELAYS_MAX) {
        return; /* who asked waits, and asks again */
    }
    relay_t *r = begin();
    memcpy(r->asker, asker, sizeof asker);
    r->asker_number = number;
    ss_peer_t *worker = find_worker(post.name.worker);
    if (worker != NULL) {
        deliver(r, worker, &post);
    } else {
        end(find(r->number), status_without_link(post.name.worker));
    }
}

static void on_done(const char *line) {
    unsigned number;
    unsigned status;
    if (sscanf(line, "done %u %3u", &number, &status) != 2) {
        return;
    }
    relay_t **at = find(number);
    if (*at != NULL && (*at)->via == NULL) {
        end(at, status >= 200 && status <= 599 ? status : 503);
    }
}

void ss_relay_message(const char *text, size_t len) {
    const char *eol = memchr(text, '\n', len);
    size_t line_len = eol == NULL ? len : (size_t)(eol - text);
    char line[LINE_MAX_BYTES];
    if (line_len >= sizeof line) {
        line_len = sizeof line - 1;
    }
    memcpy(line, text, line_len);
    line[line_len] = '\0';
    if (strncmp(line, "done ", 5) == 0) {
        on_done(line);
    } else {
        on_post(line, eol == NULL ? (ss_span_t){NULL, 0}
                                  : (ss_span_t){eol + 1, len - (size_t)(eol + 1 - text)});
    }
}

/* --- the end --------------------------------------------------------------------------------- */

/* An answer may cost another worker its link, which changes the list: from its start again. */
void ss_relay_link_lost(const ss_peer_t *peer) {
    for (relay_t **at = &all.first; *at != NULL;) {
        if ((*at)->via == peer) {
            end(at, 503);
            at = &all.first;
        } else {
            at = &(*at)->next;
        }
    }
}

void ss_relay_tick(void) {
    uint64_t now = now_ms();
    while (all.first != NULL && all.first->until_ms <= now) {
        end(&all.first, 503);
    }
}

void ss_relay_finish(void) {
    while (all.first != NULL) {
        relay_t *r = all.first;
        all.first = r->next;
        if (r->target.peer != NULL) {
            ss_peer_unref(r->target.peer);
        }
        free(r);
    }
    all.count = 0;
}
