/* SPDX-License-Identifier: MIT
 *
 * See link_server.h.
 */
#include "link_server.h"

#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 512

bool ss_link_server_open(ss_link_server_t *server, uv_loop_t *loop, const char *path,
                         const ss_link_access_t *access, ss_link_accept_fn accepted, void *data,
                         ss_buf_t *error) {
    const gid_t *group = access->has_group ? &access->group : NULL;
    int fd = ss_unix_socket_listen(&server->file, path, group, BACKLOG, error);
    if (fd < 0) {
        return false;
    }
    uv_pipe_init(loop, &server->pipe, 0);
    server->pipe.data = data;
    server->open = true;
    int rc = uv_pipe_open(&server->pipe, fd);
    if (rc == 0) {
        rc = uv_listen((uv_stream_t *)&server->pipe, BACKLOG, accepted);
    }
    if (rc != 0) {
        ss_buf_printf(error, "cannot listen on %s: %s", path, uv_strerror(rc));
        ss_link_server_close(server);
        return false;
    }
    return true;
}

bool ss_link_server_allows(const ss_link_access_t *access, int fd, struct ucred *who) {
    socklen_t len = sizeof *who;
    *who = (struct ucred){.uid = (uid_t)-1, .gid = (gid_t)-1};
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, who, &len) != 0) {
        return false;
    }
    if (who->uid == 0 || who->uid == geteuid() ||
        (access->has_group && who->gid == access->group)) {
        return true;
    }
    for (size_t i = 0; i < access->n_uids; i++) {
        if (who->uid == access->uids[i]) {
            return true;
        }
    }
    return false;
}

void ss_link_server_close(ss_link_server_t *server) {
    if (!server->open) {
        return;
    }
    server->open = false;
    ss_unix_socket_remove(&server->file);
    uv_close((uv_handle_t *)&server->pipe, NULL);
}
