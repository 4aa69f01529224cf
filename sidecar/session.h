/* SPDX-License-Identifier: MIT
 *
 * Sessions with a client here: what is known of each, by id.
 *
 * Owns the table, the list of each session's clients, and what their workers are told when what
 * the session holds (a user, channels) changes.  Leaves to store.c and change.c how that
 * comes from Redis and goes there, to connection.c the coming and going of clients.
 *
 * A session lives in memory while it has a reference: one for each client, one for each load or
 * change under way.  One that holds nothing costs 64 bytes, and nothing in Redis.
 *
 *     provisional --load--> loading --answer--> loaded --Redis was away--> loading
 *          ^                   `--Redis is away-----^ (as it was before)
 */
#ifndef SS_SESSION_H
#define SS_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "channels.h"
#include "client.h"
#include "cookie.h"

struct ss_change;
struct ss_held;

/* What a session holds; there is none while it holds nothing. */
typedef struct {
    ss_topic_t *user;      /* a reference; NULL: nobody has signed in */
    ss_topic_t **channels; /* references, in the order of subscribing */
    uint32_t n_channels;
    uint32_t n_changes;
    uint64_t version;          /* of what Redis has; 0: it has nothing */
    json_t *attributes;        /* as Redis has them; NULL: none */
    json_t *dirty;             /* set since, by key; null: removed */
    json_t *saving;            /* the same, on its way to Redis */
    struct ss_change *changes; /* oldest first; change.c's */
    struct ss_held *held;      /* messages that wait for the load; connection.c's */
} ss_session_data_t;

typedef struct ss_session {
    struct ss_session *next; /* in its bucket */
    ss_client_t *clients;
    ss_session_data_t *data;
    uint8_t id[SS_SESSION_ID_BYTES];
    uint32_t created_at; /* seconds since 1970 */
    uint32_t refs : 27;
    uint32_t loaded : 1;  /* what Redis had is here */
    uint32_t loading : 1; /* an answer is to come */
    uint32_t again : 1;   /* and is out of date already */
    uint32_t busy : 1;    /* the first change is on its way, or being applied */
    uint32_t refused : 1; /* Redis says no: not asked once more as soon as the load is over */
    uint8_t pin; /* which process of a group of hosts gets its calls; as long as it is here */
} ss_session_t;

void ss_sessions_init(void);
void ss_sessions_finish(void);

/* Those in memory. */
size_t ss_sessions_count(void);

/* NULL when it has no client here. */
ss_session_t *ss_session_find(const uint8_t *id);

/* The same, made provisional where there is none; a new reference. */
ss_session_t *ss_session_open(const uint8_t *id, uint32_t created_at);

/* A session that nobody has had before; loaded, as there is nothing to load.  A reference. */
ss_session_t *ss_session_create(uint32_t created_at);

static inline ss_session_t *ss_session_ref(ss_session_t *session) {
    session->refs++;
    return session;
}

/* The last reference saves what is dirty, and frees. */
void ss_session_unref(ss_session_t *session);

/* Walks over `n` buckets from `*at` on, and moves `*at` behind them; `fn` must leave the table as
 * it is.  false, with nothing done, past the last. */
bool ss_sessions_slice(size_t *at, size_t n, void (*fn)(ss_session_t *session, void *arg),
                       void *arg);
size_t ss_sessions_buckets(void);

/* Writes SS_SESSION_ID_TEXT characters and a NUL. */
static inline void ss_session_text(const uint8_t *id, char *out) {
    ss_token_encode(out, id, SS_SESSION_ID_BYTES);
}

/* The signed-in user's id, NUL-terminated; "" when there is none. */
const char *ss_session_user(const ss_session_t *session);

/* Its data, made where there is none. */
ss_session_data_t *ss_session_data(ss_session_t *session);

/* Frees the data when it holds nothing. */
void ss_session_trim(ss_session_t *session);

/* --- clients --------------------------------------------------------------------------------- */

/* Hangs a client, which has no session, into the list; takes a reference. */
void ss_session_add_client(ss_session_t *session, ss_client_t *client);

/* The reverse, but for the reference, which is the caller's to drop. */
void ss_session_remove_client(ss_session_t *session, ss_client_t *client);

/* Tells the client's worker all it is a member of.  Its link is there, it is not joined. */
void ss_session_join_all(const ss_session_t *session, ss_client_t *client);

/* Takes it out of all; `tell` the worker. */
void ss_session_leave_all(const ss_session_t *session, ss_client_t *client, bool tell);

/* --- changes --------------------------------------------------------------------------------- */

/* Puts others in place of user and channels, of which it takes the references and the array, and
 * tells the workers the difference.  Channels are named once. */
void ss_session_set_topics(ss_session_t *session, ss_topic_t *user, ss_topic_t **channels,
                           uint32_t n);

/* Forgets everything it holds, unsaved attributes included. */
void ss_session_clear(ss_session_t *session);

/* Forgets the attributes that were set and not saved; there is data. */
void ss_session_forget_unsaved(ss_session_t *session);

/* Gives it another id, which no session here has. */
void ss_session_rename(ss_session_t *session, const uint8_t *id);

/* The value of an attribute, borrowed; NULL when there is none. */
json_t *ss_session_attribute(const ss_session_t *session, const char *key);

/* Sets it, taking the reference; NULL removes it.  Kept here until saved. */
void ss_session_set_attribute(ss_session_t *session, const char *key, json_t *value);

/* All attributes as they are here; the caller's reference. */
json_t *ss_session_attributes(const ss_session_t *session);

#endif
