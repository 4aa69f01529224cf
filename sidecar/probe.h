/* SPDX-License-Identifier: MIT
 *
 * Questions about addresses: is it free, does somebody answer there yet?
 *
 * Nothing here blocks, except that the name of a host may have to be looked up.
 */
#ifndef SS_PROBE_H
#define SS_PROBE_H

#include <stdbool.h>
#include <sys/socket.h>

typedef struct {
    struct sockaddr_storage addr;
    socklen_t len;
} ss_probe_addr_t;

/* The address that `host` (a name, or an IPv4 or IPv6 address) and `port` mean.  false when there
 * is none. */
bool ss_probe_resolve(ss_probe_addr_t *out, const char *host, int port);

/* The same, with the wildcard of its family replaced by the loopback address: where to connect
 * to what listens on `addr`. */
void ss_probe_reachable(ss_probe_addr_t *addr);

/* 0 when a server could listen there now, else the errno that it would get. */
int ss_probe_free(const ss_probe_addr_t *addr);

/* Whether there is a socket of this name.  Connecting would say more, but would be a link to a
 * sidecar, and the loss of one. */
bool ss_probe_socket(const char *path);

/* An HTTP request under way.  Zeroed and given `addr` and fd -1 before the first use. */
typedef struct {
    ss_probe_addr_t addr;
    int fd;
    bool sent;
} ss_probe_http_t;

/* Goes one step further, starting anew when refused; true once an HTTP server has answered, with
 * whatever status.  To be called every few milliseconds until then, or else finished. */
bool ss_probe_http(ss_probe_http_t *probe);
void ss_probe_http_finish(ss_probe_http_t *probe);

#endif
