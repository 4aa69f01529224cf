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
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#define SS_VERSION "0.1.0"
#define SS_ABI 2              /* grows when a module must be compiled anew */
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

/* An action's flags. */
enum {
    SS_AUTHENTICATED = 1, /* for signed-in users only: others get -32001, the action does not run */
};

typedef struct {
    const char *name; /* letters, digits, _ $ - and dots between them */
    ss_action_fn run;
    unsigned flags;
} ss_action;

/* What a module exports, in app/server/foo/bar.c callable as foo.bar.square:
 *
 *     SS_ACTIONS = {
 *         { "square", square, 0 },
 *         { "transfer", transfer, SS_AUTHENTICATED },
 *     };
 */
#define SS_ACTIONS                                                                                 \
    const uint32_t ss_module_abi = SS_ABI;                                                         \
    const ss_action ss_module_actions[SS_MODULE_ACTIONS + 1]

extern SS_EXPORT const uint32_t ss_module_abi;
extern SS_EXPORT const ss_action ss_module_actions[SS_MODULE_ACTIONS + 1];

/* Once in a file: all its actions are for signed-in users only.
 *
 *     SS_AUTHENTICATE_ALL;
 */
#define SS_AUTHENTICATE_ALL const unsigned ss_module_flags = SS_AUTHENTICATED

extern SS_EXPORT const unsigned ss_module_flags;

/* Optional hooks of a module, called on the loop's thread: before the first call, where anything
 * but 0 stops the sidecar from starting, and after the last one. */
SS_EXPORT int ss_module_start(void);
SS_EXPORT void ss_module_stop(void);

/* Optional: the module authenticates users of the HTTP API, when `api.auth.basic.module_name` is
 * its name ("foo.bar" for app/server/foo/bar.c).  No client can call it.  `params` is
 * [{"username":"…","password":"…"}]; to be answered like a call, now or later: with
 * {"success":true,"user_id":"…"}, or {"success":false}. */
SS_EXPORT void ss_module_authenticate(ss_req *req, json_t *params);

/* Whether both texts are the same, in a time that says nothing of where they differ.  For passwords
 * and tokens that somebody sent.  NULL equals nothing. */
bool ss_equal_secret(const char *sent, const char *expected);

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
const char *ss_transport(ss_req *req);   /* "websocket", "http", or "server" for a host's call */
const char *ss_action_name(ss_req *req); /* "foo.bar.square" */

/* A name for the client's connection, for ss_publish_socket(); "" where there is none. */
const char *ss_socket_id(ss_req *req);

/* --- the session ---------------------------------------------------------------------------------
 *
 * A browser's connections share one session, whatever node they are on; it is found again by the
 * browser's cookie.  The HTTP API and calls of action hosts have none.  A session is kept in Redis
 * once it holds something, and for a while (session.ttl) after its last use.
 *
 * Functions that need Redis end with a call of `done`, exactly once and never before they return,
 * also when the call they were made for is over by then: `code` is 0, or SS_ERROR_UNAVAILABLE when
 * Redis is away or the client has gone, SS_ERROR_NOT_AUTHENTICATED where there is none, or when the
 * user in whose name it was asked has signed out meanwhile, SS_ERROR_INVALID_PARAMS, which the log
 * explains, or SS_ERROR_TOO_LARGE.  `done` may be NULL.
 *
 * Texts they give are "" where there is none, and valid until the action returns. */

typedef void (*ss_done_fn)(ss_req *req, int code, void *arg);

/* A name for the session, not a secret; it changes when somebody signs in. */
const char *ss_session_id(ss_req *req);

/* Milliseconds since 1970; 0 where there is no session. */
int64_t ss_session_created_at(ss_req *req);

/* The signed-in user; in the HTTP API the one that Basic Auth has let in. */
const char *ss_user_id(ss_req *req);

/* An attribute, or NULL.  Borrowed until the action returns, and not to be changed. */
json_t *ss_session_get(ss_req *req, const char *key);

/* Sets an attribute, taking the reference; NULL removes it.  What was set is saved when the call is
 * answered, if not before by ss_session_save().  false where there is no session. */
bool ss_session_set(ss_req *req, const char *key, json_t *value);

/* Saves now, for who needs to know that it is. */
void ss_session_save(ss_req *req, ss_done_fn done, void *arg);

/* Signs a user in: `user` is 1 to 256 bytes of UTF-8.  The session keeps what it holds, unless it
 * was another user's. */
void ss_set_user_id(ss_req *req, const char *user, ss_done_fn done, void *arg);

/* Signs out: on all connections of the session, on all nodes.  The session loses all it holds,
 * attributes and channels, too. */
void ss_logout(ss_req *req, ss_done_fn done, void *arg);

/* The same for a session by its id, as from an event; `done` gets no call. */
void ss_logout_session(const char *session_id, ss_done_fn done, void *arg);

/* --- private channels ---------------------------------------------------------------------------
 * A session's connections get what is published to its channels.  Only actions subscribe.  Names
 * are 1 to 256 bytes of UTF-8; once `done` is called with 0, nothing published later is missed. */

void ss_channel_subscribe(ss_req *req, const char *const *names, size_t n, ss_done_fn done,
                          void *arg);
void ss_channel_unsubscribe(ss_req *req, const char *const *names, size_t n, ss_done_fn done,
                            void *arg);

/* Unsubscribes from all. */
void ss_channel_reset(ss_req *req, ss_done_fn done, void *arg);

/* Their names, in the order of subscribing: a new reference to an array. */
json_t *ss_channel_list(ss_req *req);

/* --- publishing ----------------------------------------------------------------------------------
 * Sends an event to clients on all nodes, whose SS.events.on(event, fn) gets `params`.  Takes the
 * reference to `params`.  `done` with 0 means that Redis has it: who is not connected misses it.
 * An event is never sent twice; one whose `done` got SS_ERROR_UNAVAILABLE may have been sent.  What
 * is published to one channel one after the other arrives in that order.
 *
 * `req` is for the log and for `done`; NULL outside of calls. */

void ss_publish_broadcast(ss_req *req, const char *event, json_t *params, ss_done_fn done,
                          void *arg);

/* All connections of a signed-in user. */
void ss_publish_user(ss_req *req, const char *user, const char *event, json_t *params,
                     ss_done_fn done, void *arg);
void ss_publish_users(ss_req *req, const char *const *users, size_t n, const char *event,
                      json_t *params, ss_done_fn done, void *arg);

/* All members of a channel, or of any of at most 128 channels, once each: a member of several gets
 * the event with the first of the names. */
void ss_publish_channel(ss_req *req, const char *channel, const char *event, json_t *params,
                        ss_done_fn done, void *arg);
void ss_publish_channels(ss_req *req, const char *const *channels, size_t n, const char *event,
                         json_t *params, ss_done_fn done, void *arg);

/* One connection, or at most 128, by ss_socket_id(). */
void ss_publish_socket(ss_req *req, const char *socket, const char *event, json_t *params,
                       ss_done_fn done, void *arg);
void ss_publish_sockets(ss_req *req, const char *const *sockets, size_t n, const char *event,
                        json_t *params, ss_done_fn done, void *arg);

/* --- users online, and Redis itself --------------------------------------------------------------
 */

/* Asks for the ids of all users who are online, on any node.  `got` comes once, with a borrowed
 * array, or NULL when Redis is away. */
void ss_users_online(ss_req *req, void (*got)(ss_req *req, json_t *users, void *arg), void *arg);

/* Any command of Redis, in hiredis' format (%s, %b with a size_t).  The reply comes once; NULL when
 * Redis is away.  Its type is declared in <hiredis/hiredis.h>; it is freed after the callback. */
struct redisReply;
void ss_redis_command(ss_req *req,
                      void (*reply)(ss_req *req, const struct redisReply *reply, void *arg),
                      void *arg, const char *format, ...);

/* --- server events -------------------------------------------------------------------------------
 */

/* Texts that do not apply are "".  Valid during the callback. */
typedef struct {
    const char *name;
    const char *session_id;
    const char *user_id;
    const char *socket_id;
    const char *address;
    const char *channel;
} ss_event;

typedef void (*ss_event_fn)(const ss_event *event, void *arg);

/* Calls `fn` for each event of the name, on the node where it happens; best called from
 * ss_module_start().  false when there is no such event.
 *
 *     client:connect      a connection was accepted; also by the name client:init
 *     client:disconnect   it has ended for good: reloads and restarts of ours are none
 *     session:disconnect  it was the session's last on this node
 *     channel:subscribe   a session got a channel
 *     channel:unsubscribe and gave it back
 *     user:offline        the last lease of a user has ended, on whatever node it was */
bool ss_on(const char *event, ss_event_fn fn, void *arg);

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
