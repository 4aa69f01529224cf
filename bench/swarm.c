/* SPDX-License-Identifier: MIT
 *
 * The clients' sockets and frames; see swarm.h.
 */
#include "swarm.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tls.h"

#define READ_SIZE (256u << 10)
#define HEAD_MAX 8192         /* bytes of a handshake response */
#define MESSAGE_MAX (1 << 20) /* bytes of one message from the server */
#define OPENING_MAX 32        /* handshakes at a time: what they need must not pass for clients' */
#define CLOSE_WAIT_NS (3 * NS_PER_S)

static void buffer_reserve(buffer_t *b, size_t more) {
    if (b->cap - b->len >= more) {
        return;
    }
    size_t cap = b->cap == 0 ? 512 : b->cap;
    while (cap - b->len < more) {
        cap *= 2;
    }
    b->data = realloc(b->data, cap);
    if (b->data == NULL) {
        die("out of memory");
    }
    b->cap = cap;
}

static void buffer_append(buffer_t *b, const void *data, size_t len) {
    buffer_reserve(b, len);
    memcpy(b->data + b->len, data, len);
    b->len += len;
}

static void buffer_free(buffer_t *b) {
    free(b->data);
    *b = (buffer_t){0};
}

static void client_watch(client_t *c, uint32_t events, int op) {
    struct epoll_event event = {.events = events, .data.ptr = c};
    if (epoll_ctl(c->swarm->epoll, op, c->fd, &event) < 0) {
        die("epoll_ctl: %m");
    }
}

/* --- frames out ------------------------------------------------------------------------------ */

/* Masks must differ from frame to frame (RFC 6455 section 5.3); here they need not be secret. */
static void next_mask(swarm_t *swarm, uint8_t mask[4]) {
    uint32_t x = swarm->random;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    swarm->random = x;
    memcpy(mask, &x, 4);
}

static void queue_frame(client_t *c, uint8_t opcode, const void *payload, size_t len) {
    uint8_t mask[4];
    next_mask(c->swarm, mask);
    buffer_reserve(&c->out, SS_WS_HEADER_MAX + len);
    uint8_t *pos = c->out.data + c->out.len;
    size_t head = ss_ws_encode_header(pos, true, opcode, len, mask);
    if (len != 0) {
        memcpy(pos + head, payload, len);
        ss_ws_mask(pos + head, len, mask, 0);
    }
    c->out.len += head + len;
}

void client_queue_text(client_t *c, const char *text, size_t len) {
    queue_frame(c, SS_WS_TEXT, text, len);
}

void client_flush(client_t *c) {
    if (c->blocked || c->out.len == 0) {
        return;
    }
    ssize_t n = c->ssl == NULL ? send(c->fd, c->out.data, c->out.len, MSG_NOSIGNAL)
                               : tls_send(c->ssl, c->out.data, c->out.len);
    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        die("client %u: send: %m", c->index);
    }
    size_t sent = n < 0 ? 0 : (size_t)n;
    c->out.len -= sent;
    if (c->out.len != 0) {
        memmove(c->out.data, c->out.data + sent, c->out.len);
        c->blocked = true;
        client_watch(c, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
    }
}

static void client_unblock(client_t *c) {
    c->blocked = false;
    client_watch(c, EPOLLIN, EPOLL_CTL_MOD);
    client_flush(c);
}

/* --- frames in ------------------------------------------------------------------------------- */

static void client_closed(client_t *c) {
    if (c->state != CLIENT_CLOSING) {
        die("client %u: the server closed the connection", c->index);
    }
    tls_free(c->ssl);
    c->ssl = NULL;
    close(c->fd);
    c->fd = -1;
    c->state = CLIENT_CLOSED;
    c->swarm->closed++;
    if (c->swarm->on_closed != NULL) {
        c->swarm->on_closed(c);
    }
}

static void client_control(client_t *c, const ss_ws_piece_t *piece) {
    if (piece->opcode == SS_WS_PING) {
        queue_frame(c, SS_WS_PONG, piece->data, piece->len);
    } else if (piece->opcode == SS_WS_CLOSE && c->state != CLIENT_CLOSING) {
        die("client %u: closed by the server with code %u", c->index,
            ss_ws_close_code(piece->data, piece->len));
    }
}

static void client_piece(client_t *c, const ss_ws_piece_t *piece, uint64_t now) {
    if (piece->first && piece->last) {
        c->swarm->on_message(c, (const char *)piece->data, piece->len, now);
        return;
    }
    if (piece->first) {
        c->in.len = 0;
    }
    buffer_append(&c->in, piece->data, piece->len);
    if (piece->last) {
        c->swarm->on_message(c, (const char *)c->in.data, c->in.len, now);
    }
}

static void client_decode(client_t *c, uint8_t *pos, uint8_t *end, uint64_t now) {
    ss_ws_piece_t piece;
    for (;;) {
        switch (ss_ws_decode(&c->decoder, &pos, end, &piece)) {
        case SS_WS_MORE:
            c->keep_len = (uint8_t)(end - pos);
            memcpy(c->keep, pos, c->keep_len);
            return;
        case SS_WS_DATA:
            client_piece(c, &piece, now);
            break;
        case SS_WS_CONTROL:
            client_control(c, &piece);
            break;
        case SS_WS_ERROR:
            die("client %u: bad frame: %s", c->index, ss_ws_error(&c->decoder));
        }
    }
}

static ssize_t client_recv(client_t *c, void *buf, size_t cap) {
    return c->ssl == NULL ? recv(c->fd, buf, cap, 0) : tls_recv(c->ssl, buf, cap);
}

/* Goes on while the buffer comes back full: of what TLS holds back epoll would not tell. */
static void client_read(client_t *c, uint64_t now) {
    swarm_t *swarm = c->swarm;
    uint8_t *buf = swarm->read_buf;
    ssize_t n;
    do {
        memcpy(buf, c->keep, c->keep_len);
        n = client_recv(c, buf + c->keep_len, READ_SIZE);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            return;
        }
        if (n <= 0) {
            client_closed(c);
            return;
        }
        swarm->last_read = now;
        client_decode(c, buf, buf + c->keep_len + n, now);
        client_flush(c);
    } while (n == READ_SIZE);
}

/* --- handshake ------------------------------------------------------------------------------- */

/* Section 4.1, and 4.2.2 item 5.4 for what the server must make of the key. */
static void make_key(char key[25], char accept[29]) {
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    uint8_t nonce[16];
    uint8_t digest[EVP_MAX_MD_SIZE];
    char text[24 + sizeof guid];
    if (RAND_bytes(nonce, sizeof nonce) != 1) {
        die("no random bytes");
    }
    EVP_EncodeBlock((unsigned char *)key, nonce, sizeof nonce);
    memcpy(text, key, 24);
    memcpy(text + 24, guid, sizeof guid);
    if (EVP_Digest(text, 24 + sizeof guid - 1, digest, NULL, EVP_sha1(), NULL) != 1) {
        die("SHA-1 failed");
    }
    EVP_EncodeBlock((unsigned char *)accept, digest, 20);
}

static void client_request(client_t *c) {
    const options_t *o = c->swarm->options;
    char key[25];
    char text[1024];
    make_key(key, c->accept);
    int len = snprintf(text, sizeof text,
                       "GET %s HTTP/1.1\r\nHost: %s:%u\r\nUpgrade: websocket\r\n"
                       "Connection: Upgrade\r\nSec-WebSocket-Key: %s\r\n"
                       "Sec-WebSocket-Version: 13\r\n\r\n",
                       o->path, o->host, o->port, key);
    if (len < 0 || (size_t)len >= sizeof text) {
        die("the path is too long");
    }
    buffer_append(&c->out, text, (size_t)len);
    c->state = CLIENT_SHAKING;
    client_flush(c);
}

/* The value of header `name` in a NUL-terminated response head, without the blanks around it. */
static bool head_value_is(const char *head, const char *name, const char *value, bool fold) {
    size_t name_len = strlen(name);
    for (const char *line = strstr(head, "\r\n"); line != NULL; line = strstr(line, "\r\n")) {
        line += 2;
        if (strncasecmp(line, name, name_len) != 0 || line[name_len] != ':') {
            continue;
        }
        const char *v = line + name_len + 1;
        v += strspn(v, " \t");
        size_t len = strcspn(v, "\r");
        while (len > 0 && (v[len - 1] == ' ' || v[len - 1] == '\t')) {
            len--;
        }
        return len == strlen(value) &&
               (fold ? strncasecmp(v, value, len) : strncmp(v, value, len)) == 0;
    }
    return false;
}

static void check_head(const client_t *c, const char *head) {
    if (strncmp(head, "HTTP/1.1 101 ", 13) != 0) {
        die("client %u: handshake refused: %.*s", c->index, (int)strcspn(head, "\r"), head);
    }
    if (!head_value_is(head, "Upgrade", "websocket", true) ||
        !head_value_is(head, "Connection", "upgrade", true)) {
        die("client %u: the 101 upgrades to something else", c->index);
    }
    if (!head_value_is(head, "Sec-WebSocket-Accept", c->accept, false)) {
        die("client %u: wrong Sec-WebSocket-Accept", c->index);
    }
}

static void client_shake(client_t *c, uint64_t now) {
    buffer_reserve(&c->in, HEAD_MAX + 1);
    ssize_t n = client_recv(c, c->in.data + c->in.len, HEAD_MAX - c->in.len);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (n <= 0) {
        die("client %u: closed during the handshake", c->index);
    }
    c->swarm->last_read = now;
    c->in.len += (size_t)n;
    c->in.data[c->in.len] = '\0';
    char *end = strstr((char *)c->in.data, "\r\n\r\n");
    if (end == NULL) {
        if (c->in.len == HEAD_MAX) {
            die("client %u: the handshake's response is too long", c->index);
        }
        return;
    }
    end[2] = '\0';
    check_head(c, (char *)c->in.data);
    ss_ws_decoder_init(&c->decoder, SS_WS_CLIENT, MESSAGE_MAX);
    c->state = CLIENT_OPEN;
    c->swarm->open++;
    buffer_t head = c->in;
    c->in = (buffer_t){0};
    if (c->swarm->on_open != NULL) {
        c->swarm->on_open(c);
    }
    client_decode(c, (uint8_t *)end + 4, head.data + head.len, now);
    buffer_free(&head);
    client_flush(c);
}

void client_connect(client_t *c) {
    const options_t *o = c->swarm->options;
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(o->port)};
    struct sockaddr_in from = {.sin_family = AF_INET};
    const int one = 1;
    if (inet_pton(AF_INET, o->host, &to.sin_addr) != 1) {
        die("\"%s\" is not an IPv4 address", o->host);
    }
    if (c->state == CLIENT_CLOSED) {
        c->swarm->closed--;
        c->keep_len = 0;
        c->blocked = false;
        c->out.len = 0;
    }
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0) {
        die("client %u: socket: %m", c->index);
    }
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    /* Several source addresses, so that runs in a row do not run out of ports in TIME_WAIT. */
    if (o->sources > 1) {
        from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + c->swarm->connects % o->sources);
        setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
        if (bind(c->fd, (struct sockaddr *)&from, sizeof from) < 0) {
            die("client %u: bind: %m", c->index);
        }
    }
    if (connect(c->fd, (struct sockaddr *)&to, sizeof to) < 0 && errno != EINPROGRESS) {
        die("client %u: connect: %m", c->index);
    }
    c->swarm->connects++;
    c->state = CLIENT_CONNECTING;
    client_watch(c, EPOLLOUT, EPOLL_CTL_ADD);
}

static void client_secure(client_t *c) {
    switch (tls_connect(c->ssl)) {
    case TLS_DONE:
        client_watch(c, EPOLLIN, EPOLL_CTL_MOD);
        client_request(c);
        break;
    case TLS_WANTS_READ:
        client_watch(c, EPOLLIN, EPOLL_CTL_MOD);
        break;
    case TLS_WANTS_WRITE:
        client_watch(c, EPOLLOUT, EPOLL_CTL_MOD);
        break;
    }
}

static void client_connected(client_t *c) {
    int error = 0;
    socklen_t len = sizeof error;
    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0 || error != 0) {
        die("client %u: connect: %s", c->index, strerror(error));
    }
    if (c->swarm->tls != NULL) {
        c->ssl = tls_create(c->swarm->tls, c->fd);
        c->state = CLIENT_SECURING;
        client_secure(c);
        return;
    }
    client_watch(c, EPOLLIN, EPOLL_CTL_MOD);
    client_request(c);
}

/* --- the swarm ------------------------------------------------------------------------------- */

void swarm_init(swarm_t *swarm, const options_t *options, swarm_message_t on_message) {
    *swarm = (swarm_t){.options = options, .on_message = on_message, .n = options->clients};
    swarm->random = 0x9e3779b9;
    swarm->epoll = epoll_create1(EPOLL_CLOEXEC);
    swarm->clients = calloc(swarm->n, sizeof *swarm->clients);
    swarm->read_buf = malloc(SS_WS_KEEP_MAX + READ_SIZE);
    if (swarm->epoll < 0 || swarm->clients == NULL || swarm->read_buf == NULL) {
        die("no room for %u clients: %m", swarm->n);
    }
    if (options->tls) {
        swarm->tls = tls_context();
    }
    for (unsigned i = 0; i < swarm->n; i++) {
        swarm->clients[i] = (client_t){.swarm = swarm, .index = i, .fd = -1};
    }
}

void swarm_finish(swarm_t *swarm) {
    for (unsigned i = 0; i < swarm->n; i++) {
        client_t *c = &swarm->clients[i];
        tls_free(c->ssl);
        if (c->fd >= 0) {
            close(c->fd);
        }
        buffer_free(&c->in);
        buffer_free(&c->out);
    }
    tls_context_free(swarm->tls);
    close(swarm->epoll);
    free(swarm->clients);
    free(swarm->read_buf);
}

static void client_event(client_t *c, uint32_t events, uint64_t now) {
    switch (c->state) {
    case CLIENT_CONNECTING:
        client_connected(c);
        break;
    case CLIENT_SECURING:
        client_secure(c);
        break;
    case CLIENT_SHAKING:
        client_shake(c, now);
        break;
    case CLIENT_OPEN:
    case CLIENT_CLOSING:
        if ((events & EPOLLOUT) != 0 && c->blocked) {
            client_unblock(c);
        }
        if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) {
            client_read(c, now);
        }
        break;
    case CLIENT_IDLE:
    case CLIENT_CLOSED:
        break;
    }
}

void swarm_turn(swarm_t *swarm, bool expecting) {
    struct epoll_event events[256];
    int n = epoll_wait(swarm->epoll, events, 256, swarm->options->busy ? 0 : 10);
    if (n < 0 && errno != EINTR) {
        die("epoll_wait: %m");
    }
    uint64_t now = now_ns();
    for (int i = 0; i < n; i++) {
        client_event(events[i].data.ptr, events[i].events, now);
    }
    if (expecting && now > swarm->last_read + swarm->options->timeout_ns) {
        die("nothing came for %.0f s", (double)swarm->options->timeout_ns / (double)NS_PER_S);
    }
}

void swarm_open(swarm_t *swarm, unsigned n) {
    swarm->last_read = now_ns();
    while (swarm->open < n) {
        while (swarm->started < n && swarm->started - swarm->open < OPENING_MAX) {
            client_connect(&swarm->clients[swarm->started++]);
        }
        swarm_turn(swarm, true);
    }
}

void client_close(client_t *c) {
    static const uint8_t normal[2] = {SS_WS_CLOSE_NORMAL >> 8, SS_WS_CLOSE_NORMAL & 0xff};
    queue_frame(c, SS_WS_CLOSE, normal, sizeof normal);
    c->state = CLIENT_CLOSING;
    c->swarm->open--;
    client_flush(c);
}

unsigned swarm_close(swarm_t *swarm) {
    uint64_t deadline = now_ns() + CLOSE_WAIT_NS;
    for (unsigned i = 0; i < swarm->started; i++) {
        client_close(&swarm->clients[i]);
    }
    while (swarm->closed < swarm->started && now_ns() < deadline) {
        swarm_turn(swarm, false);
    }
    return swarm->started - swarm->closed;
}
