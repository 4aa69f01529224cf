/* SPDX-License-Identifier: MIT
 *
 * See online.h.  The users with a connection here are the topics of users with members: there is
 * no second list to keep right.
 */
#include "online.h"

#include "channels.h"
#include "events.h"
#include "hub.h"
#include "include/socketstream.h"
#include "log.h"
#include "mem.h"

#define REAP_MAX 1000   /* leases removed at a time */
#define BATCH_USERS 200 /* renewals in one command */

/* Removing is one step, so that each lease that has run out is found by one node. */
static const char reap_script[] =
    "local e=redis.call('ZRANGEBYSCORE',KEYS[1],'-inf',ARGV[1],'LIMIT',0,ARGV[2]) "
    "if #e>0 then redis.call('ZREM',KEYS[1],unpack(e)) end "
    "return e";

static struct {
    size_t cursor;
    uint64_t reap_at_ms;
} all;

/* Members of one ZADD. */
typedef struct {
    ss_buf_t text;
    size_t lens[BATCH_USERS];
    unsigned n;
} batch_t;

static const ss_online_options_t *options(void) { return &ss_hub_options()->online; }

static bool is_off(void) { return ss_hub_redis() == NULL || !options()->enabled; }

static void key(ss_buf_t *b) { ss_buf_printf(b, "%sonline", ss_hub_prefix()); }

static void member(ss_buf_t *b, const char *user, size_t len) {
    ss_buf_printf(b, "%s|", ss_hub_place());
    ss_buf_append(b, user, len);
}

static void send_history(const batch_t *batch) {
    const char *argv[BATCH_USERS + 2] = {"SADD"};
    size_t lens[BATCH_USERS + 2] = {4};
    ss_buf_t name = {0};
    size_t skip = strlen(ss_hub_place()) + 1;
    const char *at = batch->text.data;
    ss_buf_printf(&name, "%sonline:at:%llu", ss_hub_prefix(),
                  (unsigned long long)(ss_hub_now_ms() / 60000));
    argv[1] = name.data;
    lens[1] = name.len;
    for (unsigned i = 0; i < batch->n; i++) {
        argv[i + 2] = at + skip;
        lens[i + 2] = batch->lens[i] - skip;
        at += batch->lens[i];
    }
    ss_redis_send_argv(ss_hub_redis(), NULL, NULL, (int)batch->n + 2, argv, lens);
    ss_buf_free(&name);
}

/* One lease for each member, from now on. */
static void send_batch(batch_t *batch) {
    const char *argv[2 * BATCH_USERS + 2] = {"ZADD"};
    size_t lens[2 * BATCH_USERS + 2] = {4};
    char score[24];
    ss_buf_t name = {0};
    const char *at = batch->text.data;
    if (batch->n == 0) {
        return;
    }
    key(&name);
    argv[1] = name.data;
    lens[1] = name.len;
    snprintf(score, sizeof score, "%llu",
             (unsigned long long)(ss_hub_now_ms() + options()->lease_ms));
    for (unsigned i = 0; i < batch->n; i++) {
        argv[2 * i + 2] = score;
        lens[2 * i + 2] = strlen(score);
        argv[2 * i + 3] = at;
        lens[2 * i + 3] = batch->lens[i];
        at += batch->lens[i];
    }
    ss_redis_send_argv(ss_hub_redis(), NULL, NULL, (int)batch->n * 2 + 2, argv, lens);
    if (options()->keep_historic) {
        send_history(batch);
    }
    ss_buf_free(&name);
    batch->text.len = 0;
    batch->n = 0;
}

static void add(batch_t *batch, const char *user, size_t len) {
    size_t before = batch->text.len;
    member(&batch->text, user, len);
    batch->lens[batch->n++] = batch->text.len - before;
    if (batch->n == BATCH_USERS) {
        send_batch(batch);
    }
}

static void set_lease(const char *user, size_t len) {
    batch_t batch = {.n = 0};
    if (!is_off()) {
        add(&batch, user, len);
        send_batch(&batch);
        ss_buf_free(&batch.text);
    }
}

void ss_online_arrived(const char *user, size_t len) { set_lease(user, len); }

void ss_online_left(const char *user, size_t len) { set_lease(user, len); }

/* --- who is ---------------------------------------------------------------------------------- */

typedef struct {
    void (*got)(const json_t *users, void *arg);
    void *arg;
} question_t;

/* Members without their nodes; each user once. */
static json_t *users_of(const redisReply *reply) {
    json_t *seen = json_object();
    json_t *users = json_array();
    for (size_t i = 0; i < reply->elements; i++) {
        const redisReply *item = reply->element[i];
        const char *bar = item->type == REDIS_REPLY_STRING ? strchr(item->str, '|') : NULL;
        if (bar != NULL && json_object_get(seen, bar + 1) == NULL) {
            json_t *user = json_string(bar + 1);
            if (user != NULL) {
                json_object_set(seen, bar + 1, user);
                json_array_append_new(users, user);
            }
        }
    }
    json_decref(seen);
    return users;
}

static void on_online(const redisReply *reply, void *arg) {
    question_t *q = arg;
    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY) {
        q->got(NULL, q->arg);
    } else {
        json_t *users = users_of(reply);
        q->got(users, q->arg);
        json_decref(users);
    }
    free(q);
}

/* The parentheses make the bound exclusive: a lease ends at its score. */
void ss_online_now(void (*got)(const json_t *users, void *arg), void *arg) {
    question_t *q = ss_alloc(sizeof *q);
    *q = (question_t){got, arg};
    ss_redis_send(ss_hub_redis(), on_online, q, "ZRANGEBYSCORE %sonline (%llu +inf",
                  ss_hub_prefix(), (unsigned long long)ss_hub_now_ms());
}

/* --- who is no more -------------------------------------------------------------------------- */

static void tell_offline(const json_t *online, void *arg) {
    json_t *left = arg;
    size_t i;
    const json_t *user;
    json_array_foreach(online, i, user) { json_object_del(left, json_string_value(user)); }
    const char *name;
    json_t *unused;
    if (online != NULL) {
        json_object_foreach(left, name, unused) { ss_events_emit_user("user:offline", name); }
    }
    json_decref(left);
}

/* Of those whose lease ended here, tells the ones who have no other. */
static void check_offline(const json_t *users) {
    if (json_array_size(users) == 0 || !ss_events_wanted("user:offline") || is_off()) {
        return;
    }
    json_t *left = json_object();
    size_t i;
    const json_t *user;
    json_array_foreach(users, i, user) {
        json_object_set_new(left, json_string_value(user), json_true());
    }
    ss_online_now(tell_offline, left);
}

static void on_reaped(const redisReply *reply, void *arg) {
    (void)arg;
    if (reply != NULL && reply->type == REDIS_REPLY_ARRAY && reply->elements != 0) {
        json_t *users = users_of(reply);
        check_offline(users);
        json_decref(users);
    }
}

static void on_removed(const redisReply *reply, void *arg) {
    json_t *users = arg;
    if (reply != NULL && reply->type == REDIS_REPLY_INTEGER && reply->integer != 0) {
        check_offline(users);
    }
    json_decref(users);
}

void ss_online_signed_out(const char *user, size_t len) {
    const ss_topic_t *topic = ss_topic_find(SS_TOPIC_USER, user, len);
    if (is_off() || (topic != NULL && topic->members != 0)) {
        return;
    }
    ss_buf_t name = {0};
    key(&name);
    size_t name_len = name.len;
    member(&name, user, len);
    ss_redis_send(ss_hub_redis(), on_removed, json_pack("[s#]", user, (int)len), "ZREM %b %b",
                  name.data, name_len, name.data + name_len, name.len - name_len);
    ss_buf_free(&name);
}

/* --- renewal --------------------------------------------------------------------------------- */

static void renew(ss_topic_t *topic, void *arg) {
    if (topic->name[0] == SS_TOPIC_USER && topic->members != 0) {
        add(arg, ss_topic_name(topic), ss_topic_name_len(topic));
    }
}

static bool renew_slice(size_t buckets) {
    batch_t batch = {.n = 0};
    bool more = ss_topics_slice(&all.cursor, buckets, renew, &batch);
    send_batch(&batch);
    ss_buf_free(&batch.text);
    return more;
}

void ss_online_renew_all(void) {
    if (!is_off()) {
        all.cursor = 0;
        renew_slice(ss_topics_buckets());
    }
}

/* A part of the table each second, so that all come round within the interval. */
void ss_online_tick(void) {
    uint64_t now = uv_now(ss_hub_sidecar()->loop);
    if (is_off()) {
        return;
    }
    uint64_t parts = options()->interval_ms < 1000 ? 1 : options()->interval_ms / 1000;
    size_t buckets = ss_topics_buckets() / parts + 1;
    if (!renew_slice(buckets)) {
        all.cursor = 0;
        renew_slice(buckets);
    }
    if (now >= all.reap_at_ms) {
        all.reap_at_ms = now + options()->interval_ms;
        ss_redis_send(ss_hub_redis(), on_reaped, NULL, "EVAL %s 1 %sonline %llu %d", reap_script,
                      ss_hub_prefix(), (unsigned long long)ss_hub_now_ms(), REAP_MAX);
    }
}
