
/*
 * SPDX-License-Identifier: MIT
 *
 * How a file is sent that ngx_http_ss_assets.c has found: its type, for how
 * long it may be kept ("immutable" for names that carry a content hash), and
 * the rest by nginx's own filters (ETag, ranges, conditions).
 */


#include "ngx_http_socketstream.h"


typedef struct {
    const char                  *exten;
    ngx_str_t                    type;
} ngx_http_ss_type_t;


static ngx_int_t ngx_http_ss_assets_type(ngx_http_request_t *r);
static ngx_uint_t ngx_http_ss_hashed(ngx_str_t *path);


/* where the configuration has no "types" for them: browsers insist on these */

static ngx_http_ss_type_t  ngx_http_ss_types[] = {
    { "html", ngx_string("text/html") },
    { "css",  ngx_string("text/css") },
    { "js",   ngx_string("text/javascript") },
    { "mjs",  ngx_string("text/javascript") },
    { "json", ngx_string("application/json") },
    { "map",  ngx_string("application/json") },
    { "svg",  ngx_string("image/svg+xml") },
    { "png",  ngx_string("image/png") },
    { "jpg",  ngx_string("image/jpeg") },
    { "webp", ngx_string("image/webp") },
    { "ico",  ngx_string("image/x-icon") },
    { "wasm", ngx_string("application/wasm") },
    { "woff2", ngx_string("font/woff2") },
    { "webmanifest", ngx_string("application/manifest+json") },
    { NULL, ngx_null_string }
};


ngx_int_t
ngx_http_ss_assets_send(ngx_http_request_t *r, ngx_http_ss_file_t *file)
{
    ngx_int_t              rc;
    ngx_str_t              name, value;
    ngx_buf_t             *b;
    ngx_chain_t            out;
    ngx_open_file_info_t  *of;

    of = &file->of;

    ngx_str_set(&name, "Cache-Control");

    if (file->status != NGX_HTTP_OK) {
        ngx_str_set(&value, "no-store");

    } else if (ngx_http_ss_hashed(&file->path)) {
        ngx_str_set(&value, "public, max-age=31536000, immutable");

    } else {
        ngx_str_set(&value, "no-cache");
    }

    if (ngx_http_ss_add_header(r, &name, &value) == NULL
        || (file->status == NGX_HTTP_OK
            && ngx_http_ss_variant_headers(r, file) != NGX_OK))
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    r->connection->log->action = "sending response to client";

    r->headers_out.status = file->status;
    r->headers_out.content_length_n = of->size;

    if (file->status == NGX_HTTP_OK) {
        r->headers_out.last_modified_time = of->mtime;
    }

    if ((file->status == NGX_HTTP_OK && ngx_http_set_etag(r) != NGX_OK)
        || ngx_http_ss_assets_type(r) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (r != r->main && of->size == 0) {
        return ngx_http_send_header(r);
    }

    r->allow_ranges = (file->status == NGX_HTTP_OK);

    /* all is allocated before the header is sent */

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b->file = ngx_pcalloc(r->pool, sizeof(ngx_file_t));
    if (b->file == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    b->file_pos = 0;
    b->file_last = of->size;
    b->in_file = b->file_last ? 1 : 0;
    b->last_buf = (r == r->main) ? 1 : 0;
    b->last_in_chain = 1;

    b->file->fd = of->fd;
    b->file->name = file->name;
    b->file->log = r->connection->log;
    b->file->directio = of->is_directio;

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}


static ngx_int_t
ngx_http_ss_assets_type(ngx_http_request_t *r)
{
    ngx_http_ss_type_t        *t;
    ngx_http_core_loc_conf_t  *clcf;

    if (ngx_http_set_content_type(r) != NGX_OK) {
        return NGX_ERROR;
    }

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (r->exten.len == 0
        || r->headers_out.content_type.data != clcf->default_type.data)
    {
        return NGX_OK;
    }

    for (t = ngx_http_ss_types; t->exten; t++) {

        if (ngx_strlen(t->exten) == r->exten.len
            && ngx_strncasecmp(r->exten.data, (u_char *) t->exten,
                               r->exten.len)
               == 0)
        {
            r->headers_out.content_type = t->type;
            r->headers_out.content_type_len = t->type.len;
            break;
        }
    }

    return NGX_OK;
}


/*
 * app-3f9a01bc.js, app.3f9a01bc.css, app-X5QLCM4N.js: before the extension,
 * behind "-" or ".", 8 to 64 hex digits with letters and figures among them,
 * or 8 characters of base 32.
 */

static ngx_uint_t
ngx_http_ss_hashed(ngx_str_t *path)
{
    u_char      *p, *end;
    ngx_uint_t   figures, letters, base32;

    end = path->data + path->len;

    while (end > path->data && end[-1] != '.' && end[-1] != '/') {
        end--;
    }

    if (end == path->data || end[-1] != '.') {
        return 0;
    }

    end--;

    figures = 0;
    letters = 0;
    base32 = 0;

    for (p = end; p > path->data; p--) {

        if (p[-1] == '-' || p[-1] == '.') {
            return (figures && letters && figures + letters >= 8
                    && figures + letters <= 64
                    && figures + letters == (ngx_uint_t) (end - p))
                   || (base32 == 8 && end - p == 8);
        }

        if (p[-1] >= '0' && p[-1] <= '9') {
            figures++;
            base32 += (p[-1] >= '2' && p[-1] <= '7');

        } else if (p[-1] >= 'a' && p[-1] <= 'f') {
            letters++;

        } else if (p[-1] >= 'A' && p[-1] <= 'Z') {
            base32++;

        } else {
            return 0;
        }
    }

    return 0;
}
