
/*
 * SPDX-License-Identifier: MIT
 *
 * From an HTTP request to a WebSocket (RFC 6455 section 4.2).
 *
 * The request is checked here, then shown to a sidecar (OPEN), which takes
 * it (ACCEPT) or not (REJECT).  Until then it is an ordinary request that
 * waits, at most socketstream_link_timeout.  With the 101 the request is
 * freed and only its connection kept; where limit_conn counts the request,
 * it is kept too, so that the limit holds.
 */


#include "ngx_http_socketstream.h"
#include <ngx_sha1.h>


#define NGX_HTTP_SS_KEY_LEN     24          /* 16 bytes in base64 */

#define NGX_HTTP_SS_GUID        "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


/* what the checks look for among the request's headers */

typedef struct {
    ngx_str_t                    key;
    ngx_str_t                    version;
    ngx_str_t                    origin;
    ngx_uint_t                   nkeys;
    unsigned                     upgrade:1;
    unsigned                     connection:1;
    unsigned                     system:1;
} ngx_http_ss_headers_t;


static void ngx_http_ss_handshake_headers(ngx_http_request_t *r,
    ngx_http_ss_headers_t *hs);
static ngx_uint_t ngx_http_ss_has_token(ngx_str_t *value, const char *token,
    size_t len, ngx_uint_t icase);
static ngx_int_t ngx_http_ss_handshake_check(ngx_http_request_t *r,
    ngx_http_ss_headers_t *hs, ngx_http_ss_refusal_e *why);
static ngx_uint_t ngx_http_ss_origin_allowed(ngx_http_request_t *r,
    ngx_str_t *origin);
static ngx_int_t ngx_http_ss_refuse(ngx_http_request_t *r,
    ngx_http_ss_refusal_e why);
static void ngx_http_ss_open_refuse(ngx_http_ss_open_t *o,
    ngx_http_ss_refusal_e why);
static void ngx_http_ss_open_release(ngx_http_ss_open_t *o,
    ngx_uint_t notify);
static void ngx_http_ss_open_cleanup(void *data);
static void ngx_http_ss_open_timer_handler(ngx_event_t *ev);
static ngx_int_t ngx_http_ss_open_encode(ngx_http_ss_open_t *o,
    ss_writer_t *w);
static ngx_int_t ngx_http_ss_send_101(ngx_http_ss_open_t *o,
    ss_link_accept_t *accept);
static void ngx_http_ss_101_write_handler(ngx_http_request_t *r);
static void ngx_http_ss_take_over(ngx_http_ss_open_t *o);


static const struct {
    ngx_uint_t                   status;
    const char                  *text;
} ngx_http_ss_refusals[] = {
#define X(name, status, text)  { status, text },
    NGX_HTTP_SS_REFUSALS(X)
#undef X
};


ngx_int_t
ngx_http_ss_handshake_handler(ngx_http_request_t *r)
{
    ngx_http_cleanup_t      *cln;
    ngx_http_ss_link_t      *link;
    ngx_http_ss_open_t      *o;
    ngx_http_ss_headers_t    hs;
    ngx_http_ss_refusal_e    why;
    ngx_http_ss_loc_conf_t  *slcf;

    if (r != r->main) {
        return NGX_HTTP_NOT_FOUND;
    }

    ngx_http_ss_handshake_headers(r, &hs);

    if (r->method & NGX_HTTP_POST) {

        /* about the session, with a cookie: only from our own pages */

        if (!ngx_http_ss_origin_allowed(r, &hs.origin)) {
            return ngx_http_ss_refuse(r, NGX_HTTP_SS_REFUSED_origin);
        }

        return ngx_http_ss_api_handler(r);
    }

    if (ngx_http_ss_handshake_check(r, &hs, &why) != NGX_OK) {
        return ngx_http_ss_refuse(r, why);
    }

    slcf = ngx_http_get_module_loc_conf(r, ngx_http_socketstream_module);

    o = ngx_pcalloc(r->pool, sizeof(ngx_http_ss_open_t));
    if (o == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    o->request = r;
    o->conf = slcf;
    o->pool = slcf->pass;
    o->key = hs.key;
    o->system = hs.system;

    o->timer.handler = ngx_http_ss_open_timer_handler;
    o->timer.data = o;
    o->timer.log = r->connection->log;

    cln = ngx_http_cleanup_add(r, 0);
    if (cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_http_ss_slot_take(NGX_HTTP_SS_SLOT_OPEN, o, &o->slot,
                              &o->generation)
        != NGX_OK)
    {
        return ngx_http_ss_refuse(r, NGX_HTTP_SS_REFUSED_unavailable);
    }

    ngx_http_set_ctx(r, o, ngx_http_socketstream_module);

    cln->handler = ngx_http_ss_open_cleanup;
    cln->data = o;

    ngx_queue_insert_tail(&o->pool->opens, &o->queue);
    ngx_add_timer(&o->timer, slcf->link_timeout);

    r->main->count++;
    r->read_event_handler = ngx_http_test_reading;

    link = ngx_http_ss_route_select(o->pool);
    if (link) {
        ngx_http_ss_open_send(o, link);
    }

    return NGX_DONE;
}


static void
ngx_http_ss_handshake_headers(ngx_http_request_t *r,
    ngx_http_ss_headers_t *hs)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    ngx_memzero(hs, sizeof(ngx_http_ss_headers_t));

    part = &r->headers_in.headers.part;
    h = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                break;
            }

            part = part->next;
            h = part->elts;
            i = 0;
        }

#define ngx_http_ss_header_is(h, name)                                        \
        ((h).key.len == sizeof(name) - 1                                      \
         && ngx_strncasecmp((h).lowcase_key, (u_char *) name,                 \
                            sizeof(name) - 1) == 0)

        if (ngx_http_ss_header_is(h[i], "upgrade")) {
            hs->upgrade |= ngx_http_ss_has_token(&h[i].value, "websocket", 9,
                                                 1);

        } else if (ngx_http_ss_header_is(h[i], "connection")) {
            hs->connection |= ngx_http_ss_has_token(&h[i].value, "upgrade",
                                                    7, 1);

        } else if (ngx_http_ss_header_is(h[i], "sec-websocket-key")) {
            hs->key = h[i].value;
            hs->nkeys++;

        } else if (ngx_http_ss_header_is(h[i], "sec-websocket-version")) {
            hs->version = h[i].value;

        } else if (ngx_http_ss_header_is(h[i], "sec-websocket-protocol")) {
            hs->system |= ngx_http_ss_has_token(&h[i].value, "socketstream",
                                                12, 0);

        } else if (ngx_http_ss_header_is(h[i], "origin")) {
            hs->origin = h[i].value;
        }
    }
}


/* Is the token one of a comma-separated list? */

static ngx_uint_t
ngx_http_ss_has_token(ngx_str_t *value, const char *token, size_t len,
    ngx_uint_t icase)
{
    u_char  *p, *last, *start, *end;

    p = value->data;
    last = value->data + value->len;

    while (p < last) {

        while (p < last && (*p == ' ' || *p == '\t' || *p == ',')) {
            p++;
        }

        start = p;

        while (p < last && *p != ',') {
            p++;
        }

        end = p;

        while (end > start && (end[-1] == ' ' || end[-1] == '\t')) {
            end--;
        }

        if ((size_t) (end - start) == len
            && (icase ? ngx_strncasecmp(start, (u_char *) token, len)
                      : ngx_strncmp(start, token, len)) == 0)
        {
            return 1;
        }
    }

    return 0;
}


static ngx_int_t
ngx_http_ss_handshake_check(ngx_http_request_t *r, ngx_http_ss_headers_t *hs,
    ngx_http_ss_refusal_e *why)
{
    u_char     buf[NGX_HTTP_SS_KEY_LEN];
    ngx_str_t  key;

    key.data = buf;

    if (r->method != NGX_HTTP_GET) {
        *why = NGX_HTTP_SS_REFUSED_method;

    } else if (r->http_version != NGX_HTTP_VERSION_11) {
        *why = NGX_HTTP_SS_REFUSED_http_version;

    } else if (!hs->upgrade) {
        *why = NGX_HTTP_SS_REFUSED_no_upgrade;

    } else if (!hs->connection) {
        *why = NGX_HTTP_SS_REFUSED_connection_header;

    } else if (r->headers_in.content_length_n > 0 || r->headers_in.chunked) {
        *why = NGX_HTTP_SS_REFUSED_body;

    } else if (hs->version.len != 2
               || ngx_strncmp(hs->version.data, "13", 2) != 0)
    {
        *why = NGX_HTTP_SS_REFUSED_version;

    } else if (hs->nkeys != 1 || hs->key.len != NGX_HTTP_SS_KEY_LEN
               || ngx_decode_base64(&key, &hs->key) != NGX_OK
               || key.len != 16)
    {
        *why = NGX_HTTP_SS_REFUSED_key;

    } else if (!ngx_http_ss_origin_allowed(r, &hs->origin)) {
        *why = NGX_HTTP_SS_REFUSED_origin;

    } else if (ngx_exiting) {
        *why = NGX_HTTP_SS_REFUSED_unavailable;

    } else {
        return NGX_OK;
    }

    return NGX_DECLINED;
}


/*
 * Browsers send Origin, and only they have to be kept in: a request without
 * it is not from a page.  The same origin has our host and port.  A page
 * that came by https may be served by us without TLS, where a balancer has
 * ended it; the reverse would trust what anybody can change on the way.
 */

static ngx_uint_t
ngx_http_ss_origin_allowed(ngx_http_request_t *r, ngx_str_t *origin)
{
    u_char                  *port;
    size_t                   skip;
    ngx_str_t               *allowed, host, ours;
    ngx_uint_t               i;
    ngx_http_ss_loc_conf_t  *slcf;

    slcf = ngx_http_get_module_loc_conf(r, ngx_http_socketstream_module);

    if (origin->data == NULL || slcf->any_origin) {
        return 1;
    }

    if (slcf->origins) {
        allowed = slcf->origins->elts;

        for (i = 0; i < slcf->origins->nelts; i++) {
            if (allowed[i].len == origin->len
                && ngx_strncasecmp(allowed[i].data, origin->data, origin->len)
                   == 0)
            {
                return 1;
            }
        }
    }

    if (r->headers_in.host == NULL) {
        return 0;
    }

    if (origin->len > 8
        && ngx_strncasecmp(origin->data, (u_char *) "https://", 8) == 0)
    {
        skip = 8;
        port = (u_char *) ":443";

    } else if (origin->len > 7
               && ngx_strncasecmp(origin->data, (u_char *) "http://", 7) == 0)
    {
        if (ngx_http_ss_is_tls(r)) {
            return 0;
        }

        skip = 7;
        port = (u_char *) ":80";

    } else {
        return 0;
    }

    host.data = origin->data + skip;
    host.len = origin->len - skip;

    ours = r->headers_in.host->value;

    if (ours.len == host.len
        && ngx_strncasecmp(ours.data, host.data, host.len) == 0)
    {
        return 1;
    }

    /* a client that writes the scheme's own port into Host */

    skip = ngx_strlen(port);

    return ours.len == host.len + skip
           && ngx_strncmp(ours.data + host.len, port, skip) == 0
           && ngx_strncasecmp(ours.data, host.data, host.len) == 0;
}


/* Answers with the reason's status; what the request is finalized with. */

static ngx_int_t
ngx_http_ss_refuse(ngx_http_request_t *r, ngx_http_ss_refusal_e why)
{
    u_char       text[160], *p;
    ngx_int_t    rc;
    ngx_str_t    name, value;
    ngx_uint_t   status;

    status = ngx_http_ss_refusals[why].status;

    ngx_http_ss_worker.counters->refused[why]++;

    ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                  "socketstream: handshake refused: %s",
                  ngx_http_ss_refusals[why].text);

    switch (why) {

    case NGX_HTTP_SS_REFUSED_method:
        ngx_str_set(&name, "Allow");
        ngx_str_set(&value, "GET, POST");
        break;

    case NGX_HTTP_SS_REFUSED_no_upgrade:
    case NGX_HTTP_SS_REFUSED_version:
        ngx_str_set(&name, "Sec-WebSocket-Version");
        ngx_str_set(&value, "13");
        break;

    case NGX_HTTP_SS_REFUSED_unavailable:
        ngx_str_set(&name, "Retry-After");
        ngx_str_set(&value, "1");
        break;

    case NGX_HTTP_SS_REFUSED_body:
        r->keepalive = 0;

        /* fall through */

    default:
        ngx_str_null(&name);
    }

    if (name.len && ngx_http_ss_add_header(r, &name, &value) == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (status == 426) {
        ngx_str_set(&name, "Upgrade");
        ngx_str_set(&value, "websocket");

        if (ngx_http_ss_add_header(r, &name, &value) == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    p = ngx_snprintf(text, sizeof(text), "%s" CRLF,
                     ngx_http_ss_refusals[why].text);

    return ngx_http_ss_send_text(r, status, text, p - text);
}


void
ngx_http_ss_open_send(ngx_http_ss_open_t *o, ngx_http_ss_link_t *link)
{
    u_char       *p;
    ss_writer_t   w;

    p = ngx_http_ss_link_reserve(link, SS_LINK_PAYLOAD_MAX);

    if (p == NULL || ngx_http_ss_link_full(link)) {
        ngx_http_ss_open_refuse(o, NGX_HTTP_SS_REFUSED_unavailable);
        return;
    }

    w = ss_writer(p, SS_LINK_PAYLOAD_MAX);

    if (ngx_http_ss_open_encode(o, &w) != NGX_OK) {
        ngx_http_ss_open_refuse(o, NGX_HTTP_SS_REFUSED_too_large);
        return;
    }

    ngx_http_ss_link_commit(link, SS_LINK_OPEN, 0, o->slot, o->generation, 0,
                            ss_written(&w));

    ngx_queue_remove(&o->queue);
    ngx_queue_insert_tail(&link->opens, &o->queue);

    o->link = link;
    link->nclients++;
}


static ngx_int_t
ngx_http_ss_open_encode(ngx_http_ss_open_t *o, ss_writer_t *w)
{
    uint8_t              flags;
    ss_span_t            uri, address;
    ss_link_pairs_t      pairs;
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    r = o->request;
    c = r->connection;

    flags = o->system ? SS_LINK_OPEN_SYSTEM : 0;

    if (ngx_http_ss_is_tls(r)) {
        flags |= SS_LINK_OPEN_TLS;
    }

    uri.ptr = (const char *) r->unparsed_uri.data;
    uri.len = r->unparsed_uri.len;

    /* as realip left it, which is undone when the request is freed */
    address.ptr = (const char *) c->addr_text.data;
    address.len = c->addr_text.len;

    ss_link_encode_open(w, flags, uri, address, &pairs);

    ngx_http_ss_encode_headers(r, &pairs);

    return w->failed ? NGX_ERROR : NGX_OK;
}


void
ngx_http_ss_open_detach(ngx_http_ss_open_t *o)
{
    ngx_queue_remove(&o->queue);
    ngx_queue_init(&o->queue);

    if (o->link) {
        o->link->nclients--;
        o->link = NULL;
    }
}


void
ngx_http_ss_open_lost(ngx_http_ss_open_t *o)
{
    ngx_http_ss_link_t  *link;

    ngx_http_ss_open_detach(o);
    ngx_queue_insert_tail(&o->pool->opens, &o->queue);

    link = ngx_http_ss_route_select(o->pool);
    if (link) {
        ngx_http_ss_open_send(o, link);
    }
}


/* Nothing of a sidecar reaches the handshake any more. */

static void
ngx_http_ss_open_release(ngx_http_ss_open_t *o, ngx_uint_t notify)
{
    if (o->timer.timer_set) {
        ngx_del_timer(&o->timer);
    }

    if (o->client) {
        ngx_http_ss_client_free(o->client, SS_WS_CLOSE_ABNORMAL);
        o->client = NULL;
        return;
    }

    if (o->generation == 0) {
        return;
    }

    if (o->link && notify) {
        ngx_http_ss_link_closed(o->link, o->slot, o->generation,
                                SS_WS_CLOSE_ABNORMAL);
    }

    ngx_http_ss_open_detach(o);
    ngx_http_ss_slot_free(o->slot);
    o->generation = 0;
}


/* The request ends: by its answer, or because the client is gone. */

static void
ngx_http_ss_open_cleanup(void *data)
{
    ngx_http_ss_open_release(data, 1);
}


static void
ngx_http_ss_open_timer_handler(ngx_event_t *ev)
{
    ngx_http_ss_open_t *o = ev->data;

    ngx_log_error(NGX_LOG_ERR, o->request->connection->log, 0,
                  "socketstream: no sidecar of \"%V\" took the handshake in "
                  "%M ms", &o->pool->name, o->conf->link_timeout);

    ngx_http_ss_open_refuse(o, NGX_HTTP_SS_REFUSED_unavailable);
}


static void
ngx_http_ss_open_refuse(ngx_http_ss_open_t *o, ngx_http_ss_refusal_e why)
{
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    r = o->request;
    c = r->connection;

    ngx_http_ss_open_release(o, 1);

    ngx_http_finalize_request(r, ngx_http_ss_refuse(r, why));
    ngx_http_run_posted_requests(c);
}


void
ngx_http_ss_open_reject(ngx_http_ss_open_t *o, u_char *data, size_t len)
{
    ngx_int_t             rc;
    ngx_connection_t     *c;
    ss_link_response_t    response;
    ngx_http_request_t   *r;

    r = o->request;
    c = r->connection;

    ngx_http_ss_worker.counters->refused[NGX_HTTP_SS_REFUSED_sidecar]++;

    /* it knows nothing of this client any more: no CLOSED */

    ngx_http_ss_open_release(o, 0);

    if (!ss_link_decode_response(data, len, &response)
        || response.status < 300
        || ngx_http_ss_copy_headers(r, &response.headers) != NGX_OK)
    {
        ngx_log_error(NGX_LOG_ERR, c->log, 0,
                      "socketstream: a sidecar sent a malformed REJECT");
        rc = NGX_HTTP_BAD_GATEWAY;

    } else {
        rc = ngx_http_ss_send_text(r, response.status,
                                   (const u_char *) response.body.ptr,
                                   response.body.len);
    }

    ngx_http_finalize_request(r, rc);
    ngx_http_run_posted_requests(c);
}


void
ngx_http_ss_open_accept(ngx_http_ss_open_t *o, u_char *data, size_t len)
{
    ngx_int_t            rc;
    ngx_connection_t    *c;
    ss_link_accept_t     accept;
    ngx_http_request_t  *r;

    r = o->request;
    c = r->connection;

    if (!ss_link_decode_accept(data, len, &accept)
        || accept.state.len > SS_LINK_STATE_MAX)
    {
        ngx_log_error(NGX_LOG_ERR, c->log, 0,
                      "socketstream: a sidecar sent a malformed ACCEPT");
        ngx_http_finalize_request(r, NGX_HTTP_BAD_GATEWAY);
        ngx_http_run_posted_requests(c);
        return;
    }

    /* a worker that leaves takes no new clients: they try the next one */

    if (ngx_exiting) {
        ngx_http_ss_open_refuse(o, NGX_HTTP_SS_REFUSED_unavailable);
        return;
    }

    ngx_del_timer(&o->timer);

    rc = ngx_http_ss_send_101(o, &accept);

    if (rc == NGX_ERROR || rc > NGX_OK) {
        ngx_http_finalize_request(r, NGX_ERROR);
        ngx_http_run_posted_requests(c);
        return;
    }

    o->client = ngx_http_ss_client_create(o, accept.state);

    if (o->client == NULL) {
        ngx_http_finalize_request(r, NGX_ERROR);
        ngx_http_run_posted_requests(c);
        return;
    }

    if (r->buffered || c->buffered || r->postponed) {
        ngx_add_timer(&o->timer, o->conf->link_timeout);
        r->write_event_handler = ngx_http_ss_101_write_handler;
        return;
    }

    ngx_http_ss_take_over(o);
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

    ngx_http_ss_take_over(o);
}


/*
 * The request's end and the client's beginning.  Bytes behind the handshake
 * may stand in the header buffer, which goes with the request: copied.
 */

static void
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
        ngx_http_finalize_request(r, NGX_ERROR);
        return;
    }

    b = r->header_in;
    len = b->last - b->pos;
    p = NULL;

    if (len) {
        p = ngx_alloc(len, c->log);
        if (p == NULL) {
            ngx_http_finalize_request(r, NGX_ERROR);
            return;
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
        c->destroyed = 0;

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

    ngx_http_ss_client_start(client, p, len);

    if (p) {
        ngx_free(p);
    }
}
