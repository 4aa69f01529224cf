/* SPDX-License-Identifier: MIT
 *
 * Publishing: from an application's event to a message in Redis.
 *
 *     {"event":"newMessage","params":{…}}                    on ss:broadcast, ss:user:<id> and
 *                                                            ss:channel:<name>
 *     {"channels":["a","b"],"event":…,"params":…}            on ss:channels
 *     {"sockets":["…"],"event":…,"params":…}                 on ss:sockets
 *
 * Everybody may publish these, redis-cli included.  A message is sent once: one that timed out may
 * have arrived.  C actions come through socketstream.h's functions, ss_publish_…(), hosts by ASK;
 * both end in ss_publish().
 */
#ifndef SS_PUBLISH_H
#define SS_PUBLISH_H

#include <stdbool.h>
#include <stddef.h>

#include "buf.h"
#include "include/socketstream.h"
#include "result.h"

typedef enum {
    SS_PUBLISH_BROADCAST,
    SS_PUBLISH_USER,
    SS_PUBLISH_CHANNEL,
    SS_PUBLISH_SOCKET,
} ss_publish_to_t;

/* Borrows all it points to. */
typedef struct {
    ss_publish_to_t to;
    const char *const *names; /* not for a broadcast */
    size_t n;
    const char *event;
    ss_result_t params; /* a value, or text that is valid JSON */
} ss_publish_t;

/* What is wrong with the names, the event's name or the params' absence, or NULL; a constant. */
const char *ss_publish_refused(const ss_publish_t *p);

/* Publishes what is not refused.  `done`, which may be NULL, comes later, with 0 once Redis has it,
 * SS_ERROR_UNAVAILABLE or SS_ERROR_TOO_LARGE. */
void ss_publish(const ss_publish_t *p, ss_req *req, ss_done_fn done, void *arg);

/* Writes the message.  false when it is larger than SS_PUBLISH_MAX or cannot be serialized. */
bool ss_publish_write(ss_buf_t *b, const ss_publish_t *p);

#endif
