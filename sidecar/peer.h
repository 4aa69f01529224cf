/* SPDX-License-Identifier: MIT
 *
 * A peer: one link, its socket and its buffers.  At the other end is an nginx worker, an action
 * host that we run, or a console, which is a host without a process of ours.
 *
 * Owns reading, writing, the heartbeat and the end of a link.  Leaves to frames.c what a frame
 * means.  All output of one loop turn leaves in one write, unless it is large.  A worker that does
 * not read is not read from (SS_OUTPUT_SOFT); a peer is lost if that does not help (SS_OUTPUT_HARD,
 * or silence).  A host is read from always: one that is about to write does not read.
 *
 * Calls in flight hold references, so that a peer's memory outlives its connection; what is
 * written to a closed peer is dropped.
 */
#ifndef SS_PEER_H
#define SS_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "buf.h"
#include "client.h"
#include "partial.h"
#include "sidecar.h"
#include "ss_link.h"

#define SS_PEER_NAME_MAX 32

typedef enum {
    SS_PEER_NEW, /* connected, has not said HELLO */
    SS_PEER_OPEN,
    SS_PEER_CLOSED, /* on its way out; nothing is read or written any more */
} ss_peer_state_t;

typedef struct ss_peer {
    uv_pipe_t pipe;
    ss_sidecar_t *sidecar;
    struct ss_peer *prev, *next; /* in the sidecar's list for its role, while not closed */
    unsigned refs;
    ss_peer_state_t state;
    ss_link_role_t role;  /* of the other end; a worker until it says otherwise */
    struct ss_host *host; /* the process at the other end; NULL: a worker or a console */
    bool own;             /* the process is of our own user, or root's */
    uint32_t events;      /* of a host or console: what it listens for, see ss_host_listen() */

    uint8_t *input;
    size_t input_len;

    ss_buf_t output;  /* waits for the end of the turn */
    ss_buf_t writing; /* belongs to `write` while that is under way */
    uv_write_t write;
    size_t frame_start;  /* of the frame between begin and end */
    size_t write_queued; /* as seen by the last tick */
    const char *lost;    /* why writing has failed; NULL: it has not */
    bool writing_now;
    bool paused; /* not reading, since it does not read */

    bool draining;               /* was told that we leave */
    bool drained;                /* has heard it: all it sent before has arrived */
    uint32_t silent_ms;          /* by ticks, since anything arrived */
    uint32_t silence_limit_ms;   /* that is a loss */
    uint32_t calls;              /* in flight */
    char name[SS_PEER_NAME_MAX]; /* "worker 1234", "host 0": for log lines */
    uint64_t worker;      /* the generation in its HELLO: differs with every start of a worker */
    size_t max_answer;    /* bytes of one message it takes from us */
    bool wants_rate_keys; /* see rate_keys.h */

    ss_partials_t partials;
    ss_clients_t clients;
} ss_peer_t;

/* Takes the connection waiting at `listener`, whose data is the ss_sidecar_t. */
void ss_peer_accept(uv_stream_t *listener, int status);

/* Makes a peer of one end of a socket pair, which is taken; `host`, whose name is `name`, has the
 * other one.  The caller gets a reference besides. */
ss_peer_t *ss_peer_open_host(ss_sidecar_t *sidecar, int fd, struct ss_host *host, const char *name);

/* Says who an accepted peer is, which it has told by HELLO. */
void ss_peer_introduce(ss_peer_t *peer, ss_link_role_t role, uint32_t pid);

static inline ss_peer_t *ss_peer_ref(ss_peer_t *peer) {
    peer->refs++;
    return peer;
}

void ss_peer_unref(ss_peer_t *peer);

/* Begins a frame: append its payload to the buffer that is given, then end it.  No other frame
 * may be begun between. */
ss_buf_t *ss_peer_begin(ss_peer_t *peer);

/* Ends the frame, in chunks where its operation allows and its length demands it.  It never closes
 * the peer, so that whoever writes finds all as it was: one that cannot be written to any more, or
 * has too much to read, is closed when the turn ends. */
void ss_peer_end(ss_peer_t *peer, uint8_t op, uint32_t slot, uint32_t generation, uint32_t call);

/* Takes back the frame that was begun. */
void ss_peer_cancel(ss_peer_t *peer);

/* A whole frame at once. */
void ss_peer_send(ss_peer_t *peer, uint8_t op, uint32_t slot, uint32_t generation, uint32_t call,
                  const void *payload, size_t len);

/* Writes what is queued, as far as the socket takes it, and closes a peer that is drained, or that
 * cannot be written to. */
void ss_peer_flush(ss_peer_t *peer);

/* Bytes that wait to be written. */
size_t ss_peer_queued(const ss_peer_t *peer);

/* Every `interval_ms`: says PING, and gives up a peer that is silent. */
void ss_peer_tick(ss_peer_t *peer, uint32_t interval_ms);

/* Reads what the other end, which has ended, wrote before, and closes. */
void ss_peer_finish_reading(ss_peer_t *peer);

/* Tells the other end that we are leaving, and closes once all it asked is answered. */
void ss_peer_drain(ss_peer_t *peer);

/* A PONG came; the one that answers the drain's PING tells that all before it has arrived. */
void ss_peer_pong(ss_peer_t *peer, const uint8_t *payload);

/* Closes without a word, for `reason`. */
void ss_peer_close(ss_peer_t *peer, const char *reason);

/* Says GOODBYE with a reason that the other end will log, and closes. */
void ss_peer_fail(ss_peer_t *peer, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
