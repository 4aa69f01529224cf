
/*
 * SPDX-License-Identifier: MIT
 *
 * The bytes of a link: frames that wait to be written, and bytes that become
 * frames.  What they mean is in ngx_http_ss_frames.c; the connection they come
 * and go by is ngx_http_ss_link.c's.
 *
 * Bounds: what waits for a sidecar stays under NGX_HTTP_SS_LINK_QUEUE plus
 * one message, because past it clients are not read.
 */


#include "ngx_http_socketstream.h"


#define NGX_HTTP_SS_OUT_SIZE        (64 * 1024)


static ngx_int_t ngx_http_ss_link_input(ngx_http_ss_link_t *link, u_char *p,
    u_char *end);


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


void
ngx_http_ss_link_write_handler(ngx_event_t *wev)
{
    ngx_connection_t  *c;

    c = wev->data;

    if (ngx_http_ss_link_flush(c->data) != NGX_OK) {
        ngx_http_ss_link_lost(c->data, "write failed");
    }
}


void
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


void
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
