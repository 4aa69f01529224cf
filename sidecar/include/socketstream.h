/* SPDX-License-Identifier: MIT
 *
 * SocketStream's C action API: what the C files below app/server are written against.
 * docs/ACTIONS_C.md explains it with a complete example.
 *
 * C actions run inside the sidecar, on its one event-loop thread, and are trusted: an action that
 * crashes takes the sidecar with it, one that blocks holds up every other call.  Long work goes to
 * ss_work(), waiting to ss_after() or to callbacks of ss_loop().
 *
 * An `ss_req` stands for one call.  It is a handle, not memory: nothing to free, and using it after
 * the call was answered, timed out or lost its client is harmless, however much later.  Except for
 * ss_log(), every function here must be called on the loop's thread.
 */
#ifndef SOCKETSTREAM_H
#define SOCKETSTREAM_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#define SS_VERSION "0.1.0"
#define SS_ABI 1              /* grows when a module must be compiled anew */
#define SS_MODULE_ACTIONS 256 /* actions in one module at most */

#if defined(__GNUC__)
#define SS_EXPORT __attribute__((visibility("default")))
#define SS_PRINTF(at, first) __attribute__((format(printf, at, first)))
#else
#define SS_EXPORT
#define SS_PRINTF(at, first)
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ss_req ss_req;

/* One action.  `params` is always an array, possibly empty, and belongs to the sidecar: it is
 * valid until the action returns; json_incref() what must live longer. */
typedef void (*ss_action_fn)(ss_req *req, json_t *params);

typedef struct {
    const char *name; /* letters, digits, _ $ - and dots between them */
    ss_action_fn run;
} ss_action;

/* What a module exports, in app/server/foo/bar.c callable as foo.bar.square:
 *
 *     SS_ACTIONS = {
 *         { "square", square },
 *     };
 */
#define SS_ACTIONS                                                                                 \
    const uint32_t ss_module_abi = SS_ABI;                                                         \
    const ss_action ss_module_actions[SS_MODULE_ACTIONS + 1]

extern SS_EXPORT const uint32_t ss_module_abi;
extern SS_EXPORT const ss_action ss_module_actions[SS_MODULE_ACTIONS + 1];

/* Optional hooks of a module, called on the loop's thread: before the first call, where anything
 * but 0 stops the sidecar from starting, and after the last one. */
SS_EXPORT int ss_module_start(void);
SS_EXPORT void ss_module_stop(void);

/* --- answering: exactly once, now or later, up to the action timeout ------------------------- */

/* Answers with `result`, whose reference it takes.  NULL is reported as an internal error. */
void ss_reply(ss_req *req, json_t *result);

/* Codes of ss_error(); others are passed on as they are (the HTTP API says 500 to them). */
enum {
    SS_ERROR_INVALID_PARAMS = -32602,
    SS_ERROR_INTERNAL = -32603,
    SS_ERROR_APPLICATION = -32000,
    SS_ERROR_NOT_AUTHENTICATED = -32001,
    SS_ERROR_RATE_LIMITED = -32002,
    SS_ERROR_UNAVAILABLE = -32003,
    SS_ERROR_TIMEOUT = -32004,
    SS_ERROR_TOO_LARGE = -32005,
};

/* Answers with an error.  The message is the client's to read; NULL takes the code's own. */
void ss_error(ss_req *req, int code, const char *format, ...) SS_PRINTF(3, 4);

/* The same with the error's `data` member, whose reference it takes; NULL for none. */
void ss_error_data(ss_req *req, int code, json_t *data, const char *format, ...) SS_PRINTF(4, 5);

/* --- answering later ---------------------------------------------------------------------------
 * Both call back exactly once, also when the call is over by then (so that `arg` can be freed).
 * false: the sidecar has too many of them waiting, and nothing will be called. */

/* Calls `fire` on the loop after `ms` milliseconds. */
bool ss_after(ss_req *req, uint32_t ms, void (*fire)(ss_req *req, void *arg), void *arg);

/* Calls `work` on a thread of the pool, then `done` on the loop.  `work` may use nothing of this
 * API but ss_log(), and no json_t that another thread could touch meanwhile. */
bool ss_work(ss_req *req, void (*work)(void *arg), void (*done)(ss_req *req, void *arg), void *arg);

/* false once the call was answered, timed out, or its client went away: stop working on it. */
bool ss_pending(ss_req *req);

/* --- facts about the call; "" once it is over, else valid until it is ---------------------------
 */

const char *ss_address(ss_req *req);     /* the client's address, behind any trusted proxy */
const char *ss_transport(ss_req *req);   /* "websocket" or "http" */
const char *ss_action_name(ss_req *req); /* "foo.bar.square" */

/* --- around it ------------------------------------------------------------------------------- */

typedef enum {
    SS_LOG_ERROR,   /* at every log level */
    SS_LOG_WARNING, /* at every log level */
    SS_LOG_NOTICE,  /* from log level 1 */
    SS_LOG_INFO,    /* from log level 3 */
    SS_LOG_DEBUG,   /* from log level 4 */
} ss_log_severity;

/* One line into the sidecar's log, control characters escaped.  From any thread. */
void ss_log(ss_log_severity severity, const char *format, ...) SS_PRINTF(2, 3);

/* The sidecar's libuv loop, for handles of the application's own. */
struct uv_loop_s;
struct uv_loop_s *ss_loop(void);

#ifdef __cplusplus
}
#endif

#endif
