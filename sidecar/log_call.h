/* SPDX-License-Identifier: MIT
 *
 * What the log tells of calls, of what is published, and of clients.
 *
 * Owns how these lines look: in columns for people, as members of an object for programs.  Leaves
 * to log.c where they go, and to the callers which levels they belong to.
 */
#ifndef SS_LOG_CALL_H
#define SS_LOG_CALL_H

#include <stdint.h>

#include "bounds.h"
#include "client.h"
#include "publish.h"
#include "request.h"
#include "result.h"

#define SS_LOG_SLOW_MS 100 /* a call that took so long stands out */

/* One line about a call that has ended after `ns`, by `failure` unless that is NULL; `client` may
 * be NULL. */
void ss_log_call(const ss_request_t *request, const ss_client_t *client, uint64_t ns,
                 const ss_failure_t *failure);

/* One line with a call's params or result, cut at SS_LOG_PAYLOAD_MAX bytes. */
void ss_log_payload(const char *action, const char *what, const ss_result_t *value);

/* From level 3 on: one line about what is published, with its params where those are shown. */
void ss_log_publish(const ss_publish_t *publish);

/* From level 3 on: "connected" or "gone". */
void ss_log_client(const ss_client_t *client, const char *what);

#endif
