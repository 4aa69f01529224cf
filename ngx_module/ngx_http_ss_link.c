
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
 * This file is about the connection; its bytes are in ngx_http_ss_link_io.c,
 * what frames mean in ngx_http_ss_frames.c, who is served by which link, and
 * what becomes of them when it is lost, in ngx_http_ss_route.c.
 */


#include "ngx_http_socketstream.h"


#define NGX_HTTP_SS_BACKOFF_MIN     20
#define NGX_HTTP_SS_BACKOFF_MAX     1000

#define NGX_HTTP_SS_SOFTWARE        "nginx/" NGINX_VERSION


static void ngx_http_ss_link_connected_handler(ngx_event_t *wev);
static void ngx_http_ss_link_timer_handler(ngx_event_t *ev);
static void ngx_http_ss_link_send_hello(ngx_http_ss_link_t *link);
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
