
/*
 * SPDX-License-Identifier: MIT
 *
 * What a sidecar's frames mean.
 *
 * ngx_http_ss_link.c brings them one by one, checked against the table of
 * operations.  Those of a client find it by its slot and generation, and
 * nobody when it is gone; a message in chunks is kept with its client, or
 * with the link where it is the link's own, until it is whole.
 */


#include "ngx_http_socketstream.h"


static void ngx_http_ss_frame_client(ngx_http_ss_link_t *link,
    ngx_http_ss_client_t *client, ss_link_header_t *h, u_char *data);
static void ngx_http_ss_frame_chunk(ngx_http_ss_link_t *link,
    ngx_http_ss_client_t *client, ss_link_header_t *h, u_char *data);
static void ngx_http_ss_frame_message(ngx_http_ss_link_t *link,
    ngx_http_ss_client_t *client, ss_link_header_t *h, u_char *data,
    size_t len);
static ngx_int_t ngx_http_ss_frame_own(ngx_http_ss_link_t *link,
    ss_link_header_t *h, u_char *data);
static ngx_int_t ngx_http_ss_frame_hello(ngx_http_ss_link_t *link,
    u_char *data, size_t len);
static void ngx_http_ss_frame_ready(ngx_http_ss_link_t *link);
static void ngx_http_ss_frame_drain(ngx_http_ss_link_t *link);


ngx_int_t
ngx_http_ss_frame(ngx_http_ss_link_t *link, ss_link_header_t *h,
    u_char *data)
{
    u_char               *p;
    ss_span_t             why;
    ss_reader_t           r;
    ngx_http_ss_slot_t   *s;

    if (link->state != NGX_HTTP_SS_LINK_READY
        && h->op != SS_LINK_HELLO && h->op != SS_LINK_GOODBYE)
    {
        return NGX_ERROR;
    }

    switch (h->op) {

    case SS_LINK_HELLO:
        if (link->state == NGX_HTTP_SS_LINK_READY) {
            return NGX_ERROR;
        }

        return ngx_http_ss_frame_hello(link, data, h->length);

    case SS_LINK_PING:
        p = ngx_http_ss_link_reserve(link, h->length);
        if (p) {
            ngx_memcpy(p, data, h->length);
            ngx_http_ss_link_commit(link, SS_LINK_PONG, 0, 0, 0, 0,
                                    h->length);
        }

        return NGX_OK;

    case SS_LINK_PONG:
        return NGX_OK;

    case SS_LINK_GOODBYE:
        r = ss_reader(data, h->length);
        why = ss_read_str16(&r);

        ngx_log_error(ngx_http_ss_link_level(link), link->connection->log, 0,
                      "socketstream: %V says goodbye: \"%*s\"", &link->name,
                      why.len, why.ptr ? why.ptr : "");

        ngx_http_ss_link_lost(link, NULL);
        return NGX_DONE;

    case SS_LINK_DRAIN:
        ngx_http_ss_frame_drain(link);
        return NGX_OK;

    case SS_LINK_HEALTH:
        r = ss_reader(data, h->length);

        ngx_http_ss_worker.counters->link_broken[link->index] =
                                  ss_read_u8(&r) == SS_LINK_HEALTH_BROKEN;
        ngx_http_ss_worker.counters->canary_ms[link->index] = ss_read_u32(&r);
        return NGX_OK;

    case SS_LINK_NODE:
        link->node_len = h->length;
        ngx_memcpy(link->node, data, h->length);
        return NGX_OK;

    case SS_LINK_PUBLISH:
    case SS_LINK_DELIVER:
        return ngx_http_ss_frame_own(link, h, data);
    }

    s = ngx_http_ss_slot_find(h->slot, h->generation);

    if (s == NULL) {
        return NGX_OK;
    }

    switch (s->type) {

    case NGX_HTTP_SS_SLOT_CLIENT:
        ngx_http_ss_frame_client(link, s->data, h, data);
        break;

    case NGX_HTTP_SS_SLOT_OPEN:

        if (((ngx_http_ss_open_t *) s->data)->link != link) {
            break;
        }

        if (h->op == SS_LINK_ACCEPT) {
            ngx_http_ss_open_accept(s->data, data, h->length);

        } else if (h->op == SS_LINK_REJECT) {
            ngx_http_ss_open_reject(s->data, data, h->length);
        }

        break;

    case NGX_HTTP_SS_SLOT_API:

        if (((ngx_http_ss_api_t *) s->data)->link == link
            && h->op == SS_LINK_RESPONSE)
        {
            ngx_http_ss_api_response(s->data, h->flags, data, h->length);
        }

        break;
    }

    return NGX_OK;
}


static void
ngx_http_ss_frame_client(ngx_http_ss_link_t *link,
    ngx_http_ss_client_t *client, ss_link_header_t *h, u_char *data)
{
    ngx_uint_t  code;

    switch (h->op) {

    case SS_LINK_REPLY:
    case SS_LINK_SEND:

        ngx_http_ss_frame_chunk(link, client, h, data);
        return;

    case SS_LINK_JOIN:

        if (client->link == link
            && ngx_http_ss_topic_join(client, data, h->length) != NGX_OK)
        {
            ngx_http_ss_client_close(client, SS_WS_CLOSE_INTERNAL, NULL, 0);
        }

        return;

    case SS_LINK_LEAVE:

        if (client->link == link) {
            ngx_http_ss_topic_leave(client, data, h->length);
        }

        return;

    case SS_LINK_STATE:

        if (client->link == link
            && ngx_http_ss_client_set_state(client, data, h->length)
               != NGX_OK)
        {
            ngx_http_ss_client_close(client, SS_WS_CLOSE_INTERNAL, NULL, 0);
        }

        return;

    case SS_LINK_RATE_KEYS:

        if (client->link == link) {
            ngx_http_ss_limits_keys(client, data, h->length);
        }

        return;

    case SS_LINK_CLOSE:

        if (client->link == link) {
            code = data[0] | data[1] << 8;
            ngx_http_ss_client_close(client, code, (const char *) data + 2,
                                     h->length - 2);
        }

        return;
    }
}


/* A chunk is kept until its message is whole. */

static void
ngx_http_ss_frame_chunk(ngx_http_ss_link_t *link, ngx_http_ss_client_t *client,
    ss_link_header_t *h, u_char *data)
{
    ngx_http_ss_buf_t   *whole;
    ngx_http_ss_call_t  *call;

    if (client->reply_link == NULL) {

        if (!(h->flags & SS_LINK_MORE)) {
            ngx_http_ss_frame_message(link, client, h, data, h->length);
            return;
        }

        client->reply_link = link;
    }

    if (client->reply_link != link) {

        /*
         * A client that moved away from a draining sidecar can be sent long
         * messages by both at once.  It is rare, and a new socket is cheap.
         */

        ngx_http_ss_client_close(client, SS_WS_CLOSE_RESTART, NULL, 0);
        return;
    }

    if (!client->reply_skip
        && (client->reply ? client->reply->len : 0) + h->length
           > client->conf->max_queue)
    {
        /* would never fit: a call gets an error, anything else is too much */

        ngx_log_error(NGX_LOG_ERR, client->connection->log, 0,
                      "socketstream: %V sent a client a message over "
                      "socketstream_max_queue, %uz", &link->name,
                      client->conf->max_queue);

        if (h->op == SS_LINK_SEND) {
            ngx_http_ss_client_close(client, SS_WS_CLOSE_TRY_LATER,
                                     "message too large", 17);
            return;
        }

        call = ngx_http_ss_call_find(client, h->call);

        if (call) {
            ngx_http_ss_call_fail(call, SS_RPC_TOO_LARGE);
        }

        client->reply_skip = 1;
    }

    if (!client->reply_skip
        && ngx_http_ss_buf_add(&client->reply, data, h->length) != NGX_OK)
    {
        ngx_http_ss_client_close(client, SS_WS_CLOSE_INTERNAL, NULL, 0);
        return;
    }

    if (h->flags & SS_LINK_MORE) {
        return;
    }

    whole = client->reply;
    client->reply = NULL;
    client->reply_link = NULL;

    if (client->reply_skip) {
        client->reply_skip = 0;

    } else {
        ngx_http_ss_frame_message(link, client, h, whole->data, whole->len);
    }

    if (whole) {
        ngx_free(whole);
    }
}


static void
ngx_http_ss_frame_message(ngx_http_ss_link_t *link,
    ngx_http_ss_client_t *client, ss_link_header_t *h, u_char *data,
    size_t len)
{
    ngx_http_ss_call_t  *call;

    if (h->op == SS_LINK_REPLY) {

        /* answered already, by a timeout or after a loss: never twice */

        call = ngx_http_ss_call_find(client, h->call);
        if (call == NULL) {
            return;
        }

        ngx_http_ss_call_end(call);

    } else if (client->link != link) {

        /* of a link that the client has left only its answers count */

        return;
    }

    ngx_http_ss_output_message(client,
                               (h->flags & SS_LINK_BINARY) ? SS_WS_BINARY
                                                           : SS_WS_TEXT,
                               data, len);
}


/* One at a time: chunks of the link's own messages stand together. */

static ngx_int_t
ngx_http_ss_frame_own(ngx_http_ss_link_t *link, ss_link_header_t *h,
    u_char *data)
{
    size_t               len;
    ngx_int_t            rc;
    ngx_http_ss_buf_t   *whole;

    ngx_int_t          (*handler)(ngx_http_ss_link_t *link,
                                  const u_char *data, size_t len);

    handler = (h->op == SS_LINK_PUBLISH) ? ngx_http_ss_publish
                                         : ngx_http_ss_post_deliver;

    whole = link->own;
    len = whole ? whole->len : 0;

    if (len == 0 && !link->skip && !(h->flags & SS_LINK_MORE)) {
        return handler(link, data, h->length);
    }

    if (!link->skip
        && (len + h->length > SS_LINK_MESSAGE_MAX
            || ngx_http_ss_buf_add(&link->own, data, h->length) != NGX_OK))
    {
        ngx_log_error(NGX_LOG_ERR, link->connection->log, 0,
                      "socketstream: %V sent a %s that is too long, dropped",
                      &link->name, ss_link_op_name(h->op));
        link->skip = 1;
    }

    if (h->flags & SS_LINK_MORE) {
        return NGX_OK;
    }

    whole = link->own;
    link->own = NULL;

    rc = NGX_OK;

    if (!link->skip) {
        rc = handler(link, whole->data, whole->len);
    }

    link->skip = 0;

    if (whole) {
        ngx_free(whole);
    }

    return rc;
}


static ngx_int_t
ngx_http_ss_frame_hello(ngx_http_ss_link_t *link, u_char *data, size_t len)
{
    u_char           *p, text[256];
    ss_writer_t       w;
    ss_link_hello_t   hello;

    if (!ss_link_decode_hello(data, len, &hello)) {
        return NGX_ERROR;
    }

    if (hello.version != SS_LINK_VERSION
        || hello.role != SS_LINK_ROLE_SIDECAR)
    {
        p = ngx_snprintf(text, sizeof(text),
                         "nginx's module speaks version %d of the link "
                         "protocol, the peer is a %s of version %d: install "
                         "the two from one release", SS_LINK_VERSION,
                         hello.role == SS_LINK_ROLE_SIDECAR ? "sidecar"
                                                            : "stranger",
                         (int) hello.version);

        ngx_log_error(NGX_LOG_ERR, link->connection->log, 0,
                      "socketstream: %V: %*s", &link->name,
                      (size_t) (p - text), text);
        link->logged = 1;

        len = p - text;
        p = ngx_http_ss_link_reserve(link, len + 2);

        if (p) {
            w = ss_writer(p, len + 2);
            ss_write_str16(&w, text, len);
            ngx_http_ss_link_commit(link, SS_LINK_GOODBYE, 0, 0, 0, 0,
                                    len + 2);
            (void) ngx_http_ss_link_flush(link);
        }

        ngx_http_ss_link_lost(link, NULL);

        return NGX_DONE;
    }

    link->call_timeout = hello.timeout_ms ? hello.timeout_ms : 30000;
    link->max_message = hello.max_message ? hello.max_message
                                          : SS_LINK_MESSAGE_MAX;

    ngx_log_error(NGX_LOG_NOTICE, link->connection->log, 0,
                  "socketstream: linked to %V, process %uD, \"%*s\"",
                  &link->name, hello.pid, hello.software.len,
                  hello.software.ptr);

    ngx_http_ss_frame_ready(link);

    return NGX_OK;
}


static void
ngx_http_ss_frame_ready(ngx_http_ss_link_t *link)
{
    link->state = NGX_HTTP_SS_LINK_READY;
    link->backoff = 0;
    link->logged = 0;

    ngx_http_ss_count(link_connects_total, 1);
    ngx_http_ss_worker.counters->link_up[link->index] = 1;

    ngx_http_ss_route_ready(link);
}


/* The sidecar is leaving: it answers what it has, and closes. */

static void
ngx_http_ss_frame_drain(ngx_http_ss_link_t *link)
{
    ngx_log_error(NGX_LOG_NOTICE, link->connection->log, 0,
                  "socketstream: %V is draining", &link->name);

    link->draining = 1;

    ngx_http_ss_route_leave(link);
}
