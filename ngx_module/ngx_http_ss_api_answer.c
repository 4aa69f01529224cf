
/*
 * SPDX-License-Identifier: MIT
 *
 * What an HTTP API request is answered with: what a sidecar has said, when all of
 * it is here, or an error of our own, in JSON as the sidecar's.
 *
 * Nothing is sent before an answer is whole, so whatever fails on the way can
 * still be told.
 */


#include "ngx_http_socketstream.h"


static void ngx_http_ss_api_forwarded(ngx_http_ss_api_t *api,
    ngx_uint_t status);
static ngx_int_t ngx_http_ss_api_head(ngx_http_ss_api_t *api,
    ss_link_response_t *response);
static ngx_int_t ngx_http_ss_api_add(ngx_http_ss_api_t *api,
    const u_char *data, size_t len);
static void ngx_http_ss_api_finish(ngx_http_ss_api_t *api);
static ngx_int_t ngx_http_ss_api_answer(ngx_http_request_t *r, int code,
    ngx_msec_t retry);


void
ngx_http_ss_api_response(ngx_http_ss_api_t *api, ngx_uint_t flags,
    u_char *data, size_t len)
{
    ss_link_response_t  response;

    if (!api->started) {

        if (!ss_link_decode_response(data, len, &response)
            || response.status < 200)
        {
            ngx_log_error(NGX_LOG_ERR, api->request->connection->log, 0,
                          "socketstream: a sidecar sent a malformed "
                          "RESPONSE");
            ngx_http_ss_api_fail(api, SS_RPC_INTERNAL);
            return;
        }

        if (api->stream) {
            ngx_http_ss_api_forwarded(api, response.status);
            return;
        }

        if (ngx_http_ss_api_head(api, &response) != NGX_OK) {
            ngx_http_ss_api_fail(api, SS_RPC_INTERNAL);
            return;
        }

        api->started = 1;
        data = (u_char *) response.body.ptr;
        len = response.body.len;
    }

    if (api->out_len + (off_t) len > SS_LINK_MESSAGE_MAX
        || ngx_http_ss_api_add(api, data, len) != NGX_OK)
    {
        ngx_http_ss_api_fail(api, SS_RPC_INTERNAL);
        return;
    }

    if (!(flags & SS_LINK_MORE)) {
        ngx_http_ss_api_finish(api);
    }
}


/* What the stream's worker, or a sidecar on the way, says to a POST. */

static void
ngx_http_ss_api_forwarded(ngx_http_ss_api_t *api, ngx_uint_t status)
{
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    r = api->request;
    c = r->connection;

    ngx_http_ss_api_release(api, 0);

    ngx_http_finalize_request(r, ngx_http_ss_post_answer(r, status));
    ngx_http_run_posted_requests(c);
}


static ngx_int_t
ngx_http_ss_api_head(ngx_http_ss_api_t *api, ss_link_response_t *response)
{
    ngx_http_request_t  *r;

    r = api->request;

    r->headers_out.status = response->status;

    return ngx_http_ss_copy_headers(r, &response->headers);
}


static ngx_int_t
ngx_http_ss_api_add(ngx_http_ss_api_t *api, const u_char *data, size_t len)
{
    ngx_buf_t           *b;
    ngx_chain_t         *cl;
    ngx_http_request_t  *r;

    if (len == 0) {
        return NGX_OK;
    }

    r = api->request;

    b = ngx_create_temp_buf(r->pool, len);
    cl = ngx_alloc_chain_link(r->pool);

    if (b == NULL || cl == NULL) {
        return NGX_ERROR;
    }

    b->last = ngx_cpymem(b->last, data, len);

    cl->buf = b;
    cl->next = NULL;

    *api->out_last = cl;
    api->out_last = &cl->next;
    api->out_len += len;

    return NGX_OK;
}


static void
ngx_http_ss_api_finish(ngx_http_ss_api_t *api)
{
    ngx_int_t            rc;
    ngx_buf_t           *b;
    ngx_chain_t         *cl;
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    r = api->request;
    c = r->connection;

    ngx_http_ss_api_release(api, 0);

    r->headers_out.content_length_n = api->out_len;

    rc = ngx_http_send_header(r);

    /* NGX_AGAIN: the header waits for the socket, the body waits behind it */

    if (rc != NGX_ERROR && rc <= NGX_OK && !r->header_only) {

        b = ngx_calloc_buf(r->pool);
        cl = ngx_alloc_chain_link(r->pool);

        if (b == NULL || cl == NULL) {
            rc = NGX_ERROR;

        } else {
            b->last_buf = 1;
            b->last_in_chain = 1;

            cl->buf = b;
            cl->next = NULL;
            *api->out_last = cl;

            rc = ngx_http_output_filter(r, api->out);
        }
    }

    ngx_http_finalize_request(r, rc);
    ngx_http_run_posted_requests(c);
}


void
ngx_http_ss_api_fail(ngx_http_ss_api_t *api, int code)
{
    ngx_connection_t  *c;

    c = api->request->connection;

    ngx_http_ss_api_refuse(api, code);
    ngx_http_run_posted_requests(c);
}


/* Answers with an error.  The request may be gone then. */

void
ngx_http_ss_api_refuse(ngx_http_ss_api_t *api, int code)
{
    ngx_http_request_t     *r;
    ngx_http_ss_headers_t   hs;

    r = api->request;

    ngx_http_ss_api_release(api, 1);

    /* nothing is sent before all of an answer is here */

    ngx_http_clean_header(r);

    if (api->conf->api) {
        ngx_http_ss_read_headers(r, &hs);
        (void) ngx_http_ss_origin_headers(r, &hs.origin);
    }

    ngx_http_finalize_request(r, ngx_http_ss_api_error(api, code));
}


ngx_int_t
ngx_http_ss_api_error(ngx_http_ss_api_t *api, int code)
{
    if (api->stream) {

        /* whatever happened on the way: asking again does no harm */

        return ngx_http_ss_post_answer(api->request, code == SS_RPC_TOO_LARGE
                                          ? NGX_HTTP_REQUEST_ENTITY_TOO_LARGE
                                          : NGX_HTTP_SERVICE_UNAVAILABLE);
    }

    return ngx_http_ss_api_answer(api->request, code, 0);
}


ngx_int_t
ngx_http_ss_api_limited(ngx_http_request_t *r, ngx_msec_t retry)
{
    ngx_int_t  rc;

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_http_ss_api_answer(r, SS_RPC_RATE_LIMITED, retry);
}


/* retry: the ms to wait where that is known, or 0. */

static ngx_int_t
ngx_http_ss_api_answer(ngx_http_request_t *r, int code, ngx_msec_t retry)
{
    u_char                 text[256], data[64], *p;
    const ss_rpc_error_t  *error;

    error = ss_rpc_error(code);

    p = data;

    if (error->retryable) {
        p = ngx_sprintf(p, ",\"data\":{\"retryable\":true");

        if (retry) {
            p = ngx_sprintf(p, ",\"retry_after_ms\":%M", retry);
        }

        *p++ = '}';
    }

    p = ngx_snprintf(text, sizeof(text),
                     "{\"error\":{\"code\":%d,\"message\":\"%s\"%*s}}",
                     code, error->message, (size_t) (p - data), data);

    return ngx_http_ss_api_send_error(r, error->http_status, retry, text,
                                      p - text);
}


ngx_int_t
ngx_http_ss_api_send_error(ngx_http_request_t *r, ngx_uint_t status,
    ngx_msec_t retry, u_char *text, size_t len)
{
    u_char     seconds[NGX_INT_T_LEN];
    ngx_str_t  name, type, value;

    ngx_str_set(&type, "application/json");

    if (ngx_http_ss_no_store(r, &type) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_str_set(&name, "X-Content-Type-Options");
    ngx_str_set(&value, "nosniff");

    if (ngx_http_ss_add_header(r, &name, &value) == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (retry || status == NGX_HTTP_SERVICE_UNAVAILABLE) {
        value.len = ngx_sprintf(seconds, "%M", retry ? (retry + 999) / 1000
                                                     : 1)
                    - seconds;
        value.data = ngx_pnalloc(r->pool, value.len);
        if (value.data == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        ngx_memcpy(value.data, seconds, value.len);
        ngx_str_set(&name, "Retry-After");

        if (ngx_http_ss_add_header(r, &name, &value) == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    return ngx_http_ss_send_text(r, status, text, len);
}
