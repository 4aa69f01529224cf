/* SPDX-License-Identifier: MIT
 *
 * What a host asks of the sidecar: sessions, channels, publishing, other actions, the log.
 */
#ifndef SS_HOST_ASK_H
#define SS_HOST_ASK_H

#include "peer.h"

/* Handles an ASK of a host that is OPEN, a console among them, and answers it now or later, exactly
 * once.  `ask` points into memory that is gone after the call. */
void ss_host_ask(ss_peer_t *host, const ss_link_header_t *header, const ss_link_ask_t *ask);

#endif
