
/*
 * SPDX-License-Identifier: MIT
 *
 * Event streams: the fallback where WebSocket is blocked.
 *
 * Such a client is a request that never ends, over whatever HTTP it came; its
 * output goes through nginx's filters, which frame it.  Its queue is the same
 * as a WebSocket's (ngx_http_ss_output.c): ranges of it are given to nginx as
 * buffers, a few at a time, and leave the queue as nginx has sent them.  Until
 * then the rest waits in the queue, where socketstream_max_queue counts it.
 *
 * nginx may still send from such a range when the client is gone (a frame of
 * HTTP/2 that was begun), so what is left then goes with the request's pool.
 *
 * What the client sends comes by POST: ngx_http_ss_post.c.
 */


#include "ngx_http_socketstream.h"
#include <netinet/tcp.h>
#include <sys/random.h>


#define NGX_HTTP_SS_SSE_BUFS    16      /* given to nginx at a time */


static ngx_int_t ngx_http_ss_sse_send_header(ngx_http_request_t *r,
    ss_link_accept_t *accept);
static void ngx_http_ss_sse_hello(ngx_http_ss_stream_t *stream,
    ss_stream_t *name);
static void ngx_http_ss_sse_tune(ngx_http_ss_client_t *client);
static void ngx_http_ss_sse_patience(ngx_http_ss_client_t *client,
    ngx_msec_t ms);
static void ngx_http_ss_sse_read_handler(ngx_http_request_t *r);
static void ngx_http_ss_sse_write_handler(ngx_http_request_t *r);
static ngx_int_t ngx_http_ss_sse_output(ngx_http_ss_stream_t *stream,
    ngx_chain_t **out);
static ngx_int_t ngx_http_ss_sse_pass(ngx_http_ss_stream_t *stream,
    ngx_chain_t *out);
static void ngx_http_ss_sse_cleanup(void *data);
static void ngx_http_ss_sse_pool_cleanup(void *data);
static void ngx_http_ss_sse_watch_handler(ngx_event_t *rev);


ngx_int_t
ngx_http_ss_sse_start(ngx_http_ss_open_t *o, ss_link_accept_t *accept)
{
    ss_stream_t            name;
    ngx_http_request_t    *r;
    ngx_pool_cleanup_t    *pcln;
    ngx_http_cleanup_t    *cln;
    ngx_http_ss_client_t  *client;
    ngx_http_ss_stream_t  *stream;

    r = o->request;

    stream = ngx_pcalloc(r->pool, sizeof(ngx_http_ss_stream_t));
    pcln = ngx_pool_cleanup_add(r->pool, 0);
    cln = ngx_http_cleanup_add(r, 0);

    if (stream == NULL || pcln == NULL || cln == NULL) {
        return NGX_ERROR;
    }

    if (getrandom(name.key, SS_STREAM_KEY_LEN, 0) != SS_STREAM_KEY_LEN) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, ngx_errno,
                      "socketstream: getrandom() failed");
        return NGX_ERROR;
    }

    name.node.ptr = (const char *) o->link->node;
    name.node.len = o->link->node_len;
    name.worker = ngx_http_ss_worker.generation;
    name.slot = o->slot;
    name.generation = o->generation;

    if (ngx_http_ss_sse_send_header(r, accept) != NGX_OK) {
        return NGX_ERROR;
    }

    client = ngx_http_ss_client_create(o, accept->state);
    if (client == NULL) {
        return NGX_ERROR;
    }

    client->request = r;

    stream->client = client;
    stream->request = r;
    ngx_memcpy(stream->key, name.key, SS_STREAM_KEY_LEN);
    ngx_queue_insert_tail(&ngx_http_ss_worker.streams, &stream->queue);

    ngx_http_set_ctx(r, stream, ngx_http_socketstream_module);

    cln->handler = ngx_http_ss_sse_cleanup;
    cln->data = stream;
    pcln->handler = ngx_http_ss_sse_pool_cleanup;
    pcln->data = stream;

    r->read_event_handler = ngx_http_ss_sse_read_handler;
    r->write_event_handler = ngx_http_ss_sse_write_handler;
    r->connection->log->action = "sending events";

    ngx_http_ss_count(streams_total, 1);
    ngx_http_ss_count(streams, 1);

    ngx_http_ss_sse_tune(client);
    ngx_http_ss_client_begin(client);
    ngx_http_ss_sse_hello(stream, &name);

    return NGX_OK;
}


static ngx_int_t
ngx_http_ss_sse_send_header(ngx_http_request_t *r, ss_link_accept_t *accept)
{
    ngx_int_t   rc;
    ngx_str_t   name, type, value;

    if (ngx_http_ss_copy_headers(r, &accept->headers) != NGX_OK) {
        return NGX_ERROR;
    }

    r->err_status = 0;
    r->headers_out.status = NGX_HTTP_OK;
    ngx_str_set(&type, "text/event-stream");

    if (ngx_http_ss_no_store(r, &type) != NGX_OK) {
        return NGX_ERROR;
    }

    /* an nginx in front of this one would keep events back */

    ngx_str_set(&name, "X-Accel-Buffering");
    ngx_str_set(&value, "no");

    if (ngx_http_ss_add_header(r, &name, &value) == NULL) {
        return NGX_ERROR;
    }

    rc = ngx_http_send_header(r);

    return (rc == NGX_ERROR || rc > NGX_OK) ? NGX_ERROR : NGX_OK;
}


/* The first event tells the secret.  It stands in no URL and in no log. */

static void
ngx_http_ss_sse_hello(ngx_http_ss_stream_t *stream, ss_stream_t *name)
{
    char  text[SS_STREAM_TEXT_MAX];

    ngx_http_ss_output_control(stream->client, NGX_HTTP_SS_SSE_OPEN,
                               (u_char *) text, ss_stream_encode(text, name));
}


/*
 * Nobody answers a stream's ping, so the kernel has to say when nothing of
 * what was sent arrives.  Over HTTP/2 the connection is not ours alone.
 */

static void
ngx_http_ss_sse_tune(ngx_http_ss_client_t *client)
{
    ngx_connection_t          *c;
    ngx_http_core_loc_conf_t  *clcf;

    if (client->request->http_version != NGX_HTTP_VERSION_11) {
        return;
    }

    c = client->connection;
    clcf = ngx_http_get_module_loc_conf(client->request,
                                        ngx_http_core_module);

    if (clcf->tcp_nodelay) {
        (void) ngx_tcp_nodelay(c);
    }

    if (client->conf->ping_interval) {
        ngx_http_ss_sse_patience(client, client->conf->ping_interval
                                         + client->conf->pong_timeout);
    }
}


/* How long the kernel waits for what was sent to arrive; 0: as it likes. */

static void
ngx_http_ss_sse_patience(ngx_http_ss_client_t *client, ngx_msec_t ms)
{
#ifdef TCP_USER_TIMEOUT
    unsigned int  value;

    value = (unsigned int) ms;

    /* over a Unix socket there is no such thing, and no need for it */

    (void) setsockopt(client->connection->fd, IPPROTO_TCP, TCP_USER_TIMEOUT,
                      (const void *) &value, sizeof(value));
#endif
}


static void
ngx_http_ss_sse_read_handler(ngx_http_request_t *r)
{
    ngx_event_t           *rev;
    ngx_http_ss_stream_t  *stream;

    rev = r->connection->read;

    if (rev->timedout) {
        rev->timedout = 0;

        stream = ngx_http_get_module_ctx(r, ngx_http_socketstream_module);
        ngx_http_ss_client_timeout(stream->client);
        return;
    }

    ngx_http_test_reading(r);
}


static void
ngx_http_ss_sse_write_handler(ngx_http_request_t *r)
{
    ngx_http_ss_client_t  *client;
    ngx_http_ss_stream_t  *stream;

    stream = ngx_http_get_module_ctx(r, ngx_http_socketstream_module);
    client = stream->client;

    if (client->ready_set) {
        return;
    }

    if (ngx_http_ss_output_flush(client) == NGX_ERROR) {
        ngx_http_ss_client_drop(client, SS_WS_CLOSE_ABNORMAL);
        return;
    }

    ngx_http_ss_client_drained(client);
}


ngx_int_t
ngx_http_ss_sse_flush(ngx_http_ss_client_t *client)
{
    ngx_chain_t           *out;
    ngx_connection_t      *c;
    ngx_http_request_t    *r;
    ngx_http_ss_stream_t  *stream;

    r = client->request;
    c = r->connection;
    stream = ngx_http_get_module_ctx(r, ngx_http_socketstream_module);

#define ngx_http_ss_sse_pending()                                             \
    (stream->busy || r->buffered || c->buffered)

    for ( ;; ) {

        out = NULL;

        if (!ngx_http_ss_sse_pending()) {

            if (client->out == NULL) {
                break;
            }

            if (ngx_http_ss_sse_output(stream, &out) != NGX_OK) {
                return NGX_ERROR;
            }

        } else if (!c->write->ready || c->write->delayed) {
            break;
        }

        if (ngx_http_ss_sse_pass(stream, out) != NGX_OK) {
            return NGX_ERROR;
        }

        if (ngx_http_ss_sse_pending()) {
            break;
        }
    }

    if (!ngx_http_ss_sse_pending()) {

#if (NGX_HTTP_SSL)
        if (c->ssl && r->http_version == NGX_HTTP_VERSION_11) {
            ngx_ssl_free_buffer(c);
        }
#endif

        return NGX_OK;
    }

    if (!c->write->delayed && ngx_handle_write_event(c->write, 0) != NGX_OK) {
        return NGX_ERROR;
    }

    return NGX_AGAIN;
}


/* Buffers for what the queue begins with. */

static ngx_int_t
ngx_http_ss_sse_output(ngx_http_ss_stream_t *stream, ngx_chain_t **out)
{
    size_t              skip;
    ngx_buf_t          *b;
    ngx_uint_t          n;
    ngx_chain_t        *cl;
    ngx_http_ss_out_t  *range;

    b = NULL;
    skip = stream->client->out_sent;
    range = stream->client->out;

    for (n = 0; range && n < NGX_HTTP_SS_SSE_BUFS; range = range->next, n++) {

        cl = ngx_chain_get_free_buf(stream->request->pool, &stream->free);
        if (cl == NULL) {
            return NGX_ERROR;
        }

        b = cl->buf;
        ngx_memzero(b, sizeof(ngx_buf_t));

        /* others may be sent from the same bytes: not to be changed */

        b->memory = 1;
        b->tag = (ngx_buf_tag_t) &ngx_http_socketstream_module;
        b->start = range->frame->data + range->start + skip;
        b->pos = b->start;
        b->last = range->frame->data + range->end;
        b->end = b->last;

        stream->passed += b->last - b->pos;
        skip = 0;

        *out = cl;
        out = &cl->next;
    }

    *out = NULL;
    b->flush = 1;

    return NGX_OK;
}


/* Gives nginx more to send, or time to send; what is sent leaves the queue. */

static ngx_int_t
ngx_http_ss_sse_pass(ngx_http_ss_stream_t *stream, ngx_chain_t *out)
{
    size_t        left;
    ngx_int_t     rc;
    ngx_chain_t  *cl;

    rc = ngx_http_output_filter(stream->request, out);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    left = 0;

    for (cl = stream->busy; cl; cl = cl->next) {
        left += cl->buf->last - cl->buf->pos;
    }

    for (cl = out; cl; cl = cl->next) {
        left += cl->buf->last - cl->buf->pos;
    }

    ngx_chain_update_chains(stream->request->pool, &stream->free,
                            &stream->busy, &out,
                            (ngx_buf_tag_t) &ngx_http_socketstream_module);

    if (stream->passed != left) {
        ngx_http_ss_output_sent(stream->client, stream->passed - left);
        stream->passed = left;
    }

    return NGX_OK;
}


void
ngx_http_ss_sse_keep(ngx_http_ss_client_t *client)
{
    ngx_http_ss_stream_t  *stream;

    stream = ngx_http_get_module_ctx(client->request,
                                     ngx_http_socketstream_module);

    stream->left = client->out;

    ngx_http_ss_count(queue_bytes, -client->out_bytes);

    client->out = NULL;
    client->out_last = NULL;
    client->out_bytes = 0;
}


void
ngx_http_ss_sse_finish(ngx_http_ss_client_t *client)
{
    ngx_int_t            rc;
    ngx_uint_t           said;
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    r = client->request;
    c = r->connection;

    said = client->closing && client->out == NULL;

    ngx_http_ss_sse_cleanup(ngx_http_get_module_ctx(r,
                                               ngx_http_socketstream_module));

    r->read_event_handler = ngx_http_block_reading;
    r->write_event_handler = ngx_http_request_empty_handler;

    rc = said ? ngx_http_send_special(r, NGX_HTTP_LAST)
              : NGX_HTTP_CLIENT_CLOSED_REQUEST;

    ngx_http_finalize_request(r, rc);
    ngx_http_run_posted_requests(c);
}


/* The request ends, by us or because its client is gone. */

static void
ngx_http_ss_sse_cleanup(void *data)
{
    ngx_http_ss_stream_t *stream = data;

    ngx_connection_t      *c;
    ngx_http_ss_client_t  *client;

    client = stream->client;

    if (client == NULL) {
        return;
    }

    c = client->connection;

    if (c->read->timer_set) {
        ngx_del_timer(c->read);
    }

    /* the connection may go on with other requests */

    if (client->request->http_version == NGX_HTTP_VERSION_11
        && client->conf->ping_interval)
    {
        ngx_http_ss_sse_patience(client, 0);
    }

    ngx_queue_remove(&stream->queue);

    ngx_http_ss_client_free(client, SS_WS_CLOSE_ABNORMAL);
    stream->client = NULL;
}


static void
ngx_http_ss_sse_pool_cleanup(void *data)
{
    ngx_http_ss_stream_t *stream = data;

    ngx_http_ss_out_t  *out;

    while (stream->left) {
        out = stream->left;
        stream->left = out->next;
        ngx_http_ss_output_release(out);
    }
}


/*
 * nginx tells idle connections when it quits, and all of them when it runs
 * out of patience.  A stream's connection is not idle, and over HTTP/2 it is
 * none of nginx's own, so a connection that leads nowhere hears it for them.
 */

ngx_int_t
ngx_http_ss_sse_watch(ngx_cycle_t *cycle)
{
    ngx_connection_t  *c;

    ngx_http_ss_sse_unwatch();

    c = ngx_get_connection(0, cycle->log);
    if (c == NULL) {
        return NGX_ERROR;
    }

    c->fd = (ngx_socket_t) -2;
    c->idle = 1;
    c->read->handler = ngx_http_ss_sse_watch_handler;

    ngx_http_ss_worker.watcher = c;

    return NGX_OK;
}


void
ngx_http_ss_sse_unwatch(void)
{
    ngx_connection_t  *c;

    c = ngx_http_ss_worker.watcher;

    if (c) {
        c->idle = 0;
        c->fd = 0;  /* an index, where the event module keeps cycle->files */

        ngx_free_connection(c);

        c->fd = (ngx_socket_t) -1;
        ngx_http_ss_worker.watcher = NULL;
    }
}


static void
ngx_http_ss_sse_watch_handler(ngx_event_t *rev)
{
    ngx_uint_t             impatient;
    ngx_queue_t           *q, all;
    ngx_connection_t      *c;
    ngx_http_ss_stream_t  *stream;

    c = rev->data;
    impatient = c->error;

    c->close = 0;
    c->error = 0;

    if (ngx_queue_empty(&ngx_http_ss_worker.streams)) {
        return;
    }

    /* the end of one may be that of others of its connection */

    ngx_queue_init(&all);
    ngx_queue_add(&all, &ngx_http_ss_worker.streams);
    ngx_queue_init(&ngx_http_ss_worker.streams);

    while (!ngx_queue_empty(&all)) {
        q = ngx_queue_head(&all);
        ngx_queue_remove(q);
        ngx_queue_insert_tail(&ngx_http_ss_worker.streams, q);

        stream = ngx_queue_data(q, ngx_http_ss_stream_t, queue);
        ngx_http_ss_client_quit(stream->client, impatient);
    }
}
