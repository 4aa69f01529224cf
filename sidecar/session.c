/* SPDX-License-Identifier: MIT
 *
 * See session.h.  Ids are random, so their own bytes are the hash.  They are known to be: they come
 * from us, with our signature, or from a worker that had them from us.
 */
#include "session.h"

#include "hub.h"
#include "mem.h"
#include "online.h"
#include "peer.h"
#include "change.h"
#include "rate_keys.h"

#define FIRST_BUCKETS 256

static struct {
    ss_session_t **buckets;
    size_t n_buckets; /* a power of two */
    size_t count;
} all;

void ss_sessions_init(void) {
    all.n_buckets = FIRST_BUCKETS;
    all.count = 0;
    all.buckets = ss_alloc_zero(all.n_buckets * sizeof all.buckets[0]);
}

void ss_sessions_finish(void) {
    free(all.buckets);
    all.buckets = NULL;
}

size_t ss_sessions_count(void) { return all.count; }

static ss_session_t **bucket(const uint8_t *id) {
    uint64_t hash;
    memcpy(&hash, id, sizeof hash);
    return &all.buckets[hash & (all.n_buckets - 1)];
}

static void insert(ss_session_t *s) {
    ss_session_t **at = bucket(s->id);
    s->next = *at;
    *at = s;
    all.count++;
}

static void take_out(ss_session_t *s) {
    ss_session_t **at = bucket(s->id);
    while (*at != s) {
        at = &(*at)->next;
    }
    *at = s->next;
    all.count--;
}

static void grow(void) {
    ss_session_t **old = all.buckets;
    size_t n = all.n_buckets;
    all.n_buckets *= 2;
    all.count = 0;
    all.buckets = ss_alloc_zero(all.n_buckets * sizeof all.buckets[0]);
    for (size_t i = 0; i < n; i++) {
        for (ss_session_t *s = old[i], *next; s != NULL; s = next) {
            next = s->next;
            insert(s);
        }
    }
    free(old);
}

ss_session_t *ss_session_find(const uint8_t *id) {
    ss_session_t *s = *bucket(id);
    while (s != NULL && memcmp(s->id, id, SS_SESSION_ID_BYTES) != 0) {
        s = s->next;
    }
    return s;
}

ss_session_t *ss_session_open(const uint8_t *id, uint32_t created_at) {
    ss_session_t *s = ss_session_find(id);
    if (s != NULL) {
        return ss_session_ref(s);
    }
    if (all.count >= all.n_buckets) {
        grow();
    }
    s = ss_alloc_zero(sizeof *s);
    memcpy(s->id, id, SS_SESSION_ID_BYTES);
    s->created_at = created_at;
    s->refs = 1;
    s->pin = id[0];
    insert(s);
    return s;
}

ss_session_t *ss_session_create(uint32_t created_at) {
    uint8_t id[SS_SESSION_ID_BYTES];
    ss_token_random(id, sizeof id);
    ss_session_t *s = ss_session_open(id, created_at);
    s->loaded = true;
    return s;
}

/* Nobody is told: it is only us who forget. */
static void drop_data(ss_session_t *s) {
    ss_session_data_t *d = s->data;
    if (d == NULL) {
        return;
    }
    ss_topic_unref(d->user);
    for (uint32_t i = 0; i < d->n_channels; i++) {
        ss_topic_unref(d->channels[i]);
    }
    free(d->channels);
    json_decref(d->attributes);
    json_decref(d->dirty);
    json_decref(d->saving);
    free(d);
    s->data = NULL;
}

void ss_session_unref(ss_session_t *s) {
    if (s->refs == 1) {
        ss_change_save(s); /* takes a reference where there is something to save */
    }
    if (--s->refs != 0) {
        return;
    }
    drop_data(s);
    take_out(s);
    free(s);
}

bool ss_sessions_slice(size_t *at, size_t n, void (*fn)(ss_session_t *s, void *arg), void *arg) {
    if (*at >= all.n_buckets) {
        return false;
    }
    for (; n != 0 && *at < all.n_buckets; n--) {
        for (ss_session_t *s = all.buckets[(*at)++], *next; s != NULL; s = next) {
            next = s->next;
            fn(s, arg);
        }
    }
    return true;
}

size_t ss_sessions_buckets(void) { return all.n_buckets; }

const char *ss_session_user(const ss_session_t *s) {
    return s->data == NULL || s->data->user == NULL ? "" : ss_topic_name(s->data->user);
}

ss_session_data_t *ss_session_data(ss_session_t *s) {
    if (s->data == NULL) {
        s->data = ss_alloc_zero(sizeof *s->data);
    }
    return s->data;
}

void ss_session_trim(ss_session_t *s) {
    const ss_session_data_t *d = s->data;
    if (d != NULL && d->user == NULL && d->n_channels == 0 && d->version == 0 &&
        d->attributes == NULL && d->dirty == NULL && d->saving == NULL && d->changes == NULL &&
        d->held == NULL) {
        free(s->data->channels);
        free(s->data);
        s->data = NULL;
    }
}

/* --- clients --------------------------------------------------------------------------------- */

void ss_session_add_client(ss_session_t *s, ss_client_t *client) {
    client->session = ss_session_ref(s);
    client->prev = NULL;
    client->next = s->clients;
    if (s->clients != NULL) {
        s->clients->prev = client;
    }
    s->clients = client;
}

void ss_session_remove_client(ss_session_t *s, ss_client_t *client) {
    if (client->prev != NULL) {
        client->prev->next = client->next;
    } else {
        s->clients = client->next;
    }
    if (client->next != NULL) {
        client->next->prev = client->prev;
    }
    client->session = NULL;
}

void ss_session_join_all(const ss_session_t *s, ss_client_t *client) {
    client->flags |= SS_CLIENT_JOINED;
    if (s->data == NULL) {
        return;
    }
    if (s->data->user != NULL) {
        ss_topic_join(s->data->user, client);
    }
    for (uint32_t i = 0; i < s->data->n_channels; i++) {
        ss_topic_join(s->data->channels[i], client);
    }
}

void ss_session_leave_all(const ss_session_t *s, ss_client_t *client, bool tell) {
    if ((client->flags & SS_CLIENT_JOINED) == 0) {
        return;
    }
    client->flags &= (uint16_t)~SS_CLIENT_JOINED;
    if (s->data == NULL) {
        return;
    }
    if (s->data->user != NULL) {
        ss_topic_leave(s->data->user, client, tell);
    }
    for (uint32_t i = 0; i < s->data->n_channels; i++) {
        ss_topic_leave(s->data->channels[i], client, tell);
    }
}

/* --- changes --------------------------------------------------------------------------------- */

static void join_here(const ss_session_t *s, ss_topic_t *topic) {
    for (const ss_client_t *c = s->clients; c != NULL; c = c->next) {
        if ((c->flags & SS_CLIENT_JOINED) != 0) {
            ss_topic_join(topic, c);
        }
    }
}

static void leave_here(const ss_session_t *s, ss_topic_t *topic) {
    for (const ss_client_t *c = s->clients; c != NULL; c = c->next) {
        if ((c->flags & SS_CLIENT_JOINED) != 0) {
            ss_topic_leave(topic, c, true);
        }
    }
}

/* Joins what is new before it leaves what is old, and drops references last, so that nothing is
 * unsubscribed that is wanted again. */
void ss_session_set_topics(ss_session_t *s, ss_topic_t *user, ss_topic_t **channels, uint32_t n) {
    ss_session_data_t *d = ss_session_data(s);
    ss_topic_t **old = d->channels;
    uint32_t n_old = d->n_channels;
    uint32_t mark = ss_topics_mark();
    for (uint32_t i = 0; i < n_old; i++) {
        old[i]->mark = mark;
    }
    for (uint32_t i = 0; i < n; i++) {
        if (channels[i]->mark != mark) {
            join_here(s, channels[i]);
        }
    }
    mark = ss_topics_mark();
    for (uint32_t i = 0; i < n; i++) {
        channels[i]->mark = mark;
    }
    for (uint32_t i = 0; i < n_old; i++) {
        if (old[i]->mark != mark) {
            leave_here(s, old[i]);
        }
    }
    ss_topic_t *old_user = d->user;
    if (old_user != user && user != NULL) {
        join_here(s, user);
    }
    if (old_user != user && old_user != NULL) {
        leave_here(s, old_user);
        ss_online_signed_out(ss_topic_name(old_user), ss_topic_name_len(old_user));
    }
    d->user = user;
    d->channels = channels;
    d->n_channels = n;
    if (old_user != user) {
        ss_rate_keys_changed(s);
    }
    ss_topic_unref(old_user);
    for (uint32_t i = 0; i < n_old; i++) {
        ss_topic_unref(old[i]);
    }
    free(old);
}

void ss_session_clear(ss_session_t *s) {
    if (s->data == NULL) {
        return;
    }
    ss_session_set_topics(s, NULL, NULL, 0);
    ss_session_forget_unsaved(s);
    json_decref(s->data->attributes);
    s->data->attributes = NULL;
    s->data->version = 0;
    ss_session_trim(s);
}

void ss_session_forget_unsaved(ss_session_t *s) {
    json_decref(s->data->dirty);
    json_decref(s->data->saving);
    s->data->dirty = NULL;
    s->data->saving = NULL;
}

void ss_session_rename(ss_session_t *s, const uint8_t *id) {
    take_out(s);
    memcpy(s->id, id, SS_SESSION_ID_BYTES);
    insert(s);
}

/* --- attributes ------------------------------------------------------------------------------ */

json_t *ss_session_attribute(const ss_session_t *s, const char *key) {
    const json_t *const layers[] = {
        s->data == NULL ? NULL : s->data->dirty,
        s->data == NULL ? NULL : s->data->saving,
        s->data == NULL ? NULL : s->data->attributes,
    };
    for (unsigned i = 0; i < 3; i++) {
        json_t *value = json_object_get(layers[i], key);
        if (value != NULL) {
            return json_is_null(value) ? NULL : value;
        }
    }
    return NULL;
}

void ss_session_set_attribute(ss_session_t *s, const char *key, json_t *value) {
    ss_session_data_t *d = ss_session_data(s);
    if (d->dirty == NULL) {
        d->dirty = json_object();
    }
    json_object_set_new(d->dirty, key, value == NULL ? json_null() : value);
}

json_t *ss_session_attributes(const ss_session_t *s) {
    json_t *result = json_object();
    if (s->data == NULL) {
        return result;
    }
    json_t *const layers[] = {s->data->attributes, s->data->saving, s->data->dirty};
    for (unsigned i = 0; i < 3; i++) {
        const char *key;
        json_t *value;
        json_object_foreach(layers[i], key, value) {
            if (json_is_null(value)) {
                json_object_del(result, key);
            } else {
                json_object_set(result, key, value);
            }
        }
    }
    return result;
}
