
/*
 * SPDX-License-Identifier: MIT
 *
 * A client that waits to be let in: an ordinary request that has been
 * checked, and is shown to a sidecar (OPEN), which takes it (ACCEPT) or not
 * (REJECT).
 *
 * It waits for a link, and then for the answer, socketstream_link_timeout in
 * all; a lost link only sends it to another one.  What it becomes is its
 * transport's: ngx_http_ss_upgrade.c, ngx_http_ss_sse.c.
 */


#include "ngx_http_socketstream.h"


static ngx_int_t ngx_http_ss_open_show(ngx_http_ss_open_t *o,
    ngx_http_ss_link_t *link, ngx_http_ss_refusal_e *why);
static ngx_int_t ngx_http_ss_open_encode(ngx_http_ss_open_t *o,
    ss_writer_t *w);
static void ngx_http_ss_open_refuse(ngx_http_ss_open_t *o,
    ngx_http_ss_refusal_e why);
static void ngx_http_ss_open_release(ngx_http_ss_open_t *o,
    ngx_uint_t notify);
static void ngx_http_ss_open_cleanup(void *data);
static void ngx_http_ss_open_timer_handler(ngx_event_t *ev);


ngx_int_t
ngx_http_ss_open(ngx_http_request_t *r, ngx_str_t *key, ngx_uint_t system)
{
    ngx_http_cleanup_t      *cln;
    ngx_http_ss_link_t      *link;
    ngx_http_ss_open_t      *o;
    ngx_http_ss_refusal_e    why;
    ngx_http_ss_loc_conf_t  *slcf;

    slcf = ngx_http_get_module_loc_conf(r, ngx_http_socketstream_module);

    o = ngx_pcalloc(r->pool, sizeof(ngx_http_ss_open_t));
    if (o == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    o->request = r;
    o->conf = slcf;
    o->pool = slcf->pass;
    o->system = system;

    if (key) {
        o->key = *key;

    } else {
        o->sse = 1;
    }

    o->timer.handler = ngx_http_ss_open_timer_handler;
    o->timer.data = o;
    o->timer.log = r->connection->log;

    cln = ngx_http_cleanup_add(r, 0);
    if (cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_http_ss_connection_begin(r, &o->counted) != NGX_OK) {
        return ngx_http_ss_refuse(r, NGX_HTTP_SS_REFUSED_connections);
    }

    if (ngx_http_ss_slot_take(NGX_HTTP_SS_SLOT_OPEN, o, &o->slot,
                              &o->generation)
        != NGX_OK)
    {
        ngx_http_ss_connection_end(o->counted);
        return ngx_http_ss_refuse(r, NGX_HTTP_SS_REFUSED_unavailable);
    }

    cln->handler = ngx_http_ss_open_cleanup;
    cln->data = o;

    ngx_queue_insert_tail(&o->pool->opens, &o->queue);
    ngx_add_timer(&o->timer, slcf->link_timeout);

    /*
     * A refusal is the handler's answer here, not yet the request's end: were
     * the request finalized, and its client gone, nothing of it would be left
     * for nginx to come back to.
     */

    link = ngx_http_ss_route_select(o->pool);

    if (link && ngx_http_ss_open_show(o, link, &why) != NGX_OK) {
        ngx_http_ss_open_release(o, 0);
        return ngx_http_ss_refuse(r, why);
    }

    r->main->count++;
    r->read_event_handler = ngx_http_test_reading;

    return NGX_DONE;
}


void
ngx_http_ss_open_send(ngx_http_ss_open_t *o, ngx_http_ss_link_t *link)
{
    ngx_http_ss_refusal_e  why;

    if (ngx_http_ss_open_show(o, link, &why) != NGX_OK) {
        ngx_http_ss_open_refuse(o, why);
    }
}


static ngx_int_t
ngx_http_ss_open_show(ngx_http_ss_open_t *o, ngx_http_ss_link_t *link,
    ngx_http_ss_refusal_e *why)
{
    u_char       *p;
    ss_writer_t   w;

    p = ngx_http_ss_link_reserve(link, SS_LINK_PAYLOAD_MAX);

    if (p == NULL || ngx_http_ss_link_full(link)) {
        *why = NGX_HTTP_SS_REFUSED_unavailable;
        return NGX_DECLINED;
    }

    w = ss_writer(p, SS_LINK_PAYLOAD_MAX);

    if (ngx_http_ss_open_encode(o, &w) != NGX_OK) {
        *why = NGX_HTTP_SS_REFUSED_too_large;
        return NGX_DECLINED;
    }

    ngx_http_ss_link_commit(link, SS_LINK_OPEN, 0, o->slot, o->generation, 0,
                            ss_written(&w));

    ngx_queue_remove(&o->queue);
    ngx_queue_insert_tail(&link->opens, &o->queue);

    o->link = link;
    link->nclients++;

    return NGX_OK;
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

    ngx_http_ss_connection_end(o->counted);
    o->counted = 0;

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

    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    if (o->client) {

        /* the 101 is said, and who asked for it does not read it */

        r = o->request;
        c = r->connection;

        ngx_log_error(NGX_LOG_INFO, c->log, 0,
                      "socketstream: client took no 101 in %M ms",
                      o->conf->link_timeout);

        ngx_http_finalize_request(r, NGX_HTTP_REQUEST_TIME_OUT);
        ngx_http_run_posted_requests(c);
        return;
    }

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
        ngx_http_ss_open_release(o, 1);
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

    rc = o->sse ? ngx_http_ss_sse_start(o, &accept)
                : ngx_http_ss_upgrade(o, &accept);

    if (rc != NGX_OK) {
        ngx_http_finalize_request(r, NGX_ERROR);
        ngx_http_run_posted_requests(c);
    }
}
