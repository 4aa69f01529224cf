
/*
 * SPDX-License-Identifier: MIT
 *
 * Which pages may use the URL of socketstream_pass, and call an API: those of
 * the same origin (RFC 6454), and those that socketstream_origins lists.
 *
 * A WebSocket needs no more than our yes.  Of event streams and POSTs a page
 * of another origin gets to see nothing unless the answer names the origin
 * (CORS), and a browser asks before it sends such a POST.  Cookies are allowed
 * with both, as they come with a WebSocket's handshake.
 */


#include "ngx_http_socketstream.h"


/* seconds for which a browser need not ask again; a changed list counts then */
#define NGX_HTTP_SS_PREFLIGHT_AGE  "600"


static ngx_int_t ngx_http_ss_origin_parse(ngx_str_t *origin);
static ngx_uint_t ngx_http_ss_origin_listed(ngx_http_request_t *r,
    ngx_str_t *origin);
static ngx_uint_t ngx_http_ss_origin_same(ngx_http_request_t *r,
    ngx_str_t *origin);
static ngx_int_t ngx_http_ss_origin_add(ngx_http_request_t *r,
    const char *name, ngx_str_t *value);


/* any | same | scheme://host[:port] ...; same is understood */

char *
ngx_http_ss_origins(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_ss_loc_conf_t  *slcf = conf;

    ngx_str_t   *value, *origin;
    ngx_uint_t   i;

    if (slcf->origins != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    slcf->origins = ngx_array_create(cf->pool, 4, sizeof(ngx_str_t));
    if (slcf->origins == NULL) {
        return NGX_CONF_ERROR;
    }

    slcf->any_origin = 0;
    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        if (ngx_strcmp(value[i].data, "any") == 0) {
            slcf->any_origin = 1;
            continue;
        }

        if (ngx_strcmp(value[i].data, "same") == 0) {
            continue;
        }

        if (ngx_http_ss_origin_parse(&value[i]) != NGX_OK) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid origin \"%V\": it must be \"any\", "
                               "\"same\" or like \"https://example.com\", "
                               "without a path or wildcard", &value[i]);
            return NGX_CONF_ERROR;
        }

        origin = ngx_array_push(slcf->origins);
        if (origin == NULL) {
            return NGX_CONF_ERROR;
        }

        *origin = value[i];
    }

    return NGX_CONF_OK;
}


/* As a browser writes it: in lower case, without the scheme's own port. */

static ngx_int_t
ngx_http_ss_origin_parse(ngx_str_t *origin)
{
    u_char  *p, ch, *host;

    host = (u_char *) ngx_strstr(origin->data, "://");

    if (host == NULL || host == origin->data || host[3] == '\0') {
        return NGX_ERROR;
    }

    host += 3;

    for (p = host; *p; p++) {
        ch = ngx_tolower(*p);

        if ((ch < 'a' || ch > 'z') && (ch < '0' || ch > '9')
            && ngx_strchr("-._:[]", ch) == NULL)
        {
            return NGX_ERROR;
        }
    }

    ngx_strlow(origin->data, origin->data, origin->len);

    if (ngx_strncmp(origin->data, "https://", 8) == 0 && p - host > 4
        && ngx_strncmp(p - 4, ":443", 4) == 0)
    {
        origin->len -= 4;

    } else if (ngx_strncmp(origin->data, "http://", 7) == 0 && p - host > 3
               && ngx_strncmp(p - 3, ":80", 3) == 0)
    {
        origin->len -= 3;
    }

    return NGX_OK;
}


/*
 * A foreign page can send a GET without Origin, though it will not see the
 * answer ("no-cors").  That would make its visitor seem online here; browsers
 * say where such a request is from, and those too old to do so send no cookie
 * with it.
 */

ngx_uint_t
ngx_http_ss_site_allowed(ngx_http_request_t *r, ngx_http_ss_headers_t *hs)
{
    ngx_http_ss_loc_conf_t  *slcf;

    slcf = ngx_http_get_module_loc_conf(r, ngx_http_socketstream_module);

    return hs->origin.data || hs->site.data == NULL || slcf->any_origin
           || (hs->site.len == 11
               && ngx_strncmp(hs->site.data, "same-origin", 11) == 0)
           || (hs->site.len == 4
               && ngx_strncmp(hs->site.data, "none", 4) == 0);
}


/*
 * Browsers send Origin, and only they have to be kept in: a request without
 * it is not from a page.
 */

ngx_uint_t
ngx_http_ss_origin_allowed(ngx_http_request_t *r, ngx_str_t *origin)
{
    return origin->data == NULL || ngx_http_ss_origin_listed(r, origin)
           || ngx_http_ss_origin_same(r, origin);
}


static ngx_uint_t
ngx_http_ss_origin_listed(ngx_http_request_t *r, ngx_str_t *origin)
{
    ngx_str_t               *allowed;
    ngx_uint_t               i;
    ngx_http_ss_loc_conf_t  *slcf;

    slcf = ngx_http_get_module_loc_conf(r, ngx_http_socketstream_module);

    if (slcf->any_origin) {
        return 1;
    }

    if (slcf->origins == NULL) {
        return 0;
    }

    allowed = slcf->origins->elts;

    for (i = 0; i < slcf->origins->nelts; i++) {
        if (allowed[i].len == origin->len
            && ngx_strncasecmp(allowed[i].data, origin->data, origin->len)
               == 0)
        {
            return 1;
        }
    }

    return 0;
}


/*
 * The same origin has our host and port.  A page that came by https may be
 * served by us without TLS, where a balancer has ended it; the reverse would
 * trust what anybody can change on the way.
 */

static ngx_uint_t
ngx_http_ss_origin_same(ngx_http_request_t *r, ngx_str_t *origin)
{
    u_char     *port;
    size_t      skip;
    ngx_str_t   host, ours;

    if (r->headers_in.host == NULL) {
        return 0;
    }

    if (origin->len > 8
        && ngx_strncasecmp(origin->data, (u_char *) "https://", 8) == 0)
    {
        skip = 8;
        port = (u_char *) ":443";

    } else if (origin->len > 7
               && ngx_strncasecmp(origin->data, (u_char *) "http://", 7) == 0)
    {
        if (ngx_http_ss_is_tls(r)) {
            return 0;
        }

        skip = 7;
        port = (u_char *) ":80";

    } else {
        return 0;
    }

    host.data = origin->data + skip;
    host.len = origin->len - skip;

    ours = r->headers_in.host->value;

    if (ours.len == host.len
        && ngx_strncasecmp(ours.data, host.data, host.len) == 0)
    {
        return 1;
    }

    /* a client that writes the scheme's own port into Host */

    skip = ngx_strlen(port);

    return ours.len == host.len + skip
           && ngx_strncmp(ours.data + host.len, port, skip) == 0
           && ngx_strncasecmp(ours.data, host.data, host.len) == 0;
}


/*
 * Lets a page of another origin see the answer, whatever it will be.  Nothing
 * that is answered here may be cached, so there is no Vary.
 */

ngx_int_t
ngx_http_ss_origin_headers(ngx_http_request_t *r, ngx_str_t *origin)
{
    ngx_str_t  yes;

    if (origin->data == NULL || ngx_http_ss_origin_same(r, origin)
        || !ngx_http_ss_origin_listed(r, origin))
    {
        return NGX_OK;
    }

    ngx_str_set(&yes, "true");

    if (ngx_http_ss_origin_add(r, "Access-Control-Allow-Origin", origin)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_ss_origin_add(r, "Access-Control-Allow-Credentials",
                                  &yes);
}


/* A browser asks what a page of another origin may send. */

ngx_int_t
ngx_http_ss_origin_preflight(ngx_http_request_t *r, ngx_str_t *origin)
{
    ngx_int_t                rc;
    ngx_str_t                methods, headers, age;
    ngx_http_ss_loc_conf_t  *slcf;

    slcf = ngx_http_get_module_loc_conf(r, ngx_http_socketstream_module);

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_str_set(&methods, "GET, POST");
    if (slcf->api) {
        ngx_str_set(&headers, "Content-Type, Authorization");

    } else {
        ngx_str_set(&headers, "Content-Type, SocketStream-Stream, "
                              "SocketStream-Seq");
    }

    ngx_str_set(&age, NGX_HTTP_SS_PREFLIGHT_AGE);

    if (ngx_http_ss_origin_add(r, "Access-Control-Allow-Methods", &methods)
        != NGX_OK
        || ngx_http_ss_origin_add(r, "Access-Control-Allow-Headers", &headers)
           != NGX_OK
        || ngx_http_ss_origin_add(r, "Access-Control-Max-Age", &age)
           != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_ss_send_text(r, NGX_HTTP_NO_CONTENT, (u_char *) "", 0);
}


static ngx_int_t
ngx_http_ss_origin_add(ngx_http_request_t *r, const char *name,
    ngx_str_t *value)
{
    ngx_str_t  key;

    key.data = (u_char *) name;
    key.len = ngx_strlen(name);

    return ngx_http_ss_add_header(r, &key, value) ? NGX_OK : NGX_ERROR;
}
