/* SPDX-License-Identifier: MIT
 *
 * What each frame of a worker means.
 *
 * Owns the order of frames: HELLO first, chunks together.  Leaves bytes to peer.c, the coming and
 * going of clients to connection.c, calls to rpc.c and api.c.
 */
#ifndef SS_FRAMES_H
#define SS_FRAMES_H

#include <stdint.h>

#include "peer.h"

/* Handles one frame whose header has been checked.  May close the peer. */
void ss_frames_handle(ss_peer_t *peer, const ss_link_header_t *header, const uint8_t *payload);

#endif
