/* SPDX-License-Identifier: MIT
 *
 * See host_ask.h.
 */
#include "host_ask.h"

#include "host.h"

void ss_host_ask(ss_peer_t *host, const ss_link_header_t *header, const ss_link_ask_t *ask) {
    (void)ask;
    ss_host_answer_failure(host, header->call, &(ss_failure_t){.code = SS_RPC_METHOD_NOT_FOUND});
}
