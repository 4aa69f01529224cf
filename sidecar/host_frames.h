/* SPDX-License-Identifier: MIT
 *
 * What an action host or a console says: each frame's meaning, and messages in chunks.
 */
#ifndef SS_HOST_FRAMES_H
#define SS_HOST_FRAMES_H

#include "peer.h"

/* A peer has introduced itself as a host, and was greeted: sends SETUP. */
void ss_host_frames_hello(ss_peer_t *peer);

/* A frame of its own operations.  The peer may be closed after. */
void ss_host_frames_handle(ss_peer_t *peer, const ss_link_header_t *header, const uint8_t *payload);

/* Sends ACTIONS to all hosts and consoles. */
void ss_host_frames_actions(ss_sidecar_t *sidecar);

#endif
