
/*
 * SPDX-License-Identifier: MIT
 *
 * The application's files: which one a URI stands for.  Paths without an
 * extension that lead to none are the application's own, and get index.html;
 * a compressed sibling (ngx_http_ss_variants.c) may stand in for a file.  How
 * it is sent is in ngx_http_ss_assets_send.c.
 *
 * Nothing outside the directory can be named: the URI comes normalized from
 * nginx, what is left of it behind the location must begin a path of its
 * own, and no part of it may begin with a dot (.well-known may).
 */


#include "ngx_http_socketstream.h"


static ngx_int_t ngx_http_ss_assets_path(ngx_http_request_t *r,
    ngx_str_t *rest);
static ngx_int_t ngx_http_ss_assets_find(ngx_http_request_t *r,
    ngx_str_t *rest, ngx_http_ss_file_t *file);
static ngx_int_t ngx_http_ss_assets_page(ngx_http_request_t *r,
    ngx_http_ss_file_t *file);
static ngx_int_t ngx_http_ss_assets_redirect(ngx_http_request_t *r);
static ngx_int_t ngx_http_ss_assets_last(ngx_http_request_t *r,
    ngx_str_t *path);
static ngx_int_t ngx_http_ss_assets_plain(ngx_http_request_t *r,
    ngx_http_ss_file_t *file);
static ngx_int_t ngx_http_ss_assets_incompatible(ngx_http_request_t *r,
    ngx_http_ss_file_t *file);


#define ngx_http_ss_is_html(path)                                             \
    ((path)->len > 5                                                          \
     && ngx_strncmp((path)->data + (path)->len - 5, ".html", 5) == 0)


ngx_int_t
ngx_http_ss_assets_handler(ngx_http_request_t *r)
{
    ngx_int_t                rc;
    ngx_str_t                rest;
    ngx_http_ss_file_t       file;
    ngx_http_ss_loc_conf_t  *slcf;

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        return NGX_HTTP_NOT_ALLOWED;
    }

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_ss_assets_path(r, &rest);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_ss_assets_find(r, &rest, &file);
    if (rc != NGX_OK) {
        return rc;
    }

    r->root_tested = !r->error_page;

    file.status = NGX_HTTP_OK;
    slcf = ngx_http_get_module_loc_conf(r, ngx_http_socketstream_module);

    if (slcf->incompatible && ngx_http_ss_is_html(&file.path)) {

        rc = ngx_http_ss_browser_check(r);

        if (rc == NGX_DECLINED) {
            return ngx_http_ss_assets_incompatible(r, &file);
        }

        if (rc != NGX_OK) {
            return rc;
        }
    }

    return ngx_http_ss_assets_send(r, &file);
}


/* In place of a page, for a browser that could not run it. */

static ngx_int_t
ngx_http_ss_assets_incompatible(ngx_http_request_t *r,
    ngx_http_ss_file_t *file)
{
    ngx_http_ss_loc_conf_t  *slcf;

    slcf = ngx_http_get_module_loc_conf(r, ngx_http_socketstream_module);

    ngx_str_set(&r->exten, "html");

    file->path = slcf->incompatible_page;
    file->status = NGX_HTTP_FORBIDDEN;

    if (ngx_http_ss_assets_plain(r, file) != NGX_OK || !file->of.is_file) {
        return ngx_http_ss_browser_refuse(r);
    }

    return ngx_http_ss_assets_send(r, file);
}


/* The URI's part below the location, with a slash in front. */

static ngx_int_t
ngx_http_ss_assets_path(ngx_http_request_t *r, ngx_str_t *rest)
{
    u_char                  *p, *last;
    size_t                   len;
    ngx_http_ss_loc_conf_t  *slcf;

    slcf = ngx_http_get_module_loc_conf(r, ngx_http_socketstream_module);

    *rest = r->uri;
    len = slcf->path.len;

    if (len && slcf->path.data[len - 1] == '/') {
        len--;
    }

    if (len && slcf->path.data[0] == '/' && rest->len >= len) {
        rest->data += len;
        rest->len -= len;
    }

    if (rest->len && rest->data[0] != '/') {

        /* "/static" is not the location of "/static../secret" */

        return NGX_HTTP_NOT_FOUND;
    }

    last = rest->data + rest->len;

    for (p = rest->data; p + 1 < last; p++) {

        if (p[0] != '/' || p[1] != '.') {
            continue;
        }

        if (last - p >= 12 && ngx_strncmp(p, "/.well-known", 12) == 0
            && (last - p == 12 || p[12] == '/'))
        {
            continue;
        }

        return NGX_HTTP_NOT_FOUND;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_ss_assets_open(ngx_http_request_t *r, ngx_str_t *path,
    ngx_open_file_info_t *of, ngx_uint_t test_only)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    ngx_memzero(of, sizeof(ngx_open_file_info_t));

    of->test_only = test_only;
    of->read_ahead = clcf->read_ahead;
    of->directio = clcf->directio;
    of->valid = clcf->open_file_cache_valid;
    of->min_uses = clcf->open_file_cache_min_uses;
    of->errors = clcf->open_file_cache_errors;
    of->events = clcf->open_file_cache_events;

    if (ngx_http_set_disable_symlinks(r, clcf, path, of) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_open_cached_file(clcf->open_file_cache, path, of, r->pool)
        == NGX_OK)
    {
        return NGX_OK;
    }

    switch (of->err) {

    case 0:
        return NGX_HTTP_INTERNAL_SERVER_ERROR;

    case NGX_ENOENT:
    case NGX_ENOTDIR:
    case NGX_ENAMETOOLONG:
        return NGX_HTTP_NOT_FOUND;

    case NGX_EACCES:
#if (NGX_HAVE_OPENAT)
    case NGX_EMLINK:
    case NGX_ELOOP:
#endif
        ngx_log_error(NGX_LOG_ERR, r->connection->log, of->err,
                      "%s \"%V\" failed", of->failed, path);
        return NGX_HTTP_FORBIDDEN;

    default:
        ngx_log_error(NGX_LOG_CRIT, r->connection->log, of->err,
                      "%s \"%V\" failed", of->failed, path);
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }
}


/*
 * What has an extension is an asset, and most clients take a sibling of it:
 * that is opened first, and then it is all that is opened.  Of other paths
 * it is not known whether they are a file, a directory or the application's,
 * and "data.gz" is no sibling of the directory "data".
 */

static ngx_int_t
ngx_http_ss_assets_find(ngx_http_request_t *r, ngx_str_t *rest,
    ngx_http_ss_file_t *file)
{
    u_char                  *p;
    ngx_int_t                rc;
    ngx_uint_t               i, slash, exten;
    ngx_http_ss_loc_conf_t  *slcf;

    slcf = ngx_http_get_module_loc_conf(r, ngx_http_socketstream_module);

    /* room for "/index.html" behind it */

    file->path.data = ngx_pnalloc(r->pool, slcf->assets.len + rest->len
                                           + sizeof("/index.html"));
    if (file->path.data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    p = ngx_cpymem(file->path.data, slcf->assets.data, slcf->assets.len);

    if (rest->len <= 1) {
        ngx_memcpy(p, "/index.html", sizeof("/index.html"));
        file->path.len = slcf->assets.len + sizeof("/index.html") - 1;

        return ngx_http_ss_assets_page(r, file);
    }

    p = ngx_cpymem(p, rest->data, rest->len);

    slash = (rest->data[rest->len - 1] == '/');

    if (!slash) {
        *p = '\0';
        file->path.len = p - file->path.data;

        exten = 0;

        for (i = rest->len; rest->data[i - 1] != '/'; i--) {
            if (rest->data[i - 1] == '.') {
                exten = 1;
                break;
            }
        }

        if (exten) {
            rc = ngx_http_ss_variant_open(r, file);
            if (rc != NGX_DECLINED) {
                return rc;
            }
        }

        rc = ngx_http_ss_assets_plain(r, file);

        if (rc == NGX_OK && file->of.is_file) {

            if (exten) {
                return NGX_OK;
            }

            rc = ngx_http_ss_variant_open(r, file);

            return (rc == NGX_DECLINED) ? NGX_OK : rc;
        }

        if (rc == NGX_OK && !file->of.is_dir) {
            ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                          "\"%V\" is not a regular file", &file->path);
            return NGX_HTTP_NOT_FOUND;
        }

        if (rc != NGX_OK && (rc != NGX_HTTP_NOT_FOUND || exten)) {
            return rc;
        }

        *p++ = '/';
    }

    /* a directory's page, which has its address behind a slash */

    p = ngx_cpymem(p, "index.html", sizeof("index.html"));
    file->path.len = p - file->path.data - 1;

    rc = ngx_http_ss_assets_plain(r, file);

    if (rc == NGX_OK && file->of.is_file) {

        if (!slash) {
            return ngx_http_ss_assets_redirect(r);
        }

        ngx_str_set(&r->exten, "html");

        rc = ngx_http_ss_variant_open(r, file);

        return (rc == NGX_DECLINED) ? NGX_OK : rc;
    }

    /* a path of the application's own */

    p = file->path.data + slcf->assets.len;
    p = ngx_cpymem(p, "/index.html", sizeof("/index.html"));
    file->path.len = p - file->path.data - 1;

    return ngx_http_ss_assets_page(r, file);
}


static ngx_int_t
ngx_http_ss_assets_page(ngx_http_request_t *r, ngx_http_ss_file_t *file)
{
    ngx_int_t  rc;

    ngx_str_set(&r->exten, "html");

    rc = ngx_http_ss_variant_open(r, file);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    rc = ngx_http_ss_assets_plain(r, file);

    if (rc == NGX_OK && !file->of.is_file) {
        return NGX_HTTP_NOT_FOUND;
    }

    return rc;
}


static ngx_int_t
ngx_http_ss_assets_plain(ngx_http_request_t *r, ngx_http_ss_file_t *file)
{
    file->name = file->path;
    file->variant = NULL;

    return ngx_http_ss_assets_open(r, &file->path, &file->of, 0);
}


/*
 * To the same URL with a slash behind it, which is told relative to what the
 * client has asked for: only it knows by which scheme, host and path it came,
 * through balancers and rewrites.  When it asked for something else, for which
 * this is served, the URL that is served is told.
 */

static ngx_int_t
ngx_http_ss_assets_redirect(ngx_http_request_t *r)
{
    u_char     *p;
    size_t      len;
    ngx_str_t   path;
    uintptr_t   escape;

    ngx_http_clear_location(r);

    path = r->uri;

    if (ngx_http_ss_assets_last(r, &path) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    escape = 2 * ngx_escape_uri(NULL, path.data, path.len, NGX_ESCAPE_URI);
    len = sizeof("./") - 1 + path.len + escape + 1;

    if (r->args.len) {
        len += r->args.len + 1;
    }

    p = ngx_pnalloc(r->pool, len);
    if (p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    r->headers_out.location = ngx_list_push(&r->headers_out.headers);
    if (r->headers_out.location == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_memzero(r->headers_out.location, sizeof(ngx_table_elt_t));

    r->headers_out.location->hash = 1;
    ngx_str_set(&r->headers_out.location->key, "Location");
    r->headers_out.location->value.data = p;

    if (path.data[0] != '/') {
        *p++ = '.';
        *p++ = '/';
    }

    p = (u_char *) ngx_escape_uri(p, path.data, path.len, NGX_ESCAPE_URI);
    *p++ = '/';

    if (r->args.len) {
        *p++ = '?';
        p = ngx_cpymem(p, r->args.data, r->args.len);
    }

    r->headers_out.location->value.len = p
                                     - r->headers_out.location->value.data;

    return NGX_HTTP_MOVED_PERMANENTLY;
}


/* Leaves the part behind the last slash, if that is what the client said. */

static ngx_int_t
ngx_http_ss_assets_last(ngx_http_request_t *r, ngx_str_t *path)
{
    u_char     *p, *end, *src, *dst;
    ngx_str_t   asked, last;

    p = r->unparsed_uri.data;
    end = ngx_strlchr(p, p + r->unparsed_uri.len, '?');

    if (end == NULL) {
        end = p + r->unparsed_uri.len;
    }

    for (src = end; src > p && src[-1] != '/'; src--) { /* void */ }

    asked.data = ngx_pnalloc(r->pool, end - src + 1);
    if (asked.data == NULL) {
        return NGX_ERROR;
    }

    dst = asked.data;
    ngx_unescape_uri(&dst, &src, end - src, 0);
    asked.len = dst - asked.data;

    end = path->data + path->len;

    for (p = end; p > path->data && p[-1] != '/'; p--) { /* void */ }

    last.data = p;
    last.len = end - p;

    if (asked.len == last.len
        && ngx_memcmp(asked.data, last.data, last.len) == 0)
    {
        *path = last;
    }

    return NGX_OK;
}
