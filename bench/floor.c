/* SPDX-License-Identifier: MIT
 *
 * The floor of the table in make bench: the least that a server can do for a call and still speak
 * WebSocket and JSON-RPC.  One epoll, our own codecs of shared/, one read and one write per client
 * and turn; no limits, no timers, no log.  As "floor two" the calls are answered by a second
 * process behind a Unix socket and the frames of ss_link.h, as ours are: what ours costs above
 * that is what nginx and the sidecar's services cost.
 *
 * A notification is an event: it goes as it is to all that called bench.join.  "floor eager" is the
 * bare send(): it writes to each of them at once, where the others coalesce.  Prints its port.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ss_errors.h"
#include "ss_jsonrpc.h"
#include "ss_link.h"
#include "ss_ws.h"

#define READ_SIZE (256u << 10)
#define MESSAGE_MAX 4096
#define FILES_MAX 20000

typedef struct {
    uint8_t *data;
    size_t len;
    size_t cap;
} queue_t;

typedef struct peer {
    struct peer *next_dirty;
    int fd;
    bool open;
    bool dirty;
    bool member; /* called bench.join */
    uint8_t keep_len;
    uint8_t keep[SS_WS_KEEP_MAX];
    ss_ws_decoder_t decoder;
    queue_t out;
    queue_t message; /* one that came in pieces */
} peer_t;

static int epoll;
static int link_fd = -1;         /* to the other process; -1 when there is one only */
static peer_t *peers[FILES_MAX]; /* by file; the file is the client's slot on the link */
static int files = 0;            /* one past the last client */
static bool eager;               /* events are written at once */
static peer_t *dirty;
static queue_t link_in, link_out;
static uint8_t in[SS_WS_KEEP_MAX + READ_SIZE + 1];

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static uint8_t *reserve(queue_t *q, size_t more) {
    if (q->cap - q->len < more) {
        q->cap = (q->len + more) * 2;
        q->data = realloc(q->data, q->cap);
        if (q->data == NULL) {
            fail("realloc");
        }
    }
    return q->data + q->len;
}

static void append(queue_t *q, const void *data, size_t len) {
    memcpy(reserve(q, len), data, len);
    q->len += len;
}

/* A short write would need a second queue; the generator reads all that it asked for. */
static bool flush(int fd, queue_t *q) {
    bool ok = q->len == 0 || send(fd, q->data, q->len, MSG_NOSIGNAL) == (ssize_t)q->len;
    q->len = 0;
    return ok;
}

static void put_link(uint8_t op, uint32_t slot, const void *data, size_t len) {
    ss_link_header_t header = {.length = (uint32_t)len, .op = op, .slot = slot, .call = 1};
    ss_link_encode_header(reserve(&link_out, SS_LINK_HEADER + len), &header);
    link_out.len += SS_LINK_HEADER;
    append(&link_out, data, len);
}

static void mark_dirty(peer_t *p) {
    if (!p->dirty) {
        p->dirty = true;
        p->next_dirty = dirty;
        dirty = p;
    }
}

static void put_frame(uint32_t slot, const char *text, size_t len) {
    peer_t *p = peers[slot];
    if (p == NULL) {
        return;
    }
    uint8_t *pos = reserve(&p->out, SS_WS_HEADER_MAX + len);
    p->out.len += ss_ws_encode_header(pos, true, SS_WS_TEXT, len, NULL);
    append(&p->out, text, len);
    mark_dirty(p);
}

/* In one process the answer goes to the client, else back over the link. */
static void put_answer(uint32_t slot, const char *text, size_t len) {
    if (link_fd < 0) {
        put_frame(slot, text, len);
    } else {
        put_link(SS_LINK_REPLY, slot, text, len);
    }
}

/* The same bytes to every member. */
static void publish(const char *text, size_t len) {
    uint8_t frame[SS_WS_HEADER_MAX + MESSAGE_MAX];
    size_t head = ss_ws_encode_header(frame, true, SS_WS_TEXT, len, NULL);
    memcpy(frame + head, text, len);
    for (int i = 0; i < files; i++) {
        peer_t *p = peers[i];
        if (p == NULL || !p->member) {
            continue;
        }
        if (eager) {
            send(p->fd, frame, head + len, MSG_NOSIGNAL);
        } else {
            append(&p->out, frame, head + len);
            mark_dirty(p);
        }
    }
}

static bool is(ss_span_t span, const char *text) {
    return span.len == strlen(text) && memcmp(span.ptr, text, span.len) == 0;
}

static void answer_call(uint32_t slot, const ss_rpc_call_t *call) {
    char text[256];
    int len;
    if (is(call->method, "bench.square")) {
        long n = strtol(call->params.ptr + 1, NULL, 10);
        len = snprintf(text, sizeof text, "{\"jsonrpc\":\"2.0\",\"id\":%.*s,\"result\":%ld}",
                       (int)call->id.len, call->id.ptr, n * n);
    } else if (is(call->method, "bench.join") && link_fd < 0) {
        peers[slot]->member = true;
        len = snprintf(text, sizeof text, "{\"jsonrpc\":\"2.0\",\"id\":%.*s,\"result\":true}",
                       (int)call->id.len, call->id.ptr);
    } else {
        len = (int)ss_rpc_write_error(text, sizeof text, call->id, SS_RPC_METHOD_NOT_FOUND);
    }
    put_answer(slot, text, (size_t)len < sizeof text ? (size_t)len : 0);
}

static void answer_message(uint32_t slot, const uint8_t *data, size_t len) {
    ss_rpc_scan_t scan;
    ss_rpc_call_t call;
    if (ss_rpc_open(&scan, (const char *)data, len) > SS_RPC_BATCH) {
        return;
    }
    while (ss_rpc_next(&scan, &call)) {
        if (call.valid && call.notification) {
            publish((const char *)data, len);
        } else if (call.valid) {
            answer_call(slot, &call);
        }
    }
}

static void take_message(const peer_t *p, const uint8_t *data, size_t len) {
    if (link_fd < 0) {
        answer_message((uint32_t)p->fd, data, len);
    } else {
        put_link(SS_LINK_MESSAGE, (uint32_t)p->fd, data, len);
    }
}

static void take_piece(peer_t *p, const ss_ws_piece_t *piece) {
    if (piece->first && piece->last) {
        take_message(p, piece->data, piece->len);
        return;
    }
    if (piece->first) {
        p->message.len = 0;
    }
    append(&p->message, piece->data, piece->len);
    if (piece->last) {
        take_message(p, p->message.data, p->message.len);
    }
}

/* false: the connection is to be closed. */
static bool take_frames(peer_t *p, uint8_t *pos, uint8_t *end) {
    ss_ws_piece_t piece;
    for (;;) {
        switch (ss_ws_decode(&p->decoder, &pos, end, &piece)) {
        case SS_WS_MORE:
            p->keep_len = (uint8_t)(end - pos);
            memcpy(p->keep, pos, p->keep_len);
            return true;
        case SS_WS_DATA:
            take_piece(p, &piece);
            break;
        case SS_WS_CONTROL:
            if (piece.opcode == SS_WS_CLOSE) {
                return false;
            }
            break;
        case SS_WS_ERROR:
            return false;
        }
    }
}

/* The request is taken to come in one read and to be in order: only the generator connects. */
static bool take_handshake(peer_t *p, char *head) {
    static const char name[] = "Sec-WebSocket-Key: ";
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    char key[24 + sizeof guid];
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned char accept[29];
    const char *at = strstr(head, name);
    if (at == NULL || strlen(at) < sizeof name + 24) {
        return false;
    }
    memcpy(key, at + sizeof name - 1, 24);
    memcpy(key + 24, guid, sizeof guid);
    EVP_Digest(key, sizeof key - 1, digest, NULL, EVP_sha1(), NULL);
    EVP_EncodeBlock(accept, digest, 20);
    char answer[256];
    int len = snprintf(answer, sizeof answer,
                       "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                       "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
                       (char *)accept);
    append(&p->out, answer, (size_t)len);
    ss_ws_decoder_init(&p->decoder, SS_WS_SERVER, MESSAGE_MAX);
    p->open = true;
    return flush(p->fd, &p->out);
}

static void close_peer(peer_t *p) {
    for (peer_t **at = &dirty; *at != NULL; at = &(*at)->next_dirty) {
        if (*at == p) {
            *at = p->next_dirty;
            break;
        }
    }
    peers[p->fd] = NULL;
    close(p->fd);
    free(p->out.data);
    free(p->message.data);
    free(p);
}

static void flush_dirty(void) {
    while (dirty != NULL) {
        peer_t *p = dirty;
        dirty = p->next_dirty;
        p->dirty = false;
        if (!flush(p->fd, &p->out)) {
            close_peer(p);
        }
    }
}

static void peer_event(peer_t *p) {
    memcpy(in, p->keep, p->keep_len);
    ssize_t n = recv(p->fd, in + p->keep_len, READ_SIZE, 0);
    bool ok = n > 0;
    if (ok && p->open) {
        ok = take_frames(p, in, in + p->keep_len + n);
    } else if (ok) {
        in[n] = '\0';
        ok = take_handshake(p, (char *)in);
    }
    if (!ok) {
        close_peer(p);
    }
}

/* The front never waits for the back, which may be waiting for it: what does not fit stays queued
 * and keeps the loop turning. */
static void flush_link(void) {
    if (link_out.len == 0) {
        return;
    }
    ssize_t n = send(link_fd, link_out.data, link_out.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n > 0) {
        link_out.len -= (size_t)n;
        memmove(link_out.data, link_out.data + n, link_out.len);
    }
}

static void watch(int fd) {
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0) {
        fail("epoll_ctl");
    }
}

static void accept_peer(int listener) {
    const int one = 1;
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        return;
    }
    peer_t *p = fd < FILES_MAX ? calloc(1, sizeof *p) : NULL;
    if (p == NULL) {
        fail("a client too many");
    }
    p->fd = fd;
    peers[fd] = p;
    files = fd < files ? files : fd + 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    watch(fd);
}

/* Reads from the link what there is; each whole frame goes to the side that we are. */
static void read_link(bool front) {
    ssize_t n = recv(link_fd, reserve(&link_in, READ_SIZE), READ_SIZE, 0);
    if (n <= 0) {
        exit(0);
    }
    link_in.len += (size_t)n;
    ss_link_direction_t towards = front ? SS_LINK_TO_WORKER : SS_LINK_TO_SIDECAR;
    ss_link_header_t header;
    size_t done = 0;
    while (ss_link_decode_header(link_in.data + done, link_in.len - done, towards, &header) ==
               SS_LINK_OK &&
           link_in.len - done >= SS_LINK_HEADER + header.length) {
        const uint8_t *payload = link_in.data + done + SS_LINK_HEADER;
        if (front) {
            put_frame(header.slot, (const char *)payload, header.length);
        } else {
            answer_message(header.slot, payload, header.length);
        }
        done += SS_LINK_HEADER + header.length;
    }
    link_in.len -= done;
    memmove(link_in.data, link_in.data + done, link_in.len);
}

static void split(void) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0) {
        fail("socketpair");
    }
    pid_t child = fork();
    if (child < 0) {
        fail("fork");
    }
    link_fd = pair[child == 0];
    close(pair[child != 0]);
    while (child == 0) {
        read_link(false);
        flush(link_fd, &link_out);
    }
    watch(link_fd);
}

static int listen_anywhere(void) {
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, len) < 0 || listen(fd, 4096) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &len) < 0) {
        fail("listen");
    }
    printf("port %u\n", ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

int main(int argc, char **argv) {
    epoll = epoll_create1(EPOLL_CLOEXEC);
    if (argc > 1 && strcmp(argv[1], "two") == 0) {
        split();
    }
    eager = argc > 1 && strcmp(argv[1], "eager") == 0;
    int listener = listen_anywhere();
    watch(listener);
    for (;;) {
        struct epoll_event events[256];
        int n = epoll_wait(epoll, events, 256, link_out.len == 0 ? -1 : 1);
        for (int i = 0; i < n; i++) {
            int fd = events[i].data.fd;
            if (fd == listener) {
                accept_peer(listener);
            } else if (fd == link_fd) {
                read_link(true);
            } else if (peers[fd] != NULL) {
                peer_event(peers[fd]);
            }
            if (link_fd < 0) {
                flush_dirty();
            }
        }
        flush_dirty();
        flush_link();
    }
}
