/* SPDX-License-Identifier: MIT
 *
 * See link_server.h.  The socket is made by hand, since libuv has no say over its mode and cuts
 * long paths.
 */
#include "link_server.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 512
#define SOCKET_MODE 0660

static bool fill_address(struct sockaddr_un *address, const char *path, ss_buf_t *error) {
    size_t len = strlen(path);
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (len == 0 || len >= sizeof address->sun_path) {
        ss_buf_printf(error,
                      "the socket's path has %zu bytes, allowed are 1 to %zu: %s; "
                      "use a shorter folder, such as one below /run",
                      len, sizeof address->sun_path - 1, path);
        return false;
    }
    memcpy(address->sun_path, path, len + 1);
    return true;
}

/* Makes way for our own socket. */
static bool clear_path(const struct sockaddr_un *address, ss_buf_t *error) {
    struct stat st;
    if (lstat(address->sun_path, &st) != 0) {
        return true; /* if it is more than absent, bind() will say so */
    }
    if (!S_ISSOCK(st.st_mode)) {
        ss_buf_printf(error, "%s exists and is not a socket", address->sun_path);
        return false;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int rc = fd < 0 ? -1 : connect(fd, (const struct sockaddr *)address, sizeof *address);
    int failure = errno;
    if (fd >= 0) {
        close(fd);
    }
    if (rc == 0 || failure == EAGAIN) { /* EAGAIN: its queue of connections is full */
        ss_buf_printf(error, "another process listens on %s; is a sidecar running already?",
                      address->sun_path);
        return false;
    }
    if (failure != ECONNREFUSED) {
        ss_buf_printf(error, "cannot tell whether %s is in use: %s", address->sun_path,
                      strerror(failure));
        return false;
    }
    unlink(address->sun_path);
    return true;
}

/* Binds with the final mode from the first moment on, and listens at once: who connects in between
 * would be refused, and a worker logs that as an error. */
static int bind_socket(const struct sockaddr_un *address, const ss_link_access_t *access,
                       ss_buf_t *error) {
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        ss_buf_printf(error, "cannot make a socket: %s", strerror(errno));
        return -1;
    }
    mode_t mask = umask(0777 & ~SOCKET_MODE);
    int rc = bind(fd, (const struct sockaddr *)address, sizeof *address);
    int failure = errno;
    umask(mask);
    if (rc != 0) {
        ss_buf_printf(error, "cannot listen on %s: %s", address->sun_path, strerror(failure));
    } else if (access->has_group && chown(address->sun_path, (uid_t)-1, access->group) != 0) {
        ss_buf_printf(error, "cannot give %s to group %ld: %s", address->sun_path,
                      (long)access->group, strerror(errno));
        unlink(address->sun_path);
        rc = -1;
    }
    if (rc == 0 && listen(fd, BACKLOG) != 0) {
        ss_buf_printf(error, "cannot listen on %s: %s", address->sun_path, strerror(errno));
        rc = -1;
    }
    if (rc != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

bool ss_link_server_open(ss_link_server_t *server, uv_loop_t *loop, const char *path,
                         const ss_link_access_t *access, ss_link_accept_fn accepted, void *data,
                         ss_buf_t *error) {
    struct sockaddr_un address;
    if (!fill_address(&address, path, error) || !clear_path(&address, error)) {
        return false;
    }
    int fd = bind_socket(&address, access, error);
    if (fd < 0) {
        return false;
    }
    struct stat st = {0};
    lstat(path, &st);
    server->device = st.st_dev;
    server->inode = st.st_ino;
    memcpy(server->path, address.sun_path, sizeof server->path);

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
    struct stat st;
    if (lstat(server->path, &st) == 0 && st.st_dev == server->device &&
        st.st_ino == server->inode) {
        unlink(server->path);
    }
    uv_close((uv_handle_t *)&server->pipe, NULL);
}
