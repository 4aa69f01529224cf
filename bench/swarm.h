/* SPDX-License-Identifier: MIT
 *
 * Many WebSocket clients on one epoll.
 *
 * Owns the sockets, TLS where the URL says wss, the handshake (RFC 6455 section 4.1, the server's
 * Sec-WebSocket-Accept verified), frames in both directions and the closing handshake.  Leaves to
 * the mode what is said in the messages.  Invariant: what a mode queues during one read of a client
 * leaves in one write, after the last message of that read was handed to it.
 */
#ifndef BENCH_SWARM_H
#define BENCH_SWARM_H

#include <openssl/types.h>

#include "bench.h"
#include "ss_ws.h"

typedef enum {
    CLIENT_IDLE, /* not connected yet */
    CLIENT_CONNECTING,
    CLIENT_SECURING, /* the TLS handshake */
    CLIENT_SHAKING,  /* request sent, response incomplete */
    CLIENT_OPEN,
    CLIENT_CLOSING, /* our close frame is sent */
    CLIENT_CLOSED,
} client_state_t;

typedef struct {
    uint8_t *data;
    size_t len;
    size_t cap;
} buffer_t;

typedef struct swarm swarm_t;

typedef struct {
    swarm_t *swarm;
    void *data; /* the mode's */
    SSL *ssl;   /* NULL without TLS */
    int fd;
    uint32_t index;
    client_state_t state;
    bool blocked; /* the socket is full: the rest of `out` waits for EPOLLOUT */
    uint8_t keep_len;
    uint8_t keep[SS_WS_KEEP_MAX];
    char accept[29]; /* the Sec-WebSocket-Accept that we expect */
    ss_ws_decoder_t decoder;
    buffer_t in;  /* response head; later a message that came in pieces */
    buffer_t out; /* not yet written */
} client_t;

/* One whole message; `text` is valid during the call.  `now` is when it was read. */
typedef void (*swarm_message_t)(client_t *client, const char *text, size_t len, uint64_t now);

/* The client is open, or its closing handshake is complete. */
typedef void (*swarm_event_t)(client_t *client);

struct swarm {
    const options_t *options;
    swarm_message_t on_message;
    swarm_event_t on_open;   /* NULL after swarm_init() */
    swarm_event_t on_closed; /* the same; may call client_connect() */
    SSL_CTX *tls;
    client_t *clients;
    unsigned n;
    unsigned open;     /* in CLIENT_OPEN */
    unsigned closed;   /* in CLIENT_CLOSED */
    unsigned started;  /* clients[0 .. started) have left CLIENT_IDLE */
    unsigned connects; /* ever, also of clients that came again */
    int epoll;
    uint32_t random;    /* of the masks */
    uint64_t last_read; /* when bytes came last */
    uint8_t *read_buf;
};

void swarm_init(swarm_t *swarm, const options_t *options, swarm_message_t on_message);
void swarm_finish(swarm_t *swarm);

/* Opens clients until `n` of them are open; returns when all are. */
void swarm_open(swarm_t *swarm, unsigned n);

/* One turn: waits (not at all when busy, else 10 ms at most), reads, hands out messages, writes.
 * Dies when a client is closed by the server, or nothing came for options->timeout_ns while
 * `expecting`. */
void swarm_turn(swarm_t *swarm, bool expecting);

/* The closing handshake on all; gives up on those that take over 3 s.  Returns how many did. */
unsigned swarm_close(swarm_t *swarm);

/* Connects one client, a new one or one that was closed; for modes that do without swarm_open(). */
void client_connect(client_t *client);

/* Begins the closing handshake. */
void client_close(client_t *client);

/* Queues a masked text frame; it leaves with the next client_flush(), which the swarm calls after
 * each read of the client. */
void client_queue_text(client_t *client, const char *text, size_t len);
void client_flush(client_t *client);

#endif
