/* SPDX-License-Identifier: MIT
 *
 * See change.h.  Invariant: a session is `busy` exactly while its first change is under way.
 *
 * An answer finds here what was here when the change was sent, but for a logout that another node
 * told meanwhile: that sets `again`, and what Redis has is then read instead of believed.
 */
#include "change.h"

#include <hiredis/hiredis.h>

#include "bounds.h"
#include "connection.h"
#include "done.h"
#include "ended.h"
#include "events.h"
#include "hub.h"
#include "log.h"
#include "login.h"
#include "mem.h"
#include "session_record.h"
#include "store.h"

#define ARGS_MAX 32

typedef struct ss_change {
    struct ss_change *next;
    ss_topics_wait_t wait;
    ss_session_t *session; /* a reference */
    ss_change_kind_t kind;
    unsigned tries;
    ss_req *req;
    ss_done_fn done;
    void *arg;
    ss_session_t **at_end; /* NULL: nobody asks */
    ss_topic_t *as;        /* the user at the time of asking; a reference, NULL: nobody */
    ss_topic_t **topics;   /* references */
    uint32_t n;
    ss_topic_t **result; /* the channels once Redis has said yes; references */
    uint32_t n_result;
    uint64_t expected; /* version */
    uint64_t version;  /* that comes of it; 0: nothing is left */
    ss_login_t login;
} change_t;

/* ARGV: expected version, new version, ttl, channel and text of the notice, fields …
 * For a logout there may be KEYS[2], and what is kept of the session in place of fields.  No
 * trouble with that keeps a logout from happening: hence pcall. */
static const char store_script[] = "local v=redis.call('HGET',KEYS[1],'version') or '' "
                                   "if v~=ARGV[1] then return redis.call('HGETALL',KEYS[1]) end "
                                   "redis.call('DEL',KEYS[1]) "
                                   "if ARGV[2]~='' then "
                                   "redis.call('HSET',KEYS[1],'version',ARGV[2],unpack(ARGV,6)) "
                                   "redis.call('PEXPIRE',KEYS[1],ARGV[3]) end "
                                   "if KEYS[2] then redis.pcall('RPUSH',KEYS[2],ARGV[6]) "
                                   "redis.pcall('LTRIM',KEYS[2],ARGV[7],-1) "
                                   "redis.pcall('EXPIRE',KEYS[2],ARGV[8]) end "
                                   "redis.call('PUBLISH',ARGV[4],ARGV[5]) "
                                   "return 1";

/* ARGV: as above, then new id, its ticket's ttl, the old key's ttl, fields …
 * For another user there may be KEYS[4], and before the fields what is kept of the former one. */
static const char login_script[] = "local v=redis.call('HGET',KEYS[1],'version') or '' "
                                   "if v~=ARGV[1] then return redis.call('HGETALL',KEYS[1]) end "
                                   "local fields=9 "
                                   "if KEYS[4] then redis.pcall('RPUSH',KEYS[4],ARGV[9]) "
                                   "redis.pcall('LTRIM',KEYS[4],ARGV[10],-1) "
                                   "redis.pcall('EXPIRE',KEYS[4],ARGV[11]) fields=12 end "
                                   "redis.call('DEL',KEYS[1]) "
                                   "redis.call('HSET',KEYS[1],'version','moved','moved',ARGV[6]) "
                                   "redis.call('PEXPIRE',KEYS[1],ARGV[8]) "
                                   "redis.call('HSET',KEYS[2],'version',ARGV[2],"
                                   "unpack(ARGV,fields)) "
                                   "redis.call('PEXPIRE',KEYS[2],ARGV[3]) "
                                   "redis.call('SET',KEYS[3],ARGV[6],'PX',ARGV[7]) "
                                   "redis.call('PUBLISH',ARGV[4],ARGV[5]) "
                                   "return 1";

/* --- what a change comes to -------------------------------------------------------------- */

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
    case SS_CHANGE_NONE:
        return false;
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

/* Whether a user's time in the session ends by it. */
static bool is_end(const change_t *c) { return c->kind == SS_CHANGE_LOGOUT || is_switch(c); }

/* What other nodes hear. */
static void write_notice(ss_buf_t *b, const change_t *c) {
    static const char *const kinds[] = {"changed", "changed", "changed",
                                        "changed", "moved",   "logout"}; /* NONE tells nothing */
    char id[SS_SESSION_ID_TEXT + 1];
    ss_session_text(c->session->id, id);
    ss_buf_printf(b, "{\"id\":\"%s\",\"kind\":\"%s\",\"node\":\"%s\"", id, kinds[c->kind],
                  ss_hub_node());
    if (c->kind == SS_CHANGE_LOGIN) {
        ss_session_text(c->login.id, id);
        ss_buf_printf(b, ",\"to\":\"%s\"", id);
    }
    if (c->session->data->user != NULL && is_end(c)) {
        const ss_topic_t *user = c->session->data->user;
        ss_buf_literal(b, ",\"user\":");
        ss_buf_json_string(b, ss_topic_name(user), ss_topic_name_len(user));
    }
    ss_buf_literal(b, "}");
}

/* --- sending ------------------------------------------------------------------------ */

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
    char count[12];
    char expected[SS_RECORD_VERSION_TEXT];
    char version[SS_RECORD_VERSION_TEXT];
    char ttl[24];
    char ticket_ttl[16];
    char old_ttl[16];
    char channel[SS_STORE_KEY_MAX];
    char id[SS_SESSION_ID_TEXT + 1];
    ss_buf_t notice = {0};
    bool login = c->kind == SS_CHANGE_LOGIN;
    unsigned n_keys = login ? 3 : 1;
    ss_ended_t ended = {.text = {0}};
    bool keep = is_end(c) && ss_ended_write(&ended, c->session);
    args_t a = {.argc = 0};
    ss_store_session_key(keys[0], c->session->id);
    ss_store_session_key(keys[1], c->login.id);
    ss_store_key(keys[2], "ticket", c->login.ticket);
    ss_record_version(expected, c->expected);
    ss_record_version(version, c->version);
    snprintf(ttl, sizeof ttl, "%llu", (unsigned long long)ss_hub_options()->session_ttl_ms);
    snprintf(channel, sizeof channel, "%ssessions", ss_hub_prefix());
    ss_session_text(c->login.id, id);
    write_notice(&notice, c);

    arg_text(&a, "EVAL");
    arg_text(&a, login ? login_script : store_script);
    snprintf(count, sizeof count, "%u", n_keys + keep);
    arg_text(&a, count);
    for (unsigned i = 0; i < n_keys; i++) {
        arg_text(&a, keys[i]);
    }
    if (keep) {
        arg_text(&a, ended.key);
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
    if (keep) {
        arg(&a, ended.text.data, ended.text.len);
        arg_text(&a, ended.first);
        arg_text(&a, ended.ttl);
    }
    for (int i = 0; i < fields->argc; i++) {
        arg(&a, fields->argv[i], fields->lens[i]);
    }
    ss_redis_send_argv(ss_hub_redis(), on_changed, c, a.argc, a.argv, a.lens);
    ss_buf_free(&notice);
    ss_buf_free(&ended.text);
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

void ss_change_continue(ss_session_t *s) {
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

/* --- the end ------------------------------------------------------------------------ */

static void free_change(change_t *c) {
    ss_topic_unref(c->as);
    free_topics(c->topics, c->n);
    free_topics(c->result, c->n_result);
    ss_session_trim(c->session);
    ss_session_unref(c->session);
    free(c);
}

static void tell(change_t *c, int code) {
    if (c->at_end != NULL) {
        *c->at_end = ss_session_ref(c->session);
    }
    ss_done_later(c->req, c->done, code, c->arg);
    free_change(c);
}

static void on_ready(ss_topics_wait_t *wait) {
    tell((change_t *)((char *)wait - offsetof(change_t, wait)), 0);
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
    if (code == SS_ERROR_NOT_AUTHENTICATED) {
        ss_change_save(c->session); /* what the next user has set meanwhile */
    }
    tell(c, code);
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
        ss_session_forget_unsaved(s);
    }
    emit_unsubscribed(c);
    ss_session_set_topics(s, user == NULL ? NULL : ss_topic_ref(user), c->result, c->n_result);
    c->result = NULL;
    c->n_result = 0;
    json_decref(d->attributes);
    d->attributes = attributes;
    d->version = c->version;
    if (c->kind == SS_CHANGE_LOGIN) {
        uint8_t former[SS_SESSION_ID_BYTES];
        memcpy(former, s->id, sizeof former);
        ss_session_rename(s, c->login.id);
        ss_connection_renamed(s);
        ss_events_emit_renamed(s, former);
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
    ss_session_t *s = ss_store_take_over(c->session, reply, &more); /* moves the change along */
    if (more) {
        ss_store_load(s);
    } else {
        ss_connection_settle(s);
        ss_change_continue(s);
    }
}

static void on_changed(const redisReply *reply, void *arg) {
    change_t *c = arg;
    ss_session_t *s = ss_session_ref(c->session);
    if (reply == NULL || reply->type == REDIS_REPLY_ERROR) {
        s->busy = false;
        /* Whether Redis did it, nobody knows: to be read. */
        if (reply != NULL) {
            ss_log(SS_LOG_ERROR, "a session cannot be changed: %s", reply->str);
            s->refused = true;
        }
        finish(c, SS_ERROR_UNAVAILABLE);
        ss_store_load(s);
    } else if (reply->type == REDIS_REPLY_ARRAY) {
        s->busy = false;
        on_conflict(c, reply);
    } else {
        /* A login has more to do here than to be believed; it is read again, too, since another
         * node may have ended it under the new id, which we had not heard of. */
        bool read = s->again || c->kind == SS_CHANGE_LOGIN;
        if (!s->again || c->kind == SS_CHANGE_LOGIN) {
            apply(c); /* busy still: handlers of events may ask for changes */
        }
        s->busy = false;
        finish(c, 0);
        if (read) {
            ss_store_load(s);
        }
    }
    ss_change_continue(s);
    ss_session_unref(s);
}

/* The one past the limit. */
static void refuse(change_t *c) {
    free_topics(c->topics, c->n);
    if (c->at_end != NULL) {
        *c->at_end = ss_session_ref(c->session);
    }
    ss_done_later(c->req, c->done, SS_ERROR_UNAVAILABLE, c->arg);
}

/* In whose name it is asked; NULL where it does not matter. */
static ss_topic_t *asker(const change_t *c) {
    bool saves = c->kind == SS_CHANGE_SAVE && c->done == NULL; /* for whoever it is by then */
    ss_topic_t *user = c->session->data->user;
    if (user == NULL || c->kind == SS_CHANGE_LOGIN || c->kind == SS_CHANGE_LOGOUT ||
        c->kind == SS_CHANGE_NONE || saves) {
        return NULL;
    }
    return ss_topic_ref(user);
}

static void enqueue(const change_t *asked) {
    ss_session_t *s = asked->session;
    ss_session_data_t *d = ss_session_data(s);
    change_t **end = &d->changes;
    change_t *c = ss_alloc(sizeof *c);
    *c = *asked;
    c->session = ss_session_ref(s);
    c->as = asker(c);
    if (c->kind == SS_CHANGE_LOGIN) {
        ss_login_make(&c->login);
    }
    while (*end != NULL) {
        end = &(*end)->next;
    }
    *end = c;
    d->n_changes++;
    ss_change_continue(s);
}

void ss_change_add_for(ss_session_t *s, ss_change_kind_t kind, ss_topic_t **topics, uint32_t n,
                       ss_req *req, ss_done_fn done, void *arg, ss_session_t **at_end) {
    change_t c = {.session = s,
                  .kind = kind,
                  .topics = topics,
                  .n = n,
                  .req = req,
                  .done = done,
                  .arg = arg,
                  .at_end = at_end};
    if (ss_session_data(s)->n_changes == SS_SESSION_CHANGES_MAX) {
        refuse(&c);
    } else {
        enqueue(&c);
    }
}

void ss_change_add(ss_session_t *s, ss_change_kind_t kind, ss_topic_t **topics, uint32_t n,
                   ss_req *req, ss_done_fn done, void *arg) {
    ss_change_add_for(s, kind, topics, n, req, done, arg, NULL);
}

void ss_change_save(ss_session_t *s) {
    if (s->data != NULL && s->data->dirty != NULL && s->data->saving == NULL) {
        ss_change_add(s, SS_CHANGE_SAVE, NULL, 0, NULL, NULL, NULL);
    }
}

void ss_change_refuse_all(ss_session_t *s) {
    while (!s->busy && s->data != NULL && s->data->changes != NULL) {
        finish(s->data->changes, SS_ERROR_UNAVAILABLE);
    }
}

void ss_change_move(ss_session_t *from, ss_session_t *into) {
    while (from->data != NULL && from->data->changes != NULL) {
        change_t *c = from->data->changes;
        change_t **end = &ss_session_data(into)->changes;
        from->data->changes = c->next;
        from->data->n_changes--;
        while (*end != NULL) {
            end = &(*end)->next;
        }
        c->next = NULL;
        *end = c;
        into->data->n_changes++;
        c->session = ss_session_ref(into);
        ss_session_unref(from);
    }
}
