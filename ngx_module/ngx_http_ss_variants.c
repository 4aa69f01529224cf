
/*
 * SPDX-License-Identifier: MIT
 *
 * Compressed siblings of a file, .br, .zst and .gz: which of them a client
 * gets by its Accept-Encoding, and what the answer says of that.
 */


#include "ngx_http_socketstream.h"


struct ngx_http_ss_variant_s {
    ngx_str_t                    suffix;
    ngx_str_t                    encoding;
};


static void ngx_http_ss_variant_name(ngx_str_t *name, ngx_str_t *path,
    ngx_http_ss_variant_t *v);
static ngx_uint_t ngx_http_ss_variants_differ(ngx_http_request_t *r,
    ngx_http_ss_file_t *file);
static ngx_uint_t ngx_http_ss_variant_accepted(ngx_http_request_t *r,
    ngx_str_t *encoding);


/* the first that is accepted and exists is taken */

static ngx_http_ss_variant_t  ngx_http_ss_variants[] = {
    { ngx_string(".br"),  ngx_string("br") },
    { ngx_string(".zst"), ngx_string("zstd") },
    { ngx_string(".gz"),  ngx_string("gzip") },
    { ngx_null_string, ngx_null_string }
};


/*
 * Opens a precompressed sibling in place of the file.  NGX_DECLINED, and
 * `file` as it was, when there is none that the client takes.
 */

ngx_int_t
ngx_http_ss_variant_open(ngx_http_request_t *r, ngx_http_ss_file_t *file)
{
    ngx_str_t               name;
    ngx_open_file_info_t    of;
    ngx_http_ss_variant_t  *v;

    if (r->headers_in.accept_encoding == NULL) {
        return NGX_DECLINED;
    }

    name.data = ngx_pnalloc(r->pool, file->path.len + sizeof(".zst"));
    if (name.data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    for (v = ngx_http_ss_variants; v->suffix.len; v++) {

        if (!ngx_http_ss_variant_accepted(r, &v->encoding)) {
            continue;
        }

        ngx_http_ss_variant_name(&name, &file->path, v);

        if (ngx_http_ss_assets_open(r, &name, &of, 0) == NGX_OK
            && of.is_file)
        {
            file->name = name;
            file->of = of;
            file->variant = v;

            return NGX_OK;
        }
    }

    return NGX_DECLINED;
}


static void
ngx_http_ss_variant_name(ngx_str_t *name, ngx_str_t *path,
    ngx_http_ss_variant_t *v)
{
    u_char  *p;

    p = ngx_cpymem(name->data, path->data, path->len);
    p = ngx_cpymem(p, v->suffix.data, v->suffix.len);
    *p = '\0';

    name->len = p - name->data;
}


/*
 * Whether another client gets another answer: "Vary" goes with each answer
 * for a file that has siblings, also with that of the file itself.
 */

static ngx_uint_t
ngx_http_ss_variants_differ(ngx_http_request_t *r, ngx_http_ss_file_t *file)
{
    ngx_str_t               name;
    ngx_open_file_info_t    of;
    ngx_http_ss_variant_t  *v;

    if (file->variant) {
        return 1;
    }

    name.data = ngx_pnalloc(r->pool, file->path.len + sizeof(".zst"));
    if (name.data == NULL) {
        return 1;
    }

    for (v = ngx_http_ss_variants; v->suffix.len; v++) {

        if (ngx_http_ss_variant_accepted(r, &v->encoding)) {
            continue;    /* it is not there, or would have been taken */
        }

        ngx_http_ss_variant_name(&name, &file->path, v);

        if (ngx_http_ss_assets_open(r, &name, &of, 1) == NGX_OK
            && of.is_file)
        {
            return 1;
        }
    }

    return 0;
}


ngx_int_t
ngx_http_ss_variant_headers(ngx_http_request_t *r, ngx_http_ss_file_t *file)
{
    ngx_str_t         name, value;
    ngx_table_elt_t  *h;

    if (file->variant) {
        h = ngx_list_push(&r->headers_out.headers);
        if (h == NULL) {
            return NGX_ERROR;
        }

        ngx_memzero(h, sizeof(ngx_table_elt_t));

        h->hash = 1;
        ngx_str_set(&h->key, "Content-Encoding");
        h->value = file->variant->encoding;

        r->headers_out.content_encoding = h;
    }

    if (ngx_http_ss_variants_differ(r, file)) {
        ngx_str_set(&name, "Vary");
        ngx_str_set(&value, "Accept-Encoding");

        if (ngx_http_ss_add_header(r, &name, &value) == NULL) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* RFC 9110 section 12.5.3: named, or "*", and not with q=0. */

static ngx_uint_t
ngx_http_ss_variant_accepted(ngx_http_request_t *r, ngx_str_t *encoding)
{
    u_char      *p, *last, *start, *end;
    ngx_uint_t   any, zero, all;

    if (r->headers_in.accept_encoding == NULL) {
        return 0;
    }

    p = r->headers_in.accept_encoding->value.data;
    last = p + r->headers_in.accept_encoding->value.len;
    all = 0;

    while (p < last) {

        while (p < last && (*p == ' ' || *p == ',' || *p == '\t')) {
            p++;
        }

        start = p;

        while (p < last && *p != ',' && *p != ';' && *p != ' ') {
            p++;
        }

        end = p;
        zero = 0;

        while (p < last && *p != ',') {

            /* q=0, q=0.0, q=0.00, q=0.000 */

            if ((*p == 'q' || *p == 'Q') && last - p >= 3 && p[1] == '='
                && p[2] == '0')
            {
                zero = 1;

                for (p += 3; p < last && *p != ',' && *p != ';'; p++) {
                    if (*p >= '1' && *p <= '9') {
                        zero = 0;
                    }
                }

                continue;
            }

            p++;
        }

        any = (end - start == 1 && *start == '*');

        if ((size_t) (end - start) == encoding->len
            && ngx_strncasecmp(start, encoding->data, encoding->len) == 0)
        {
            return !zero;
        }

        if (any) {
            all = !zero;
        }
    }

    return all;
}
