/* SPDX-License-Identifier: MIT
 *
 * See peer.h.
 *
 *     NEW --HELLO--> OPEN --end of file, error, silence, GOODBYE, drained--> CLOSED
 *      `----------- no HELLO, anything else first ------------------------------^
 *
 * Invariant: callers may close a peer anywhere; its memory stays until libuv's close callback and
 * the last reference.
 */
#include "peer.h"

#include <errno.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bounds.h"
#include "connection.h"
#include "frames.h"
#include "health.h"
#include "host_group.h"
#include "log.h"
#include "relay.h"

/* Content of the PING that follows DRAIN. */
static const uint8_t drain_mark[8] = {'d', 'r', 'a', 'i', 'n', 0, 0, 0};

#define REASON_MAX 512

static void consume(ss_peer_t *peer);

void ss_peer_unref(ss_peer_t *peer) {
    if (--peer->refs == 0) {
        ss_buf_free(&peer->output); /* of frames that were begun after its end */
        free(peer);
    }
}

static void on_closed(uv_handle_t *handle) {
    ss_peer_t *peer = handle->data;
    while (peer->partials.first != NULL) {
        ss_partial_remove(&peer->partials, peer->partials.first);
    }
    free(peer->input);
    peer->input = NULL;
    ss_buf_free(&peer->output);
    ss_buf_free(&peer->writing);
    ss_peer_unref(peer);
}

static void add_to_list(ss_peer_t *peer) {
    ss_sidecar_t *sidecar = peer->sidecar;
    bool worker = peer->role == SS_LINK_ROLE_WORKER;
    ss_peer_t **first = worker ? &sidecar->peers : &sidecar->hosts;
    peer->prev = NULL;
    peer->next = *first;
    if (peer->next != NULL) {
        peer->next->prev = peer;
    }
    *first = peer;
    *(worker ? &sidecar->peer_count : &sidecar->host_count) += 1;
}

static void take_off_list(ss_peer_t *peer) {
    ss_sidecar_t *sidecar = peer->sidecar;
    bool worker = peer->role == SS_LINK_ROLE_WORKER;
    if (peer->prev != NULL) {
        peer->prev->next = peer->next;
    } else {
        *(worker ? &sidecar->peers : &sidecar->hosts) = peer->next;
    }
    if (peer->next != NULL) {
        peer->next->prev = peer->prev;
    }
    *(worker ? &sidecar->peer_count : &sidecar->host_count) -= 1;
}

void ss_peer_close(ss_peer_t *peer, const char *reason) {
    if (peer->state == SS_PEER_CLOSED) {
        return;
    }
    /* Who only looks whether somebody listens is not worth a line. */
    ss_log(peer->state == SS_PEER_NEW ? SS_LOG_DEBUG : SS_LOG_NOTICE, "link of %s closed: %s",
           peer->name, reason);
    peer->state = SS_PEER_CLOSED;
    take_off_list(peer);
    ss_connection_link_lost(peer);
    ss_relay_link_lost(peer);
    uv_close((uv_handle_t *)&peer->pipe, on_closed);
    if (peer->host != NULL) {
        ss_host_link_lost(peer->host);
    }
    ss_sidecar_link_closed(peer->sidecar);
}

static void say_goodbye(ss_peer_t *peer, const char *reason) {
    uint8_t payload[2 + REASON_MAX];
    ss_writer_t w = ss_writer(payload, sizeof payload);
    ss_write_str16(&w, reason, strlen(reason));
    ss_peer_send(peer, SS_LINK_GOODBYE, 0, 0, 0, payload, ss_written(&w));
}

void ss_peer_fail(ss_peer_t *peer, const char *format, ...) {
    char reason[REASON_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(reason, sizeof reason, format, args);
    va_end(args);
    if (peer->state == SS_PEER_CLOSED) {
        return;
    }
    ss_log(SS_LOG_WARNING, "%s broke the link's rules: %s", peer->name, reason);
    say_goodbye(peer, reason);
    ss_peer_flush(peer);
    ss_peer_close(peer, "see above");
}

/* --- output ---------------------------------------------------------------------------------- */

size_t ss_peer_queued(const ss_peer_t *peer) {
    return peer->output.len + uv_stream_get_write_queue_size((const uv_stream_t *)&peer->pipe);
}

ss_buf_t *ss_peer_begin(ss_peer_t *peer) {
    peer->frame_start = peer->output.len;
    ss_buf_reserve(&peer->output, SS_LINK_HEADER);
    peer->output.len += SS_LINK_HEADER;
    return &peer->output;
}

static void put_header(ss_peer_t *peer, size_t at, ss_link_header_t *h, size_t len, bool more) {
    h->length = (uint32_t)len;
    h->flags = more ? SS_LINK_MORE : 0;
    ss_link_encode_header((uint8_t *)peer->output.data + at, h);
}

/* Lays the frame that begins at frame_start out anew, with a header before each chunk. */
static void split(ss_peer_t *peer, ss_link_header_t *h, size_t len) {
    ss_buf_t *out = &peer->output;
    char *message = ss_copy(out->data + peer->frame_start + SS_LINK_HEADER, len);
    out->len = peer->frame_start;
    for (size_t at = 0; at < len; at += SS_LINK_CHUNK) {
        size_t n = len - at < SS_LINK_CHUNK ? len - at : SS_LINK_CHUNK;
        ss_buf_reserve(out, SS_LINK_HEADER + n);
        put_header(peer, out->len, h, n, at + n < len);
        out->len += SS_LINK_HEADER;
        ss_buf_append(out, message + at, n);
    }
    free(message);
}

static void write_output(ss_peer_t *peer);

/* Nothing more can be written; ss_peer_flush() closes. */
static void lose(ss_peer_t *peer, const char *why) {
    peer->lost = why;
    peer->output.len = 0;
}

void ss_peer_end(ss_peer_t *peer, uint8_t op, uint32_t slot, uint32_t generation, uint32_t call) {
    size_t len = peer->output.len - peer->frame_start - SS_LINK_HEADER;
    ss_link_header_t h = {.op = op, .slot = slot, .generation = generation, .call = call};
    if (peer->state == SS_PEER_CLOSED || peer->lost != NULL) {
        peer->output.len = peer->frame_start;
        return;
    }
    if (len <= SS_LINK_CHUNK) {
        put_header(peer, peer->frame_start, &h, len, false);
    } else {
        split(peer, &h, len);
    }
    if (peer->output.len >= SS_OUTPUT_FLUSH) {
        write_output(peer);
        if (peer->lost == NULL && ss_peer_queued(peer) > SS_OUTPUT_HARD) {
            ss_log(SS_LOG_WARNING, "%s does not read: %zu bytes wait for it", peer->name,
                   ss_peer_queued(peer));
            lose(peer, "its output queue is full");
        }
    }
}

void ss_peer_cancel(ss_peer_t *peer) { peer->output.len = peer->frame_start; }

void ss_peer_send(ss_peer_t *peer, uint8_t op, uint32_t slot, uint32_t generation, uint32_t call,
                  const void *payload, size_t len) {
    ss_buf_append(ss_peer_begin(peer), payload, len);
    ss_peer_end(peer, op, slot, generation, call);
}

static void empty(ss_buf_t *b) {
    b->len = 0;
    if (b->cap > SS_OUTPUT_KEEP) {
        ss_buf_free(b);
    }
}

static void resume(ss_peer_t *peer);

static void on_written(uv_write_t *write, int status) {
    ss_peer_t *peer = write->data;
    peer->writing_now = false;
    if (peer->state == SS_PEER_CLOSED) {
        return;
    }
    if (status < 0) {
        ss_peer_close(peer, uv_strerror(status));
        return;
    }
    empty(&peer->writing);
    ss_peer_flush(peer);
    bool reads = peer->state != SS_PEER_CLOSED && ss_peer_queued(peer) < SS_OUTPUT_SOFT / 2;
    if (peer->paused && reads) {
        resume(peer);
    }
}

/* Hands the rest of the output, from `done` on, to libuv. */
static void write_later(ss_peer_t *peer, size_t done) {
    ss_buf_t spare = peer->writing;
    peer->writing = peer->output;
    peer->output = spare;
    peer->write.data = peer;
    peer->writing_now = true;
    uv_buf_t rest = uv_buf_init(peer->writing.data + done, (unsigned)(peer->writing.len - done));
    int rc = uv_write(&peer->write, (uv_stream_t *)&peer->pipe, &rest, 1, on_written);
    if (rc != 0) {
        peer->writing_now = false;
        lose(peer, uv_strerror(rc));
    }
}

static void close_when_drained(ss_peer_t *peer) {
    if (peer->drained && peer->calls == 0 && ss_peer_queued(peer) == 0 &&
        peer->partials.first == NULL) {
        peer->drained = false; /* GOODBYE is output too: once */
        say_goodbye(peer, "the sidecar is leaving");
        ss_peer_flush(peer);
        ss_peer_close(peer, "drained");
    }
}

/* As far as the socket takes it. */
static void write_output(ss_peer_t *peer) {
    /* A host speaks first: what is for it waits for its HELLO. */
    bool waits = peer->state == SS_PEER_NEW && peer->host != NULL;
    if (peer->state == SS_PEER_CLOSED || peer->writing_now || waits || peer->output.len == 0) {
        return;
    }
    uv_buf_t all = uv_buf_init(peer->output.data, (unsigned)peer->output.len);
    int n = uv_try_write((uv_stream_t *)&peer->pipe, &all, 1);
    if (n < 0 && n != UV_EAGAIN) {
        lose(peer, uv_strerror(n));
    } else if (n != (int)peer->output.len) {
        write_later(peer, n < 0 ? 0 : (size_t)n);
    } else {
        empty(&peer->output);
    }
}

void ss_peer_flush(ss_peer_t *peer) {
    write_output(peer);
    if (peer->state == SS_PEER_CLOSED) {
        return;
    }
    if (peer->lost != NULL) {
        ss_peer_close(peer, peer->lost);
    } else if (peer->draining) {
        close_when_drained(peer);
    }
}

/* --- input ----------------------------------------------------------------------------------- */

static void on_space(uv_handle_t *handle, size_t suggested, uv_buf_t *space) {
    (void)suggested;
    ss_peer_t *peer = handle->data;
    *space = uv_buf_init((char *)peer->input + peer->input_len,
                         (unsigned)(SS_INPUT_BYTES - peer->input_len));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *space) {
    (void)space;
    ss_peer_t *peer = stream->data;
    if (n < 0) {
        ss_peer_close(peer, n == UV_EOF ? "the other end closed it" : uv_strerror((int)n));
        return;
    }
    peer->input_len += (size_t)n;
    peer->silent_ms = 0;
    consume(peer);
}

static void pause_reading(ss_peer_t *peer) {
    if (!peer->paused) {
        ss_log(SS_LOG_DEBUG, "%s does not read; reading pauses", peer->name);
        peer->paused = true;
        uv_read_stop((uv_stream_t *)&peer->pipe);
    }
}

static void resume(ss_peer_t *peer) {
    peer->paused = false;
    peer->silent_ms = 0;
    consume(peer);
    if (peer->state != SS_PEER_CLOSED && !peer->paused) {
        uv_read_start((uv_stream_t *)&peer->pipe, on_space, on_read);
    }
}

/* Handles the next whole frame at `at`.  Gives its length; 0 when there is none, or the peer has
 * been closed for it. */
static size_t consume_frame(ss_peer_t *peer, const uint8_t *at, size_t left) {
    ss_link_header_t h;
    ss_link_direction_t side =
        peer->role == SS_LINK_ROLE_WORKER ? SS_LINK_TO_SIDECAR : SS_LINK_FROM_HOST;
    ss_link_rc_t rc = ss_link_decode_header(at, left, side, &h);
    if (rc == SS_LINK_AGAIN) {
        return 0;
    }
    if (rc != SS_LINK_OK) {
        ss_peer_fail(peer, "%s: operation 0x%02x (%s), length %u", ss_link_strerror(rc), h.op,
                     ss_link_op_name(h.op), (unsigned)h.length);
        return 0;
    }
    if (left < SS_LINK_HEADER + h.length) {
        return 0;
    }
    ss_frames_handle(peer, &h, at + SS_LINK_HEADER);
    return SS_LINK_HEADER + h.length;
}

/* Handles all whole frames and keeps the rest; stops when answers pile up. */
static void consume(ss_peer_t *peer) {
    size_t at = 0;
    for (;;) {
        size_t n = consume_frame(peer, peer->input + at, peer->input_len - at);
        at += n;
        if (n == 0 || peer->state == SS_PEER_CLOSED) {
            break;
        }
        if (peer->role == SS_LINK_ROLE_WORKER && ss_peer_queued(peer) >= SS_OUTPUT_SOFT) {
            ss_peer_flush(peer);
            if (peer->state != SS_PEER_CLOSED && ss_peer_queued(peer) >= SS_OUTPUT_SOFT) {
                pause_reading(peer);
                break;
            }
        }
    }
    peer->input_len -= at;
    if (at != 0 && peer->input_len != 0) {
        memmove(peer->input, peer->input + at, peer->input_len);
    }
}

/* --- life ------------------------------------------------------------------------------------ */

/* Counts ticks, not time: after a pause of our own (a blocking action, a suspended machine) what
 * the other end said meanwhile still waits in the socket. */
void ss_peer_tick(ss_peer_t *peer, uint32_t interval_ms) {
    size_t now = uv_stream_get_write_queue_size((const uv_stream_t *)&peer->pipe);
    if (now < peer->write_queued) {
        peer->silent_ms = 0; /* it reads what we wrote, while we do not read it */
    }
    peer->write_queued = now;
    if (peer->silent_ms >= peer->silence_limit_ms) {
        ss_log(SS_LOG_WARNING, "%s was silent for %u ms", peer->name,
               (unsigned)peer->silence_limit_ms);
        if (peer->host != NULL) {
            ss_host_hangs(peer->host);
        }
        ss_peer_close(peer, "silence");
        return;
    }
    peer->silent_ms += interval_ms;
    if (peer->state == SS_PEER_OPEN) {
        uint8_t payload[8] = {0};
        ss_peer_send(peer, SS_LINK_PING, 0, 0, 0, payload, sizeof payload);
        if (peer->role == SS_LINK_ROLE_WORKER) {
            ss_health_tell(peer);
        }
    }
}

void ss_peer_finish_reading(ss_peer_t *peer) {
    uv_os_fd_t fd;
    size_t all = 0;
    ssize_t n = 1;
    /* Somebody else may have its end, too, and write on. */
    while (peer->state != SS_PEER_CLOSED && n > 0 && all < SS_HOST_REST_MAX &&
           uv_fileno((const uv_handle_t *)&peer->pipe, &fd) == 0) {
        n = read(fd, peer->input + peer->input_len, SS_INPUT_BYTES - peer->input_len);
        if (n > 0) {
            all += (size_t)n;
            peer->input_len += (size_t)n;
            consume(peer);
        }
    }
    ss_peer_close(peer, "its process has ended");
}

void ss_peer_drain(ss_peer_t *peer) {
    if (peer->state != SS_PEER_OPEN) {
        ss_peer_close(peer, "leaving before it said HELLO");
        return;
    }
    peer->draining = true;
    ss_peer_send(peer, SS_LINK_DRAIN, 0, 0, 0, NULL, 0);
    ss_peer_send(peer, SS_LINK_PING, 0, 0, 0, drain_mark, sizeof drain_mark);
}

void ss_peer_pong(ss_peer_t *peer, const uint8_t *payload) {
    if (peer->draining && memcmp(payload, drain_mark, sizeof drain_mark) == 0) {
        peer->drained = true;
    }
}

static ss_peer_t *create(ss_sidecar_t *sidecar, ss_link_role_t role) {
    ss_peer_t *peer = ss_alloc_zero(sizeof *peer);
    peer->sidecar = sidecar;
    peer->refs = 1;
    peer->input = ss_alloc(SS_INPUT_BYTES);
    peer->max_answer = SS_ANSWER_MAX;
    peer->silence_limit_ms = SS_LINK_SILENCE_MS;
    peer->role = role;
    add_to_list(peer);
    uv_pipe_init(sidecar->loop, &peer->pipe, 0);
    peer->pipe.data = peer;
    return peer;
}

ss_peer_t *ss_peer_open_host(ss_sidecar_t *sidecar, int fd, struct ss_host *host,
                             const char *name) {
    ss_peer_t *peer = create(sidecar, SS_LINK_ROLE_HOST);
    peer->max_answer = SS_HOST_CALL_MAX;
    snprintf(peer->name, sizeof peer->name, "%s", name);
    uv_pipe_open(&peer->pipe, fd);
    uv_read_start((uv_stream_t *)&peer->pipe, on_space, on_read);
    peer->host = host;
    return ss_peer_ref(peer);
}

void ss_peer_introduce(ss_peer_t *peer, ss_link_role_t role, uint32_t pid) {
    if (peer->host == NULL) {
        snprintf(peer->name, sizeof peer->name, "%s %u",
                 role == SS_LINK_ROLE_WORKER ? "worker" : "console", (unsigned)pid);
    }
    if (role != peer->role) {
        take_off_list(peer);
        peer->role = role;
        add_to_list(peer);
    }
}

void ss_peer_accept(uv_stream_t *listener, int status) {
    ss_sidecar_t *sidecar = listener->data;
    if (status < 0) {
        ss_log(SS_LOG_ERROR, "cannot accept a link: %s", uv_strerror(status));
        return;
    }
    ss_peer_t *peer = create(sidecar, SS_LINK_ROLE_WORKER);
    int rc = uv_accept(listener, (uv_stream_t *)&peer->pipe);
    uv_os_fd_t fd = -1;
    struct ucred who;
    if (rc == 0) {
        rc = uv_fileno((const uv_handle_t *)&peer->pipe, &fd);
    }
    if (rc != 0) {
        ss_peer_close(peer, uv_strerror(rc));
    } else if (!ss_link_server_allows(&sidecar->options.access, fd, &who)) {
        ss_log(SS_LOG_WARNING, "refused a link from process %ld of user %ld: not allowed",
               (long)who.pid, (long)who.uid);
        ss_peer_close(peer, "not allowed");
    } else if (sidecar->peer_count + sidecar->host_count > SS_PEERS_MAX) {
        ss_peer_fail(peer, "more than %d links", SS_PEERS_MAX);
    } else {
        peer->own = who.uid == 0 || who.uid == geteuid();
        ss_peer_introduce(peer, SS_LINK_ROLE_WORKER, (uint32_t)who.pid);
        uv_read_start((uv_stream_t *)&peer->pipe, on_space, on_read);
    }
}
