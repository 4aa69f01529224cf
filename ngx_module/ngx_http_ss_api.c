
/*
 * SPDX-License-Identifier: MIT
 *
 * HTTP API: one request to a sidecar, one answer back.  POSTs about a session
 * or for another worker's stream go the same way.
 *
 * What is asked and what the answer means is the sidecar's: it gets method,
 * path below the location, arguments, headers and body, and gives status,
 * headers and body, of which ngx_http_ss_api_answer.c makes the answer.  The
 * module keeps the time.
 */


#include "ngx_http_socketstream.h"


static ngx_int_t ngx_http_ss_api_origin(ngx_http_request_t *r);
static void ngx_http_ss_api_body_handler(ngx_http_request_t *r);
static void ngx_http_ss_api_begin(ngx_http_request_t *r, ngx_uint_t stream);
static int ngx_http_ss_api_ask(ngx_http_ss_api_t *api,
    ngx_http_ss_link_t *link);
static ngx_int_t ngx_http_ss_api_encode(ngx_http_ss_api_t *api,
    ss_writer_t *w);
static size_t ngx_http_ss_api_skip(ngx_http_ss_api_t *api);
static ngx_int_t ngx_http_ss_api_send_body(ngx_http_ss_api_t *api,
    ngx_http_ss_link_t *link, u_char *head, size_t head_len);
static void ngx_http_ss_api_detach(ngx_http_ss_api_t *api);
static void ngx_http_ss_api_cleanup(void *data);
static void ngx_http_ss_api_timer_handler(ngx_event_t *ev);


ngx_int_t
ngx_http_ss_api_handler(ngx_http_request_t *r)
{
    ngx_int_t                rc;
    ngx_msec_t               retry;
    ngx_http_ss_loc_conf_t  *slcf;

    if (r != r->main) {
        return NGX_HTTP_NOT_FOUND;
    }

    slcf = ngx_http_get_module_loc_conf(r, ngx_http_socketstream_module);

    if (slcf->api) {
        rc = ngx_http_ss_api_origin(r);
        if (rc != NGX_DECLINED) {
            return rc;
        }
    }

    retry = ngx_http_ss_rate_request(r);

    if (retry) {
        return ngx_http_ss_api_limited(r, retry);
    }

    rc = ngx_http_read_client_request_body(r, ngx_http_ss_api_body_handler);

    if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
        return rc;
    }

    return NGX_DONE;
}


/*
 * A page of another origin may read what anybody may.  What could change
 * something, or comes with a password that the browser has kept, it may send
 * only if its origin is listed.  NGX_DECLINED: nothing is answered yet.
 */

static ngx_int_t
ngx_http_ss_api_origin(ngx_http_request_t *r)
{
    ngx_int_t              rc;
    ngx_uint_t             allowed;
    ngx_http_ss_headers_t  hs;

    static u_char  text[] = "{\"error\":{\"code\":-32600,\"message\":"
                            "\"Pages of this origin may not call the API\"}}";

    ngx_http_ss_read_headers(r, &hs);

    if (ngx_http_ss_origin_headers(r, &hs.origin) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        allowed = ngx_http_ss_origin_allowed(r, &hs.origin);

    } else if (r->headers_in.authorization) {
        allowed = ngx_http_ss_origin_allowed(r, &hs.origin)
                  && ngx_http_ss_site_allowed(r, &hs);

    } else {
        allowed = 1;
    }

    if (allowed) {
        return (r->method & NGX_HTTP_OPTIONS) && hs.origin.data
               ? ngx_http_ss_origin_preflight(r, &hs.origin)
               : NGX_DECLINED;
    }

    ngx_http_ss_worker.counters->refused[NGX_HTTP_SS_REFUSED_origin]++;

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_http_ss_api_send_error(r, NGX_HTTP_FORBIDDEN, 0, text,
                                      sizeof(text) - 1);
}


static void
ngx_http_ss_api_body_handler(ngx_http_request_t *r)
{
    ngx_http_ss_api_begin(r, 0);
}


void
ngx_http_ss_api_forward(ngx_http_request_t *r)
{
    ngx_http_ss_api_begin(r, 1);
}


static void
ngx_http_ss_api_begin(ngx_http_request_t *r, ngx_uint_t stream)
{
    int                      code;
    ngx_http_cleanup_t      *cln;
    ngx_http_ss_api_t       *api;
    ngx_http_ss_link_t      *link;
    ngx_http_ss_loc_conf_t  *slcf;

    slcf = ngx_http_get_module_loc_conf(r, ngx_http_socketstream_module);

    api = ngx_pcalloc(r->pool, sizeof(ngx_http_ss_api_t));
    cln = api ? ngx_http_cleanup_add(r, 0) : NULL;

    if (cln == NULL) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    api->request = r;
    api->conf = slcf;
    api->stream = stream;
    api->session = (slcf->pass != NULL && !stream);
    api->pool = slcf->pass ? slcf->pass : slcf->api;
    api->out_last = &api->out;

    api->timer.handler = ngx_http_ss_api_timer_handler;
    api->timer.data = api;
    api->timer.log = r->connection->log;

    if (ngx_http_ss_slot_take(NGX_HTTP_SS_SLOT_API, api, &api->slot,
                              &api->generation)
        != NGX_OK)
    {
        ngx_http_finalize_request(r, ngx_http_ss_api_error(api,
                                                        SS_RPC_UNAVAILABLE));
        return;
    }

    cln->handler = ngx_http_ss_api_cleanup;
    cln->data = api;

    ngx_queue_insert_tail(&api->pool->apis, &api->queue);
    ngx_add_timer(&api->timer, slcf->link_timeout);

    r->read_event_handler = ngx_http_test_reading;

    link = ngx_http_ss_route_select(api->pool);
    code = link ? ngx_http_ss_api_ask(api, link) : 0;

    if (code) {

        /* nginx is on its way back to the request, and will end it itself */

        ngx_http_ss_api_refuse(api, code);
    }
}


void
ngx_http_ss_api_send(ngx_http_ss_api_t *api, ngx_http_ss_link_t *link)
{
    int  code;

    code = ngx_http_ss_api_ask(api, link);

    if (code) {
        ngx_http_ss_api_fail(api, code);
    }
}


/* Gives the error that the request is to be answered with, 0: it is asked. */

static int
ngx_http_ss_api_ask(ngx_http_ss_api_t *api, ngx_http_ss_link_t *link)
{
    off_t                body;
    u_char              *head;
    ss_writer_t          w;
    ngx_http_request_t  *r;

    r = api->request;

    if (ngx_http_ss_link_full(link)) {
        return SS_RPC_UNAVAILABLE;
    }

    body = r->headers_in.content_length_n;

    if (body > (off_t) link->max_message || body > SS_LINK_MESSAGE_MAX) {
        return SS_RPC_TOO_LARGE;
    }

    /* the head's frame has the beginning of the body behind it */

    head = ngx_palloc(r->pool, SS_LINK_PAYLOAD_MAX);
    if (head == NULL) {
        return SS_RPC_INTERNAL;
    }

    w = ss_writer(head, SS_LINK_PAYLOAD_MAX);

    if (ngx_http_ss_api_encode(api, &w) != NGX_OK) {
        return SS_RPC_TOO_LARGE;
    }

    if (ngx_http_ss_api_send_body(api, link, head, ss_written(&w))
        != NGX_OK)
    {
        return SS_RPC_INTERNAL;
    }

    ngx_pfree(r->pool, head);

    ngx_queue_remove(&api->queue);
    ngx_queue_insert_tail(&link->apis, &api->queue);

    api->link = link;
    link->nclients++;

    if (api->stream) {
        ngx_add_timer(&api->timer, NGX_HTTP_SS_POST_TIMEOUT);
        ngx_http_ss_count(posts_forwarded_total, 1);

    } else {
        ngx_add_timer(&api->timer, link->call_timeout + 1000);
        ngx_http_ss_count(api_requests_total, 1);
    }

    return 0;
}


static ngx_int_t
ngx_http_ss_api_encode(ngx_http_ss_api_t *api, ss_writer_t *w)
{
    uint8_t              flags;
    size_t               skip;
    ss_span_t            method, path, args, address;
    ss_link_pairs_t      pairs;
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    r = api->request;
    c = r->connection;

    flags = 0;

    if (ngx_http_ss_is_tls(r)) {
        flags |= SS_LINK_OPEN_TLS;
    }

    if (api->session) {
        flags |= SS_LINK_REQUEST_SESSION;
    }

    if (api->stream) {
        flags |= SS_LINK_REQUEST_STREAM;
    }

    method.ptr = (const char *) r->method_name.data;
    method.len = r->method_name.len;

    skip = ngx_http_ss_api_skip(api);

    path.ptr = (const char *) r->uri.data + skip;
    path.len = r->uri.len - skip;

    args.ptr = (const char *) r->args.data;
    args.len = r->args.len;

    address.ptr = (const char *) c->addr_text.data;
    address.len = c->addr_text.len;

    ss_link_encode_request(w, flags, method, path, args, address, &pairs);

    ngx_http_ss_encode_headers(r, &pairs);

    return w->failed ? NGX_ERROR : NGX_OK;
}


/*
 * How much of the URI is the location's: "/api" is of "/api/app/square", and
 * not of "/apiapp/square".  With a session, and to a stream, all is.
 */

static size_t
ngx_http_ss_api_skip(ngx_http_ss_api_t *api)
{
    size_t               skip;
    ngx_str_t            prefix;
    ngx_http_request_t  *r;

    r = api->request;

    if (api->session || api->stream) {
        return r->uri.len;
    }

    prefix = api->conf->path;
    skip = 0;

    if (r->uri.len >= prefix.len
        && ngx_strncmp(r->uri.data, prefix.data, prefix.len) == 0
        && (r->uri.len == prefix.len || r->uri.data[prefix.len] == '/'
            || (prefix.len && prefix.data[prefix.len - 1] == '/')))
    {
        skip = prefix.len;
    }

    while (skip < r->uri.len && r->uri.data[skip] == '/') {
        skip++;
    }

    return skip;
}


/*
 * Fills frame after frame; the last one must be known as such, so a full
 * frame is sent when there is more.  A body that nginx put into a file is
 * read from there: it is one just written.
 */

static ngx_int_t
ngx_http_ss_api_send_body(ngx_http_ss_api_t *api, ngx_http_ss_link_t *link,
    u_char *head, size_t head_len)
{
    off_t                from, to;
    size_t               n, len;
    u_char              *src;
    ssize_t              got;
    ngx_buf_t           *b;
    ngx_chain_t         *cl;
    ngx_http_request_t  *r;

    r = api->request;
    len = head_len;

    cl = r->request_body ? r->request_body->bufs : NULL;

    for ( /* void */ ; cl; cl = cl->next) {
        b = cl->buf;

        from = b->in_file ? b->file_pos : 0;
        to = b->in_file ? b->file_last : b->last - b->pos;
        src = b->pos;

        while (from < to) {

            if (len == SS_LINK_PAYLOAD_MAX) {
                if (ngx_http_ss_link_message(link, SS_LINK_REQUEST,
                                             SS_LINK_MORE, api->slot,
                                             api->generation, 0, head, len)
                    != NGX_OK)
                {
                    return NGX_ERROR;
                }

                len = 0;
            }

            n = (size_t) ngx_min((off_t) (SS_LINK_PAYLOAD_MAX - len),
                                 to - from);

            if (b->in_file) {
                got = ngx_read_file(b->file, head + len, n, from);

                if (got <= 0) {
                    return NGX_ERROR;
                }

                n = got;

            } else {
                ngx_memcpy(head + len, src, n);
                src += n;
            }

            len += n;
            from += n;
        }
    }

    return ngx_http_ss_link_message(link, SS_LINK_REQUEST, 0, api->slot,
                                    api->generation, 0, head, len);
}


static void
ngx_http_ss_api_detach(ngx_http_ss_api_t *api)
{
    ngx_queue_remove(&api->queue);
    ngx_queue_init(&api->queue);

    if (api->link) {
        api->link->nclients--;
        api->link = NULL;
    }
}


/*
 * Its sidecar is gone.  Whether the action ran is unknown, so it is not
 * asked again: the requester decides.
 */

void
ngx_http_ss_api_lost(ngx_http_ss_api_t *api)
{
    ngx_http_ss_api_fail(api, SS_RPC_UNAVAILABLE);
}


/* Nothing of a sidecar reaches the request any more. */

void
ngx_http_ss_api_release(ngx_http_ss_api_t *api, ngx_uint_t notify)
{
    ngx_http_ss_link_t  *link;

    if (api->timer.timer_set) {
        ngx_del_timer(&api->timer);
    }

    if (api->generation == 0) {
        return;
    }

    link = api->link;

    if (link && notify && link->state == NGX_HTTP_SS_LINK_READY
        && ngx_http_ss_link_reserve(link, 0))
    {
        ngx_http_ss_link_commit(link, SS_LINK_CANCEL, 0, api->slot,
                                api->generation, 0, 0);
    }

    ngx_http_ss_api_detach(api);
    ngx_http_ss_slot_free(api->slot);
    api->generation = 0;
}


static void
ngx_http_ss_api_cleanup(void *data)
{
    ngx_http_ss_api_release(data, 1);
}


static void
ngx_http_ss_api_timer_handler(ngx_event_t *ev)
{
    ngx_http_ss_api_t *api = ev->data;

    ngx_log_error(NGX_LOG_ERR, api->request->connection->log, 0,
                  "socketstream: no answer of \"%V\" in time",
                  &api->pool->name);

    ngx_http_ss_api_fail(api, api->link ? SS_RPC_TIMEOUT
                                        : SS_RPC_UNAVAILABLE);
}
