
/*
 * SPDX-License-Identifier: MIT
 *
 * HTTP towards the link, and back: a request's headers for a sidecar, its
 * headers for the client, and short answers of our own.
 */


#include "ngx_http_socketstream.h"


/*
 * Behind a balancer that ends TLS the answer is in a header that only the
 * balancer can be trusted with: the configuration says where to look.
 */

ngx_uint_t
ngx_http_ss_is_tls(ngx_http_request_t *r)
{
    ngx_str_t                scheme;
    ngx_http_ss_loc_conf_t  *slcf;

    slcf = ngx_http_get_module_loc_conf(r, ngx_http_socketstream_module);

    if (slcf->scheme
        && ngx_http_complex_value(r, slcf->scheme, &scheme) == NGX_OK
        && scheme.len)
    {
        return scheme.len == 5
               && ngx_strncasecmp(scheme.data, (u_char *) "https", 5) == 0;
    }

#if (NGX_HTTP_SSL)
    if (r->connection->ssl) {
        return 1;
    }
#endif

    return 0;
}


void
ngx_http_ss_encode_headers(ngx_http_request_t *r, ss_link_pairs_t *pairs)
{
    ss_span_t         name, value;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

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

        name.ptr = (const char *) h[i].key.data;
        name.len = h[i].key.len;
        value.ptr = (const char *) h[i].value.data;
        value.len = h[i].value.len;

        ss_link_add_pair(pairs, name, value);
    }
}


ngx_table_elt_t *
ngx_http_ss_add_header(ngx_http_request_t *r, ngx_str_t *name,
    ngx_str_t *value)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NULL;
    }

    /* zeroed: "next" came with nginx 1.23 */
    ngx_memzero(h, sizeof(ngx_table_elt_t));

    h->hash = 1;
    h->key = *name;
    h->value = *value;

    return h;
}


/* "gzip_types" and the like are compared with the type alone. */

void
ngx_http_ss_set_type(ngx_http_request_t *r, ngx_str_t *type)
{
    u_char  *p, *last;

    p = type->data;
    last = p + type->len;

    while (p < last && *p != ';' && *p != ' ') {
        p++;
    }

    r->headers_out.content_type = *type;
    r->headers_out.content_type_len = p - type->data;
    r->headers_out.content_type_lowcase = NULL;
}


ngx_int_t
ngx_http_ss_no_store(ngx_http_request_t *r, ngx_str_t *type)
{
    ngx_str_t  name, value;

    if (type != NULL) {
        ngx_http_ss_set_type(r, type);
    }

    ngx_str_set(&name, "Cache-Control");
    ngx_str_set(&value, "no-store");

    return ngx_http_ss_add_header(r, &name, &value) ? NGX_OK : NGX_ERROR;
}


ngx_int_t
ngx_http_ss_copy_headers(ngx_http_request_t *r, ss_reader_t *headers)
{
    u_char          *p, ch;
    size_t           i;
    ngx_str_t        name, value;
    ss_link_pair_t   pair;

    while (ss_link_next_pair(headers, &pair)) {

        /* an application must not be able to split the response */

        for (i = 0; i < pair.name.len + pair.value.len; i++) {
            ch = i < pair.name.len ? (u_char) pair.name.ptr[i]
                                   : (u_char) pair.value.ptr[i - pair.name.len];

            if (ch == CR || ch == LF || ch == '\0') {
                ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                              "socketstream: a sidecar sent a header with a "
                              "line break in it");
                return NGX_ERROR;
            }
        }

        p = ngx_pnalloc(r->pool, pair.name.len + pair.value.len + 1);
        if (p == NULL) {
            return NGX_ERROR;
        }

        name.data = p;
        name.len = pair.name.len;
        value.data = p + pair.name.len;
        value.len = pair.value.len;

        ngx_memcpy(name.data, pair.name.ptr, name.len);
        ngx_memcpy(value.data, pair.value.ptr, value.len);

        if (name.len == 12
            && ngx_strncasecmp(name.data, (u_char *) "content-type", 12) == 0)
        {
            ngx_http_ss_set_type(r, &value);
            continue;
        }

        if (ngx_http_ss_add_header(r, &name, &value) == NULL) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_ss_send_text(ngx_http_request_t *r, ngx_uint_t status,
    const u_char *text, size_t len)
{
    ngx_int_t     rc;
    ngx_buf_t    *b;
    ngx_str_t     type;
    ngx_chain_t   out;

    r->headers_out.status = status;
    r->headers_out.content_length_n = len;

    if (status == 426) {
        ngx_str_set(&r->headers_out.status_line, "426 Upgrade Required");
    }

    if (r->headers_out.content_type.len == 0) {
        ngx_str_set(&type, "text/plain");
        ngx_http_ss_set_type(r, &type);
    }

    b = ngx_create_temp_buf(r->pool, len ? len : 1);
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b->last = ngx_cpymem(b->last, text, len);
    b->memory = len ? 1 : 0;
    b->temporary = 0;
    b->last_buf = (r == r->main) ? 1 : 0;
    b->sync = (b->last_buf || b->memory) ? 0 : 1;
    b->last_in_chain = 1;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}
