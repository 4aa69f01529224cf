
/*
 * SPDX-License-Identifier: MIT
 *
 * What comes to the URL of socketstream_pass: a WebSocket handshake (RFC 6455
 * section 4.2), an event stream, the fallback where WebSocket is blocked, a
 * POST, to a stream or about the session, or what a browser asks before one.
 *
 * Each is checked here, and then goes its own way: a client that wants in to
 * ngx_http_ss_open.c, a POST to ngx_http_ss_post.c or ngx_http_ss_api.c.
 */


#include "ngx_http_socketstream.h"


#define NGX_HTTP_SS_KEY_LEN     24          /* 16 bytes in base64 */

/* how to look for a token */
#define NGX_HTTP_SS_ANY_CASE    1
#define NGX_HTTP_SS_PARAMETERS  2           /* may follow it */


static ngx_uint_t ngx_http_ss_has_token(ngx_str_t *value, const char *token,
    size_t len, ngx_uint_t how);
static ngx_int_t ngx_http_ss_handshake_check(ngx_http_request_t *r,
    ngx_http_ss_headers_t *hs, ngx_http_ss_refusal_e *why);
static ngx_int_t ngx_http_ss_stream_check(ngx_http_request_t *r,
    ngx_http_ss_headers_t *hs, ngx_http_ss_refusal_e *why);


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
    ngx_str_t               protocol;
    ngx_uint_t              system;
    ngx_http_ss_headers_t   hs;
    ngx_http_ss_refusal_e   why;

    if (r != r->main) {
        return NGX_HTTP_NOT_FOUND;
    }

    ngx_http_ss_read_headers(r, &hs);

    if (!hs.upgrade && ngx_http_ss_origin_headers(r, &hs.origin) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if ((r->method & NGX_HTTP_OPTIONS) && hs.origin.data) {
        return ngx_http_ss_origin_allowed(r, &hs.origin)
               ? ngx_http_ss_origin_preflight(r, &hs.origin)
               : ngx_http_ss_refuse(r, NGX_HTTP_SS_REFUSED_origin);
    }

    if (r->method & NGX_HTTP_POST) {

        /* with a cookie or a secret: only from our own pages */

        if (!ngx_http_ss_origin_allowed(r, &hs.origin)) {
            return ngx_http_ss_refuse(r, NGX_HTTP_SS_REFUSED_origin);
        }

        return hs.stream.data ? ngx_http_ss_post_handler(r, &hs)
                              : ngx_http_ss_api_handler(r);
    }

    if (hs.events && !hs.upgrade) {

        if (ngx_http_ss_stream_check(r, &hs, &why) != NGX_OK) {
            return ngx_http_ss_refuse(r, why);
        }

        /* who makes an EventSource cannot offer a subprotocol otherwise */

        system = ngx_http_arg(r, (u_char *) "protocol", 8, &protocol) == NGX_OK
                 && protocol.len == 12
                 && ngx_strncmp(protocol.data, "socketstream", 12) == 0;

        return ngx_http_ss_open(r, NULL, system);
    }

    if (ngx_http_ss_handshake_check(r, &hs, &why) != NGX_OK) {
        return ngx_http_ss_refuse(r, why);
    }

    return ngx_http_ss_open(r, &hs.key, hs.system);
}


void
ngx_http_ss_read_headers(ngx_http_request_t *r, ngx_http_ss_headers_t *hs)
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
                                                 NGX_HTTP_SS_ANY_CASE);

        } else if (ngx_http_ss_header_is(h[i], "connection")) {
            hs->connection |= ngx_http_ss_has_token(&h[i].value, "upgrade",
                                                    7, NGX_HTTP_SS_ANY_CASE);

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

        } else if (ngx_http_ss_header_is(h[i], "sec-fetch-site")) {
            hs->site = h[i].value;

        } else if (ngx_http_ss_header_is(h[i], "accept")) {
            hs->events |= ngx_http_ss_has_token(&h[i].value,
                                                "text/event-stream", 17,
                                                NGX_HTTP_SS_ANY_CASE
                                                |NGX_HTTP_SS_PARAMETERS);

        } else if (ngx_http_ss_header_is(h[i], "socketstream-stream")) {
            hs->stream = h[i].value;

        } else if (ngx_http_ss_header_is(h[i], "socketstream-seq")) {
            hs->seq = h[i].value;
        }
    }
}


/* Is the token one of a comma-separated list? */

static ngx_uint_t
ngx_http_ss_has_token(ngx_str_t *value, const char *token, size_t len,
    ngx_uint_t how)
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

        end = (how & NGX_HTTP_SS_PARAMETERS) ? ngx_strlchr(start, p, ';')
                                             : NULL;
        if (end == NULL) {
            end = p;
        }

        while (end > start && (end[-1] == ' ' || end[-1] == '\t')) {
            end--;
        }

        if ((size_t) (end - start) == len
            && ((how & NGX_HTTP_SS_ANY_CASE)
                ? ngx_strncasecmp(start, (u_char *) token, len)
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


static ngx_int_t
ngx_http_ss_stream_check(ngx_http_request_t *r, ngx_http_ss_headers_t *hs,
    ngx_http_ss_refusal_e *why)
{
    if (r->method != NGX_HTTP_GET) {
        *why = NGX_HTTP_SS_REFUSED_method;

    } else if (r->http_version < NGX_HTTP_VERSION_11) {
        *why = NGX_HTTP_SS_REFUSED_http_version;

    } else if (r->headers_in.content_length_n > 0 || r->headers_in.chunked) {
        *why = NGX_HTTP_SS_REFUSED_body;

    } else if (!ngx_http_ss_origin_allowed(r, &hs->origin)
               || !ngx_http_ss_site_allowed(r, hs))
    {
        *why = NGX_HTTP_SS_REFUSED_origin;

    } else if (ngx_exiting) {
        *why = NGX_HTTP_SS_REFUSED_unavailable;

    } else {
        return NGX_OK;
    }

    return NGX_DECLINED;
}


ngx_int_t
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

    case NGX_HTTP_SS_REFUSED_connections:
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
