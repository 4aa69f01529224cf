
/*
 * SPDX-License-Identifier: MIT
 *
 * Requests that middleware has passed on, docs/MIDDLEWARE.md.
 *
 * A process behind proxy_pass answers them by "X-Accel-Redirect: @location";
 * nginx then serves the request from there, with its method and body, and
 * keeps of the answer's headers next to nothing.  What is to count is under
 * names of our own: "SocketStream-Set-NAME" is a header for the client, and
 * "SocketStream-Url" another URL in place of the one asked for.
 *
 * Only headers of the upstream's answer are looked at, never the request's,
 * so no client can say any of this.  The answer keeps its framing: a header
 * that belongs to the file or result served is not replaced.
 */


#include "ngx_http_socketstream.h"


static ngx_int_t ngx_http_ss_middleware_rewrite(ngx_http_request_t *r);
static ngx_int_t ngx_http_ss_middleware_url(ngx_http_request_t *r,
    ngx_str_t *url);
static ngx_int_t ngx_http_ss_middleware_filter(ngx_http_request_t *r);
static ngx_table_elt_t *ngx_http_ss_middleware_next(ngx_list_part_t **part,
    ngx_uint_t *i, ngx_str_t *name);
static ngx_uint_t ngx_http_ss_middleware_in(ngx_str_t *list, ngx_str_t *name);
static void ngx_http_ss_middleware_clear(ngx_http_request_t *r,
    ngx_table_elt_t *set, ngx_str_t *name);


static ngx_http_output_header_filter_pt  ngx_http_next_header_filter;


static ngx_str_t  ngx_http_ss_middleware_prefix =
    ngx_string("socketstream-set-");


/* these tell of a body that is not middleware's, or are nginx's own */

static ngx_str_t  ngx_http_ss_middleware_refused[] = {
    ngx_string("connection"),
    ngx_string("keep-alive"),
    ngx_string("proxy-connection"),
    ngx_string("transfer-encoding"),
    ngx_string("upgrade"),
    ngx_string("trailer"),
    ngx_string("content-type"),
    ngx_string("content-length"),
    ngx_string("content-encoding"),
    ngx_string("content-range"),
    ngx_string("accept-ranges"),
    ngx_string("last-modified"),
    ngx_string("etag"),
    ngx_string("location"),
    ngx_string("date"),
    ngx_string("server"),
    ngx_null_string
};


/* several of these are one list, to which both sides may add */

static ngx_str_t  ngx_http_ss_middleware_added[] = {
    ngx_string("set-cookie"),
    ngx_string("vary"),
    ngx_string("link"),
    ngx_null_string
};


char *
ngx_http_ss_middleware(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char                     *rv;
    ngx_http_ss_loc_conf_t   *slcf;
    ngx_http_ss_main_conf_t  *mcf;

    slcf = conf;
    rv = ngx_conf_set_flag_slot(cf, cmd, conf);

    if (rv == NGX_CONF_OK && slcf->middleware) {
        mcf = ngx_http_conf_get_module_main_conf(cf,
                                                ngx_http_socketstream_module);
        mcf->middleware = 1;
    }

    return rv;
}


ngx_int_t
ngx_http_ss_middleware_init(ngx_conf_t *cf)
{
    ngx_http_handler_pt        *h;
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_REWRITE_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_http_ss_middleware_rewrite;

    ngx_http_next_header_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = ngx_http_ss_middleware_filter;

    return NGX_OK;
}


static ngx_int_t
ngx_http_ss_middleware_rewrite(ngx_http_request_t *r)
{
    ngx_uint_t               i;
    ngx_list_part_t         *part;
    ngx_table_elt_t         *h;
    ngx_http_ss_loc_conf_t  *slcf;

    slcf = ngx_http_get_module_loc_conf(r, ngx_http_socketstream_module);

    if (!slcf->middleware || r->upstream == NULL || r != r->main) {
        return NGX_DECLINED;
    }

    for (part = &r->upstream->headers_in.headers.part;
         part;
         part = part->next)
    {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {
            if (h[i].key.len == sizeof("socketstream-url") - 1
                && ngx_strncasecmp(h[i].key.data,
                                   (u_char *) "socketstream-url",
                                   h[i].key.len)
                   == 0)
            {
                return ngx_http_ss_middleware_url(r, &h[i].value);
            }
        }
    }

    return NGX_DECLINED;
}


/* As of an X-Accel-Redirect: decoded, and nothing in it leads upwards. */

static ngx_int_t
ngx_http_ss_middleware_url(ngx_http_request_t *r, ngx_str_t *url)
{
    ngx_str_t   uri, args;
    ngx_uint_t  flags;

    uri = *url;
    ngx_str_null(&args);
    flags = NGX_HTTP_LOG_UNSAFE;

    if (uri.len == 0 || uri.data[0] != '/') {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "socketstream: middleware made \"%V\" of the URL, which "
                      "must begin with a slash", url);
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_http_parse_unsafe_uri(r, &uri, &args, &flags) != NGX_OK) {
        return NGX_HTTP_BAD_REQUEST;
    }

    r->uri = uri;
    r->args = args;
    r->valid_unparsed_uri = 0;

    ngx_http_set_exten(r);

    return NGX_DECLINED;
}


static ngx_int_t
ngx_http_ss_middleware_filter(ngx_http_request_t *r)
{
    ngx_str_t                name;
    ngx_uint_t               i;
    ngx_list_part_t         *part;
    ngx_table_elt_t         *h;
    ngx_http_ss_loc_conf_t  *slcf;

    slcf = ngx_http_get_module_loc_conf(r, ngx_http_socketstream_module);

    if (!slcf->middleware || r->upstream == NULL || r != r->main) {
        return ngx_http_next_header_filter(r);
    }

    /* what the handler has set gives way first: names may come repeatedly */

    part = &r->upstream->headers_in.headers.part;
    i = 0;

    for ( ;; ) {
        h = ngx_http_ss_middleware_next(&part, &i, &name);
        if (h == NULL) {
            break;
        }

        ngx_http_ss_middleware_clear(r, h, &name);
    }

    part = &r->upstream->headers_in.headers.part;
    i = 0;

    for ( ;; ) {
        h = ngx_http_ss_middleware_next(&part, &i, &name);
        if (h == NULL) {
            break;
        }

        if (ngx_http_ss_add_header(r, &name, &h->value) == NULL) {
            return NGX_ERROR;
        }
    }

    return ngx_http_next_header_filter(r);
}


/* The next header that is for the client, and its name there. */

static ngx_table_elt_t *
ngx_http_ss_middleware_next(ngx_list_part_t **part, ngx_uint_t *i,
    ngx_str_t *name)
{
    ngx_str_t        *prefix;
    ngx_table_elt_t  *h;

    prefix = &ngx_http_ss_middleware_prefix;

    for ( /* void */ ; *part; *part = (*part)->next, *i = 0) {

        while (*i < (*part)->nelts) {

            h = (ngx_table_elt_t *) (*part)->elts + (*i)++;

            if (h->key.len <= prefix->len
                || ngx_strncasecmp(h->key.data, prefix->data, prefix->len)
                   != 0)
            {
                continue;
            }

            name->data = h->key.data + prefix->len;
            name->len = h->key.len - prefix->len;

            if (!ngx_http_ss_middleware_in(ngx_http_ss_middleware_refused,
                                           name))
            {
                return h;
            }
        }
    }

    return NULL;
}


static ngx_uint_t
ngx_http_ss_middleware_in(ngx_str_t *list, ngx_str_t *name)
{
    for ( /* void */ ; list->len; list++) {
        if (list->len == name->len
            && ngx_strncasecmp(list->data, name->data, name->len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


/*
 * A header of a list gives way only to itself: after a 416 of the range filter
 * the same headers come here once more, for the page that tells of it.
 */

static void
ngx_http_ss_middleware_clear(ngx_http_request_t *r, ngx_table_elt_t *set,
    ngx_str_t *name)
{
    ngx_uint_t        i, added;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    added = ngx_http_ss_middleware_in(ngx_http_ss_middleware_added, name);

    for (part = &r->headers_out.headers.part; part; part = part->next) {

        h = part->elts;

        for (i = 0; i < part->nelts; i++) {
            if (h[i].key.len == name->len
                && ngx_strncasecmp(h[i].key.data, name->data, name->len) == 0
                && (!added || h[i].value.data == set->value.data))
            {
                h[i].hash = 0;
            }
        }
    }
}
