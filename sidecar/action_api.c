/* SPDX-License-Identifier: MIT
 *
 * What actions call: the functions of include/socketstream.h around one request.  ss_log() is in
 * log.c, ss_after() and ss_work() in work.c.
 */
#include "include/socketstream.h"

#include <stdarg.h>
#include <stdio.h>

#include "log.h"
#include "request.h"
#include "work.h"

_Static_assert((int)SS_ERROR_INVALID_PARAMS == (int)SS_RPC_INVALID_PARAMS &&
                   (int)SS_ERROR_INTERNAL == (int)SS_RPC_INTERNAL &&
                   (int)SS_ERROR_APPLICATION == (int)SS_RPC_APPLICATION &&
                   (int)SS_ERROR_NOT_AUTHENTICATED == (int)SS_RPC_NOT_AUTHENTICATED &&
                   (int)SS_ERROR_RATE_LIMITED == (int)SS_RPC_RATE_LIMITED &&
                   (int)SS_ERROR_UNAVAILABLE == (int)SS_RPC_UNAVAILABLE &&
                   (int)SS_ERROR_TIMEOUT == (int)SS_RPC_TIMEOUT &&
                   (int)SS_ERROR_TOO_LARGE == (int)SS_RPC_TOO_LARGE,
               "the public codes are those of shared/ss_errors.h");

/* The request to answer; NULL after saying why there is none. */
static ss_request_t *to_answer(const ss_req *req) {
    if (!ss_request_on_loop_thread()) {
        ss_log(SS_LOG_ERROR, "%s answered on a thread of the pool; answer in ss_work()'s `done`",
               ss_request_action_name(req));
        return NULL;
    }
    return ss_request_to_answer(req);
}

void ss_reply(ss_req *req, json_t *result) {
    ss_request_t *request = to_answer(req);
    if (request != NULL && result == NULL) {
        ss_log(SS_LOG_ERROR, "%s replied with NULL", request->action->name);
        ss_request_finish(request, NULL, &(ss_failure_t){.code = SS_RPC_INTERNAL});
    } else if (request != NULL) {
        ss_request_finish(request, &(ss_result_t){.json = result}, NULL);
    }
    json_decref(result);
}

static void fail(ss_req *req, int code, const json_t *data, const char *format, va_list args) {
    ss_request_t *request = to_answer(req);
    if (request == NULL) {
        return;
    }
    char message[SS_FAILURE_MESSAGE_MAX];
    if (format != NULL) {
        vsnprintf(message, sizeof message, format, args);
    }
    ss_failure_t failure = {code, format == NULL ? NULL : message, data};
    ss_request_finish(request, NULL, &failure);
}

void ss_error(ss_req *req, int code, const char *format, ...) {
    va_list args;
    va_start(args, format);
    fail(req, code, NULL, format, args);
    va_end(args);
}

void ss_error_data(ss_req *req, int code, json_t *data, const char *format, ...) {
    va_list args;
    va_start(args, format);
    fail(req, code, data, format, args);
    va_end(args);
    json_decref(data);
}

bool ss_pending(ss_req *req) {
    const ss_request_t *r = ss_request_get(req);
    return r != NULL && r->peer->state == SS_PEER_OPEN &&
           (r->transport->by_host ||
            ss_client_find(&r->peer->clients, r->slot, r->generation) != NULL);
}

const char *ss_address(ss_req *req) {
    const ss_request_t *r = ss_request_get(req);
    return r == NULL ? "" : r->address;
}

const char *ss_transport(ss_req *req) {
    const ss_request_t *r = ss_request_get(req);
    return r == NULL ? "" : r->transport->name;
}

const char *ss_action_name(ss_req *req) {
    const ss_request_t *r = ss_request_get(req);
    return r == NULL ? "" : r->action->name;
}

struct uv_loop_s *ss_loop(void) {
    return ss_work_loop();
}
