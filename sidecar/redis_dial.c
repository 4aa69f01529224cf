/* SPDX-License-Identifier: MIT
 *
 * See redis_dial.h.
 *
 * Of the poll handle: it is freed in its close callback, and knows the context only until hiredis
 * frees that (`cleanup`).  Reading may free the context; so it is asked for again before writing.
 */
#include "redis_dial.h"

#include <fcntl.h>
#include <string.h>

#include "mem.h"

typedef struct {
    uv_poll_t handle;
    redisAsyncContext *ac; /* NULL: hiredis has freed it */
    int events;
} poll_t;

struct ss_redis_dial {
    uv_getaddrinfo_t request;
    ss_redis_dial_fn done; /* NULL: cancelled */
    void *arg;
    int port;
    unsigned turn;
};

static void on_poll(uv_poll_t *handle, int status, int events) {
    poll_t *poll = handle->data;
    if (status != 0) {
        /* libuv has stopped; reading finds out what is wrong. */
        poll->events = 0;
        events = UV_READABLE;
    }
    if (poll->ac != NULL && (events & UV_READABLE) != 0) {
        redisAsyncHandleRead(poll->ac);
    }
    if (poll->ac != NULL && (events & UV_WRITABLE) != 0) {
        redisAsyncHandleWrite(poll->ac);
    }
}

static void want(poll_t *poll, int events) {
    if (events == poll->events || poll->ac == NULL) {
        return;
    }
    poll->events = events;
    if (events == 0) {
        uv_poll_stop(&poll->handle);
    } else {
        uv_poll_start(&poll->handle, events, on_poll);
    }
}

static void add_read(void *data) { want(data, ((poll_t *)data)->events | UV_READABLE); }

static void del_read(void *data) { want(data, ((poll_t *)data)->events & ~UV_READABLE); }

static void add_write(void *data) { want(data, ((poll_t *)data)->events | UV_WRITABLE); }

static void del_write(void *data) { want(data, ((poll_t *)data)->events & ~UV_WRITABLE); }

static void on_poll_closed(uv_handle_t *handle) { free(handle->data); }

/* Before hiredis closes the descriptor, as libuv demands. */
static void cleanup(void *data) {
    poll_t *poll = data;
    poll->ac = NULL;
    uv_close((uv_handle_t *)&poll->handle, on_poll_closed);
}

static bool attach(redisAsyncContext *ac, uv_loop_t *loop) {
    poll_t *poll = ss_alloc_zero(sizeof *poll);
    if (uv_poll_init(loop, &poll->handle, ac->c.fd) != 0) {
        free(poll);
        return false;
    }
    poll->handle.data = poll;
    poll->ac = ac;
    ac->ev.data = poll;
    ac->ev.addRead = add_read;
    ac->ev.delRead = del_read;
    ac->ev.addWrite = add_write;
    ac->ev.delWrite = del_write;
    ac->ev.cleanup = cleanup;
    return true;
}

/* `host` is an address; hiredis would block for a name. */
static void open_at(uv_loop_t *loop, const char *socket, const char *host, int port,
                    ss_redis_dial_fn done, void *arg) {
    redisAsyncContext *ac =
        socket != NULL ? redisAsyncConnectUnix(socket) : redisAsyncConnect(host, port);
    char why[SS_REDIS_WHY_MAX] = "no memory for a connection";
    if (ac != NULL && ac->err == 0) {
        fcntl(ac->c.fd, F_SETFD, FD_CLOEXEC);
        if (attach(ac, loop)) {
            done(arg, ac, NULL);
            return;
        }
    }
    if (ac != NULL) {
        snprintf(why, sizeof why, "%s", ac->err == 0 ? "cannot be polled" : ac->errstr);
        redisAsyncFree(ac);
    }
    done(arg, NULL, why);
}

static const struct addrinfo *pick(const struct addrinfo *found, unsigned turn) {
    unsigned n = 0;
    for (const struct addrinfo *at = found; at != NULL; at = at->ai_next) {
        n++;
    }
    for (turn %= n; turn > 0; turn--) {
        found = found->ai_next;
    }
    return found;
}

static void on_found(uv_getaddrinfo_t *request, int status, struct addrinfo *found) {
    ss_redis_dial_t *dial = request->data;
    const struct addrinfo *one = status == 0 ? pick(found, dial->turn) : NULL;
    char address[64] = "";
    if (dial->done == NULL) {
        /* cancelled */
    } else if (status != 0) {
        dial->done(dial->arg, NULL, uv_strerror(status));
    } else if (getnameinfo(one->ai_addr, one->ai_addrlen, address, sizeof address, NULL, 0,
                           NI_NUMERICHOST) != 0) {
        dial->done(dial->arg, NULL, "is no address of the internet");
    } else {
        open_at(request->loop, NULL, address, dial->port, dial->done, dial->arg);
    }
    uv_freeaddrinfo(found);
    free(dial);
}

static bool is_address(const char *host) {
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    return uv_ip4_addr(host, 1, &v4) == 0 || uv_ip6_addr(host, 1, &v6) == 0;
}

ss_redis_dial_t *ss_redis_dial(uv_loop_t *loop, const ss_redis_place_t *place, unsigned turn,
                               ss_redis_dial_fn done, void *arg) {
    static const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    if (place->socket != NULL || is_address(place->host)) {
        open_at(loop, place->socket, place->host, place->port, done, arg);
        return NULL;
    }
    ss_redis_dial_t *dial = ss_alloc_zero(sizeof *dial);
    *dial = (ss_redis_dial_t){.done = done, .arg = arg, .port = place->port, .turn = turn};
    dial->request.data = dial;
    int rc = uv_getaddrinfo(loop, &dial->request, on_found, place->host, NULL, &hints);
    if (rc != 0) {
        free(dial);
        done(arg, NULL, uv_strerror(rc));
        return NULL;
    }
    return dial;
}

void ss_redis_dial_cancel(ss_redis_dial_t *dial) {
    if (dial != NULL) {
        dial->done = NULL;
        uv_cancel((uv_req_t *)&dial->request);
    }
}
