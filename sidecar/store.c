/* SPDX-License-Identifier: MIT
 *
 * See store.h.  Invariant: a session is `loading` exactly while an HGETALL of it is under way.
 * Answers come in the order of asking, but a session may have moved on by other ways: `again` says
 * that what an answer has to tell is out of date.
 */
#include "store.h"

#include "bounds.h"
#include "change.h"
#include "connection.h"
#include "events.h"
#include "hub.h"
#include "log.h"
#include "mem.h"
#include "online.h"
#include "session_record.h"

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

void ss_store_session_key(char *out, const uint8_t *id) {
    char text[SS_SESSION_ID_TEXT + 1];
    ss_session_text(id, text);
    ss_store_key(out, "session", text);
}

/* --- loading --------------------------------------------------------------------------------- */

static void touch(ss_session_t *s, void *arg) {
    char key[SS_STORE_KEY_MAX];
    (void)arg;
    if (s->data != NULL && s->data->version != 0 && ss_hub_redis() != NULL) {
        ss_store_session_key(key, s->id);
        ss_redis_send(ss_hub_redis(), NULL, NULL, "PEXPIRE %s %llu", key,
                      (unsigned long long)ss_hub_options()->session_ttl_ms);
    }
}

/* Another node, or an earlier load, gave the session a new id.  Gives the session that goes on:
 * this one under its new name, or the one that has the name here already. */
static ss_session_t *follow(ss_session_t *s, const uint8_t *id) {
    ss_session_t *there = ss_session_find(id);
    uint8_t former[SS_SESSION_ID_BYTES];
    if (there == s) {
        return s;
    }
    memcpy(former, s->id, sizeof former);
    if (there == NULL) {
        there = s;
        s->again = s->loading;
        ss_session_rename(s, id);
        ss_connection_renamed(s);
    } else {
        ss_connection_merge(s, there);
        ss_change_move(s, there);
        s->busy = false;
    }
    ss_events_emit_renamed(there, former);
    return there;
}

ss_session_t *ss_store_take_over(ss_session_t *s, const redisReply *reply, bool *more) {
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
        if (s->data != NULL && s->data->user != NULL && s->data->user != record.user) {
            ss_session_forget_unsaved(s); /* it was set in another's name */
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
    if (!s->refused) {
        ss_change_save(s); /* what could not be saved before */
    }
    s->refused = false;
    ss_change_continue(s);
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
            s->refused = true;
            ss_change_refuse_all(s);
        }
        loaded(s, false);
        return;
    }
    ss_session_t *now = ss_store_take_over(s, reply, &more);
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
    ss_store_session_key(key, s->id);
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
