/* SPDX-License-Identifier: MIT
 *
 * JSON-RPC 2.0 over WebSocket: messages in, replies out.
 *
 * Owns the shape of replies and the gathering of a batch's.  Leaves the scan of the envelope to
 * shared/ss_jsonrpc, the calls to request.c.
 */
#ifndef SS_RPC_H
#define SS_RPC_H

#include "peer.h"

/* Handles one message of a client that is there.  `refused` is 0, or the error to answer instead.
 * `header` is that of the message's first frame. */
void ss_rpc_message(ss_peer_t *peer, const ss_link_header_t *header, ss_span_t message,
                    int refused);

#endif
