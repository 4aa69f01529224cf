/* SPDX-License-Identifier: MIT
 *
 * Publishes to Redis as any program could: PUBLISH, in Redis' own protocol, over its Unix socket.
 *
 * Owns the connection.  What was queued leaves with publisher_flush() in one write, as a busy
 * publisher's would.  Any answer but a count of receivers ends the program.
 */
#ifndef BENCH_PUBLISHER_H
#define BENCH_PUBLISHER_H

#include <stddef.h>

typedef struct {
    int fd;
    size_t out_len;
    size_t in_len;
    char out[64 << 10];
    char in[4096];
} publisher_t;

void publisher_open(publisher_t *publisher, const char *socket_path);
void publisher_close(publisher_t *publisher);

void publisher_queue(publisher_t *publisher, const char *channel, const char *text, size_t len);
void publisher_flush(publisher_t *publisher);

/* Looks at the answers that are there; does not wait. */
void publisher_check(publisher_t *publisher);

#endif
