/* SPDX-License-Identifier: MIT
 *
 * See channels.h.  The table doubles with its load; its names come from outside, so the hash has
 * a seed of its own in every process.
 */
#include "channels.h"

#include "hub.h"
#include "mem.h"
#include "online.h"
#include "peer.h"
#include "token.h"

#define FIRST_BUCKETS 256

typedef struct ss_member {
    ss_peer_t *peer;
    uint32_t count;
} member_t;

static struct {
    ss_topic_t **buckets;
    size_t n_buckets; /* a power of two */
    size_t count;
    uint64_t seed;
    uint32_t mark;
    uint64_t asked;     /* subscriptions, since the beginning */
    uint64_t confirmed; /* of them */
    ss_topics_wait_t *first, **end;
} all;

void ss_topics_init(void) {
    memset(&all, 0, sizeof all);
    all.n_buckets = FIRST_BUCKETS;
    all.buckets = ss_alloc_zero(all.n_buckets * sizeof all.buckets[0]);
    all.end = &all.first;
    ss_token_random(&all.seed, sizeof all.seed);
}

void ss_topics_finish(void) {
    free(all.buckets);
    all.buckets = NULL;
}

size_t ss_topics_count(void) { return all.count; }

/* Multiply and shift over 8 bytes at a time, from a random start. */
static uint32_t hash_name(char kind, const char *name, size_t len) {
    uint64_t h = all.seed ^ (uint64_t)(unsigned char)kind;
    for (; len >= 8; name += 8, len -= 8) {
        uint64_t word;
        memcpy(&word, name, 8);
        h = (h ^ word) * 0x9E3779B97F4A7C15u;
        h ^= h >> 29;
    }
    uint64_t word = len;
    memcpy(&word, name, len);
    h = (h ^ word ^ (uint64_t)len << 56) * 0x9E3779B97F4A7C15u;
    return (uint32_t)(h >> 32);
}

static void grow(void) {
    size_t n = all.n_buckets * 2;
    ss_topic_t **buckets = ss_alloc_zero(n * sizeof buckets[0]);
    for (size_t i = 0; i < all.n_buckets; i++) {
        for (ss_topic_t *t = all.buckets[i], *next; t != NULL; t = next) {
            next = t->next;
            t->next = buckets[t->hash & (n - 1)];
            buckets[t->hash & (n - 1)] = t;
        }
    }
    free(all.buckets);
    all.buckets = buckets;
    all.n_buckets = n;
}

static ss_topic_t *find(char kind, const char *name, size_t len, uint32_t hash) {
    ss_topic_t *t = all.buckets[hash & (all.n_buckets - 1)];
    while (t != NULL && (t->hash != hash || t->name[0] != kind || ss_topic_name_len(t) != len ||
                         memcmp(ss_topic_name(t), name, len) != 0)) {
        t = t->next;
    }
    return t;
}

ss_topic_t *ss_topic_find(char kind, const char *name, size_t len) {
    return find(kind, name, len, hash_name(kind, name, len));
}

/* The name in Redis: "channel:room:7". */
static void subscription(const ss_topic_t *t, bool wanted) {
    char name[SS_CHANNEL_NAME_MAX + 16];
    const char *prefix = t->name[0] == SS_TOPIC_USER ? "user:" : "channel:";
    size_t prefix_len = strlen(prefix);
    size_t len = ss_topic_name_len(t);
    if (ss_hub_events_any() == NULL) {
        return;
    }
    memcpy(name, prefix, prefix_len);
    memcpy(name + prefix_len, ss_topic_name(t), len);
    if (!wanted) {
        ss_redis_unsubscribe(ss_hub_events_any(), name, prefix_len + len);
        return;
    }
    ss_redis_subscribe(ss_hub_events_any(), name, prefix_len + len);
    if (ss_hub_events() != NULL) {
        all.asked++;
    }
}

ss_topic_t *ss_topic_get(char kind, const char *name, size_t len) {
    uint32_t hash = hash_name(kind, name, len);
    ss_topic_t *t = find(kind, name, len, hash);
    if (t != NULL) {
        return ss_topic_ref(t);
    }
    if (all.count >= all.n_buckets) {
        grow();
    }
    t = ss_alloc(sizeof *t + SS_TOPIC_PREFIX + len + 1);
    *t = (ss_topic_t){.refs = 1, .hash = hash, .len = (uint16_t)(len + SS_TOPIC_PREFIX)};
    t->name[0] = kind;
    t->name[1] = ':';
    memcpy(t->name + SS_TOPIC_PREFIX, name, len);
    t->name[t->len] = '\0';
    t->next = all.buckets[hash & (all.n_buckets - 1)];
    all.buckets[hash & (all.n_buckets - 1)] = t;
    all.count++;
    subscription(t, true);
    return t;
}

void ss_topic_unref(ss_topic_t *t) {
    if (t == NULL || --t->refs != 0) {
        return;
    }
    ss_topic_t **at = &all.buckets[t->hash & (all.n_buckets - 1)];
    while (*at != t) {
        at = &(*at)->next;
    }
    *at = t->next;
    all.count--;
    subscription(t, false);
    free(t->links);
    free(t);
}

/* --- members --------------------------------------------------------------------------------- */

static member_t *find_link(const ss_topic_t *t, const ss_peer_t *peer) {
    for (uint32_t i = 0; i < t->n_links; i++) {
        if (t->links[i].peer == peer) {
            return &t->links[i];
        }
    }
    return NULL;
}

bool ss_topic_has(const ss_topic_t *t, const ss_peer_t *peer) { return find_link(t, peer) != NULL; }

void ss_topic_join(ss_topic_t *t, const ss_client_t *client) {
    member_t *link = find_link(t, client->peer);
    if (link == NULL) {
        t->links = ss_realloc(t->links, (t->n_links + 1) * sizeof t->links[0]);
        link = &t->links[t->n_links++];
        *link = (member_t){client->peer, 0};
    }
    link->count++;
    ss_peer_send(client->peer, SS_LINK_JOIN, client->slot, client->generation, 0, t->name, t->len);
    if (t->members++ == 0 && t->name[0] == SS_TOPIC_USER) {
        ss_online_arrived(ss_topic_name(t), ss_topic_name_len(t));
    }
}

void ss_topic_leave(ss_topic_t *t, const ss_client_t *client, bool tell) {
    member_t *link = find_link(t, client->peer);
    if (tell) {
        ss_peer_send(client->peer, SS_LINK_LEAVE, client->slot, client->generation, 0, t->name,
                     t->len);
    }
    if (--link->count == 0) {
        *link = t->links[--t->n_links];
    }
    if (t->n_links == 0) {
        free(t->links);
        t->links = NULL;
    }
    if (--t->members == 0 && t->name[0] == SS_TOPIC_USER) {
        ss_online_left(ss_topic_name(t), ss_topic_name_len(t));
    }
}

bool ss_topics_slice(size_t *at, size_t n, void (*fn)(ss_topic_t *t, void *arg), void *arg) {
    if (*at >= all.n_buckets) {
        return false;
    }
    for (; n != 0 && *at < all.n_buckets; n--) {
        for (ss_topic_t *t = all.buckets[(*at)++]; t != NULL; t = t->next) {
            fn(t, arg);
        }
    }
    return true;
}

size_t ss_topics_buckets(void) { return all.n_buckets; }

uint32_t ss_topics_mark(void) { return ++all.mark; }

/* --- knowing that a subscription stands ------------------------------------------------------ */

/* Redis confirms in the order of asking, so that one number says how far it is. */
static void call_ready(void) {
    while (all.first != NULL && all.first->upto <= all.confirmed) {
        ss_topics_wait_t *wait = all.first;
        all.first = wait->next;
        if (all.first == NULL) {
            all.end = &all.first;
        }
        wait->ready(wait);
    }
}

void ss_topics_wait(ss_topics_wait_t *wait, void (*ready)(ss_topics_wait_t *wait)) {
    wait->next = NULL;
    wait->upto = all.asked;
    wait->ready = ready;
    if (wait->upto <= all.confirmed) {
        ready(wait);
        return;
    }
    *all.end = wait;
    all.end = &wait->next;
}

bool ss_topics_confirming(void) { return all.confirmed < all.asked; }

void ss_topics_confirmed(void) {
    if (all.confirmed < all.asked) {
        all.confirmed++;
    }
    call_ready();
}

void ss_topics_all_confirmed(void) {
    all.confirmed = all.asked;
    call_ready();
}
