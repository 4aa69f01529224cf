
/*
 * SPDX-License-Identifier: MIT
 *
 * What clients have not taken yet.
 *
 * A queue is a list of ranges of frames.  A frame is bytes as they go on the
 * wire (ngx_http_ss_wire.c); many queues may hold it, and it goes with the
 * last of them.  A small message for one client is added to the frame at the
 * end of its queue, so that all answers of one turn of the event loop leave in
 * one write.  That is the rule here: queueing never writes; the flush event,
 * posted once a turn, writes each queue once.
 *
 * Back-pressure has two steps.  Over half of socketstream_max_queue the
 * client is not read any more: it has to take answers before it asks for
 * more.  Over all of it the client is closed with 1013: what it is sent
 * without asking has nowhere to wait.  The first message of an empty queue
 * always fits.
 */


#include "ngx_http_socketstream.h"


#define NGX_HTTP_SS_IOVS        64
#define NGX_HTTP_SS_FRAME_MIN   256         /* room in a client's own frame */
#define NGX_HTTP_SS_FRAME_SMALL 4096        /* frames up to here are joined */
#define NGX_HTTP_SS_TLS_RECORD  16384


static ngx_int_t ngx_http_ss_output_room(ngx_http_ss_client_t *client,
    size_t len);
static void ngx_http_ss_output_append(ngx_http_ss_client_t *client,
    ngx_http_ss_out_t *out);
static ngx_int_t ngx_http_ss_output_add(ngx_http_ss_client_t *client,
    ngx_uint_t opcode, const u_char *data, size_t len);
static ssize_t ngx_http_ss_output_writev(ngx_http_ss_client_t *client);
static ssize_t ngx_http_ss_output_tls(ngx_http_ss_client_t *client);


void
ngx_http_ss_output_message(ngx_http_ss_client_t *client, ngx_uint_t opcode,
    const u_char *data, size_t len)
{
    if (opcode == SS_WS_BINARY && client->sse) {
        ngx_http_ss_client_close(client, SS_WS_CLOSE_UNSUPPORTED,
                                 "a stream is text", 16);
        return;
    }

    if (ngx_http_ss_output_room(client, len) != NGX_OK) {
        return;
    }

    if (ngx_http_ss_output_add(client, opcode, data, len) != NGX_OK) {
        ngx_http_ss_client_close(client, SS_WS_CLOSE_INTERNAL, NULL, 0);
    }
}


void
ngx_http_ss_output_shared(ngx_http_ss_client_t *client,
    ngx_http_ss_frame_t *frame, size_t start)
{
    size_t              len;
    ngx_http_ss_out_t  *out;

    len = frame->len - start;

    if (ngx_http_ss_output_room(client, len) != NGX_OK) {
        return;
    }

    out = client->out_last;

    if (out == NULL || out->frame != frame || out->end != start) {

        out = ngx_alloc(sizeof(ngx_http_ss_out_t), ngx_cycle->log);
        if (out == NULL) {
            ngx_http_ss_client_close(client, SS_WS_CLOSE_INTERNAL, NULL, 0);
            return;
        }

        frame->refs++;

        out->frame = frame;
        out->start = (uint32_t) start;
        out->next = NULL;

        ngx_http_ss_output_append(client, out);
    }

    out->end = frame->len;

    client->out_bytes += len;
    ngx_http_ss_count(queue_bytes, len);

    ngx_http_ss_output_ready(client);
}


/* Is there room for one more message?  Else the client is being closed. */

static ngx_int_t
ngx_http_ss_output_room(ngx_http_ss_client_t *client, size_t len)
{
    size_t  bytes;

    if (client->closing) {
        return NGX_DECLINED;
    }

    bytes = client->out_bytes + len;

    if (client->out_bytes && bytes > client->conf->max_queue) {
        ngx_log_error(NGX_LOG_INFO, client->connection->log, 0,
                      "socketstream: client is %uz bytes behind, "
                      "socketstream_max_queue is %uz, closing",
                      bytes, client->conf->max_queue);

        ngx_http_ss_client_close(client, SS_WS_CLOSE_TRY_LATER,
                                 "too slow", 8);
        return NGX_DECLINED;
    }

    if (bytes > client->conf->max_queue / 2) {
        client->throttled = 1;
    }

    ngx_http_ss_count(messages_out_total, 1);
    ngx_http_ss_count(bytes_out_total, len);

    return NGX_OK;
}


void
ngx_http_ss_output_control(ngx_http_ss_client_t *client, ngx_uint_t opcode,
    const u_char *data, size_t len)
{
    /* a lost control frame is a lost connection: nothing else to do */

    (void) ngx_http_ss_output_add(client, opcode, data, len);
}


static ngx_int_t
ngx_http_ss_output_add(ngx_http_ss_client_t *client, ngx_uint_t opcode,
    const u_char *data, size_t len)
{
    u_char               *p;
    size_t                size, total;
    ngx_http_ss_out_t    *out;
    ngx_http_ss_frame_t  *f;

    total = ngx_http_ss_wire_size(client->sse, opcode, len);

    out = client->out_last;
    f = out ? out->frame : NULL;

    /* a frame of its own is one allocation with its place in the queue */

    if (out == NULL || f != (ngx_http_ss_frame_t *) (out + 1)
        || f->size - f->len < total)
    {
        size = ngx_max(total, NGX_HTTP_SS_FRAME_MIN);

        if (out && size < NGX_HTTP_SS_FRAME_SMALL) {
            size = NGX_HTTP_SS_FRAME_SMALL;
        }

        out = ngx_alloc(sizeof(ngx_http_ss_out_t)
                        + offsetof(ngx_http_ss_frame_t, data) + size,
                        ngx_cycle->log);
        if (out == NULL) {
            return NGX_ERROR;
        }

        f = (ngx_http_ss_frame_t *) (out + 1);
        f->refs = 1;
        f->size = (uint32_t) size;
        f->len = 0;

        out->frame = f;
        out->start = 0;
        out->end = 0;
        out->next = NULL;

        ngx_http_ss_output_append(client, out);
    }

    p = ngx_http_ss_wire_put(client->sse, f->data + f->len, opcode, data,
                                 len, NULL, 0);

    f->len = (uint32_t) (p - f->data);

    total = f->len - out->end;
    out->end = f->len;

    client->out_bytes += total;
    ngx_http_ss_count(queue_bytes, total);

    ngx_http_ss_output_ready(client);

    return NGX_OK;
}


static void
ngx_http_ss_output_append(ngx_http_ss_client_t *client,
    ngx_http_ss_out_t *out)
{
    if (client->out_last) {
        client->out_last->next = out;

    } else {
        client->out = out;
    }

    client->out_last = out;
}


void
ngx_http_ss_output_ready(ngx_http_ss_client_t *client)
{
    ngx_http_ss_worker_t  *w;

    if (client->ready_set || !client->upgraded) {
        return;
    }

    w = &ngx_http_ss_worker;

    client->ready_set = 1;
    ngx_queue_insert_tail(&w->dirty, &client->ready);

    if (!w->flush.posted) {
        ngx_post_event(&w->flush, &ngx_posted_events);
    }
}


/* Once in a turn: the links first, so that the sidecars are at work while
 * the clients are written to. */

void
ngx_http_ss_flush_handler(ngx_event_t *ev)
{
    ngx_queue_t           *q;
    ngx_http_ss_link_t    *link;
    ngx_http_ss_client_t  *client;
    ngx_http_ss_worker_t  *w;

    w = &ngx_http_ss_worker;

    ngx_http_ss_wire_unshare(0);
    ngx_http_ss_wire_unshare(1);

    for ( ;; ) {

        if (!ngx_queue_empty(&w->dirty_links)) {
            q = ngx_queue_head(&w->dirty_links);
            ngx_queue_remove(q);

            link = ngx_queue_data(q, ngx_http_ss_link_t, dirty);
            link->dirty_set = 0;

            if (ngx_http_ss_link_flush(link) == NGX_ERROR) {
                ngx_http_ss_link_lost(link, "write failed");
            }

            continue;
        }

        if (ngx_queue_empty(&w->dirty)) {
            break;
        }

        q = ngx_queue_head(&w->dirty);
        ngx_queue_remove(q);

        client = ngx_queue_data(q, ngx_http_ss_client_t, ready);
        client->ready_set = 0;

        if (ngx_http_ss_output_flush(client) == NGX_ERROR) {
            ngx_http_ss_client_drop(client, SS_WS_CLOSE_ABNORMAL);
            continue;
        }

        ngx_http_ss_client_drained(client);
    }
}


ngx_int_t
ngx_http_ss_output_flush(ngx_http_ss_client_t *client)
{
    ssize_t            n;
    ngx_connection_t  *c;

    c = client->connection;

    if (c->error) {
        return NGX_ERROR;
    }

    if (client->sse) {
        return ngx_http_ss_sse_flush(client);
    }

    while (client->out && c->write->ready) {

#if (NGX_HTTP_SSL)
        if (c->ssl) {
            n = ngx_http_ss_output_tls(client);
        } else
#endif
        {
            n = ngx_http_ss_output_writev(client);
        }

        if (n == NGX_ERROR) {
            return NGX_ERROR;
        }

        if (n == NGX_AGAIN) {
            break;
        }

        c->sent += n;
        ngx_http_ss_output_sent(client, n);
    }

    if (client->out == NULL) {

#if (NGX_HTTP_SSL)
        if (c->ssl) {
            ngx_ssl_free_buffer(c);
        }
#endif

        return NGX_OK;
    }

    if (ngx_handle_write_event(c->write, 0) != NGX_OK) {
        return NGX_ERROR;
    }

    return NGX_AGAIN;
}


static ssize_t
ngx_http_ss_output_writev(ngx_http_ss_client_t *client)
{
    ssize_t             n;
    ngx_err_t           err;
    ngx_uint_t          i;
    struct iovec        iov[NGX_HTTP_SS_IOVS];
    ngx_connection_t   *c;
    ngx_http_ss_out_t  *out;

    c = client->connection;
    out = client->out;

    if (out->next == NULL) {
        return c->send(c, out->frame->data + out->start + client->out_sent,
                       out->end - out->start - client->out_sent);
    }

    for (i = 0; out && i < NGX_HTTP_SS_IOVS; out = out->next, i++) {
        iov[i].iov_base = out->frame->data + out->start;
        iov[i].iov_len = out->end - out->start;
    }

    iov[0].iov_base = (u_char *) iov[0].iov_base + client->out_sent;
    iov[0].iov_len -= client->out_sent;

    for ( ;; ) {
        n = writev(c->fd, iov, (int) i);

        if (n >= 0) {
            return n;
        }

        err = ngx_socket_errno;

        if (err == NGX_EINTR) {
            continue;
        }

        c->write->ready = 0;

        if (err == NGX_EAGAIN) {
            return NGX_AGAIN;
        }

        c->error = 1;
        (void) ngx_connection_error(c, err, "writev() failed");

        return NGX_ERROR;
    }
}


#if (NGX_HTTP_SSL)

/* One record for what small frames the queue begins with: a record costs
 * more than a copy, and send_chain() without "flush" only buffers. */

static ssize_t
ngx_http_ss_output_tls(ngx_http_ss_client_t *client)
{
    size_t              size, len, skip;
    u_char             *p;
    ngx_connection_t   *c;
    ngx_http_ss_out_t  *out;

    c = client->connection;
    out = client->out;
    skip = client->out_sent;

    size = out->end - out->start - skip;
    p = out->frame->data + out->start + skip;

    if (out->next && size < NGX_HTTP_SS_TLS_RECORD) {

        /* OpenSSL wants the same bytes again after WANT_WRITE, and gets
         * them: it is told to accept them from another address */

        p = ngx_http_ss_worker.buffer;
        len = 0;

        for ( /* void */ ; out && len < NGX_HTTP_SS_TLS_RECORD;
             out = out->next)
        {
            size = out->end - out->start - skip;
            size = ngx_min(size, NGX_HTTP_SS_TLS_RECORD - len);

            ngx_memcpy(p + len, out->frame->data + out->start + skip, size);

            len += size;
            skip = 0;
        }

        size = len;
    }

    return c->send(c, p, size);
}

#endif


void
ngx_http_ss_output_sent(ngx_http_ss_client_t *client, size_t n)
{
    size_t              left;
    ngx_http_ss_out_t  *out;

    client->out_bytes -= n;
    ngx_http_ss_count(queue_bytes, -n);

    while (n) {
        out = client->out;
        left = out->end - out->start - client->out_sent;

        if (n < left) {
            client->out_sent += n;
            return;
        }

        n -= left;
        client->out_sent = 0;
        client->out = out->next;

        if (client->out == NULL) {
            client->out_last = NULL;
        }

        ngx_http_ss_output_release(out);
    }
}


void
ngx_http_ss_output_release(ngx_http_ss_out_t *out)
{
    if (--out->frame->refs == 0
        && out->frame != (ngx_http_ss_frame_t *) (out + 1))
    {
        ngx_free(out->frame);
    }

    ngx_free(out);
}


void
ngx_http_ss_output_free(ngx_http_ss_client_t *client)
{
    if (client->sse) {
        ngx_http_ss_sse_keep(client);
    }

    if (client->out_bytes) {
        ngx_http_ss_output_sent(client, client->out_bytes);
    }

    if (client->ready_set) {
        client->ready_set = 0;
        ngx_queue_remove(&client->ready);
    }
}
