/* SPDX-License-Identifier: MIT
 *
 * Topics: the channels and users that this node has to hear of.
 *
 * Owns one entry for each channel or user that a session here holds, its Redis subscription, and
 * the count of its members on each link, so that a message goes only where somebody gets it.
 * Leaves to session.c who holds what, to pubsub.c the messages.
 */
#ifndef SS_CHANNELS_H
#define SS_CHANNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "client.h"
#include "ss_wire.h"

/* What a topic's name in the link protocol begins with. */
#define SS_TOPIC_CHANNEL 'c'
#define SS_TOPIC_USER 'u'
#define SS_TOPIC_PREFIX 2 /* "c:" */

typedef struct ss_topic {
    struct ss_topic *next;   /* in its bucket */
    struct ss_member *links; /* those with members */
    uint32_t n_links;
    uint32_t members; /* clients, all links together */
    uint32_t refs;
    uint32_t mark; /* ss_topics_mark() */
    uint32_t hash;
    uint16_t len;
    char name[]; /* "c:room:7", NUL-terminated */
} ss_topic_t;

/* A channel's or user's own name. */
static inline const char *ss_topic_name(const ss_topic_t *topic) {
    return topic->name + SS_TOPIC_PREFIX;
}

static inline size_t ss_topic_name_len(const ss_topic_t *topic) {
    return topic->len - (size_t)SS_TOPIC_PREFIX;
}

void ss_topics_init(void);
void ss_topics_finish(void);

/* Channels and users that somebody here holds. */
size_t ss_topics_count(void);

/* NULL when nobody here holds it. */
ss_topic_t *ss_topic_find(char kind, const char *name, size_t len);

/* The same, made where there is none; a new reference.  `len` is 1 to SS_CHANNEL_NAME_MAX. */
ss_topic_t *ss_topic_get(char kind, const char *name, size_t len);

static inline ss_topic_t *ss_topic_ref(ss_topic_t *topic) {
    topic->refs++;
    return topic;
}

/* Takes NULL.  The last reference ends the subscription. */
void ss_topic_unref(ss_topic_t *topic);

/* Makes a client, whose link is there, a member, and tells its worker.  Once. */
void ss_topic_join(ss_topic_t *topic, const ss_client_t *client);

/* The reverse; the worker is told where `tell`. */
void ss_topic_leave(ss_topic_t *topic, const ss_client_t *client, bool tell);

/* true when the link has members of it. */
bool ss_topic_has(const ss_topic_t *topic, const struct ss_peer *peer);

/* Walks over `n` buckets from `*at` on, and moves `*at` behind them; `fn` must leave the table as
 * it is.  false, with nothing done, past the last. */
bool ss_topics_slice(size_t *at, size_t n, void (*fn)(ss_topic_t *topic, void *arg), void *arg);
size_t ss_topics_buckets(void);

/* A mark that no topic carries. */
uint32_t ss_topics_mark(void);

/* --- knowing that a subscription stands ------------------------------------------------------ */

/* Calls back once Redis has confirmed every subscription asked for so far, or at once, or when
 * Redis is lost. */
typedef struct ss_topics_wait {
    struct ss_topics_wait *next;
    uint64_t upto;
    void (*ready)(struct ss_topics_wait *wait);
} ss_topics_wait_t;

void ss_topics_wait(ss_topics_wait_t *wait, void (*ready)(ss_topics_wait_t *wait));

/* true while Redis has not confirmed all. */
bool ss_topics_confirming(void);

/* From redis.h's events. */
void ss_topics_confirmed(void);
void ss_topics_all_confirmed(void);

#endif
