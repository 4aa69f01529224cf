/* SPDX-License-Identifier: MIT
 *
 * Messages from Redis, on their way to the clients.
 *
 * Owns the check of what was published, by whomever, and the making of one PUBLISH frame for each
 * link that has members.  The text of params passes through as it was written.  What is malformed
 * or too large is logged and dropped.
 */
#ifndef SS_PUBSUB_H
#define SS_PUBSUB_H

#include <stdbool.h>
#include <stddef.h>

#include "ss_wire.h"

/* A message on a channel whose name comes without the key prefix. */
void ss_pubsub_message(const char *channel, size_t channel_len, const char *text, size_t len);

/* Sends one text to every client that understands system.*. */
void ss_pubsub_system(const char *text, size_t len);

/* The parts of a published message: JSON texts; ptr NULL where absent. */
typedef struct {
    ss_span_t event;  /* a string that is not empty */
    ss_span_t params; /* anything */
    ss_span_t names;  /* of "channels" or "sockets": an array */
} ss_published_t;

/* NULL, or what is wrong with the message; a constant. */
const char *ss_pubsub_parse(ss_published_t *out, const char *text, size_t len);

#endif
