/* SPDX-License-Identifier: MIT
 *
 * A request: one call of an action, from dispatch to its one answer.
 *
 * Owns the handles that actions hold (ss_req), the deadline, and "exactly once".  Leaves to the
 * transport (rpc.c, api.c) how an answer looks and where it goes.
 *
 * A handle is a number in a pointer's clothes: index, action and a generation that never comes
 * again.  A stale one is recognized, and its action named in the log.
 */
#ifndef SS_REQUEST_H
#define SS_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>
#include <uv.h>

#include "failure.h"
#include "bounds.h"
#include "peer.h"
#include "params.h"
#include "registry.h"
#include "result.h"
#include "ss_jsonrpc.h"

#define SS_REQUEST_TEXT_MAX 48

struct ss_batch;
typedef struct ss_request ss_request_t;

/* Exactly one of `result` and `failure` is NULL.  Called once for each request, which is freed
 * right after. */
typedef struct {
    const char *name; /* what ss_transport() says */
    void (*answer)(ss_request_t *request, const ss_result_t *result, const ss_failure_t *failure);
    bool by_host; /* the peer itself asks, a host, not one of its clients */
} ss_transport_t;

struct ss_request {
    uint64_t handle;           /* 0 while unused */
    ss_request_t *prev, *next; /* all open ones, oldest deadline first; or `next` unused one */
    uint64_t deadline_ms;
    uint64_t started_ns; /* 0 when calls are not logged */
    const ss_action_entry_t *action;
    const ss_transport_t *transport;
    ss_peer_t *peer;               /* a reference */
    struct ss_host *host;          /* that has it; NULL: none */
    const ss_link_request_t *http; /* while a host's call is being made for an HTTP request */
    struct ss_batch *batch;        /* rpc.c's, or NULL */
    struct ss_api_auth *auth;      /* api_auth.c's, or NULL */
    char *user;                    /* whom the HTTP API let in, owned; NULL: nobody */
    uint32_t slot;
    uint32_t generation;
    uint32_t call;
    uint32_t index;
    bool silent;     /* nobody wants the answer */
    bool unlogged;   /* the caller wants no line in the log */
    bool attachment; /* api.c: the answer is to be saved as a file */
    uint8_t id_len;
    char id[SS_RPC_ID_MAX];               /* rpc.c: the id's JSON text */
    char address[SS_ADDRESS_MAX + 1];     /* NUL-terminated */
    char session_id[SS_REQUEST_TEXT_MAX]; /* what ss_session_id() gave last */
    char socket_id[SS_REQUEST_TEXT_MAX];
};

/* Once per process, on the loop's thread. */
void ss_requests_init(uv_loop_t *loop, uint32_t timeout_ms, const ss_registry_t *registry);

/* Frees all; none may be open. */
void ss_requests_finish(void);

/* Number of open requests. */
size_t ss_requests_open(void);

/* Answers all that are open with `code`: the loop is about to end. */
void ss_requests_fail_all(int code);

/* Opens a request; the caller fills in what is its transport's.  NULL when SS_CALLS_MAX are open.
 * The address is cut to fit. */
ss_request_t *ss_request_open(ss_peer_t *peer, const ss_action_entry_t *action,
                              const ss_transport_t *transport, const char *address,
                              size_t address_len);

/* 0 when a client (NULL: an HTTP request's) may call the action, else the error to answer. */
int ss_request_guard(const ss_action_entry_t *action, const ss_client_t *client);

/* The connection that made the request, with its session; NULL for an HTTP request, and once it
 * has gone. */
ss_client_t *ss_request_client(const ss_request_t *request);

/* Runs the action and takes `params`, which were made for it.  The request may be gone after. */
void ss_request_run(ss_request_t *request, ss_params_t *params);

/* Answers; exactly one of the two is given.  The request is gone after. */
void ss_request_finish(ss_request_t *request, const ss_result_t *result,
                       const ss_failure_t *failure);

/* The open request behind an action's handle; NULL when it is over. */
ss_request_t *ss_request_get(const struct ss_req *handle);

/* The name of the action that a handle was given to, also when the request is over. */
const char *ss_request_action_name(const struct ss_req *handle);

/* The open request to answer; NULL after saying in the log why there is none. */
ss_request_t *ss_request_to_answer(const struct ss_req *handle);

/* Answers all that this host has with `code`. */
void ss_requests_fail_host(const struct ss_host *host, int code);

/* true on the thread that called ss_requests_init(). */
bool ss_request_on_loop_thread(void);

#endif
