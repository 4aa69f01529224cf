
/*
 * SPDX-License-Identifier: MIT
 *
 * From an accepted handshake to a WebSocket: the 101, and then the end of
 * the HTTP request, of which only the connection is kept.  Where limit_conn
 * counts the request, it is kept too, so that the limit holds.
 */


#include "ngx_http_socketstream.h"
#include <ngx_sha1.h>


#define NGX_HTTP_SS_GUID        "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


static ngx_int_t ngx_http_ss_send_101(ngx_http_ss_open_t *o,
    ss_link_accept_t *accept);
static void ngx_http_ss_101_write_handler(ngx_http_request_t *r);
static ngx_int_t ngx_http_ss_take_over(ngx_http_ss_open_t *o);


ngx_int_t
ngx_http_ss_upgrade(ngx_http_ss_open_t *o, ss_link_accept_t *accept)
{
    ngx_int_t            rc;
    ngx_http_request_t  *r;

    r = o->request;

    rc = ngx_http_ss_send_101(o, accept);

    if (rc == NGX_ERROR || rc > NGX_OK) {
        return NGX_ERROR;
    }

    o->client = ngx_http_ss_client_create(o, accept->state);

    if (o->client == NULL) {
        return NGX_ERROR;
    }

    if (r->buffered || r->connection->buffered || r->postponed) {
        ngx_add_timer(&o->timer, o->conf->link_timeout);
        ngx_http_set_ctx(r, o, ngx_http_socketstream_module);
        r->write_event_handler = ngx_http_ss_101_write_handler;
        return NGX_OK;
    }

    return ngx_http_ss_take_over(o);
}


static ngx_int_t
ngx_http_ss_send_101(ngx_http_ss_open_t *o, ss_link_accept_t *accept)
{
    u_char              *p, digest[20];
    ngx_int_t            rc;
    ngx_str_t            src, dst, name;
    ngx_sha1_t           sha1;
    ngx_http_request_t  *r;

    r = o->request;

    p = ngx_pnalloc(r->pool, ngx_base64_encoded_length(sizeof(digest)));
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_sha1_init(&sha1);
    ngx_sha1_update(&sha1, o->key.data, o->key.len);
    ngx_sha1_update(&sha1, NGX_HTTP_SS_GUID, sizeof(NGX_HTTP_SS_GUID) - 1);
    ngx_sha1_final(digest, &sha1);

    src.data = digest;
    src.len = sizeof(digest);
    dst.data = p;
    ngx_encode_base64(&dst, &src);

    /* were it an error page, nginx would send the error's status instead */

    r->err_status = 0;
    r->headers_out.status = NGX_HTTP_SWITCHING_PROTOCOLS;
    ngx_str_set(&r->headers_out.status_line, "101 Switching Protocols");
    r->keepalive = 0;

    ngx_str_set(&name, "Upgrade");
    ngx_str_set(&src, "websocket");

    if (ngx_http_ss_add_header(r, &name, &src) == NULL) {
        return NGX_ERROR;
    }

    ngx_str_set(&name, "Sec-WebSocket-Accept");

    if (ngx_http_ss_add_header(r, &name, &dst) == NULL) {
        return NGX_ERROR;
    }

    if (o->system) {
        ngx_str_set(&name, "Sec-WebSocket-Protocol");
        ngx_str_set(&src, "socketstream");

        if (ngx_http_ss_add_header(r, &name, &src) == NULL) {
            return NGX_ERROR;
        }
    }

    if (ngx_http_ss_copy_headers(r, &accept->headers) != NGX_OK) {
        return NGX_ERROR;
    }

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK) {
        return rc;
    }

    return ngx_http_send_special(r, NGX_HTTP_FLUSH);
}


static void
ngx_http_ss_101_write_handler(ngx_http_request_t *r)
{
    ngx_connection_t    *c;
    ngx_http_ss_open_t  *o;

    c = r->connection;
    o = ngx_http_get_module_ctx(r, ngx_http_socketstream_module);

    if (ngx_http_output_filter(r, NULL) == NGX_ERROR) {
        ngx_http_finalize_request(r, NGX_ERROR);
        return;
    }

    if (r->buffered || c->buffered || r->postponed) {
        if (ngx_handle_write_event(c->write, 0) != NGX_OK) {
            ngx_http_finalize_request(r, NGX_ERROR);
        }

        return;
    }

    if (o->timer.timer_set) {
        ngx_del_timer(&o->timer);
    }

    if (ngx_http_ss_take_over(o) != NGX_OK) {
        ngx_http_finalize_request(r, NGX_ERROR);
    }
}


/*
 * The request's end and the client's beginning.  Bytes behind the handshake
 * may stand in the header buffer, which goes with the request: copied.
 */

static ngx_int_t
ngx_http_ss_take_over(ngx_http_ss_open_t *o)
{
    size_t                     len;
    u_char                    *p;
    ngx_buf_t                 *b;
    ngx_chain_t               *cl, *ln;
    ngx_connection_t          *c;
    ngx_http_request_t        *r;
    ngx_http_ss_client_t      *client;
    ngx_http_connection_t     *hc;
    ngx_http_core_loc_conf_t  *clcf;

    r = o->request;
    c = r->connection;
    hc = r->http_connection;
    client = o->client;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (clcf->tcp_nodelay && ngx_tcp_nodelay(c) != NGX_OK) {
        return NGX_ERROR;
    }

    b = r->header_in;
    len = b->last - b->pos;
    p = NULL;

    if (len) {
        p = ngx_alloc(len, c->log);
        if (p == NULL) {
            return NGX_ERROR;
        }

        ngx_memcpy(p, b->pos, len);
        b->pos = b->last;
    }

    o->client = NULL;

    if (c->read->timer_set) {
        ngx_del_timer(c->read);
    }

    if (c->write->timer_set) {
        ngx_del_timer(c->write);
    }

    if (r->limit_conn_status) {
        client->request = r;
        r->read_event_handler = ngx_http_block_reading;
        r->write_event_handler = ngx_http_request_empty_handler;

    } else {
        r->main->count = 1;
        ngx_http_free_request(r, 0);

        for (cl = hc->free; cl; /* void */) {
            ln = cl;
            cl = cl->next;
            ngx_pfree(c->pool, ln->buf->start);
            ngx_free_chain(c->pool, ln);
        }

        for (cl = hc->busy; cl; /* void */) {
            ln = cl;
            cl = cl->next;
            ngx_pfree(c->pool, ln->buf->start);
            ngx_free_chain(c->pool, ln);
        }

        hc->free = NULL;
        hc->busy = NULL;
        hc->nbusy = 0;

        if (c->buffer && ngx_pfree(c->pool, c->buffer->start) == NGX_OK) {
            c->buffer->pos = NULL;
        }
    }

#if (NGX_HTTP_SSL)
    if (c->ssl) {
        ngx_ssl_free_buffer(c);

        /* what is written again after WANT_WRITE may stand elsewhere */
        SSL_set_mode(c->ssl->connection, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    }
#endif

    /* who is on the way back from a write event looks for no request here */
    c->destroyed = 1;

    ngx_http_ss_ws_start(client, p, len);

    if (p) {
        ngx_free(p);
    }

    return NGX_OK;
}
