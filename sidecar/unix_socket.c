/* SPDX-License-Identifier: MIT
 *
 * See unix_socket.h.  The socket is made by hand, since libuv has no say over its mode and cuts
 * long paths.
 */
#include "unix_socket.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

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
static int bind_socket(const struct sockaddr_un *address, const gid_t *group, int backlog,
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
    } else if (group != NULL && chown(address->sun_path, (uid_t)-1, *group) != 0) {
        ss_buf_printf(error, "cannot give %s to group %ld: %s", address->sun_path, (long)*group,
                      strerror(errno));
        unlink(address->sun_path);
        rc = -1;
    }
    if (rc == 0 && listen(fd, backlog) != 0) {
        ss_buf_printf(error, "cannot listen on %s: %s", address->sun_path, strerror(errno));
        rc = -1;
    }
    if (rc != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

int ss_unix_socket_listen(ss_unix_socket_t *made, const char *path, const gid_t *group, int backlog,
                          ss_buf_t *error) {
    struct sockaddr_un address;
    struct stat st = {0};
    if (!fill_address(&address, path, error) || !clear_path(&address, error)) {
        return -1;
    }
    int fd = bind_socket(&address, group, backlog, error);
    if (fd >= 0) {
        lstat(path, &st);
        made->device = st.st_dev;
        made->inode = st.st_ino;
        memcpy(made->path, address.sun_path, sizeof made->path);
    }
    return fd;
}

void ss_unix_socket_remove(ss_unix_socket_t *made) {
    struct stat st;
    if (made->path[0] != '\0' && lstat(made->path, &st) == 0 && st.st_dev == made->device &&
        st.st_ino == made->inode) {
        unlink(made->path);
    }
    made->path[0] = '\0';
}
