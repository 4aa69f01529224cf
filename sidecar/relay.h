/* SPDX-License-Identifier: MIT
 *
 * POSTs for event streams that landed on another worker than the stream's.
 *
 * Owns their way: to the worker, where a link leads to it, else through Redis to the sidecar that
 * the stream's secret names, and the answer back.
 *
 *     worker --REQUEST--> sidecar ------------------------- DELIVER --> the stream's worker
 *                            |                                 ^
 *                            '--> ss:node:<name>: post … --> sidecar
 *
 * What is sent is sent once, and waited for SS_RELAY_MS at most.  Whoever gets no answer asks
 * again, since the stream's worker takes each POST once.
 */
#ifndef SS_RELAY_H
#define SS_RELAY_H

#include <stddef.h>
#include <stdint.h>

#include "api.h"

void ss_relay_init(void);
/* Forgets what is under way; no link is open any more. */
void ss_relay_finish(void);

/* Tells a worker that has said HELLO what this sidecar is called. */
void ss_relay_hello(ss_peer_t *peer);

/* A REQUEST with SS_LINK_REQUEST_STREAM. */
void ss_relay_request(const ss_api_target_t *target, const ss_link_request_t *request);

/* DELIVERED. */
void ss_relay_delivered(const ss_peer_t *peer, const uint8_t *payload, size_t len);

/* A message on this node's own channel. */
void ss_relay_message(const char *text, size_t len);

/* The peer closes: what it was to deliver has failed. */
void ss_relay_link_lost(const ss_peer_t *peer);

/* Once a second. */
void ss_relay_tick(void);

#endif
