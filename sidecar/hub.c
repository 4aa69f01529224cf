/* SPDX-License-Identifier: MIT
 *
 * See hub.h.
 */
#include "hub.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "bounds.h"
#include "channels.h"
#include "connection.h"
#include "done.h"
#include "events.h"
#include "include/socketstream.h"
#include "log.h"
#include "online.h"
#include "peer.h"
#include "pubsub.h"
#include "relay.h"
#include "request.h"
#include "session.h"
#include "ss_link.h"
#include "store.h"

/* Ticks after which a subscription that Redis has not confirmed is not waited for any more. */
#define CONFIRM_TICKS 2

static struct {
    ss_sidecar_t *sidecar;
    ss_redis_t *redis;
    ss_redis_t *events; /* the same, unless there is another for events */
    char node[SS_NODE_TEXT + 1];
    char place[SS_NODE_TEXT + 1];
    uint8_t secret[SS_SECRET_BYTES];
    bool has_secret;
    bool secret_told;   /* why there is none */
    bool failed;        /* the Redis of sessions is away */
    bool events_failed; /* that of events is */
    unsigned unconfirmed_ticks;
} all;

ss_sidecar_t *ss_hub_sidecar(void) { return all.sidecar; }

const ss_sidecar_options_t *ss_hub_options(void) { return &all.sidecar->options; }

const char *ss_hub_node(void) { return all.node; }
const char *ss_hub_place(void) { return all.place; }

const uint8_t *ss_hub_secret(void) { return all.has_secret ? all.secret : NULL; }

static ss_redis_t *while_up(ss_redis_t *redis) {
    return redis != NULL && ss_redis_is_up(redis) ? redis : NULL;
}

ss_redis_t *ss_hub_redis(void) { return while_up(all.redis); }
ss_redis_t *ss_hub_events(void) { return while_up(all.events); }
ss_redis_t *ss_hub_events_any(void) { return all.events; }

const char *ss_hub_prefix(void) { return all.redis == NULL ? "ss:" : ss_redis_prefix(all.redis); }

uint64_t ss_hub_now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* --- the secret of cookies ------------------------------------------------------------------- */

static void on_secret(const redisReply *reply, void *arg) {
    uint8_t secret[SS_SECRET_BYTES];
    (void)arg;
    if (reply == NULL) {
        return;
    }
    if (reply->type != REDIS_REPLY_STRING ||
        !ss_token_decode(secret, sizeof secret, reply->str, reply->len)) {
        if (!all.secret_told) {
            ss_log(SS_LOG_ERROR,
                   "%ssecret in Redis is not a secret of ours%s%s; sessions get no cookies",
                   ss_hub_prefix(), reply->type == REDIS_REPLY_ERROR ? ": " : "",
                   reply->type == REDIS_REPLY_ERROR ? reply->str : "");
        }
        all.secret_told = true;
        return;
    }
    all.secret_told = false;
    if (all.has_secret && memcmp(secret, all.secret, sizeof secret) != 0) {
        ss_log(SS_LOG_WARNING, "the secret in Redis has changed: earlier cookies are void");
    }
    memcpy(all.secret, secret, sizeof secret);
    all.has_secret = true;
}

static void on_secret_made(const redisReply *reply, void *arg) {
    (void)arg;
    if (reply != NULL && reply->type == REDIS_REPLY_ERROR && !all.secret_told) {
        ss_log(SS_LOG_ERROR, "Redis does not keep %ssecret: %s", ss_hub_prefix(), reply->str);
    }
}

/* Whoever comes first makes it; a Redis that was emptied gets back the one we know. */
static void share_secret(void) {
    char text[SS_TOKEN_TEXT(SS_SECRET_BYTES) + 1];
    uint8_t fresh[SS_SECRET_BYTES];
    ss_token_random(fresh, sizeof fresh);
    ss_token_encode(text, all.has_secret ? all.secret : fresh, SS_SECRET_BYTES);
    ss_redis_send(all.redis, on_secret_made, NULL, "SET %ssecret %s NX", ss_hub_prefix(), text);
    ss_redis_send(all.redis, on_secret, NULL, "GET %ssecret", ss_hub_prefix());
}

/* --- Redis ----------------------------------------------------------------------------------- */

static void on_message(void *arg, const char *channel, size_t channel_len, const char *text,
                       size_t len) {
    (void)arg;
    ss_pubsub_message(channel, channel_len, text, len);
}

static void sessions_up(void *arg, bool gap) {
    (void)arg;
    (void)gap;
    share_secret();
    ss_store_load_all();
    ss_online_renew_all();
    all.failed = false;
}

static void events_up(void *arg, bool gap) {
    static const char resync[] =
        "{\"jsonrpc\":\"2.0\",\"method\":\"system.resync\",\"params\":{\"reason\":\"redis\"}}";
    (void)arg;
    ss_topics_all_confirmed();
    if (gap || all.events_failed) {
        /* Lost, or never published: nobody could while Redis was away. */
        ss_pubsub_system(resync, sizeof resync - 1);
    }
    all.events_failed = false;
}

static void both_up(void *arg, bool gap) {
    sessions_up(arg, gap);
    events_up(arg, gap);
}

static void on_subscribed(void *arg, const char *channel, size_t len) {
    (void)arg;
    (void)channel;
    (void)len;
    ss_topics_confirmed();
}

/* redis.c has told the log. */
static void sessions_down(void *arg, const char *why) {
    (void)arg;
    (void)why;
    all.failed = true;
}

static void events_down(void *arg, const char *why) {
    (void)arg;
    (void)why;
    all.events_failed = true;
    ss_topics_all_confirmed();
}

static void both_down(void *arg, const char *why) {
    sessions_down(arg, why);
    events_down(arg, why);
}

static void subscribe(ss_redis_t *redis, const char *channel) {
    ss_redis_subscribe(redis, channel, strlen(channel));
}

/* Both Redis have the one prefix. */
static ss_redis_t *connect_pubsub(const ss_redis_events_t *events, ss_buf_t *error) {
    json_t *config = json_copy((json_t *)ss_hub_options()->redis_pubsub);
    json_object_set(config, "key_prefix", json_object_get(ss_hub_options()->redis, "key_prefix"));
    ss_redis_t *redis = ss_redis_create(all.sidecar->loop, config, events, error);
    json_decref(config);
    return redis;
}

/* What is wrong with the second leaves the first connected; ss_hub_finish() ends it. */
static bool connect_redis(ss_buf_t *error) {
    static const ss_redis_events_t of_both = {.name = "redis",
                                              .message = on_message,
                                              .up = both_up,
                                              .subscribed = on_subscribed,
                                              .down = both_down};
    static const ss_redis_events_t of_sessions = {
        .name = "redis", .message = on_message, .up = sessions_up, .down = sessions_down};
    static const ss_redis_events_t of_events = {.name = "redis_pubsub",
                                                .message = on_message,
                                                .up = events_up,
                                                .subscribed = on_subscribed,
                                                .down = events_down};
    bool apart = ss_redis_is_configured(ss_hub_options()->redis_pubsub);
    all.redis = ss_redis_create(all.sidecar->loop, ss_hub_options()->redis,
                                apart ? &of_sessions : &of_both, error);
    all.events = apart && all.redis != NULL ? connect_pubsub(&of_events, error) : all.redis;
    return all.events != NULL;
}

static void subscribe_all(void) {
    static const char *const channels[] = {"broadcast", "channels", "sockets"};
    char own[sizeof "node:" + SS_NODE_TEXT];
    for (unsigned i = 0; i < sizeof channels / sizeof channels[0]; i++) {
        subscribe(all.events, channels[i]);
    }
    snprintf(own, sizeof own, "node:%s", all.place);
    subscribe(all.events, own);
    subscribe(all.redis, "sessions");
}

/* --- life ------------------------------------------------------------------------------------ */

static void on_waited(uv_timer_t *timer) { *(bool *)timer->data = true; }

static void on_timer_closed(uv_handle_t *handle) { *(bool *)handle->data = false; }

/* The first clients shall find their sessions: not before Redis is there do we listen. */
static bool is_redis_there(void) { return all.has_secret && ss_hub_events() != NULL; }

static void wait_for_redis(void) {
    uv_timer_t timer;
    bool over = false;
    uv_timer_init(all.sidecar->loop, &timer);
    timer.data = &over;
    uv_timer_start(&timer, on_waited, SS_REDIS_WAIT_MS, 0);
    while (!over && !all.failed && !all.events_failed && !is_redis_there()) {
        uv_run(all.sidecar->loop, UV_RUN_ONCE);
    }
    over = true;
    uv_close((uv_handle_t *)&timer, on_timer_closed);
    while (over) {
        uv_run(all.sidecar->loop, UV_RUN_ONCE);
    }
}

/* Machine, host and socket: what a sidecar that is started again has in common with the one before,
 * and with no other. */
static void name_place(void) {
    char text[64 + HOST_NAME_MAX + PATH_MAX + 3] = "";
    uint8_t digest[EVP_MAX_MD_SIZE];
    size_t len = 0;
    FILE *f = fopen("/etc/machine-id", "re");
    if (f != NULL) {
        len = fread(text, 1, 64, f);
        fclose(f);
    }
    gethostname(text + len, HOST_NAME_MAX);
    len += strlen(text + len) + 1;
    if (realpath(ss_hub_options()->listen_path, text + len) == NULL) {
        snprintf(text + len, PATH_MAX, "%s", ss_hub_options()->listen_path);
    }
    len += strlen(text + len);
    if (EVP_Digest(text, len, digest, NULL, EVP_sha256(), NULL) != 1) {
        ss_token_random(digest, SS_NODE_BYTES);
    }
    ss_token_encode(all.place, digest, SS_NODE_BYTES);
}

bool ss_hub_init(ss_sidecar_t *sidecar, ss_buf_t *error) {
    uint8_t node[SS_NODE_BYTES];
    memset(&all, 0, sizeof all);
    all.sidecar = sidecar;
    ss_token_random(node, sizeof node);
    ss_token_encode(all.node, node, sizeof node);
    name_place();
    ss_done_init(sidecar->loop);
    ss_events_init();
    ss_topics_init();
    ss_sessions_init();
    ss_relay_init();
    if (!ss_redis_is_configured(sidecar->options.redis)) {
        ss_log(SS_LOG_NOTICE, "no Redis is configured: no sessions that last, no events");
        return true;
    }
    if (!connect_redis(error)) {
        return false;
    }
    subscribe_all();
    wait_for_redis();
    return true;
}

void ss_hub_finish(void) {
    if (all.sidecar == NULL) {
        return;
    }
    ss_redis_t *redis = all.redis;
    ss_redis_t *events = all.events;
    ss_connection_finish();
    ss_relay_finish();
    all.redis = all.events = NULL; /* what is called back by their end finds none */
    ss_redis_destroy(redis);
    ss_redis_destroy(events == redis ? NULL : events);
    ss_topics_all_confirmed();
    ss_done_finish();
    ss_sessions_finish();
    ss_topics_finish();
    ss_events_finish();
    all.sidecar = NULL;
}

void ss_hub_tick(void) {
    ss_connection_tick();
    ss_relay_tick();
    ss_store_tick();
    ss_online_tick();
    if (!all.has_secret && ss_hub_redis() != NULL) {
        share_secret();
    }
    if (ss_topics_confirming() && ++all.unconfirmed_ticks > CONFIRM_TICKS) {
        ss_topics_all_confirmed();
    }
    if (!ss_topics_confirming()) {
        all.unconfirmed_ticks = 0;
    }
}

/* --- health ---------------------------------------------------------------------------------- */

static unsigned count_clients(void) {
    unsigned n = 0;
    for (const ss_peer_t *p = all.sidecar->peers; p != NULL; p = p->next) {
        n += p->clients.count;
    }
    return n;
}

static bool is_good(const ss_redis_health_t *h) {
    return h->up && h->canary_age_ms <= SS_REDIS_CANARY_LIMIT_MS;
}

static json_t *redis_health(const ss_redis_t *redis, bool *healthy) {
    ss_redis_health_t h;
    if (redis == NULL) {
        return json_null();
    }
    ss_redis_health(redis, &h);
    *healthy = *healthy && is_good(&h);
    return json_pack("{s:b, s:I, s:o, s:I, s:I}", "up", h.up, "canary_ms", (json_int_t)h.canary_ms,
                     "canary_age_ms",
                     h.canary_age_ms == UINT64_MAX ? json_null()
                                                   : json_integer((json_int_t)h.canary_age_ms),
                     "reconnects", (json_int_t)h.reconnects, "timeouts", (json_int_t)h.timeouts);
}

uint8_t ss_hub_link_health(uint32_t *canary_ms) {
    ss_redis_health_t sessions;
    ss_redis_health_t events;
    if (all.redis == NULL) {
        return SS_LINK_HEALTH_NO_REDIS;
    }
    ss_redis_health(all.redis, &sessions);
    ss_redis_health(all.events, &events);
    *canary_ms = events.canary_ms < UINT32_MAX ? (uint32_t)events.canary_ms : UINT32_MAX;
    return is_good(&sessions) && is_good(&events) ? SS_LINK_HEALTH_GOOD : SS_LINK_HEALTH_BROKEN;
}

json_t *ss_hub_health(bool *healthy) {
    *healthy = true;
    json_t *redis = redis_health(all.redis, healthy);
    json_t *events = all.events == all.redis ? NULL : redis_health(all.events, healthy);
    json_t *health =
        json_pack("{s:b, s:s, s:o, s:i, s:i, s:I, s:I, s:I}", "healthy", *healthy, "node", all.node,
                  "redis", redis, "links", (int)all.sidecar->peer_count, "clients",
                  (int)count_clients(), "sessions", (json_int_t)ss_sessions_count(), "topics",
                  (json_int_t)ss_topics_count(), "calls", (json_int_t)ss_requests_open());
    if (events != NULL) {
        json_object_set_new(health, "redis_pubsub", events);
    }
    return health;
}
