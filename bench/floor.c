/* SPDX-License-Identifier: MIT
 *
 * The floor of the table in make bench: the least that a server can do for a call and still speak
 * WebSocket and JSON-RPC.  One process, one epoll, our own codecs of shared/, one read and one
 * write per client and turn; no limits, no timers, no log.  What ours costs above it is what nginx,
 * the link and the sidecar's services cost.  Prints its port, and is no example of anything.
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
#include "ss_ws.h"

#define READ_SIZE (256u << 10)
#define MESSAGE_MAX 4096
#define OUT_SIZE (1u << 20)

typedef struct {
    int fd;
    bool open;
    uint8_t keep_len;
    uint8_t keep[SS_WS_KEEP_MAX];
    ss_ws_decoder_t decoder;
    size_t message_len;
    uint8_t message[MESSAGE_MAX]; /* one that came in pieces */
} peer_t;

static int epoll;
static uint8_t in[SS_WS_KEEP_MAX + READ_SIZE + 1];
static uint8_t out[OUT_SIZE];
static size_t out_len;

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static void put_frame(const char *text, size_t len) {
    if (OUT_SIZE - out_len < SS_WS_HEADER_MAX + len) {
        errno = ENOBUFS;
        fail("answers to one read");
    }
    out_len += ss_ws_encode_header(out + out_len, true, SS_WS_TEXT, len, NULL);
    memcpy(out + out_len, text, len);
    out_len += len;
}

static void answer_call(const ss_rpc_call_t *call) {
    static const char square[] = "native.square";
    char text[256];
    int len;
    if (!call->valid || call->notification) {
        return;
    }
    if (call->method.len != sizeof square - 1 ||
        memcmp(call->method.ptr, square, sizeof square - 1) != 0) {
        len = (int)ss_rpc_write_error(text, sizeof text, call->id, SS_RPC_METHOD_NOT_FOUND);
    } else {
        long n = strtol(call->params.ptr + 1, NULL, 10);
        len = snprintf(text, sizeof text, "{\"jsonrpc\":\"2.0\",\"id\":%.*s,\"result\":%ld}",
                       (int)call->id.len, call->id.ptr, n * n);
    }
    put_frame(text, (size_t)len < sizeof text ? (size_t)len : 0);
}

static void answer_message(const uint8_t *data, size_t len) {
    ss_rpc_scan_t scan;
    ss_rpc_call_t call;
    if (ss_rpc_open(&scan, (const char *)data, len) > SS_RPC_BATCH) {
        return;
    }
    while (ss_rpc_next(&scan, &call)) {
        answer_call(&call);
    }
}

static bool take_piece(peer_t *p, const ss_ws_piece_t *piece) {
    if (piece->first && piece->last) {
        answer_message(piece->data, piece->len);
        return true;
    }
    if (piece->first) {
        p->message_len = 0;
    }
    if (piece->len > MESSAGE_MAX - p->message_len) {
        return false;
    }
    memcpy(p->message + p->message_len, piece->data, piece->len);
    p->message_len += piece->len;
    if (piece->last) {
        answer_message(p->message, p->message_len);
    }
    return true;
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
            if (!take_piece(p, &piece)) {
                return false;
            }
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
    out_len = (size_t)snprintf((char *)out, OUT_SIZE,
                               "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                               "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
                               (char *)accept);
    ss_ws_decoder_init(&p->decoder, SS_WS_SERVER, MESSAGE_MAX);
    p->open = true;
    return true;
}

static void peer_event(peer_t *p) {
    memcpy(in, p->keep, p->keep_len);
    ssize_t n = recv(p->fd, in + p->keep_len, READ_SIZE, 0);
    bool ok = n > 0;
    out_len = 0;
    if (ok && p->open) {
        ok = take_frames(p, in, in + p->keep_len + n);
    } else if (ok) {
        in[n] = '\0';
        ok = take_handshake(p, (char *)in);
    }
    /* A short write would need a queue; the generator reads all that it asked for. */
    if (!ok || (out_len != 0 && send(p->fd, out, out_len, MSG_NOSIGNAL) != (ssize_t)out_len)) {
        close(p->fd);
        free(p);
    }
}

static void accept_peer(int listener) {
    const int one = 1;
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        return;
    }
    peer_t *p = calloc(1, sizeof *p);
    if (p == NULL) {
        fail("calloc");
    }
    p->fd = fd;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = p};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0) {
        fail("epoll_ctl");
    }
}

int main(void) {
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    if (listener < 0 || epoll < 0 || bind(listener, (struct sockaddr *)&address, len) < 0 ||
        listen(listener, 4096) < 0 ||
        getsockname(listener, (struct sockaddr *)&address, &len) < 0) {
        fail("listen");
    }
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
    printf("port %u\n", ntohs(address.sin_port));
    fflush(stdout);
    for (;;) {
        struct epoll_event events[256];
        int n = epoll_wait(epoll, events, 256, -1);
        for (int i = 0; i < n; i++) {
            if (events[i].data.ptr == NULL) {
                accept_peer(listener);
            } else {
                peer_event(events[i].data.ptr);
            }
        }
    }
}
