/* SPDX-License-Identifier: MIT
 *
 * How a connection to Redis or to a Sentinel begins: looks the host's name up, without blocking,
 * opens the connection and ties it to the loop.
 *
 * hiredis' own libuv adapter is not used: that of 0.14 ignores what libuv reports as an error and
 * stops polling for, so that a refused or reset connection is never noticed.
 */
#ifndef SS_REDIS_DIAL_H
#define SS_REDIS_DIAL_H

#include <hiredis/async.h>
#include <uv.h>

#include "redis_options.h"

#define SS_REDIS_WHY_MAX 256

/* The connection, not yet established but ready to take commands, or NULL with `why`.  From now on
 * it is the callee's. */
typedef void (*ss_redis_dial_fn)(void *arg, redisAsyncContext *ac, const char *why);

/* A look-up under way. */
typedef struct ss_redis_dial ss_redis_dial_t;

/* Opens a connection to `place`; of a name with several addresses, one after the other as `turn`
 * counts up.  Calls `done` before it returns and gives NULL, unless a name has to be looked up
 * first: then gives what cancels that, valid until `done` is called. */
ss_redis_dial_t *ss_redis_dial(uv_loop_t *loop, const ss_redis_place_t *place, unsigned turn,
                               ss_redis_dial_fn done, void *arg);

/* Then `done` is not called.  Takes NULL. */
void ss_redis_dial_cancel(ss_redis_dial_t *dial);

#endif
