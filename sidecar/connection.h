/* SPDX-License-Identifier: MIT
 *
 * WebSocket connections: from OPEN to CLOSED, through the loss and return of links.
 *
 * Owns the order of what a connection goes through, and the connections whose link is lost:
 *
 *     OPEN --(session loaded)--> ACCEPT, JOIN … --> CLOSED
 *                                  |    ^             ^
 *                        link lost v    | REBIND      | SS_REBIND_MS
 *                                 absent -------------´
 *
 * A connection is announced to the application once, and its end once.  Messages that come while
 * the session is being loaded wait for it, so that no action runs without its session.
 */
#ifndef SS_CONNECTION_H
#define SS_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "peer.h"
#include "session.h"

/* --- frames of a worker ---------------------------------------------------------------------- */

/* A worker has said HELLO.  An older link of the same worker is closed. */
void ss_connection_hello(ss_peer_t *peer);

void ss_connection_open(ss_peer_t *peer, const ss_link_header_t *header, const uint8_t *payload);
void ss_connection_rebind(ss_peer_t *peer, const ss_link_header_t *header, const uint8_t *payload);

/* CLOSED or CANCEL. */
void ss_connection_gone(ss_peer_t *peer, const ss_link_header_t *header);

/* Empties a slot that is about to be taken anew. */
void ss_connection_forget(ss_peer_t *peer, uint32_t slot);

/* true when the message waits for its session; else it is the caller's to deliver. */
bool ss_connection_hold(ss_peer_t *peer, const ss_client_t *client, const ss_link_header_t *header,
                        ss_span_t message, int refused);

/* --- from other parts ------------------------------------------------------------------------ */

/* The peer closes: its clients have SS_REBIND_MS to come back. */
void ss_connection_link_lost(ss_peer_t *peer);

/* A load has ended, one way or the other: accepts and joins who waited, delivers what waited. */
void ss_connection_settle(ss_session_t *session);

/* The session has another id: its workers are told. */
void ss_connection_renamed(ss_session_t *session);

/* Moves all clients, and the messages that wait, to another session. */
void ss_connection_merge(ss_session_t *from, ss_session_t *into);

/* true while connections of that worker, whose link was lost, may come back. */
bool ss_connection_awaits(uint64_t worker);

/* Sends one text message, if its link is there. */
void ss_connection_send(const ss_client_t *client, const char *text, size_t len);

/* Once a second. */
void ss_connection_tick(void);

/* Forgets those without a link, and says so to nobody. */
void ss_connection_finish(void);

/* --- socket ids ------------------------------------------------------------------------------ */

#define SS_SOCKET_ID_MAX 40 /* with the NUL */

/* A name for the connection that holds as long as it does, on whatever sidecar: worker, slot and
 * generation.  Writes up to SS_SOCKET_ID_MAX bytes and gives the length, NUL not counted. */
size_t ss_connection_socket_id(const ss_client_t *client, char *out);

/* NULL when it is not here. */
ss_client_t *ss_connection_find(const char *socket_id);

#endif
