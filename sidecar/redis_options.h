/* SPDX-License-Identifier: MIT
 *
 * What the configuration says about Redis, taken apart: where it is, who we are there, and how our
 * keys begin.  Pure: no connection is made, no name looked up.
 */
#ifndef SS_REDIS_OPTIONS_H
#define SS_REDIS_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "buf.h"

#define SS_REDIS_SENTINELS_MAX 16
#define SS_REDIS_PORT 6379
#define SS_REDIS_SENTINEL_PORT 26379

/* A Unix socket, or a host (a name or an address, without brackets) with its port. */
typedef struct {
    char *socket; /* NULL: host and port */
    char *host;
    int port;
} ss_redis_place_t;

typedef struct {
    ss_redis_place_t place; /* not used with Sentinels */
    char *username;         /* NULL: none */
    char *password;         /* NULL: none */
    int db;
    char *prefix; /* with its colon: "ss:" */
    unsigned n_sentinels;
    ss_redis_place_t sentinels[SS_REDIS_SENTINELS_MAX];
    char *master; /* the name that the Sentinels know the master by */
    uint32_t timeout_ms;
} ss_redis_options_t;

/* Reads `config`, the object `name` (redis, redis_pubsub) of a checked configuration; missing keys
 * count as their defaults.  false with `error`, one line that never shows a password.
 * ss_redis_options_finish() is due in any case. */
bool ss_redis_options_init(ss_redis_options_t *options, const char *name, const json_t *config,
                           ss_buf_t *error);

void ss_redis_options_finish(ss_redis_options_t *options);

/* "/run/redis.sock", "127.0.0.1:6379" or "[::1]:6379", for messages. */
void ss_redis_place_print(const ss_redis_place_t *place, char *out, size_t size);

#endif
