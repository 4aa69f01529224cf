
/*
 * SPDX-License-Identifier: MIT
 *
 * What an event stream's client sends: POSTs of messages, one a line.
 *
 * A POST names its stream by the secret, and its place among the stream's
 * POSTs by a number.  It is taken as a whole or not at all, and once: a
 * number that was taken before is a repeat of a POST whose answer was lost.
 * Where the stream is another worker's, the sidecars carry the POST there
 * (DELIVER), and the answer back; see ngx_http_ss_api.c for the way out.
 *
 * Each line then goes the way of a WebSocket's text message, and is answered
 * down the stream.
 */


#include "ngx_http_socketstream.h"


#define NGX_HTTP_SS_NDJSON      "application/x-ndjson"


typedef struct {
    ss_stream_t                  name;
    uint64_t                     seq;
} ngx_http_ss_post_t;


static void ngx_http_ss_post_body_handler(ngx_http_request_t *r);
static ngx_int_t ngx_http_ss_post_body(ngx_http_request_t *r,
    ngx_str_t *body);
static ngx_uint_t ngx_http_ss_post_take(ss_stream_t *name, uint64_t seq,
    u_char *data, size_t len);
static ngx_uint_t ngx_http_ss_post_check(ngx_http_ss_client_t *client,
    u_char *data, size_t len);
static void ngx_http_ss_post_messages(ngx_http_ss_client_t *client,
    u_char *data, size_t len);
static ngx_uint_t ngx_http_ss_post_line(u_char **p, u_char *end,
    ngx_str_t *line);
static ngx_uint_t ngx_http_ss_post_is_ndjson(ngx_http_request_t *r);


ngx_int_t
ngx_http_ss_post_handler(ngx_http_request_t *r, ngx_http_ss_headers_t *hs)
{
    ngx_int_t                rc;
    ngx_http_ss_post_t      *post;
    ngx_http_ss_loc_conf_t  *slcf;

    slcf = ngx_http_get_module_loc_conf(r, ngx_http_socketstream_module);

    post = ngx_palloc(r->pool, sizeof(ngx_http_ss_post_t));
    if (post == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (!ngx_http_ss_post_is_ndjson(r)) {
        return ngx_http_ss_post_answer(r, NGX_HTTP_UNSUPPORTED_MEDIA_TYPE);
    }

    if (r->headers_in.content_length_n
        > (off_t) (slcf->max_message + NGX_HTTP_SS_POST_EXTRA))
    {
        return ngx_http_ss_post_answer(r, NGX_HTTP_REQUEST_ENTITY_TOO_LARGE);
    }

    if (!ss_stream_seq((const char *) hs->seq.data, hs->seq.len, &post->seq)) {
        return ngx_http_ss_post_answer(r, NGX_HTTP_BAD_REQUEST);
    }

    if (!ss_stream_decode((const char *) hs->stream.data, hs->stream.len,
                          &post->name))
    {
        return ngx_http_ss_post_answer(r, NGX_HTTP_NOT_FOUND);
    }

    ngx_http_set_ctx(r, post, ngx_http_socketstream_module);

    r->request_body_in_single_buf = 1;

    rc = ngx_http_read_client_request_body(r, ngx_http_ss_post_body_handler);

    if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
        return rc;
    }

    return NGX_DONE;
}


static ngx_uint_t
ngx_http_ss_post_is_ndjson(ngx_http_request_t *r)
{
    size_t      len;
    ngx_str_t  *type;

    if (r->headers_in.content_type == NULL) {
        return 0;
    }

    type = &r->headers_in.content_type->value;
    len = sizeof(NGX_HTTP_SS_NDJSON) - 1;

    return type->len >= len
           && ngx_strncasecmp(type->data, (u_char *) NGX_HTTP_SS_NDJSON, len)
              == 0
           && (type->len == len || type->data[len] == ';'
               || type->data[len] == ' ');
}


static void
ngx_http_ss_post_body_handler(ngx_http_request_t *r)
{
    ngx_str_t                body;
    ngx_uint_t               status;
    ngx_http_ss_post_t      *post;
    ngx_http_ss_loc_conf_t  *slcf;

    slcf = ngx_http_get_module_loc_conf(r, ngx_http_socketstream_module);
    post = ngx_http_get_module_ctx(r, ngx_http_socketstream_module);

    /* of a chunked body the length is known only now */

    if (r->headers_in.content_length_n
        > (off_t) (slcf->max_message + NGX_HTTP_SS_POST_EXTRA))
    {
        status = NGX_HTTP_REQUEST_ENTITY_TOO_LARGE;

    } else if (post->name.worker != ngx_http_ss_worker.generation) {
        ngx_http_ss_api_forward(r);
        return;

    } else if (ngx_http_ss_post_body(r, &body) != NGX_OK) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;

    } else {
        status = ngx_http_ss_post_take(&post->name, post->seq, body.data,
                                       body.len);
    }

    ngx_http_finalize_request(r, ngx_http_ss_post_answer(r, status));
}


/* The body in one piece, wherever nginx has put it. */

static ngx_int_t
ngx_http_ss_post_body(ngx_http_request_t *r, ngx_str_t *body)
{
    size_t        n;
    u_char       *p;
    ssize_t       got;
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    ngx_str_null(body);

    cl = r->request_body ? r->request_body->bufs : NULL;

    if (cl == NULL) {
        return NGX_OK;
    }

    if (cl->next == NULL && !cl->buf->in_file) {
        body->data = cl->buf->pos;
        body->len = cl->buf->last - cl->buf->pos;
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, (size_t) r->headers_in.content_length_n + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    body->data = p;

    for ( /* void */ ; cl; cl = cl->next) {
        b = cl->buf;

        if (!b->in_file) {
            p = ngx_cpymem(p, b->pos, b->last - b->pos);
            continue;
        }

        n = (size_t) (b->file_last - b->file_pos);
        got = ngx_read_file(b->file, p, n, b->file_pos);

        if (got < 0 || (size_t) got != n) {
            return NGX_ERROR;
        }

        p += n;
    }

    body->len = p - body->data;

    return NGX_OK;
}


/* Gives the HTTP status. */

static ngx_uint_t
ngx_http_ss_post_take(ss_stream_t *name, uint64_t seq, u_char *data,
    size_t len)
{
    ngx_uint_t             status;
    ngx_http_ss_slot_t    *slot;
    ngx_http_ss_client_t  *client;
    ngx_http_ss_stream_t  *stream;

    if (name->worker != ngx_http_ss_worker.generation) {
        return NGX_HTTP_NOT_FOUND;
    }

    slot = ngx_http_ss_slot_find(name->slot, name->generation);

    if (slot == NULL || slot->type != NGX_HTTP_SS_SLOT_CLIENT) {
        return NGX_HTTP_NOT_FOUND;
    }

    client = slot->data;

    if (!client->sse) {
        return NGX_HTTP_NOT_FOUND;
    }

    stream = ngx_http_get_module_ctx(client->request,
                                     ngx_http_socketstream_module);

    if (!ss_stream_key_equal(name->key, stream->key)) {
        return NGX_HTTP_NOT_FOUND;
    }

    if (seq > stream->seq + 1) {
        return NGX_HTTP_CONFLICT;
    }

    if (seq == stream->seq + 1) {

        /* it has to take answers before it asks for more */

        if (client->throttled || client->blocked) {
            return NGX_HTTP_SERVICE_UNAVAILABLE;
        }

        status = ngx_http_ss_post_check(client, data, len);

        if (status != NGX_HTTP_NO_CONTENT) {
            return status;
        }

        stream->seq = seq;
        ngx_http_ss_post_messages(client, data, len);
    }

    ngx_http_ss_count(posts_total, 1);

    return NGX_HTTP_NO_CONTENT;
}


static ngx_uint_t
ngx_http_ss_post_check(ngx_http_ss_client_t *client, u_char *data, size_t len)
{
    u_char      *p, *end;
    ngx_str_t    line;
    ngx_uint_t   n;

    p = data;
    end = data + len;

    for (n = 0; ngx_http_ss_post_line(&p, end, &line); n++) {

        if (line.len > client->conf->max_message
            || n == NGX_HTTP_SS_POST_MESSAGES)
        {
            return NGX_HTTP_REQUEST_ENTITY_TOO_LARGE;
        }
    }

    return (n && ss_utf8_valid(data, len)) ? NGX_HTTP_NO_CONTENT
                                           : NGX_HTTP_BAD_REQUEST;
}


static void
ngx_http_ss_post_messages(ngx_http_ss_client_t *client, u_char *data,
    size_t len)
{
    u_char     *p, *end;
    ngx_str_t   line;

    p = data;
    end = data + len;

    while (!client->closing && ngx_http_ss_post_line(&p, end, &line)) {
        ngx_http_ss_client_message(client, SS_WS_TEXT, line.data, line.len);
    }
}


/* The next line that is not empty; 0: there is none. */

static ngx_uint_t
ngx_http_ss_post_line(u_char **p, u_char *end, ngx_str_t *line)
{
    u_char  *eol;

    while (*p < end) {

        eol = ngx_strlchr(*p, end, LF);

        line->data = *p;
        line->len = (eol ? eol : end) - *p;

        *p = eol ? eol + 1 : end;

        if (line->len && line->data[line->len - 1] == CR) {
            line->len--;
        }

        if (line->len) {
            return 1;
        }
    }

    return 0;
}


ngx_int_t
ngx_http_ss_post_deliver(ngx_http_ss_link_t *link, const u_char *data,
    size_t len)
{
    u_char             *p;
    ngx_uint_t          status;
    ss_stream_t         name;
    ss_writer_t         w;
    ss_link_deliver_t   deliver;

    if (!ss_link_decode_deliver(data, len, &deliver)) {
        return NGX_ERROR;
    }

    status = NGX_HTTP_NOT_FOUND;

    if (ss_stream_decode(deliver.secret.ptr, deliver.secret.len, &name)) {
        status = ngx_http_ss_post_take(&name, deliver.seq,
                                       (u_char *) deliver.body.ptr,
                                       deliver.body.len);
    }

    /* without memory it is asked again: the number is taken once */

    p = ngx_http_ss_link_reserve(link, 6);

    if (p) {
        w = ss_writer(p, 6);
        ss_write_u32(&w, deliver.number);
        ss_write_u16(&w, (uint16_t) status);

        ngx_http_ss_link_commit(link, SS_LINK_DELIVERED, 0, 0, 0, 0, 6);
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_ss_post_answer(ngx_http_request_t *r, ngx_uint_t status)
{
    ngx_int_t    rc;
    ngx_str_t    name, value;
    const char  *why;

    switch (status) {

    case NGX_HTTP_NO_CONTENT:
        why = "";
        break;

    case NGX_HTTP_BAD_REQUEST:
        why = "SocketStream-Seq must be a number, the body UTF-8, at least "
              "one message, one a line" CRLF;
        break;

    case NGX_HTTP_NOT_FOUND:
        why = "no such stream: open a new one" CRLF;
        break;

    case NGX_HTTP_CONFLICT:
        why = "SocketStream-Seq skips a number" CRLF;
        break;

    case NGX_HTTP_REQUEST_ENTITY_TOO_LARGE:
        why = "too much for one POST, or for one message" CRLF;
        break;

    case NGX_HTTP_UNSUPPORTED_MEDIA_TYPE:
        why = "the body must be " NGX_HTTP_SS_NDJSON CRLF;
        break;

    default:
        status = NGX_HTTP_SERVICE_UNAVAILABLE;
        why = "the same again in a moment, please" CRLF;
        break;
    }

    if (status != NGX_HTTP_NO_CONTENT) {
        ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                      "socketstream: POST to a stream answered with %ui",
                      status);
    }

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_http_ss_no_store(r, NULL) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (status == NGX_HTTP_SERVICE_UNAVAILABLE) {
        ngx_str_set(&name, "Retry-After");
        ngx_str_set(&value, "1");

        if (ngx_http_ss_add_header(r, &name, &value) == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    return ngx_http_ss_send_text(r, status, (const u_char *) why,
                                 ngx_strlen(why));
}
