/* SPDX-License-Identifier: MIT
 *
 * The listening socket of the link, and who may connect to it.
 */
#ifndef SS_LINK_SERVER_H
#define SS_LINK_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <uv.h>

#include "buf.h"
#include "unix_socket.h"

#define SS_LINK_UIDS_MAX 16

/* Root and our own user always may; besides them these. */
typedef struct {
    uid_t uids[SS_LINK_UIDS_MAX];
    size_t n_uids;
    bool has_group; /* members' processes of `group`, which also becomes the socket's */
    gid_t group;
} ss_link_access_t;

typedef struct {
    uv_pipe_t pipe;
    bool open;
    ss_unix_socket_t file;
} ss_link_server_t;

/* Called for each connection waiting: uv_accept() it from `listener`. */
typedef void (*ss_link_accept_fn)(uv_stream_t *listener, int status);

/* Listens on `path` with mode 0660.  A socket file that nobody listens on is replaced.  `data`
 * becomes the listener handle's.  false with `error`. */
bool ss_link_server_open(ss_link_server_t *server, uv_loop_t *loop, const char *path,
                         const ss_link_access_t *access, ss_link_accept_fn accepted, void *data,
                         ss_buf_t *error);

/* true when the process at the other end may be a worker; else `who` is told for the log. */
bool ss_link_server_allows(const ss_link_access_t *access, int fd, struct ucred *who);

/* Stops listening and removes the socket file.  Harmless when not open. */
void ss_link_server_close(ss_link_server_t *server);

#endif
