
/*
 * SPDX-License-Identifier: MIT
 *
 * What was asked and not yet answered.
 *
 * Each message that wants an answer is one call here, with the JSON texts
 * of its ids (several, when it is a batch).  Its number goes with the frame
 * to the sidecar and comes back with the answer.  When no answer can come
 * any more, or none came in time, nginx answers itself: so no call is ever
 * left alone, and none is answered twice, since an answer whose number is
 * not open any more is dropped.
 *
 * A number is an index into a table, and 8 bits that change with each use.
 * All calls of one link have one time limit, so its list is in the order in
 * which they end.
 */


#include "ngx_http_socketstream.h"


#define NGX_HTTP_SS_CALLS_SLAB   512
#define NGX_HTTP_SS_CALLS_SLABS  32767      /* 2^24 calls, nearly */

#define NGX_HTTP_SS_ERROR_SIZE   (SS_RPC_ID_MAX + 256)


static ngx_http_ss_call_t *ngx_http_ss_call_alloc(void);
static void ngx_http_ss_call_scan(ngx_http_ss_call_t *call,
    ss_rpc_scan_t *scan, u_char *ids);
static void ngx_http_ss_call_answer(ngx_http_ss_client_t *client,
    ngx_http_ss_call_t *call, int code, ngx_msec_t retry);


static ngx_http_ss_call_t  **ngx_http_ss_call_slabs;
static ngx_uint_t            ngx_http_ss_call_nslabs;
static ngx_http_ss_call_t   *ngx_http_ss_call_free;


ngx_int_t
ngx_http_ss_call_begin(ngx_http_ss_client_t *client, const u_char *data,
    size_t len, int code, uint32_t *number)
{
    u_char               ids[SS_RPC_BATCH_MAX * (SS_RPC_ID_MAX + 1)];
    ngx_msec_t           retry;
    ss_rpc_kind_t        kind;
    ss_rpc_scan_t        scan;
    ngx_http_ss_call_t  *call, one;

    *number = 0;
    retry = 0;

    kind = ss_rpc_open(&scan, (const char *) data, len);

    if (code == 0 && client->conf->rate) {

        /* what is no call costs as much as one */

        retry = ngx_http_ss_rate_calls(client, ngx_max(scan.count, 1));

        if (retry) {
            code = SS_RPC_RATE_LIMITED;
        }
    }

    one.n = 0;
    one.ids_len = 0;
    one.ids = ids;
    one.batch = (kind == SS_RPC_BATCH);

    if (kind == SS_RPC_SINGLE || kind == SS_RPC_BATCH) {
        ngx_http_ss_call_scan(&one, &scan, ids);

        if (one.n == 0) {
            return code ? NGX_DECLINED : NGX_OK;
        }

    } else {

        /* the sidecar says what is wrong with it, to nobody in particular */

        ids[0] = 4;
        ngx_memcpy(ids + 1, "null", 4);
        one.n = 1;
        one.ids_len = 5;
    }

    if (code == 0
        && (ngx_uint_t) client->ncalls + one.n > client->conf->max_inflight)
    {
        code = SS_RPC_TOO_MANY_CALLS;
    }

    if (code) {
        ngx_http_ss_call_answer(client, &one, code, retry);
        return NGX_DECLINED;
    }

    call = ngx_http_ss_call_alloc();
    if (call == NULL) {
        ngx_http_ss_call_answer(client, &one, SS_RPC_INTERNAL, 0);
        return NGX_DECLINED;
    }

    call->ids = call->room;

    if (one.ids_len > NGX_HTTP_SS_CALL_INLINE) {
        call->ids = ngx_alloc(one.ids_len, ngx_cycle->log);
        if (call->ids == NULL) {
            call->siblings.next = (ngx_queue_t *) ngx_http_ss_call_free;
            ngx_http_ss_call_free = call;
            ngx_http_ss_call_answer(client, &one, SS_RPC_INTERNAL, 0);
            return NGX_DECLINED;
        }
    }

    ngx_memcpy(call->ids, ids, one.ids_len);

    call->ids_len = one.ids_len;
    call->n = one.n;
    call->batch = one.batch;
    call->client = client;
    call->deadline = ngx_current_msec + client->link->call_timeout + 1000;

    ngx_queue_insert_tail(&client->link->calls, &call->queue);
    ngx_queue_insert_tail(&client->calls, &call->siblings);

    client->ncalls += call->n;

    ngx_http_ss_count(calls_total, call->n);
    ngx_http_ss_count(calls_in_flight, call->n);

    *number = call->number;

    return NGX_OK;
}


/* Collects the ids of the calls that want an answer. */

static void
ngx_http_ss_call_scan(ngx_http_ss_call_t *call, ss_rpc_scan_t *scan,
    u_char *ids)
{
    u_char         *p;
    ss_span_t       id;
    ss_rpc_call_t   rpc;

    p = ids;

    while (ss_rpc_next(scan, &rpc)) {

        if (rpc.notification || rpc.response) {
            continue;
        }

        id = rpc.id;

        if (id.ptr == NULL || id.len > SS_RPC_ID_MAX) {
            id.ptr = "null";
            id.len = 4;
        }

        *p++ = (u_char) id.len;
        p = ngx_cpymem(p, id.ptr, id.len);

        call->n++;
    }

    call->ids_len = (uint16_t) (p - ids);
}


static ngx_http_ss_call_t *
ngx_http_ss_call_alloc(void)
{
    ngx_uint_t            i;
    ngx_http_ss_call_t   *slab, *call, **slabs;

    if (ngx_http_ss_call_free == NULL) {

        if (ngx_http_ss_call_nslabs == NGX_HTTP_SS_CALLS_SLABS) {
            return NULL;
        }

        slab = ngx_calloc(NGX_HTTP_SS_CALLS_SLAB * sizeof(ngx_http_ss_call_t),
                          ngx_cycle->log);
        if (slab == NULL) {
            return NULL;
        }

        slabs = ngx_alloc((ngx_http_ss_call_nslabs + 1) * sizeof(void *),
                          ngx_cycle->log);
        if (slabs == NULL) {
            ngx_free(slab);
            return NULL;
        }

        if (ngx_http_ss_call_nslabs) {
            ngx_memcpy(slabs, ngx_http_ss_call_slabs,
                       ngx_http_ss_call_nslabs * sizeof(void *));
            ngx_free(ngx_http_ss_call_slabs);
        }

        slabs[ngx_http_ss_call_nslabs] = slab;
        ngx_http_ss_call_slabs = slabs;

        i = NGX_HTTP_SS_CALLS_SLAB;

        while (i--) {
            slab[i].number = (uint32_t)
                (ngx_http_ss_call_nslabs * NGX_HTTP_SS_CALLS_SLAB + i);
            slab[i].siblings.next = (ngx_queue_t *) ngx_http_ss_call_free;
            ngx_http_ss_call_free = &slab[i];
        }

        ngx_http_ss_call_nslabs++;
    }

    call = ngx_http_ss_call_free;
    ngx_http_ss_call_free = (ngx_http_ss_call_t *) call->siblings.next;

    /* the top 8 bits change, and are never 0, so that no number is 0 */

    call->number += 1 << 24;

    if (call->number >> 24 == 0) {
        call->number += 1 << 24;
    }

    return call;
}


ngx_http_ss_call_t *
ngx_http_ss_call_find(ngx_http_ss_client_t *client, uint32_t number)
{
    ngx_uint_t           i;
    ngx_http_ss_call_t  *call;

    i = number & 0xffffff;

    if (i / NGX_HTTP_SS_CALLS_SLAB >= ngx_http_ss_call_nslabs) {
        return NULL;
    }

    call = &ngx_http_ss_call_slabs[i / NGX_HTTP_SS_CALLS_SLAB]
                                  [i % NGX_HTTP_SS_CALLS_SLAB];

    if (call->number != number || call->client != client) {
        return NULL;
    }

    return call;
}


void
ngx_http_ss_call_end(ngx_http_ss_call_t *call)
{
    ngx_queue_remove(&call->queue);
    ngx_queue_remove(&call->siblings);

    call->client->ncalls -= call->n;
    ngx_http_ss_count(calls_in_flight, -call->n);

    call->client = NULL;

    if (call->ids != call->room) {
        ngx_free(call->ids);
    }

    call->siblings.next = (ngx_queue_t *) ngx_http_ss_call_free;
    ngx_http_ss_call_free = call;
}


void
ngx_http_ss_call_fail(ngx_http_ss_call_t *call, int code)
{
    ngx_http_ss_client_t  *client;

    client = call->client;

    ngx_http_ss_call_answer(client, call, code, 0);

    /* answering may have closed the client, and forgotten its calls */

    if (call->client == client) {
        ngx_http_ss_call_end(call);
    }
}


/* retry: the ms after which a call that is refused would pass, or 0. */

static void
ngx_http_ss_call_answer(ngx_http_ss_client_t *client,
    ngx_http_ss_call_t *call, int code, ngx_msec_t retry)
{
    u_char      buf[2 + SS_RPC_BATCH_MAX * NGX_HTTP_SS_ERROR_SIZE];
    u_char     *p, *id;
    size_t      n;
    ss_span_t   span;
    ngx_uint_t  i;

    switch (code) {

    case SS_RPC_UNAVAILABLE:
        ngx_http_ss_count(calls_unavailable_total, call->n);
        break;

    case SS_RPC_TIMEOUT:
        ngx_http_ss_count(calls_timeout_total, call->n);
        break;

    case SS_RPC_TOO_MANY_CALLS:
        ngx_http_ss_count(calls_refused_total, call->n);
        break;
    }

    p = buf;
    id = call->ids;

    if (call->batch) {
        *p++ = '[';
    }

    for (i = 0; i < call->n; i++) {

        if (i) {
            *p++ = ',';
        }

        span.len = *id++;
        span.ptr = (const char *) id;
        id += span.len;

        n = retry ? ss_rpc_write_limited((char *) p,
                                         NGX_HTTP_SS_ERROR_SIZE - 1, span,
                                         (uint32_t) retry)
                  : ss_rpc_write_error((char *) p, NGX_HTTP_SS_ERROR_SIZE - 1,
                                       span, code);

        p += ngx_min(n, NGX_HTTP_SS_ERROR_SIZE - 1);
    }

    if (call->batch) {
        *p++ = ']';
    }

    ngx_http_ss_output_message(client, SS_WS_TEXT, buf, p - buf);
}


void
ngx_http_ss_calls_fail_link(ngx_http_ss_link_t *link, int code)
{
    ngx_queue_t  *q;

    while (!ngx_queue_empty(&link->calls)) {
        q = ngx_queue_head(&link->calls);
        ngx_http_ss_call_fail(ngx_queue_data(q, ngx_http_ss_call_t, queue),
                              code);
    }
}


void
ngx_http_ss_calls_fail_client(ngx_http_ss_client_t *client, int code)
{
    ngx_queue_t  *q;

    while (!ngx_queue_empty(&client->calls)) {
        q = ngx_queue_head(&client->calls);
        ngx_http_ss_call_fail(ngx_queue_data(q, ngx_http_ss_call_t, siblings),
                              code);
    }
}


void
ngx_http_ss_calls_forget(ngx_http_ss_client_t *client)
{
    ngx_queue_t  *q;

    while (!ngx_queue_empty(&client->calls)) {
        q = ngx_queue_head(&client->calls);
        ngx_http_ss_call_end(ngx_queue_data(q, ngx_http_ss_call_t, siblings));
    }
}


void
ngx_http_ss_calls_expire(ngx_http_ss_link_t *link)
{
    ngx_queue_t         *q;
    ngx_http_ss_call_t  *call;

    while (!ngx_queue_empty(&link->calls)) {
        q = ngx_queue_head(&link->calls);
        call = ngx_queue_data(q, ngx_http_ss_call_t, queue);

        if ((ngx_msec_int_t) (call->deadline - ngx_current_msec) > 0) {
            return;
        }

        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "socketstream: no answer from %V in time", &link->name);

        ngx_http_ss_call_fail(call, SS_RPC_TIMEOUT);
    }
}
