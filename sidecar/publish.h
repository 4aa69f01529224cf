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
 * have arrived.  The functions are those of socketstream.h, ss_publish_…().
 */
#ifndef SS_PUBLISH_H
#define SS_PUBLISH_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "buf.h"

/* What is wrong with an event's name and params, or NULL; a constant.  `position` is the number of
 * the argument that the name is. */
const char *ss_publish_check(unsigned position, const char *event, const json_t *params);

/* Writes {"event":…,"params":…}, led by "`list`":["…",…] where that is not NULL.  false when it is
 * larger than SS_PUBLISH_MAX or cannot be serialized. */
bool ss_publish_write(ss_buf_t *b, const char *list, const char *const *names, size_t n,
                      const char *event, const json_t *params);

#endif
