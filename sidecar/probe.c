/* SPDX-License-Identifier: MIT
 *
 * Questions about addresses: see probe.h for the contract.
 */
#include "probe.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool ss_probe_resolve(ss_probe_addr_t *out, const char *host, int port) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *found;
    char service[16];

    snprintf(service, sizeof(service), "%d", port);
    memset(out, 0, sizeof(*out));
    if (host[0] == '\0' || getaddrinfo(host, service, &hints, &found) != 0) {
        return false;
    }
    memcpy(&out->addr, found->ai_addr, found->ai_addrlen);
    out->len = found->ai_addrlen;
    freeaddrinfo(found);
    return true;
}

void ss_probe_reachable(ss_probe_addr_t *addr) {
    struct sockaddr_in *v4 = (struct sockaddr_in *)&addr->addr;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&addr->addr;

    if (addr->addr.ss_family == AF_INET && v4->sin_addr.s_addr == htonl(INADDR_ANY)) {
        v4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    } else if (addr->addr.ss_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&v6->sin6_addr)) {
        v6->sin6_addr = in6addr_loopback;
    }
}

int ss_probe_free(const ss_probe_addr_t *addr) {
    int fd = socket(addr->addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int on = 1;
    int rc = 0;

    if (fd == -1) {
        return errno;
    }
    /* As nginx does: connections of a former server in TIME_WAIT are no hindrance. */
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, (const struct sockaddr *)&addr->addr, addr->len) != 0 || listen(fd, 1) != 0) {
        rc = errno;
    }
    close(fd);
    return rc;
}

bool ss_probe_socket(const char *path) {
    struct stat st;

    return stat(path, &st) == 0 && S_ISSOCK(st.st_mode);
}

void ss_probe_http_finish(ss_probe_http_t *probe) {
    if (probe->fd != -1) {
        close(probe->fd);
        probe->fd = -1;
    }
    probe->sent = false;
}

bool ss_probe_http(ss_probe_http_t *probe) {
    static const char request[] = "GET /socketstream/status HTTP/1.0\r\n\r\n";
    char answer[8] = "";
    ssize_t n;

    if (probe->fd == -1) {
        probe->fd =
            socket(probe->addr.addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (probe->fd == -1 ||
            (connect(probe->fd, (struct sockaddr *)&probe->addr.addr, probe->addr.len) != 0 &&
             errno != EINPROGRESS)) {
            ss_probe_http_finish(probe);
            return false;
        }
    }
    if (!probe->sent) {
        n = send(probe->fd, request, sizeof(request) - 1, MSG_NOSIGNAL);
        if (n == -1 && errno != EAGAIN && errno != EWOULDBLOCK) {
            ss_probe_http_finish(probe);
        }
        probe->sent = n > 0;
        return false;
    }
    n = recv(probe->fd, answer, sizeof(answer) - 1, 0);
    if (n == -1 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
        return false;
    }
    ss_probe_http_finish(probe);
    return n > 5 && memcmp(answer, "HTTP/", 5) == 0;
}
