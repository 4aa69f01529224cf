/* SPDX-License-Identifier: MIT
 *
 * Users online: leases in one sorted set, ss:online, of which each node renews its own.
 *
 *     member "<node>|<user>", score = when it ends (ms since 1970)
 *
 * A user is online while any lease of theirs runs.  A node has a lease for each signed-in user with
 * a connection here; it lets it run out when the last connection goes, ends it at once when the
 * user signs out, and a node that dies renews no more.  Whoever finds a lease that has run out
 * removes it.
 */
#ifndef SS_ONLINE_H
#define SS_ONLINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#define SS_ONLINE_LEASE_MIN_MS 3000 /* a shorter one would end between two renewals */

typedef struct {
    bool enabled;
    bool keep_historic;   /* also adds to the set ss:online:at:<minutes since 1970> */
    uint64_t lease_ms;    /* from the last connection to being offline */
    uint64_t interval_ms; /* between renewals; less than the lease */
} ss_online_options_t;

/* The first connection of a user on this node, and the last. */
void ss_online_arrived(const char *user, size_t len);
void ss_online_left(const char *user, size_t len);

/* A session was taken from the user; without another here, this node's lease ends. */
void ss_online_signed_out(const char *user, size_t len);

/* Once a second, and when Redis is back. */
void ss_online_tick(void);
void ss_online_renew_all(void);

/* Asks who is online; `got` comes later, with a borrowed array of ids, or NULL. */
void ss_online_now(void (*got)(const json_t *users, void *arg), void *arg);

#endif
