/* SPDX-License-Identifier: MIT
 *
 * PUBLISH and nothing else of Redis' protocol; see publisher.h.
 */
#include "publisher.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "bench.h"

void publisher_open(publisher_t *p, const char *socket_path) {
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    if (strlen(socket_path) >= sizeof to.sun_path) {
        die("%s: too long for a socket's path", socket_path);
    }
    strcpy(to.sun_path, socket_path);
    *p = (publisher_t){.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    if (p->fd < 0 || connect(p->fd, (struct sockaddr *)&to, sizeof to) < 0) {
        die("%s: %m", socket_path);
    }
}

void publisher_close(publisher_t *p) { close(p->fd); }

void publisher_queue(publisher_t *p, const char *channel, const char *text, size_t len) {
    size_t room = sizeof p->out - p->out_len;
    int n =
        snprintf(p->out + p->out_len, room, "*3\r\n$7\r\nPUBLISH\r\n$%zu\r\n%s\r\n$%zu\r\n%.*s\r\n",
                 strlen(channel), channel, len, (int)len, text);
    if (n < 0 || (size_t)n >= room) {
        die("too much to publish at once");
    }
    p->out_len += (size_t)n;
}

void publisher_flush(publisher_t *p) {
    for (size_t done = 0; done < p->out_len;) {
        ssize_t n = send(p->fd, p->out + done, p->out_len - done, MSG_NOSIGNAL);
        if (n < 0 && errno != EINTR) {
            die("Redis: %m");
        }
        done += n < 0 ? 0 : (size_t)n;
    }
    p->out_len = 0;
}

/* ":N\r\n" says that N clients of Redis got the message; without one nobody listens. */
static void check_line(const char *line) {
    if (line[0] != ':' || strcmp(line, ":0") == 0) {
        die("Redis answered PUBLISH with \"%s\"", line);
    }
}

void publisher_check(publisher_t *p) {
    ssize_t n = recv(p->fd, p->in + p->in_len, sizeof p->in - p->in_len, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (n <= 0) {
        die("Redis closed the connection");
    }
    p->in_len += (size_t)n;
    char *pos = p->in, *end;
    while ((end = memchr(pos, '\n', p->in_len - (size_t)(pos - p->in))) != NULL) {
        end[end > pos ? -1 : 0] = '\0';
        check_line(pos);
        pos = end + 1;
    }
    p->in_len -= (size_t)(pos - p->in);
    memmove(p->in, pos, p->in_len);
}
