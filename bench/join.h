/* SPDX-License-Identifier: MIT
 *
 * The one call by which a client of any measured server becomes a subscriber: bench.join, answered
 * with true once the client is one.
 */
#ifndef BENCH_JOIN_H
#define BENCH_JOIN_H

#include "swarm.h"

#define JOIN_CHANNELS_MAX 3
#define JOIN_NAMES_MAX 128

/* The names of `n` channels for client number `i`: one that all share, one that it shares with a
 * hundred, one of its own. */
void join_names(char out[JOIN_NAMES_MAX], unsigned n, unsigned i);

/* Queues and flushes the call; `names` is the inside of a JSON array: "\"a\",\"b\"". */
void join_call(client_t *client, const char *names);

/* Dies unless the message is the answer to join_call(). */
void join_check(const client_t *client, const char *text, size_t len);

#endif
