/* SPDX-License-Identifier: MIT
 *
 * See store.h.  Invariant: a session is `loading` exactly while an HGETALL of it is under way, and
 * `busy` exactly while its first change is.  Answers come in the order of asking, so an answer
 * to a change finds here what was here when it was sent, but for a logout told by another node:
 * that sets `again`, and what the answer says is then read anew instead of believed.
 */
#include "store.h"

#include "bounds.h"
#include "connection.h"
#include "done.h"
#include "events.h"
#include "hub.h"
#include "log.h"
#include "login.h"
#include "mem.h"
#include "online.h"
#include "session_record.h"

typedef struct ss_change {
    struct ss_change *next;
    ss_topics_wait_t wait;
    ss_session_t *session; /* a reference */
    ss_change_kind_t kind;
    unsigned tries;
    ss_req *req;
    ss_done_fn done;
    void *arg;
    ss_topic_t *as;      /* the user at the time of asking; a reference, NULL: nobody */
    ss_topic_t **topics; /* references */
    uint32_t n;
    ss_topic_t **result; /* the channels once Redis has said yes; references */
    uint32_t n_result;
    uint64_t expected; /* version */
    uint64_t version;  /* that comes of it; 0: nothing is left */
    ss_login_t login;
} change_t;

/* ARGV: expected version, new version, ttl, channel and text of the notice, fields … */
static const char store_script[] = "local v=redis.call('HGET',KEYS[1],'version') or '' "
                                   "if v~=ARGV[1] then return redis.call('HGETALL',KEYS[1]) end "
                                   "redis.call('DEL',KEYS[1]) "
                                   "if ARGV[2]~='' then "
                                   "redis.call('HSET',KEYS[1],'version',ARGV[2],unpack(ARGV,6)) "
                                   "redis.call('PEXPIRE',KEYS[1],ARGV[3]) end "
                                   "redis.call('PUBLISH',ARGV[4],ARGV[5]) "
                                   "return 1";

/* ARGV: as above, then new id, its ticket's ttl, the old key's ttl, fields … */
static const char login_script[] = "local v=redis.call('HGET',KEYS[1],'version') or '' "
                                   "if v~=ARGV[1] then return redis.call('HGETALL',KEYS[1]) end "
                                   "redis.call('DEL',KEYS[1]) "
                                   "redis.call('HSET',KEYS[1],'version','moved','moved',ARGV[6]) "
                                   "redis.call('PEXPIRE',KEYS[1],ARGV[8]) "
                                   "redis.call('HSET',KEYS[2],'version',ARGV[2],unpack(ARGV,9)) "
                                   "redis.call('PEXPIRE',KEYS[2],ARGV[3]) "
                                   "redis.call('SET',KEYS[3],ARGV[6],'PX',ARGV[7]) "
                                   "redis.call('PUBLISH',ARGV[4],ARGV[5]) "
                                   "return 1";

#define ARGS_MAX 32
#define TOUCHES_PER_TTL 3u
#define TOUCH_INTERVAL_MAX_S 3600u

static struct {
    size_t cursor; /* the bucket where loading all goes on */
    unsigned loads;
    bool loading_all;
    size_t touch_cursor;
} all;

void ss_store_key(char *out, const char *kind, const char *name) {
    snprintf(out, SS_STORE_KEY_MAX, "%s%s:%s", ss_hub_prefix(), kind, name);
}

static void session_key(char *out, const uint8_t *id) {
    char text[SS_SESSION_ID_TEXT + 1];
    ss_session_text(id, text);
    ss_store_key(out, "session", text);
}

/* --- loading --------------------------------------------------------------------------------- */

static void touch(ss_session_t *s, void *arg) {
    char key[SS_STORE_KEY_MAX];
    (void)arg;
    if (s->data != NULL && s->data->version != 0 && ss_hub_redis() != NULL) {
        session_key(key, s->id);
        ss_redis_send(ss_hub_redis(), NULL, NULL, "PEXPIRE %s %llu", key,
                      (unsigned long long)ss_hub_options()->session_ttl_ms);
    }
}

/* Another node, or an earlier load, gave the session a new id.  Gives the session that goes on:
 * this one under its new name, or the one that has the name here already. */
static ss_session_t *follow(ss_session_t *s, const uint8_t *id) {
    ss_session_t *there = ss_session_find(id);
    if (there == NULL) {
        s->again = s->loading;
        ss_session_rename(s, id);
        ss_connection_renamed(s);
        return s;
    }
    if (there != s) {
        ss_connection_merge(s, there);
        while (s->data != NULL && s->data->changes != NULL) {
            change_t *c = s->data->changes;
            change_t **end = &ss_session_data(there)->changes;
            s->data->changes = c->next;
            s->data->n_changes--;
            while (*end != NULL) {
                end = &(*end)->next;
            }
            c->next = NULL;
            *end = c;
            there->data->n_changes++;
            c->session = ss_session_ref(there);
            ss_session_unref(s);
        }
        s->busy = false;
    }
    return there;
}

/* Takes over what Redis has; gives the session that goes on.  `*more` when that is to be loaded. */
static ss_session_t *take_over(ss_session_t *s, const redisReply *reply, bool *more) {
    ss_record_t record;
    ss_record_read(&record, reply);
    *more = false;
    if (record.moved && memcmp(record.moved_to, s->id, SS_SESSION_ID_BYTES) == 0) {
        s->loaded = true; /* an answer about the old id; we have followed already */
    } else if (record.moved) {
        ss_session_t *there = follow(s, record.moved_to);
        *more = there == s || !there->loaded;
        s = there;
    } else if (record.version == 0 && record.user == NULL && s->data == NULL) {
        s->loaded = true;
    } else if (!s->loaded || record.version == 0 || s->data == NULL ||
               s->data->version != record.version) {
        if (record.created_at != 0) {
            s->created_at = record.created_at;
        }
        ss_session_set_topics(s, record.user, record.channels, record.n_channels);
        json_decref(s->data->attributes);
        s->data->attributes = json_incref(record.attributes);
        s->data->version = record.version;
        record.user = NULL;
        record.channels = NULL;
        record.n_channels = 0;
        s->loaded = true;
        ss_session_trim(s);
    }
    ss_record_finish(&record);
    return s;
}

static void load_more(void);

/* Ends a load.  Takes the reference. */
static void loaded(ss_session_t *s, bool touched) {
    if (touched) {
        touch(s, NULL);
    }
    ss_connection_settle(s);
    ss_store_continue(s);
    ss_session_unref(s);
    if (all.loading_all) {
        load_more();
    }
}

static void on_loaded(const redisReply *reply, void *arg) {
    ss_session_t *s = arg;
    bool more = false;
    all.loads--;
    s->loading = false;
    if (s->again && reply != NULL) {
        ss_store_load(s);
        if (s->loading) {
            ss_session_unref(s);
            return;
        }
        reply = NULL;
    }
    s->again = false;
    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY) {
        if (reply != NULL && reply->type == REDIS_REPLY_ERROR) {
            ss_log(SS_LOG_ERROR, "a session cannot be loaded: %s", reply->str);
        }
        loaded(s, false);
        return;
    }
    ss_session_t *now = take_over(s, reply, &more);
    if (now != s) {
        ss_session_ref(now);
        ss_session_unref(s);
    }
    if (more) {
        ss_store_load(now);
    }
    if (now->loading) {
        ss_session_unref(now);
        return;
    }
    loaded(now, true);
}

void ss_store_load(ss_session_t *s) {
    char key[SS_STORE_KEY_MAX];
    if (s->loading) {
        s->again = true;
        return;
    }
    if (ss_hub_redis() == NULL) {
        return;
    }
    s->again = false;
    s->loading = true;
    all.loads++;
    session_key(key, s->id);
    ss_redis_send(ss_hub_redis(), on_loaded, ss_session_ref(s), "HGETALL %s", key);
}

static void load_each(ss_session_t *s, void *arg) {
    (void)arg;
    ss_store_load(s);
}

/* Sessions move between buckets when the table grows, but never to one that was passed without
 * having been loaded. */
static void load_more(void) {
    while (all.loads < SS_LOADS_MAX) {
        if (!ss_sessions_slice(&all.cursor, 1, load_each, NULL)) {
            all.loading_all = false;
            return;
        }
    }
}

void ss_store_load_all(void) {
    all.loading_all = true;
    all.cursor = 0;
    load_more();
}

/* --- changes: what they come to -------------------------------------------------------------- */

static void free_topics(ss_topic_t **topics, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        ss_topic_unref(topics[i]);
    }
    free(topics);
}

/* The channels as they will be; false when that is as they are. */
static bool work_out(change_t *c) {
    const ss_session_data_t *d = c->session->data;
    uint32_t mark = ss_topics_mark();
    bool add = c->kind == SS_CHANGE_SUBSCRIBE;
    for (uint32_t i = 0; i < c->n && !add; i++) {
        c->topics[i]->mark = mark;
    }
    free_topics(c->result, c->n_result);
    c->result = ss_alloc((d->n_channels + c->n + 1) * sizeof c->result[0]);
    c->n_result = 0;
    for (uint32_t i = 0; i < d->n_channels && c->kind != SS_CHANGE_RESET; i++) {
        if (add || d->channels[i]->mark != mark || c->kind != SS_CHANGE_UNSUBSCRIBE) {
            d->channels[i]->mark = add ? mark : d->channels[i]->mark;
            c->result[c->n_result++] = ss_topic_ref(d->channels[i]);
        }
    }
    for (uint32_t i = 0; i < c->n && add; i++) {
        if (c->topics[i]->mark != mark) {
            c->topics[i]->mark = mark;
            c->result[c->n_result++] = ss_topic_ref(c->topics[i]);
        }
    }
    return c->n_result != d->n_channels;
}

/* Another user starts with nothing of the former's. */
static bool is_switch(const change_t *c) {
    const ss_topic_t *user = c->session->data->user;
    return c->kind == SS_CHANGE_LOGIN && user != NULL && user != c->topics[0];
}

static json_t *attributes_after(const change_t *c) {
    const ss_session_data_t *d = c->session->data;
    if (is_switch(c)) {
        return NULL;
    }
    json_t *result = d->attributes == NULL ? json_object() : json_copy(d->attributes);
    const char *key;
    json_t *value;
    if (c->kind == SS_CHANGE_SAVE) {
        json_object_foreach(d->saving, key, value) {
            if (json_is_null(value)) {
                json_object_del(result, key);
            } else {
                json_object_set(result, key, value);
            }
        }
    }
    if (json_object_size(result) == 0) {
        json_decref(result);
        result = NULL;
    }
    return result;
}

/* false: there is nothing to tell Redis. */
static bool prepare(change_t *c) {
    ss_session_data_t *d = c->session->data;
    switch (c->kind) {
    case SS_CHANGE_SUBSCRIBE:
    case SS_CHANGE_UNSUBSCRIBE:
    case SS_CHANGE_RESET:
        return work_out(c);
    case SS_CHANGE_SAVE:
        if (d->saving == NULL) {
            d->saving = d->dirty;
            d->dirty = NULL;
        }
        work_out(c);
        return d->saving != NULL;
    case SS_CHANGE_LOGIN:
        work_out(c);
        if (is_switch(c)) {
            free_topics(c->result, c->n_result);
            c->result = NULL;
            c->n_result = 0;
        }
        return true;
    case SS_CHANGE_LOGOUT:
        return d->version != 0 || d->user != NULL || d->dirty != NULL;
    }
    return false;
}

static uint64_t new_version(void) {
    uint64_t version;
    do {
        ss_token_random(&version, sizeof version);
    } while (version == 0);
    return version;
}

/* What other nodes hear. */
static void write_notice(ss_buf_t *b, const change_t *c) {
    static const char *const kinds[] = {"changed", "changed", "changed",
                                        "changed", "moved",   "logout"};
    char id[SS_SESSION_ID_TEXT + 1];
    ss_session_text(c->session->id, id);
    ss_buf_printf(b, "{\"id\":\"%s\",\"kind\":\"%s\",\"node\":\"%s\"", id, kinds[c->kind],
                  ss_hub_node());
    if (c->kind == SS_CHANGE_LOGIN) {
        ss_session_text(c->login.id, id);
        ss_buf_printf(b, ",\"to\":\"%s\"", id);
    }
    if (c->session->data->user != NULL && (c->kind == SS_CHANGE_LOGOUT || is_switch(c))) {
        const ss_topic_t *user = c->session->data->user;
        ss_buf_literal(b, ",\"user\":");
        ss_buf_json_string(b, ss_topic_name(user), ss_topic_name_len(user));
    }
    ss_buf_literal(b, "}");
}

/* --- changes: sending ------------------------------------------------------------------------ */

typedef struct {
    const char *argv[ARGS_MAX];
    size_t lens[ARGS_MAX];
    int argc;
} args_t;

static void arg(args_t *a, const char *text, size_t len) {
    a->argv[a->argc] = text;
    a->lens[a->argc++] = len;
}

static void arg_text(args_t *a, const char *text) { arg(a, text, strlen(text)); }

static void on_changed(const redisReply *reply, void *arg);

/* Everything the arguments point to is on the stack or in the change. */
static void send_change(change_t *c, ss_record_fields_t *fields) {
    char keys[3][SS_STORE_KEY_MAX];
    char expected[SS_RECORD_VERSION_TEXT];
    char version[SS_RECORD_VERSION_TEXT];
    char ttl[24];
    char ticket_ttl[16];
    char old_ttl[16];
    char channel[SS_STORE_KEY_MAX];
    char id[SS_SESSION_ID_TEXT + 1];
    ss_buf_t notice = {0};
    bool login = c->kind == SS_CHANGE_LOGIN;
    args_t a = {.argc = 0};
    session_key(keys[0], c->session->id);
    session_key(keys[1], c->login.id);
    ss_store_key(keys[2], "ticket", c->login.ticket);
    ss_record_version(expected, c->expected);
    ss_record_version(version, c->version);
    snprintf(ttl, sizeof ttl, "%llu", (unsigned long long)ss_hub_options()->session_ttl_ms);
    snprintf(channel, sizeof channel, "%ssessions", ss_hub_prefix());
    ss_session_text(c->login.id, id);
    write_notice(&notice, c);

    arg_text(&a, "EVAL");
    arg_text(&a, login ? login_script : store_script);
    arg_text(&a, login ? "3" : "1");
    for (unsigned i = 0; i < (login ? 3 : 1); i++) {
        arg_text(&a, keys[i]);
    }
    arg_text(&a, expected);
    arg_text(&a, version);
    arg_text(&a, ttl);
    arg_text(&a, channel);
    arg(&a, notice.data, notice.len);
    if (login) {
        snprintf(ticket_ttl, sizeof ticket_ttl, "%d", SS_TICKET_MS);
        snprintf(old_ttl, sizeof old_ttl, "%d", SS_OLD_ID_MS);
        arg_text(&a, id);
        arg_text(&a, ticket_ttl);
        arg_text(&a, old_ttl);
    }
    for (int i = 0; i < fields->argc; i++) {
        arg(&a, fields->argv[i], fields->lens[i]);
    }
    ss_redis_send_argv(ss_hub_redis(), on_changed, c, a.argc, a.argv, a.lens);
    ss_buf_free(&notice);
}

static void finish(change_t *c, int code);

/* The first of the queue: sends it, or ends it where there is nothing to send. */
static void start(change_t *c) {
    ss_session_t *s = c->session;
    ss_session_data_t *d = s->data;
    if (c->as != NULL && c->as != d->user) {
        finish(c, SS_ERROR_NOT_AUTHENTICATED);
        return;
    }
    if (!prepare(c)) {
        if (c->kind == SS_CHANGE_LOGOUT) {
            ss_session_clear(s);
        }
        finish(c, 0);
        return;
    }
    ss_record_fields_t fields;
    json_t *attributes = attributes_after(c);
    const ss_topic_t *user = c->kind == SS_CHANGE_LOGIN ? c->topics[0] : d->user;
    bool fits = ss_record_write(&fields, s->created_at, user, c->result, c->n_result, attributes);
    bool nothing =
        c->kind == SS_CHANGE_LOGOUT || (user == NULL && c->n_result == 0 && attributes == NULL);
    c->expected = d->version;
    c->version = nothing ? 0 : new_version();
    if (fits) {
        s->busy = true;
        send_change(c, &fields);
    }
    ss_buf_free(&fields.text);
    json_decref(attributes);
    if (!fits) {
        ss_log(SS_LOG_WARNING, "attributes of a session are larger than %u bytes; not saved",
               SS_ATTRIBUTES_MAX);
        json_decref(d->saving);
        d->saving = NULL;
        finish(c, SS_ERROR_TOO_LARGE);
    }
}

void ss_store_continue(ss_session_t *s) {
    ss_session_ref(s); /* the last change may hold the last reference */
    while (s->data != NULL && s->data->changes != NULL && !s->busy && !s->loading) {
        if (ss_hub_redis() == NULL) {
            finish(s->data->changes, SS_ERROR_UNAVAILABLE);
        } else if (!s->loaded) {
            ss_store_load(s);
        } else {
            start(s->data->changes);
        }
    }
    ss_session_unref(s);
}

/* --- changes: the end ------------------------------------------------------------------------ */

static void free_change(change_t *c) {
    ss_topic_unref(c->as);
    free_topics(c->topics, c->n);
    free_topics(c->result, c->n_result);
    ss_session_trim(c->session);
    ss_session_unref(c->session);
    free(c);
}

static void on_ready(ss_topics_wait_t *wait) {
    change_t *c = (change_t *)((char *)wait - offsetof(change_t, wait));
    ss_done_later(c->req, c->done, 0, c->arg);
    free_change(c);
}

/* What could not be saved is dirty again, below what has been set since. */
static void unsave(ss_session_t *s) {
    ss_session_data_t *d = s->data;
    if (d->saving == NULL) {
        return;
    }
    if (s->clients == NULL) {
        ss_log(SS_LOG_WARNING, "attributes of a session are lost: Redis is away");
        json_decref(d->saving);
        json_decref(d->dirty);
        d->dirty = NULL;
    } else if (d->dirty == NULL) {
        d->dirty = d->saving;
    } else {
        json_object_update_missing(d->dirty, d->saving);
        json_decref(d->saving);
    }
    d->saving = NULL;
}

/* The caller is told once it hears what it has subscribed to. */
static void finish(change_t *c, int code) {
    ss_session_data_t *d = c->session->data;
    d->changes = c->next;
    d->n_changes--;
    if (c->kind == SS_CHANGE_SAVE && code == 0) {
        json_decref(d->saving);
        d->saving = NULL;
    } else if (c->kind == SS_CHANGE_SAVE) {
        unsave(c->session);
    }
    if (code == 0 && (c->kind == SS_CHANGE_SUBSCRIBE || c->kind == SS_CHANGE_LOGIN)) {
        ss_topics_wait(&c->wait, on_ready);
        return;
    }
    ss_done_later(c->req, c->done, code, c->arg);
    free_change(c);
}

static void emit_channel(const char *event, const change_t *c, const ss_topic_t *topic) {
    ss_events_emit(event, c->session, NULL, ss_topic_name(topic));
}

/* Those that are not among the result. */
static void emit_unsubscribed(const change_t *c) {
    const ss_session_data_t *d = c->session->data;
    uint32_t mark = ss_topics_mark();
    for (uint32_t i = 0; i < c->n_result; i++) {
        c->result[i]->mark = mark;
    }
    for (uint32_t i = 0; i < d->n_channels; i++) {
        if (d->channels[i]->mark != mark) {
            emit_channel("channel:unsubscribe", c, d->channels[i]);
        }
    }
}

/* Redis has it: now it is so here too. */
static void apply(change_t *c) {
    ss_session_t *s = c->session;
    ss_session_data_t *d = s->data;
    if (c->kind == SS_CHANGE_LOGOUT) {
        ss_session_clear(s);
        return;
    }
    json_t *attributes = attributes_after(c);
    ss_topic_t *user = c->kind == SS_CHANGE_LOGIN ? c->topics[0] : d->user;
    uint32_t n_before = d->n_channels;
    if (is_switch(c)) {
        json_decref(d->dirty);
        d->dirty = NULL;
    }
    emit_unsubscribed(c);
    ss_session_set_topics(s, user == NULL ? NULL : ss_topic_ref(user), c->result, c->n_result);
    c->result = NULL;
    c->n_result = 0;
    json_decref(d->attributes);
    d->attributes = attributes;
    d->version = c->version;
    if (c->kind == SS_CHANGE_LOGIN) {
        ss_session_rename(s, c->login.id);
        ss_connection_renamed(s);
        ss_login_tell(s, c->req, &c->login);
    }
    for (uint32_t i = n_before; i < d->n_channels; i++) {
        emit_channel("channel:subscribe", c, d->channels[i]);
    }
}

/* Another node was faster: on top of what it did, once more. */
static void on_conflict(change_t *c, const redisReply *reply) {
    bool more = false;
    if (++c->tries == SS_SESSION_TRIES_MAX) {
        finish(c, SS_ERROR_UNAVAILABLE);
        return;
    }
    ss_session_t *s = take_over(c->session, reply, &more); /* moves the change along */
    if (more) {
        ss_store_load(s);
    } else {
        ss_connection_settle(s);
        ss_store_continue(s);
    }
}

static void on_changed(const redisReply *reply, void *arg) {
    change_t *c = arg;
    ss_session_t *s = ss_session_ref(c->session);
    s->busy = false;
    if (reply == NULL || reply->type == REDIS_REPLY_ERROR) {
        /* Whether Redis did it, nobody knows: to be read. */
        if (reply != NULL) {
            ss_log(SS_LOG_ERROR, "a session cannot be changed: %s", reply->str);
        }
        finish(c, SS_ERROR_UNAVAILABLE);
        ss_store_load(s);
    } else if (reply->type == REDIS_REPLY_ARRAY) {
        on_conflict(c, reply);
    } else {
        /* A login has more to do here than to be believed; it is read again, too, since another
         * node may have ended it under the new id, which we had not heard of. */
        bool read = s->again || c->kind == SS_CHANGE_LOGIN;
        if (!s->again || c->kind == SS_CHANGE_LOGIN) {
            apply(c);
        }
        finish(c, 0);
        if (read) {
            ss_store_load(s);
        }
    }
    ss_store_continue(s);
    ss_session_unref(s);
}

static void refuse(ss_topic_t **topics, uint32_t n, ss_req *req, ss_done_fn done, void *arg) {
    free_topics(topics, n);
    ss_done_later(req, done, SS_ERROR_UNAVAILABLE, arg);
}

void ss_store_change(ss_session_t *s, ss_change_kind_t kind, ss_topic_t **topics, uint32_t n,
                     ss_req *req, ss_done_fn done, void *arg) {
    ss_session_data_t *d = ss_session_data(s);
    if (d->n_changes == SS_SESSION_CHANGES_MAX) {
        refuse(topics, n, req, done, arg);
        return;
    }
    change_t *c = ss_alloc_zero(sizeof *c);
    c->session = ss_session_ref(s);
    c->kind = kind;
    c->topics = topics;
    c->n = n;
    c->req = req;
    c->done = done;
    c->arg = arg;
    c->as = d->user == NULL ? NULL : ss_topic_ref(d->user);
    if (kind == SS_CHANGE_LOGIN) {
        ss_login_make(&c->login);
    }
    if (kind == SS_CHANGE_LOGIN || kind == SS_CHANGE_LOGOUT) {
        ss_topic_unref(c->as);
        c->as = NULL;
    }
    change_t **end = &d->changes;
    while (*end != NULL) {
        end = &(*end)->next;
    }
    *end = c;
    d->n_changes++;
    ss_store_continue(s);
}

void ss_store_save(ss_session_t *s) {
    if (s->data != NULL && s->data->dirty != NULL && s->data->saving == NULL) {
        ss_store_change(s, SS_CHANGE_SAVE, NULL, 0, NULL, NULL, NULL);
    }
}

/* --- other nodes ----------------------------------------------------------------------------- */

static void heed(ss_session_t *s, const char *kind, const json_t *notice) {
    uint8_t id[SS_SESSION_ID_BYTES];
    const json_t *to = json_object_get(notice, "to");
    ss_session_ref(s);
    if (strcmp(kind, "logout") == 0) {
        ss_session_clear(s);
        s->again = s->busy || s->loading;
    } else if (strcmp(kind, "moved") == 0 && json_is_string(to) &&
               ss_token_decode(id, sizeof id, json_string_value(to), json_string_length(to))) {
        ss_session_t *now = s->busy ? s : follow(s, id);
        s->again = s->busy;
        ss_store_load(now);
    } else if (s->busy) {
        s->again = true;
    } else {
        ss_store_load(s);
    }
    ss_session_unref(s);
}

void ss_store_notice(const char *text, size_t len) {
    uint8_t id[SS_SESSION_ID_BYTES];
    json_t *notice = json_loadb(text, len, 0, NULL);
    const char *node = json_string_value(json_object_get(notice, "node"));
    const char *kind = json_string_value(json_object_get(notice, "kind"));
    const json_t *name = json_object_get(notice, "id");
    const json_t *user = json_object_get(notice, "user");
    if (kind == NULL || !json_is_string(name) ||
        !ss_token_decode(id, sizeof id, json_string_value(name), json_string_length(name))) {
        ss_log(SS_LOG_WARNING, "a malformed message on %ssessions", ss_hub_prefix());
    } else if (node == NULL || strcmp(node, ss_hub_node()) != 0) {
        ss_session_t *s = ss_session_find(id);
        if (s != NULL) {
            heed(s, kind, notice);
        }
        if (json_is_string(user)) {
            ss_online_signed_out(json_string_value(user), json_string_length(user));
        }
    }
    json_decref(notice);
}

/* --- expiry ---------------------------------------------------------------------------------- */

void ss_store_tick(void) {
    uint64_t interval_s = ss_hub_options()->session_ttl_ms / 1000 / TOUCHES_PER_TTL;
    if (interval_s > TOUCH_INTERVAL_MAX_S) {
        interval_s = TOUCH_INTERVAL_MAX_S;
    }
    if (ss_hub_redis() == NULL) {
        return;
    }
    size_t buckets = ss_sessions_buckets() / (interval_s == 0 ? 1 : interval_s) + 1;
    if (!ss_sessions_slice(&all.touch_cursor, buckets, touch, NULL)) {
        all.touch_cursor = 0;
        ss_sessions_slice(&all.touch_cursor, buckets, touch, NULL);
    }
}
