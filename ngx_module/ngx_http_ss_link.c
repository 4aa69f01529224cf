
/*
 * SPDX-License-Identifier: MIT
 *
 * The worker's connections to sidecars: one for each socket, made when
 * first needed, kept as long as anybody needs it.
 *
 *     DOWN -- connect --> CONNECTING -- HELLO --> READY
 *      ^                       |                    |
 *      +------- back-off ------+------- lost -------+
 *
 * This file is about bytes and when they come and go; what frames mean is in
 * ngx_http_ss_frames.c, who is served by which link, and what becomes of them
 * when it is lost, in ngx_http_ss_route.c.
 *
 * Bounds: what waits for a sidecar stays under NGX_HTTP_SS_LINK_QUEUE plus
 * one message, because past it clients are not read.
 */


#include "ngx_http_socketstream.h"


#define NGX_HTTP_SS_BACKOFF_MIN     20
#define NGX_HTTP_SS_BACKOFF_MAX     1000
#define NGX_HTTP_SS_OUT_SIZE        (64 * 1024)

#define NGX_HTTP_SS_SOFTWARE        "nginx/" NGINX_VERSION


static void ngx_http_ss_link_connected_handler(ngx_event_t *wev);
static void ngx_http_ss_link_read_handler(ngx_event_t *rev);
static void ngx_http_ss_link_write_handler(ngx_event_t *wev);
static void ngx_http_ss_link_timer_handler(ngx_event_t *ev);
static void ngx_http_ss_link_send_hello(ngx_http_ss_link_t *link);
static ngx_int_t ngx_http_ss_link_input(ngx_http_ss_link_t *link, u_char *p,
    u_char *end);
static void ngx_http_ss_link_unblock(ngx_http_ss_link_t *link);
static void ngx_http_ss_link_close(ngx_http_ss_link_t *link);
static void ngx_http_ss_link_retry(ngx_http_ss_link_t *link);


void
ngx_http_ss_link_init(ngx_http_ss_link_t *link)
{
    ngx_queue_init(&link->clients);
    ngx_queue_init(&link->unbound);
    ngx_queue_init(&link->opens);
    ngx_queue_init(&link->apis);
    ngx_queue_init(&link->calls);
    ngx_queue_init(&link->blocked);

    /* cancelable: a worker that has no clients left does not wait for them */

    link->timer.handler = ngx_http_ss_link_timer_handler;
    link->timer.data = link;
    link->timer.log = ngx_cycle->log;
    link->timer.cancelable = 1;

    link->rebind.handler = ngx_http_ss_route_rebind_handler;
    link->rebind.data = link;
    link->rebind.log = ngx_cycle->log;
    link->rebind.cancelable = 1;
}


void
ngx_http_ss_link_exit(ngx_http_ss_link_t *link)
{
    if (link->connection) {
        (void) ngx_http_ss_link_flush(link);
        ngx_http_ss_link_close(link);
    }
}


void
ngx_http_ss_link_connect(ngx_http_ss_link_t *link)
{
    ngx_int_t               rc;
    ngx_log_t               quiet;
    ngx_connection_t       *c;
    ngx_peer_connection_t   pc;

    ngx_memzero(&pc, sizeof(ngx_peer_connection_t));

    pc.sockaddr = link->sockaddr;
    pc.socklen = link->socklen;
    pc.name = &link->name;
    pc.get = ngx_event_get_peer;
    pc.log = ngx_cycle->log;

    /* nginx logs a refused connect() as an error: once for each outage */

    if (link->logged) {
        quiet = *ngx_cycle->log;
        quiet.log_level = ngx_min(quiet.log_level, NGX_LOG_CRIT);
        pc.log = &quiet;
    }

    link->state = NGX_HTTP_SS_LINK_CONNECTING;
    link->draining = 0;

    rc = ngx_event_connect_peer(&pc);

    c = pc.connection;
    link->connection = c;

    if (rc == NGX_ERROR || rc == NGX_BUSY || rc == NGX_DECLINED) {
        ngx_http_ss_link_lost(link, NULL);
        return;
    }

    c->data = link;
    c->log = ngx_cycle->log;
    c->read->log = c->log;
    c->write->log = c->log;
    c->read->handler = ngx_http_ss_link_read_handler;
    c->write->handler = ngx_http_ss_link_connected_handler;

    link->last_received = ngx_current_msec;
    ngx_add_timer(&link->timer, SS_LINK_HEARTBEAT_MS);

    ngx_http_ss_link_send_hello(link);

    if (rc == NGX_OK) {
        c->write->handler = ngx_http_ss_link_write_handler;
    }
}


static void
ngx_http_ss_link_connected_handler(ngx_event_t *wev)
{
    int                  err;
    socklen_t            len;
    ngx_connection_t    *c;
    ngx_http_ss_link_t  *link;

    c = wev->data;
    link = c->data;

    err = 0;
    len = sizeof(int);

    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, (void *) &err, &len) == -1) {
        err = ngx_socket_errno;
    }

    if (err) {
        ngx_log_error(ngx_http_ss_link_level(link), c->log, err,
                      "socketstream: connect() to %V failed", &link->name);
        ngx_http_ss_link_lost(link, NULL);
        return;
    }

    wev->handler = ngx_http_ss_link_write_handler;
    ngx_http_ss_link_write_handler(wev);
}


static void
ngx_http_ss_link_send_hello(ngx_http_ss_link_t *link)
{
    u_char                   *p;
    ss_writer_t               w;
    ss_link_hello_t           hello;
    ngx_http_ss_main_conf_t  *mcf;

    p = ngx_http_ss_link_reserve(link, 256);
    if (p == NULL) {
        return;
    }

    ngx_memzero(&hello, sizeof(ss_link_hello_t));

    hello.version = SS_LINK_VERSION;
    hello.role = SS_LINK_ROLE_WORKER;
    hello.pid = (uint32_t) ngx_pid;
    hello.generation = ngx_http_ss_worker.generation;
    hello.max_message = SS_LINK_MESSAGE_MAX;
    hello.software.ptr = NGX_HTTP_SS_SOFTWARE;
    hello.software.len = sizeof(NGX_HTTP_SS_SOFTWARE) - 1;

    mcf = ngx_http_cycle_get_module_main_conf(ngx_cycle,
                                              ngx_http_socketstream_module);
    if (mcf->rate) {
        hello.flags = SS_LINK_HELLO_RATE;
    }

    w = ss_writer(p, 256);
    ss_link_encode_hello(&w, &hello);

    ngx_http_ss_link_commit(link, SS_LINK_HELLO, 0, 0, 0, 0, ss_written(&w));
}


u_char *
ngx_http_ss_link_reserve(ngx_http_ss_link_t *link, size_t len)
{
    size_t   size, used;
    u_char  *out;

    len += SS_LINK_HEADER;

    if (link->out_cap - link->out_len >= len) {
        return link->out + link->out_len + SS_LINK_HEADER;
    }

    used = link->out_len - link->out_pos;

    if (link->out_pos && link->out_cap - used >= len
        && link->out_pos >= used)
    {
        ngx_memcpy(link->out, link->out + link->out_pos, used);

    } else {
        size = ngx_max(NGX_HTTP_SS_OUT_SIZE, link->out_cap);

        while (size - used < len) {
            size *= 2;
        }

        out = ngx_alloc(size, ngx_cycle->log);
        if (out == NULL) {
            return NULL;
        }

        if (link->out) {
            ngx_memcpy(out, link->out + link->out_pos, used);
            ngx_free(link->out);
        }

        link->out = out;
        link->out_cap = size;
    }

    link->out_pos = 0;
    link->out_len = used;

    return link->out + used + SS_LINK_HEADER;
}


void
ngx_http_ss_link_commit(ngx_http_ss_link_t *link, ngx_uint_t op,
    ngx_uint_t flags, uint32_t slot, uint32_t generation, uint32_t call,
    size_t len)
{
    ss_link_header_t       h;
    ngx_http_ss_worker_t  *w;

    h.length = (uint32_t) len;
    h.slot = slot;
    h.generation = generation;
    h.call = call;
    h.op = (uint8_t) op;
    h.flags = (uint8_t) flags;

    ss_link_encode_header(link->out + link->out_len, &h);

    link->out_len += SS_LINK_HEADER + len;
    ngx_http_ss_count(link_queue_bytes, SS_LINK_HEADER + len);

    if (link->dirty_set) {
        return;
    }

    w = &ngx_http_ss_worker;

    link->dirty_set = 1;
    ngx_queue_insert_tail(&w->dirty_links, &link->dirty);

    if (!w->flush.posted) {
        ngx_post_event(&w->flush, &ngx_posted_events);
    }
}


void
ngx_http_ss_link_closed(ngx_http_ss_link_t *link, uint32_t slot,
    uint32_t generation, ngx_uint_t code)
{
    u_char  *p;

    p = ngx_http_ss_link_reserve(link, 2);

    if (p) {
        p[0] = (u_char) code;
        p[1] = (u_char) (code >> 8);

        ngx_http_ss_link_commit(link, SS_LINK_CLOSED, 0, slot, generation, 0,
                                2);
    }
}


ngx_int_t
ngx_http_ss_link_message(ngx_http_ss_link_t *link, ngx_uint_t op,
    ngx_uint_t flags, uint32_t slot, uint32_t generation, uint32_t call,
    const u_char *data, size_t len)
{
    size_t   n;
    u_char  *p;

    do {
        n = ngx_min(len, SS_LINK_CHUNK);

        p = ngx_http_ss_link_reserve(link, n);
        if (p == NULL) {
            return NGX_ERROR;
        }

        if (n) {
            ngx_memcpy(p, data, n);
        }

        data += n;
        len -= n;

        ngx_http_ss_link_commit(link, op, flags | (len ? SS_LINK_MORE : 0),
                                slot, generation, call, n);
    } while (len);

    return NGX_OK;
}


ngx_int_t
ngx_http_ss_link_flush(ngx_http_ss_link_t *link)
{
    ssize_t            n;
    ngx_connection_t  *c;

    c = link->connection;

    if (c == NULL) {
        return NGX_OK;
    }

    while (link->out_pos < link->out_len && c->write->ready) {

        n = c->send(c, link->out + link->out_pos,
                    link->out_len - link->out_pos);

        if (n == NGX_ERROR) {
            return NGX_ERROR;
        }

        if (n == NGX_AGAIN) {
            break;
        }

        link->out_pos += n;
        ngx_http_ss_count(link_queue_bytes, -n);
    }

    if (link->out_len - link->out_pos < NGX_HTTP_SS_LINK_QUEUE / 2) {
        ngx_http_ss_link_unblock(link);
    }

    if (link->out_pos < link->out_len) {
        return ngx_handle_write_event(c->write, 0);
    }

    link->out_pos = 0;
    link->out_len = 0;

    if (link->out_cap > 4 * NGX_HTTP_SS_OUT_SIZE) {
        ngx_free(link->out);
        link->out = NULL;
        link->out_cap = 0;
    }

    return NGX_OK;
}


static void
ngx_http_ss_link_write_handler(ngx_event_t *wev)
{
    ngx_connection_t  *c;

    c = wev->data;

    if (ngx_http_ss_link_flush(c->data) != NGX_OK) {
        ngx_http_ss_link_lost(c->data, "write failed");
    }
}


static void
ngx_http_ss_link_unblock(ngx_http_ss_link_t *link)
{
    ngx_queue_t           *q, blocked;
    ngx_http_ss_client_t  *client;

    if (ngx_queue_empty(&link->blocked)) {
        return;
    }

    /* those that block it again meanwhile have their turn after the others */

    ngx_queue_init(&blocked);
    ngx_queue_add(&blocked, &link->blocked);
    ngx_queue_init(&link->blocked);

    while (!ngx_queue_empty(&blocked)) {
        q = ngx_queue_head(&blocked);
        client = ngx_queue_data(q, ngx_http_ss_client_t, waiting);

        ngx_queue_remove(q);
        client->blocked = 0;

        ngx_http_ss_client_resume(client);
    }
}


static void
ngx_http_ss_link_read_handler(ngx_event_t *rev)
{
    size_t               len;
    ssize_t              n;
    u_char              *p;
    ngx_int_t            rc;
    ngx_connection_t    *c;
    ngx_http_ss_link_t  *link;

    c = rev->data;
    link = c->data;

    /*
     * c->close comes from "worker_shutdown_timeout", which visits every
     * connection: the clients are being closed, and need the link for that.
     */

    do {
        len = link->in_len;
        p = ngx_http_ss_worker.buffer;

        n = c->recv(c, p + len, NGX_HTTP_SS_READ_SIZE - len);

        if (n == NGX_AGAIN) {
            break;
        }

        if (n == NGX_ERROR || n == 0) {
            ngx_http_ss_link_lost(link, n ? "read failed" : "closed by it");
            return;
        }

        link->last_received = ngx_current_msec;

        if (len) {
            ngx_memcpy(p, link->in, len);
        }

        rc = ngx_http_ss_link_input(link, p, p + len + n);

        if (rc == NGX_ERROR) {
            ngx_http_ss_link_lost(link, "protocol error");
            return;
        }

        /* a frame may have ended the link, or the link begun anew */

        if (rc == NGX_DONE) {
            return;
        }

    } while (rev->ready);

    if (ngx_handle_read_event(rev, 0) != NGX_OK) {
        ngx_http_ss_link_lost(link, "read failed");
    }
}


/* All whole frames of [p, end); what is left over is kept. */

static ngx_int_t
ngx_http_ss_link_input(ngx_http_ss_link_t *link, u_char *p, u_char *end)
{
    ngx_int_t          rc;
    ss_link_rc_t       src;
    ngx_connection_t  *c;
    ss_link_header_t   h;

    c = link->connection;

    for ( ;; ) {
        src = ss_link_decode_header(p, end - p, SS_LINK_TO_WORKER, &h);

        if (src == SS_LINK_AGAIN
            || (src == SS_LINK_OK
                && (size_t) (end - p) < SS_LINK_HEADER + h.length))
        {
            break;
        }

        if (src != SS_LINK_OK) {
            ngx_log_error(NGX_LOG_ERR, c->log, 0,
                          "socketstream: %V sent a bad frame: %s",
                          &link->name, ss_link_strerror(src));
            return NGX_ERROR;
        }

        rc = ngx_http_ss_frame(link, &h, p + SS_LINK_HEADER);

        if (rc == NGX_ERROR) {
            ngx_log_error(NGX_LOG_ERR, c->log, 0,
                          "socketstream: %V sent a bad %s frame",
                          &link->name, ss_link_op_name(h.op));
            return NGX_ERROR;
        }

        if (rc == NGX_DONE || link->connection != c) {
            return NGX_DONE;
        }

        p += SS_LINK_HEADER + h.length;
    }

    link->in_len = end - p;

    if (link->in_len == 0) {
        return NGX_OK;
    }

    if (link->in == NULL) {
        link->in = ngx_alloc(SS_LINK_HEADER + SS_LINK_PAYLOAD_MAX, c->log);
        if (link->in == NULL) {
            return NGX_ERROR;
        }
    }

    ngx_memcpy(link->in, p, link->in_len);

    return NGX_OK;
}


void
ngx_http_ss_link_lost(ngx_http_ss_link_t *link, const char *why)
{
    ngx_uint_t  was_ready;

    was_ready = (link->state == NGX_HTTP_SS_LINK_READY);

    if (why) {
        ngx_log_error(ngx_http_ss_link_level(link), ngx_cycle->log, 0,
                      "socketstream: link to %V lost: %s, %ui clients wait",
                      &link->name, why, link->nclients);
    }

    link->logged = 1;
    ngx_http_ss_link_close(link);

    /* what it has not been sent: for nobody */

    ngx_http_ss_count(link_queue_bytes, -(link->out_len - link->out_pos));
    link->out_pos = 0;
    link->out_len = 0;

    if (!was_ready) {
        ngx_http_ss_link_retry(link);
        return;
    }

    ngx_http_ss_count(link_losses_total, 1);
    ngx_http_ss_worker.counters->link_up[link->index] = 0;
    ngx_http_ss_worker.counters->link_broken[link->index] = 0;

    ngx_http_ss_calls_fail_link(link, SS_RPC_UNAVAILABLE);
    ngx_http_ss_route_lost(link);
    ngx_http_ss_link_unblock(link);

    if (link->state == NGX_HTTP_SS_LINK_DOWN && !link->timer.timer_set) {
        ngx_http_ss_link_retry(link);
    }
}


/* Another try: the first one soon, the next ones later and later. */

static void
ngx_http_ss_link_retry(ngx_http_ss_link_t *link)
{
    ngx_msec_t  backoff;

    backoff = link->backoff ? link->backoff * 2 : NGX_HTTP_SS_BACKOFF_MIN;
    link->backoff = ngx_min(backoff, NGX_HTTP_SS_BACKOFF_MAX);

    /* half of it by chance, so that workers do not come all at once */

    backoff = link->backoff / 2;
    ngx_add_timer(&link->timer,
                  backoff + (ngx_msec_t) ngx_random() % (backoff + 1));
}


static void
ngx_http_ss_link_timer_handler(ngx_event_t *ev)
{
    u_char              *p;
    ngx_http_ss_link_t  *link;

    link = ev->data;

    if (link->state == NGX_HTTP_SS_LINK_DOWN) {
        if (ngx_http_ss_route_needed(link)) {
            ngx_http_ss_link_connect(link);
        }

        return;
    }

    if (ngx_current_msec - link->last_received > SS_LINK_SILENCE_MS) {
        ngx_http_ss_link_lost(link, "silent for 3 seconds");
        return;
    }

    ngx_add_timer(ev, SS_LINK_HEARTBEAT_MS);

    if (link->state != NGX_HTTP_SS_LINK_READY) {
        return;
    }

    ngx_http_ss_calls_expire(link);

    p = ngx_http_ss_link_reserve(link, 8);

    if (p) {
        ngx_memzero(p, 8);
        ngx_http_ss_link_commit(link, SS_LINK_PING, 0, 0, 0, 0, 8);
    }
}


static void
ngx_http_ss_link_close(ngx_http_ss_link_t *link)
{
    if (link->timer.timer_set) {
        ngx_del_timer(&link->timer);
    }

    if (link->rebind.timer_set) {
        ngx_del_timer(&link->rebind);
    }

    if (link->connection) {
        ngx_close_connection(link->connection);
        link->connection = NULL;
    }

    if (link->dirty_set) {
        link->dirty_set = 0;
        ngx_queue_remove(&link->dirty);
    }

    if (link->own) {
        ngx_free(link->own);
        link->own = NULL;
    }

    link->skip = 0;
    link->state = NGX_HTTP_SS_LINK_DOWN;
    link->in_len = 0;
}
